//! The typed skin over [`ast::Expr`]: what a program writes.
//!
//! [`Column`] and [`Expr`] carry one Rust type and nothing else. [`Expression`] is what both can do; [`Condition`]
//! is what a filter takes. What the types cannot see (a table that is not in FROM) is checked when the statement is
//! compiled, before anything is sent.

mod aggregate;
mod case;
mod column;
mod compound;
mod condition;
mod expression;
mod function;
#[cfg(feature = "json")]
mod json;
mod math;
mod order;
mod row;
mod text;
mod window;

pub use aggregate::{AggregateExpr, avg, count, count_all, max, min, string_agg, sum};
pub use case::{Case, case};
pub use column::Column;
pub use compound::{ArrayExpression, IsArray, IsRange, RangeExpression};
pub use condition::{Condition, Truth, and, not, or};
pub use expression::{Expression, InValues};
pub use function::{coalesce, exists, function, greatest, least, not_exists, now, value};
#[cfg(feature = "json")]
pub use json::{IsJson, JsonExpression, JsonPath};
pub use math::{NumberExpression, Operand};
pub use order::{IntoOrder, OrderBy};
pub use row::{PlainRow, Row, RowOf, RowParts, RowsOf, row};
pub use text::{IsText, TextExpression};
pub use window::{
    Window, WindowCall, cume_dist, dense_rank, first_value, lag, lag_or, last_value, lead, lead_or, nth_value, ntile,
    partition_by, percent_rank, rank, row_number, window,
};

use std::fmt;
use std::marker::PhantomData;

use crate::ast;
use crate::types::{ColumnType, Scalar, SqlType};

/// An expression with values of type `T`.
pub struct Expr<T> {
    tree: ast::Expr,
    type_: PhantomData<fn() -> T>,
}

impl<T: SqlType> Expr<T> {
    /// Gives a tree a type. The compiler cannot check it: reading another type is an
    /// [`Error::Decode`](crate::Error::Decode).
    #[must_use]
    pub fn new(tree: ast::Expr) -> Self {
        Expr { tree: computed::<T>(tree), type_: PhantomData }
    }

    /// The tree without its type.
    #[must_use]
    pub fn into_tree(self) -> ast::Expr {
        self.tree
    }
}

/// A computed decimal is marked as one, since a backend may have to say how it compares.
fn computed<T: SqlType>(tree: ast::Expr) -> ast::Expr {
    match (<T::Plain as Scalar>::COLUMN, tree) {
        (ColumnType::Decimal, tree @ ast::Expr::Column(_)) => tree,
        (ColumnType::Decimal, expr) if !is_marked(&expr) => {
            ast::Expr::Operation(Box::new(ast::Operation::Decimal { expr }))
        }
        (_, tree) => tree,
    }
}

fn is_marked(tree: &ast::Expr) -> bool {
    matches!(tree, ast::Expr::Operation(operation) if matches!(operation.as_ref(), ast::Operation::Decimal { .. }))
}

impl<T> Clone for Expr<T> {
    fn clone(&self) -> Self {
        Expr { tree: self.tree.clone(), type_: PhantomData }
    }
}

impl<T> fmt::Debug for Expr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tree.fmt(f)
    }
}
