//! Arithmetic by operators: `Account.balance - 100`.
//!
//! The type is that of the left side, and an `Option` if either side is one. Integers divide towards zero, as in
//! Rust; dividing by zero is NULL on every backend.

use std::ops;

use super::{Column, Expr, Expression};
use crate::ast::{self, BinaryOp, Function, NumberKind};
use crate::types::{Comparable, SqlNumber, SqlType};

macro_rules! operators {
    ($($trait:ident $method:ident $op:ident),*) => {$(
        impl<M, T: SqlType<Plain: SqlNumber>, R: Comparable<T::Plain>> ops::$trait<R> for Column<M, T> {
            type Output = Expr<T::Or<R::Type>>;

            fn $method(self, other: R) -> Self::Output {
                binary(BinaryOp::$op(T::Plain::KIND), self.into_tree(), other.into_operand())
            }
        }

        impl<T: SqlType<Plain: SqlNumber>, R: Comparable<T::Plain>> ops::$trait<R> for Expr<T> {
            type Output = Expr<T::Or<R::Type>>;

            fn $method(self, other: R) -> Self::Output {
                binary(BinaryOp::$op(T::Plain::KIND), self.into_tree(), other.into_operand())
            }
        }
    )*};
}

operators!(Add add Add, Sub sub Subtract, Mul mul Multiply, Div div Divide, Rem rem Remainder);

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
