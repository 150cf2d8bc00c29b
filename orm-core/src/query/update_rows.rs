//! `UPDATE` of rows by their keys.

use std::fmt;
use std::marker::PhantomData;

use super::columns::{ColumnsOf, positions};
use super::select::projected;
use super::selection::Selection;
use super::{Command, Decoder, ModelRows, Query, Runnable};
use crate::ast::{self, ColumnSet};
use crate::meta::TableMeta;
use crate::model::Model;

/// An `UPDATE` of rows of `M` by their keys, each with values of its own; with `returning` it gives rows.
#[must_use = "a statement does nothing until it is run: `engine.execute(statement)`"]
pub struct UpdateRows<M, Returned = ()> {
    ast: ast::UpdateRows,
    returned: Returned,
    model: PhantomData<fn() -> M>,
}

/// Writes structs back over the rows that have their keys: all columns but the key, or those that
/// [`columns`](UpdateRows::columns) names. Gives the number of rows that there were: a struct whose key no row has
/// changes nothing.
///
/// However many rows there are, they stand or fall together. They are sent in statements of many rows each, within one
/// transaction (a savepoint, if one is open). No two may have the same key: which of them is written then, databases
/// do not say.
///
/// Rows of a model with a `version` must still have the one that their struct has, and get the next: if one was written or
/// deleted by someone else, none is updated, and [`Error::StaleObject`](crate::Error::StaleObject) names it.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// # let engine = orm::connect("sqlite::memory:").await?;
/// # engine.create_all(schema![User, Post]).await?;
/// # engine.execute(insert(["Alice", "Bob"].map(|name| User::builder().name(name).email(name)))).await?;
/// let mut users: Vec<User> = engine.fetch_all(select(User).order_by(User.id)).await?;
/// for user in &mut users {
///     user.name = user.name.to_uppercase();
/// }
///
/// let one = update_rows(users[0].clone()).columns(User.name);
/// assert_sql!(one, sqlite: r#"UPDATE "users" SET "name" = ?1 WHERE "users"."id" = ?2"#);
///
/// let both = update_rows(users).columns(User.name);
/// assert_sql!(both, sqlite: concat!(
///     r#"UPDATE "users" SET "name" = "new"."column1" FROM (VALUES (?1, ?2), (?3, ?4)) AS "new" "#,
///     r#"WHERE "users"."id" = "new"."column2""#,
/// ));
/// assert_eq!(engine.execute(both).await?, 2);
/// assert_eq!(engine.fetch_all(select(User.name).order_by(User.id)).await?, ["ALICE", "BOB"]);
/// # Ok(()) }
/// ```
pub fn update_rows<R: ModelRows>(rows: R) -> UpdateRows<R::Model> {
    let table = R::Model::TABLE;
    let ast = ast::UpdateRows { table, columns: all_but_the_key(table), rows: rows.into_rows(), returning: Vec::new() };
    UpdateRows { ast, returned: (), model: PhantomData }
}

pub(crate) fn all_but_the_key(table: &TableMeta) -> ColumnSet {
    let mut columns = ColumnSet::first(table.columns.len());
    let computed = (0..).zip(table.columns).filter(|(_, column)| column.computed.is_some()).map(|(index, _)| index);
    table.primary_key.iter().copied().chain(computed).for_each(|column| columns.remove(column));
    columns
}

impl<M: Model> UpdateRows<M> {
    /// Writes these columns only: one, or a tuple of up to 16. Called again, the last list counts. A version is counted up
    /// whatever the list says.
    pub fn columns(mut self, columns: impl ColumnsOf<M>) -> Self {
        self.ast.columns = positions(columns).into_iter().chain(M::TABLE.version).collect();
        self
    }

    /// Gives back columns of the updated rows, with their new values, in no particular order.
    pub fn returning<S: Selection>(self, selection: S) -> UpdateRows<M, Decoder<S::Row>> {
        let (returning, returned) = projected(selection);
        UpdateRows { ast: ast::UpdateRows { returning, ..self.ast }, returned, model: PhantomData }
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model, Returned: Send + Sync> Runnable for UpdateRows<M, Returned> {
    fn command(&self) -> Command<'_> {
        Command::UpdateRows(&self.ast)
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model, Row: Send + 'static> Query for UpdateRows<M, Decoder<Row>> {
    type Row = Row;

    fn decoder(&self) -> Decoder<Row> {
        self.returned.clone()
    }
}

impl<M, Returned: Clone> Clone for UpdateRows<M, Returned> {
    fn clone(&self) -> Self {
        UpdateRows { ast: self.ast.clone(), returned: self.returned.clone(), model: PhantomData }
    }
}

impl<M, Returned> fmt::Debug for UpdateRows<M, Returned> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ast.fmt(f)
    }
}
