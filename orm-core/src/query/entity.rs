//! What the value `User` can do besides naming its columns.

use super::join::JoinOn;
use super::selection::Optional;
use crate::ast::Alias;
use crate::expr::Condition;
use crate::model::Entity;

/// Aliases, outer sides and joins of a model's value.
pub trait EntityExt: Entity {
    /// The same table under another name, with the same columns: for joining a table to itself.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let boss = User.alias("boss");
    /// let q = select((User.name, boss.name)).join(boss.on(boss.id.eq(User.manager_id)));
    /// assert_sql!(q, sqlite: r#"SELECT "users"."name", "boss"."name" FROM "users" JOIN "users" AS "boss" ON "boss"."id" = "users"."manager_id""#);
    /// ```
    #[must_use = "gives the alias"]
    fn alias(self, name: &'static str) -> Self {
        Self::aliased(Alias::Table(name))
    }

    /// The model as an `Option`, for the outer side of a join: `None` if its primary key is NULL.
    fn optional(self) -> Optional<Self> {
        Optional(self)
    }

    /// The table with the condition on which it is to be joined.
    #[must_use = "use it in a join"]
    fn on(self, condition: impl Condition) -> JoinOn {
        JoinOn { table: self.table_ref(), on: condition.into_condition() }
    }
}

impl<E: Entity> EntityExt for E {}
