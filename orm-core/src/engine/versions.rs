//! Rows with a version that are written by their keys: each must still have the version that was read, or none is written.

use super::TransactionOptions;
use super::link::{Ending, Link, Together};
use crate::ast::{KeyedRows, Statement, TableRef, UpdateChunk, UpdateRows};
use crate::driver::{Done, Flow, Row, RowSink};
use crate::error::{Error, Result};
use crate::meta::describe_key;
use crate::model::KeyValues;
use crate::query::Command;
use crate::types::BindSink;
use crate::value::{Value, ValueRef};

impl Link {
    /// Updates rows that have a version, in a transaction, or a savepoint of the one that is open.
    pub(super) async fn run_versioned(&mut self, update: &UpdateRows, sink: &mut dyn RowSink) -> Result<Done> {
        let engine = self.engine.clone();
        let depth = self.enter(&TransactionOptions::new()).await?;
        let together = Together { link: self, depth };
        let mut rows_affected = 0;
        for statement in Command::UpdateRows(update).statements(engine.driver().features())? {
            let done = together.link.run(Command::One(statement), sink).await?;
            rows_affected += done.rows_affected;
            if let Statement::UpdateRows(chunk) = statement
                && let Some(missed) = Missed::of(&chunk, done)
            {
                return Err(together.blame(missed).await);
            }
        }
        together.link.leave(depth, Ending::Commit).await?;
        Ok(Done { rows_affected })
    }
}

/// Rows of an `UPDATE` of which not all were written.
pub(super) struct Missed<'a> {
    chunk: UpdateChunk<'a>,
    found: u64,
}

impl<'a> Missed<'a> {
    /// Of rows without a version it is no error that some were gone.
    pub(super) fn of(chunk: &UpdateChunk<'a>, done: Done) -> Option<Self> {
        let all = chunk.rows().len() as u64;
        let missed = chunk.guard.is_some() && done.rows_affected != all;
        missed.then_some(Missed { chunk: *chunk, found: done.rows_affected })
    }
}

impl Together<'_> {
    /// Undoes what was written, and finds the first row that is not as it was read.
    pub(super) async fn blame(self, Missed { chunk, found }: Missed<'_>) -> Error {
        // What was written has another version now.
        if let Err(error) = self.link.leave(self.depth, Ending::Rollback).await {
            return error;
        }
        for row in chunk.rows() {
            match self.link.stale(&chunk, row).await {
                Ok(None) => {}
                Ok(Some(error)) | Err(error) => return error,
            }
        }
        Error::RowCount { table: chunk.table.name, expected: chunk.rows().len() as u64, found }
    }
}

impl Link {
    /// The error for a row, if it is gone or has another version.
    async fn stale(&mut self, chunk: &UpdateChunk<'_>, row: usize) -> Result<Option<Error>> {
        let Some(guard) = chunk.guard else { return Ok(None) };
        let key = values(chunk.rows, row, chunk.table.primary_key)?;
        let expected = values(chunk.rows, row, &[guard])?.pop();
        let table = TableRef { meta: chunk.table, alias: None };
        let mut sink = Version { column: guard, found: None };
        self.run_as_is(Statement::ByKey { table, key: &key }, &mut sink).await?;
        let expected = match expected {
            Some(Value::Int(expected)) => Some(expected),
            _ => None,
        };
        let stale = sink.found.is_none() || sink.found != expected;
        let object = || describe_key(chunk.table, key.iter().cloned());
        Ok(stale.then(|| Error::StaleObject { object: object(), expected, found: sink.found }))
    }
}

/// The values by which the database knows a row.
fn values(rows: &dyn KeyedRows, row: usize, columns: &[u16]) -> Result<KeyValues> {
    let mut sink = Copied(KeyValues::new());
    rows.bind_key(row, columns, &mut sink)?;
    Ok(sink.0)
}

struct Copied(KeyValues);

impl BindSink for Copied {
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        self.0.push(value.to_owned());
        Ok(())
    }
}

struct Version {
    column: u16,
    found: Option<i64>,
}

impl RowSink for Version {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        if let Ok(ValueRef::Int(version)) = row.get(usize::from(self.column)) {
            self.found = Some(version);
        }
        Ok(Flow::Continue)
    }
}
