//! An open database: what an engine holds, and what its connections share.

use std::any::Any;
use std::sync::Arc;

use orm_core::ast::Statement;
use orm_core::compile::Cache;
use orm_core::dialect::{Dialect, Features};
use orm_core::driver::{BoxFuture, Caller, Connection, Driver};
use orm_core::engine::{Engine, EngineOptions};
use orm_core::error::{Binds, Result};
use orm_core::pool::PoolState;

use crate::connect::Connector;
use crate::connection::{PostgresConnection, not_here};
use crate::dialect::PostgresDialect;
use crate::options::Options;
use crate::pool::Pool;

/// What the connections of one database share.
#[derive(Debug)]
pub(crate) struct Database {
    pool: Pool,
    namespace: String,
    pub(crate) cache: Cache,
    pub(crate) show_binds: bool,
}

/// An open database.
#[derive(Debug)]
pub(crate) struct PostgresDriver(Arc<Database>);

impl PostgresDriver {
    /// Opens a database, and connects once.
    pub(crate) async fn open(url: &str, options: &EngineOptions, caller: Caller) -> Result<Self> {
        let postgres = Options::parse(url)?;
        let namespace = postgres.namespace();
        let connector = Arc::new(Connector::new(postgres).await?);
        let pool = Pool::new(connector, options);
        drop(pool.acquire(caller).await?);
        Ok(PostgresDriver(Arc::new(Database {
            pool,
            namespace,
            cache: Cache::new(options.statement_cache),
            show_binds: options.show_binds,
        })))
    }
}

impl PostgresDriver {
    /// The driver behind an engine.
    pub(crate) fn of<'a>(engine: &'a Engine, feature: &'static str) -> Result<&'a Self> {
        (engine.driver() as &dyn Any).downcast_ref().ok_or(not_here(feature, engine.backend()))
    }

    pub(crate) fn connector(&self) -> Arc<Connector> {
        Arc::clone(&self.0.pool.connector)
    }
}

impl Driver for PostgresDriver {
    fn name(&self) -> &'static str {
        "postgresql"
    }

    fn namespace(&self) -> &str {
        &self.0.namespace
    }

    fn features(&self) -> &Features {
        PostgresDialect.features()
    }

    fn acquire<'a>(&'a self, caller: Caller) -> BoxFuture<'a, Result<Box<dyn Connection>>> {
        Box::pin(async move {
            let lent = self.0.pool.acquire(caller).await?;
            Ok(Box::new(PostgresConnection::new(lent, Arc::clone(&self.0))) as Box<dyn Connection>)
        })
    }

    fn pool_state(&self) -> PoolState {
        self.0.pool.state()
    }

    fn text(&self, statement: Statement<'_>) -> Result<(String, Binds)> {
        let prepared = self.0.cache.prepare(statement, &PostgresDialect)?;
        Ok((prepared.sql().to_owned(), prepared.binds_for_log(self.0.show_binds)))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.0.pool.close() })
    }
}
