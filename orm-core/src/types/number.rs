//! Which types are numbers, which are integers, which are text.

use super::Scalar;
use crate::ast::NumberKind;

/// A type that can be added up.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a number",
    label = "arithmetic needs numbers",
    note = "`.cast::<i64>()` makes a number of a text"
)]
pub trait SqlNumber: Scalar {
    /// The type of a sum: integers of every width sum up to an `i64`.
    type Sum: Scalar;
    /// Which arithmetic it has.
    const KIND: NumberKind;
}

/// A type that counts.
#[diagnostic::on_unimplemented(message = "`{Self}` is not an integer", label = "expected an integer column")]
pub trait SqlInteger: SqlNumber {}

/// A type that is text in the database.
#[diagnostic::on_unimplemented(message = "`{Self}` is not text", label = "expected a text column")]
pub trait SqlText: Scalar {}

macro_rules! numbers {
    ($kind:ident, $sum:ty: $($type:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl SqlNumber for $type {
            type Sum = $sum;
            const KIND: NumberKind = NumberKind::$kind;
        }
    )*};
}

numbers!(Integer, i64: i8, i16, i32, i64, u8, u16, u32, u64);
numbers!(Float, f64: f32, f64);

macro_rules! integers {
    ($($type:ty),*) => {$( #[diagnostic::do_not_recommend] impl SqlInteger for $type {} )*};
}

integers!(i8, i16, i32, i64, u8, u16, u32, u64);

#[diagnostic::do_not_recommend]
impl SqlText for String {}
