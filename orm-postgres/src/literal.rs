//! Values as literals, where the server takes no bound ones.
//!
//! Each is a text in quotes without a type. The server gives it the type of its place, exactly as it does with a
//! placeholder, and reads the text as that type: `"users"."id" = '7'`, `CAST('7' AS bigint)`. So a value means the same
//! bound and written out.

use std::fmt::Write as _;

use orm_core::compile::Prepared;
use orm_core::error::{Result, ValueError};
use orm_core::types::{BindSink, Range, time, unbindable};
use orm_core::value::{Value, ValueRef};
use tokio_postgres::types::Type;

use crate::dialect::literal;
use crate::value::not;

/// The values of a statement as literals, in the order of the placeholders, which are of these types.
pub(crate) fn literals(values: &Prepared<'_>, types: &[Type]) -> Result<Vec<String>> {
    let mut literals = Literals { types, written: Vec::with_capacity(types.len()) };
    values.bind(&mut literals)?;
    Ok(literals.written)
}

struct Literals<'t> {
    types: &'t [Type],
    written: Vec<String>,
}

impl BindSink for Literals<'_> {
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        let mut text = String::new();
        let number = self.types.get(self.written.len()).is_some_and(is_whole_number);
        self.written.push(match value {
            ValueRef::Null => "NULL".into(),
            // As it is encoded for such a place.
            ValueRef::Bool(truth) if number => literal(if truth { "1" } else { "0" }),
            value => {
                write(value, &mut text).map_err(unbindable)?;
                literal(&text)
            }
        });
        Ok(())
    }
}

fn is_whole_number(column_type: &Type) -> bool {
    matches!(*column_type, Type::INT2 | Type::INT4 | Type::INT8)
}

/// Writes a value as the server reads it.
fn write(value: ValueRef<'_>, out: &mut String) -> Result<(), ValueError> {
    let _infallible = match value {
        ValueRef::Null => return Err(not("a value")),
        ValueRef::Bool(value) => write!(out, "{value}"),
        ValueRef::Int(value) => write!(out, "{value}"),
        ValueRef::Float(value) if value.is_infinite() => write!(out, "{}Infinity", if value > 0.0 { "" } else { "-" }),
        ValueRef::Float(value) => write!(out, "{value:?}"),
        ValueRef::Decimal(value) => write!(out, "{value}"),
        ValueRef::Text(text) | ValueRef::Json(text) => return write_text(text, out),
        ValueRef::Word(word) => return write_text(word.text, out),
        ValueRef::Bytes(bytes) => {
            out.push_str("\\x");
            write_hex(bytes, out)
        }
        ValueRef::Uuid(bytes) => write_hex(&bytes, out),
        ValueRef::Date(days) => return write_with_era(|text| time::write_date(days, text), out),
        ValueRef::Time(micros) => {
            time::write_time(micros, out);
            Ok(())
        }
        ValueRef::DateTime(micros) => return write_with_era(|text| time::write_datetime(micros, text), out),
        ValueRef::Timestamp(micros) => return write_with_era(|text| time::write_timestamp(micros, text), out),
        ValueRef::Interval(interval) => write!(out, "{interval}"),
        ValueRef::Inet(inet) => write!(out, "{inet}"),
        ValueRef::List(values) => return write_array(values, out),
        ValueRef::Array(array) => return write_array(&array.values, out),
        ValueRef::Range(range) => return write_range(&range.range, out),
        ValueRef::Encoded(_) => return Err(not("one that a program made")),
    };
    Ok(())
}

fn write_text(text: &str, out: &mut String) -> Result<(), ValueError> {
    if text.contains('\0') {
        return Err(ValueError::OutOfRange { target: "PostgreSQL, whose texts hold no NUL" });
    }
    out.push_str(text);
    Ok(())
}

fn write_hex(bytes: &[u8], out: &mut String) -> std::fmt::Result {
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

/// The server has no year 0, and none with a sign: the one before year 1 is 1 BC.
fn write_with_era(write: impl FnOnce(&mut String), out: &mut String) -> Result<(), ValueError> {
    let mut text = String::new();
    write(&mut text);
    let (before, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (text.starts_with("0000"), text.as_str()),
    };
    let (Some((year, rest)), true) = (unsigned.split_once('-'), before) else {
        // Infinite ones as well.
        out.push_str(&text);
        return Ok(());
    };
    let year: i64 = year.parse().map_err(|_| not("a date"))?;
    let _infallible = write!(out, "{:04}-{rest} BC", year + 1);
    Ok(())
}

/// `{"1",NULL,"3"}`
fn write_array(values: &[Value], out: &mut String) -> Result<(), ValueError> {
    out.push('{');
    for (number, value) in values.iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        match value.borrowed()? {
            ValueRef::Null => out.push_str("NULL"),
            // An array within an array has no quotes around it.
            ValueRef::Array(inner) => write_array(&inner.values, out)?,
            value => write_part(value, out)?,
        }
    }
    out.push('}');
    Ok(())
}

/// `["1","5")`, with nothing where there is no bound.
fn write_range(range: &Range<Value>, out: &mut String) -> Result<(), ValueError> {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let Some((lower, upper)) = range.bounds() else {
        out.push_str("empty");
        return Ok(());
    };
    out.push(if matches!(lower, Included(_)) { '[' } else { '(' });
    for (separator, bound) in [("", lower), (",", upper)] {
        out.push_str(separator);
        match bound {
            Included(value) | Excluded(value) => write_part(value.borrowed()?, out)?,
            Unbounded => {}
        }
    }
    out.push(if matches!(upper, Included(_)) { ']' } else { ')' });
    Ok(())
}

/// A value within another one: in double quotes, and what would end them is escaped.
fn write_part(value: ValueRef<'_>, out: &mut String) -> Result<(), ValueError> {
    let mut text = String::new();
    write(value, &mut text)?;
    out.push('"');
    for letter in text.chars() {
        if matches!(letter, '"' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out.push('"');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &Value) -> String {
        let mut text = String::new();
        write(value.borrowed().expect("a value"), &mut text).expect("a text");
        literal(&text)
    }

    #[test]
    fn nothing_leaves_its_quotes() {
        assert_eq!(written(&Value::Text("it's \\ $1".into())), r"E'it''s \\ $1'");
        assert_eq!(written(&Value::Bytes(vec![0, 39, 255])), r"E'\\x0027ff'");
        let list = Value::List(vec![Value::Text("a\"b".into()), Value::Null, Value::Text("c,'\\}".into())]);
        assert_eq!(written(&list), r#"E'{"a\\"b",NULL,"c,''\\\\}"}'"#);
    }

    #[test]
    fn years_before_the_first_have_an_era() {
        let days = |year: &str| time::parse_date(year).expect("a date");
        assert_eq!(written(&Value::Date(days("2024-02-29"))), "'2024-02-29'");
        assert_eq!(written(&Value::Date(days("0000-03-15"))), "'0001-03-15 BC'");
        assert_eq!(written(&Value::Date(days("-0043-03-15"))), "'0044-03-15 BC'");
        assert_eq!(written(&Value::Date(i32::MIN)), "'-infinity'");
        assert_eq!(written(&Value::Timestamp(i64::MAX)), "'infinity'");
    }

    #[test]
    fn a_text_with_a_nul_is_no_literal() {
        assert!(write(ValueRef::Text("a\0b"), &mut String::new()).is_err());
    }
}
