//! [`Range`] as a column.

use std::ops::{Bound, RangeBounds};

use super::{BindSink, ColumnType, Scalar, SqlType, mismatch};
use crate::error::{Error, ValueError};
use crate::literal;
use crate::value::{Compound, Range, RangeValue, Value, ValueRef, range_of};

/// A type that a range can have: `i32`, `i64`, and with their features `Decimal`, `NaiveDate`, `NaiveDateTime` and
/// `DateTime<Utc>`.
#[diagnostic::on_unimplemented(
    message = "there are no ranges of `{Self}`",
    label = "not a bound of a range",
    note = "ranges are of `i32`, `i64`, `Decimal`, `NaiveDate`, `NaiveDateTime` or `DateTime<Utc>`"
)]
pub trait RangeBound: Scalar + PartialOrd + Clone + sealed::Sealed {
    /// The next value, of types that have one: ranges of them begin with the bound that belongs to them and end with one
    /// that does not, so that each has one form.
    fn successor(&self) -> Option<Self> {
        None
    }
}

pub(super) mod sealed {
    pub trait Sealed {}
}

impl sealed::Sealed for i32 {}
impl RangeBound for i32 {
    fn successor(&self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl sealed::Sealed for i64 {}
impl RangeBound for i64 {
    fn successor(&self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl<T: RangeBound> Range<T> {
    /// The range of one of Rust's, also of a pair of [`Bound`]s.
    ///
    /// ```
    /// use std::ops::Bound;
    ///
    /// use orm::types::Range;
    ///
    /// let after_five = Range::new((Bound::Excluded(5), Bound::Unbounded));
    /// assert_eq!(after_five, Range::from(6..));
    /// ```
    #[must_use]
    pub fn new(range: impl RangeBounds<T>) -> Self {
        canonical(range.start_bound().cloned(), range.end_bound().cloned())
    }
}

fn canonical<T: RangeBound>(lower: Bound<T>, upper: Bound<T>) -> Range<T> {
    let lower = match lower {
        Bound::Excluded(value) => value.successor().map_or(Bound::Excluded(value), Bound::Included),
        other => other,
    };
    let upper = match upper {
        Bound::Included(value) => value.successor().map_or(Bound::Included(value), Bound::Excluded),
        other => other,
    };
    let empty = match (&lower, &upper) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(lower), Bound::Included(upper)) => lower > upper,
        (Bound::Included(lower) | Bound::Excluded(lower), Bound::Included(upper) | Bound::Excluded(upper)) => {
            lower >= upper
        }
    };
    Range::with((!empty).then_some((lower, upper)))
}

macro_rules! from {
    ($($range:ty),*) => {$(
        impl<T: RangeBound> From<$range> for Range<T> {
            fn from(range: $range) -> Self {
                Range::new(range)
            }
        }
    )*};
}

from!(
    std::ops::Range<T>,
    std::ops::RangeFrom<T>,
    std::ops::RangeFull,
    std::ops::RangeInclusive<T>,
    std::ops::RangeTo<T>,
    std::ops::RangeToInclusive<T>,
    (Bound<T>, Bound<T>)
);

#[diagnostic::do_not_recommend]
impl<T: RangeBound> Scalar for Range<T> {
    const COLUMN: ColumnType = ColumnType::Range(&T::COLUMN);
    const NAME: &'static str = "Range<_>";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        sink.bind(ValueRef::Range(&value_of(self.clone())))
    }

    fn into_value(self) -> Value {
        Value::Range(Box::new(value_of(self)))
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        let bound = |value: &Value| T::decode_value(value.borrowed()?);
        match value {
            ValueRef::Encoded(encoded) if encoded.kind() == Compound::Range => {
                let mut parts = Vec::with_capacity(3);
                encoded.read(&mut |part| {
                    parts.push(part.to_owned());
                    Ok(())
                })?;
                range_of(parts)?.try_map(|value| bound(&value)).map(reformed)
            }
            ValueRef::Range(range) => range.range.clone().try_map(|value| bound(&value)).map(reformed),
            other => Err(mismatch::<Self>(other)),
        }
    }
}
literal!(@impls [T: RangeBound,], Range<T>, Range<T>, Range<T>, |_| None);

fn value_of<T: RangeBound>(range: Range<T>) -> RangeValue {
    let infallible: Result<_, std::convert::Infallible> = range.try_map(|bound| Ok(SqlType::into_value(bound)));
    match infallible {
        Ok(range) => RangeValue { element: &T::COLUMN, range },
        Err(never) => match never {},
    }
}

/// In the form that a range of such a type has.
fn reformed<T: RangeBound>(range: Range<T>) -> Range<T> {
    range.bounds().map_or_else(Range::empty, |(lower, upper)| canonical(lower.cloned(), upper.cloned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_whole_numbers_have_one_form() {
        assert_eq!(Range::from(1..=5), Range::from(1..6));
        assert_eq!(Range::new((Bound::Excluded(0), Bound::Included(5))), Range::from(1..6));
        assert_eq!(Range::from(..=i32::MAX).to_string(), "(,2147483647]");
        assert_eq!(Range::<i64>::from(..), Range::full());
        #[expect(clippy::reversed_empty_ranges, reason = "it is meant to be empty")]
        let reversed = Range::from(6..5);
        for empty in [Range::from(5..5), reversed, Range::new((Bound::Excluded(4), Bound::Excluded(5)))] {
            assert!(empty.is_empty(), "{empty}");
        }
    }

    #[test]
    fn a_range_is_read_back_from_its_own_value() {
        for range in [Range::from(1..5), Range::empty(), Range::full(), Range::from(7..)] {
            assert_eq!(Range::<i64>::decode(Scalar::into_value(range).borrowed().expect("a value")), Ok(range));
        }
    }
}
