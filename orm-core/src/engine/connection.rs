//! A connection that is kept.

use super::executor::{Executor, Lent};
use super::link::Link;
use super::{Scope, Transaction, TransactionOptions};
use crate::driver::Caller;
use crate::error::{Error, Result};

/// A connection of the pool, kept until it is dropped. What it runs is in [`Executor`].
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// # let engine = orm::connect("sqlite::memory:").await?;
/// # engine.create_all(schema![User, Post]).await?;
/// let mut connection = engine.connection().await?;
/// for id in 1..=3 {
///     let user: Option<User> = connection.get(User, id).await?;
///     assert!(user.is_none());
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Connection {
    // A transaction at depth 0: none is open.
    pub(super) transaction: Transaction,
}

impl Connection {
    /// The backend's connection, for what only that backend can do.
    pub fn driver_connection(&mut self) -> &mut dyn crate::driver::Connection {
        self.transaction.driver_connection()
    }

    pub(super) fn new(link: Link) -> Self {
        Connection { transaction: Transaction { link } }
    }

    /// Begins a transaction that may write. Dropping it rolls it back.
    ///
    /// # Errors
    ///
    /// [`Error::LockTimeout`] if another writer does not finish in time.
    pub async fn begin(&mut self) -> Result<Scope<'_>> {
        self.begin_with(TransactionOptions::new()).await
    }

    /// Begins a transaction.
    ///
    /// # Errors
    ///
    /// As [`Connection::begin`].
    pub async fn begin_with(&mut self, options: TransactionOptions) -> Result<Scope<'_>> {
        Scope::open(&mut self.transaction, &options).await
    }

    /// Runs `body` in a transaction, as [`Engine::transaction`](super::Engine::transaction) does.
    ///
    /// # Errors
    ///
    /// What `body` gives, and the errors of beginning and committing.
    pub async fn transaction<T, E, F>(&mut self, body: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut Transaction) -> Result<T, E>,
        E: From<Error>,
    {
        // At depth 0 this opens the transaction itself.
        self.transaction.transaction(body).await
    }
}

impl Executor for Connection {
    fn link(&mut self, caller: Caller) -> Lent<'_> {
        Lent::here(&mut self.transaction.link, caller)
    }
}
