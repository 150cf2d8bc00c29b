//! Aggregates: `count`, `sum` and the like.

use super::{Condition, Expression};
use crate::ast::{self, Aggregate, Operation};
use crate::types::{SqlNumber, SqlText, SqlType};
use std::fmt;
use std::marker::PhantomData;

/// An aggregate of a group of rows, or of all rows. It is an [`Expression`] like any other.
pub struct AggregateExpr<T> {
    function: Aggregate,
    distinct: bool,
    expr: Option<ast::Expr>,
    filter: Option<ast::Expr>,
    order_by: Vec<ast::Order>,
    type_: PhantomData<fn() -> T>,
}

impl<T> AggregateExpr<T> {
    fn new(function: Aggregate, expr: Option<ast::Expr>) -> Self {
        AggregateExpr { function, distinct: false, expr, filter: None, order_by: Vec::new(), type_: PhantomData }
    }

    /// Over distinct values only: `count(DISTINCT x)`.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let q = select(count(Post.author_id).distinct());
    /// assert_sql!(q, sqlite: r#"SELECT count(DISTINCT "post"."author_id") FROM "post""#);
    /// ```
    #[must_use = "gives the new aggregate"]
    pub fn distinct(mut self) -> Self {
        self.distinct = true;
        self
    }

    /// Over the rows for which `condition` is true.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let q = select((count(User.id), count(User.id).filter(User.age.ge(18))));
    /// assert_sql!(q, sqlite: r#"SELECT count("users"."id"), count("users"."id") FILTER (WHERE "users"."age" >= ?1) FROM "users""#);
    /// ```
    #[must_use = "gives the new aggregate"]
    pub fn filter(mut self, condition: impl Condition) -> Self {
        self.filter = Some(match self.filter.take() {
            None => condition.into_condition(),
            Some(before) => ast::Expr::And(vec![before, condition.into_condition()]),
        });
        self
    }

    pub(super) fn windowed(self, window: ast::Window) -> super::Expr<T>
    where
        T: SqlType,
    {
        let AggregateExpr { function, distinct, expr, filter, order_by, type_: _ } = self;
        if distinct || !order_by.is_empty() {
            let text = "an aggregate over a window can be neither distinct nor ordered: aggregate a subquery";
            return super::Expr::new(ast::Expr::Invalid(text.into()));
        }
        let arguments = expr.into_iter().collect();
        let function = ast::WindowFunction::Aggregate(function);
        super::expression::operation(Operation::Window { function, arguments, filter, window })
    }

    /// The order in which [`string_agg`] joins.
    #[must_use = "gives the new aggregate"]
    pub fn order_by(mut self, order: impl super::IntoOrder) -> Self {
        order.append_to(&mut self.order_by);
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T: SqlType> Expression for AggregateExpr<T> {
    type Type = T;

    fn into_tree(self) -> ast::Expr {
        let AggregateExpr { function, distinct, expr, filter, order_by, type_: _ } = self;
        let aggregate = Operation::Aggregate { function, distinct, expr, filter, order_by };
        super::computed::<T>(ast::Expr::Operation(Box::new(aggregate)))
    }
}

impl<T> Clone for AggregateExpr<T> {
    fn clone(&self) -> Self {
        AggregateExpr {
            function: self.function,
            distinct: self.distinct,
            expr: self.expr.clone(),
            filter: self.filter.clone(),
            order_by: self.order_by.clone(),
            type_: PhantomData,
        }
    }
}

impl<T> fmt::Debug for AggregateExpr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AggregateExpr")
            .field("function", &self.function)
            .field("expr", &self.expr)
            .finish_non_exhaustive()
    }
}

/// How many values are not NULL.
#[must_use = "gives an expression"]
pub fn count(expr: impl Expression) -> AggregateExpr<i64> {
    AggregateExpr::new(Aggregate::Count, Some(expr.into_tree()))
}

/// `count(*)`: how many rows. Say which table by [`Select::from`](crate::query::Select::from).
#[must_use = "gives an expression"]
pub fn count_all() -> AggregateExpr<i64> {
    AggregateExpr::new(Aggregate::Count, None)
}

/// The sum; NULL of no rows. Integers of every width sum up to an `i64`, on every backend.
#[must_use = "gives an expression"]
pub fn sum<T: SqlNumber, E: Expression<Type: SqlType<Plain = T>>>(expr: E) -> AggregateExpr<Option<T::Sum>> {
    AggregateExpr::new(Aggregate::Sum(T::KIND), Some(expr.into_tree()))
}

/// The mean, a float whatever the numbers are; NULL of no rows.
#[must_use = "gives an expression"]
pub fn avg<E: Expression<Type: SqlType<Plain: SqlNumber>>>(expr: E) -> AggregateExpr<Option<f64>> {
    AggregateExpr::new(Aggregate::Avg(kind::<E>()), Some(expr.into_tree()))
}

/// The smallest; NULL of no rows.
#[must_use = "gives an expression"]
pub fn min<E: Expression>(expr: E) -> AggregateExpr<Option<<E::Type as SqlType>::Plain>> {
    AggregateExpr::new(Aggregate::Min, Some(expr.into_tree()))
}

/// The largest; NULL of no rows.
#[must_use = "gives an expression"]
pub fn max<E: Expression>(expr: E) -> AggregateExpr<Option<<E::Type as SqlType>::Plain>> {
    AggregateExpr::new(Aggregate::Max, Some(expr.into_tree()))
}

/// The texts of a group, joined by `separator`; NULL of no rows.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// let q = select(string_agg(User.name, ", ").order_by(User.name));
/// assert_sql!(q, sqlite: r#"SELECT group_concat("users"."name", ', ' ORDER BY "users"."name") FROM "users""#);
/// ```
#[must_use = "gives an expression"]
pub fn string_agg<E: Expression<Type: SqlType<Plain: SqlText>>>(
    expr: E,
    separator: &'static str,
) -> AggregateExpr<Option<String>> {
    AggregateExpr::new(Aggregate::StringAgg(separator), Some(expr.into_tree()))
}

fn kind<E: Expression<Type: SqlType<Plain: SqlNumber>>>() -> ast::NumberKind {
    <<E::Type as SqlType>::Plain as SqlNumber>::KIND
}

#[diagnostic::do_not_recommend]
impl<T: SqlType> crate::types::Comparable<T::Plain> for AggregateExpr<T> {
    type Type = T;

    fn into_operand(self) -> ast::Expr {
        self.into_tree()
    }
}
