//! Exact decimals of `rust_decimal`.

use rust_decimal::Decimal;

use super::range::sealed::Sealed;
use super::{BindSink, ColumnType, RangeBound, Scalar, SqlNumber, mismatch};
use crate::ast::NumberKind;
use crate::error::{Error, ValueError};
use crate::literal;
use crate::value::{self, ValueRef};

/// Never passes through a float. 28 digits at most, as in `rust_decimal`.
#[diagnostic::do_not_recommend]
impl Scalar for Decimal {
    const COLUMN: ColumnType = ColumnType::Decimal;
    const NAME: &'static str = "Decimal";

    fn bind(&self, sink: &mut dyn BindSink) -> Result<(), Error> {
        sink.bind(ValueRef::Decimal(value::Decimal::new(self.mantissa(), self.scale())))
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        let exact = match value {
            ValueRef::Decimal(decimal) => decimal,
            ValueRef::Text(text) => text.parse()?,
            ValueRef::Int(value) => value::Decimal::new(i128::from(value), 0),
            other => return Err(mismatch::<Self>(other)),
        };
        Decimal::try_from_i128_with_scale(exact.mantissa(), exact.scale())
            .map_err(|_| ValueError::OutOfRange { target: "Decimal: it has 28 digits at most" })
    }
}
literal!(Decimal);

#[diagnostic::do_not_recommend]
impl SqlNumber for Decimal {
    type Sum = Decimal;
    const KIND: NumberKind = NumberKind::Decimal;
}

impl Sealed for Decimal {}
impl RangeBound for Decimal {}
