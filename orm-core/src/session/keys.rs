//! Keys and columns of rows, hashed and compared where they are: no value is copied.

use std::hash::{BuildHasher, Hash, Hasher};

use hashbrown::DefaultHashBuilder;

use super::rows::{At, Values};
use crate::error::{Error, Result, ValueError};
use crate::model::Model;
use crate::types::{BindSink, ColumnType};
use crate::value::{Value, ValueRef};

/// The hash of a row's columns.
pub(super) fn hash_row(builder: &DefaultHashBuilder, values: &dyn Values, at: At, columns: &[u16]) -> Result<u32> {
    values.hash(builder, at, columns)
}

/// The same, where the model is known.
#[inline]
pub(super) fn hash_in<T: Model>(builder: &DefaultHashBuilder, row: &T, columns: &[u16]) -> Result<u32> {
    let mut hasher = builder.build_hasher();
    let mut sink = Hashing(&mut hasher);
    columns.iter().try_for_each(|column| row.bind(*column, &mut sink))?;
    Ok(half(&hasher))
}

/// The hash of values that stand for such columns.
pub(super) fn hash_values(builder: &DefaultHashBuilder, key: &[Value]) -> Result<u32> {
    let mut hasher = builder.build_hasher();
    for value in key {
        Hashing(&mut hasher).bind(value.borrowed().map_err(unbindable)?)?;
    }
    Ok(half(&hasher))
}

/// The hash of a key that is one integer, as it is of a row's.
#[inline]
pub(super) fn hash_integer(builder: &DefaultHashBuilder, key: i64) -> u32 {
    let mut hasher = builder.build_hasher();
    hasher.write_i64(key);
    half(&hasher)
}

/// Whether a row's columns have these values.
pub(super) fn row_is(values: &dyn Values, at: At, columns: &[u16], key: &[Value]) -> bool {
    columns.len() == key.len()
        && columns.iter().zip(key).all(|(column, value)| match value.borrowed() {
            Ok(value) => column_is(values, at, *column, value),
            Err(_) => false,
        })
}

/// Whether a row's column has this value.
pub(super) fn column_is(values: &dyn Values, at: At, column: u16, value: ValueRef<'_>) -> bool {
    let mut sink = Equals { value, same: false };
    values.bind(at, column, &mut sink).is_ok() && sink.same
}

/// Whether a row's column is this integer, where the model is known: then nothing need be called to compare the two.
#[inline]
pub(super) fn is_integer_in<T: Model>(row: &T, column: u16, integer: i64) -> bool {
    let mut sink = EqualsInteger { integer, same: false };
    row.bind(column, &mut sink).is_ok() && sink.same
}

/// Whether two rows agree in a column.
///
/// # Errors
///
/// [`Error::Bind`] if no column can hold one of the values.
pub(super) fn same(values: &dyn Values, left: At, right: At, column: u16) -> Result<bool> {
    let mut sink = Same { values, right, column, same: false };
    values.bind(left, column, &mut sink)?;
    Ok(sink.same)
}

/// The same, where the model is known.
pub(super) fn same_in<T: Model>(left: &T, right: &T, column: u16) -> Result<bool> {
    let mut sink = SameIn { right, column, same: false };
    left.bind(column, &mut sink)?;
    Ok(sink.same)
}

/// Whether two rows, perhaps of different models, agree in a column each.
pub(super) fn same_across(
    (left, left_at, left_column): (&dyn Values, At, u16),
    (right, right_at, right_column): (&dyn Values, At, u16),
) -> bool {
    let mut sink = Same { values: right, right: right_at, column: right_column, same: false };
    left.bind(left_at, left_column, &mut sink).is_ok() && sink.same
}

/// A copy of a row's column.
///
/// # Errors
///
/// [`Error::Bind`] if no column can hold the value.
pub(super) fn value(values: &dyn Values, at: At, column: u16) -> Result<Value> {
    let mut sink = Copied(Value::Null);
    values.bind(at, column, &mut sink)?;
    Ok(sink.0)
}

/// The error of a key that no column can hold.
#[cold]
pub(super) fn unbindable(source: ValueError) -> Error {
    Error::Bind { place: "a key".into(), source }
}

/// What stands for a key that has not been made, where NULL cannot.
#[inline]
pub(super) fn placeholder(column_type: ColumnType) -> ValueRef<'static> {
    match column_type {
        ColumnType::Uuid => ValueRef::Uuid([0; 16]),
        ColumnType::Bytes => ValueRef::Bytes(&[]),
        ColumnType::Text { .. } => ValueRef::Text(""),
        _ => ValueRef::Int(0),
    }
}

/// Whether a row's column is NULL, or what stands for a key that has not been made.
pub(super) fn is_unset(values: &dyn Values, at: At, column: u16) -> bool {
    let mut sink = Unset(false);
    values.bind(at, column, &mut sink).is_ok() && sink.0
}

/// Whether a row's column is NULL.
pub(super) fn is_null(values: &dyn Values, at: At, column: u16) -> bool {
    column_is(values, at, column, ValueRef::Null)
}

/// Equality of what is stored: a NaN equals itself.
fn equal(left: ValueRef<'_>, right: ValueRef<'_>) -> bool {
    match (left, right) {
        // Most keys: found without a call.
        (ValueRef::Int(left), ValueRef::Int(right)) => left == right,
        (ValueRef::Float(left), ValueRef::Float(right)) => left.to_bits() == right.to_bits(),
        (left, right) => left == right,
    }
}

/// Half of a hash: the other half would make every object four bytes larger.
#[expect(clippy::cast_possible_truncation, reason = "half of it is meant")]
fn half(hasher: &impl Hasher) -> u32 {
    hasher.finish() as u32
}

/// The hasher stays where it is: to move it takes as long as to hash an integer.
struct Hashing<'a, H>(&'a mut H);

impl<H: Hasher> Hashing<'_, H> {
    fn add(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.0.write_u8(0),
            ValueRef::Bool(value) => self.0.write_u8(1 + u8::from(value)),
            ValueRef::Int(value) | ValueRef::Time(value) | ValueRef::DateTime(value) | ValueRef::Timestamp(value) => {
                self.0.write_i64(value)
            }
            ValueRef::Date(value) => self.0.write_i32(value),
            ValueRef::Float(value) => self.0.write_u64(value.to_bits()),
            ValueRef::Text(value) | ValueRef::Json(value) => {
                self.0.write(value.as_bytes());
                self.0.write_u8(0xff);
            }
            ValueRef::Bytes(value) => {
                self.0.write(value);
                self.0.write_u8(0xff);
            }
            ValueRef::Uuid(value) => self.0.write(&value),
            ValueRef::Decimal(value) => {
                self.0.write_i128(value.mantissa());
                self.0.write_u32(value.scale());
            }
            ValueRef::List(values) => self.0.write_usize(values.len()),
            ValueRef::Array(array) => self.0.write_usize(array.values.len()),
            ValueRef::Range(range) => self.0.write_u8(range.range.is_empty().into()),
            // It was read, and what is hashed is bound.
            ValueRef::Encoded(encoded) => self.0.write(encoded.bytes()),
            ValueRef::Interval(interval) => self.0.write_i64(interval.micros),
            ValueRef::Inet(inet) => inet.hash(self.0),
            ValueRef::Word(word) => {
                self.0.write(word.text.as_bytes());
                self.0.write_u8(0xff);
            }
        }
    }
}

impl<H: Hasher> BindSink for Hashing<'_, H> {
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        self.add(value);
        Ok(())
    }
}

struct Equals<'a> {
    value: ValueRef<'a>,
    same: bool,
}

impl BindSink for Equals<'_> {
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        self.same = equal(value, self.value);
        Ok(())
    }
}

struct EqualsInteger {
    integer: i64,
    same: bool,
}

impl BindSink for EqualsInteger {
    #[inline]
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        self.same = matches!(value, ValueRef::Int(value) if value == self.integer);
        Ok(())
    }
}

struct Same<'a> {
    values: &'a dyn Values,
    right: At,
    column: u16,
    same: bool,
}

impl BindSink for Same<'_> {
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        let mut sink = Equals { value, same: false };
        self.values.bind(self.right, self.column, &mut sink)?;
        self.same = sink.same;
        Ok(())
    }
}

struct SameIn<'a, T> {
    right: &'a T,
    column: u16,
    same: bool,
}

impl<T: Model> BindSink for SameIn<'_, T> {
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        let mut sink = Equals { value, same: false };
        self.right.bind(self.column, &mut sink)?;
        self.same = sink.same;
        Ok(())
    }
}

struct Copied(Value);

impl BindSink for Copied {
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        self.0 = value.to_owned();
        Ok(())
    }
}

struct Unset(bool);

impl BindSink for Unset {
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        self.0 = match value {
            ValueRef::Null | ValueRef::Int(0) => true,
            ValueRef::Text(text) => text.is_empty(),
            ValueRef::Bytes(bytes) => bytes.is_empty(),
            ValueRef::Uuid(bytes) => bytes == [0; 16],
            _ => false,
        };
        Ok(())
    }
}
