//! Functions that are not methods of a column.

use super::expression::operation;
use super::{Expr, Expression};
use crate::ast::{self, Function, NumberKind, Operation};
use crate::query::Select;
use crate::types::{ColumnType, Comparable, Scalar, SqlType};

/// A bound value as an expression: `select(value(1))`.
#[must_use = "gives an expression"]
pub fn value<T: SqlType>(value: T) -> Expr<T> {
    Expr::new(ast::Expr::Bind(value.into_value()))
}

/// The first that is not NULL; `last` is taken if all are.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// let q = select(coalesce([User.nickname], User.name));
/// assert_sql!(q, sqlite: r#"SELECT coalesce("users"."nickname", "users"."name") FROM "users""#);
/// ```
#[must_use = "gives an expression"]
pub fn coalesce<E: Expression, R: Comparable<<E::Type as SqlType>::Plain>>(
    exprs: impl IntoIterator<Item = E>,
    last: R,
) -> Expr<R::Type> {
    let mut arguments: Vec<ast::Expr> = exprs.into_iter().map(Expression::into_tree).collect();
    let last = last.into_operand();
    // Of one value there is nothing to choose, and not every database takes a single argument.
    if arguments.is_empty() {
        return Expr::new(last);
    }
    arguments.push(last);
    Expr::new(ast::Expr::Function(Function::Coalesce, arguments))
}

/// The greatest that is not NULL; NULL if all are.
#[must_use = "gives an expression"]
pub fn greatest<E: Expression>(exprs: impl IntoIterator<Item = E>) -> Expr<Option<<E::Type as SqlType>::Plain>> {
    Expr::new(ast::Expr::Function(
        Function::Greatest(kind::<E>()),
        exprs.into_iter().map(Expression::into_tree).collect(),
    ))
}

/// The least that is not NULL; NULL if all are.
#[must_use = "gives an expression"]
pub fn least<E: Expression>(exprs: impl IntoIterator<Item = E>) -> Expr<Option<<E::Type as SqlType>::Plain>> {
    Expr::new(ast::Expr::Function(Function::Least(kind::<E>()), exprs.into_iter().map(Expression::into_tree).collect()))
}

/// Which numbers they are: decimals may need a comparison of their own.
fn kind<E: Expression>() -> Option<NumberKind> {
    match <<E::Type as SqlType>::Plain as Scalar>::COLUMN {
        ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64 => Some(NumberKind::Integer),
        ColumnType::Float32 | ColumnType::Float64 => Some(NumberKind::Float),
        ColumnType::Decimal => Some(NumberKind::Decimal),
        _ => None,
    }
}

/// The database's present time, read as `T`: a timestamp type of one of the date libraries.
#[must_use = "gives an expression"]
pub fn now<T: Scalar>() -> Expr<T> {
    Expr::new(ast::Expr::Function(Function::Now, Vec::new()))
}

/// A function of the database by its name. Its name goes into the text as it is, so it is part of the program.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// use orm::expr::function;
///
/// let q = select(function::<i64>("unicode", [User.name.into_expr()]));
/// assert_sql!(q, sqlite: r#"SELECT unicode("users"."name") FROM "users""#);
/// ```
#[must_use = "gives an expression"]
pub fn function<T: SqlType>(name: &'static str, arguments: impl IntoIterator<Item = impl Expression>) -> Expr<T> {
    let arguments = arguments.into_iter().map(Expression::into_tree).collect();
    Expr::new(ast::Expr::Function(Function::Named(name), arguments))
}

/// `EXISTS`: the subquery has a row. Columns of tables outside of it are those of the statement around it.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// let q = select(User.name).filter(exists(select(Post.id).filter(Post.author_id.eq(User.id))));
/// assert_sql!(q, sqlite: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT "post"."id" FROM "post" WHERE "post"."author_id" = "users"."id")"#);
/// ```
#[must_use = "gives a condition"]
pub fn exists<T>(select: Select<T>) -> Expr<bool> {
    operation(Operation::Exists { select: Box::new(select.into_ast()), negated: false })
}

/// `NOT EXISTS`: the subquery has no row.
#[must_use = "gives a condition"]
pub fn not_exists<T>(select: Select<T>) -> Expr<bool> {
    operation(Operation::Exists { select: Box::new(select.into_ast()), negated: true })
}
