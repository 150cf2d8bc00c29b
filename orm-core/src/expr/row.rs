//! Several columns as one value: `(a, b) > (1, 2)`.

use std::marker::PhantomData;

use super::expression::operation;
use super::{Expr, and, or};
use crate::ast::{self, BinaryOp, Operation};
use crate::query::Select;

/// Several columns or expressions, to be compared as one. `Types` are those of its parts.
#[derive(Debug, Clone)]
pub struct Row<Types> {
    parts: Vec<ast::Expr>,
    types: PhantomData<fn() -> Types>,
}

/// Several columns or expressions as one value: for keys of several columns, and for pages that go on after a row.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// let next = select(Post.id).filter(row((Post.title, Post.id)).gt(("Joins", 7))).order_by((Post.title, Post.id)).limit(10);
/// assert_sql!(next, sqlite: r#"SELECT "post"."id" FROM "post" WHERE ("post"."title", "post"."id") > (?1, ?2) ORDER BY "post"."title", "post"."id" LIMIT 10"#);
/// ```
#[must_use = "compare it"]
pub fn row<P: RowParts>(parts: P) -> Row<P::Types> {
    Row { parts: parts.into_parts(), types: PhantomData }
}

impl<Types> Row<Types> {
    /// Equal in every part. Comparing a part with `None` is `IS NULL`.
    pub fn eq(self, other: impl RowOf<Types>) -> Expr<bool> {
        and(equal(&self.parts, other))
    }

    /// Not equal in every part.
    pub fn ne(self, other: impl RowOf<Types>) -> Expr<bool> {
        super::not(self.eq(other))
    }

    /// Before the other, where the first part that differs decides.
    pub fn lt(self, other: impl RowOf<Types>) -> Expr<bool> {
        self.compare(BinaryOp::Lt, other)
    }

    /// Before the other, or equal to it.
    pub fn le(self, other: impl RowOf<Types>) -> Expr<bool> {
        self.compare(BinaryOp::Le, other)
    }

    /// After the other, where the first part that differs decides.
    pub fn gt(self, other: impl RowOf<Types>) -> Expr<bool> {
        self.compare(BinaryOp::Gt, other)
    }

    /// After the other, or equal to it.
    pub fn ge(self, other: impl RowOf<Types>) -> Expr<bool> {
        self.compare(BinaryOp::Ge, other)
    }

    /// One of a list of rows, or of a subquery's.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let some = select(Post.id).filter(row((Post.author_id, Post.title)).in_([(1, "Hello"), (2, "Replies")]));
    /// assert_sql!(some, sqlite: concat!(
    ///     r#"SELECT "post"."id" FROM "post" WHERE "post"."author_id" = ?1 AND "post"."title" = ?2 "#,
    ///     r#"OR "post"."author_id" = ?3 AND "post"."title" = ?4"#,
    /// ));
    ///
    /// let first = select((Post.author_id, min(Post.id))).group_by(Post.author_id);
    /// let q = select(Post.title).filter(row((Post.author_id, Post.id)).in_(first));
    /// assert_sql!(q, sqlite: concat!(
    ///     r#"SELECT "post"."title" FROM "post" WHERE ("post"."author_id", "post"."id") IN "#,
    ///     r#"(SELECT "post"."author_id", min("post"."id") FROM "post" GROUP BY "post"."author_id")"#,
    /// ));
    /// ```
    pub fn in_(self, rows: impl RowsOf<Types>) -> Expr<bool> {
        rows.contain(self, false)
    }

    /// None of a list of rows, or of a subquery's.
    pub fn not_in(self, rows: impl RowsOf<Types>) -> Expr<bool> {
        rows.contain(self, true)
    }

    fn compare(self, op: BinaryOp, other: impl RowOf<Types>) -> Expr<bool> {
        let sides = (ast::Expr::Row(self.parts), ast::Expr::Row(other.into_values()));
        Expr::new(ast::Expr::Binary(op, Box::new(sides)))
    }
}

fn equal<Types>(parts: &[ast::Expr], values: impl RowOf<Types>) -> Vec<ast::Expr> {
    let pairs = parts.iter().cloned().zip(values.into_values());
    pairs.map(|pair| ast::Expr::Binary(BinaryOp::Eq, Box::new(pair))).collect()
}

/// A tuple of up to 16 columns or expressions.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a row of columns",
    label = "expected a tuple of columns or expressions"
)]
pub trait RowParts {
    /// Their types, without `Option`.
    type Types;

    /// The parts.
    fn into_parts(self) -> Vec<ast::Expr>;
}

/// A tuple that can be compared with a [`Row`] of these types.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be compared with a row of `{Types}`",
    label = "expected a tuple of as many values or columns, of these types"
)]
pub trait RowOf<Types> {
    /// The values.
    fn into_values(self) -> Vec<ast::Expr>;
}

/// A row of a subquery, whose types are these without `Option`.
#[diagnostic::on_unimplemented(
    message = "rows of `{Self}` cannot be compared with a row of columns",
    label = "expected a subquery of as many columns, of the same types"
)]
pub trait PlainRow {
    /// The types without `Option`.
    type Types;
}

/// What may stand on the right side of `IN`: a list of tuples, or a subquery of as many columns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a list of rows of `{Types}` nor a subquery of them",
    label = "expected an array or `Vec` of tuples, or a `select(..)` of as many columns"
)]
pub trait RowsOf<Types> {
    /// `row IN (..)`
    fn contain(self, row: Row<Types>, negated: bool) -> Expr<bool>;
}

fn listed<Types>(rows: impl IntoIterator<Item = impl RowOf<Types>>, row: &Row<Types>, negated: bool) -> Expr<bool> {
    let any = or(rows.into_iter().map(|values| and(equal(&row.parts, values))));
    if negated { super::not(any) } else { any }
}

#[diagnostic::do_not_recommend]
impl<Types, V: RowOf<Types>> RowsOf<Types> for Vec<V> {
    fn contain(self, row: Row<Types>, negated: bool) -> Expr<bool> {
        listed(self, &row, negated)
    }
}

#[diagnostic::do_not_recommend]
impl<Types, V: RowOf<Types>, const N: usize> RowsOf<Types> for [V; N] {
    fn contain(self, row: Row<Types>, negated: bool) -> Expr<bool> {
        listed(self, &row, negated)
    }
}

#[diagnostic::do_not_recommend]
impl<R: PlainRow> RowsOf<R::Types> for Select<R> {
    fn contain(self, row: Row<R::Types>, negated: bool) -> Expr<bool> {
        let select = Box::new(self.into_ast());
        operation(Operation::InSelect { expr: ast::Expr::Row(row.parts), select, negated })
    }
}
