//! What may stand beside a column: in a comparison, as its new value, as a key.
//!
//! The impls are written out for each type instead of once for all, since only then does the compiler know that the
//! `1` of `User.id.eq(1)` is an `i64`.

use super::{NotNull, Nullable, Scalar, SqlType};
use crate::ast;

/// Something that can be compared with, or added to, an expression of `T`: a value, an `Option` of one (`None` is
/// NULL), a column, an expression, a subquery.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit a column or expression of `{T}`",
    label = "expected `{T}`, or a column, expression or subquery of it: `.cast::<..>()` converts, `.is_null()` asks for NULL"
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
    note = "a column that is no `Option` in its model takes neither an `Option` nor what may be NULL: use `.unwrap_or(..)` or `.coalesce(..)`"
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

    /// The key, if it is one integer: what is looked for by it needs no values.
    #[inline]
    fn as_integer(&self) -> Option<i64> {
        None
    }
}

/// What a builder's setter takes for a field of type `T`: anything that is `Into<T>`.
#[diagnostic::on_unimplemented(
    message = "the field takes `{T}`, not `{Self}`",
    label = "expected something that converts into `{T}`"
)]
pub trait IntoField<T> {
    /// The field's value.
    fn into_field(self) -> T;
}

#[diagnostic::do_not_recommend]
impl<T, Value: Into<T>> IntoField<T> for Value {
    fn into_field(self) -> T {
        self.into()
    }
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

#[diagnostic::do_not_recommend]
impl<T, Value: Into<T>> IntoNullable<T, Given<NotNull>> for Value {
    fn into_nullable(self) -> Option<T> {
        Some(self.into())
    }
}

#[diagnostic::do_not_recommend]
impl<T, Value: Into<T>> IntoNullable<T, Given<Nullable>> for Option<Value> {
    fn into_nullable(self) -> Option<T> {
        self.map(Into::into)
    }
}

/// A type that is exactly `T`. In an impl it says the type without naming it, so that the compiler does not offer the
/// impl to whoever asked for another type.
pub trait SameAs<T>: Scalar {}

impl<T: Scalar> SameAs<T> for T {}

/// Makes a type usable as a literal beside columns of its own type, and in arrays. `DbType` and `DbEnum` write this line.
#[doc(hidden)]
#[macro_export]
macro_rules! literal {
    (@impls [$($generics:tt)*], $column:ty, $type:ty, $scalar:ty, $integer:expr) => {
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> $crate::types::Comparable<$column> for $type {
            type Type = $column;
            fn into_operand(self) -> $crate::ast::Expr {
                $crate::ast::Expr::Bind($crate::types::SqlType::into_value(<$scalar>::from(self)))
            }
        }
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> $crate::types::Comparable<$column> for ::core::option::Option<$type> {
            type Type = ::core::option::Option<$column>;
            fn into_operand(self) -> $crate::ast::Expr {
                $crate::ast::Expr::Bind($crate::types::SqlType::into_value(self.map(<$scalar>::from)))
            }
        }
        #[diagnostic::do_not_recommend]
        impl<$($generics)* Nullness> $crate::types::Assign<$column, Nullness> for $type {
            fn into_assigned(self) -> $crate::ast::Expr {
                $crate::ast::Expr::Bind($crate::types::SqlType::into_value(<$scalar>::from(self)))
            }
        }
        #[diagnostic::do_not_recommend]
        impl<$($generics)* Nullness: $crate::types::Accepts<$crate::types::Nullable>>
            $crate::types::Assign<$column, Nullness> for ::core::option::Option<$type>
        {
            fn into_assigned(self) -> $crate::ast::Expr {
                $crate::ast::Expr::Bind($crate::types::SqlType::into_value(self.map(<$scalar>::from)))
            }
        }
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> $crate::types::IntoKey<$column> for $type {
            fn into_key(self) -> $crate::model::KeyValues {
                $crate::model::KeyValues::from_buf([$crate::types::SqlType::into_value(<$scalar>::from(self))])
            }

            #[inline]
            fn as_integer(&self) -> ::core::option::Option<i64> {
                ($integer)(self)
            }
        }
    };
    ($scalar:ty) => {
        $crate::literal!(@impls [], $scalar, $scalar, $scalar, $crate::types::Scalar::as_integer);
        #[diagnostic::do_not_recommend]
        impl $crate::types::Element for $scalar {}
    };
    // A type that stands for `$scalar`: `&str` for `String`. It is never an unsuffixed number, whose type the compiler
    // finds by the one impl that fits.
    ($type:ty, $scalar:ty) => {
        $crate::literal!(@impls [T: $crate::types::SameAs<$scalar>,], T, $type, $scalar, |_| ::core::option::Option::None);
    };
}
