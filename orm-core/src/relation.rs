//! Relations as values: `User.posts`, `Post.author`.
//!
//! A relation knows how two tables meet; it loads nothing. In a statement it is something to join
//! (`.join(User.posts)`) or to ask about (`User.posts.any(..)`). The foreign key's column is the only truth: both
//! sides of a relation are read from it.

use std::fmt;
use std::marker::PhantomData;

use crate::ast::{BinaryOp, ColumnRef, Expr as Tree, Join, JoinKind, Operation, Projection, Select, TableRef};
use crate::error::{Error, Result};
use crate::expr::{Condition, Expr};
use crate::meta::{ForeignKeyMeta, TableMeta};
use crate::model::{Entity, Model};

/// A relation from model `From` to model `To`. `Kind` is one of [`kind`]'s.
pub struct Relation<From, To, Kind> {
    from: TableRef,
    to: Option<&'static str>,
    /// What the table between is called, if it is not called by its own name.
    between: Option<TableRef>,
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
    /// By a foreign key of the other side, by its number.
    Theirs(fn() -> u16),
    /// By a table between.
    Through(fn() -> Between),
}

/// A table between two others, and which of its foreign keys point at them. The derive has it made by
/// [`fits`](crate::fits).
#[derive(Debug, Clone, Copy)]
pub struct Between {
    table: &'static TableMeta,
    from: u16,
    to: u16,
}

impl Between {
    pub(crate) const fn new(table: &'static TableMeta, from: u16, to: u16) -> Self {
        Between { table, from, to }
    }
}

impl<From, To> BelongsTo<From, To> {
    /// The relation by foreign key number `key` of the table. The derive calls this.
    #[must_use]
    pub const fn new(from: TableRef, key: u16) -> Self {
        Relation { from, to: None, between: None, path: Path::Own(key), types: PhantomData }
    }
}

impl<From, To> MaybeBelongsTo<From, To> {
    /// The relation by foreign key number `key` of the table. The derive calls this.
    #[must_use]
    pub const fn new(from: TableRef, key: u16) -> Self {
        Relation { from, to: None, between: None, path: Path::Own(key), types: PhantomData }
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
    /// The relation by foreign key number `key()` of the other table. The derive calls this.
    #[must_use]
    pub const fn new(from: TableRef, key: fn() -> u16) -> Self {
        Relation { from, to: None, between: None, path: Path::Theirs(key), types: PhantomData }
    }
}

impl<From, To> HasOne<From, To> {
    /// The relation by foreign key number `key()` of the other table. The derive calls this.
    #[must_use]
    pub const fn new(from: TableRef, key: fn() -> u16) -> Self {
        Relation { from, to: None, between: None, path: Path::Theirs(key), types: PhantomData }
    }
}

impl<From, To> ManyToMany<From, To> {
    /// The relation through a table between. The derive calls this.
    #[must_use]
    pub const fn new(from: TableRef, through: fn() -> Between) -> Self {
        Relation { from, to: None, between: None, path: Path::Through(through), types: PhantomData }
    }
}

impl<From: Model, To: Model> ManyToMany<From, To> {
    /// The same relation through an alias of the table between, which a statement needs that goes through it twice.
    ///
    /// Without one the table is there by its own name, and its columns can be selected: `select((Tag.name,
    /// PostTag.since)).join(Post.tags)`.
    ///
    /// # Errors
    ///
    /// When run: [`Error::Statement`] if the relation goes through another table.
    #[must_use = "gives a new relation"]
    pub fn through<Between: Entity>(mut self, alias: Between) -> Self {
        self.between = Some(alias.table_ref());
        self
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

    /// By which columns the two tables meet.
    ///
    /// # Errors
    ///
    /// [`Error::Statement`] if no foreign key leads between them.
    pub(crate) fn meeting(&self) -> Result<Meeting> {
        self.path.meeting(self.from.meta, To::TABLE)
    }

    /// Adds the joins that lead to the other side: two where a table stands between.
    pub(crate) fn push_joins(&self, kind: JoinKind, joins: &mut Vec<Join>) {
        match self.meeting() {
            Ok(meeting) => meeting.push_joins(self.from, self.target(), kind, joins),
            Err(error) => joins.push(Join {
                kind,
                table: self.target(),
                left: Some(self.from),
                on: Some(Tree::Invalid(error.to_string().into())),
            }),
        }
    }
}

/// By which columns two tables meet: those of this side hold the values of those of the other, one by one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meeting {
    pub(crate) own: &'static [u16],
    /// Of the table between, if there is one.
    pub(crate) theirs: &'static [u16],
    pub(crate) through: Option<Through>,
}

/// The table between two others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Through {
    pub(crate) table: &'static TableMeta,
    /// The columns of it that point at [`Meeting::own`].
    pub(crate) from: &'static [u16],
    /// The columns of it that point at [`Meeting::theirs`].
    pub(crate) to: &'static [u16],
}

impl Path {
    fn meeting(self, from: &'static TableMeta, target: &'static TableMeta) -> Result<Meeting> {
        let direct = |own, theirs| Meeting { own, theirs, through: None };
        match self {
            Path::Own(number) => {
                let key = foreign_key(from, number, target)?;
                Ok(direct(key.columns, key.referenced()))
            }
            Path::Theirs(number) => {
                let key = foreign_key(target, number(), from)?;
                Ok(direct(key.referenced(), key.columns))
            }
            Path::Through(between) => {
                let Between { table, from: to_own, to: to_theirs } = between();
                let (to_own, to_theirs) = (foreign_key(table, to_own, from)?, foreign_key(table, to_theirs, target)?);
                let through = Through { table, from: to_own.columns, to: to_theirs.columns };
                Ok(Meeting { own: to_own.referenced(), theirs: to_theirs.referenced(), through: Some(through) })
            }
        }
    }
}

fn foreign_key(table: &'static TableMeta, number: u16, other: &TableMeta) -> Result<&'static ForeignKeyMeta> {
    table.foreign_keys.get(usize::from(number)).ok_or_else(|| unrelated(table, other))
}

#[cold]
fn unrelated(one: &TableMeta, other: &TableMeta) -> Error {
    Error::Statement(format!("no foreign key leads between `{}` and `{}`", one.model, other.model))
}

impl Meeting {
    fn push_joins(self, from: TableRef, target: TableRef, kind: JoinKind, joins: &mut Vec<Join>) {
        match self.through {
            None => joins.push(join(kind, (from, self.own), (target, self.theirs))),
            Some(Through { table, from: to_own, to: to_theirs }) => {
                let between = TableRef { meta: table, alias: None };
                joins.push(join(kind, (from, self.own), (between, to_own)));
                joins.push(join(kind, (between, to_theirs), (target, self.theirs)));
            }
        }
    }
}

/// The columns of a table.
type Side = (TableRef, &'static [u16]);

/// `JOIN post ON post.author_id = users.id`, the table that is being joined on the left side.
fn join(kind: JoinKind, (left, own): Side, (table, theirs): Side) -> Join {
    let side = |table, index: &u16| Tree::Column(ColumnRef { table, index: *index });
    let mut pairs = theirs
        .iter()
        .zip(own)
        .map(|(joined, other)| Tree::Binary(BinaryOp::Eq, Box::new((side(table, joined), side(left, other)))));
    let on = match (pairs.next(), pairs.next()) {
        (Some(only), None) => only,
        (first, second) => Tree::And(first.into_iter().chain(second).chain(pairs).collect()),
    };
    Join { kind, table, left: Some(left), on: Some(on) }
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
