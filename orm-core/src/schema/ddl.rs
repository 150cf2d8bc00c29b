//! Statements that create and drop.

use super::{ForeignKey, Index, Schema, Table};

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
    /// `ALTER TABLE .. ADD CONSTRAINT`, unless there is one of that name.
    AddForeignKey {
        /// The table.
        table: String,
        /// The key.
        key: ForeignKey,
    },
    /// `ALTER TABLE IF EXISTS .. DROP CONSTRAINT IF EXISTS`.
    DropForeignKey {
        /// The table.
        table: String,
        /// The key's name.
        name: String,
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
            Ddl::AddForeignKey { .. } | Ddl::DropForeignKey { .. } => "ALTER TABLE",
            Ddl::DropTable(_) => "DROP TABLE",
        }
    }

    /// The table it is about.
    #[must_use]
    pub fn table(&self) -> &str {
        match self {
            Ddl::CreateTable(table) => &table.name,
            Ddl::CreateIndex { table, .. } | Ddl::AddForeignKey { table, .. } | Ddl::DropForeignKey { table, .. } => {
                table
            }
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
        statements.extend(keys.map(|(table, key)| Ddl::AddForeignKey { table: table.clone(), key: key.clone() }));
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
    fn keys_ahead(&self) -> impl Iterator<Item = (&String, &ForeignKey)> {
        let of = move |table| move |key: &&ForeignKey| self.points_ahead(table, key);
        self.tables
            .iter()
            .flat_map(move |table| table.foreign_keys.iter().filter(of(&table.name)).map(move |key| (&table.name, key)))
    }

    fn points_ahead(&self, table: &str, key: &ForeignKey) -> bool {
        let place = |name: &str| self.tables.iter().position(|table| table.name == name);
        place(&key.references) > place(table)
    }
}
