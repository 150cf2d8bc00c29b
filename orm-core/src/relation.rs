//! Relations as values: `User.posts`, `Post.author`.
//!
//! A relation knows how two tables meet; it loads nothing. In a statement it is something to join
//! (`.join(User.posts)`) or to ask about (`User.posts.any(..)`). The foreign key's column is the only truth: both
//! sides of a relation are read from it.

use std::fmt;
use std::marker::PhantomData;

use crate::ast::{Alias, BinaryOp, ColumnRef, Expr as Tree, Join, JoinKind, Operation, Projection, Select, TableRef};
use crate::expr::{Condition, Expr};
use crate::meta::{ForeignKeyMeta, TableMeta};
use crate::model::{Entity, Model};

/// A relation from model `From` to model `To`. `Kind` is one of [`kind`]'s.
pub struct Relation<From, To, Kind> {
    from: TableRef,
    to: Option<Alias>,
    path: Path,
    types: Types<From, To, Kind>,
}

type Types<From, To, Kind> = PhantomData<fn() -> (From, To, Kind)>;

/// The row holds the other's key: `Post.author`.
pub type BelongsTo<From, To> = Relation<From, To, kind::BelongsTo>;
/// The row holds the other's key, or NULL: `User.manager`.
pub type MaybeBelongsTo<From, To> = Relation<From, To, kind::MaybeBelongsTo>;
/// The others hold this row's key: `User.posts`.
pub type HasMany<From, To> = Relation<From, To, kind::HasMany>;
/// One other holds this row's key: `User.profile`.
pub type HasOne<From, To> = Relation<From, To, kind::HasOne>;
/// A table between holds the keys of both: `Post.tags`.
pub type ManyToMany<From, To> = Relation<From, To, kind::ManyToMany>;

/// The kinds of relations.
pub mod kind {
    /// The row holds the other's key.
    #[derive(Debug, Clone, Copy)]
    pub struct BelongsTo;
    /// The row holds the other's key, or NULL.
    #[derive(Debug, Clone, Copy)]
    pub struct MaybeBelongsTo;

    /// The row itself holds the key.
    pub trait OwnKey {}
    impl OwnKey for BelongsTo {}
    impl OwnKey for MaybeBelongsTo {}

    /// Several others hold this row's key.
    #[derive(Debug, Clone, Copy)]
    pub struct HasMany;
    /// One other holds this row's key.
    #[derive(Debug, Clone, Copy)]
    pub struct HasOne;
    /// A table between holds the keys of both.
    #[derive(Debug, Clone, Copy)]
    pub struct ManyToMany;
}

/// How the tables meet.
#[derive(Clone, Copy)]
enum Path {
    /// By a foreign key of this side, by its number.
    Own(u16),
    /// By a foreign key of the other side, by its first column.
    Theirs(fn() -> ColumnRef),
    /// By a table between.
    Through(fn() -> &'static TableMeta),
}

impl<From, To> BelongsTo<From, To> {
    /// The relation by foreign key number `key` of the table. The derive calls this.
    #[must_use]
    pub const fn new(from: TableRef, key: u16) -> Self {
        Relation { from, to: None, path: Path::Own(key), types: PhantomData }
    }
}

impl<From, To> MaybeBelongsTo<From, To> {
    /// The relation by foreign key number `key` of the table. The derive calls this.
    #[must_use]
    pub const fn new(from: TableRef, key: u16) -> Self {
        Relation { from, to: None, path: Path::Own(key), types: PhantomData }
    }
}

impl<From, To, Kind: kind::OwnKey> Relation<From, To, Kind> {
    /// The number of the foreign key.
    pub(crate) fn foreign_key(self) -> Option<u16> {
        match self.path {
            Path::Own(key) => Some(key),
            Path::Theirs(_) | Path::Through(_) => None,
        }
    }
}

impl<From, To> HasMany<From, To> {
    /// The relation by a column of the other side. The derive calls this.
    #[must_use]
    pub const fn new(from: TableRef, key: fn() -> ColumnRef) -> Self {
        Relation { from, to: None, path: Path::Theirs(key), types: PhantomData }
    }
}

impl<From, To> HasOne<From, To> {
    /// The relation by a column of the other side. The derive calls this.
    #[must_use]
    pub const fn new(from: TableRef, key: fn() -> ColumnRef) -> Self {
        Relation { from, to: None, path: Path::Theirs(key), types: PhantomData }
    }
}

impl<From, To> ManyToMany<From, To> {
    /// The relation through a table between. The derive calls this.
    #[must_use]
    pub const fn new(from: TableRef, through: fn() -> &'static TableMeta) -> Self {
        Relation { from, to: None, path: Path::Through(through), types: PhantomData }
    }
}

impl<From: Model, To: Model, Kind> Relation<From, To, Kind> {
    /// The same relation to an alias of the other table, which a self-reference needs.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let boss = User.alias("boss");
    /// let pairs = select((User.name, boss.name)).join(User.manager.to(boss));
    /// assert_sql!(pairs, sqlite: r#"SELECT "users"."name", "boss"."name" FROM "users" JOIN "users" AS "boss" ON "boss"."id" = "users"."manager_id""#);
    /// ```
    #[must_use = "gives a new relation"]
    pub fn to(mut self, alias: To::Columns) -> Self {
        self.to = alias.table_ref().alias;
        self
    }

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
        self.related(Some(condition.into_condition()), false)
    }

    /// True of the rows that have no related row for which `condition` is true.
    #[must_use = "gives a condition"]
    pub fn none(self, condition: impl Condition) -> Expr<bool> {
        self.related(Some(condition.into_condition()), true)
    }

    /// True of the rows that have a related row at all.
    #[must_use = "gives a condition"]
    pub fn exists(self) -> Expr<bool> {
        self.related(None, false)
    }

    fn target(&self) -> TableRef {
        TableRef { meta: To::TABLE, alias: self.to }
    }

    fn related(self, condition: Option<Tree>, negated: bool) -> Expr<bool> {
        if self.target() == self.from {
            return Expr::new(Tree::Invalid(
                format!(
                    "the relation leads from `{0}` to itself: name the other side with `.to({0}.alias(\"other\"))`",
                    From::TABLE.model
                )
                .into(),
            ));
        }
        let mut select = Select { projection: vec![Projection::One], ..Select::default() };
        self.push_joins(JoinKind::Inner, &mut select.joins);
        // The first table is not joined but selected from, and what joins it is a condition on the rows around.
        let first = select.joins.remove(0);
        select.from = Some(first.table);
        select.filter.extend(first.on);
        if let Some(condition) = condition {
            condition.and_into(&mut select.filter);
        }
        Expr::new(Tree::Operation(Box::new(Operation::Exists { select: Box::new(select), negated })))
    }

    /// Adds the joins that lead to the other side: two where a table stands between.
    pub(crate) fn push_joins(&self, kind: JoinKind, joins: &mut Vec<Join>) {
        self.path.push_joins(self.from, self.target(), kind, joins);
    }
}

impl Path {
    fn push_joins(self, from: TableRef, target: TableRef, kind: JoinKind, joins: &mut Vec<Join>) {
        match self {
            Path::Own(number) => {
                let key = from.meta.foreign_keys.get(usize::from(number));
                joins.push(join(kind, target, from, key.map(|key| meets(from, key, target, target))));
            }
            Path::Theirs(column) => {
                let index = column().index;
                let key = target.meta.foreign_keys.iter().find(|key| key.columns.contains(&index));
                joins.push(join(kind, target, from, key.map(|key| meets(target, key, from, target))));
            }
            Path::Through(between) => {
                let between = TableRef { meta: between(), alias: None };
                let key_to =
                    |side: TableRef| between.meta.foreign_keys.iter().find(|key| *(key.references)() == *side.meta);
                joins.push(join(kind, between, from, key_to(from).map(|key| meets(between, key, from, between))));
                joins.push(join(kind, target, between, key_to(target).map(|key| meets(between, key, target, target))));
            }
        }
    }
}

fn join(kind: JoinKind, table: TableRef, left: TableRef, on: Option<Tree>) -> Join {
    let missing = || {
        Tree::Invalid(format!("no foreign key leads between `{}` and `{}`", left.meta.model, table.meta.model).into())
    };
    Join { kind, table, left: Some(left), on: Some(on.unwrap_or_else(missing)) }
}

/// `parent.id = child.parent_id`, the table that is being joined on the left side.
fn meets(child: TableRef, key: &ForeignKeyMeta, parent: TableRef, joined: TableRef) -> Tree {
    let side = |table, index: &u16| Tree::Column(ColumnRef { table, index: *index });
    let mut pairs = key.columns.iter().zip(parent.meta.primary_key).map(|(child_column, parent_column)| {
        let (child_side, parent_side) = (side(child, child_column), side(parent, parent_column));
        let sides = if joined == child { (child_side, parent_side) } else { (parent_side, child_side) };
        Tree::Binary(BinaryOp::Eq, Box::new(sides))
    });
    match (pairs.next(), pairs.next()) {
        (Some(only), None) => only,
        (first, second) => Tree::And(first.into_iter().chain(second).chain(pairs).collect()),
    }
}

impl<From, To, Kind> Clone for Relation<From, To, Kind> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<From, To, Kind> Copy for Relation<From, To, Kind> {}

impl<From: Model, To: Model, Kind> fmt::Debug for Relation<From, To, Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", From::TABLE.model, To::TABLE.model)
    }
}
