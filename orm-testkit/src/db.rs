//! A fresh database for one case.

use std::any::Any;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;

use orm::engine::EngineBuilder;
use orm::prelude::*;

use crate::SqlLog;

/// How a backend opens a fresh, empty database.
pub type Open = fn() -> Opening;

/// A builder with the database's URL, and what must live as long as the database (a temporary folder, a schema to
/// drop).
pub type Opening = Pin<Box<dyn Future<Output = (EngineBuilder, Box<dyn Any + Send + Sync>)> + Send>>;

/// What a backend cannot do. Cases about it then assert the error instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lacks {
    /// `RIGHT JOIN` and `FULL JOIN`.
    RightAndFullJoin,
    /// `RETURNING`.
    Returning,
    /// Reading while another connection writes: readers wait until the writer is done.
    ReadingBesideAWriter,
    /// Going on with a transaction after a statement that failed, without a savepoint.
    GoingOnAfterAnError,
    /// Two-phase commit.
    TwoPhaseCommit,
    /// Refusing a write of a transaction that has read, because another one has written since: it locks by the row.
    OneLockForAllWriters,
}

/// A fresh database for one case, with every statement logged.
pub struct TestDb {
    /// The engine, with a pool of up to 5 + 10 connections.
    pub engine: Engine,
    /// What was sent.
    pub log: SqlLog,
    open: Open,
    lacks: &'static [Lacks],
    _keep: Box<dyn Any + Send + Sync>,
}

impl TestDb {
    /// Opens a fresh database.
    ///
    /// # Panics
    ///
    /// If it cannot be opened: a case without its database has failed.
    pub async fn open(open: Open, lacks: &'static [Lacks]) -> Self {
        Self::open_with(open, lacks, |builder| builder).await
    }

    async fn open_with(
        open: Open,
        lacks: &'static [Lacks],
        configure: impl FnOnce(EngineBuilder) -> EngineBuilder,
    ) -> Self {
        let (builder, keep) = open().await;
        let log = SqlLog::default();
        let engine = configure(log.attach(builder)).connect().await;
        #[expect(clippy::panic, reason = "a case without its database has failed")]
        let engine = engine.unwrap_or_else(|error| panic!("cannot open the test database: {error}"));
        TestDb { engine, log, open, lacks, _keep: keep }
    }

    /// Another fresh database of the same backend, with other options.
    pub async fn another(&self, configure: impl FnOnce(EngineBuilder) -> EngineBuilder) -> TestDb {
        Self::open_with(self.open, self.lacks, configure).await
    }

    /// Whether the backend lacks something.
    #[must_use]
    pub fn lacks(&self, what: Lacks) -> bool {
        self.lacks.contains(&what)
    }
}

impl Deref for TestDb {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl std::fmt::Debug for TestDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.engine.fmt(f)
    }
}
