//! Two-phase commit: several databases agree, and then all commit or none does.
//!
//! ```text
//! tx.prepare_transaction("transfer-17") ── in each database: it can be committed now, whatever happens
//!         all succeeded │ one failed
//! engine.commit_prepared │ engine.rollback_prepared("transfer-17")
//! after a crash: engine.prepared_transactions() says what is left to be decided
//! ```

use std::panic::Location;
use std::time::SystemTime;

use super::executor::Lent;
use super::{Engine, Transaction};
use crate::error::{Error, Result};

/// A transaction that waits for the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PreparedTransaction {
    /// The name that it was given.
    pub id: String,
    /// The user of the database whose it is.
    pub owner: String,
    /// When it was prepared.
    pub prepared_at: SystemTime,
}

impl PreparedTransaction {
    /// For backends.
    #[must_use]
    pub fn new(id: String, owner: String, prepared_at: SystemTime) -> Self {
        PreparedTransaction { id, owner, prepared_at }
    }
}

impl Transaction {
    /// Makes sure that the transaction can be committed, and leaves it to [`Engine::commit_prepared`] or
    /// [`Engine::rollback_prepared`]: the first phase of a commit in several databases. It keeps its locks, and outlives
    /// this connection and the server, until one of them is called.
    ///
    /// The name is unique in the server, and other programs may see it. One that is never ended holds up the server:
    /// list what was left with [`Engine::prepared_transactions`] when the program starts.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # async fn example(here: Engine, there: Engine, alice: impl Runnable, bob: impl Runnable) -> orm::Result<()> {
    /// let (mut one, mut other) = (here.begin().await?, there.begin().await?);
    /// one.execute(alice).await?;
    /// other.execute(bob).await?;
    /// one.prepare_transaction("transfer-17").await?;
    /// // The last one of all can as well be committed at once: if it fails, so does the whole.
    /// match other.commit().await {
    ///     Ok(()) => here.commit_prepared("transfer-17").await,
    ///     // Nobody knows yet: it is decided when the other database can be asked.
    ///     Err(error @ orm::Error::CommitUnknown { .. }) => Err(error),
    ///     Err(error) => here.rollback_prepared("transfer-17").await.and(Err(error)),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] where the backend cannot; [`Error::TransactionEnded`] if a statement failed earlier;
    /// [`Error::Statement`] if something is to be done [after the commit](Transaction::after_commit);
    /// [`Error::CommitUnknown`] if the connection broke: then it may be among the prepared ones. After all others the
    /// changes are undone.
    pub async fn prepare_transaction(mut self, id: &str) -> Result<()> {
        self.link.engine.check_two_phase_commit()?;
        self.link.prepare_transaction(id).await
    }
}

impl Engine {
    /// Commits a transaction that was [prepared](Transaction::prepare_transaction), by whatever connection or program.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] where the backend cannot; [`Error::Database`] if there is none of that name, since it has
    /// ended already; [`Error::CommitUnknown`] if the connection broke.
    #[track_caller]
    pub fn commit_prepared<'a>(&'a self, id: &'a str) -> impl Future<Output = Result<()>> + Send + use<'a> {
        let lent = self.two_phase();
        async move { lent?.get().await?.connection.commit_prepared(id).await }
    }

    /// Undoes a transaction that was [prepared](Transaction::prepare_transaction), by whatever connection or program.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] where the backend cannot; [`Error::Database`] if there is none of that name, since it has
    /// ended already.
    #[track_caller]
    pub fn rollback_prepared<'a>(&'a self, id: &'a str) -> impl Future<Output = Result<()>> + Send + use<'a> {
        let lent = self.two_phase();
        async move { lent?.get().await?.connection.rollback_prepared(id).await }
    }

    /// The prepared transactions of this database that wait to be committed or rolled back, the oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] where the backend cannot.
    #[track_caller]
    pub fn prepared_transactions(&self) -> impl Future<Output = Result<Vec<PreparedTransaction>>> + Send + use<'_> {
        let lent = self.two_phase();
        async move { lent?.get().await?.connection.prepared_transactions().await }
    }

    #[track_caller]
    fn two_phase(&self) -> Result<Lent<'static>> {
        self.check_two_phase_commit()?;
        Ok(self.link(Location::caller()))
    }

    fn check_two_phase_commit(&self) -> Result<()> {
        let features = self.driver().features();
        if features.two_phase_commit {
            return Ok(());
        }
        Err(Error::Unsupported {
            feature: "two-phase commit",
            backend: features.backend,
            hint: "commit this database last: until then the prepared ones can still be rolled back",
        })
    }
}
