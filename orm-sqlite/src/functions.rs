//! What every connection is taught: decimals, the greatest and least of values, and the time.
//!
//! The collation `decimal` and the functions `decimal_add`, `decimal_sub`, `decimal_mul` and `decimal_sum` have the
//! names of SQLite's own extension, which the `sqlite3` shell carries: a database file with decimals in it can be opened
//! there. (Older shells, 3.40 for one, take `1.0` and `1.00` for two numbers.) The other functions occur in queries
//! only, never in a table's definition.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use orm_core::error::ValueError;
use orm_core::types::{ColumnType, Inet, json_elements, time};
use orm_core::value::{Decimal, Value};
use rusqlite::functions::{Aggregate, Context, FunctionFlags, SqlFnArg};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, Result};

use crate::decimal;

/// The time as a connection sees it: it stands still for a statement, and in a transaction until its end.
#[derive(Debug, Default)]
pub(crate) struct Clock(AtomicI64);

impl Clock {
    /// Lets time go on.
    pub(crate) fn release(&self) {
        self.0.store(0, Relaxed);
    }

    /// Has time stand still from now on.
    pub(crate) fn stop(&self) {
        self.release();
        self.now();
    }

    fn now(&self) -> i64 {
        let stopped = self.0.load(Relaxed);
        if stopped != 0 {
            return stopped;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        self.0.store(micros, Relaxed);
        micros
    }
}

/// Registers the collation and all functions on a connection.
pub(crate) fn register(db: &Connection, clock: &Arc<Clock>) -> Result<()> {
    db.create_collation("decimal", decimal::compare)?;
    db.create_collation("inet", compare_addresses)?;
    let operators: [(_, Operator, _); 5] = [
        ("decimal_add", decimal::add, Divides::No),
        ("decimal_sub", decimal::subtract, Divides::No),
        ("decimal_mul", decimal::multiply, Divides::No),
        ("decimal_div", decimal::divide, Divides::Yes),
        ("decimal_rem", decimal::remainder, Divides::Yes),
    ];
    for (name, operator, divides) in operators {
        db.create_scalar_function(name, 2, pure(), move |context| apply(context, operator, divides))?;
    }
    db.create_scalar_function("decimal_abs", 1, pure(), |context| {
        let Some(value) = argument(context, 0)? else {
            return Ok(None);
        };
        Ok(Some(checked(decimal::abs(value))?.to_string()))
    })?;
    db.create_scalar_function("decimal_round", 2, pure(), decimal_round)?;
    db.create_aggregate_function("decimal_sum", 1, pure(), DecimalSum)?;
    for (name, holds) in [
        ("array_contains", (|one, other| array_contains(one, other)) as fn(&[Value], &[Value]) -> bool),
        ("array_contained_by", |one, other| array_contains(other, one)),
        ("array_overlaps", |one, other| one.iter().any(|value| has(other, value))),
    ] {
        db.create_scalar_function(name, 2, pure(), move |context| {
            let (Some(one), Some(other)) = (array(context, 0)?, array(context, 1)?) else { return Ok(None) };
            Ok(Some(holds(&one, &other)))
        })?;
    }
    db.create_scalar_function("float_rem", 2, pure(), float_rem)?;
    for (name, decimal, wanted) in [
        ("greatest", false, Ordering::Greater),
        ("least", false, Ordering::Less),
        ("decimal_greatest", true, Ordering::Greater),
        ("decimal_least", true, Ordering::Less),
    ] {
        let order = if decimal { order_of_decimals } else { order };
        db.create_scalar_function(name, -1, pure(), move |context| Ok(outermost(context, order, wanted)))?;
    }
    let clock = Arc::clone(clock);
    db.create_scalar_function("orm_now", 0, FunctionFlags::SQLITE_UTF8, move |_| {
        let mut text = String::with_capacity(32);
        time::write_timestamp(clock.now(), &mut text);
        Ok(text)
    })
}

/// Safe in a `CHECK` and in an index, where the same arguments must always give the same result.
fn pure() -> FunctionFlags {
    FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS
}

type Operator = fn(Decimal, Decimal) -> Option<Decimal>;

/// By zero it is NULL.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Divides {
    Yes,
    No,
}

fn apply(context: &Context<'_>, operator: Operator, divides: Divides) -> Result<Option<String>> {
    let (Some(left), Some(right)) = (argument(context, 0)?, argument(context, 1)?) else {
        return Ok(None);
    };
    if divides == Divides::Yes && right.mantissa() == 0 {
        return Ok(None);
    }
    Ok(Some(checked(operator(left, right))?.to_string()))
}

fn checked(result: Option<Decimal>) -> Result<Decimal> {
    result.ok_or_else(|| failure("the decimal has more than 38 digits"))
}

/// An argument as a decimal; none for NULL.
fn argument(context: &Context<'_>, index: usize) -> Result<Option<Decimal>> {
    let parse = |text: &str| {
        text.parse().map(Some).map_err(|_| failure("a value is no decimal number, or has more than 38 digits"))
    };
    match context.get_raw(index) {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(value) => Ok(Some(Decimal::new(value.into(), 0))),
        ValueRef::Real(value) => parse(&value.to_string()),
        ValueRef::Text(bytes) => parse(std::str::from_utf8(bytes)?),
        ValueRef::Blob(_) => Err(failure("a BLOB is no decimal number")),
    }
}

fn failure(message: &'static str) -> Error {
    Error::UserFunctionError(message.into())
}

struct DecimalSum;

impl Aggregate<Option<Decimal>, Option<String>> for DecimalSum {
    fn init(&self, _context: &mut Context<'_>) -> Result<Option<Decimal>> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut Option<Decimal>) -> Result<()> {
        if let Some(value) = argument(context, 0)? {
            *sum = match *sum {
                None => Some(value),
                Some(sum) => Some(checked(decimal::add(sum, value))?),
            };
        }
        Ok(())
    }

    fn finalize(&self, _context: &mut Context<'_>, sum: Option<Option<Decimal>>) -> Result<Option<String>> {
        Ok(sum.flatten().map(|sum| sum.to_string()))
    }
}

fn decimal_round(context: &Context<'_>) -> Result<Option<String>> {
    let (Some(value), Some(digits)) = (argument(context, 0)?, context.get::<Option<u32>>(1)?) else {
        return Ok(None);
    };
    Ok(Some(checked(decimal::round(value, digits))?.to_string()))
}

fn float_rem(context: &Context<'_>) -> Result<Option<f64>> {
    let number = |index| match context.get_raw(index) {
        ValueRef::Integer(value) => Some(value as f64),
        ValueRef::Real(value) => Some(value),
        _ => None,
    };
    // By zero it is NaN, which SQLite turns into NULL: the rule of every division.
    Ok(number(0).zip(number(1)).map(|(left, right)| left % right))
}

/// The argument that compares so with all others, leaving out NULLs.
fn outermost(
    context: &Context<'_>,
    order: fn(ValueRef<'_>, ValueRef<'_>) -> Ordering,
    wanted: Ordering,
) -> Option<SqlFnArg> {
    let mut best: Option<usize> = None;
    for index in 0..context.len() {
        let value = context.get_raw(index);
        let better = match best {
            _ if value == ValueRef::Null => false,
            None => true,
            Some(best) => order(value, context.get_raw(best)) == wanted,
        };
        if better {
            best = Some(index);
        }
    }
    best.map(|index| context.get_arg(index))
}

fn order_of_decimals(left: ValueRef<'_>, right: ValueRef<'_>) -> Ordering {
    match (left.as_str(), right.as_str()) {
        (Ok(left), Ok(right)) => decimal::compare(left, right),
        _ => order(left, right),
    }
}

/// SQLite's own order: numbers, then text, then bytes.
fn order(left: ValueRef<'_>, right: ValueRef<'_>) -> Ordering {
    match (left, right) {
        (ValueRef::Integer(left), ValueRef::Integer(right)) => left.cmp(&right),
        (ValueRef::Integer(left), ValueRef::Real(right)) => (left as f64).total_cmp(&right),
        (ValueRef::Real(left), ValueRef::Integer(right)) => left.total_cmp(&(right as f64)),
        (ValueRef::Real(left), ValueRef::Real(right)) => left.total_cmp(&right),
        (ValueRef::Text(left), ValueRef::Text(right)) | (ValueRef::Blob(left), ValueRef::Blob(right)) => {
            left.cmp(right)
        }
        (left, right) => rank(left).cmp(&rank(right)),
    }
}

fn rank(value: ValueRef<'_>) -> u8 {
    match value {
        ValueRef::Null => 0,
        ValueRef::Integer(_) | ValueRef::Real(_) => 1,
        ValueRef::Text(_) => 2,
        ValueRef::Blob(_) => 3,
    }
}

/// The values of an array; none for NULL.
fn array(context: &Context<'_>, index: usize) -> Result<Option<Vec<Value>>> {
    let ValueRef::Text(json) = context.get_raw(index) else { return Ok(None) };
    let mut values = Vec::new();
    let read = std::str::from_utf8(json).map_err(|_| ValueError::Utf8).and_then(|json| {
        json_elements(json, ColumnType::Text { max_length: None }, &mut |value| {
            values.push(value.to_owned());
            Ok(())
        })
    });
    read.map_err(|error| Error::UserFunctionError(error.into()))?;
    Ok(Some(values))
}

fn array_contains(all: &[Value], some: &[Value]) -> bool {
    some.iter().all(|value| has(all, value))
}

/// NULL equals nothing.
fn has(values: &[Value], wanted: &Value) -> bool {
    !wanted.is_null() && values.contains(wanted)
}

/// By value. What is no address comes after all addresses, in the order of its bytes.
fn compare_addresses(left: &str, right: &str) -> std::cmp::Ordering {
    match (left.parse::<Inet>(), right.parse::<Inet>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        (Ok(_), Err(_)) => std::cmp::Ordering::Less,
        (Err(_), Ok(_)) => std::cmp::Ordering::Greater,
        (Err(_), Err(_)) => left.cmp(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taught() -> (Connection, Arc<Clock>) {
        let (db, clock) = (Connection::open_in_memory().expect("SQLite"), Arc::default());
        register(&db, &clock).expect("functions");
        (db, clock)
    }

    fn text(db: &Connection, expression: &str) -> Option<String> {
        db.query_row(&format!("SELECT CAST({expression} AS TEXT)"), [], |row| row.get(0)).expect(expression)
    }

    #[test]
    fn decimals_are_unique_and_ordered_by_value() {
        let (db, _) = taught();
        db.execute_batch(
            "CREATE TABLE t (d TEXT COLLATE decimal UNIQUE); INSERT INTO t VALUES ('10'), ('9.50'), ('-1')",
        )
        .expect("rows");
        assert!(db.execute("INSERT INTO t VALUES ('9.5')", []).is_err());
        let ordered: String = db
            .query_row("SELECT group_concat(d, ' ') FROM (SELECT d FROM t ORDER BY d)", [], |row| row.get(0))
            .expect("a row");
        assert_eq!(ordered, "-1 9.50 10");
        assert_eq!(text(&db, "(SELECT max(d) FROM t)").as_deref(), Some("10"));
        assert_eq!(text(&db, "(SELECT decimal_sum(d) FROM t WHERE d IN ('9.5', '10.0'))").as_deref(), Some("19.50"));
        assert_eq!(text(&db, "(SELECT decimal_sum(d) FROM t WHERE d > '99')"), None);
    }

    #[test]
    fn functions_skip_null_or_give_it() {
        let (db, _) = taught();
        assert_eq!(text(&db, "decimal_add('1', NULL)"), None);
        assert_eq!(text(&db, "decimal_div('1.00', '0.0')"), None);
        assert_eq!(text(&db, "decimal_sub(0, '1.50')").as_deref(), Some("-1.50"));
        assert_eq!(text(&db, "decimal_abs('-1.50')").as_deref(), Some("1.50"));
        assert_eq!(text(&db, "greatest(1, NULL, 2.5)").as_deref(), Some("2.5"));
        assert_eq!(text(&db, "least('b', NULL, 'a')").as_deref(), Some("a"));
        assert_eq!(text(&db, "greatest(NULL, NULL)"), None);
        assert_eq!(text(&db, "decimal_greatest('9.5', NULL, '10.25')").as_deref(), Some("10.25"));
        assert_eq!(text(&db, "decimal_least('9.5', '10.25')").as_deref(), Some("9.5"));
        assert_eq!(text(&db, "decimal_round('2.345', 2)").as_deref(), Some("2.35"));
        assert_eq!(text(&db, "decimal_round(NULL, 2)"), None);
        assert_eq!(text(&db, "float_rem(-5.5, 2)").as_deref(), Some("-1.5"));
        assert_eq!(text(&db, "float_rem(5.5, 0.0)"), None);
    }

    #[test]
    fn what_is_no_decimal_is_an_error() {
        let (db, _) = taught();
        for expression in ["decimal_add('x', '1')", "decimal_mul('99999999999999999999', '99999999999999999999')"] {
            assert!(db.query_row(&format!("SELECT {expression}"), [], |_| Ok(())).is_err(), "{expression}");
        }
    }

    #[test]
    fn time_stands_still_until_it_is_released() {
        let (db, clock) = taught();
        let first = text(&db, "orm_now()").expect("a time");
        let running = Clock::default();
        while running.now() <= clock.now() {
            running.release();
        }
        assert_eq!(text(&db, "orm_now()"), Some(first.clone()));
        clock.release();
        assert!(text(&db, "orm_now()") > Some(first));
    }
}
