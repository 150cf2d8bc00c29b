//! Statements that create and drop.

use super::{Column, ForeignKey, Index, Schema, Table, TableName};
use crate::types::ColumnType;

/// A `CREATE` or `DROP`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ddl {
    /// `CREATE SCHEMA IF NOT EXISTS`.
    CreateSchema(String),
    /// `CREATE TYPE .. AS ENUM`, or `ALTER TYPE .. ADD VALUE` for the words that an enum of that name lacks.
    CreateEnum {
        /// The name.
        name: &'static str,
        /// The words, in order.
        words: &'static [&'static str],
    },
    /// `CREATE SEQUENCE IF NOT EXISTS`.
    CreateSequence(String),
    /// `CREATE TABLE IF NOT EXISTS`.
    CreateTable(Box<Table>),
    /// `CREATE INDEX IF NOT EXISTS`.
    CreateIndex {
        /// The table.
        table: TableName,
        /// The index.
        index: Box<Index>,
    },
    /// `ALTER TABLE .. ADD CONSTRAINT`, unless there is one of that name.
    AddForeignKey {
        /// The table.
        table: TableName,
        /// The key.
        key: Box<ForeignKey>,
    },
    /// `ALTER TABLE IF EXISTS .. DROP CONSTRAINT IF EXISTS`.
    DropForeignKey {
        /// The table.
        table: TableName,
        /// The key's name.
        name: String,
    },
    /// `DROP TABLE IF EXISTS`.
    DropTable(TableName),
    /// `DROP SEQUENCE IF EXISTS`.
    DropSequence(String),
    /// `DROP TYPE IF EXISTS`, unless another table has a column of it.
    DropEnum(&'static str),
}

impl Ddl {
    /// The first two words.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Ddl::CreateSchema(_) => "CREATE SCHEMA",
            Ddl::CreateEnum { .. } => "CREATE TYPE",
            Ddl::CreateSequence(_) => "CREATE SEQUENCE",
            Ddl::CreateTable(_) => "CREATE TABLE",
            Ddl::CreateIndex { .. } => "CREATE INDEX",
            Ddl::AddForeignKey { .. } | Ddl::DropForeignKey { .. } => "ALTER TABLE",
            Ddl::DropTable(_) => "DROP TABLE",
            Ddl::DropSequence(_) => "DROP SEQUENCE",
            Ddl::DropEnum(_) => "DROP TYPE",
        }
    }

    /// The table it is about, or what else.
    #[must_use]
    pub fn table(&self) -> &str {
        match self {
            Ddl::CreateTable(table) => &table.name.name,
            Ddl::CreateIndex { table, .. }
            | Ddl::AddForeignKey { table, .. }
            | Ddl::DropForeignKey { table, .. }
            | Ddl::DropTable(table) => &table.name,
            Ddl::CreateSchema(name) | Ddl::CreateSequence(name) | Ddl::DropSequence(name) => name,
            Ddl::CreateEnum { name, .. } | Ddl::DropEnum(name) => name,
        }
    }
}

impl Schema {
    /// What creates every table that is missing, parents first, each followed by its indexes; and before them what they
    /// need: schemas and sequences.
    #[must_use]
    pub fn create_all(&self) -> Vec<Ddl> {
        let mut statements: Vec<Ddl> = self.schemas().into_iter().map(|name| Ddl::CreateSchema(name.into())).collect();
        statements.extend(self.sequences().into_iter().map(|name| Ddl::CreateSequence(name.into())));
        for table in &self.tables {
            statements.push(Ddl::CreateTable(Box::new(table.clone())));
            let index = |index: &Index| Ddl::CreateIndex { table: table.name.clone(), index: Box::new(index.clone()) };
            statements.extend(table.indexes.iter().map(index));
        }
        statements
    }

    /// What drops every table that is there, children first, and the sequences of them. Schemas stay, since others may
    /// have tables in them.
    #[must_use]
    pub fn drop_all(&self) -> Vec<Ddl> {
        let tables = self.tables.iter().rev().map(|table| Ddl::DropTable(table.name.clone()));
        tables.chain(self.sequences().into_iter().map(|name| Ddl::DropSequence(name.into()))).collect()
    }

    /// What creates the enums that are types of the database, and gives those that are there their new words. For a
    /// database that has such types; it comes before [`create_all`](Schema::create_all).
    #[must_use]
    pub fn create_types(&self) -> Vec<Ddl> {
        self.enums().into_iter().map(|(name, words)| Ddl::CreateEnum { name, words }).collect()
    }

    /// What drops these enums, unless other tables have columns of them. It comes after [`drop_all`](Schema::drop_all).
    #[must_use]
    pub fn drop_types(&self) -> Vec<Ddl> {
        self.enums().into_iter().map(|(name, _)| Ddl::DropEnum(name)).collect()
    }

    fn enums(&self) -> Vec<(&'static str, &'static [&'static str])> {
        distinct(self.columns().filter_map(|column| native_enum(column.column_type)))
    }

    fn schemas(&self) -> Vec<&str> {
        distinct(self.tables.iter().filter_map(|table| table.name.schema.as_deref()))
    }

    fn sequences(&self) -> Vec<&str> {
        distinct(self.columns().filter_map(|column| column.sequence.as_deref()))
    }

    fn columns(&self) -> impl Iterator<Item = &Column> {
        self.tables.iter().flat_map(|table| &table.columns)
    }

    /// As [`create_all`](Schema::create_all), for a database in which a key's table must be there before the key: where
    /// tables point at each other, the keys that point at a later one come last.
    #[must_use]
    pub fn create_all_with_keys_last(&self) -> Vec<Ddl> {
        let mut statements = self.create_all();
        for statement in &mut statements {
            if let Ddl::CreateTable(table) = statement {
                let name = table.name.clone();
                table.foreign_keys.retain(|key| !self.points_ahead(&name, key));
            }
        }
        let keys = self.keys_ahead();
        statements
            .extend(keys.map(|(table, key)| Ddl::AddForeignKey { table: table.clone(), key: Box::new(key.clone()) }));
        statements
    }

    /// As [`drop_all`](Schema::drop_all), after the keys that
    /// [`create_all_with_keys_last`](Schema::create_all_with_keys_last) adds.
    #[must_use]
    pub fn drop_all_with_keys_first(&self) -> Vec<Ddl> {
        let keys = self.keys_ahead();
        let mut statements: Vec<Ddl> =
            keys.map(|(table, key)| Ddl::DropForeignKey { table: table.clone(), name: key.name.clone() }).collect();
        statements.extend(self.drop_all());
        statements
    }

    /// The keys that point at a table that comes after their own.
    fn keys_ahead(&self) -> impl Iterator<Item = (&TableName, &ForeignKey)> {
        let of = move |table| move |key: &&ForeignKey| self.points_ahead(table, key);
        self.tables
            .iter()
            .flat_map(move |table| table.foreign_keys.iter().filter(of(&table.name)).map(move |key| (&table.name, key)))
    }

    fn points_ahead(&self, table: &TableName, key: &ForeignKey) -> bool {
        let place = |name: &TableName| self.tables.iter().position(|table| table.name == *name);
        place(&key.references) > place(table)
    }
}

/// The name and the words of an enum that is a type of the database.
fn native_enum(column_type: ColumnType) -> Option<(&'static str, &'static [&'static str])> {
    match column_type {
        ColumnType::Enum { name, variants, native: true } => Some((name, variants)),
        ColumnType::Array(element) => native_enum(*element),
        _ => None,
    }
}

/// Each once, in the order in which they come first.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut known = Vec::new();
    all.for_each(|one| {
        if !known.contains(&one) {
            known.push(one);
        }
    });
    known
}
