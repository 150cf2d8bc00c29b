//! What `order_by` takes.

use super::Expression;
use crate::ast::{self, Direction, NullsOrder, Order};

/// One key of an `ORDER BY`.
#[derive(Debug, Clone)]
pub struct OrderBy(Order);

impl OrderBy {
    pub(super) fn new(expr: ast::Expr, direction: Direction) -> Self {
        OrderBy(Order { expr, direction, nulls: NullsOrder::Smallest })
    }

    /// NULLs before everything else.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let q = select(User.id).order_by(User.nickname.desc().nulls_first());
    /// assert_sql!(q, sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."nickname" DESC NULLS FIRST"#);
    /// ```
    #[must_use = "gives the new order"]
    pub fn nulls_first(mut self) -> Self {
        self.0.nulls = NullsOrder::First;
        self
    }

    /// NULLs after everything else.
    #[must_use = "gives the new order"]
    pub fn nulls_last(mut self) -> Self {
        self.0.nulls = NullsOrder::Last;
        self
    }
}

/// A column or expression (ascending), an [`OrderBy`], or a tuple, array or `Vec` of them.
#[diagnostic::on_unimplemented(
    message = "cannot order by `{Self}`",
    label = "expected a column, `column.desc()`, or a tuple of them"
)]
pub trait IntoOrder {
    /// Adds the keys.
    fn append_to(self, order: &mut Vec<Order>);
}

#[diagnostic::do_not_recommend]
impl IntoOrder for OrderBy {
    fn append_to(self, order: &mut Vec<Order>) {
        order.push(self.0);
    }
}

#[diagnostic::do_not_recommend]
impl<E: Expression> IntoOrder for E {
    fn append_to(self, order: &mut Vec<Order>) {
        self.asc().append_to(order);
    }
}

#[diagnostic::do_not_recommend]
impl<O: IntoOrder> IntoOrder for Vec<O> {
    fn append_to(self, order: &mut Vec<Order>) {
        self.into_iter().for_each(|one| one.append_to(order));
    }
}

#[diagnostic::do_not_recommend]
impl<O: IntoOrder, const N: usize> IntoOrder for [O; N] {
    fn append_to(self, order: &mut Vec<Order>) {
        self.into_iter().for_each(|one| one.append_to(order));
    }
}
