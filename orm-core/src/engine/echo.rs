//! The statement log: what ran, how long it took, how it ended.

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::options::Listener;
use crate::error::{Binds, Error};

/// A statement that ran.
#[derive(Debug)]
#[non_exhaustive]
pub struct StatementEvent<'a> {
    /// The text, as it was sent.
    pub sql: &'a str,
    /// The bound values, hidden unless the engine shows them.
    pub binds: &'a Binds,
    /// The first words: `SELECT`, `CREATE TABLE`.
    pub operation: &'static str,
    /// The table that is written, or read first.
    pub table: Option<&'a str>,
    /// From the first byte to the last row.
    pub elapsed: Duration,
    /// How many rows came back.
    pub rows: u64,
    /// How many rows were inserted, updated or deleted.
    pub rows_affected: u64,
    /// Why it failed, if it did.
    pub error: Option<&'a Error>,
}

/// One line: `[orm] 0.12 ms, 3 rows: SELECT .. [1 value hidden]`.
impl fmt::Display for StatementEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[orm] {:.2} ms, ", self.elapsed.as_secs_f64() * 1000.0)?;
        match (self.error, self.rows_affected) {
            (Some(error), _) => write!(f, "failed ({error})")?,
            (None, 0) => write!(f, "{} rows", self.rows)?,
            (None, affected) => write!(f, "{affected} rows affected")?,
        }
        write!(f, ": {} {}", self.sql, self.binds)
    }
}

/// A listener that writes each statement to standard error.
pub(super) fn to_stderr() -> Listener {
    Arc::new(|event| {
        // A log that cannot be written is no reason to fail the statement.
        let _ignored = writeln!(std::io::stderr().lock(), "{event}");
    })
}
