//! UUIDs.

use uuid::Uuid;

use super::{BindSink, ColumnType, Scalar, mismatch};
use crate::error::{Error, ValueError};
use crate::literal;
use crate::value::ValueRef;

#[diagnostic::do_not_recommend]
impl Scalar for Uuid {
    const COLUMN: ColumnType = ColumnType::Uuid;
    const NAME: &'static str = "Uuid";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        sink.bind(ValueRef::Uuid(self.into_bytes()))
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        let malformed = ValueError::Malformed { expected: "a UUID" };
        match value {
            ValueRef::Uuid(bytes) => Ok(Uuid::from_bytes(bytes)),
            ValueRef::Bytes(bytes) => Uuid::from_slice(bytes).map_err(|_| malformed),
            ValueRef::Text(text) => Uuid::try_parse(text).map_err(|_| malformed),
            other => Err(mismatch::<Self>(other)),
        }
    }
}
literal!(Uuid);

/// A key made by the client: version 7, so that later keys are larger and an index grows at its end.
#[must_use]
pub fn new_uuid() -> Uuid {
    Uuid::now_v7()
}
