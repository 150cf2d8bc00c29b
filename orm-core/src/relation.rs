//! Relations as values: `User.posts`, `Post.author`.
//!
//! A relation knows how two tables meet; it loads nothing. In a statement it is something to join
//! (`.join(User.posts)`) or to ask about (`User.posts.any(..)`). The foreign key's column is the only truth: both
//! sides of a relation are read from it.

use std::fmt;
use std::marker::PhantomData;

use crate::ast::{Alias, BinaryOp, ColumnRef, Expr as Tree, Join, JoinKind, TableRef};
use crate::error::{Error, Result};
use crate::meta::{ForeignKeyMeta, TableMeta};
use crate::model::{Entity, Model};

/// A relation from model `From` to model `To`. `Kind` is one of [`kind`]'s.
pub struct Relation<From, To, Kind> {
    from: TableRef,
    to: Option<Alias>,
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
/// A table between, the model `Between`, holds the keys of both: `Post.tags`.
pub type ManyToMany<From, To, Between> = Relation<From, To, kind::ManyToMany<Between>>;

/// The kinds of relations.
pub mod kind {
    use std::marker::PhantomData;

    use crate::error::{Error, Result};

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
    /// A table between, whose model is `Between`, holds the keys of both.
    #[derive(Debug, Clone, Copy)]
    pub struct ManyToMany<Between>(PhantomData<fn() -> Between>);

    /// What is loaded by a relation of this kind.
    pub trait Loads: 'static {
        /// What stands beside each row: the related row, or the list of them.
        type Loaded<Row: Send + 'static>: Send + 'static;
        /// The kind when only some of the related rows are wanted.
        type Filtered: Loads;
        /// Whether the row itself has the key of the other.
        const BELONGS: bool;

        /// Puts related rows beside those that they belong to: `owners` has the number of the one for each, of `count`.
        ///
        /// # Errors
        ///
        /// [`Error::NoRelated`] if one must have a related row, and has none.
        fn gather<Row: Send + 'static>(
            rows: Vec<Row>,
            owners: &[u32],
            count: usize,
            relation: &'static str,
        ) -> Result<Vec<Self::Loaded<Row>>>;
    }

    /// There is one related row at most.
    #[diagnostic::on_unimplemented(
        message = "a relation to many rows cannot be loaded by a join",
        label = "each row would come once for each of them",
        note = "without `.joined()` one further statement loads them all"
    )]
    pub trait ToOne: Loads {}
    impl ToOne for BelongsTo {}
    impl ToOne for MaybeBelongsTo {}
    impl ToOne for HasOne {}

    impl Loads for BelongsTo {
        type Loaded<Row: Send + 'static> = Row;
        type Filtered = MaybeBelongsTo;
        const BELONGS: bool = true;

        fn gather<Row: Send + 'static>(
            rows: Vec<Row>,
            owners: &[u32],
            count: usize,
            relation: &'static str,
        ) -> Result<Vec<Row>> {
            if rows.len() == count && owners.is_sorted() {
                return Ok(rows);
            }
            let rows = at_most_one(rows, owners, count).into_iter();
            rows.map(|row| row.ok_or(Error::NoRelated { relation })).collect()
        }
    }

    impl Loads for MaybeBelongsTo {
        type Loaded<Row: Send + 'static> = Option<Row>;
        type Filtered = MaybeBelongsTo;
        const BELONGS: bool = true;

        fn gather<Row: Send + 'static>(
            rows: Vec<Row>,
            owners: &[u32],
            count: usize,
            _relation: &'static str,
        ) -> Result<Vec<Option<Row>>> {
            Ok(at_most_one(rows, owners, count))
        }
    }

    impl Loads for HasOne {
        type Loaded<Row: Send + 'static> = Option<Row>;
        type Filtered = HasOne;
        const BELONGS: bool = false;

        fn gather<Row: Send + 'static>(
            rows: Vec<Row>,
            owners: &[u32],
            count: usize,
            _relation: &'static str,
        ) -> Result<Vec<Option<Row>>> {
            Ok(at_most_one(rows, owners, count))
        }
    }

    impl Loads for HasMany {
        type Loaded<Row: Send + 'static> = Vec<Row>;
        type Filtered = HasMany;
        const BELONGS: bool = false;

        fn gather<Row: Send + 'static>(
            rows: Vec<Row>,
            owners: &[u32],
            count: usize,
            _relation: &'static str,
        ) -> Result<Vec<Vec<Row>>> {
            Ok(lists(rows, owners, count))
        }
    }

    impl<Between: 'static> Loads for ManyToMany<Between> {
        type Loaded<Row: Send + 'static> = Vec<Row>;
        type Filtered = ManyToMany<Between>;
        const BELONGS: bool = false;

        fn gather<Row: Send + 'static>(
            rows: Vec<Row>,
            owners: &[u32],
            count: usize,
            _relation: &'static str,
        ) -> Result<Vec<Vec<Row>>> {
            Ok(lists(rows, owners, count))
        }
    }

    fn at_most_one<Row>(rows: Vec<Row>, owners: &[u32], count: usize) -> Vec<Option<Row>> {
        let mut found: Vec<Option<Row>> = std::iter::repeat_with(|| None).take(count).collect();
        for (row, owner) in rows.into_iter().zip(owners) {
            if let Some(place) = found.get_mut(*owner as usize) {
                *place = Some(row);
            }
        }
        found
    }

    /// Each list has room for what comes into it, so that none grows.
    fn lists<Row>(rows: Vec<Row>, owners: &[u32], count: usize) -> Vec<Vec<Row>> {
        let mut counts = vec![0_u32; count];
        owners.iter().for_each(|owner| counts.get_mut(*owner as usize).into_iter().for_each(|count| *count += 1));
        if owners.is_sorted() {
            let mut rows = rows.into_iter();
            return counts.into_iter().map(|count| rows.by_ref().take(count as usize).collect()).collect();
        }
        let mut lists: Vec<Vec<Row>> = counts.into_iter().map(|count| Vec::with_capacity(count as usize)).collect();
        for (row, owner) in rows.into_iter().zip(owners) {
            if let Some(list) = lists.get_mut(*owner as usize) {
                list.push(row);
            }
        }
        lists
    }
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

impl<From, To, B> ManyToMany<From, To, B> {
    /// The relation through a table between. The derive calls this.
    #[must_use]
    pub const fn new(from: TableRef, through: fn() -> Between) -> Self {
        Relation { from, to: None, between: None, path: Path::Through(through), types: PhantomData }
    }
}

impl<From: Model, To: Model, B: Model> ManyToMany<From, To, B> {
    /// The same relation through an alias of the table between, which a statement needs that goes through it twice.
    ///
    /// Without one the table is there by its own name, and its columns can be selected: `select((Tag.name,
    /// PostTag.since)).join(Post.tags)`.
    #[must_use = "gives a new relation"]
    pub fn through(mut self, alias: B::Columns) -> Self {
        self.between = Some(alias.table_ref());
        self
    }
}

/// Where the keys of a relation are, and which they are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Route {
    /// In this side.
    Own(u16),
    /// In the other side.
    Theirs(u16),
    /// In a table between: one points at this side, the other at the other one.
    Through { from: u16, to: u16 },
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

    /// The table that it leads to.
    pub(crate) fn target(&self) -> TableRef {
        TableRef { meta: To::TABLE, alias: self.to }
    }

    /// The table that it leads from.
    pub(crate) fn from(&self) -> TableRef {
        self.from
    }

    /// Where its keys are.
    pub(crate) fn route(&self) -> Route {
        match self.path {
            Path::Own(key) => Route::Own(key),
            Path::Theirs(key) => Route::Theirs(key()),
            Path::Through(between) => {
                let Between { from, to, .. } = between();
                Route::Through { from, to }
            }
        }
    }

    /// Its name, for messages: the first of those that lead to the other model, where a column tells no more.
    pub(crate) fn name(&self) -> &'static str {
        let own = match self.path {
            Path::Own(key) => From::TABLE.foreign_keys.get(usize::from(key)).map(|key| key.relation),
            Path::Theirs(_) | Path::Through(_) => None,
        };
        let to_target = || From::TABLE.relations.iter().find(|relation| *(relation.target)() == *To::TABLE);
        own.or_else(|| to_target().map(|relation| relation.name)).unwrap_or(To::TABLE.model)
    }

    /// The same relation, as one of another kind.
    pub(crate) fn of_kind<Other>(self) -> Relation<From, To, Other> {
        Relation { from: self.from, to: self.to, between: self.between, path: self.path, types: PhantomData }
    }

    /// By which columns the two tables meet.
    ///
    /// # Errors
    ///
    /// [`Error::Statement`] if no foreign key leads between them.
    pub(crate) fn meeting(&self) -> Result<Meeting> {
        self.path.meeting(self.from.meta, To::TABLE)
    }

    /// The table between, by the name that it has in the statement.
    fn table_between(&self, meeting: Meeting) -> Option<TableRef> {
        let own = meeting.through.map(|through| TableRef { meta: through.table, alias: None });
        own.map(|own| self.between.unwrap_or(own))
    }

    /// Adds the joins that lead to the other side: two where a table stands between.
    pub(crate) fn push_joins(&self, kind: JoinKind, joins: &mut Vec<Join>) {
        let meeting = self.meeting().map(|meeting| (meeting, self.table_between(meeting)));
        match meeting {
            Ok((meeting, between)) => meeting.push_joins(self.from, between, self.target(), kind, joins),
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
#[derive(Debug, Clone, Copy, Default)]
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
    fn push_joins(
        self,
        from: TableRef,
        between: Option<TableRef>,
        target: TableRef,
        kind: JoinKind,
        joins: &mut Vec<Join>,
    ) {
        match self.through.zip(between) {
            None => joins.push(join(kind, (from, self.own), (target, self.theirs))),
            Some((Through { from: to_own, to: to_theirs, .. }, between)) => {
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
