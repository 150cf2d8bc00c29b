//! What an engine and a transaction can be told.

use std::fmt;
use std::sync::Arc;

use super::NPlusOne;
use super::echo::StatementEvent;
use crate::pool::PoolOptions;
use crate::query::Filters;
use crate::session::Hooks;

/// Is told of every statement, after it ran.
pub type Listener = Arc<dyn Fn(&StatementEvent<'_>) + Send + Sync>;

/// How an engine behaves. Built by [`EngineBuilder`](super::EngineBuilder), read by backends.
#[derive(Clone)]
#[non_exhaustive]
pub struct EngineOptions {
    /// The pool.
    pub pool: PoolOptions,
    /// How many prepared statements a connection keeps, and how many texts the engine. Defaults to 256.
    pub statement_cache: usize,
    /// Whether bound values stand in errors and logs. Defaults to false: they may be secret.
    pub show_binds: bool,
    /// Whether statements run on a thread for blocking work, where the backend runs them itself. Defaults to false.
    pub offload: bool,
    /// Who is told of statements.
    pub listeners: Vec<Listener>,
    /// Hooks of all sessions.
    pub hooks: Option<Arc<Hooks>>,
    /// Conditions on models that every statement gets.
    pub filters: Filters,
    /// What happens when a line reads the same too often. Defaults to nothing.
    pub n_plus_one: Option<NPlusOne>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions {
            pool: PoolOptions::default(),
            statement_cache: 256,
            show_binds: false,
            offload: false,
            listeners: Vec::new(),
            hooks: None,
            filters: Filters::default(),
            n_plus_one: None,
        }
    }
}

impl fmt::Debug for EngineOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineOptions")
            .field("pool", &self.pool)
            .field("statement_cache", &self.statement_cache)
            .field("show_binds", &self.show_binds)
            .field("offload", &self.offload)
            .field("listeners", &self.listeners.len())
            .field("hooks", &self.hooks)
            .field("filters", &self.filters)
            .field("n_plus_one", &self.n_plus_one)
            .finish()
    }
}

/// How a transaction behaves.
///
/// ```
/// # use orm::prelude::*;
/// # async fn example(engine: Engine) -> orm::Result<()> {
/// let mut tx = engine.begin_with(TransactionOptions::new().read_only()).await?;
/// # tx.commit().await
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TransactionOptions {
    /// Writes are refused, and no lock is taken that would hold up a writer.
    pub read_only: bool,
    /// Begins without a lock; the first statement that writes takes it.
    pub deferred: bool,
    /// How far it is kept apart from others; none is the database's own default.
    pub isolation: Option<Isolation>,
    /// Begins when it can no longer lose to others: serializable and read-only.
    pub deferrable: bool,
}

impl TransactionOptions {
    /// A transaction that may write. On SQLite it takes the write lock at once (`BEGIN IMMEDIATE`), so that it can
    /// never fail half-way for the lack of it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses writes. On SQLite it begins without a lock and sees the database as it was at its first statement.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Begins without a lock, and takes the write lock with the first statement that writes: for a transaction that
    /// reads first, and may write later or not at all. A database without one write lock for all begins as always.
    ///
    /// Until then it holds up nobody. If on SQLite another transaction has written since this one first read, then its
    /// first write is refused at once with [`Error::Serialization`](crate::Error::Serialization): what it read is no
    /// longer so. Run it again, or begin it with the lock. Without a write-ahead log (a database in memory has none) it
    /// is refused as well while another transaction writes, which cannot commit before this one ends.
    ///
    /// A [`read_only`](TransactionOptions::read_only) transaction never takes it, deferred or not.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// let mut tx = engine.begin_with(TransactionOptions::new().deferred()).await?;
    /// if tx.fetch_scalar(select(count(User.id))).await? == 0 {
    ///     // From here on other writers wait.
    ///     tx.execute(insert(User::builder().name("Alice").email("a@example.com"))).await?;
    /// }
    /// tx.commit().await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn deferred(mut self) -> Self {
        self.deferred = true;
        self
    }

    /// Reads only, at [`Isolation::Serializable`], and waits with its begin until no transaction that is open could still
    /// make it fail: for a long report or a backup, which then neither loses to others nor makes them lose. On PostgreSQL
    /// it is `SERIALIZABLE READ ONLY DEFERRABLE`; where readers never lose, as on SQLite, nothing is waited for.
    #[must_use]
    pub fn deferrable(mut self) -> Self {
        self.deferrable = true;
        self.read_only().isolation(Isolation::Serializable)
    }

    /// Sets the isolation level. A backend that has only stronger ones takes the next stronger one.
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = Some(isolation);
        self
    }
}

/// SQL's isolation levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isolation {
    /// Sees what others have not committed.
    ReadUncommitted,
    /// Each statement sees what was committed before it began.
    ReadCommitted,
    /// Every statement sees what was committed before the first one began.
    RepeatableRead,
    /// As if transactions ran one after the other. SQLite knows no other.
    Serializable,
}
