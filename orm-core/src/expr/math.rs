//! Arithmetic by operators: `Account.balance - 100`.
//!
//! The type is that of the left side, and an `Option` if either side is one. Integers divide towards zero, as in
//! Rust; dividing by zero is NULL on every backend.

use std::ops;

use super::{Column, Expr, Expression};
use crate::ast::{self, BinaryOp, Function, NumberKind};
use crate::types::{Comparable, Scalar, SqlNumber, SqlType};

macro_rules! operators {
    ($($trait:ident $method:ident $op:ident),*) => {$(
        impl<M, T: SqlType, R: Operand<T::Plain>> ops::$trait<R> for Column<M, T> {
            type Output = Expr<T::Or<R::Type>>;

            fn $method(self, other: R) -> Self::Output {
                binary(BinaryOp::$op(R::KIND), self.into_tree(), other.into_number())
            }
        }

        impl<T: SqlType, R: Operand<T::Plain>> ops::$trait<R> for Expr<T> {
            type Output = Expr<T::Or<R::Type>>;

            fn $method(self, other: R) -> Self::Output {
                binary(BinaryOp::$op(R::KIND), self.into_tree(), other.into_number())
            }
        }
    )*};
}

operators!(Add add Add, Sub sub Subtract, Mul mul Multiply, Div div Divide, Rem rem Remainder);

/// The right side of an operator whose left side is a column or an expression of `T`.
///
/// That `T` is a number is asked here and not of the operator itself: only then does the compiler get as far as saying
/// what is missing.
#[diagnostic::on_unimplemented(
    message = "cannot calculate with a `{T}` column and `{Self}`",
    label = "expected numbers of one type on both sides",
    note = "texts are joined by `.concat(..)`; another type of number, or a number in a text, needs `.cast::<..>()`"
)]
pub trait Operand<T: Scalar> {
    /// `T`, or `Option<T>` if it may be NULL.
    type Type: SqlType<Plain = T>;
    /// Which arithmetic it is.
    const KIND: NumberKind;

    /// The expression.
    fn into_number(self) -> ast::Expr;
}

#[diagnostic::do_not_recommend]
impl<T: SqlNumber, R: Comparable<T>> Operand<T> for R {
    type Type = R::Type;
    const KIND: NumberKind = T::KIND;

    fn into_number(self) -> ast::Expr {
        self.into_operand()
    }
}

fn binary<T: SqlType>(op: BinaryOp, left: ast::Expr, right: ast::Expr) -> Expr<T> {
    Expr::new(ast::Expr::Binary(op, Box::new((left, right))))
}

impl<M, T: SqlType<Plain: SqlNumber>> ops::Neg for Column<M, T> {
    type Output = Expr<T>;

    fn neg(self) -> Expr<T> {
        Expr::new(ast::Expr::Negate(T::Plain::KIND, Box::new(self.into_tree())))
    }
}

impl<T: SqlType<Plain: SqlNumber>> ops::Neg for Expr<T> {
    type Output = Expr<T>;

    fn neg(self) -> Expr<T> {
        Expr::new(ast::Expr::Negate(T::Plain::KIND, Box::new(self.into_tree())))
    }
}

/// Functions of numbers.
pub trait NumberExpression: Expression<Type: SqlType<Plain: SqlNumber>> {
    /// Without its sign.
    fn abs(self) -> Expr<Self::Type> {
        let kind = <<Self::Type as SqlType>::Plain as SqlNumber>::KIND;
        Expr::new(ast::Expr::Function(Function::Abs(kind), vec![self.into_tree()]))
    }

    /// Rounded to so many digits after the point, halves away from zero. An integer stays as it is.
    fn round(self, digits: u8) -> Expr<Self::Type> {
        let kind = <<Self::Type as SqlType>::Plain as SqlNumber>::KIND;
        if kind == NumberKind::Integer {
            return self.into_expr();
        }
        let digits = ast::Expr::Bind(crate::value::Value::Int(i64::from(digits)));
        Expr::new(ast::Expr::Function(Function::Round(kind), vec![self.into_tree(), digits]))
    }
}

impl<E: Expression<Type: SqlType<Plain: SqlNumber>>> NumberExpression for E {}
