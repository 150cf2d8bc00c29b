//! Dates and times that may be infinite.

use super::{BindSink, ColumnType, Element, Scalar};
use crate::error::{Error, ValueError};
use crate::literal;
use crate::value::ValueRef;

/// A date or a point in time, or one that is before or after all others: SQL's `-infinity` and `infinity`.
///
/// A column of plain dates or times that holds one is an error when it is read.
///
/// ```
/// use orm::types::MaybeInfinite;
///
/// let never = MaybeInfinite::Infinity;
/// assert!(never > MaybeInfinite::Finite(3000));
/// assert_eq!(never.finite(), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MaybeInfinite<T> {
    /// Before all others.
    NegativeInfinity,
    /// As it is.
    Finite(T),
    /// After all others.
    Infinity,
}

/// A type that has infinite values in the database: dates, and times with a date.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is never infinite",
    note = "`MaybeInfinite` is of dates and of times with a date"
)]
pub trait HasInfinity: Element + Scalar + super::range::sealed::Sealed {
    /// `-infinity`
    const LEAST: ValueRef<'static>;
    /// `infinity`
    const GREATEST: ValueRef<'static>;
}

impl<T> MaybeInfinite<T> {
    /// The value, unless it is infinite.
    pub fn finite(self) -> Option<T> {
        match self {
            MaybeInfinite::Finite(value) => Some(value),
            MaybeInfinite::NegativeInfinity | MaybeInfinite::Infinity => None,
        }
    }
}

impl<T> From<T> for MaybeInfinite<T> {
    fn from(value: T) -> Self {
        MaybeInfinite::Finite(value)
    }
}

#[diagnostic::do_not_recommend]
impl<T: HasInfinity> Scalar for MaybeInfinite<T> {
    const COLUMN: ColumnType = T::COLUMN;
    const NAME: &'static str = "MaybeInfinite<_>";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        match self {
            MaybeInfinite::NegativeInfinity => sink.bind(T::LEAST),
            MaybeInfinite::Finite(value) => value.bind(sink),
            MaybeInfinite::Infinity => sink.bind(T::GREATEST),
        }
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        match value {
            ValueRef::Text("-infinity") => Ok(MaybeInfinite::NegativeInfinity),
            ValueRef::Text("infinity") => Ok(MaybeInfinite::Infinity),
            value if value == T::LEAST => Ok(MaybeInfinite::NegativeInfinity),
            value if value == T::GREATEST => Ok(MaybeInfinite::Infinity),
            value => T::decode(value).map(MaybeInfinite::Finite),
        }
    }
}
literal!(@impls [T: HasInfinity,], MaybeInfinite<T>, MaybeInfinite<T>, MaybeInfinite<T>, |_| None);

impl<T: HasInfinity> Element for MaybeInfinite<T> {}
