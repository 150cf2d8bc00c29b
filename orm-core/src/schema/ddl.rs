//! Statements that create and drop.

use super::{Index, Schema, Table};

/// A `CREATE` or `DROP`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ddl {
    /// `CREATE TABLE IF NOT EXISTS`.
    CreateTable(Box<Table>),
    /// `CREATE INDEX IF NOT EXISTS`.
    CreateIndex {
        /// The table.
        table: String,
        /// The index.
        index: Index,
    },
    /// `DROP TABLE IF EXISTS`.
    DropTable(String),
}

impl Ddl {
    /// The first two words.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Ddl::CreateTable(_) => "CREATE TABLE",
            Ddl::CreateIndex { .. } => "CREATE INDEX",
            Ddl::DropTable(_) => "DROP TABLE",
        }
    }

    /// The table it is about.
    #[must_use]
    pub fn table(&self) -> &str {
        match self {
            Ddl::CreateTable(table) => &table.name,
            Ddl::CreateIndex { table, .. } => table,
            Ddl::DropTable(table) => table,
        }
    }
}

impl Schema {
    /// What creates every table that is missing, parents first, each followed by its indexes.
    #[must_use]
    pub fn create_all(&self) -> Vec<Ddl> {
        let mut statements = Vec::new();
        for table in &self.tables {
            statements.push(Ddl::CreateTable(Box::new(table.clone())));
            statements.extend(
                table.indexes.iter().map(|index| Ddl::CreateIndex { table: table.name.clone(), index: index.clone() }),
            );
        }
        statements
    }

    /// What drops every table that is there, children first.
    #[must_use]
    pub fn drop_all(&self) -> Vec<Ddl> {
        self.tables.iter().rev().map(|table| Ddl::DropTable(table.name.clone())).collect()
    }
}
