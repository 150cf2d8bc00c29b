//! What the data is: tables, columns, constraints and indexes as owned values.
//!
//! Models, a live database and a migration's snapshot are all a [`Schema`], so that creating, comparing and migrating
//! are functions on one type.

pub mod ddl;
pub mod naming;
mod order;

use crate::meta::{CheckMeta, Deferrable, IndexMeta, IndexMethod, OnAction, TableMeta};
use crate::types::ColumnType;

/// Tables, in the order in which they can be created.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// The tables.
    pub tables: Vec<Table>,
}

/// A table's name, and the schema it is in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The schema; none for the one in which the connection looks first.
    pub schema: Option<String>,
    /// The name.
    pub name: String,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The name.
    pub name: TableName,
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// The names of the primary key's columns.
    pub primary_key: Vec<String>,
    /// The column that the database numbers by itself.
    pub generated: Option<String>,
    /// Unique constraints.
    pub uniques: Vec<Unique>,
    /// Checks.
    pub checks: Vec<Check>,
    /// Exclusion constraints.
    pub exclusions: Vec<Exclusion>,
    /// Foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// Indexes.
    pub indexes: Vec<Index>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name.
    pub name: String,
    /// The type.
    pub column_type: ColumnType,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// SQL for the value given when none is sent.
    pub default: Option<String>,
    /// SQL from which the database computes the value.
    pub computed: Option<String>,
    /// The sequence that gives the value when none is sent.
    pub sequence: Option<String>,
    /// Of a generated key: no statement may give it.
    pub generated_always: bool,
}

/// A unique constraint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique {
    /// The name.
    pub name: String,
    /// The columns.
    pub columns: Vec<String>,
    /// When it is checked.
    pub deferrable: Deferrable,
}

/// An exclusion constraint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// The name.
    pub name: String,
    /// The columns, each with its operator.
    pub columns: Vec<(String, String)>,
    /// How its index is built.
    pub method: IndexMethod,
    /// Which rows are in it, as SQL.
    pub filter: Option<String>,
    /// When it is checked.
    pub deferrable: Deferrable,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The name.
    pub name: String,
    /// The condition, as SQL.
    pub sql: String,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// The name.
    pub name: String,
    /// The columns that hold the key.
    pub columns: Vec<String>,
    /// The table they point at.
    pub references: TableName,
    /// The columns they point at.
    pub referenced: Vec<String>,
    /// On delete.
    pub on_delete: OnAction,
    /// On update.
    pub on_update: OnAction,
    /// When it is checked.
    pub deferrable: Deferrable,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The name.
    pub name: String,
    /// The columns.
    pub columns: Vec<String>,
    /// Expressions, as SQL, which stand after the columns.
    pub expressions: Vec<String>,
    /// Whether it is unique.
    pub unique: bool,
    /// Which rows are in it, as SQL.
    pub filter: Option<String>,
    /// How it is built.
    pub method: IndexMethod,
}

impl Schema {
    /// The schema of some models, put in an order in which every table stands after those that it points at.
    #[must_use]
    pub fn of(models: &[&'static TableMeta]) -> Self {
        let mut tables: Vec<Table> = Vec::new();
        for table in models.iter().map(|meta| Table::of(meta)) {
            if !tables.iter().any(|known| known.name == table.name) {
                tables.push(table);
            }
        }
        Schema { tables: order::parents_first(tables) }
    }

    /// The table of this name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name.name == name)
    }
}

impl TableName {
    /// The name of a model's table.
    #[must_use]
    pub fn of(meta: &TableMeta) -> Self {
        TableName { schema: meta.schema.map(str::to_owned), name: meta.name.to_owned() }
    }
}

/// A table in no schema of its own.
impl From<&str> for TableName {
    fn from(name: &str) -> Self {
        TableName { schema: None, name: name.to_owned() }
    }
}

/// `audit.log`
impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.name)
    }
}

impl PartialEq<str> for TableName {
    fn eq(&self, other: &str) -> bool {
        self.schema.is_none() && self.name == other
    }
}

impl PartialEq<&str> for TableName {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl Table {
    /// The table of a model.
    #[must_use]
    pub fn of(meta: &'static TableMeta) -> Self {
        let names = |indexes: &[u16]| -> Vec<String> {
            indexes.iter().filter_map(|index| meta.column(*index)).map(|column| column.name.to_owned()).collect()
        };
        let columns = meta.columns.iter().map(|column| Column {
            name: column.name.to_owned(),
            column_type: column.column_type,
            nullable: column.nullable,
            default: column.default_sql.map(str::to_owned),
            computed: column.computed.map(str::to_owned),
            sequence: column.sequence.map(str::to_owned),
            generated_always: column.generated_always,
        });
        let uniques = meta.uniques.iter().map(|unique| {
            let columns = names(unique.columns);
            Unique {
                name: named(unique.name, || naming::unique(meta.name, &columns)),
                columns,
                deferrable: unique.deferrable,
            }
        });
        let checks = meta.checks.iter().enumerate().map(|(number, check)| {
            let column = check.column.and_then(|index| meta.column(index)).map(|column| column.name);
            // A second check on a column needs a name of its own.
            let alike = |other: &&CheckMeta| other.name.is_none() && other.column == check.column;
            let earlier = meta.checks.iter().take(number).filter(alike).count();
            let name = || naming::check(meta.name, column, if column.is_some() { earlier } else { number });
            Check { name: named(check.name, name), sql: check.sql.to_owned() }
        });
        let foreign_keys = meta.foreign_keys.iter().map(|key| {
            let (columns, target) = (names(key.columns), (key.references)());
            let referenced = key.referenced().iter().filter_map(|index| target.column(*index));
            ForeignKey {
                name: naming::foreign_key(meta.name, &columns, target.name),
                columns,
                references: TableName::of(target),
                referenced: referenced.map(|column| column.name.to_owned()).collect(),
                on_delete: key.on_delete,
                on_update: key.on_update,
                deferrable: key.deferrable,
            }
        });
        let exclusions = meta.exclusions.iter().map(|exclusion| {
            let named_columns = exclusion.columns.iter().map(|(index, _)| *index).collect::<Vec<_>>();
            let columns = names(&named_columns);
            Exclusion {
                name: named(exclusion.name, || naming::exclusion(meta.name, &columns)),
                columns: columns.into_iter().zip(exclusion.columns.iter().map(|(_, op)| (*op).to_owned())).collect(),
                method: exclusion.method,
                filter: exclusion.filter.map(str::to_owned),
                deferrable: exclusion.deferrable,
            }
        });
        let indexes = meta.indexes.iter().map(|index| {
            let columns = names(index.columns);
            Index {
                name: named(index.name, || naming::index_of(meta.name, &columns, index)),
                ..Index::of(index, columns)
            }
        });
        Table {
            name: TableName::of(meta),
            columns: columns.collect(),
            primary_key: names(meta.primary_key),
            generated: meta.generated.and_then(|index| meta.column(index)).map(|column| column.name.to_owned()),
            uniques: uniques.collect(),
            checks: checks.collect(),
            exclusions: exclusions.collect(),
            foreign_keys: foreign_keys.collect(),
            indexes: indexes.collect(),
        }
    }

    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl Index {
    fn of(meta: &IndexMeta, columns: Vec<String>) -> Self {
        Index {
            name: String::new(),
            columns,
            expressions: meta.expressions.iter().map(|sql| (*sql).to_owned()).collect(),
            unique: meta.unique,
            filter: meta.filter.map(str::to_owned),
            method: meta.method,
        }
    }
}

fn named(name: Option<&'static str>, convention: impl FnOnce() -> String) -> String {
    name.map_or_else(convention, str::to_owned)
}

/// The [`Schema`] of some models: `schema![User, Post]`.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// let schema = schema![Post, User];
/// // Parents stand before their children, whatever the order here.
/// assert_eq!(schema.tables[0].name, "users");
/// ```
#[macro_export]
macro_rules! schema {
    ($($model:ty),* $(,)?) => {
        $crate::schema::Schema::of(&[$(<$model as $crate::model::Model>::TABLE),*])
    };
}
