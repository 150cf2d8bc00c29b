//! `INSERT`.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::select::projected;
use super::selection::Selection;
use super::{Command, Decoder, Query, Runnable};
use crate::ast::{self, ColumnSet, RowSource};
use crate::error::Result;
use crate::model::{InsertRow, Model};
use crate::types::BindSink;

/// An `INSERT` into the table of `M`; with `returning` it gives rows.
#[must_use = "a statement does nothing until it is run: `engine.execute(statement)`"]
pub struct Insert<M, Returned = ()> {
    pub(super) ast: ast::Insert,
    returned: Returned,
    model: PhantomData<fn() -> M>,
}

/// Inserts one row or many: models, or builders with every required field set.
///
/// However many rows there are, they stand or fall together. They are sent in statements of many rows each, within one
/// transaction (a savepoint, if one is open).
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// # let engine = orm::connect("sqlite::memory:").await?;
/// # engine.create_all(schema![User, Post]).await?;
/// let one = insert(User::builder().name("Alice").email("a@example.com"));
/// assert_sql!(one, sqlite: r#"INSERT INTO "users" ("name", "email", "nickname", "age", "manager_id") VALUES (?1, ?2, ?3, ?4, ?5)"#);
///
/// let alice: User = engine.fetch_one(one.returning(User)).await?;
/// assert_eq!(alice.id, 1);
///
/// let posts: Vec<_> = (1..=1000).map(|n| Post::builder().title(format!("No. {n}")).author_id(alice.id)).collect();
/// assert_eq!(engine.execute(insert(posts)).await?, 1000);
/// # Ok(()) }
/// ```
pub fn insert<R: InsertRows>(rows: R) -> Insert<R::Model> {
    Insert {
        ast: ast::Insert { table: R::Model::TABLE, rows: rows.into_source(), conflict: None, returning: Vec::new() },
        returned: (),
        model: PhantomData,
    }
}

impl<M: Model> Insert<M> {
    /// Gives back columns of the inserted rows, in the order in which the rows were given: what the database made
    /// (`.returning(User.id)`), or everything (`.returning(User)`).
    pub fn returning<S: Selection>(self, selection: S) -> Insert<M, Decoder<S::Row>> {
        let (returning, returned) = projected(selection);
        Insert { ast: ast::Insert { returning, ..self.ast }, returned, model: PhantomData }
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model, Returned: Send + Sync> Runnable for Insert<M, Returned> {
    fn command(&self) -> Command<'_> {
        Command::Insert(&self.ast)
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model, Row: Send + 'static> Query for Insert<M, Decoder<Row>> {
    type Row = Row;

    fn decoder(&self) -> Decoder<Row> {
        self.returned.clone()
    }
}

impl<M, Returned: Clone> Clone for Insert<M, Returned> {
    fn clone(&self) -> Self {
        Insert { ast: self.ast.clone(), returned: self.returned.clone(), model: PhantomData }
    }
}

impl<M, Returned> fmt::Debug for Insert<M, Returned> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ast.fmt(f)
    }
}

/// One row, or several: a `Vec` or an array.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a row to insert",
    label = "expected a model, a builder with every required field set, or a `Vec` or array of them",
    note = "which field a builder lacks is said where it is inserted by itself, or at its `.build()`"
)]
pub trait InsertRows {
    /// The model.
    type Model: Model;

    /// The rows, their type forgotten.
    fn into_source(self) -> Arc<dyn RowSource>;
}

impl<R: InsertRow> InsertRows for R {
    type Model = R::Model;

    fn into_source(self) -> Arc<dyn RowSource> {
        Arc::new(One(self))
    }
}

#[diagnostic::do_not_recommend]
impl<R: InsertRow> InsertRows for Vec<R> {
    type Model = R::Model;

    fn into_source(self) -> Arc<dyn RowSource> {
        Arc::new(Many(self))
    }
}

#[diagnostic::do_not_recommend]
impl<R: InsertRow, const N: usize> InsertRows for [R; N] {
    type Model = R::Model;

    fn into_source(self) -> Arc<dyn RowSource> {
        Arc::new(Many(Vec::from(self)))
    }
}

struct One<R>(R);

impl<R: InsertRow> RowSource for One<R> {
    fn len(&self) -> usize {
        1
    }

    fn columns(&self, _row: usize) -> ColumnSet {
        self.0.columns()
    }

    fn bind(&self, _row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
        columns.iter().try_for_each(|column| self.0.bind(*column, sink))
    }
}

struct Many<R>(Vec<R>);

impl<R: InsertRow> RowSource for Many<R> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn columns(&self, row: usize) -> ColumnSet {
        self.0.get(row).map(InsertRow::columns).unwrap_or_default()
    }

    fn bind(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
        let Some(row) = self.0.get(row) else { return Ok(()) };
        columns.iter().try_for_each(|column| row.bind(*column, sink))
    }
}

/// Without the rows, which may be secret.
impl<R> fmt::Debug for One<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("1 row")
    }
}

impl<R> fmt::Debug for Many<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows", self.0.len())
    }
}
