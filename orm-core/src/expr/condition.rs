//! Conditions, and how they are joined.

use super::{Column, Expr};
use crate::ast;
use crate::query::Optional;

/// What a filter takes: an expression or a column that is true, false or NULL. As in SQL, NULL counts as not true.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a condition",
    label = "expected a condition: compare it by `.eq(..)`, `.gt(..)`, `.is_not_null()` or the like"
)]
pub trait Condition: Sized {
    /// The tree below.
    fn into_condition(self) -> ast::Expr;

    /// Both are true.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let q = select(User.id).filter(User.age.ge(18).and(User.name.eq("A").or(User.name.eq("B"))));
    /// assert_sql!(q, sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" >= ?1 AND ("users"."name" = ?2 OR "users"."name" = ?3)"#);
    /// ```
    fn and(self, other: impl Condition) -> Expr<bool> {
        and([self.into_condition(), other.into_condition()])
    }

    /// One of both is true.
    fn or(self, other: impl Condition) -> Expr<bool> {
        or([self.into_condition(), other.into_condition()])
    }
}

#[diagnostic::do_not_recommend]
impl<T: Truth> Condition for Expr<T> {
    fn into_condition(self) -> ast::Expr {
        self.into_tree()
    }
}

#[diagnostic::do_not_recommend]
impl<M, T: Truth> Condition for Column<M, T> {
    fn into_condition(self) -> ast::Expr {
        ast::Expr::Column(self.reference())
    }
}

#[diagnostic::do_not_recommend]
impl<E: Condition> Condition for Optional<E> {
    fn into_condition(self) -> ast::Expr {
        self.0.into_condition()
    }
}

#[diagnostic::do_not_recommend]
impl Condition for ast::Expr {
    fn into_condition(self) -> ast::Expr {
        self
    }
}

/// `bool` and `Option<bool>`.
#[diagnostic::on_unimplemented(
    message = "a condition is needed, and this is a `{Self}`",
    label = "not true or false",
    note = "compare it with something: `.eq(..)`, `.gt(..)`, `.is_not_null()`"
)]
pub trait Truth: crate::types::SqlType {}

#[diagnostic::do_not_recommend]
impl Truth for bool {}
#[diagnostic::do_not_recommend]
impl Truth for Option<bool> {}

/// All are true; of none, true. For conditions that are only known when the program runs.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// let mut wanted: Vec<Expr<bool>> = vec![User.age.ge(18)];
/// wanted.push(User.name.ne("Bob"));
/// let q = select(User.id).filter(and(wanted));
/// assert_sql!(q, sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" >= ?1 AND "users"."name" <> ?2"#);
/// ```
#[must_use = "gives a condition"]
pub fn and(conditions: impl IntoIterator<Item = impl Condition>) -> Expr<bool> {
    let mut all = Vec::new();
    for condition in conditions {
        condition.into_condition().and_into(&mut all);
    }
    Expr::new(ast::Expr::And(all))
}

/// At least one is true; of none, false.
#[must_use = "gives a condition"]
pub fn or(conditions: impl IntoIterator<Item = impl Condition>) -> Expr<bool> {
    let mut any = Vec::new();
    for condition in conditions {
        match condition.into_condition() {
            ast::Expr::Or(inner) => any.extend(inner),
            one => any.push(one),
        }
    }
    Expr::new(ast::Expr::Or(any))
}

/// Is not true. As in SQL, what is NULL stays NULL.
#[must_use = "gives a condition"]
pub fn not(condition: impl Condition) -> Expr<bool> {
    Expr::new(ast::Expr::Not(Box::new(condition.into_condition())))
}

/// `!User.active`
impl<T: Truth> std::ops::Not for Expr<T> {
    type Output = Expr<bool>;

    fn not(self) -> Expr<bool> {
        not(self)
    }
}

impl<M, T: Truth> std::ops::Not for Column<M, T> {
    type Output = Expr<bool>;

    fn not(self) -> Expr<bool> {
        not(self)
    }
}

/// `a & b`, as Django writes it.
impl<T: Truth, R: Condition> std::ops::BitAnd<R> for Expr<T> {
    type Output = Expr<bool>;

    fn bitand(self, other: R) -> Expr<bool> {
        self.and(other)
    }
}

/// `a | b`
impl<T: Truth, R: Condition> std::ops::BitOr<R> for Expr<T> {
    type Output = Expr<bool>;

    fn bitor(self, other: R) -> Expr<bool> {
        self.or(other)
    }
}

/// A truth value by itself: `filter(true)` keeps every row.
#[diagnostic::do_not_recommend]
impl Condition for bool {
    fn into_condition(self) -> ast::Expr {
        ast::Expr::Bool(self)
    }
}
