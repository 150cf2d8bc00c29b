//! Rows that the database has, to be updated or deleted by their keys.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use super::{ColumnSet, Projection};
use crate::error::Error;
use crate::meta::TableMeta;
use crate::types::BindSink;

/// Rows that the database has, to be updated or deleted by their keys.
pub trait KeyedRows: Debug + Send + Sync {
    /// How many rows there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives the values by which the database knows row number `row` now: of the primary key, then of the guard.
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] if no column can hold the value.
    fn bind_key(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<(), Error>;

    /// Gives the row's new values of these columns. It is not asked for rows that are deleted.
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] if no column can hold the value.
    fn bind(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<(), Error>;
}

/// An `UPDATE` of rows, each with values of its own.
#[derive(Debug, Clone)]
pub struct UpdateRows {
    /// The table.
    pub table: &'static TableMeta,
    /// The columns to set.
    pub columns: ColumnSet,
    /// The rows. Shared, so that a statement stays cheap to clone.
    pub rows: Arc<dyn KeyedRows>,
    /// `RETURNING`.
    pub returning: Vec<Projection>,
}

/// A `DELETE` of rows by their keys.
#[derive(Debug, Clone)]
pub struct DeleteRows {
    /// The table.
    pub table: &'static TableMeta,
    /// The rows. Shared, so that a statement stays cheap to clone.
    pub rows: Arc<dyn KeyedRows>,
}

/// Some rows of a table that one `UPDATE` changes. No two may have one key.
#[derive(Debug, Clone, Copy)]
pub struct UpdateChunk<'a> {
    /// The table.
    pub table: &'static TableMeta,
    /// The columns to set.
    pub columns: ColumnSet,
    /// A column that must have its old value besides the key: a version.
    pub guard: Option<u16>,
    /// The rows, of which these are some.
    pub rows: &'a dyn KeyedRows,
    /// `RETURNING`.
    pub returning: &'a [Projection],
    /// The first row's number.
    pub start: usize,
    /// The number after the last row's.
    pub end: usize,
}

/// Some rows of a table that one `DELETE` takes.
#[derive(Debug, Clone, Copy)]
pub struct DeleteChunk<'a> {
    /// The table.
    pub table: &'static TableMeta,
    /// A column that must have its old value besides the key: a version.
    pub guard: Option<u16>,
    /// The rows, of which these are some.
    pub rows: &'a dyn KeyedRows,
    /// The first row's number.
    pub start: usize,
    /// The number after the last row's.
    pub end: usize,
}

impl UpdateChunk<'_> {
    /// The first of the rows, by itself.
    #[must_use]
    pub fn first(self) -> Self {
        UpdateChunk { end: self.end.min(self.start + 1), ..self }
    }

    /// The numbers of the rows.
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The columns by which a row is found: the primary key, then the guard.
    pub fn key(&self) -> impl Iterator<Item = u16> + Clone + use<> {
        key(self.table, self.guard)
    }
}

impl DeleteChunk<'_> {
    /// The first of the rows, by itself.
    #[must_use]
    pub fn first(self) -> Self {
        DeleteChunk { end: self.end.min(self.start + 1), ..self }
    }

    /// The numbers of the rows.
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The columns by which a row is found: the primary key, then the guard.
    pub fn key(&self) -> impl Iterator<Item = u16> + Clone + use<> {
        key(self.table, self.guard)
    }
}

fn key(table: &'static TableMeta, guard: Option<u16>) -> impl Iterator<Item = u16> + Clone + use<> {
    table.primary_key.iter().copied().chain(guard)
}
