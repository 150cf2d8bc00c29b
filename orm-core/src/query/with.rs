//! `.with(User.posts)`: rows together with what is related to them.
//!
//! ```text
//! select(User).with(User.posts)                    (User, Vec<Post>)              2 statements
//! select(User).with(User.posts.with(Post.comments)) (User, Vec<(Post, Vec<Comment>)>) 3 statements
//! select(Post).with(Post.author)                   (Post, User)                   1 statement: a join
//! select(User).with(User.manager)                  (User, Option<User>)           1 statement: a join
//! ```
//!
//! What is loaded is in the type of the row. One further statement for each relation, whatever the number of rows; what a
//! row belongs to is joined. Each can be filtered, ordered and limited, and has relations of its own.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use super::derived::numbered;
use super::join::Joinable;
use super::loader::{Branching, Gather, Joined, Positions, Reader, Separate, With};
use super::select::{Select, select};
use super::selection::Selection;
use super::shape::Shape;
use crate::ast::{self, Alias, ColumnRef, Expr, Join, JoinKind, Projection, QUERY, TableRef};
use crate::error::Result;
use crate::expr::{Condition, IntoOrder};
use crate::model::{Entity, Model};
use crate::relation::{Meeting, Relation, kind};
use crate::value::Value;

/// A relation with what is wanted of it: which related rows, in which order, how many of each row's, and what is related to
/// those.
///
/// [`Relation::filter`] and its like begin it. It stands in a [`Select::with`].
#[must_use = "use it in `.with(..)`"]
pub struct Related<From, To, Kind, Row = To, Nested = ()> {
    relation: Relation<From, To, Kind>,
    select: Select<Row>,
    per_row: Option<u64>,
    how: How,
    /// The relations that are loaded with it, for a session.
    nested: Nested,
}

/// A [`Related`] whose rows are models, whatever is loaded with them.
pub(crate) struct Wanted<From, To, Kind, Nested> {
    pub(crate) relation: Relation<From, To, Kind>,
    pub(crate) ast: ast::Select,
    pub(crate) per_row: Option<u64>,
    pub(crate) nested: Nested,
}

/// Marks that columns of the related rows are read, and no models: a session cannot hold them.
#[derive(Debug, Clone, Copy)]
pub struct Columns;

/// How the rows that others belong to are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// By a join where that costs less.
    Best,
    Join,
    Statement,
}

/// What `.with(..)` takes: a relation, or one with conditions, an order, a limit, or relations of its own.
#[diagnostic::on_unimplemented(
    message = "cannot load `{Self}` with the rows",
    label = "expected a relation such as `User.posts`, or `User.posts.filter(..)`"
)]
pub trait Loadable {
    /// What stands beside each row: `Vec<Post>`, `User`, `Option<User>`.
    type Loaded: Send + 'static;

    /// Adds what the other statement must read for it, and gives what reads it.
    #[doc(hidden)]
    fn plan(self, main: &mut ast::Select) -> Plan<Self::Loaded>;
}

/// How related rows are read.
#[doc(hidden)]
pub struct Plan<Out>(pub(super) Arc<dyn Branching<Out>>);

impl<Out> fmt::Debug for Plan<Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").finish_non_exhaustive()
    }
}

/// A row to which something is added: a model becomes a pair, a tuple one longer.
#[diagnostic::on_unimplemented(
    message = "nothing can be loaded with rows of `{Self}`",
    label = "expected a model, or a tuple of at most 11",
    note = "a single column is a row to which something can be added in a tuple of its own: `select((User.name,))`"
)]
pub trait Append<T> {
    /// The longer row.
    type Row: Send + 'static;

    /// Puts them together.
    fn append(self, last: T) -> Self::Row;
}

#[diagnostic::do_not_recommend]
impl<M: Model, T: Send + 'static> Append<T> for M {
    type Row = (M, T);

    #[inline]
    fn append(self, last: T) -> (M, T) {
        (self, last)
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model, T: Send + 'static> Append<T> for Option<M> {
    type Row = (Option<M>, T);

    #[inline]
    fn append(self, last: T) -> Self::Row {
        (self, last)
    }
}

impl<Row: Send + 'static> Select<Row> {
    /// Loads what is related to each row: `(User, Vec<Post>)`, `(Post, User)`, `(Post, Option<User>)`. Called again, it adds
    /// to the tuple.
    ///
    /// One further statement for each relation, whatever the number of rows; what a row belongs to is joined, under an
    /// alias of its own. All of them see one state of the database in a transaction only.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// let alice = engine.fetch_one(insert(User::builder().name("Alice").email("a")).returning(User)).await?;
    /// engine.execute(insert(Post::builder().title("Hello").author_id(alice.id))).await?;
    ///
    /// let users: Vec<(User, Vec<Post>)> = engine.fetch_all(select(User).with(User.posts)).await?;
    /// assert_eq!(users[0].1[0].title, "Hello");
    ///
    /// let posts: Vec<(Post, User)> = engine.fetch_all(select(Post).with(Post.author)).await?;
    /// assert_eq!(posts[0].1, alice);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When run: [`Error::NoRelated`](crate::Error::NoRelated) if what a row must have is not there.
    pub fn with<L: Loadable>(mut self, relation: L) -> Select<<Row as Append<L::Loaded>>::Row>
    where
        Row: Append<L::Loaded>,
    {
        let Plan(branch) = relation.plan(&mut self.ast);
        let base = self.reader;
        Select { ast: self.ast, reader: Reader::Loading(Arc::new(With { base, branch, append: Append::append })) }
    }
}

impl<From: Model, To: Model, Kind: kind::Loads> Relation<From, To, Kind> {
    pub(crate) fn into_related(self) -> Related<From, To, Kind> {
        let columns = self.target().alias.map_or(To::COLUMNS, To::Columns::aliased);
        Related { relation: self, select: select(columns), per_row: None, how: How::Best, nested: () }
    }

    /// Loads only the related rows for which `condition` is true. What a row belongs to becomes an `Option`.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let q: Select<(User, Vec<Post>)> = select(User).with(User.posts.filter(Post.title.starts_with("A")));
    /// ```
    pub fn filter(self, condition: impl Condition) -> Related<From, To, Kind::Filtered, To> {
        self.into_related().filter(condition)
    }

    /// Loads the related rows in this order.
    pub fn order_by(self, order: impl IntoOrder) -> Related<From, To, Kind> {
        self.into_related().order_by(order)
    }

    /// Joins the related rows with others, to filter or order by them.
    pub fn join(self, other: impl Joinable) -> Related<From, To, Kind> {
        self.into_related().join(other)
    }

    /// Loads at most so many related rows of each row: the first by the order.
    pub fn limit(self, rows: u64) -> Related<From, To, Kind> {
        self.into_related().limit(rows)
    }

    /// Loads what is related to the related rows as well.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let q: Select<(User, Vec<(Post, User)>)> = select(User).with(User.posts.with(Post.author));
    /// ```
    pub fn with<L: Loadable + Clone>(
        self,
        relation: L,
    ) -> Related<From, To, Kind, <To as Append<L::Loaded>>::Row, ((), L)>
    where
        To: Append<L::Loaded>,
    {
        self.into_related().with(relation)
    }

    /// Loads something else of the related rows than the whole model.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let q: Select<(User, Vec<String>)> = select(User).with(User.posts.select(Post.title));
    /// ```
    pub fn select<S: Selection>(self, selection: S) -> Related<From, To, Kind, S::Row, Columns> {
        self.into_related().select(selection)
    }

    /// Lifts all global filters from the related rows, and from what is loaded with them. What it belongs to is then read
    /// by a statement of its own.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// # let alice = engine.fetch_one(insert(User::builder().name("Alice").email("a")).returning(User.id)).await?;
    /// # engine.execute(insert(Post::builder().title("Hello").author_id(alice))).await?;
    /// let published = engine.with_filter(Post, Post.body.is_not_null());
    /// let shown: Vec<(User, Vec<Post>)> = published.fetch_all(select(User).with(User.posts)).await?;
    /// let all = published.fetch_all(select(User).with(User.posts.without_filters())).await?;
    /// assert_eq!((shown[0].1.len(), all[0].1.len()), (0, 1));
    ///
    /// let q = select((User.name, User.posts.without_filters().count()));
    /// assert_eq!(
    ///     published.sql(q)?,
    ///     r#"SELECT "users"."name", (SELECT count(*) FROM "post" WHERE "post"."author_id" = "users"."id") FROM "users""#,
    /// );
    /// # Ok(()) }
    /// ```
    pub fn without_filters(self) -> Related<From, To, Kind> {
        self.into_related().without_filters()
    }

    /// Lifts the global filters of one model from the related rows. See [`without_filters`](Self::without_filters).
    pub fn without_filters_of<E: Entity>(self, entity: E) -> Related<From, To, Kind> {
        self.into_related().without_filters_of(entity)
    }

    /// Loads by a statement of its own what would be joined.
    pub fn separately(self) -> Related<From, To, Kind> {
        self.into_related().separately()
    }

    /// Loads by a join what would be a statement of its own. It is for relations of which there is one at most.
    pub fn joined(self) -> Related<From, To, Kind>
    where
        Kind: kind::ToOne,
    {
        self.into_related().joined()
    }
}

impl<From: Model, To: Model, Kind: kind::Loads, Row: Send + 'static, Nested> Related<From, To, Kind, Row, Nested> {
    fn changed(self, change: impl FnOnce(Select<Row>) -> Select<Row>) -> Self {
        Related { select: change(self.select), ..self }
    }

    /// Loads only the related rows for which `condition` is true. See [`Relation::filter`].
    pub fn filter(self, condition: impl Condition) -> Related<From, To, Kind::Filtered, Row, Nested> {
        let Related { relation, select, per_row, how, nested } = self;
        Related { relation: relation.of_kind(), select: select.filter(condition), per_row, how, nested }
    }

    /// Loads the related rows in this order. Called again, it adds further keys.
    pub fn order_by(self, order: impl IntoOrder) -> Self {
        self.changed(|select| select.order_by(order))
    }

    /// Joins the related rows with others, to filter or order by them.
    pub fn join(self, other: impl Joinable) -> Self {
        self.changed(|select| select.join(other))
    }

    /// Lifts all global filters from the related rows, and from what is loaded with them. See
    /// [`Relation::without_filters`].
    pub fn without_filters(self) -> Self {
        self.changed(Select::without_filters)
    }

    /// Lifts the global filters of one model from the related rows. See [`Relation::without_filters`].
    pub fn without_filters_of<E: Entity>(self, entity: E) -> Self {
        self.changed(|select| select.without_filters_of(entity))
    }

    /// Loads at most so many related rows of each row: the first by the order.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let newest: Select<(User, Vec<Post>)> = select(User).with(User.posts.order_by(Post.id.desc()).limit(3));
    /// ```
    pub fn limit(mut self, rows: u64) -> Self {
        self.per_row = Some(rows);
        self
    }

    /// Loads what is related to the related rows as well. See [`Relation::with`].
    pub fn with<L: Loadable + Clone>(
        self,
        load: L,
    ) -> Related<From, To, Kind, <Row as Append<L::Loaded>>::Row, (Nested, L)>
    where
        Row: Append<L::Loaded>,
    {
        let Related { relation, select, per_row, how, nested } = self;
        Related { relation, select: select.with(load.clone()), per_row, how, nested: (nested, load) }
    }

    /// Loads something else of the related rows than the whole model. See [`Relation::select`].
    pub fn select<S: Selection>(self, selection: S) -> Related<From, To, Kind, S::Row, Columns> {
        let Related { relation, select, per_row, how, nested: _ } = self;
        Related { relation, select: select.of(selection), per_row, how, nested: Columns }
    }

    /// What a session needs to know of it.
    pub(crate) fn into_wanted(self) -> Wanted<From, To, Kind, Nested> {
        let Related { relation, select, per_row, nested, .. } = self;
        let mut ast = select.into_ast();
        // What was added to load further relations is the session's own affair.
        ast.joins.retain(|join| !join.table.alias.is_some_and(|alias| NAMES.contains(&alias.name())));
        ast.projection = vec![Projection::Table(relation.target())];
        ast.from = Some(relation.target());
        Wanted { relation, ast, per_row, nested }
    }

    /// Loads by a statement of its own what would be joined.
    pub fn separately(mut self) -> Self {
        self.how = How::Statement;
        self
    }

    /// Loads by a join what would be a statement of its own. See [`Relation::joined`].
    pub fn joined(mut self) -> Self
    where
        Kind: kind::ToOne,
    {
        self.how = How::Join;
        self
    }
}

impl<From: Model, To: Model, Kind> Related<From, To, Kind> {
    /// Loads shapes of the related rows.
    pub(super) fn shaped<S: Shape<Model = To>>(self) -> Related<From, To, Kind, S, Columns> {
        let Related { relation, select, per_row, how, nested: () } = self;
        let columns = relation.target().alias.map_or(To::COLUMNS, To::Columns::aliased);
        Related { relation, select: S::shaped(select, columns), per_row, how, nested: Columns }
    }
}

impl<From: Model, To: Model, Kind, Row, Nested: Clone> Clone for Related<From, To, Kind, Row, Nested> {
    fn clone(&self) -> Self {
        let Related { relation, select, per_row, how, nested } = self;
        Related { relation: *relation, select: select.clone(), per_row: *per_row, how: *how, nested: nested.clone() }
    }
}

impl<From: Model, To: Model, Kind, Row, Nested> fmt::Debug for Related<From, To, Kind, Row, Nested> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Related")
            .field("relation", &self.relation)
            .field("select", &self.select)
            .finish_non_exhaustive()
    }
}

#[diagnostic::do_not_recommend]
impl<From: Model, To: Model, Kind: kind::Loads> Loadable for Relation<From, To, Kind> {
    type Loaded = Kind::Loaded<To>;

    fn plan(self, main: &mut ast::Select) -> Plan<Self::Loaded> {
        self.into_related().plan(main)
    }
}

#[diagnostic::do_not_recommend]
impl<From: Model, To: Model, Kind: kind::Loads, Row: Send + 'static, Nested> Loadable
    for Related<From, To, Kind, Row, Nested>
{
    type Loaded = Kind::Loaded<Row>;

    fn plan(self, main: &mut ast::Select) -> Plan<Self::Loaded> {
        let Related { relation, select, per_row, how, .. } = self;
        let want = Want {
            name: relation.name(),
            from: relation.from(),
            target: relation.target(),
            meeting: relation.meeting(),
            per_row,
            how,
            belongs: Kind::BELONGS,
        };
        Plan(want.plan(main, select, Kind::gather))
    }
}

/// What is wanted of a relation, its types forgotten.
struct Want {
    name: &'static str,
    from: TableRef,
    target: TableRef,
    meeting: Result<Meeting>,
    per_row: Option<u64>,
    how: How,
    /// Whether the row itself has the key of the other.
    belongs: bool,
}

impl Want {
    fn plan<Row: Send + 'static, Out: Send + 'static>(
        self,
        main: &mut ast::Select,
        select: Select<Row>,
        gather: Gather<Row, Out>,
    ) -> Arc<dyn Branching<Out>> {
        let relation = self.name;
        let Select { mut ast, reader } = select;
        let meeting = match self.meeting {
            Ok(meeting) => meeting,
            Err(ref error) => {
                // Told when the statement is compiled, as all that is wrong with a tree.
                main.filter.push(Expr::Invalid(error.to_string().into()));
                Meeting::default()
            }
        };
        let on = |table: TableRef, columns: &[u16]| {
            columns.iter().map(|index| ColumnRef { table, index: *index }).collect::<SmallVec<[ColumnRef; 1]>>()
        };
        let own = on(self.from, meeting.own);
        if self.joins(main, &ast)
            && let Some(names) = Names::new(self.target, main, &ast)
        {
            let table = names.of(self.target);
            let at = width(&main.projection);
            // It may be that the key is not among what is wanted of the related row.
            let key = positions(&mut ast, &on(self.target, self.target.meta.primary_key));
            let key = key.into_iter().map(|index| at + index).collect();
            let condition = meets(&own, &on(table, meeting.theirs));
            main.joins.push(Join { kind: JoinKind::Left, table, left: Some(self.from), on: Some(condition) });
            main.joins.extend(ast.joins.drain(..).map(|join| names.join(join)));
            main.projection.extend(ast.projection.drain(..).map(|projection| names.projection(projection)));
            return Arc::new(Arc::new(Joined { relation, at, key, reader, gather }));
        }
        let own = positions(main, &own);
        let columns = match meeting.through {
            None => on(self.target, meeting.theirs),
            Some(through) => {
                let between = TableRef { meta: through.table, alias: None };
                let to = meets(&on(self.target, meeting.theirs), &on(between, through.to));
                ast.from = Some(self.target);
                let join = Join { kind: JoinKind::Inner, table: between, left: Some(self.target), on: Some(to) };
                ast.joins.insert(0, join);
                on(between, through.from)
            }
        };
        let theirs = positions(&mut ast, &columns);
        if self.per_row.is_some() && ast.order_by.is_empty() {
            // Which are the first must not be left to chance.
            let key = self.target.meta.primary_key;
            ast.order_by.extend(on(self.target, key).into_iter().map(|column| ascending(Expr::Column(column))));
        }
        let separate = Separate {
            relation,
            own,
            select: ast.into_select(),
            per_row: self.per_row,
            reader,
            columns,
            theirs,
            gather,
        };
        Arc::new(Arc::new(separate))
    }
}

impl Want {
    /// Whether a join is wished for, or is best: a row that another belongs to costs less beside it than by a statement of
    /// its own.
    fn joins(&self, main: &ast::Select, related: &ast::Select) -> bool {
        let plain = related.filter.is_empty()
            && related.order_by.is_empty()
            && related.group_by.is_empty()
            && !related.distinct
            && related.operands.is_empty()
            && related.lifted == ast::Lifted::None
            && self.per_row.is_none();
        plain
            && match self.how {
                How::Join => true,
                How::Best => self.belongs && main.group_by.is_empty() && !main.distinct,
                How::Statement => false,
            }
    }
}

/// Names of tables that are joined to be loaded: none that a program would give.
const NAMES: [&str; 16] = [
    "with 1", "with 2", "with 3", "with 4", "with 5", "with 6", "with 7", "with 8", "with 9", "with 10", "with 11",
    "with 12", "with 13", "with 14", "with 15", "with 16",
];

/// What the tables of a statement are called that becomes a part of another one.
struct Names(SmallVec<[(TableRef, TableRef); 2]>);

impl Names {
    /// None if the statement reads more than columns of tables that are joined to be loaded, or if names have run out.
    fn new(target: TableRef, main: &ast::Select, related: &ast::Select) -> Option<Self> {
        let plain =
            |projection: &Projection| matches!(projection, Projection::Table(_) | Projection::Expr(Expr::Column(_)));
        let loaded = |join: &Join| join.table.alias.is_some_and(|alias| NAMES.contains(&alias.name()));
        if !related.projection.iter().all(plain) || !related.joins.iter().all(loaded) {
            return None;
        }
        let names = NAMES.into_iter().map(Alias::Table);
        let mut free = names.filter(|name| !main.joins.iter().any(|join| join.table.alias == Some(*name)));
        let mut names = SmallVec::new();
        for table in std::iter::once(target).chain(related.joins.iter().map(|join| join.table)) {
            names.push((table, TableRef { alias: Some(free.next()?), ..table }));
        }
        Some(Names(names))
    }

    fn of(&self, table: TableRef) -> TableRef {
        self.0.iter().find(|(from, _to)| *from == table).map_or(table, |(_from, to)| *to)
    }

    fn expr(&self, expr: Expr) -> Expr {
        match expr {
            Expr::Column(column) => Expr::Column(ColumnRef { table: self.of(column.table), ..column }),
            Expr::Binary(op, sides) => Expr::Binary(op, Box::new((self.expr(sides.0), self.expr(sides.1)))),
            Expr::And(all) => Expr::And(all.into_iter().map(|one| self.expr(one)).collect()),
            // A join that loads something compares columns, and nothing else is selected.
            other => other,
        }
    }

    fn join(&self, join: Join) -> Join {
        let Join { kind, table, left, on } = join;
        Join { kind, table: self.of(table), left: left.map(|left| self.of(left)), on: on.map(|on| self.expr(on)) }
    }

    fn projection(&self, projection: Projection) -> Projection {
        match projection {
            Projection::Table(table) => Projection::Table(self.of(table)),
            Projection::Expr(expr) => Projection::Expr(self.expr(expr)),
            other @ (Projection::Label(..) | Projection::One) => other,
        }
    }
}

/// Where the rows of a statement have columns, which are added if it does not select them.
fn positions(select: &mut ast::Select, columns: &[ColumnRef]) -> Positions {
    columns.iter().map(|column| position(select, *column)).collect()
}

fn position(select: &mut ast::Select, column: ColumnRef) -> usize {
    let mut at = 0;
    for projection in &select.projection {
        match projection {
            Projection::Table(table) if *table == column.table => return at + usize::from(column.index),
            Projection::Expr(Expr::Column(selected)) if *selected == column => return at,
            one => at += width(std::slice::from_ref(one)),
        }
    }
    // The root was found by what is selected, and must not change with it.
    select.from = select.root();
    select.projection.push(Projection::Expr(Expr::Column(column)));
    at
}

fn width(projections: &[Projection]) -> usize {
    let widths = projections.iter().map(|projection| match projection {
        Projection::Table(table) => table.meta.columns.len(),
        Projection::Expr(_) | Projection::Label(..) | Projection::One => 1,
    });
    widths.sum()
}

fn meets(left: &[ColumnRef], right: &[ColumnRef]) -> Expr {
    let pairs = left.iter().zip(right).map(|(left, right)| {
        let sides = (Expr::Column(*right), Expr::Column(*left));
        Expr::Binary(ast::BinaryOp::Eq, Box::new(sides))
    });
    let mut pairs: Vec<Expr> = pairs.collect();
    match (pairs.pop(), pairs.is_empty()) {
        (Some(only), true) => only,
        (last, _) => Expr::And(pairs.into_iter().chain(last).collect()),
    }
}

/// Of each group of rows that agree in these columns, so many: the first by the order.
pub(crate) fn first_of_each(
    mut select: ast::Select,
    columns: &[ColumnRef],
    theirs: &[usize],
    rows: u64,
) -> ast::Select {
    const NAME: &str = "first";
    let table = TableRef { meta: &QUERY, alias: Some(Alias::Query(NAME)) };
    let column = |index: usize| Expr::Column(ColumnRef { table, index: u16::try_from(index).unwrap_or(u16::MAX) });
    let selected = expanded(std::mem::take(&mut select.projection));
    let (width, mut names) = (selected.len(), Vec::with_capacity(selected.len() + 1));
    names.extend((0..=width).map(|index| numbered(index).unwrap_or_default()));
    let number = ast::Operation::Window {
        function: ast::WindowFunction::RowNumber,
        arguments: Vec::new(),
        filter: None,
        window: ast::Window {
            partition_by: columns.iter().map(|column| Expr::Column(*column)).collect(),
            order_by: std::mem::take(&mut select.order_by),
            frame: None,
        },
    };
    let selected = selected.into_iter().chain([Expr::Operation(Box::new(number))]);
    select.projection = selected.zip(&names).map(|(expr, name)| Projection::Label(expr, name)).collect();
    let limit = Expr::Bind(Value::Int(i64::try_from(rows).unwrap_or(i64::MAX)));
    ast::Select {
        projection: (0..width).map(|index| Projection::Expr(column(index))).collect(),
        from: Some(table),
        filter: vec![Expr::Binary(ast::BinaryOp::Le, Box::new((column(width), limit)))],
        order_by: theirs.iter().chain([&width]).map(|index| ascending(column(*index))).collect(),
        sources: vec![ast::Source {
            name: NAME,
            columns: names.into(),
            query: ast::SourceQuery::Subquery(Arc::new(select)),
        }],
        ..ast::Select::default()
    }
}

/// Each column by itself.
fn expanded(projection: Vec<Projection>) -> Vec<Expr> {
    let mut exprs = Vec::new();
    for one in projection {
        match one {
            Projection::Table(table) => {
                let columns = (0..).take(table.meta.columns.len());
                exprs.extend(columns.map(|index| Expr::Column(ColumnRef { table, index })));
            }
            Projection::Expr(expr) | Projection::Label(expr, _) => exprs.push(expr),
            Projection::One => exprs.push(Expr::Bind(Value::Int(1))),
        }
    }
    exprs
}

/// By an expression, the smallest first.
pub(crate) fn ascending(expr: Expr) -> ast::Order {
    ast::Order { expr, direction: ast::Direction::Ascending, nulls: ast::NullsOrder::Smallest }
}
