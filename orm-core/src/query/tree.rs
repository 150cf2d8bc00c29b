//! Trees and graphs: the rows below or above one, to any depth, by one statement.
//!
//! ```text
//! WITH RECURSIVE tree AS (                 the keys: that of the row, and again and again ..
//!     SELECT id WHERE id = ?               .. those that the relation leads to, each once
//!     UNION SELECT id FROM tree JOIN ..    (so that a circle ends when it closes)
//! ) SELECT * FROM category JOIN tree ON tree.id = category.id
//! ```
//!
//! With a depth the walk is another one, since in a circle a key comes again with every round, each time deeper. It is
//! bounded: by the depth that is asked for, else by the number of keys there are, and of each key the least depth counts.

use std::marker::PhantomData;
use std::sync::Arc;

use super::loader::Reader;
use super::{Decoder, Select, ascending};
use crate::ast::{
    self, Aggregate, Alias, BinaryOp, ColumnRef, Cte, Expr, Join, JoinKind, NumberKind, Operand, Operation, Projection,
    QUERY, SetOperator, Source, SourceQuery, TableRef,
};
use crate::meta::TableMeta;
use crate::model::{FromRow, KeyValues, Model};
use crate::relation::{Meeting, Relation, kind};
use crate::types::{IntoKey, SqlType};
use crate::value::Value;

/// The rows below or above one, by a relation of a model to itself.
#[derive(Debug, Clone)]
#[must_use = "it becomes a statement by `.select()`, `.select_with_depth()` or `.keys()`"]
pub struct Tree<M> {
    /// By which columns a row and the next ones meet; or why there are none.
    edge: Result<Edge, Box<str>>,
    key: KeyValues,
    max_depth: Option<u32>,
    with_root: bool,
    model: PhantomData<fn() -> M>,
}

/// How the walk goes from a key to the next ones.
#[derive(Debug, Clone, Copy)]
struct Edge {
    /// The model's table.
    model: &'static TableMeta,
    /// The columns of the model by which rows know each other.
    key: &'static [u16],
    /// The table whose rows lead on: the model's own, or the one between.
    table: TableRef,
    /// The columns of it that hold the key from which it goes on.
    from: &'static [u16],
    /// The columns of it that hold the next key.
    to: &'static [u16],
    /// Whether every row is led to by one other at most.
    single: bool,
}

impl<M: Model, Kind: kind::Loads> Relation<M, M, Kind> {
    /// The rows below the row with this primary key, to any depth: its children, their children, and so on. It does not
    /// matter from which side the relation is seen: those below are found by `Category.parent` and by
    /// `Category.children` alike. Of a relation through a table between they are those that the relation leads to.
    ///
    /// One statement. Circles in the data end where they close; the row itself is not among the rows.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let staff: Select<User> = User.manager.descendants(7).select().order_by(User.name);
    /// assert_sql!(staff.count(), sqlite: concat!(
    ///     r#"WITH RECURSIVE "tree" AS (SELECT "users"."id" FROM "users" WHERE "users"."id" = ?1 "#,
    ///     r#"UNION SELECT "users"."id" FROM "tree" JOIN "users" ON "users"."manager_id" = "tree"."id") "#,
    ///     r#"SELECT count(*) FROM "users" JOIN "tree" ON "tree"."id" = "users"."id" WHERE "users"."id" <> ?2"#,
    /// ));
    /// ```
    pub fn descendants<K: IntoKey<M::Key>>(self, key: K) -> Tree<M> {
        self.tree(key.into_key(), Direction::Down)
    }

    /// The rows above the row with this primary key, up to the root. See [`descendants`](Relation::descendants).
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let bosses = User.manager.ancestors(7).keys();
    /// assert_sql!(bosses, sqlite: concat!(
    ///     r#"WITH RECURSIVE "tree" AS (SELECT "users"."id" FROM "users" WHERE "users"."id" = ?1 "#,
    ///     r#"UNION SELECT "users"."manager_id" FROM "tree" JOIN "users" ON "users"."id" = "tree"."id") "#,
    ///     r#"SELECT "users"."id" FROM "users" JOIN "tree" ON "tree"."id" = "users"."id" WHERE "users"."id" <> ?2"#,
    /// ));
    /// ```
    pub fn ancestors<K: IntoKey<M::Key>>(self, key: K) -> Tree<M> {
        self.tree(key.into_key(), Direction::Up)
    }

    fn tree(self, key: KeyValues, direction: Direction) -> Tree<M> {
        let edge = match self.meeting() {
            Ok(meeting) => Ok(Edge::of(M::TABLE, meeting, Kind::BELONGS, direction)),
            Err(error) => Err(error.to_string().into()),
        };
        Tree { edge, key, max_depth: None, with_root: false, model: PhantomData }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Down,
    Up,
}

impl Edge {
    fn of(table: &'static TableMeta, meeting: Meeting, belongs: bool, direction: Direction) -> Self {
        let Meeting { own, theirs, through } = meeting;
        let down = direction == Direction::Down;
        if let Some(through) = through {
            let (from, to) = if down { (through.from, through.to) } else { (through.to, through.from) };
            return Edge { model: table, key: own, table: plain(through.table), from, to, single: false };
        }
        let (parent, child) = if belongs { (theirs, own) } else { (own, theirs) };
        let (from, to) = if down { (child, parent) } else { (parent, child) };
        Edge { model: table, key: parent, table: plain(table), from, to, single: down }
    }
}

impl<M: Model> Tree<M> {
    /// Goes no further than so many steps: 1 is the children, or the parent.
    pub fn max_depth(mut self, steps: u32) -> Self {
        self.max_depth = Some(steps);
        self
    }

    /// The row itself is one of the rows, at depth 0.
    pub fn with_root(mut self) -> Self {
        self.with_root = true;
        self
    }

    /// The rows, in no certain order. It is a `select` of the model like any other: it can be filtered, ordered, and
    /// given to [`Session::query`](crate::session::Session::query).
    pub fn select(self) -> Select<M> {
        let table = plain(M::TABLE);
        let depth = self.max_depth.is_some();
        let ast = self.statement(vec![Projection::Table(table)], depth);
        Select::from_parts(ast, Reader::Plain(Decoder::new(|row| M::decode(row, 0))))
    }

    /// The rows, each with the number of steps to it: the least, if there are several ways. The label of that column is
    /// `depth`; the rows come by it, so the nearest first.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User]).await?;
    /// let user = |name: &str| User::builder().name(name).email(format!("{name}@example.com"));
    /// let people = [user("Ann"), user("Bob").manager_id(1), user("Cay").manager_id(2), user("Dan").manager_id(1)];
    /// engine.execute(insert(people)).await?;
    ///
    /// let staff = engine.fetch_all(User.manager.descendants(1).select_with_depth()).await?;
    /// let staff: Vec<_> = staff.iter().map(|(user, depth)| (user.name.as_str(), *depth)).collect();
    /// assert_eq!(staff, [("Bob", 1), ("Dan", 1), ("Cay", 2)]);
    /// # Ok(()) }
    /// ```
    pub fn select_with_depth(self) -> Select<(M, i64)> {
        let table = plain(M::TABLE);
        let keys = self.edge.as_ref().map_or(0, |edge| edge.key.len());
        let depth = Expr::Column(column(query("tree"), keys));
        let projection = vec![Projection::Table(table), Projection::Label(depth, "depth")];
        let mut ast = self.statement(projection, true);
        let keys = refs(table, M::TABLE.primary_key).map(Expr::Column);
        ast.order_by = std::iter::once(Expr::Label("depth")).chain(keys).map(ascending).collect();
        let decoder = Decoder::new(|row| {
            let depth = <i64 as FromRow>::from_row(row, M::TABLE.columns.len())?;
            Ok((M::decode(row, 0)?, depth))
        });
        Select::from_parts(ast, Reader::Plain(decoder))
    }

    /// The primary keys of the rows, for `in_`: products of a category and all below it.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// let posts = select(Post.title).filter(Post.author_id.in_(User.manager.descendants(7).with_root().keys()));
    /// assert_sql!(posts, sqlite: concat!(
    ///     r#"SELECT "post"."title" FROM "post" WHERE "post"."author_id" IN ("#,
    ///     r#"WITH RECURSIVE "tree" AS (SELECT "users"."id" FROM "users" WHERE "users"."id" = ?1 "#,
    ///     r#"UNION SELECT "users"."id" FROM "tree" JOIN "users" ON "users"."manager_id" = "tree"."id") "#,
    ///     r#"SELECT "users"."id" FROM "users" JOIN "tree" ON "tree"."id" = "users"."id")"#,
    /// ));
    /// ```
    pub fn keys(self) -> Select<M::Key>
    where
        M::Key: SqlType,
    {
        let depth = self.max_depth.is_some();
        let ast = self.statement(columns(plain(M::TABLE), M::TABLE.primary_key).collect(), depth);
        Select::from_parts(ast, Reader::Plain(Decoder::new(|row| FromRow::from_row(row, 0))))
    }

    /// `SELECT .. FROM model JOIN tree`, with the tree before it.
    fn statement(self, projection: Vec<Projection>, depth: bool) -> ast::Select {
        let table = plain(M::TABLE);
        let mut select = ast::Select { projection, from: Some(table), ..ast::Select::default() };
        let edge = match &self.edge {
            Ok(edge) => edge,
            Err(problem) => {
                select.filter.push(Expr::Invalid(problem.clone()));
                return select;
            }
        };
        if !self.with_root {
            select.filter.push(self.is_no_root(table));
        }
        let on = meets((0..).map(|index| column(query("tree"), index)), refs(table, edge.key));
        select.joins.push(Join { kind: JoinKind::Inner, table: query("tree"), left: None, on: Some(on) });
        select.sources.push(if depth { self.depths(edge) } else { self.reach(edge) });
        select
    }

    /// The keys, each once.
    fn reach(&self, edge: &Edge) -> Source {
        let base = self.base(edge, None);
        let step = edge.step("tree", None);
        edge.recursive("tree", edge.names(false), base, step)
    }

    /// The keys, each with the least number of steps to it.
    fn depths(&self, edge: &Edge) -> Source {
        let keys = edge.key.len();
        let names = edge.names(true);
        let walk = query("walk");
        let depth = || Expr::Column(column(walk, keys));
        let mut step = edge.step("walk", Some(depth()));
        match self.max_depth {
            Some(most) => step.filter.push(binary(BinaryOp::Lt, depth(), integer(most))),
            // Nobody comes down to a row but from its parent, so a circle leads back to the root first.
            None if edge.single => step.filter.push(self.is_no_root(edge.table)),
            None => {
                let all = self.reach(edge);
                let count = aggregate(Aggregate::Count, None);
                let number = ast::Select {
                    projection: vec![Projection::Expr(count)],
                    from: Some(query("tree")),
                    sources: vec![all],
                    ..ast::Select::default()
                };
                step.filter.push(binary(BinaryOp::Lt, depth(), Expr::Subquery(Box::new(number))));
            }
        }
        let source = edge.recursive("walk", Arc::clone(&names), self.base(edge, Some(integer(0))), step);
        let key = || (0..keys).map(|index| Expr::Column(column(walk, index)));
        let least = Projection::Label(aggregate(Aggregate::Min, Some(depth())), "depth");
        let nearest = ast::Select {
            projection: key().map(Projection::Expr).chain([least]).collect(),
            from: Some(walk),
            group_by: key().collect(),
            sources: vec![source],
            ..ast::Select::default()
        };
        Source { name: "tree", columns: names, query: SourceQuery::Subquery(Arc::new(nearest)) }
    }

    /// The first row's key.
    fn base(&self, edge: &Edge, depth: Option<Expr>) -> ast::Select {
        let table = plain(M::TABLE);
        let depth = depth.map(|depth| Projection::Label(depth, "depth"));
        ast::Select {
            projection: columns(table, edge.key).chain(depth).collect(),
            from: Some(table),
            filter: vec![self.is_root(table)],
            ..ast::Select::default()
        }
    }

    /// `id = ?`
    fn is_root(&self, table: TableRef) -> Expr {
        let keys = refs(table, M::TABLE.primary_key).map(Expr::Column);
        all(keys.zip(&self.key).map(|(column, value)| binary(BinaryOp::Eq, column, Expr::Bind(value.clone()))))
    }

    /// `id <> ?`
    fn is_no_root(&self, table: TableRef) -> Expr {
        match self.is_root(table) {
            Expr::Binary(BinaryOp::Eq, sides) => Expr::Binary(BinaryOp::Ne, sides),
            several => Expr::Not(Box::new(several)),
        }
    }
}

impl Edge {
    /// From the last keys to the next ones.
    fn step(&self, name: &'static str, depth: Option<Expr>) -> ast::Select {
        let walk = query(name);
        let on = meets(refs(self.table, self.from), (0..).map(|index| column(walk, index)));
        let next = depth.map(|depth| Projection::Expr(binary(BinaryOp::Add(NumberKind::Integer), depth, integer(1))));
        ast::Select {
            projection: columns(self.table, self.to).chain(next).collect(),
            from: Some(walk),
            joins: vec![Join { kind: JoinKind::Inner, table: self.table, left: None, on: Some(on) }],
            ..ast::Select::default()
        }
    }

    fn recursive(
        &self,
        name: &'static str,
        columns: Arc<[&'static str]>,
        base: ast::Select,
        mut step: ast::Select,
    ) -> Source {
        let query = SourceQuery::Itself(name);
        step.sources.insert(0, Source { name, columns: Arc::clone(&columns), query });
        let operator = SetOperator::Union;
        let operands = [base, step].map(|select| Operand { operator, select }).into();
        let select = ast::Select { operands, ..ast::Select::default() };
        let cte = Cte { name, select, recursive: true, materialized: None };
        Source { name, columns, query: SourceQuery::Cte(Arc::new(cte)) }
    }

    /// What the columns of the keys are called, and that of the depth after them.
    fn names(&self, depth: bool) -> Arc<[&'static str]> {
        let keys = self.key.iter().map(|index| self.model.column(*index).map_or("?", |column| column.name));
        keys.chain(depth.then_some("depth")).collect()
    }
}

fn plain(meta: &'static TableMeta) -> TableRef {
    TableRef { meta, alias: None }
}

fn query(name: &'static str) -> TableRef {
    TableRef { meta: &QUERY, alias: Some(Alias::Query(name)) }
}

fn column(table: TableRef, index: usize) -> ColumnRef {
    ColumnRef { table, index: u16::try_from(index).unwrap_or(u16::MAX) }
}

fn refs(table: TableRef, indexes: &[u16]) -> impl Iterator<Item = ColumnRef> {
    indexes.iter().map(move |index| ColumnRef { table, index: *index })
}

fn columns(table: TableRef, indexes: &[u16]) -> impl Iterator<Item = Projection> {
    refs(table, indexes).map(|column| Projection::Expr(Expr::Column(column)))
}

/// `left = right`, of as many columns as there are on both sides.
fn meets(left: impl Iterator<Item = ColumnRef>, right: impl Iterator<Item = ColumnRef>) -> Expr {
    all(left.zip(right).map(|(left, right)| binary(BinaryOp::Eq, Expr::Column(left), Expr::Column(right))))
}

fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary(op, Box::new((left, right)))
}

fn integer(number: u32) -> Expr {
    Expr::Bind(Value::Int(i64::from(number)))
}

fn aggregate(function: Aggregate, expr: Option<Expr>) -> Expr {
    let order_by = Vec::new();
    Expr::Operation(Box::new(Operation::Aggregate { function, distinct: false, expr, filter: None, order_by }))
}

fn all(conditions: impl Iterator<Item = Expr>) -> Expr {
    let mut conditions: Vec<Expr> = conditions.collect();
    match (conditions.pop(), conditions.is_empty()) {
        (Some(only), true) => only,
        (last, _) => Expr::And(conditions.into_iter().chain(last).collect()),
    }
}
