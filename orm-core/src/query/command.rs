//! [`Command`]: what a statement asks of the engine.

use crate::ast::{ColumnSet, DeleteChunk, DeleteRows, Insert, InsertChunk, Statement, UpdateChunk, UpdateRows};
use crate::dialect::{ArrayRows, Features};
use crate::error::{Error, Result};
use crate::meta::TableMeta;
use crate::types::ColumnType;

/// One statement, or one of many rows that may be too large for one.
#[derive(Debug, Clone, Copy)]
pub enum Command<'a> {
    /// One statement.
    One(Statement<'a>),
    /// Rows to insert, in as many statements as it takes.
    Insert(&'a Insert),
    /// Rows to update by their keys, in as many statements as it takes.
    UpdateRows(&'a UpdateRows),
    /// Rows to delete by their keys, in as many statements as it takes.
    DeleteRows(&'a DeleteRows),
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
        let (one, rows) = match self {
            Command::One(statement) => (Some(statement), None),
            Command::Insert(insert) => (None, Some(Rows::Insert(insert))),
            Command::UpdateRows(update) => (None, Some(Rows::Update(update))),
            Command::DeleteRows(delete) => (None, Some(Rows::Delete(delete))),
        };
        let chunks = match rows {
            Some(rows) => Some(Chunks::new(rows, features)?),
            None => None,
        };
        Ok(one.into_iter().chain(chunks.into_iter().flatten()))
    }

    /// Whether this statement of it is the last.
    pub(crate) fn ends_with(self, statement: Statement<'_>) -> bool {
        match (self, statement) {
            (Command::Insert(insert), Statement::Insert(chunk)) => chunk.end == insert.rows.len(),
            (Command::UpdateRows(update), Statement::UpdateRows(chunk)) => chunk.end == update.rows.len(),
            (Command::DeleteRows(delete), Statement::DeleteRows(chunk)) => chunk.end == delete.rows.len(),
            (one, _) => matches!(one, Command::One(_)),
        }
    }
}

/// How many rows a statement takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkSize {
    /// Rows a statement at most, whatever its columns, where they are sent cell by cell.
    rows: usize,
    rows_of_one_text: usize,
    max_binds: usize,
    arrays: Option<ArrayRows>,
}

impl ChunkSize {
    /// Numbers of rows for which there is a statement of its own.
    const SIZES: [usize; 9] = [500, 250, 100, 50, 25, 10, 5, 2, 1];

    /// For rows that are inserted or deleted.
    pub(crate) fn new(features: &Features) -> Self {
        let Features { insert_rows, insert_rows_of_one_text, max_binds, array_rows, .. } = features;
        ChunkSize {
            rows: (*insert_rows).max(1),
            rows_of_one_text: *insert_rows_of_one_text,
            max_binds: *max_binds,
            arrays: *array_rows,
        }
    }

    /// As it is, for an `INSERT` that gives these columns.
    pub(crate) fn giving(self, table: &TableMeta, columns: ColumnSet) -> Self {
        let long = |column: u16| {
            let column = table.column(column).map(|column| column.column_type);
            matches!(column, Some(ColumnType::Text { .. } | ColumnType::Bytes | ColumnType::Json))
        };
        let texts = columns.iter().filter(|column| long(*column)).count();
        if texts > 1 { self } else { ChunkSize { rows: self.rows.max(self.rows_of_one_text), ..self } }
    }

    /// As `new`, for rows that are updated.
    pub(crate) fn of_updates(features: &Features) -> Self {
        let size = ChunkSize::new(features);
        if features.update_from { size } else { ChunkSize { rows: 1, arrays: None, ..size } }
    }

    /// Rows a statement at most.
    fn most(self) -> usize {
        self.rows.max(self.arrays.map_or(0, |arrays| arrays.rows))
    }

    /// How many of `rows_left` rows, of which these columns are sent, the next statement takes.
    pub(crate) fn of(self, rows_left: usize, table: &TableMeta, columns: impl Iterator<Item = u16> + Clone) -> usize {
        match self.arrays {
            _ if columns.clone().next().is_none() => 1,
            // One text is for every number of rows.
            Some(arrays) if arrays.take(table, columns.clone()) => rows_left.min(arrays.rows).max(1),
            _ => self.of_cells(rows_left, columns.count()),
        }
    }

    fn of_cells(self, rows_left: usize, binds_per_row: usize) -> usize {
        let most = rows_left.min(self.rows).min(self.max_binds / binds_per_row).max(1);
        if self.rows > Self::SIZES[0] {
            return most;
        }
        Self::SIZES.into_iter().find(|size| *size <= most).unwrap_or(1)
    }
}

/// Rows that are written by as many statements as it takes.
#[derive(Clone, Copy)]
enum Rows<'a> {
    Insert(&'a Insert),
    Update(&'a UpdateRows),
    Delete(&'a DeleteRows),
}

impl Rows<'_> {
    fn chunk_size(self, features: &Features) -> ChunkSize {
        match self {
            Rows::Insert(_) | Rows::Delete(_) => ChunkSize::new(features),
            Rows::Update(_) => ChunkSize::of_updates(features),
        }
    }

    /// The binds of a row that has all the columns it can have.
    fn most_binds(self) -> usize {
        match self {
            Rows::Insert(insert) => insert.table.columns.len(),
            Rows::Update(update) => {
                let found_by = update.table.primary_key.iter().chain(&update.table.version);
                update.columns.len() + found_by.count()
            }
            Rows::Delete(delete) => delete.table.primary_key.len(),
        }
    }
}

/// The statements of rows.
struct Chunks<'a> {
    rows: Rows<'a>,
    next: usize,
    size: ChunkSize,
}

impl<'a> Chunks<'a> {
    fn new(rows: Rows<'a>, features: &Features) -> Result<Self> {
        let count = rows.most_binds();
        if count > features.max_binds {
            return Err(Error::TooManyBinds { count, limit: features.max_binds, backend: features.backend });
        }
        Ok(Chunks { rows, next: 0, size: rows.chunk_size(features) })
    }

    /// The next of `update`'s rows.
    fn update(&mut self, update: &'a UpdateRows) -> Option<Statement<'a>> {
        let UpdateRows { table, columns, rows, returning } = update;
        let guard = table.version;
        let sent = columns.iter().chain(table.primary_key.iter().copied()).chain(guard);
        let (start, end) = self.range(rows.len(), table, sent)?;
        let (columns, rows) = (*columns, rows.as_ref());
        Some(Statement::UpdateRows(UpdateChunk { table, columns, guard, rows, returning, start, end }))
    }

    /// The next of `delete`'s rows.
    fn delete(&mut self, delete: &'a DeleteRows) -> Option<Statement<'a>> {
        let DeleteRows { table, rows } = delete;
        let (start, end) = self.range(rows.len(), table, table.primary_key.iter().copied())?;
        Some(Statement::DeleteRows(DeleteChunk { table, guard: None, rows: rows.as_ref(), start, end }))
    }

    /// Where the next chunk of `count` rows, which are all alike, begins and ends.
    fn range(
        &mut self,
        count: usize,
        table: &TableMeta,
        sent: impl Iterator<Item = u16> + Clone,
    ) -> Option<(usize, usize)> {
        let start = self.next;
        if start >= count {
            return None;
        }
        self.next = start + self.size.of(count - start, table, sent);
        Some((start, self.next))
    }

    /// The next of `insert`'s rows, as far as they have the same columns.
    fn insert(&mut self, insert: &'a Insert) -> Option<Statement<'a>> {
        let Insert { table, rows, conflict, returning } = insert;
        let (start, rows) = (self.next, rows.as_ref());
        if start >= rows.len() {
            return None;
        }
        let columns = rows.columns(start);
        let size = self.size.giving(table, columns);
        let limit = rows.len().min(start + size.most());
        self.next = start + size.of(rows.alike(start, limit), table, columns.iter());
        let (conflict, end) = (conflict.as_deref(), self.next);
        Some(Statement::Insert(InsertChunk { table, rows, columns, conflict, returning, start, end }))
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Statement<'a>;

    fn next(&mut self) -> Option<Statement<'a>> {
        match self.rows {
            Rows::Insert(insert) => self.insert(insert),
            Rows::Update(update) => self.update(update),
            Rows::Delete(delete) => self.delete(delete),
        }
    }
}
