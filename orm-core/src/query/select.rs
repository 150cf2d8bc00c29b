//! `SELECT`.

use std::fmt;
use std::sync::OnceLock;

use super::derived::FromItem;
use super::join::Joinable;
use super::lazy_select::LazySelect;
use super::loader::{Loader, Reader};
use super::selection::Selection;
use super::{Command, Decoder, Query, Runnable};
use crate::ast::{self, JoinKind, Projection, Statement};
use crate::error::Error;
use crate::expr::{Condition, Expression, IntoOrder};
use crate::model::{Entity, Model};
use crate::value::Value;

/// A `SELECT` whose rows are `Row`s.
#[must_use = "a statement does nothing until it is run: `engine.fetch_all(statement)`"]
pub struct Select<Row> {
    pub(super) ast: LazySelect,
    pub(super) reader: Reader<Row>,
}

/// Selects models, columns, expressions, and tuples of up to 16 of them.
///
/// The first table of FROM is found by itself: the left side of the first join by a relation, or the first table that
/// is selected from. [`Select::from`] says it where nothing is selected from it.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// let everything = select(User);
/// assert_sql!(everything, sqlite: r#"SELECT "users"."id", "users"."name", "users"."email", "users"."nickname", "users"."age", "users"."manager_id" FROM "users""#);
///
/// let pairs: Select<(String, Option<String>)> = select((User.name, User.nickname));
/// assert_sql!(pairs, sqlite: r#"SELECT "users"."name", "users"."nickname" FROM "users""#);
/// ```
pub fn select<Row: Send + 'static, S: Selection<Row = Row>>(selection: S) -> Select<Row> {
    let ast = match selection.whole_table().filter(|table| table.query().is_none()) {
        Some(table) => LazySelect::Whole(table, OnceLock::new()),
        None => {
            // Room for what a first push would make room for, since asking ahead is cheaper.
            let mut projection = Vec::with_capacity(4);
            selection.project(&mut projection);
            LazySelect::of(projection)
        }
    };
    Select { ast, reader: Reader::Plain(Decoder::new(|row| S::decode(row, 0))) }
}

impl<Row> Select<Row> {
    /// Keeps the rows for which `condition` is true. Called again, the conditions are joined with `AND`.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let adults = select(User.name).filter(User.age.ge(18));
    /// assert_sql!(adults, sqlite: r#"SELECT "users"."name" FROM "users" WHERE "users"."age" >= ?1"#);
    /// ```
    ///
    /// # Errors
    ///
    /// When run: [`Error::MissingFrom`](crate::Error::MissingFrom) if `condition` names a table that is neither
    /// selected from nor joined.
    pub fn filter(mut self, condition: impl Condition) -> Self {
        condition.into_condition().and_into(&mut self.ast.filter);
        self
    }

    /// Leaves out the rows for which `condition` is true, and keeps those for which it is false. As in SQL, a row for
    /// which it is NULL is neither.
    pub fn exclude(self, condition: impl Condition) -> Self {
        self.filter(crate::expr::not(condition))
    }

    /// Lifts all global filters ([`Engine::filter`](crate::engine::EngineBuilder::filter)) from this statement: from its
    /// tables, from the queries in it, and from what it loads with its rows.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// let adults = engine.with_filter(User, User.age.ge(18));
    /// let everyone = select(User.name).without_filters();
    /// assert_eq!(adults.sql(everyone)?, r#"SELECT "users"."name" FROM "users""#);
    /// # Ok(()) }
    /// ```
    pub fn without_filters(mut self) -> Self {
        self.ast.lifted = ast::Lifted::All;
        self
    }

    /// Lifts the global filters of one model from this statement. See [`without_filters`](Self::without_filters).
    pub fn without_filters_of<E: Entity>(mut self, _entity: E) -> Self {
        self.ast.lifted.add(E::Model::TABLE);
        self
    }

    /// Says the first table of FROM.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let rows = select(count_all()).from(User);
    /// assert_sql!(rows, sqlite: r#"SELECT count(*) FROM "users""#);
    /// ```
    ///
    /// A query under a name is one, too: see [`subquery`](Select::subquery) and [`cte`](Select::cte).
    pub fn from(mut self, item: impl FromItem) -> Self {
        if let Some(before) = self.ast.from.replace(item.table()).and_then(|before| before.query()) {
            self.ast.sources.retain(|source| source.name != before);
        }
        self.ast.sources.extend(item.source());
        self
    }

    /// Inner join, by a relation (`User.posts`) or a condition (`boss.on(..)`): only rows with a partner.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let q = select((User.name, Post.title)).join(User.posts);
    /// assert_sql!(q, sqlite: r#"SELECT "users"."name", "post"."title" FROM "users" JOIN "post" ON "post"."author_id" = "users"."id""#);
    /// ```
    pub fn join(self, other: impl Joinable) -> Self {
        self.join_as(JoinKind::Inner, other)
    }

    /// Left join: rows without a partner stay. Select what may be missing with `.optional()`.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let q: Select<(User, Option<Post>)> = select((User, Post.optional())).left_join(User.posts);
    /// ```
    pub fn left_join(self, other: impl Joinable) -> Self {
        self.join_as(JoinKind::Left, other)
    }

    /// Right join: rows of the joined table without a partner stay.
    pub fn right_join(self, other: impl Joinable) -> Self {
        self.join_as(JoinKind::Right, other)
    }

    /// Full join: rows of both sides without a partner stay.
    pub fn full_join(self, other: impl Joinable) -> Self {
        self.join_as(JoinKind::Full, other)
    }

    /// Cross join: every pair.
    pub fn cross_join(mut self, item: impl FromItem) -> Self {
        self.ast.joins.push(ast::Join { kind: JoinKind::Cross, table: item.table(), left: None, on: None });
        self.ast.sources.extend(item.source());
        self
    }

    fn join_as(mut self, kind: JoinKind, other: impl Joinable) -> Self {
        other.append_sources(&mut self.ast.sources);
        other.append_joins(kind, &mut self.ast.joins);
        self
    }

    /// One row for each group of rows that agree in these expressions. Called again, it adds to them.
    pub fn group_by(mut self, group: impl IntoGroup) -> Self {
        group.append_to(&mut self.ast.group_by);
        self
    }

    /// Keeps the groups for which `condition` is true. Called again, the conditions are joined with `AND`.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let busy = select(User.name).join(User.posts).group_by(User.id).having(count(Post.id).gt(3));
    /// assert_sql!(busy, sqlite: r#"SELECT "users"."name" FROM "users" JOIN "post" ON "post"."author_id" = "users"."id" GROUP BY "users"."id" HAVING count("post"."id") > ?1"#);
    /// ```
    pub fn having(mut self, condition: impl Condition) -> Self {
        condition.into_condition().and_into(&mut self.ast.having);
        self
    }

    /// Sorts the rows. Called again, it adds further keys; [`Select::reorder`] begins anew.
    pub fn order_by(mut self, order: impl IntoOrder) -> Self {
        order.append_to(&mut self.ast.order_by);
        self
    }

    /// Forgets the order there was, and sorts by these keys.
    pub fn reorder(mut self, order: impl IntoOrder) -> Self {
        self.ast.order_by.clear();
        self.order_by(order)
    }

    /// At most so many rows.
    pub fn limit(mut self, rows: u64) -> Self {
        self.ast.limit = Some(Value::Int(i64::try_from(rows).unwrap_or(i64::MAX)));
        self
    }

    /// Leaves out the first rows.
    pub fn offset(mut self, rows: u64) -> Self {
        self.ast.offset = Some(Value::Int(i64::try_from(rows).unwrap_or(i64::MAX)));
        self
    }

    /// Leaves out rows that are equal to another.
    pub fn distinct(mut self) -> Self {
        self.ast.distinct = true;
        self
    }

    /// Selects something else of the same rows.
    pub(super) fn of<S: Selection>(mut self, selection: S) -> Select<S::Row> {
        self.ast.from = self.ast.root();
        self.ast.projection.clear();
        selection.project(&mut self.ast.projection);
        Select { ast: self.ast, reader: Reader::Plain(Decoder::new(|row| S::decode(row, 0))) }
    }

    /// Of the rows that agree in these columns or expressions, the first: the order says which that is, and begins with
    /// them.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let newest = select((Post.author_id, Post.title)).distinct_on(Post.author_id).order_by((Post.author_id, Post.id.desc()));
    /// assert_sql!(newest, postgres: r#"SELECT DISTINCT ON ("post"."author_id") "post"."author_id", "post"."title" FROM "post" ORDER BY "post"."author_id", "post"."id" DESC"#);
    /// ```
    ///
    /// # Errors
    ///
    /// When run: [`Error::Unsupported`](crate::Error::Unsupported) on SQLite, where a
    /// [`row_number`](crate::expr::row_number) in a subquery says the same.
    pub fn distinct_on(mut self, group: impl IntoGroup) -> Self {
        group.append_to(&mut self.ast.distinct_on);
        self
    }

    pub(super) fn ast_mut(&mut self) -> &mut ast::Select {
        &mut self.ast
    }

    pub(super) fn from_parts(ast: ast::Select, reader: Reader<Row>) -> Self {
        Select { ast: LazySelect::Built(Box::new(ast)), reader }
    }

    pub(super) fn loads_relations(&self) -> bool {
        matches!(self.reader, Reader::Loading(_))
    }

    pub(super) fn into_parts(self) -> (ast::Select, Reader<Row>) {
        (self.ast.into_select(), self.reader)
    }

    /// The tree below.
    #[must_use]
    pub fn as_ast(&self) -> &ast::Select {
        &self.ast
    }

    /// The statement as a tree.
    pub(crate) fn ast(&self) -> &ast::Select {
        &self.ast
    }

    /// The statement as it is run.
    pub(crate) fn statement(&self) -> Statement<'_> {
        self.ast.statement()
    }

    /// The tree below, taken out.
    #[must_use]
    pub fn into_ast(self) -> ast::Select {
        self.ast.into_select()
    }
}

impl<Row: Send + 'static> Select<Row> {
    /// Reads each row as a `T`: a struct with `#[derive(FromRow)]` whose fields have the types of what is selected, in
    /// the same order. Anything that is `From` the row does.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// #[derive(FromRow)]
    /// struct Author { name: String, posts: i64 }
    ///
    /// let authors: Select<Author> =
    ///     select((User.name, count(Post.id))).join(User.posts).group_by(User.id).rows_as();
    /// ```
    pub fn rows_as<T: MadeFrom<Row>>(self) -> Select<T> {
        Select { ast: self.ast, reader: self.reader.map() }
    }

    /// The number of rows that this would give, as a statement of its own: `SELECT count(*)` over it, without its
    /// order, limit, offset and lock.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let people = select(User).filter(User.age.ge(18)).order_by(User.name).limit(10);
    /// assert_sql!(people.count(), sqlite: r#"SELECT count(*) FROM "users" WHERE "users"."age" >= ?1"#);
    ///
    /// let authors = select(Post.author_id).distinct();
    /// assert_sql!(authors.count(), sqlite: r#"SELECT count(*) FROM (SELECT DISTINCT "post"."author_id" FROM "post") AS "counted""#);
    /// ```
    ///
    /// # Errors
    ///
    /// When run: as the statement itself.
    pub fn count(&self) -> Select<i64> {
        let mut ast = self.ast.clone();
        (ast.limit, ast.offset, ast.lock) = (None, None, None);
        // Of rows that are equal in some columns, the order says which one stays, but not how many there are.
        ast.order_by.clear();
        if ast.has_equal_expressions() || !ast.operands.is_empty() {
            return super::derived::counted(ast.into_select());
        }
        ast.from = ast.root();
        ast.projection.clear();
        crate::expr::count_all().project(&mut ast.projection);
        let decoder = Decoder::new(|row| <crate::expr::Expr<i64> as Selection>::decode(row, 0));
        Select { ast, reader: Reader::Plain(decoder) }
    }
}

#[diagnostic::do_not_recommend]
impl<Row: Send + 'static> Runnable for Select<Row> {
    fn command(&self) -> Command<'_> {
        Command::One(self.ast.statement())
    }
}

#[diagnostic::do_not_recommend]
impl<Row: Send + 'static> Query for Select<Row> {
    type Row = Row;

    fn decoder(&self) -> Decoder<Row> {
        match &self.reader {
            Reader::Plain(decoder) => decoder.clone(),
            // Whoever runs a query asks for its loader first.
            Reader::Loading(_) => {
                Decoder::new(|_row| Err(Error::Statement("rows with relations need a loader".into())))
            }
        }
    }

    fn loader(&self) -> Option<Box<dyn Loader<Row>>> {
        match &self.reader {
            Reader::Plain(_) => None,
            Reader::Loading(loading) => Some(loading.start()),
        }
    }

    fn is_unique(&self) -> bool {
        self.ast.limit == Some(Value::Int(1))
    }
}

impl<Row> Clone for Select<Row> {
    fn clone(&self) -> Self {
        Select { ast: self.ast.clone(), reader: self.reader.clone() }
    }
}

impl<Row> fmt::Debug for Select<Row> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ast.fmt(f)
    }
}

/// What [`Select::rows_as`] makes of a row: anything that is `From` it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made from rows of `{Row}`",
    label = "expected rows of other types",
    note = "the fields of a struct with `#[derive(FromRow)]` have the types of what is selected, in the same order"
)]
pub trait MadeFrom<Row>: From<Row> + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<Row, T: From<Row> + Send + 'static> MadeFrom<Row> for T {}

/// What `group_by` takes: a model (its key), columns, expressions, and tuples of them.
#[diagnostic::on_unimplemented(
    message = "cannot group by `{Self}`",
    label = "expected a column, an expression, or a tuple of them"
)]
pub trait IntoGroup {
    /// Adds the expressions.
    fn append_to(self, group: &mut Vec<ast::Expr>);
}

#[diagnostic::do_not_recommend]
impl<E: Expression> IntoGroup for E {
    fn append_to(self, group: &mut Vec<ast::Expr>) {
        group.push(self.into_tree());
    }
}

#[diagnostic::do_not_recommend]
impl<E: Expression> IntoGroup for Vec<E> {
    fn append_to(self, group: &mut Vec<ast::Expr>) {
        group.extend(self.into_iter().map(Expression::into_tree));
    }
}

/// For a returning clause: what is projected, and how it is read.
pub(super) fn projected<S: Selection>(selection: S) -> (Vec<Projection>, Decoder<S::Row>) {
    let mut projection = Vec::new();
    selection.project(&mut projection);
    (projection, Decoder::new(|row| S::decode(row, 0)))
}
