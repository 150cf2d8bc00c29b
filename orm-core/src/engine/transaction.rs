//! Transactions and savepoints.

use super::TransactionOptions;
use super::executor::{Executor, Lent};
use super::link::{Link, LinkGuard};
use crate::driver::Caller;
use crate::error::{Error, Result};

/// A transaction, or a savepoint within one. Dropping it without [`commit`](Transaction::commit) undoes it. What it
/// runs is in [`Executor`].
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// # let engine = orm::connect("sqlite::memory:").await?;
/// # engine.create_all(schema![User, Post]).await?;
/// let mut tx = engine.begin().await?;
/// tx.execute(insert(User::builder().name("Alice").email("a@example.com"))).await?;
///
/// let mut savepoint = tx.savepoint().await?;
/// savepoint.execute(delete(User).all_rows()).await?;
/// savepoint.rollback().await?;
///
/// tx.commit().await?;
/// assert_eq!(engine.fetch_scalar(select(count(User.id))).await?, 1);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Transaction<'a> {
    link: LinkGuard<'a>,
    /// 1 for the transaction itself, 2 for a savepoint in it, and so on.
    depth: u32,
}

impl<'a> Transaction<'a> {
    pub(super) async fn begin(mut link: LinkGuard<'a>, options: &TransactionOptions) -> Result<Transaction<'a>> {
        link.connection.begin(options).await?;
        link.depth = 1;
        Ok(Transaction { link, depth: 1 })
    }

    /// Sets a savepoint. Dropping what this gives undoes everything since, and nothing before.
    ///
    /// # Errors
    ///
    /// [`Error::TransactionEnded`] if the database ended the transaction.
    pub async fn savepoint(&mut self) -> Result<Transaction<'_>> {
        let depth = self.depth + 1;
        self.link.connection.savepoint(depth - 1).await?;
        self.link.depth = depth;
        Ok(Transaction { link: LinkGuard::Borrowed(&mut self.link), depth })
    }

    /// Runs `body` in a savepoint: kept if it gives `Ok`, undone if it gives `Err`, panics, or is dropped half-way.
    ///
    /// # Errors
    ///
    /// What `body` gives, and the errors of setting and releasing the savepoint.
    pub async fn transaction<T, E, F>(&mut self, body: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut Transaction<'_>) -> Result<T, E>,
        E: From<Error>,
    {
        let mut savepoint = self.savepoint().await?;
        let value = body(&mut savepoint).await?;
        savepoint.commit().await?;
        Ok(value)
    }

    /// Makes the changes lasting; those of a savepoint become part of what is around it.
    ///
    /// # Errors
    ///
    /// [`Error::TransactionEnded`] if the database ended the transaction earlier, and a deferred constraint's
    /// violation. The changes are then undone.
    pub async fn commit(mut self) -> Result<()> {
        match self.depth {
            1 => self.link.connection.commit().await?,
            depth => self.link.connection.release(depth - 1).await?,
        }
        self.ended();
        Ok(())
    }

    /// Undoes the changes.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionLost`]: the database has then undone them by itself.
    pub async fn rollback(mut self) -> Result<()> {
        match self.depth {
            1 => self.link.connection.rollback().await?,
            depth => self.link.connection.rollback_to(depth - 1).await?,
        }
        self.ended();
        Ok(())
    }

    fn ended(&mut self) {
        self.link.depth = self.depth - 1;
        self.depth = 0;
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.depth > 0 {
            self.link.connection.abandon(self.depth - 1);
            self.link.depth = self.depth - 1;
        }
    }
}

impl Executor for Transaction<'_> {
    async fn link(&mut self, _caller: Caller) -> Result<Lent<'_>> {
        Ok(Lent(LinkGuard::Borrowed(&mut self.link)))
    }
}

/// A transaction of our own around several statements of one call: a savepoint if the caller has a transaction.
pub(super) struct Scope<'a>(Transaction<'a>);

impl<'a> Scope<'a> {
    pub(super) async fn open(link: &'a mut Link) -> Result<Scope<'a>> {
        let link = LinkGuard::Borrowed(link);
        if link.depth == 0 {
            return Ok(Scope(Transaction::begin(link, &TransactionOptions::new()).await?));
        }
        let depth = link.depth + 1;
        let mut transaction = Transaction { link, depth: 0 };
        transaction.link.connection.savepoint(depth - 1).await?;
        transaction.link.depth = depth;
        transaction.depth = depth;
        Ok(Scope(transaction))
    }

    pub(super) fn link(&mut self) -> &mut Link {
        &mut self.0.link
    }

    pub(super) async fn commit(self) -> Result<()> {
        self.0.commit().await
    }
}
