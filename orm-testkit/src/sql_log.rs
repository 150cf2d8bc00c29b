//! The statements that were sent, for cases that count them.

use std::sync::{Arc, Mutex, PoisonError};

use orm::engine::EngineBuilder;

/// The log of one engine. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct SqlLog(Arc<Mutex<Vec<Logged>>>);

/// A statement that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its text.
    pub sql: String,
    /// Its first words: `SELECT`, `CREATE TABLE`.
    pub operation: &'static str,
    /// How many rows came back.
    pub rows: u64,
    /// How many rows it wrote.
    pub rows_affected: u64,
    /// Whether it failed.
    pub failed: bool,
}

impl SqlLog {
    /// Lets an engine write into this log.
    pub fn attach(&self, builder: EngineBuilder) -> EngineBuilder {
        let log = self.clone();
        builder.on_statement(move |event| {
            log.0.lock().unwrap_or_else(PoisonError::into_inner).push(Logged {
                sql: event.sql.to_owned(),
                operation: event.operation,
                rows: event.rows,
                rows_affected: event.rows_affected,
                failed: event.error.is_some(),
            });
        })
    }

    /// What was sent since the last call. Cases call it as well to forget what led up to them.
    pub fn take(&self) -> Vec<Logged> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The texts of what was sent since the last call.
    #[must_use]
    pub fn take_sql(&self) -> Vec<String> {
        self.take().into_iter().map(|logged| logged.sql).collect()
    }
}
