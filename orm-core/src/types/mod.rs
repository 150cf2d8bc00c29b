//! Rust types and the column types that hold them.
//!
//! A type that a column can hold implements [`Scalar`]; [`SqlType`] is a scalar or an `Option` of one, and `Option` is
//! the only thing that means "may be NULL". One integration a file: `chrono`, `uuid`, `json` and `decimal` are cargo
//! features.

mod array;
mod builtin;
#[cfg(feature = "chrono")]
mod chrono;
mod citext;
#[cfg(feature = "decimal")]
mod decimal;
mod inet;
mod infinite;
mod interval;
#[cfg(feature = "json")]
mod json;
mod literal;
mod number;
mod range;
pub mod time;
#[cfg(feature = "uuid")]
mod uuid;

#[cfg(feature = "uuid")]
pub use self::uuid::new_uuid;
pub use array::{Element, json_elements};
pub use citext::CiText;
pub use infinite::{HasInfinity, MaybeInfinite};
#[cfg(feature = "json")]
pub use json::Json;
pub use literal::{Assign, Comparable, Given, IntoField, IntoKey, IntoNullable, SameAs};
pub use number::{SqlInteger, SqlNumber, SqlText};
pub use range::RangeBound;

pub use crate::value::{Cidr, Inet, Interval, Range};

use crate::error::{Error, ValueError};
use crate::value::{Value, ValueRef};

/// The type of a column, as the models say it. A dialect turns it into the database's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `bool`.
    Bool,
    /// 16-bit integers, and the smaller ones.
    Int16,
    /// 32-bit integers, and `u16`.
    Int32,
    /// 64-bit integers, `u32` and `u64`.
    Int64,
    /// `f32`.
    Float32,
    /// `f64`.
    Float64,
    /// Text, of at most so many characters if said.
    Text {
        /// In characters, not bytes.
        max_length: Option<u32>,
    },
    /// Bytes.
    Bytes,
    /// A date.
    Date,
    /// A time of day.
    Time,
    /// A date and time without a zone.
    DateTime,
    /// A point in time.
    Timestamp,
    /// A UUID.
    Uuid,
    /// An exact decimal.
    Decimal,
    /// JSON.
    Json,
    /// One of a fixed set of words.
    Enum {
        /// The type's name in the database, where it has types of its own.
        name: &'static str,
        /// The words, in order.
        variants: &'static [&'static str],
        /// Whether it is a type of the database, where there are such types, and not text with a `CHECK`.
        native: bool,
    },
    /// An array of another type.
    Array(&'static ColumnType),
    /// A range of another type.
    Range(&'static ColumnType),
    /// A span of time.
    Interval,
    /// The address of a host, and with it perhaps of its network.
    Inet,
    /// The address of a network.
    Cidr,
    /// Text in which upper and lower case are the same.
    CiText,
    /// A type that only one database has, by its name there: its values are bound and read as text.
    Named(&'static str),
}

/// A Rust type that a NOT NULL column can hold.
///
/// Implement it by `#[derive(DbType)]` for a newtype and `#[derive(DbEnum)]` for an enum; by hand for anything else.
#[diagnostic::on_unimplemented(
    message = "a column cannot hold `{Self}`",
    label = "not a column type",
    note = "derive `DbType` for a newtype, `DbEnum` for an enum, or wrap a serde type in `Json<..>`; dates, uuid, decimal and json are cargo features of `orm`"
)]
pub trait Scalar: Sized + Send + Sync + 'static {
    /// The column's type.
    const COLUMN: ColumnType;
    /// The type's name in messages.
    const NAME: &'static str;

    /// Gives the value to `sink`, as a borrow where that is possible.
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] if no column can hold the value.
    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error>;

    /// Reads the type back. `value` is never NULL.
    ///
    /// # Errors
    ///
    /// The value is of another type, or out of range. Use [`mismatch`] for the former.
    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError>;

    /// The value as a bind; [`Value::Invalid`] if no column can hold it. Types that own what a [`Value`] owns give it
    /// away instead of copying it.
    fn into_value(self) -> Value {
        self.to_value()
    }

    /// The value, if it is an integer.
    #[inline]
    fn as_integer(&self) -> Option<i64> {
        None
    }
}

/// A [`Scalar`], or an `Option` of one.
#[diagnostic::on_unimplemented(
    message = "a column cannot hold `{Self}`",
    label = "not a column type",
    note = "derive `DbType` for a newtype, `DbEnum` for an enum, or wrap a serde type in `Json<..>`; dates, uuid, decimal and json are cargo features of `orm`"
)]
pub trait SqlType: Sized + Send + Sync + 'static {
    /// The type without its `Option`.
    type Plain: Scalar;
    /// What an expression over this type and `Other` has: an `Option` if either is one.
    type Or<Other: SqlType<Plain = Self::Plain>>: SqlType<Plain = Self::Plain>;
    /// `Other`, as an `Option` if this is one: what a function of a value of this type gives.
    type Map<Other: Scalar>: SqlType<Plain = Other>;
    /// [`NotNull`] or [`Nullable`].
    type Nullness;
    /// Whether NULL is a value of the type.
    const NULLABLE: bool;

    /// Gives the value to `sink`.
    ///
    /// # Errors
    ///
    /// As [`Scalar::bind`].
    fn bind_value(&self, sink: &mut dyn BindSink) -> Result<(), Error>;

    /// Reads the type back.
    ///
    /// # Errors
    ///
    /// As [`Scalar::decode`], and [`ValueError::Null`] for a NULL that is not expected.
    fn decode_value(value: ValueRef<'_>) -> Result<Self, ValueError>;

    /// The value as a bind, without a copy where that is possible. See [`Scalar::into_value`].
    fn into_value(self) -> Value;

    /// The value as a bind; [`Value::Invalid`] if no column can hold it.
    fn to_value(&self) -> Value {
        struct Owned(Value);
        impl BindSink for Owned {
            fn bind(&mut self, value: ValueRef<'_>) -> Result<(), Error> {
                self.0 = value.to_owned();
                Ok(())
            }
        }
        let mut owned = Owned(Value::Null);
        match self.bind_value(&mut owned) {
            Ok(()) => owned.0,
            Err(Error::Bind { source, .. }) => Value::Invalid(Box::new(source)),
            Err(other) => Value::Invalid(Box::new(ValueError::Json(other.to_string()))),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<T: Scalar> SqlType for T {
    type Plain = T;
    type Or<Other: SqlType<Plain = T>> = Other;
    type Map<Other: Scalar> = Other;
    type Nullness = NotNull;
    const NULLABLE: bool = false;

    #[inline]
    fn bind_value(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        self.bind(sink)
    }

    #[inline]
    fn into_value(self) -> Value {
        Scalar::into_value(self)
    }

    #[inline]
    fn decode_value(value: ValueRef<'_>) -> Result<Self, ValueError> {
        match value {
            ValueRef::Null => Err(ValueError::Null { expected: T::NAME }),
            value => T::decode(value),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<T: Scalar> SqlType for Option<T> {
    type Plain = T;
    type Or<Other: SqlType<Plain = T>> = Option<T>;
    type Map<Other: Scalar> = Option<Other>;
    type Nullness = Nullable;
    const NULLABLE: bool = true;

    #[inline]
    fn bind_value(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        match self {
            Some(value) => value.bind(sink),
            None => sink.bind(ValueRef::Null),
        }
    }

    #[inline]
    fn into_value(self) -> Value {
        self.map_or(Value::Null, Scalar::into_value)
    }

    #[inline]
    fn decode_value(value: ValueRef<'_>) -> Result<Self, ValueError> {
        match value {
            ValueRef::Null => Ok(None),
            value => T::decode(value).map(Some),
        }
    }
}

/// A row of a single column: what `fetch_scalar` gives.
#[diagnostic::on_unimplemented(
    message = "`fetch_scalar` gives a single value, and the row is `{Self}`",
    label = "a row of more than one column",
    note = "select a single column or expression, or use `fetch_one`"
)]
pub trait ScalarRow: SqlType {}

#[diagnostic::do_not_recommend]
impl<T: SqlType> ScalarRow for T {}

/// The [`SqlType::Nullness`] of a plain type.
#[derive(Debug, Clone, Copy)]
pub struct NotNull;

/// The [`SqlType::Nullness`] of an `Option`.
#[derive(Debug, Clone, Copy)]
pub struct Nullable;

/// Whether a column of one [`SqlType::Nullness`] may be set to an expression of another: all but NOT NULL to NULL.
pub trait Accepts<Nullness> {}

impl Accepts<NotNull> for NotNull {}
impl Accepts<NotNull> for Nullable {}
impl Accepts<Nullable> for Nullable {}

/// Takes bound values, one after the other, without keeping them.
pub trait BindSink {
    /// Takes the next value.
    ///
    /// # Errors
    ///
    /// The backend cannot take it.
    fn bind(&mut self, value: ValueRef<'_>) -> Result<(), Error>;
}

impl<S: BindSink + ?Sized> BindSink for &mut S {
    #[inline]
    fn bind(&mut self, value: ValueRef<'_>) -> Result<(), Error> {
        (**self).bind(value)
    }
}

/// The error for a value of another type than `T`.
#[must_use]
pub fn mismatch<T: Scalar>(found: ValueRef<'_>) -> ValueError {
    ValueError::Mismatch { expected: T::NAME, found: found.kind() }
}

/// The error for a Rust value that no column can hold.
#[must_use]
#[cold]
pub fn unbindable(source: ValueError) -> Error {
    Error::Bind { place: "a bound value".into(), source }
}
