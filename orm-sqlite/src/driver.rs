//! An open database: what an engine holds, and what its connections share.

use std::sync::Arc;
use std::time::Duration;

use orm_core::ast::Statement;
use orm_core::compile::Cache;
use orm_core::dialect::{Dialect, Features};
use orm_core::driver::{BoxFuture, Caller, Connection, Driver};
use orm_core::engine::EngineOptions;
use orm_core::error::{Binds, Result};
use orm_core::pool::PoolState;

use crate::connection::SqliteConnection;
use crate::dialect::SqliteDialect;
use crate::error;
use crate::lock::{Patience, WriteGate, WritePermit};
use crate::options::Options;
use crate::pool::Pool;
use crate::statement::{Failure, Reading, Work};

/// What the connections of one database share.
#[derive(Debug)]
pub(crate) struct Database {
    pool: Pool,
    namespace: String,
    pub(crate) cache: Cache,
    pub(crate) writers: WriteGate,
    pub(crate) busy_timeout: Duration,
    pub(crate) show_binds: bool,
    pub(crate) offload: bool,
}

impl Database {
    /// Waits for whatever kept a statement from running. An error says that it is not to be tried again.
    pub(crate) async fn wait_out<W: Work>(
        &self,
        failure: Failure,
        work: &W,
        patience: &mut Patience,
        permit: &mut Option<WritePermit>,
    ) -> Result<()> {
        match failure {
            Failure::Failed(error) => return Err(error),
            Failure::Gate(Reading::HoldsUpCommits) => {
                *permit = self.writers.try_enter();
                if permit.is_none() {
                    return Err(error::in_the_way(None, work));
                }
            }
            Failure::Gate(Reading::HoldsUpNobody) => {
                *permit = self.writers.enter(patience).await;
                if permit.is_none() {
                    return Err(error::gate_timeout(work, patience.waited()));
                }
            }
            Failure::Busy(error) => {
                if !patience.back_off().await {
                    let in_memory = self.pool.in_memory();
                    return Err(error::lock_timeout(error, work, patience.waited(), in_memory));
                }
            }
        }
        Ok(())
    }
}

/// An open database.
#[derive(Debug)]
pub(crate) struct SqliteDriver(Arc<Database>);

impl SqliteDriver {
    /// Opens a database, and connects once.
    pub(crate) async fn open(url: &str, options: &EngineOptions, caller: Caller) -> Result<Self> {
        let sqlite = Options::parse(url)?;
        let (namespace, busy_timeout) = (sqlite.namespace(), sqlite.busy_timeout);
        let pool = Pool::new(sqlite, options)?;
        drop(pool.acquire(caller).await?);
        Ok(SqliteDriver(Arc::new(Database {
            pool,
            namespace,
            cache: Cache::new(options.statement_cache),
            writers: WriteGate::new(options.pool.capacity()),
            busy_timeout,
            show_binds: options.show_binds,
            offload: options.offload,
        })))
    }
}

impl Driver for SqliteDriver {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn namespace(&self) -> &str {
        &self.0.namespace
    }

    fn features(&self) -> &Features {
        SqliteDialect.features()
    }

    fn try_acquire(&self, caller: Caller) -> Option<Box<dyn Connection>> {
        let lent = self.0.pool.try_acquire(caller)?;
        Some(Box::new(SqliteConnection::new(lent, Arc::clone(&self.0))))
    }

    fn acquire<'a>(&'a self, caller: Caller) -> BoxFuture<'a, Result<Box<dyn Connection>>> {
        Box::pin(async move {
            let lent = self.0.pool.acquire(caller).await?;
            Ok(Box::new(SqliteConnection::new(lent, Arc::clone(&self.0))) as Box<dyn Connection>)
        })
    }

    fn pool_state(&self) -> PoolState {
        self.0.pool.state()
    }

    fn text(&self, statement: Statement<'_>) -> Result<(String, Binds)> {
        let prepared = self.0.cache.prepare(statement, &SqliteDialect)?;
        Ok((prepared.sql().to_owned(), prepared.binds_for_log(self.0.show_binds)))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let database = Arc::clone(&self.0);
        Box::pin(async move {
            database.pool.let_nobody_in();
            // The last connection to a file moves the write-ahead log into it.
            // If the runtime is shutting down, dropping the pool does the same.
            let _cancelled = tokio::task::spawn_blocking(move || database.pool.close()).await;
        })
    }
}
