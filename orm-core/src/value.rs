//! Everything a database can hold, in a form that depends on no driver and on no date, JSON or decimal library.
//!
//! [`Value`] owns, [`ValueRef`] borrows. A driver reads a column as a [`ValueRef`] (no copy is made) and binds one;
//! Rust types turn into them and back through [`Scalar`](crate::types::Scalar).

mod compound;
mod inet;
mod interval;
mod range;

pub(crate) use compound::range_of;
pub use compound::{ArrayValue, Codec, Compound, Each, Encoded, RangeValue, Read, Word};
pub use inet::{Cidr, Inet};
pub use interval::Interval;
pub use range::Range;

use crate::error::ValueError;

/// A value that a statement carries: one bind.
///
/// Dates and times are counted from 1970-01-01 and hold microseconds, the finest unit that every backend keeps. The
/// smallest number that such a value can have is minus infinity, and the largest infinity.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// SQL `NULL`.
    Null,
    /// A truth value.
    Bool(bool),
    /// Any integer; a column of a smaller width checks its range when it is read.
    Int(i64),
    /// A 64-bit float.
    Float(f64),
    /// UTF-8 text.
    Text(String),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// A date and time without a time zone: microseconds since 1970-01-01T00:00:00.
    DateTime(i64),
    /// A point in time: microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// The sixteen bytes of a UUID.
    Uuid([u8; 16]),
    /// An exact decimal number.
    Decimal(Decimal),
    /// JSON text.
    Json(String),
    /// The values of an `IN` list: one bind where the backend can take a list at once.
    List(Vec<Value>),
    /// The values of an array column.
    Array(ArrayValue),
    /// The range of a range column.
    Range(Box<RangeValue>),
    /// A span of time.
    Interval(Interval),
    /// The address of a host or a network.
    Inet(Inet),
    /// A word of an enum that is a type of the database.
    Word(&'static Word),
    /// A Rust value that no column can hold (a `u64` beyond `i64::MAX`, say). Running the statement gives this error,
    /// and nothing is sent.
    Invalid(Box<ValueError>),
}

/// A borrowed [`Value`]: what a row gives, and what is bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// SQL `NULL`.
    Null,
    /// A truth value.
    Bool(bool),
    /// Any integer.
    Int(i64),
    /// A 64-bit float.
    Float(f64),
    /// UTF-8 text.
    Text(&'a str),
    /// Raw bytes.
    Bytes(&'a [u8]),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since 1970-01-01T00:00:00, without a time zone.
    DateTime(i64),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// The sixteen bytes of a UUID.
    Uuid([u8; 16]),
    /// An exact decimal number.
    Decimal(Decimal),
    /// JSON text.
    Json(&'a str),
    /// The values of an `IN` list.
    List(&'a [Value]),
    /// The values of an array column.
    Array(&'a ArrayValue),
    /// The range of a range column.
    Range(&'a RangeValue),
    /// An array or a range as it came from a database.
    Encoded(Encoded<'a>),
    /// A span of time.
    Interval(Interval),
    /// The address of a host or a network.
    Inet(Inet),
    /// A word of an enum that is a type of the database.
    Word(&'static Word),
}

impl Value {
    /// Borrows the value.
    ///
    /// # Errors
    ///
    /// [`Value::Invalid`] gives the error it holds.
    #[inline]
    pub fn borrowed(&self) -> Result<ValueRef<'_>, ValueError> {
        match self {
            // Most values: found without a call.
            Value::Int(value) => Ok(ValueRef::Int(*value)),
            Value::Text(value) => Ok(ValueRef::Text(value)),
            other => other.borrow_any(),
        }
    }

    fn borrow_any(&self) -> Result<ValueRef<'_>, ValueError> {
        Ok(match self {
            Value::Null => ValueRef::Null,
            Value::Bool(value) => ValueRef::Bool(*value),
            Value::Int(value) => ValueRef::Int(*value),
            Value::Float(value) => ValueRef::Float(*value),
            Value::Text(value) => ValueRef::Text(value),
            Value::Bytes(value) => ValueRef::Bytes(value),
            Value::Date(value) => ValueRef::Date(*value),
            Value::Time(value) => ValueRef::Time(*value),
            Value::DateTime(value) => ValueRef::DateTime(*value),
            Value::Timestamp(value) => ValueRef::Timestamp(*value),
            Value::Uuid(value) => ValueRef::Uuid(*value),
            Value::Decimal(value) => ValueRef::Decimal(*value),
            Value::Json(value) => ValueRef::Json(value),
            Value::List(values) => ValueRef::List(values),
            Value::Array(array) => ValueRef::Array(array),
            Value::Range(range) => ValueRef::Range(range),
            Value::Interval(interval) => ValueRef::Interval(*interval),
            Value::Inet(inet) => ValueRef::Inet(*inet),
            Value::Word(word) => ValueRef::Word(word),
            Value::Invalid(error) => return Err(error.as_ref().clone()),
        })
    }

    /// Whether this is SQL `NULL`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}

/// Shows the kind only: a bound value may be a secret.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.borrowed() {
            Ok(value) => write!(f, "<{}>", value.kind()),
            Err(error) => write!(f, "<{error}>"),
        }
    }
}

impl ValueRef<'_> {
    /// The kind of value in a word, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            ValueRef::Null => "NULL",
            ValueRef::Bool(_) => "bool",
            ValueRef::Int(_) => "integer",
            ValueRef::Float(_) => "float",
            ValueRef::Text(_) => "text",
            ValueRef::Bytes(_) => "bytes",
            ValueRef::Date(_) => "date",
            ValueRef::Time(_) => "time",
            ValueRef::DateTime(_) => "date and time",
            ValueRef::Timestamp(_) => "timestamp",
            ValueRef::Uuid(_) => "uuid",
            ValueRef::Decimal(_) => "decimal",
            ValueRef::Json(_) => "json",
            ValueRef::List(_) => "list",
            ValueRef::Array(_) => "array",
            ValueRef::Range(_) => "range",
            ValueRef::Encoded(encoded) => match encoded.kind() {
                Compound::Array => "array",
                Compound::Range => "range",
            },
            ValueRef::Interval(_) => "interval",
            ValueRef::Inet(_) => "address",
            ValueRef::Word(_) => "text",
        }
    }

    /// Copies the value.
    #[must_use]
    pub fn to_owned(self) -> Value {
        match self {
            ValueRef::Null => Value::Null,
            ValueRef::Bool(value) => Value::Bool(value),
            ValueRef::Int(value) => Value::Int(value),
            ValueRef::Float(value) => Value::Float(value),
            ValueRef::Text(value) => Value::Text(value.into()),
            ValueRef::Bytes(value) => Value::Bytes(value.into()),
            ValueRef::Date(value) => Value::Date(value),
            ValueRef::Time(value) => Value::Time(value),
            ValueRef::DateTime(value) => Value::DateTime(value),
            ValueRef::Timestamp(value) => Value::Timestamp(value),
            ValueRef::Uuid(value) => Value::Uuid(value),
            ValueRef::Decimal(value) => Value::Decimal(value),
            ValueRef::Json(value) => Value::Json(value.into()),
            ValueRef::List(values) => Value::List(values.into()),
            ValueRef::Array(array) => Value::Array(array.clone()),
            ValueRef::Range(range) => Value::Range(Box::new(range.clone())),
            // Whoever reads the value gets the error.
            ValueRef::Encoded(encoded) => encoded.to_owned().unwrap_or_else(|error| Value::Invalid(Box::new(error))),
            ValueRef::Interval(interval) => Value::Interval(interval),
            ValueRef::Inet(inet) => Value::Inet(inet),
            ValueRef::Word(word) => Value::Word(word),
        }
    }
}

/// An exact decimal: `mantissa / 10^scale`.
///
/// Two halves instead of one `i128`, which would make every [`Value`] half as large again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    high: i64,
    low: u64,
    scale: u32,
}

impl Decimal {
    /// `mantissa / 10^scale`.
    #[must_use]
    pub fn new(mantissa: i128, scale: u32) -> Self {
        let bytes = mantissa.to_be_bytes();
        let (high, low) = bytes.split_at(8);
        let half = |part: &[u8]| part.iter().fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        Decimal { high: half(high).cast_signed(), low: half(low), scale }
    }

    /// The digits without their point.
    #[must_use]
    pub fn mantissa(self) -> i128 {
        i128::from(self.high) << 64 | i128::from(self.low)
    }

    /// How many of the digits stand after the point.
    #[must_use]
    pub fn scale(self) -> u32 {
        self.scale
    }
}

/// Plain digits, never an exponent: `-12.50`.
impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.mantissa() < 0 { "-" } else { "" };
        let scale = self.scale as usize;
        let digits = format!("{:0>width$}", self.mantissa().unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let point = if scale == 0 { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

impl std::str::FromStr for Decimal {
    type Err = ValueError;

    /// Reads what `Display` writes; a sign may stand before, and a point anywhere.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let malformed = || ValueError::Malformed { expected: "a decimal number" };
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(malformed());
        }
        let mut mantissa: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            if !digit.is_ascii_digit() {
                return Err(malformed());
            }
            mantissa = mantissa
                .checked_mul(10)
                .and_then(|mantissa| mantissa.checked_add(i128::from(digit - b'0')))
                .ok_or(ValueError::OutOfRange { target: "a decimal number" })?;
        }
        let scale = u32::try_from(fraction.len()).map_err(|_| malformed())?;
        Ok(Decimal::new(sign * mantissa, scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_every_digit_and_their_scale() {
        for text in [
            "0",
            "12.50",
            "-12.50",
            "0.05",
            "-0.05",
            "79228162514264337593543950335",
            "-0.1234567890123456789012345678",
        ] {
            let decimal: Decimal = text.parse().expect("a decimal");
            assert_eq!(decimal.to_string(), text);
        }
        assert_eq!("+7.".parse::<Decimal>().map(|d| d.to_string()), Ok("7".into()));
        assert!("1e5".parse::<Decimal>().is_err());
        assert!(".".parse::<Decimal>().is_err());
    }

    #[test]
    fn debug_hides_what_is_bound() {
        assert_eq!(format!("{:?}", Value::Text("secret".into())), "<text>");
    }

    #[test]
    fn a_value_stays_small() {
        assert_eq!((size_of::<Value>(), size_of::<ValueRef<'_>>()), (32, 32));
    }
}
