//! Questions to related rows: whether there are any, how many there are, and what they come to; over several hops too.

use std::fmt;
use std::marker::PhantomData;

use super::join::Joinable;
use super::with::{Related, Wanted};
use crate::ast::{Alias, Expr as Tree, Join, JoinKind, Operation, Projection, Select, TableRef};
use crate::expr::{AggregateExpr, Condition, Expr, Expression, count_all};
use crate::model::{Entity, Model};
use crate::relation::{Relation, kind};
use crate::types::SqlType;

/// Relations one after the other: `User.posts.then(Post.comments)` leads from users to the comments on their posts.
///
/// It can be joined, asked about and aggregated like a relation.
#[must_use = "use it in a statement"]
pub struct Hops<From, To> {
    from: TableRef,
    target: TableRef,
    joins: Vec<Join>,
    types: PhantomData<fn() -> (From, To)>,
}

impl<From: Model, To: Model, Kind> Relation<From, To, Kind> {
    /// True of the rows that have at least one related row for which `condition` is true.
    ///
    /// It is a correlated `EXISTS`, never a join, so no row comes twice.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let authors = select(User.name).filter(User.posts.any(Post.title.starts_with("A")));
    /// assert_sql!(authors, sqlite: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id" AND "post"."title" LIKE ?1 ESCAPE '\')"#);
    /// ```
    #[must_use = "gives a condition"]
    pub fn any(self, condition: impl Condition) -> Expr<bool> {
        self.hops().any(condition)
    }

    /// True of the rows that have no related row for which `condition` is true.
    #[must_use = "gives a condition"]
    pub fn none(self, condition: impl Condition) -> Expr<bool> {
        self.hops().none(condition)
    }

    /// True of the rows that have a related row at all.
    #[must_use = "gives a condition"]
    pub fn exists(self) -> Expr<bool> {
        self.apart().hops().exists()
    }

    /// Goes on from the related rows by a relation of theirs.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let boss = User.alias("boss");
    /// let bosses_posts = select((User.name, User.manager.to(boss).then(boss.posts).count()));
    /// assert_sql!(bosses_posts, sqlite: concat!(
    ///     r#"SELECT "users"."name", (SELECT count(*) FROM "users" AS "boss" "#,
    ///     r#"JOIN "post" ON "post"."author_id" = "boss"."id" WHERE "boss"."id" = "users"."manager_id") FROM "users""#,
    /// ));
    /// ```
    pub fn then<Next: Model, K>(self, next: Relation<To, Next, K>) -> Hops<From, Next> {
        self.hops().then(next)
    }

    /// How many related rows each row has.
    ///
    /// It is a subquery, so it multiplies no rows, and can be selected, filtered and ordered by.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let busiest = select((User.name, User.posts.count())).order_by(User.posts.count().desc());
    /// assert_sql!(busiest, sqlite: concat!(
    ///     r#"SELECT "users"."name", (SELECT count(*) FROM "post" WHERE "post"."author_id" = "users"."id") FROM "users" "#,
    ///     r#"ORDER BY (SELECT count(*) FROM "post" WHERE "post"."author_id" = "users"."id") DESC"#,
    /// ));
    /// ```
    #[must_use = "gives an expression"]
    pub fn count(self) -> Expr<i64> {
        self.apart().hops().count()
    }

    /// An aggregate of the related rows of each row.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let newest: Select<(String, Option<i64>)> = select((User.name, User.posts.aggregate(max(Post.id))));
    /// assert_sql!(newest, sqlite: r#"SELECT "users"."name", (SELECT max("post"."id") FROM "post" WHERE "post"."author_id" = "users"."id") FROM "users""#);
    /// ```
    #[must_use = "gives an expression"]
    pub fn aggregate<T: SqlType>(self, aggregate: AggregateExpr<T>) -> Expr<T> {
        self.hops().aggregate(aggregate)
    }

    /// The other side of a self-reference under another name. It is for questions that name nothing of the other side;
    /// elsewhere the program has to say which of the two it means.
    fn apart(self) -> Self {
        let itself = self.from() == self.target();
        if itself { self.to(To::Columns::aliased(Alias::Table("related"))) } else { self }
    }

    fn hops(self) -> Hops<From, To> {
        let mut joins = Vec::with_capacity(2);
        self.push_joins(JoinKind::Inner, &mut joins);
        Hops { from: self.from(), target: self.target(), joins, types: PhantomData }
    }
}

impl<From: Model, To: Model> Hops<From, To> {
    /// Goes on by one more relation.
    pub fn then<Next: Model, K>(mut self, next: Relation<To, Next, K>) -> Hops<From, Next> {
        next.push_joins(JoinKind::Inner, &mut self.joins);
        Hops { from: self.from, target: next.target(), joins: self.joins, types: PhantomData }
    }

    /// True of the rows that have at least one related row for which `condition` is true.
    #[must_use = "gives a condition"]
    pub fn any(self, condition: impl Condition) -> Expr<bool> {
        exists(self.question(vec![Projection::One], [condition.into_condition()]), false)
    }

    /// True of the rows that have no related row for which `condition` is true.
    #[must_use = "gives a condition"]
    pub fn none(self, condition: impl Condition) -> Expr<bool> {
        exists(self.question(vec![Projection::One], [condition.into_condition()]), true)
    }

    /// True of the rows that have a related row at all.
    #[must_use = "gives a condition"]
    pub fn exists(self) -> Expr<bool> {
        exists(self.question(vec![Projection::One], []), false)
    }

    /// How many related rows each row has. One that is reached in several ways counts as often.
    #[must_use = "gives an expression"]
    pub fn count(self) -> Expr<i64> {
        self.aggregate(count_all())
    }

    /// An aggregate of the related rows of each row.
    #[must_use = "gives an expression"]
    pub fn aggregate<T: SqlType>(self, aggregate: AggregateExpr<T>) -> Expr<T> {
        scalar(self.question(vec![Projection::Expr(aggregate.into_tree())], []))
    }

    /// A subquery of the related rows of the row around it.
    fn question(
        self,
        projection: Vec<Projection>,
        conditions: impl IntoIterator<Item = Tree>,
    ) -> Result<Select, Box<str>> {
        let Hops { from, mut joins, .. } = self;
        if joins.iter().any(|join| join.table == from) {
            return Err(format!(
                "the relation leads from `{0}` to itself: name the other side with `.to({0}.alias(\"other\"))`",
                from.meta.model
            )
            .into());
        }
        if joins.is_empty() {
            return Err("the relation leads nowhere".into());
        }
        // The first table is not joined but selected from, and what joins it is a condition on the rows around.
        let first = joins.remove(0);
        let mut select = Select { projection, from: Some(first.table), joins, ..Select::default() };
        select.filter.extend(first.on);
        conditions.into_iter().for_each(|condition| condition.and_into(&mut select.filter));
        Ok(select)
    }
}

impl<From: Model, To: Model, Kind: kind::Loads, Row: Send + 'static, Nested> Related<From, To, Kind, Row, Nested> {
    /// How many of these related rows each row has.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let drafts = select((User.name, User.posts.filter(Post.body.is_null()).count()));
    /// assert_sql!(drafts, sqlite: r#"SELECT "users"."name", (SELECT count(*) FROM "post" WHERE "post"."author_id" = "users"."id" AND "post"."body" IS NULL) FROM "users""#);
    /// ```
    #[must_use = "gives an expression"]
    pub fn count(self) -> Expr<i64> {
        self.aggregate(count_all())
    }

    /// An aggregate of these related rows of each row.
    #[must_use = "gives an expression"]
    pub fn aggregate<T: SqlType>(self, aggregate: AggregateExpr<T>) -> Expr<T> {
        let Wanted { relation, ast, per_row, .. } = self.into_wanted();
        if per_row.is_some() {
            return Expr::new(Tree::Invalid("an aggregate of so many related rows: leave out the limit".into()));
        }
        let mut hops = relation.hops();
        hops.joins.extend(ast.joins);
        let question = hops.question(vec![Projection::Expr(aggregate.into_tree())], ast.filter);
        scalar(question.map(|select| Select { lifted: ast.lifted, ..select }))
    }
}

fn scalar<T: SqlType>(select: Result<Select, Box<str>>) -> Expr<T> {
    Expr::new(select.map_or_else(Tree::Invalid, |select| Tree::Subquery(Box::new(select))))
}

fn exists(select: Result<Select, Box<str>>, negated: bool) -> Expr<bool> {
    let exists = |select| Tree::Operation(Box::new(Operation::Exists { select: Box::new(select), negated }));
    Expr::new(select.map_or_else(Tree::Invalid, exists))
}

#[diagnostic::do_not_recommend]
impl<From: Model, To: Model> Joinable for Hops<From, To> {
    fn append_joins(self, kind: JoinKind, joins: &mut Vec<Join>) {
        joins.extend(self.joins.into_iter().map(|join| Join { kind, ..join }));
    }
}

impl<From, To> Clone for Hops<From, To> {
    fn clone(&self) -> Self {
        Hops { from: self.from, target: self.target, joins: self.joins.clone(), types: PhantomData }
    }
}

impl<From: Model, To: Model> fmt::Debug for Hops<From, To> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> .. -> {}", From::TABLE.model, self.target.meta.model)
    }
}
