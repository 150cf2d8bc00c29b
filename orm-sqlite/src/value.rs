//! Values on their way into SQLite and out of it.
//!
//! SQLite holds five kinds. The others are written in one fixed form each, so that they sort and compare as what they
//! are: truth values as 0 and 1, dates and times as text (see [`orm_core::types::time`]), UUIDs as 16 bytes, decimals
//! as digits, addresses and JSON as text, arrays and the values of an `IN` list as one JSON array.

use std::fmt::Write as _;
use std::sync::Arc;

use orm_core::driver::{Flow, Row, RowSink};
use orm_core::error::{Error, Result, ValueError};
use orm_core::types::{BindSink, time, unbindable};
use orm_core::value::{Value, ValueRef};
use rusqlite::types::{ToSql, ValueRef as Stored};

/// Binds values to a statement, in the order of its placeholders.
pub(crate) struct Binder<'s, 'db> {
    statement: &'s mut rusqlite::Statement<'db>,
    position: usize,
    /// What SQLite refused; [`BindSink`] can only tell of our own errors.
    pub(crate) refused: Option<rusqlite::Error>,
}

impl<'s, 'db> Binder<'s, 'db> {
    pub(crate) fn new(statement: &'s mut rusqlite::Statement<'db>) -> Self {
        Binder { statement, position: 0, refused: None }
    }

    #[inline]
    fn set(&mut self, value: impl ToSql) -> Result<()> {
        self.position += 1;
        self.statement.raw_bind_parameter(self.position, value).map_err(|error| {
            self.refused = Some(error);
            Error::Statement("SQLite refused a bound value".into())
        })
    }

    fn text(&mut self, write: impl FnOnce(&mut String)) -> Result<()> {
        let mut text = String::with_capacity(32);
        write(&mut text);
        self.set(text.as_str())
    }
}

impl BindSink for Binder<'_, '_> {
    #[inline]
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        match value {
            ValueRef::Null => self.set(rusqlite::types::Null),
            ValueRef::Bool(value) => self.set(i64::from(value)),
            ValueRef::Int(value) => self.set(value),
            // SQLite would store NULL, silently.
            ValueRef::Float(value) if value.is_nan() => {
                Err(unbindable(ValueError::OutOfRange { target: "SQLite, which has no NaN" }))
            }
            ValueRef::Float(value) => self.set(value),
            ValueRef::Text(value) | ValueRef::Json(value) => self.set(value),
            ValueRef::Bytes(value) => self.set(value),
            ValueRef::Date(days) => self.text(|text| time::write_date(days, text)),
            ValueRef::Time(micros) => self.text(|text| time::write_time(micros, text)),
            ValueRef::DateTime(micros) => self.text(|text| time::write_datetime(micros, text)),
            ValueRef::Timestamp(micros) => self.text(|text| time::write_timestamp(micros, text)),
            ValueRef::Uuid(bytes) => self.set(bytes.as_slice()),
            ValueRef::Decimal(decimal) => self.text(|text| {
                let _infallible = write!(text, "{decimal}");
            }),
            ValueRef::List(values) => self.set(json_array(values)?),
            ValueRef::Array(array) => self.set(json_array(&array.values)?),
            ValueRef::Word(word) => self.set(word.text),
            ValueRef::Inet(inet) => self.text(|text| {
                let _infallible = write!(text, "{inet}");
            }),
            ValueRef::Range(_) | ValueRef::Encoded(_) | ValueRef::Interval(_) => Err(no_type_of_ours(value)),
        }
    }
}

/// A row while its statement stands on it.
pub(crate) struct SqliteRow<'row, 'stmt>(pub(crate) &'row rusqlite::Row<'stmt>);

impl Row for SqliteRow<'_, '_> {
    fn width(&self) -> usize {
        self.0.as_ref().column_count()
    }

    #[inline]
    fn get(&self, index: usize) -> Result<ValueRef<'_>, ValueError> {
        match self.0.get_ref(index) {
            Ok(Stored::Null) => Ok(ValueRef::Null),
            Ok(Stored::Integer(value)) => Ok(ValueRef::Int(value)),
            Ok(Stored::Real(value)) => Ok(ValueRef::Float(value)),
            Ok(Stored::Text(bytes)) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(ValueRef::Text(text)),
                Err(_) => Err(ValueError::Utf8),
            },
            Ok(Stored::Blob(bytes)) => Ok(ValueRef::Bytes(bytes)),
            Err(_) => Err(ValueError::NoColumn { width: self.width() }),
        }
    }

    fn name(&self, index: usize) -> Option<&str> {
        self.0.as_ref().column_name(index).ok()
    }
}

/// Rows with values of their own, one after the other in one allocation.
#[derive(Default)]
pub(crate) struct Chunk {
    names: Arc<[Box<str>]>,
    values: Vec<Value>,
    rows: usize,
}

impl Chunk {
    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Copies a row. All rows are of one statement.
    pub(crate) fn push(&mut self, row: &dyn Row) {
        let width = row.width();
        if self.names.len() != width {
            self.names = (0..width).map(|index| row.name(index).unwrap_or_default().into()).collect();
        }
        self.values.extend((0..width).map(|index| match row.get(index) {
            Ok(value) => value.to_owned(),
            // Whoever reads the column gets the error.
            Err(error) => Value::Invalid(Box::new(error)),
        }));
        self.rows += 1;
    }

    /// The rows so far, to be followed by as many.
    pub(crate) fn take(&mut self) -> Chunk {
        let (names, values) = (Arc::clone(&self.names), Vec::with_capacity(self.values.len()));
        std::mem::replace(self, Chunk { names, values, rows: 0 })
    }

    /// Pushes the rows into a sink, until it wants no more.
    pub(crate) fn give_to(&self, sink: &mut dyn RowSink) -> Result<Flow> {
        for values in self.values.chunks(self.names.len().max(1)) {
            let row = ChunkRow { names: &self.names, values };
            if sink.row(&row)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }
}

struct ChunkRow<'a> {
    names: &'a [Box<str>],
    values: &'a [Value],
}

impl Row for ChunkRow<'_> {
    fn width(&self) -> usize {
        self.values.len()
    }

    fn get(&self, index: usize) -> Result<ValueRef<'_>, ValueError> {
        let width = self.values.len();
        self.values.get(index).ok_or(ValueError::NoColumn { width })?.borrowed()
    }

    fn name(&self, index: usize) -> Option<&str> {
        self.names.get(index).map(AsRef::as_ref)
    }
}

/// The values of an array, or an `IN` list as one bind, which `json_each` takes apart. Bytes are written as hexadecimal digits.
fn json_array(values: &[Value]) -> Result<String> {
    let mut json = String::with_capacity(2 + values.len() * 8);
    json.push('[');
    for (number, value) in values.iter().enumerate() {
        if number > 0 {
            json.push(',');
        }
        write_json(value.borrowed().map_err(unbindable)?, &mut json)?;
    }
    json.push(']');
    Ok(json)
}

fn write_json(value: ValueRef<'_>, json: &mut String) -> Result<()> {
    match value {
        ValueRef::Null => json.push_str("null"),
        ValueRef::Bool(value) => json.push_str(if value { "true" } else { "false" }),
        ValueRef::Int(value) => write_integer(value, json),
        ValueRef::Text(text) | ValueRef::Json(text) => write_json_text(text, json)?,
        ValueRef::Bytes(bytes) => write_hex(bytes, json),
        ValueRef::Uuid(bytes) => write_hex(&bytes, json),
        ValueRef::Date(days) => quoted(json, |text| time::write_date(days, text)),
        ValueRef::Time(micros) => quoted(json, |text| time::write_time(micros, text)),
        ValueRef::DateTime(micros) => quoted(json, |text| time::write_datetime(micros, text)),
        ValueRef::Timestamp(micros) => quoted(json, |text| time::write_timestamp(micros, text)),
        ValueRef::Decimal(decimal) => quoted(json, |text| {
            let _infallible = write!(text, "{decimal}");
        }),
        ValueRef::Word(word) => write_json_text(word.text, json)?,
        ValueRef::Inet(inet) => quoted(json, |text| {
            let _infallible = write!(text, "{inet}");
        }),
        ValueRef::Float(value) if value.is_nan() => {
            return Err(unbindable(ValueError::OutOfRange { target: "SQLite, which has no NaN" }));
        }
        ValueRef::Float(value) => {
            // JSON has no infinite numbers.
            let _infallible = if value.is_finite() { write!(json, "{value:?}") } else { write!(json, "\"{value}\"") };
        }
        ValueRef::List(_) | ValueRef::Array(_) => {
            return Err(Error::Statement("a list of lists cannot be one bind".into()));
        }
        ValueRef::Range(_) | ValueRef::Encoded(_) | ValueRef::Interval(_) => return Err(no_type_of_ours(value)),
    }
    Ok(())
}

/// Lists of keys are long, and formatting a number takes several times as long.
fn write_integer(value: i64, json: &mut String) {
    let (mut digits, mut start, mut rest) = ([b'0'; 20], 20, value.unsigned_abs());
    loop {
        start -= 1;
        digits[start] += u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        json.push('-');
    }
    json.push_str(std::str::from_utf8(&digits[start..]).unwrap_or_default());
}

fn no_type_of_ours(value: ValueRef<'_>) -> Error {
    let feature = match value {
        ValueRef::Interval(_) => "intervals",
        _ => "ranges",
    };
    Error::Unsupported { feature, backend: "SQLite", hint: "use other columns for it, or PostgreSQL" }
}

fn quoted(json: &mut String, write: impl FnOnce(&mut String)) {
    json.push('"');
    write(json);
    json.push('"');
}

fn write_hex(bytes: &[u8], json: &mut String) {
    quoted(json, |json| {
        for byte in bytes {
            let _infallible = write!(json, "{byte:02x}");
        }
    });
}

fn write_json_text(text: &str, json: &mut String) -> Result<()> {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            // SQLite ends a text at its first NUL when it reads it from JSON: the list would match other texts.
            '\0' => {
                return Err(unbindable(ValueError::OutOfRange { target: "a list in SQLite, for it holds a NUL" }));
            }
            control if control < ' ' => {
                let _infallible = write!(json, "\\u{:04x}", u32::from(control));
            }
            plain => json.push(plain),
        }
    }
    json.push('"');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What SQLite itself reads from the list.
    fn read_back(values: &[Value], sql: &str) -> Vec<rusqlite::types::Value> {
        let db = rusqlite::Connection::open_in_memory().expect("SQLite");
        let mut statement = db.prepare(sql).expect("SQL");
        let rows = statement.query_map([json_array(values).expect("a list")], |row| row.get(0)).expect("rows");
        rows.map(|row| row.expect("a row")).collect()
    }

    #[test]
    fn texts_in_a_list_keep_every_character() {
        let texts = ["", "a\"b", "back\\slash", "tab\tline\nbell\u{7}", "Grüße, 世界 🦀", "\u{7f}\u{2028}"];
        let values: Vec<Value> = texts.iter().map(|text| Value::Text((*text).into())).collect();

        let read = read_back(&values, "SELECT value FROM json_each(?1)");

        let expected: Vec<_> = texts.iter().map(|text| rusqlite::types::Value::Text((*text).into())).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn integers_in_a_list_keep_every_digit() {
        let values = [Value::Int(i64::MAX), Value::Int(i64::MIN), Value::Bool(true), Value::Null];

        let read = read_back(&values, "SELECT value FROM json_each(?1)");

        use rusqlite::types::Value::{Integer, Null};
        assert_eq!(read, [Integer(i64::MAX), Integer(i64::MIN), Integer(1), Null]);
    }

    #[test]
    fn bytes_in_a_list_are_bytes_again() {
        let values = [Value::Bytes(vec![0, 255, 16]), Value::Uuid([7; 16]), Value::Bytes(vec![])];

        let read = read_back(&values, "SELECT unhex(value) FROM json_each(?1)");

        use rusqlite::types::Value::Blob;
        assert_eq!(read, [Blob(vec![0, 255, 16]), Blob(vec![7; 16]), Blob(vec![])]);
    }

    #[test]
    fn a_list_with_a_nul_in_it_is_refused() {
        let error = json_array(&[Value::Text("a\0b".into())]).expect_err("no list");
        assert!(matches!(error, Error::Bind { .. }), "{error}");
    }
}
