//! What `join` takes.

use crate::ast::{Expr, Join, JoinKind, Source, TableRef};
use crate::expr::Condition;
use crate::model::Model;
use crate::relation::Relation;

/// A relation (`User.posts`), or a model with a condition (`boss.on(..)`).
#[diagnostic::on_unimplemented(
    message = "cannot join `{Self}`",
    label = "expected a relation such as `User.posts`, or `other.on(condition)`; for every pair use `.cross_join(..)`"
)]
pub trait Joinable {
    /// Adds the queries that the joins read from.
    fn append_sources(&self, _sources: &mut Vec<Source>) {}

    /// Adds the joins.
    fn append_joins(self, kind: JoinKind, joins: &mut Vec<Join>);
}

#[diagnostic::do_not_recommend]
impl<From: Model, To: Model, Kind> Joinable for Relation<From, To, Kind> {
    fn append_joins(self, kind: JoinKind, joins: &mut Vec<Join>) {
        self.push_joins(kind, joins);
    }
}

/// A table with the condition on which it is joined.
#[derive(Debug, Clone)]
pub struct JoinOn {
    pub(super) table: TableRef,
    pub(super) on: Expr,
}

impl JoinOn {
    /// A further condition.
    #[must_use = "gives the new join"]
    pub fn and_on(self, condition: impl Condition) -> Self {
        JoinOn { table: self.table, on: Expr::And(vec![self.on, condition.into_condition()]) }
    }
}

#[diagnostic::do_not_recommend]
impl Joinable for JoinOn {
    fn append_joins(self, kind: JoinKind, joins: &mut Vec<Join>) {
        joins.push(Join { kind, table: self.table, left: None, on: Some(self.on) });
    }
}

/// A relation with a further condition.
#[derive(Debug, Clone)]
pub struct RelationOn<R> {
    relation: R,
    condition: Expr,
}

impl<From: Model, To: Model, Kind> Relation<From, To, Kind> {
    /// Joins by the relation and a further condition, which for an outer join is not the same as a filter.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let q = select((User.name, Post.title.optional())).left_join(User.posts.and_on(Post.title.ne("")));
    /// assert_sql!(q, sqlite: r#"SELECT "users"."name", "post"."title" FROM "users" LEFT JOIN "post" ON "post"."author_id" = "users"."id" AND "post"."title" <> ?1"#);
    /// ```
    #[must_use = "use it in a join"]
    pub fn and_on(self, condition: impl Condition) -> RelationOn<Self> {
        RelationOn { relation: self, condition: condition.into_condition() }
    }
}

#[diagnostic::do_not_recommend]
impl<R: Joinable> Joinable for RelationOn<R> {
    fn append_sources(&self, sources: &mut Vec<Source>) {
        self.relation.append_sources(sources);
    }

    fn append_joins(self, kind: JoinKind, joins: &mut Vec<Join>) {
        let first = joins.len();
        self.relation.append_joins(kind, joins);
        let through = joins.len() > first + 1;
        let Some(last) = joins.last_mut() else { return };
        last.on = match kind {
            // The row between stays whether its partner fulfils the condition or not, and the left side with it.
            JoinKind::Left | JoinKind::Full if through => Some(Expr::Invalid(
                "an outer join through a table between takes no further condition: it would keep a row for each of \
                 that table's; select what is wanted in a subquery, or use an inner join"
                    .into(),
            )),
            _ => Some(Expr::And(last.on.take().into_iter().chain([self.condition]).collect())),
        };
    }
}
