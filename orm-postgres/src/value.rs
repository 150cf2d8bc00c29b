//! Values on their way to the server, in its binary form.
//!
//! The server says the type of each placeholder, and a value is written for that type: an integer as the `smallint` or
//! `numeric` of its column. What the type cannot hold is an error, before anything is sent.

use std::error::Error as StdError;
use std::fmt;
use std::net::IpAddr;

use bytes::{BufMut, BytesMut};
use orm_core::compile::{Arrays, Prepared};
use orm_core::error::{Error, Result, ValueError};
use orm_core::types::{BindSink, unbindable};
use orm_core::value::{Decimal, Value, ValueRef};
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type, to_sql_checked};

use crate::array::{self, Rows};
use crate::{compound, numeric};

/// PostgreSQL counts days from 2000-01-01.
pub(crate) const DAYS_TO_2000: i32 = 10_957;
/// And microseconds.
pub(crate) const MICROS_TO_2000: i64 = 946_684_800_000_000;

/// The families of addresses: that of the server's system, and the next number.
pub(crate) const IPV4: u8 = 2;
pub(crate) const IPV6: u8 = 3;

/// The values of a statement as they are sent, in the order of its placeholders. They are kept from statement to
/// statement for their room.
#[derive(Default)]
pub(crate) struct Bound {
    /// Columns of rows, which come before all other values.
    arrays: Vec<(BytesMut, Form)>,
    bytes: BytesMut,
    /// Where in `bytes` each of the others ends, and so the next one begins; a NULL has no form.
    values: Vec<(usize, Option<Form>)>,
}

/// The most bytes and values for which room is kept.
const MOST_KEPT: (usize, usize) = (16 * 1024, 256);

/// How the bytes of a value are to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    Binary,
    Text,
}

impl Bound {
    /// The values of a statement, for placeholders of these types.
    pub(crate) fn of(values: &Prepared<'_>, types: &[Type]) -> Result<Self> {
        let mut bound = Bound::default();
        bound.take(values, types)?;
        Ok(bound)
    }

    /// Values by themselves, for placeholders of these types.
    pub(crate) fn of_values<'v>(values: impl IntoIterator<Item = &'v Value>, types: &[Type]) -> Result<Self> {
        let mut bound = Bound::default();
        let mut binder = Binder { types, bound: &mut bound };
        values.into_iter().try_for_each(|value| binder.bind(value.borrowed().map_err(unbindable)?))?;
        binder.end()?;
        Ok(bound)
    }

    /// Takes the values of a statement in place of those before.
    pub(crate) fn take(&mut self, values: &Prepared<'_>, types: &[Type]) -> Result<()> {
        if !self.is_empty() {
            // Of a statement that was dropped before it was sent.
            self.clear();
        }
        if let Some(arrays) = values.arrays() {
            return self.take_rows(values, arrays, types);
        }
        self.values.reserve(types.len());
        let mut binder = Binder { types, bound: self };
        values.bind(&mut binder)?;
        binder.end()
    }

    /// As [`take`](Bound::take), of a statement whose rows are sent as arrays. Apart from it, so that one row or none runs
    /// through no code for many.
    fn take_rows(&mut self, values: &Prepared<'_>, arrays: Arrays<'_>, types: &[Type]) -> Result<()> {
        let rows = Rows::new(arrays, types)?;
        let types = types.get(rows.arrays.len()..).unwrap_or_default();
        let mut binder = RowsBinder { rows, others: Binder { types, bound: self } };
        values.bind(&mut binder)?;
        binder.end()
    }

    fn is_empty(&self) -> bool {
        self.arrays.is_empty() && self.bytes.is_empty() && self.values.is_empty()
    }

    /// Lets go of the values, which are sent.
    pub(crate) fn clear(&mut self) {
        if self.bytes.capacity() > MOST_KEPT.0 || self.values.capacity() > MOST_KEPT.1 {
            *self = Bound::default();
        }
        self.arrays.clear();
        self.bytes.clear();
        self.values.clear();
    }

    /// A value as it is sent, those of arrays not counted.
    #[inline]
    pub(crate) fn value(&self, number: usize) -> Option<Bind<'_>> {
        let (end, form) = *self.values.get(number)?;
        let start = number.checked_sub(1).and_then(|before| self.values.get(before)).map_or(0, |(end, _)| *end);
        let bytes = form.map(|_| self.bytes.get(start..end).unwrap_or_default());
        Some(Bind { bytes, form: form.unwrap_or(Form::Binary) })
    }

    /// For the driver.
    pub(crate) fn binds(&self) -> Binds<'_> {
        Binds { bound: self, next: 0 }
    }
}

/// The values of a statement, one after the other. Two words: the driver's future, in which this is, just fits into what
/// allocators keep at hand.
pub(crate) struct Binds<'a> {
    bound: &'a Bound,
    next: usize,
}

impl<'a> Iterator for Binds<'a> {
    type Item = Bind<'a>;

    fn next(&mut self) -> Option<Bind<'a>> {
        let arrays = &self.bound.arrays;
        let number = self.next;
        self.next += 1;
        if let Some((bytes, form)) = arrays.get(number) {
            return Some(Bind { bytes: Some(bytes), form: *form });
        }
        self.bound.value(number - arrays.len())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.bound.arrays.len() + self.bound.values.len()).saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Binds<'_> {}

/// Takes the values of a statement, in the order of its placeholders.
struct Binder<'t, 'b> {
    types: &'t [Type],
    bound: &'b mut Bound,
}

impl Binder<'_, '_> {
    /// There must be a value for each placeholder.
    fn end(&self) -> Result<()> {
        let (values, places) = (self.bound.values.len(), self.types.len());
        if values == places { Ok(()) } else { Err(not_as_many(values, places)) }
    }
}

#[cold]
fn not_as_many(values: usize, places: usize) -> Error {
    Error::Statement(format!("the statement has {places} placeholders, and {values} values are bound"))
}

impl BindSink for Binder<'_, '_> {
    #[inline]
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        let Bound { bytes, values, .. } = &mut *self.bound;
        // What is missing here is found at the end.
        let column_type = self.types.get(values.len()).unwrap_or(&Type::UNKNOWN);
        let form = match value {
            ValueRef::Null => None,
            value => match encode(value, column_type, bytes) {
                Ok(form) => Some(form),
                Err(error) => return Err(unbindable(error)),
            },
        };
        values.push((bytes.len(), form));
        Ok(())
    }
}

/// Takes the cells of rows, and then the other values.
struct RowsBinder<'t, 'b> {
    rows: Rows<'t>,
    others: Binder<'t, 'b>,
}

impl RowsBinder<'_, '_> {
    fn end(mut self) -> Result<()> {
        self.rows.end()?;
        self.others.bound.arrays = self.rows.arrays.into_iter().map(|array| (array.bytes, array.form)).collect();
        self.others.end()
    }
}

impl BindSink for RowsBinder<'_, '_> {
    #[inline]
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        if self.rows.missing > 0 { self.rows.cell(value) } else { self.others.bind(value) }
    }
}

/// A value that is encoded already.
pub(crate) struct Bind<'a> {
    pub(crate) bytes: Option<&'a [u8]>,
    form: Form,
}

impl ToSql for Bind<'_> {
    fn to_sql(&self, _type: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let Some(bytes) = self.bytes else { return Ok(IsNull::Yes) };
        out.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_type: &Type) -> bool {
        true
    }

    fn encode_format(&self, _type: &Type) -> Format {
        match self.form {
            Form::Binary => Format::Binary,
            Form::Text => Format::Text,
        }
    }

    to_sql_checked!();
}

/// Hides the value: the driver writes its parameters into its log.
impl fmt::Debug for Bind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

#[inline]
pub(crate) fn encode(value: ValueRef<'_>, column_type: &Type, out: &mut BytesMut) -> Result<Form, ValueError> {
    // Most values, apart from all others: so little code is run for them.
    match *column_type {
        Type::INT8 => out.put_i64(integer(value)?),
        Type::TEXT => out.put_slice(text(value)?.as_bytes()),
        _ => return encode_as(value, column_type, out),
    }
    Ok(Form::Binary)
}

/// As [`encode`], for all types but the commonest.
fn encode_as(value: ValueRef<'_>, column_type: &Type, out: &mut BytesMut) -> Result<Form, ValueError> {
    match *column_type {
        Type::INT4 => out.put_i32(narrow(integer(value)?, "integer")?),
        Type::INT2 => out.put_i16(narrow(integer(value)?, "smallint")?),
        Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => out.put_slice(text(value)?.as_bytes()),
        Type::BOOL => out.put_u8(truth(value)?.into()),
        Type::FLOAT8 => out.put_f64(float(value)?),
        Type::FLOAT4 => out.put_f32(single(float(value)?)?),
        Type::NUMERIC => numeric::write(decimal(value)?, out)?,
        Type::BYTEA => match value {
            ValueRef::Bytes(bytes) => out.put_slice(bytes),
            _ => return Err(not("bytes")),
        },
        Type::UUID => match value {
            ValueRef::Uuid(bytes) => out.put_slice(&bytes),
            _ => return Err(not("a UUID")),
        },
        Type::DATE | Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ => time(value, column_type, out)?,
        Type::JSON => out.put_slice(text(value)?.as_bytes()),
        Type::JSONB => {
            // The version of the form.
            out.put_u8(1);
            out.put_slice(text(value)?.as_bytes());
        }
        Type::INTERVAL => match value {
            ValueRef::Text(_) => return encode_other(value, column_type, out),
            _ => interval(value, out)?,
        },
        Type::INET | Type::CIDR => match value {
            // Read from text by the server.
            ValueRef::Text(_) => return encode_other(value, column_type, out),
            _ => inet(value, *column_type == Type::CIDR, out)?,
        },
        Type::OID => out.put_u32(narrow(integer(value)?, "oid")?),
        _ => return encode_other(value, column_type, out),
    }
    Ok(Form::Binary)
}

/// Arrays, and types that extensions and users make.
fn encode_other(value: ValueRef<'_>, column_type: &Type, out: &mut BytesMut) -> Result<Form, ValueError> {
    match (column_type.kind(), value) {
        (Kind::Array(_), ValueRef::List(values)) => return array::write(values, column_type, out),
        (Kind::Array(_), ValueRef::Array(array)) => return array::write(&array.values, column_type, out),
        (Kind::Array(_), _) => return Err(not("an array")),
        (Kind::Range(inside), ValueRef::Range(range)) => compound::write_range(&range.range, inside, out)?,
        (Kind::Range(_), _) => return Err(not("a range")),
        (Kind::Domain(inside), value) => return encode(value, inside, out),
        (Kind::Enum(_), value) => out.put_slice(text(value)?.as_bytes()),
        // Whatever it is, it can be read from text.
        (_, value) => {
            out.put_slice(text(value)?.as_bytes());
            return Ok(Form::Text);
        }
    }
    Ok(Form::Binary)
}

/// Writes a value that stands within another one, where text cannot stand beside what is binary.
pub(crate) fn encode_binary(value: ValueRef<'_>, column_type: &Type, out: &mut BytesMut) -> Result<(), ValueError> {
    match encode(value, column_type, out)? {
        Form::Binary => Ok(()),
        // In binary as in text.
        Form::Text if column_type.name() == "citext" => Ok(()),
        Form::Text => Err(not("of a type that a range can have")),
    }
}

/// Months, days and microseconds, the last first.
fn interval(value: ValueRef<'_>, out: &mut BytesMut) -> Result<(), ValueError> {
    let ValueRef::Interval(interval) = value else { return Err(not("an interval")) };
    out.put_i64(interval.micros);
    out.put_i32(interval.days);
    out.put_i32(interval.months);
    Ok(())
}

/// The family, the prefix, whether it is a `cidr`, and the address with its length.
fn inet(value: ValueRef<'_>, is_cidr: bool, out: &mut BytesMut) -> Result<(), ValueError> {
    let ValueRef::Inet(inet) = value else { return Err(not("an IP address")) };
    if is_cidr && inet.network().address() != inet.address() {
        return Err(not("a network: it has bits beyond its prefix"));
    }
    let mut put = |family: u8, address: &[u8]| {
        out.put_slice(&[family, inet.prefix(), is_cidr.into()]);
        out.put_u8(if family == IPV4 { 4 } else { 16 });
        out.put_slice(address);
    };
    match inet.address() {
        IpAddr::V4(address) => put(IPV4, &address.octets()),
        IpAddr::V6(address) => put(IPV6, &address.octets()),
    }
    Ok(())
}

#[inline]
fn integer(value: ValueRef<'_>) -> Result<i64, ValueError> {
    match value {
        ValueRef::Int(value) => Ok(value),
        ValueRef::Bool(value) => Ok(value.into()),
        _ => Err(not("an integer")),
    }
}

#[inline]
fn narrow<T: TryFrom<i64>>(value: i64, target: &'static str) -> Result<T, ValueError> {
    value.try_into().map_err(|_| ValueError::OutOfRange { target })
}

fn truth(value: ValueRef<'_>) -> Result<bool, ValueError> {
    match value {
        ValueRef::Bool(value) => Ok(value),
        ValueRef::Int(0) => Ok(false),
        ValueRef::Int(1) => Ok(true),
        _ => Err(not("a truth value")),
    }
}

fn float(value: ValueRef<'_>) -> Result<f64, ValueError> {
    match value {
        ValueRef::Float(value) if value.is_nan() => Err(no_nan()),
        ValueRef::Float(value) => Ok(value),
        ValueRef::Int(value) => Ok(value as f64),
        _ => Err(not("a float")),
    }
}

/// Fewer digits than it has are no error, as for every float; a finite one that would become infinite is.
#[expect(clippy::cast_possible_truncation, reason = "what does not fit is found")]
fn single(value: f64) -> Result<f32, ValueError> {
    let single = value as f32;
    match single.is_infinite() && value.is_finite() {
        true => Err(ValueError::OutOfRange { target: "real" }),
        false => Ok(single),
    }
}

fn decimal(value: ValueRef<'_>) -> Result<Decimal, ValueError> {
    match value {
        ValueRef::Decimal(value) => Ok(value),
        ValueRef::Int(value) => Ok(Decimal::new(value.into(), 0)),
        ValueRef::Float(value) if value.is_nan() => Err(no_nan()),
        ValueRef::Float(value) => value.to_string().parse(),
        _ => Err(not("a number")),
    }
}

fn text(value: ValueRef<'_>) -> Result<&str, ValueError> {
    match value {
        ValueRef::Text(text) | ValueRef::Json(text) => without_nul(text),
        ValueRef::Word(word) => Ok(word.text),
        _ => Err(not("text")),
    }
}

#[inline]
pub(crate) fn without_nul(text: &str) -> Result<&str, ValueError> {
    match memchr::memchr(0, text.as_bytes()) {
        Some(_) => Err(ValueError::OutOfRange { target: "PostgreSQL, whose texts hold no NUL" }),
        None => Ok(text),
    }
}

fn time(value: ValueRef<'_>, column_type: &Type, out: &mut BytesMut) -> Result<(), ValueError> {
    let out_of_range = || ValueError::OutOfRange { target: "PostgreSQL's times" };
    // The least and the greatest are infinite, on both sides.
    let since_2000 = |micros: i64| match micros {
        i64::MIN | i64::MAX => Ok(micros),
        finite => finite.checked_sub(MICROS_TO_2000).ok_or_else(out_of_range),
    };
    match (column_type, value) {
        (&Type::DATE, ValueRef::Date(days @ (i32::MIN | i32::MAX))) => out.put_i32(days),
        (&Type::DATE, ValueRef::Date(days)) => out.put_i32(days.checked_sub(DAYS_TO_2000).ok_or_else(out_of_range)?),
        (&Type::TIME, ValueRef::Time(micros)) => out.put_i64(micros),
        (&Type::TIMESTAMP, ValueRef::DateTime(micros)) => out.put_i64(since_2000(micros)?),
        (&Type::TIMESTAMPTZ, ValueRef::Timestamp(micros)) => out.put_i64(since_2000(micros)?),
        (&Type::DATE, _) => return Err(not("a date")),
        (&Type::TIME, _) => return Err(not("a time of day")),
        (&Type::TIMESTAMP, _) => return Err(not("a date and time without a zone")),
        _ => return Err(not("a point in time")),
    }
    Ok(())
}

/// The value is of another kind than the column.
pub(crate) fn not(expected: &'static str) -> ValueError {
    ValueError::Malformed { expected }
}

/// PostgreSQL would take it, and give other answers than Rust and the other databases.
fn no_nan() -> ValueError {
    ValueError::OutOfRange { target: "a column, for NaN is no number" }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With one word more, the driver's future would be more than what glibc's allocator keeps at hand, and each statement
    /// five hundred instructions longer.
    #[test]
    fn the_values_that_the_driver_is_given_take_two_words() {
        assert_eq!(size_of::<Binds<'_>>(), 16);
    }
}
