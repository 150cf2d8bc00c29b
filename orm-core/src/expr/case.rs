//! `CASE WHEN`.

use super::expression::operation;
use super::{Condition, Expr};
use crate::ast::{self, Operation};
use crate::types::{Comparable, Scalar, SqlType};
use std::marker::PhantomData;

/// A `CASE` that has its conditions, and may get an `ELSE`.
#[derive(Debug, Clone)]
pub struct Case<T> {
    when: Vec<(ast::Expr, ast::Expr)>,
    type_: PhantomData<fn() -> T>,
}

/// Begins a `CASE` whose results are of type `T`: `case::<String>()`.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// let group = case::<String>().when(User.age.lt(18), "minor").otherwise("adult");
/// let q = select((User.name, group));
/// assert_sql!(q, sqlite: r#"SELECT "users"."name", CASE WHEN "users"."age" < ?1 THEN ?2 ELSE ?3 END FROM "users""#);
/// ```
#[must_use = "add `.when(..)` and `.otherwise(..)`"]
pub fn case<T: Scalar>() -> Case<T> {
    Case { when: Vec::new(), type_: PhantomData }
}

impl<T: Scalar> Case<T> {
    /// The result if `condition` is true and none before it was.
    #[must_use = "add `.otherwise(..)`"]
    pub fn when<R: Comparable<T>>(mut self, condition: impl Condition, result: R) -> Self {
        self.when.push((condition.into_condition(), result.into_operand()));
        self
    }

    /// The result if no condition is true.
    pub fn otherwise<R: Comparable<T>>(self, result: R) -> Expr<R::Type> {
        let otherwise = result.into_operand();
        match self.when.is_empty() {
            true => Expr::new(otherwise),
            false => operation(Operation::Case { when: self.when, otherwise: Some(otherwise) }),
        }
    }

    /// NULL if no condition is true.
    pub fn end(self) -> Expr<Option<T>> {
        if self.when.is_empty() {
            return Expr::new(ast::Expr::Bind(<Option<T> as SqlType>::to_value(&None)));
        }
        operation(Operation::Case { when: self.when, otherwise: None })
    }
}
