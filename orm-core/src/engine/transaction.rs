//! Transactions and savepoints.
//!
//! [`Transaction`] has no lifetime, so that closures over `&mut Transaction` can be sent to other tasks: with one, the
//! compiler cannot see that they are general enough. What lives within another value is a [`Scope`], which leads to
//! the same [`Transaction`].

use std::ops::{Deref, DerefMut};

use super::TransactionOptions;
use super::executor::{Executor, Lent};
use super::link::{Ending, Link};
use crate::driver::Caller;
use crate::error::{Error, Result};

/// A transaction. Dropping it without [`commit`](Transaction::commit) undoes it. What it runs is in [`Executor`].
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
pub struct Transaction {
    pub(crate) link: Link,
}

impl Transaction {
    pub(crate) async fn begin(mut link: Link, options: &TransactionOptions) -> Result<Transaction> {
        link.enter(options).await?;
        Ok(Transaction { link })
    }

    /// The engine whose connection it has.
    #[must_use]
    pub fn engine(&self) -> &super::Engine {
        &self.link.engine
    }

    /// The backend's connection, for what only that backend can do. Ending the transaction behind its back breaks it.
    pub fn driver_connection(&mut self) -> &mut dyn crate::driver::Connection {
        self.link.connection.as_mut()
    }

    /// Takes the connection, and all that is known of it, until it is [put back](Transaction::put_back). Meanwhile, and
    /// for ever if it never is, everything here fails with [`Error::TransactionEnded`].
    pub(crate) fn take_link(&mut self) -> Link {
        let gone = self.link.gone();
        std::mem::replace(&mut self.link, gone)
    }

    /// Puts back what [`take_link`](Transaction::take_link) took.
    pub(crate) fn put_back(&mut self, link: Link) {
        self.link = link;
    }

    /// Sets a savepoint. Dropping what this gives undoes everything since, and nothing before.
    ///
    /// # Errors
    ///
    /// [`Error::TransactionEnded`] if the database ended the transaction.
    pub async fn savepoint(&mut self) -> Result<Scope<'_>> {
        Scope::open(self, &TransactionOptions::new()).await
    }

    /// Runs `body` in a savepoint: kept if it gives `Ok`, undone if it gives `Err`, panics, or is dropped half-way.
    ///
    /// # Errors
    ///
    /// What `body` gives, and the errors of setting and releasing the savepoint.
    pub async fn transaction<T, E, F>(&mut self, body: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut Transaction) -> Result<T, E>,
        E: From<Error>,
    {
        let mut savepoint = self.savepoint().await?;
        let value = body(&mut savepoint).await?;
        savepoint.commit().await?;
        Ok(value)
    }

    /// Has something done once the changes are lasting: a message sent, a cache cleared.
    ///
    /// Actions run in their order, each once, when the outermost transaction has been committed and before its `commit`
    /// returns. One that was set within a savepoint goes when that savepoint is undone. None runs after a rollback, a
    /// drop, or a commit that fails.
    ///
    /// It runs on the task that commits, which still has the connection, so keep it short: send to a channel, or spawn
    /// a task. What has to happen even if the program dies just then belongs in a table, in the transaction itself.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// let (news, listener) = std::sync::mpsc::channel();
    /// let mut tx = engine.begin().await?;
    /// let id = tx.fetch_one(insert(User::builder().name("Alice").email("a@example.com")).returning(User.id)).await?;
    /// tx.after_commit(move || { let _nobody_listens = news.send(id); });
    ///
    /// assert!(listener.try_recv().is_err());
    /// tx.commit().await?;
    /// assert_eq!(listener.recv(), Ok(id));
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// A panic in an action keeps none of the others from running, and harms neither the connection nor what was
    /// committed. It comes out of `commit` after the last of them; of several panics the first does.
    ///
    /// If the future of `commit` is dropped half-way, no action runs, though the database may have committed.
    pub fn after_commit(&mut self, action: impl FnOnce() + Send + 'static) {
        self.link.after_commit(Box::new(action));
    }

    /// Makes the changes lasting. Then runs what was given to [`after_commit`](Transaction::after_commit).
    ///
    /// # Errors
    ///
    /// [`Error::TransactionEnded`] if the database ended the transaction earlier, and a deferred constraint's
    /// violation. The changes are then undone.
    pub async fn commit(mut self) -> Result<()> {
        self.link.leave(1, Ending::Commit).await
    }

    /// Undoes the changes.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionLost`]: the database has then undone them by itself.
    pub async fn rollback(mut self) -> Result<()> {
        self.link.leave(1, Ending::Rollback).await
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.link.abandon(1);
    }
}

impl Executor for Transaction {
    fn link(&mut self, caller: Caller) -> Lent<'_> {
        Lent::here(&mut self.link, caller)
    }
}

/// A savepoint in a transaction, or a transaction of a [`Connection`](super::Connection) that is kept. Dropping it
/// without [`commit`](Scope::commit) undoes what was done since, and nothing before.
///
/// It leads to a [`Transaction`], so a function that takes `&mut Transaction` takes it as well.
#[derive(Debug)]
#[must_use = "dropping it at once undoes nothing and keeps nothing"]
pub struct Scope<'a> {
    transaction: &'a mut Transaction,
    /// 1 for a transaction, 2 for a savepoint in it, and so on; 0 once it is over.
    depth: u32,
}

impl<'a> Scope<'a> {
    pub(crate) async fn open(transaction: &'a mut Transaction, options: &TransactionOptions) -> Result<Scope<'a>> {
        let depth = transaction.link.enter(options).await?;
        Ok(Scope { transaction, depth })
    }

    /// Keeps the changes: those of a savepoint become part of what is around it, those of a transaction are lasting.
    ///
    /// # Errors
    ///
    /// As [`Transaction::commit`].
    pub async fn commit(mut self) -> Result<()> {
        self.end(Ending::Commit).await
    }

    /// Undoes the changes.
    ///
    /// # Errors
    ///
    /// As [`Transaction::rollback`].
    pub async fn rollback(mut self) -> Result<()> {
        self.end(Ending::Rollback).await
    }

    async fn end(&mut self, ending: Ending) -> Result<()> {
        self.transaction.link.leave(self.depth, ending).await?;
        self.depth = 0;
        Ok(())
    }
}

impl Deref for Scope<'_> {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        self.transaction
    }
}

impl DerefMut for Scope<'_> {
    fn deref_mut(&mut self) -> &mut Transaction {
        self.transaction
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        if self.depth > 0 {
            self.transaction.link.abandon(self.depth);
        }
    }
}

impl Executor for Scope<'_> {
    fn link(&mut self, caller: Caller) -> Lent<'_> {
        Lent::here(&mut self.transaction.link, caller)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use crate::engine::fake::{self, Told};
    use crate::engine::{Executor, Transaction};
    use crate::error::{Error, Result};
    use crate::expr::value;
    use crate::query::select;
    use crate::sql;

    fn ended<T>(result: Result<T>) -> bool {
        matches!(result, Err(Error::TransactionEnded))
    }

    async fn tx() -> (Transaction, Told) {
        let (tx, told) = fake::transaction().await;
        assert_eq!(told.take(), ["begin"]);
        (tx, told)
    }

    #[tokio::test]
    async fn a_transaction_whose_connection_is_taken_refuses_everything() {
        let (mut tx, told) = tx().await;

        let taken = tx.take_link();
        assert!(ended(tx.execute(sql!("DELETE FROM t")).await));
        assert!(ended(tx.fetch_all(select(value(1))).await));
        assert!(ended(tx.stream(select(value(1))).next().await.expect("an error")));
        assert!(ended(tx.explain(select(value(1))).await));
        assert!(ended(tx.savepoint().await));
        assert!(ended(tx.transaction(async |_| Ok::<_, Error>(())).await));
        assert!(ended(tx.commit().await));

        assert_eq!(told.take(), [""; 0]);
        drop(taken);
    }

    #[tokio::test]
    async fn a_transaction_goes_on_where_its_connection_was_left() {
        let (mut tx, told) = tx().await;

        let mut taken = tx.take_link();
        assert!(taken.in_transaction());
        let depth = taken.enter(&crate::engine::TransactionOptions::new()).await.expect("a savepoint");
        assert_eq!(depth, 2);
        taken.abandon(depth);
        tx.put_back(taken);
        tx.execute(sql!("DELETE FROM t")).await.expect("it is open");
        tx.commit().await.expect("it is open");

        assert_eq!(told.take(), ["savepoint 1", "abandon 1", "RAW", "commit"]);
    }

    #[tokio::test]
    async fn a_savepoint_whose_connection_is_taken_is_undone_with_its_transaction() {
        let (mut tx, told) = tx().await;

        let mut savepoint = tx.savepoint().await.expect("a savepoint");
        let leaked = savepoint.take_link();
        assert!(ended(savepoint.commit().await));
        assert!(ended(tx.rollback().await));

        assert_eq!(told.take(), ["savepoint 1"]);
        drop(leaked);
    }

    #[tokio::test]
    async fn a_transaction_that_cannot_be_committed_is_abandoned() {
        let (tx, told) = tx().await;

        told.refuse("commit");
        assert!(ended(tx.commit().await));

        assert_eq!(told.take(), ["commit", "abandon 0"]);
    }

    #[tokio::test]
    async fn a_commit_that_fails_runs_no_action() {
        let (mut tx, told) = tx().await;
        let (sender, actions) = mpsc::channel();

        tx.after_commit(move || sender.send(()).expect("a listener"));
        told.refuse("commit");
        assert!(ended(tx.commit().await));

        // The action is gone, and did nothing.
        assert_eq!(actions.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }

    #[tokio::test]
    async fn actions_go_with_the_connection_that_is_taken_and_come_back_with_it() {
        let (mut tx, _told) = tx().await;
        let (sender, actions) = mpsc::channel();

        let (first, second) = (sender.clone(), sender);
        tx.after_commit(move || first.send(1).expect("a listener"));
        let mut taken = tx.take_link();
        taken.after_commit(Box::new(move || second.send(2).expect("a listener")));
        tx.put_back(taken);
        tx.commit().await.expect("a commit");

        assert_eq!(actions.iter().collect::<Vec<_>>(), [1, 2]);
    }

    #[tokio::test]
    async fn whatever_is_no_select_is_counted_as_a_write() {
        let (mut tx, _told) = tx().await;
        let mut counts = vec![tx.link.writes()];

        tx.fetch_all(select(value(1))).await.expect("a select");
        assert!(tx.stream(select(value(1))).next().await.is_none());
        tx.explain(sql!("DELETE FROM t")).await.expect("a plan");
        counts.push(tx.link.writes());
        tx.execute(sql!("DELETE FROM t")).await.expect("a delete");
        counts.push(tx.link.writes());
        assert!(tx.stream(sql!("DELETE FROM t RETURNING x").rows::<(i64,)>()).next().await.is_none());
        counts.push(tx.link.writes());

        assert_eq!(counts, [0, 0, 1, 2]);
    }
}
