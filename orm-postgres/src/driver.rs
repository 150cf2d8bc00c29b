//! An open database: what an engine holds, and what its connections share.

use std::any::Any;
use std::sync::Arc;

use orm_core::ast::Statement;
use orm_core::boxed;
use orm_core::dialect::{Dialect, Features};
use orm_core::driver::{BoxFuture, Caller, Connection, Driver, Flow, RowSink};
use orm_core::engine::{Engine, EngineOptions};
use orm_core::error::{Binds, Result};
use orm_core::pool::PoolState;

use crate::batch::Answer;
use crate::connect::Connector;
use crate::connection::{PostgresConnection, not_here};
use crate::dialect::PostgresDialect;
use crate::options::Options;
use crate::pool::Pool;
use crate::row::PostgresRow;

/// An open database.
#[derive(Debug)]
pub(crate) struct PostgresDriver {
    pool: Pool,
    namespace: String,
}

impl PostgresDriver {
    /// Opens a database, and connects once.
    pub(crate) async fn open(url: &str, options: &EngineOptions, caller: Caller) -> Result<Self> {
        let postgres = Options::parse(url)?;
        let namespace = postgres.namespace();
        let connector = Arc::new(Connector::new(postgres).await?);
        let pool = Pool::new(connector, options);
        drop(pool.acquire(caller).await?);
        Ok(PostgresDriver { pool, namespace })
    }
}

impl PostgresDriver {
    /// The driver behind an engine.
    pub(crate) fn of<'a>(engine: &'a Engine, feature: &'static str) -> Result<&'a Self> {
        (engine.driver() as &dyn Any).downcast_ref().ok_or(not_here(feature, engine.backend()))
    }

    pub(crate) fn connector(&self) -> Arc<Connector> {
        Arc::clone(&self.pool.connector)
    }
}

impl Driver for PostgresDriver {
    fn name(&self) -> &'static str {
        "postgresql"
    }

    fn namespace(&self) -> &str {
        &self.namespace
    }

    fn features(&self) -> &Features {
        PostgresDialect.features()
    }

    fn try_acquire(&self, caller: Caller) -> Option<Box<dyn Connection>> {
        Some(Box::new(PostgresConnection::new(self.pool.try_acquire(caller)?)))
    }

    fn acquire<'a>(&'a self, caller: Caller) -> BoxFuture<'a, Result<Box<dyn Connection>>> {
        Box::pin(async move {
            Ok(Box::new(PostgresConnection::new(self.pool.acquire(caller).await?)) as Box<dyn Connection>)
        })
    }

    fn run_along<'a>(
        &'a self,
        statement: Statement<'a>,
        sink: &'a mut dyn RowSink,
    ) -> Option<BoxFuture<'a, Result<bool>>> {
        let Statement::ByKey { table, key } = statement else { return None };
        let answered = self.pool.join(table, key)?;
        Some(Box::into_pin(boxed(|| async {
            let Ok(Answer::Row(row)) = answered.await else { return Ok(false) };
            row.map_or(Ok(Flow::Continue), |row| sink.row(&PostgresRow(&row))).map(|_flow| true)
        })))
    }

    fn pool_state(&self) -> PoolState {
        self.pool.state()
    }

    fn text(&self, statement: Statement<'_>) -> Result<(String, Binds)> {
        let prepared = self.pool.shared.cache.prepare(statement, &PostgresDialect)?;
        Ok((prepared.sql().to_owned(), prepared.binds_for_log(self.pool.shared.show_binds)))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.pool.close() })
    }
}
