//! [`Command`]: what a statement asks of the engine.

use crate::ast::{Insert, InsertChunk, Statement};
use crate::dialect::Features;
use crate::error::{Error, Result};

/// One statement, or an `insert` that may be too large for one.
#[derive(Debug, Clone, Copy)]
pub enum Command<'a> {
    /// One statement.
    One(Statement<'a>),
    /// Rows to insert, in as many statements as it takes.
    Insert(&'a Insert),
}

impl<'a> Command<'a> {
    /// The statements to send, in order.
    ///
    /// Rows are split where their sets of columns differ, and into chunks of a few fixed sizes, so that a connection
    /// prepares a handful of texts however many rows there are.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyBinds`] if a single row has more columns than the backend takes binds.
    pub fn statements(self, features: &Features) -> Result<impl Iterator<Item = Statement<'a>> + Send + use<'a>> {
        let (one, insert) = match self {
            Command::One(statement) => (Some(statement), None),
            Command::Insert(insert) => (None, Some(insert)),
        };
        let chunks = match insert {
            Some(insert) => Some(Chunks::new(insert, features)?),
            None => None,
        };
        Ok(one.into_iter().chain(chunks.into_iter().flatten()))
    }
}

/// The chunks of an `insert`.
struct Chunks<'a> {
    insert: &'a Insert,
    next: usize,
    size: ChunkSize,
}

/// How many rows a statement takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkSize {
    /// Rows a statement at most, whatever its columns.
    rows: usize,
    max_binds: usize,
}

impl ChunkSize {
    /// Numbers of rows for which there is a statement of its own.
    const SIZES: [usize; 6] = [50, 25, 10, 5, 2, 1];

    pub(crate) fn new(features: &Features) -> Self {
        ChunkSize { rows: features.insert_rows.max(1), max_binds: features.max_binds }
    }

    /// How many of `rows_left` rows the next statement takes.
    pub(crate) fn of(self, rows_left: usize, binds_per_row: usize) -> usize {
        if binds_per_row == 0 {
            return 1;
        }
        let most = rows_left.min(self.rows).min(self.max_binds / binds_per_row).max(1);
        if self.rows > Self::SIZES[0] {
            return most;
        }
        Self::SIZES.into_iter().find(|size| *size <= most).unwrap_or(1)
    }
}

impl<'a> Chunks<'a> {
    fn new(insert: &'a Insert, features: &Features) -> Result<Self> {
        let columns = insert.table.columns.len();
        if columns > features.max_binds {
            return Err(Error::TooManyBinds { count: columns, limit: features.max_binds, backend: features.backend });
        }
        Ok(Chunks { insert, next: 0, size: ChunkSize::new(features) })
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Statement<'a>;

    fn next(&mut self) -> Option<Statement<'a>> {
        let Insert { table, rows, returning } = self.insert;
        let (start, rows) = (self.next, rows.as_ref());
        if start >= rows.len() {
            return None;
        }
        let columns = rows.columns(start);
        let limit = rows.len().min(start + self.size.rows);
        let run = (start + 1..limit).take_while(|row| rows.columns(*row) == columns).count() + 1;
        self.next = start + self.size.of(run, columns.len());
        Some(Statement::Insert(InsertChunk { table, rows, columns, returning, start, end: self.next }))
    }
}
