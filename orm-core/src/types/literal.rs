//! What may stand beside a column: in a comparison, as its new value, as a key.
//!
//! The impls are written out for each type instead of once for all, since only then does the compiler know that the
//! `1` of `User.id.eq(1)` is an `i64`.

use super::{NotNull, Nullable, Scalar, SqlType};
use crate::ast;

/// Something that can be compared with, or added to, an expression of `T`: a value, an `Option` of one (`None` is
/// NULL), a column, an expression, a subquery.
#[diagnostic::on_unimplemented(
    message = "cannot compare a `{T}` column with `{Self}`",
    label = "expected `{T}`, or a column, expression or subquery of that type",
    note = "for NULL use `.eq(None)` on an `Option` column, or `.is_null()`; to compare different types, `.cast::<..>()` one of them"
)]
pub trait Comparable<T: Scalar> {
    /// `T`, or `Option<T>` if it may be NULL.
    type Type: SqlType<Plain = T>;

    /// The expression.
    fn into_operand(self) -> ast::Expr;
}

/// Something that a column of `T` can be set to.
#[diagnostic::on_unimplemented(
    message = "cannot set a column of `{T}` to `{Self}`",
    label = "expected `{T}`, or a column or expression of that type",
    note = "a column that is not an `Option` in its model takes neither an `Option` nor an expression that may be NULL: use `.coalesce(..)`"
)]
pub trait Assign<T: Scalar, Nullness> {
    /// The expression.
    fn into_assigned(self) -> ast::Expr;
}

/// A primary key's value: the column's type, `&str` for text, a tuple for a composite key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a key of type `{Key}`",
    label = "expected `{Key}`",
    note = "give one value for each column of the primary key, as a tuple if there are several"
)]
pub trait IntoKey<Key> {
    /// The values, in the order of the key's columns.
    fn into_key(self) -> crate::model::KeyValues;
}

/// What a builder's setter takes for an `Option<T>` field: anything that is `Into<T>`, or an `Option` of it.
#[diagnostic::on_unimplemented(
    message = "the field takes `{T}` or `Option<{T}>`, not `{Self}`",
    label = "expected something that converts into `{T}`"
)]
pub trait IntoNullable<T, Given> {
    /// The field's value.
    fn into_nullable(self) -> Option<T>;
}

/// Marks which of the two forms of [`IntoNullable`] was given; the compiler finds it.
#[derive(Debug)]
pub struct Given<Form>(std::marker::PhantomData<Form>);

impl<T, Value: Into<T>> IntoNullable<T, Given<NotNull>> for Value {
    fn into_nullable(self) -> Option<T> {
        Some(self.into())
    }
}

impl<T, Value: Into<T>> IntoNullable<T, Given<Nullable>> for Option<Value> {
    fn into_nullable(self) -> Option<T> {
        self.map(Into::into)
    }
}

/// Makes a type usable as a literal beside columns of its own type. `DbType` and `DbEnum` write this line.
#[doc(hidden)]
#[macro_export]
macro_rules! literal {
    ($type:ty) => {
        $crate::literal!($type, $type);
    };
    // A type that stands for `$scalar`: `&str` for `String`.
    ($type:ty, $scalar:ty) => {
        impl $crate::types::Comparable<$scalar> for $type {
            type Type = $scalar;
            fn into_operand(self) -> $crate::ast::Expr {
                $crate::ast::Expr::Bind($crate::types::SqlType::to_value(&<$scalar>::from(self)))
            }
        }
        impl $crate::types::Comparable<$scalar> for ::core::option::Option<$type> {
            type Type = ::core::option::Option<$scalar>;
            fn into_operand(self) -> $crate::ast::Expr {
                $crate::ast::Expr::Bind($crate::types::SqlType::to_value(&self.map(<$scalar>::from)))
            }
        }
        impl $crate::types::Assign<$scalar, $crate::types::NotNull> for $type {
            fn into_assigned(self) -> $crate::ast::Expr {
                $crate::ast::Expr::Bind($crate::types::SqlType::to_value(&<$scalar>::from(self)))
            }
        }
        impl $crate::types::Assign<$scalar, $crate::types::Nullable> for $type {
            fn into_assigned(self) -> $crate::ast::Expr {
                $crate::ast::Expr::Bind($crate::types::SqlType::to_value(&<$scalar>::from(self)))
            }
        }
        impl $crate::types::Assign<$scalar, $crate::types::Nullable> for ::core::option::Option<$type> {
            fn into_assigned(self) -> $crate::ast::Expr {
                $crate::ast::Expr::Bind($crate::types::SqlType::to_value(&self.map(<$scalar>::from)))
            }
        }
        impl $crate::types::IntoKey<$scalar> for $type {
            fn into_key(self) -> $crate::model::KeyValues {
                $crate::model::KeyValues::from_elem($crate::types::SqlType::to_value(&<$scalar>::from(self)), 1)
            }
        }
    };
}
