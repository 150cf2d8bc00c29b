//! Spans of time.

use super::{BindSink, ColumnType, Scalar, mismatch};
use crate::error::{Error, ValueError};
use crate::literal;
use crate::value::{Interval, ValueRef};

#[diagnostic::do_not_recommend]
impl Scalar for Interval {
    const COLUMN: ColumnType = ColumnType::Interval;
    const NAME: &'static str = "Interval";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        sink.bind(ValueRef::Interval(*self))
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        match value {
            ValueRef::Interval(interval) => Ok(interval),
            other => Err(mismatch::<Self>(other)),
        }
    }
}
literal!(Interval);
