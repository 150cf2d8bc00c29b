//! Queries in FROM: `.subquery("name")` and `.cte("name")`, with typed columns.
//!
//! ```text
//! select((Post.author_id, count(Post.id)))      Select<(i64, i64)>
//!        │ .cte("recent")
//! Subquery<(Column<_, i64>, Column<_, i64>)>    the query, its name, and what its rows are made of
//!        │ .columns()          │ .from(&recent), .join(recent.on(..))
//! (author, posts): `Copy`      the statement that reads from it carries it along
//! ```
//!
//! A column is a position in the query, of a model's part a column of the model. What it is called follows from what is
//! selected: a column has its own name, an expression its label, and whatever is left `c` and its number.

use std::fmt;
use std::sync::Arc;

use super::join::Joinable;
use super::loader::Reader;
use super::{Decoder, Select};
use crate::ast::{
    self, Alias, Cte, Expr, Join, JoinKind, Operand, Projection, QUERY, SetOperator, Source, SourceQuery, TableRef,
};
use crate::expr::{Column, Condition};
use crate::model::{Entity, Model};
use crate::relation::Relation;
use crate::types::SqlType;

/// A query that another can read from, under a name. It is cheap to clone.
///
/// `C` are its columns: a [`Column`] for each value, a model's columns for a model, a tuple of them for a tuple.
#[derive(Clone)]
pub struct Subquery<C> {
    source: Source,
    columns: fn(&mut Parts) -> C,
}

/// The model that columns of a query have which are of no model.
#[derive(Debug, Clone, Copy)]
pub struct Derived;

/// Goes through a query's columns from left to right.
#[derive(Debug)]
pub struct Parts {
    alias: Alias,
    at: u16,
}

impl Parts {
    /// The next part's table, and the position of its first column.
    fn next(&mut self, columns: usize) -> (TableRef, u16) {
        let at = self.at;
        self.at = at.saturating_add(u16::try_from(columns).unwrap_or(u16::MAX));
        (TableRef { meta: &QUERY, alias: Some(self.alias) }, at)
    }
}

/// A row whose columns can be named: a value, a model, an `Option` of one, or a tuple of them.
#[diagnostic::on_unimplemented(
    message = "rows of `{Self}` have no columns that another query could name",
    label = "expected a query of columns, models or tuples of them",
    note = "make the subquery before `.rows_as()`"
)]
pub trait Derivable<Kind> {
    /// The columns.
    type Columns: Copy;

    /// The columns, where the next part of the query is this row.
    fn columns(parts: &mut Parts) -> Self::Columns;
}

/// The kinds of [`Derivable`].
pub mod part {
    /// A value.
    #[derive(Debug)]
    pub struct Value;
    /// A model's row.
    #[derive(Debug)]
    pub struct Row;
    /// A model's row that may be missing.
    #[derive(Debug)]
    pub struct MaybeRow;
}

#[diagnostic::do_not_recommend]
impl<T: SqlType> Derivable<part::Value> for T {
    type Columns = Column<Derived, T>;

    fn columns(parts: &mut Parts) -> Self::Columns {
        let (table, index) = parts.next(1);
        Column::new(table, index)
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model> Derivable<part::Row> for M {
    type Columns = M::Columns;

    fn columns(parts: &mut Parts) -> Self::Columns {
        parts.next(M::TABLE.columns.len());
        M::Columns::aliased(parts.alias)
    }
}

/// Select them with `.optional()` again, since they may be missing.
#[diagnostic::do_not_recommend]
impl<M: Model> Derivable<part::MaybeRow> for Option<M> {
    type Columns = M::Columns;

    fn columns(parts: &mut Parts) -> Self::Columns {
        <M as Derivable<part::Row>>::columns(parts)
    }
}

impl<Row: Send + 'static> Select<Row> {
    /// The query as one that others read from: `(SELECT ..) AS name`.
    ///
    /// A column keeps its name in it, and an expression has its label's.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let ranked = select((Post, row_number().over(partition_by(Post.author_id).order_by(Post.id.desc())).label("n")))
    ///     .subquery("ranked");
    /// let (post, n) = ranked.columns();
    /// let newest: Select<(i64, String)> = select((post.id, post.title)).from(&ranked).filter(n.le(3));
    /// assert_sql!(newest, sqlite: concat!(
    ///     r#"SELECT "ranked"."id", "ranked"."title" FROM ("#,
    ///     r#"SELECT "post"."id", "post"."author_id", "post"."title", "post"."body", "#,
    ///     r#"row_number() OVER (PARTITION BY "post"."author_id" ORDER BY "post"."id" DESC) AS "n" FROM "post""#,
    ///     r#") AS "ranked" WHERE "ranked"."n" <= ?1"#,
    /// ));
    /// ```
    ///
    /// # Errors
    ///
    /// When run: [`Error::Statement`](crate::Error::Statement) for models of which two columns have the same name,
    /// [`Error::MissingFrom`](crate::Error::MissingFrom) for a statement that names its columns without reading from it.
    pub fn subquery<Kind>(self, name: &'static str) -> Subquery<Row::Columns>
    where
        Row: Derivable<Kind>,
    {
        let (select, columns) = named(self, name);
        let query = SourceQuery::Subquery(Arc::new(select));
        Subquery { source: Source { name, columns, query }, columns: Row::columns }
    }

    /// The query as a common table expression: `WITH name AS (SELECT ..)`. The statement that reads from it begins with
    /// it, once for all the places that do.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let busy = select((Post.author_id, count(Post.id).label("posts"))).group_by(Post.author_id).cte("busy");
    /// let (author, posts) = busy.columns();
    /// let q = select((User.name, posts)).join(busy.on(author.eq(User.id))).filter(posts.gt(10));
    /// assert_sql!(q, sqlite: concat!(
    ///     r#"WITH "busy" AS (SELECT "post"."author_id", count("post"."id") AS "posts" FROM "post" GROUP BY "post"."author_id") "#,
    ///     r#"SELECT "users"."name", "busy"."posts" FROM "users" JOIN "busy" ON "busy"."author_id" = "users"."id" WHERE "busy"."posts" > ?1"#,
    /// ));
    /// ```
    ///
    /// # Errors
    ///
    /// As [`subquery`](Select::subquery).
    pub fn cte<Kind>(self, name: &'static str) -> Subquery<Row::Columns>
    where
        Row: Derivable<Kind>,
    {
        let (select, columns) = named(self, name);
        cte_of(Cte { name, select, recursive: false, materialized: None }, columns, Row::columns)
    }

    /// A recursive common table expression: the rows of this query, and again and again those that `step` makes of the
    /// rows of the last round, until it makes none.
    ///
    /// It ends only if `step` does: see [`recursive_union`](Select::recursive_union) for data with circles, and
    /// [`Relation::descendants`](crate::relation::Relation::descendants) for trees.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let numbers = select(value(1_i64).label("n")).recursive_union_all("numbers", |numbers| {
    ///     let n = numbers.columns();
    ///     select(n + 1).from(numbers).filter(n.lt(10))
    /// });
    /// let n = numbers.columns();
    /// assert_sql!(select(sum(n)).from(&numbers), sqlite: concat!(
    ///     r#"WITH RECURSIVE "numbers" AS (SELECT ?1 AS "n" UNION ALL SELECT "numbers"."n" + ?2 FROM "numbers" "#,
    ///     r#"WHERE "numbers"."n" < ?3) SELECT sum("numbers"."n") FROM "numbers""#,
    /// ));
    /// ```
    pub fn recursive_union_all<Kind>(
        self,
        name: &'static str,
        step: impl FnOnce(&Subquery<Row::Columns>) -> Select<Row>,
    ) -> Subquery<Row::Columns>
    where
        Row: Derivable<Kind>,
    {
        recursive(self, name, SetOperator::UnionAll, Row::columns, step)
    }

    /// As [`recursive_union_all`](Select::recursive_union_all), and a row that was there already is left out: where
    /// rows lead in a circle, it ends when all of them are found.
    pub fn recursive_union<Kind>(
        self,
        name: &'static str,
        step: impl FnOnce(&Subquery<Row::Columns>) -> Select<Row>,
    ) -> Subquery<Row::Columns>
    where
        Row: Derivable<Kind>,
    {
        recursive(self, name, SetOperator::Union, Row::columns, step)
    }
}

fn recursive<Row: Send + 'static, C: Copy>(
    base: Select<Row>,
    name: &'static str,
    operator: SetOperator,
    parts: fn(&mut Parts) -> C,
    step: impl FnOnce(&Subquery<C>) -> Select<Row>,
) -> Subquery<C> {
    let (base, columns) = named(base, name);
    let query = SourceQuery::Itself(name);
    let itself = Subquery { source: Source { name, columns: Arc::clone(&columns), query }, columns: parts };
    let step = step(&itself).into_ast();
    let operands = vec![Operand { operator, select: base }, Operand { operator, select: step }];
    let select = ast::Select { operands, ..ast::Select::default() };
    cte_of(Cte { name, select, recursive: true, materialized: None }, columns, parts)
}

fn cte_of<C>(cte: Cte, columns: Arc<[&'static str]>, parts: fn(&mut Parts) -> C) -> Subquery<C> {
    let source = Source { name: cte.name, columns, query: SourceQuery::Cte(Arc::new(cte)) };
    Subquery { source, columns: parts }
}

impl<C: Copy> Subquery<C> {
    /// Its columns, as plain `Copy` values. A statement that uses them reads from the query: `.from(&query)`, or a join.
    #[must_use]
    pub fn columns(&self) -> C {
        (self.columns)(&mut Parts { alias: Alias::Query(self.source.name), at: 0 })
    }

    /// The query with the condition on which it is to be joined.
    #[must_use = "use it in a join"]
    pub fn on(&self, condition: impl Condition) -> JoinQuery {
        self.joined(vec![Join {
            kind: JoinKind::Inner,
            table: self.table(),
            left: None,
            on: Some(condition.into_condition()),
        }])
    }

    /// The same query under another name, for joining it with itself. A common table expression stays one.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let ages = select((User.manager_id, avg(User.age).label("mean"))).group_by(User.manager_id).cte("ages");
    /// let others = ages.alias("others");
    /// let ((team, mean), (_, other)) = (ages.columns(), others.columns());
    /// let q = select((team, other)).from(&ages).join(others.on(other.gt(mean)));
    /// assert_sql!(q, sqlite: concat!(
    ///     r#"WITH "ages" AS (SELECT "users"."manager_id", avg("users"."age") AS "mean" FROM "users" GROUP BY "users"."manager_id") "#,
    ///     r#"SELECT "ages"."manager_id", "others"."mean" FROM "ages" JOIN "ages" AS "others" ON "others"."mean" > "ages"."mean""#,
    /// ));
    /// ```
    #[must_use = "gives the alias"]
    pub fn alias(&self, name: &'static str) -> Self {
        let source = Source { name, ..self.source.clone() };
        Subquery { source, columns: self.columns }
    }

    /// Tells the database to compute the common table expression once, and keep its rows: `MATERIALIZED`. A subquery in
    /// FROM stays what it is.
    #[must_use = "gives the new query"]
    pub fn materialized(self) -> Self {
        self.kept(true)
    }

    /// Tells the database to take the common table expression for a part of the statement: `NOT MATERIALIZED`.
    #[must_use = "gives the new query"]
    pub fn not_materialized(self) -> Self {
        self.kept(false)
    }

    fn kept(mut self, materialized: bool) -> Self {
        if let SourceQuery::Cte(cte) = &mut self.source.query {
            Arc::make_mut(cte).materialized = Some(materialized);
        }
        self
    }

    pub(super) fn table(&self) -> TableRef {
        TableRef { meta: &QUERY, alias: Some(Alias::Query(self.source.name)) }
    }

    fn joined(&self, joins: Vec<Join>) -> JoinQuery {
        JoinQuery { joins, source: self.source.clone() }
    }
}

impl<C: Entity> Subquery<C> {
    /// The query joined by a relation that leads to its model.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let adults = select(User).filter(User.age.ge(18)).cte("adults");
    /// let adult = adults.columns();
    /// let q = select((Post.title, adult.name)).join(adults.by(Post.author));
    /// assert_sql!(q, sqlite: concat!(
    ///     r#"WITH "adults" AS (SELECT "users"."id", "users"."name", "users"."email", "users"."nickname", "users"."age", "users"."manager_id" "#,
    ///     r#"FROM "users" WHERE "users"."age" >= ?1) "#,
    ///     r#"SELECT "post"."title", "adults"."name" FROM "post" JOIN "adults" ON "adults"."id" = "post"."author_id""#,
    /// ));
    /// ```
    #[must_use = "use it in a join"]
    pub fn by<From: Model, Kind>(&self, relation: Relation<From, C::Model, Kind>) -> JoinQuery {
        let mut joins = Vec::new();
        relation.to(self.columns()).push_joins(JoinKind::Inner, &mut joins);
        self.joined(joins)
    }
}

impl<C> fmt::Debug for Subquery<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subquery").field("name", &self.source.name).field("columns", &self.source.columns).finish()
    }
}

/// A query with the condition on which it is joined.
#[derive(Debug, Clone)]
pub struct JoinQuery {
    joins: Vec<Join>,
    source: Source,
}

impl JoinQuery {
    /// A further condition.
    #[must_use = "gives the new join"]
    pub fn and_on(mut self, condition: impl Condition) -> Self {
        if let Some(last) = self.joins.last_mut() {
            last.on = Some(Expr::And(last.on.take().into_iter().chain([condition.into_condition()]).collect()));
        }
        self
    }
}

#[diagnostic::do_not_recommend]
impl Joinable for JoinQuery {
    fn append_sources(&self, sources: &mut Vec<Source>) {
        sources.push(self.source.clone());
    }

    fn append_joins(self, kind: JoinKind, joins: &mut Vec<Join>) {
        joins.extend(self.joins.into_iter().map(|join| Join { kind, ..join }));
    }
}

/// What `from` and `cross_join` take: a model's value (`User`), or a query under a name.
#[diagnostic::on_unimplemented(
    message = "cannot read from `{Self}`",
    label = "expected a model such as `User`, or a query with `.subquery(\"name\")` or `.cte(\"name\")`"
)]
pub trait FromItem {
    /// The table, or what stands for it.
    fn table(&self) -> TableRef;

    /// The query, if it is one.
    fn source(self) -> Option<Source>;
}

#[diagnostic::do_not_recommend]
impl<E: Entity> FromItem for E {
    fn table(&self) -> TableRef {
        self.table_ref()
    }

    fn source(self) -> Option<Source> {
        None
    }
}

#[diagnostic::do_not_recommend]
impl<C: Copy> FromItem for Subquery<C> {
    fn table(&self) -> TableRef {
        Subquery::table(self)
    }

    fn source(self) -> Option<Source> {
        Some(self.source)
    }
}

#[diagnostic::do_not_recommend]
impl<C: Copy> FromItem for &Subquery<C> {
    fn table(&self) -> TableRef {
        Subquery::table(self)
    }

    fn source(self) -> Option<Source> {
        Some(self.source.clone())
    }
}

/// The tree of a query whose columns have the names that it gives.
fn named<Row>(select: Select<Row>, name: &'static str) -> (ast::Select, Arc<[&'static str]>) {
    let (mut select, reader) = select.into_parts();
    let mut leaf = &mut select;
    while !leaf.operands.is_empty() {
        leaf = &mut leaf.operands[0].select;
    }
    let columns = match reader {
        Reader::Plain(_) => name_columns(leaf),
        Reader::Loading(_) => Err("it loads relations: make it a query in FROM before `.with(..)`".into()),
    };
    match columns {
        Ok(columns) => (select, columns.into()),
        Err(problem) => {
            leaf.filter.push(Expr::Invalid(format!("the query `{name}`: {problem}").into()));
            (select, [].into())
        }
    }
}

/// Gives what is selected its names: those of models first, since their columns are found by name.
fn name_columns(select: &mut ast::Select) -> Result<Vec<&'static str>, String> {
    let mut taken = Vec::new();
    for projection in &select.projection {
        let Projection::Table(table) = projection else { continue };
        for column in table.meta.columns {
            if taken.contains(&column.name) {
                return Err(format!(
                    "two of its models have a column `{}`: select one of them by the columns that are needed, with labels",
                    column.name
                ));
            }
            taken.push(column.name);
        }
    }
    let mut columns = Vec::with_capacity(taken.len());
    let own: Vec<_> = select.projection.iter().map(|projection| own_name(projection, select)).collect();
    for (projection, own) in select.projection.iter_mut().zip(own) {
        if let Projection::Table(table) = projection {
            columns.extend(table.meta.columns.iter().map(|column| column.name));
            continue;
        }
        let name = match own {
            Some(name) if !taken.contains(&name) => name,
            _ => numbered(columns.len()).ok_or("it has more columns without a name than it can number: label them")?,
        };
        taken.push(name);
        columns.push(name);
        if own != Some(name) || matches!(projection, Projection::One) {
            relabel(projection, name);
        }
    }
    Ok(columns)
}

/// The name that a column has by itself, or its label.
fn own_name(projection: &Projection, select: &ast::Select) -> Option<&'static str> {
    match projection {
        Projection::Label(_, name) => Some(name),
        Projection::Expr(Expr::Column(column)) => match column.table.meta.column(column.index) {
            Some(meta) => Some(meta.name),
            None => {
                let source = select.source(column.table.query()?)?;
                source.columns.get(usize::from(column.index)).copied()
            }
        },
        Projection::Table(_) | Projection::Expr(_) | Projection::One => None,
    }
}

fn relabel(projection: &mut Projection, name: &'static str) {
    *projection = match std::mem::replace(projection, Projection::One) {
        Projection::Expr(expr) | Projection::Label(expr, _) => Projection::Label(expr, name),
        other @ (Projection::Table(_) | Projection::One) => other,
    };
}

/// `c1` for the first column. Tuples end at 16, and few are nested.
pub(super) fn numbered(column: usize) -> Option<&'static str> {
    const NAMES: [&str; 64] = [
        "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10", "c11", "c12", "c13", "c14", "c15", "c16", "c17",
        "c18", "c19", "c20", "c21", "c22", "c23", "c24", "c25", "c26", "c27", "c28", "c29", "c30", "c31", "c32", "c33",
        "c34", "c35", "c36", "c37", "c38", "c39", "c40", "c41", "c42", "c43", "c44", "c45", "c46", "c47", "c48", "c49",
        "c50", "c51", "c52", "c53", "c54", "c55", "c56", "c57", "c58", "c59", "c60", "c61", "c62", "c63", "c64",
    ];
    NAMES.get(column).copied()
}

/// `SELECT count(*) FROM (select) AS "counted"`.
pub(super) fn counted(select: ast::Select) -> Select<i64> {
    let mut select = select;
    let mut leaf = &mut select;
    while !leaf.operands.is_empty() {
        leaf = &mut leaf.operands[0].select;
    }
    let columns: Vec<_> = leaf.projection.iter().map(|_| "").collect();
    let source = Source { name: "counted", columns: columns.into(), query: SourceQuery::Subquery(Arc::new(select)) };
    let mut ast = ast::Select { sources: vec![source], ..ast::Select::default() };
    ast.from = Some(TableRef { meta: &QUERY, alias: Some(Alias::Query("counted")) });
    super::selection::Selection::project(crate::expr::count_all(), &mut ast.projection);
    Select::from_parts(ast, Reader::Plain(Decoder::new(|row| crate::model::FromRow::from_row(row, 0))))
}
