//! What a statement says: a plain, closed tree without behaviour and without a database.
//!
//! The typed layer ([`expr`](crate::expr), [`query`](crate::query)) builds it, [`compile`](crate::compile) turns it
//! into text. A table is a [`TableMeta`] and perhaps an alias; nothing is looked up by name.

mod delete;
mod expr;
mod insert;
mod json;
mod lifted;
mod parts;
mod raw;
mod reads;
mod rows;
mod select;
mod source;
mod update;
mod window;

pub use delete::Delete;
pub use expr::{Aggregate, BinaryOp, Compound, Expr, Function, NumberKind, Operation};
pub use insert::{ColumnSet, ConflictAction, EXCLUDED, Insert, InsertChunk, OnConflict, RowSource};
pub use json::{JsonRead, JsonStep};
pub use lifted::Lifted;
pub(crate) use parts::Part;
pub use raw::{Raw, RawPart};
pub(crate) use reads::Reads;
pub use rows::{DeleteChunk, DeleteRows, KeyedRows, UpdateChunk, UpdateRows};
pub use select::{Direction, Join, JoinKind, NullsOrder, Order, Projection, Select};
pub use source::{Cte, Lock, LockStrength, LockWait, Operand, QUERY, SetOperator, Source, SourceQuery};
pub use update::{Assignment, Assignments, Update};
pub use window::{Exclude, Frame, FrameUnit, Window, WindowFunction};

use crate::meta::TableMeta;
use crate::schema::ddl::Ddl;
use crate::value::Value;

/// A table in a statement.
#[derive(Debug, Clone, Copy)]
pub struct TableRef {
    /// The table.
    pub meta: &'static TableMeta,
    /// The name it has in this statement, if another than its own.
    pub alias: Option<Alias>,
}

/// The name that a table has in a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alias {
    /// Another name of a table.
    Table(&'static str),
    /// The name of a query in FROM, a [`Source`] of the statement. The table says what its columns are called.
    Query(&'static str),
}

impl Alias {
    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Alias::Table(name) | Alias::Query(name) => name,
        }
    }
}

impl TableRef {
    /// The name by which the statement's columns call it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.alias {
            Some(alias) => alias.name(),
            None => self.meta.name,
        }
    }

    /// The name of the query in FROM that stands for it, if one does.
    #[must_use]
    pub fn query(&self) -> Option<&'static str> {
        match self.alias {
            Some(Alias::Query(name)) => Some(name),
            Some(Alias::Table(_)) | None => None,
        }
    }
}

/// A query is known by its name alone: some of its columns may be those of a model, others its own.
impl PartialEq for TableRef {
    fn eq(&self, other: &Self) -> bool {
        self.alias == other.alias && (self.query().is_some() || self.meta == other.meta)
    }
}

impl Eq for TableRef {}

/// A column of a [`TableRef`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnRef {
    /// The table.
    pub table: TableRef,
    /// The column's position in [`TableMeta::columns`].
    pub index: u16,
}

/// A statement as a driver gets it. Borrowed: running a statement copies none of it.
#[derive(Debug, Clone, Copy)]
pub enum Statement<'a> {
    /// `SELECT`.
    Select(&'a Select),
    /// All rows of a table, with all of its model's columns: known ahead, so no tree is built for it.
    Table(TableRef),
    /// One row by its primary key: the commonest `SELECT`, known ahead, so no tree is built for it.
    ByKey {
        /// The table.
        table: TableRef,
        /// The key's values, in the order of [`TableMeta::primary_key`].
        key: &'a [Value],
    },
    /// Some of the rows of an `INSERT` that share one set of columns.
    Insert(InsertChunk<'a>),
    /// `UPDATE`.
    Update(&'a Update),
    /// `DELETE`.
    Delete(&'a Delete),
    /// `UPDATE` of some rows by their keys, each with values of its own.
    UpdateRows(UpdateChunk<'a>),
    /// `DELETE` of some rows by their keys.
    DeleteRows(DeleteChunk<'a>),
    /// Written by hand.
    Raw(&'a Raw),
    /// `CREATE` and `DROP`.
    Ddl(&'a Ddl),
}

impl<'a> Statement<'a> {
    /// The first word, as logs and traces name the operation.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Statement::Select(_) | Statement::Table(_) | Statement::ByKey { .. } => "SELECT",
            Statement::Insert(_) => "INSERT",
            Statement::Update(_) | Statement::UpdateRows(_) => "UPDATE",
            Statement::Delete(_) | Statement::DeleteRows(_) => "DELETE",
            Statement::Raw(_) => "RAW",
            Statement::Ddl(ddl) => ddl.operation(),
        }
    }

    /// The table that is written, or read first.
    #[must_use]
    pub fn table(&self) -> Option<&'a str> {
        match self {
            Statement::Select(select) => select.root().map(|table| table.meta.name),
            Statement::Table(table) | Statement::ByKey { table, .. } => Some(table.meta.name),
            Statement::Insert(chunk) => Some(chunk.table.name),
            Statement::Update(update) => Some(update.table.meta.name),
            Statement::Delete(delete) => Some(delete.table.meta.name),
            Statement::UpdateRows(chunk) => Some(chunk.table.name),
            Statement::DeleteRows(chunk) => Some(chunk.table.name),
            Statement::Raw(_) => None,
            Statement::Ddl(ddl) => Some(ddl.table()),
        }
    }

    /// Whether it is known that the statement only reads. Text written by hand is taken to write.
    #[must_use]
    #[inline]
    pub fn reads(&self) -> bool {
        match self {
            Statement::Select(_) | Statement::Table(_) | Statement::ByKey { .. } => true,
            Statement::Insert(_)
            | Statement::Update(_)
            | Statement::Delete(_)
            | Statement::UpdateRows(_)
            | Statement::DeleteRows(_)
            | Statement::Raw(_)
            | Statement::Ddl(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_reads_is_known() {
        let by_hand = Raw { parts: vec![RawPart::Text("SELECT 1")] };
        assert!(Statement::Select(&Select::default()).reads());
        assert!(!Statement::Raw(&by_hand).reads());
        assert!(!Statement::Ddl(&crate::schema::ddl::Ddl::DropTable("users".into())).reads());
    }
}
