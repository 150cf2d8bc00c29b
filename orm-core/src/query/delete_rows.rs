//! `DELETE` of rows by their keys.

use std::fmt;
use std::marker::PhantomData;

use super::{Command, ModelRows, Runnable};
use crate::ast;
use crate::model::Model;

/// A `DELETE` of rows of `M` by their keys.
#[must_use = "a statement does nothing until it is run: `engine.execute(statement)`"]
pub struct DeleteRows<M> {
    ast: ast::DeleteRows,
    model: PhantomData<fn() -> M>,
}

/// Deletes the rows that have the keys of these structs, and gives the number of rows that there were.
///
/// However many rows there are, they stand or fall together, as those of [`update_rows`](super::update_rows()) do.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// # let engine = orm::connect("sqlite::memory:").await?;
/// # engine.create_all(schema![User, Post]).await?;
/// # engine.execute(insert(["Alice", "Bob"].map(|name| User::builder().name(name).email(name)))).await?;
/// let users: Vec<User> = engine.fetch_all(select(User)).await?;
///
/// let all = delete_rows(users);
/// assert_sql!(all, sqlite: r#"DELETE FROM "users" WHERE "users"."id" IN (?1, ?2)"#);
/// assert_eq!(engine.execute(all).await?, 2);
/// # Ok(()) }
/// ```
pub fn delete_rows<R: ModelRows>(rows: R) -> DeleteRows<R::Model> {
    DeleteRows { ast: ast::DeleteRows { table: R::Model::TABLE, rows: rows.into_rows() }, model: PhantomData }
}

#[diagnostic::do_not_recommend]
impl<M: Model> Runnable for DeleteRows<M> {
    fn command(&self) -> Command<'_> {
        Command::DeleteRows(&self.ast)
    }
}

impl<M> Clone for DeleteRows<M> {
    fn clone(&self) -> Self {
        DeleteRows { ast: self.ast.clone(), model: PhantomData }
    }
}

impl<M> fmt::Debug for DeleteRows<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ast.fmt(f)
    }
}
