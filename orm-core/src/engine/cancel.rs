//! Stopping a statement from elsewhere.

use std::sync::Arc;

use super::{Connection, Transaction};
use crate::driver::Cancel;
use crate::error::{Error, Result};

/// Stops what runs on one connection, from another task: for a button that says "stop", or a client that has left.
///
/// Whoever waits for a statement himself need not have one: dropping its future stops it as well.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// # async fn example(engine: Engine) -> orm::Result<()> {
/// let mut connection = engine.connection().await?;
/// let stop = connection.cancel_handle()?;
/// tokio::spawn(async move { stop.cancel().await });
/// match connection.fetch_all(select(Post)).await {
///     Err(orm::Error::Cancelled { .. }) => println!("stopped"),
///     posts => println!("{} posts", posts?.len()),
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct CancelHandle(Arc<dyn Cancel>);

impl CancelHandle {
    /// Stops the statement that runs now, which then fails with [`Error::Cancelled`]. A transaction around it goes on as
    /// after any failed statement.
    ///
    /// Does nothing when no statement runs, and nothing once the connection is back in the pool.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`] if the server cannot be asked. The statement then goes on.
    pub async fn cancel(&self) -> Result<()> {
        self.0.cancel().await
    }
}

impl Connection {
    /// What stops a statement of this connection from another task.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] on a backend that cannot stop a statement.
    pub fn cancel_handle(&mut self) -> Result<CancelHandle> {
        self.transaction.cancel_handle()
    }
}

impl Transaction {
    /// What stops a statement of this transaction's connection from another task.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] on a backend that cannot stop a statement.
    pub fn cancel_handle(&mut self) -> Result<CancelHandle> {
        let backend = self.link.engine.backend();
        self.link.connection.canceller().map(CancelHandle).ok_or(Error::Unsupported {
            feature: "cancelling from elsewhere",
            backend,
            hint: "drop the statement's future",
        })
    }
}
