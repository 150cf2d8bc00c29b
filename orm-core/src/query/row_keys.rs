//! The keys of rows: asked for in a list, and found again when the rows that have them come.

use std::collections::HashMap;
use std::ops::Range;

use smallvec::SmallVec;

use crate::ast::{ColumnRef, Expr, Operation};
use crate::dialect::{Features, ListKind};
use crate::driver::Row;
use crate::error::ValueError;
use crate::model::KeyValues;
use crate::value::{Value, ValueRef};

/// The keys of rows, in the order of the rows; none where a part of it is NULL.
pub(super) enum Keys {
    Integers(Vec<Option<i64>>),
    Any(Vec<Option<KeyValues>>),
}

impl Keys {
    pub(super) fn len(&self) -> usize {
        match self {
            Keys::Integers(keys) => keys.len(),
            Keys::Any(keys) => keys.len(),
        }
    }

    pub(super) fn push(&mut self, row: &dyn Row, at: &[usize]) -> Result<(), ValueError> {
        if let (Keys::Integers(keys), [only]) = (&mut *self, at) {
            match row.get(*only)? {
                ValueRef::Int(key) => {
                    keys.push(Some(key));
                    return Ok(());
                }
                ValueRef::Null => {
                    keys.push(None);
                    return Ok(());
                }
                _ => {}
            }
        }
        self.push_any(row, at)
    }

    fn push_any(&mut self, row: &dyn Row, at: &[usize]) -> Result<(), ValueError> {
        if let Keys::Integers(keys) = self {
            let keys = keys.iter().map(|key| key.map(|key| KeyValues::from_iter([Value::Int(key)])));
            *self = Keys::Any(keys.collect());
        }
        let mut key = KeyValues::new();
        for index in at {
            key.push(row.get(*index)?.to_owned());
        }
        if let Keys::Any(keys) = self {
            keys.push(Some(key).filter(|key| !key.iter().any(Value::is_null)));
        }
        Ok(())
    }
}

/// Who has a key.
pub(super) enum Index {
    Integers(Integers),
    Any(Any),
}

/// Keys with the number of their row, in order.
#[derive(Default)]
pub(super) struct Integers {
    sorted: Vec<(i64, u32)>,
    /// The key that was asked about last, and where it stands.
    last: Option<i64>,
    run: Range<usize>,
}

/// The keys as bytes, with the numbers of their rows; and each of them once, to be asked for.
pub(super) struct Any {
    rows: HashMap<Vec<u8>, SmallVec<[u32; 1]>>,
    keys: Vec<KeyValues>,
    bytes: Vec<u8>,
}

impl Default for Index {
    fn default() -> Self {
        Index::Integers(Integers::default())
    }
}

/// Keys in one statement, where they are not a single bind.
const KEYS_A_STATEMENT: usize = 500;

impl Index {
    pub(super) fn of(keys: &mut Keys) -> Self {
        match keys {
            Keys::Integers(keys) => Index::Integers(Integers::of(keys)),
            Keys::Any(keys) => Index::Any(Any::of(keys)),
        }
    }

    /// The condition that asks for the next keys, if there are any.
    pub(super) fn condition(&self, columns: &[ColumnRef], asked: &mut usize, features: &Features) -> Option<Expr> {
        match (self, columns) {
            (Index::Integers(index), [column]) => index.condition(*column, asked, features),
            (Index::Integers(_), _) => None,
            (Index::Any(index), columns) => index.condition(columns, asked),
        }
    }

    /// The numbers of the rows that have the key of this one, if any has it.
    pub(super) fn rows_of(&mut self, row: &dyn Row, at: &[usize]) -> Result<SmallVec<[u32; 8]>, ValueError> {
        Ok(match (self, at) {
            (Index::Any(index), at) => index.rows_of(row, at)?.iter().copied().collect(),
            (Index::Integers(index), [at]) => match row.get(*at)? {
                ValueRef::Int(key) => index.rows_of(key).iter().map(|(_key, row)| *row).collect(),
                _ => SmallVec::new(),
            },
            (Index::Integers(_), _) => SmallVec::new(),
        })
    }
}

impl Integers {
    fn of(keys: &[Option<i64>]) -> Self {
        let numbered = (0_u32..).zip(keys);
        let mut sorted: Vec<_> = numbered.filter_map(|(row, key)| Some(((*key)?, row))).collect();
        sorted.sort_unstable();
        Integers { sorted, ..Integers::default() }
    }

    fn condition(&self, column: ColumnRef, asked: &mut usize, features: &Features) -> Option<Expr> {
        let rest = self.sorted.get(*asked..).filter(|rest| !rest.is_empty())?;
        let most = if (features.list_as_one_bind)(ListKind::Integers) { rest.len() } else { KEYS_A_STATEMENT };
        let (now, _later) = rest.split_at(most.min(rest.len()));
        *asked += now.len();
        let mut list: Vec<Value> = Vec::with_capacity(now.len());
        now.iter().for_each(|(key, _row)| match list.last() {
            Some(Value::Int(last)) if last == key => {}
            _ => list.push(Value::Int(*key)),
        });
        Some(in_list(column, list))
    }

    /// The numbers of the rows that have this key, if any has it.
    #[inline]
    pub(super) fn rows_of(&mut self, key: i64) -> &[(i64, u32)] {
        if self.last != Some(key) {
            self.turn_to(key);
        }
        self.sorted.get(self.run.clone()).unwrap_or_default()
    }

    /// Most rows come in the order of their keys, so the next key is looked at first.
    fn turn_to(&mut self, key: i64) {
        let is_there = |start: usize| self.sorted.get(start).is_some_and(|(found, _row)| *found == key);
        let start = match is_there(self.run.end) {
            true => self.run.end,
            false => self.sorted.partition_point(|(found, _row)| *found < key),
        };
        let rest = self.sorted.get(start..).unwrap_or_default();
        let count = rest.iter().take_while(|(found, _row)| *found == key).count();
        (self.last, self.run) = (Some(key), start..start + count);
    }
}

impl Any {
    fn of(keys: &mut [Option<KeyValues>]) -> Self {
        let (mut rows, mut each) = (HashMap::<_, SmallVec<[u32; 1]>>::new(), Vec::new());
        for (row, key) in (0_u32..).zip(keys) {
            let Some(key) = key.take() else { continue };
            let numbers = rows.entry(key_bytes(&key)).or_default();
            if numbers.is_empty() {
                each.push(key);
            }
            numbers.push(row);
        }
        Any { rows, keys: each, bytes: Vec::new() }
    }

    fn condition(&self, columns: &[ColumnRef], asked: &mut usize) -> Option<Expr> {
        let rest = self.keys.get(*asked..).filter(|rest| !rest.is_empty())?;
        let now = rest.get(..KEYS_A_STATEMENT / columns.len().max(1)).unwrap_or(rest);
        *asked += now.len();
        Some(match columns {
            [column] => in_list(*column, now.iter().flat_map(|key| key.first()).cloned().collect()),
            columns => Expr::Or(now.iter().map(|key| equal(columns, key)).collect()),
        })
    }

    fn rows_of(&mut self, row: &dyn Row, at: &[usize]) -> Result<&[u32], ValueError> {
        self.bytes.clear();
        for index in at {
            write_key(row.get(*index)?, &mut self.bytes);
        }
        Ok(self.rows.get(&self.bytes).map_or(&[], |rows| rows.as_slice()))
    }
}

/// The conditions that ask for these keys, each of them once: mostly a single one.
pub(crate) fn key_conditions(columns: &[ColumnRef], keys: Vec<KeyValues>, features: &Features) -> Vec<Expr> {
    let integers = |key: &KeyValues| match key.as_slice() {
        [Value::Int(key)] => Some(Some(*key)),
        _ => None,
    };
    let mut keys = match keys.iter().map(integers).collect::<Option<Vec<_>>>() {
        Some(integers) => Keys::Integers(integers),
        None => Keys::Any(keys.into_iter().map(Some).collect()),
    };
    let (index, mut asked) = (Index::of(&mut keys), 0);
    std::iter::from_fn(|| index.condition(columns, &mut asked, features)).collect()
}

/// A key as bytes that are equal where keys are.
pub(crate) fn key_bytes(key: &KeyValues) -> Vec<u8> {
    let mut bytes = Vec::new();
    key.iter().for_each(|value| value.borrowed().iter().for_each(|value| write_key(*value, &mut bytes)));
    bytes
}

fn in_list(column: ColumnRef, list: Vec<Value>) -> Expr {
    let list = Value::List(list);
    Expr::Operation(Box::new(Operation::InList { expr: Expr::Column(column), list, negated: false }))
}

/// The condition that columns have the values of a key.
pub(crate) fn equal(columns: &[ColumnRef], key: &KeyValues) -> Expr {
    let pairs = columns.iter().zip(key).map(|(column, value)| {
        let sides = (Expr::Column(*column), Expr::Bind(value.clone()));
        Expr::Binary(crate::ast::BinaryOp::Eq, Box::new(sides))
    });
    Expr::And(pairs.collect())
}

/// A value as bytes that are equal where the values are: its kind, its length where that may differ, and itself.
fn write_key(value: ValueRef<'_>, bytes: &mut Vec<u8>) {
    let mut put = |kind: u8, value: &[u8]| {
        bytes.push(kind);
        bytes.extend_from_slice(&value.len().to_le_bytes());
        bytes.extend_from_slice(value);
    };
    match value {
        ValueRef::Null | ValueRef::List(_) => put(0, &[]),
        ValueRef::Bool(value) => put(1, &[u8::from(value)]),
        ValueRef::Int(value) => put(2, &value.to_le_bytes()),
        ValueRef::Float(value) => put(3, &value.to_bits().to_le_bytes()),
        ValueRef::Text(value) => put(4, value.as_bytes()),
        ValueRef::Json(value) => put(5, value.as_bytes()),
        ValueRef::Bytes(value) => put(6, value),
        ValueRef::Date(value) => put(7, &value.to_le_bytes()),
        ValueRef::Time(value) => put(8, &value.to_le_bytes()),
        ValueRef::DateTime(value) => put(9, &value.to_le_bytes()),
        ValueRef::Timestamp(value) => put(10, &value.to_le_bytes()),
        ValueRef::Uuid(value) => put(11, &value),
        ValueRef::Decimal(value) => {
            // 1.0 and 1.00 are one key.
            let (mut mantissa, mut scale) = (value.mantissa(), value.scale());
            while scale > 0 && mantissa % 10 == 0 {
                (mantissa, scale) = (mantissa / 10, scale - 1);
            }
            put(12, &[&mantissa.to_le_bytes()[..], &scale.to_le_bytes()].concat());
        }
        ValueRef::Word(word) => put(4, word.text.as_bytes()),
        ValueRef::Inet(value) => put(13, value.to_string().as_bytes()),
        ValueRef::Interval(value) => {
            let (months, days) = (value.months.to_le_bytes(), value.days.to_le_bytes());
            put(14, &[&months[..], &days, &value.micros.to_le_bytes()].concat());
        }
        ValueRef::Array(array) => {
            put(15, &array.values.len().to_le_bytes());
            array.values.iter().for_each(|value| write_key(value.borrowed().unwrap_or(ValueRef::Null), bytes));
        }
        ValueRef::Range(range) => match range.range.bounds() {
            None => put(16, &[]),
            Some((lower, upper)) => [lower, upper].into_iter().for_each(|bound| write_bound(bound, bytes)),
        },
        // As it is sent.
        ValueRef::Encoded(_) => write_key(value.to_owned().borrowed().unwrap_or(ValueRef::Null), bytes),
    }
}

fn write_bound(bound: std::ops::Bound<&Value>, bytes: &mut Vec<u8>) {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let (kind, value) = match bound {
        Included(value) => (17, value.borrowed()),
        Excluded(value) => (18, value.borrowed()),
        Unbounded => (19, Ok(ValueRef::Null)),
    };
    bytes.push(kind);
    write_key(value.unwrap_or(ValueRef::Null), bytes);
}
