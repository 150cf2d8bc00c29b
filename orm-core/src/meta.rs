//! What the derive says of a model: plain constants, so that a table costs nothing until it is used.
//!
//! [`TableMeta`] is the compiled-in form; [`Schema`](crate::schema::Schema) is the form in which models, a live
//! database and a migration's snapshot are compared.

use crate::types::ColumnType;

/// A model's table.
#[derive(Debug)]
pub struct TableMeta {
    /// The table's name in the database.
    pub name: &'static str,
    /// The Rust struct's name, for messages.
    pub model: &'static str,
    /// The columns, in the order of the struct's fields.
    pub columns: &'static [ColumnMeta],
    /// Which columns are the primary key, by position.
    pub primary_key: &'static [u16],
    /// The column whose value the database makes when none is given: a single integer key.
    pub generated: Option<u16>,
    /// The column that counts how often the row was changed: a session updates the row only if it is what it was.
    pub version: Option<u16>,
    /// Unique constraints.
    pub uniques: &'static [UniqueMeta],
    /// Indexes.
    pub indexes: &'static [IndexMeta],
    /// `CHECK`s over the whole row.
    pub checks: &'static [CheckMeta],
    /// Foreign keys.
    pub foreign_keys: &'static [ForeignKeyMeta],
    /// Relations, for messages that name the join to add.
    pub relations: &'static [RelationMeta],
}

/// A model's column.
#[derive(Debug)]
pub struct ColumnMeta {
    /// The column's name in the database.
    pub name: &'static str,
    /// The struct's field.
    pub field: &'static str,
    /// The type.
    pub column_type: ColumnType,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// SQL for the value that the server gives when none is sent.
    pub default_sql: Option<&'static str>,
    /// SQL from which the database computes the value. Then it is never sent.
    pub computed: Option<&'static str>,
    /// Whether the name has nothing in it that a dialect could have to escape: found when the program is compiled.
    pub(crate) plain: bool,
}

/// A unique constraint.
#[derive(Debug)]
pub struct UniqueMeta {
    /// The name, or none for the naming convention's.
    pub name: Option<&'static str>,
    /// The columns, by position.
    pub columns: &'static [u16],
}

/// An index.
#[derive(Debug)]
pub struct IndexMeta {
    /// The name, or none for the naming convention's.
    pub name: Option<&'static str>,
    /// The columns, by position.
    pub columns: &'static [u16],
    /// Whether no two rows may agree in all of them.
    pub unique: bool,
}

/// A `CHECK`.
#[derive(Debug)]
pub struct CheckMeta {
    /// The name, or none for the naming convention's.
    pub name: Option<&'static str>,
    /// The column it was written on, if on one.
    pub column: Option<u16>,
    /// The condition.
    pub sql: &'static str,
}

/// A foreign key, and with it the `belongs_to` relation of that name.
#[derive(Debug)]
pub struct ForeignKeyMeta {
    /// The relation's name: `author`.
    pub relation: &'static str,
    /// The columns that hold the key, by position.
    pub columns: &'static [u16],
    /// The name of the table it points at: what the compiler knows of it when it checks relations.
    pub table: &'static str,
    /// The table it points at; a function, so that two models may point at each other.
    pub references: fn() -> &'static TableMeta,
    /// The columns of that table that it holds the values of, if they are not the primary key.
    pub to: Option<fn() -> &'static [u16]>,
    /// What happens to this row when the other is deleted.
    pub on_delete: OnAction,
    /// What happens to this row when the other's key changes.
    pub on_update: OnAction,
    /// Whether a session deletes the row when it is let go by the other: an orphan.
    pub delete_orphans: bool,
}

/// A relation of a model, for messages.
#[derive(Debug)]
pub struct RelationMeta {
    /// The name: `posts`.
    pub name: &'static str,
    /// The table on the other side.
    pub target: fn() -> &'static TableMeta,
}

/// What the database does to a row whose parent is deleted or re-keyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnAction {
    /// Refuse, at the end of the statement. SQL's default.
    #[default]
    NoAction,
    /// Refuse at once.
    Restrict,
    /// Delete, or re-key, the row as well.
    Cascade,
    /// Set the key to NULL.
    SetNull,
    /// Set the key to its default.
    SetDefault,
}

impl TableMeta {
    /// The column at `index`, which a typed column of this table holds.
    #[must_use]
    pub fn column(&self, index: u16) -> Option<&ColumnMeta> {
        self.columns.get(usize::from(index))
    }

    /// The foreign key whose relation has this name.
    #[must_use]
    pub fn foreign_key(&self, relation: &str) -> Option<&ForeignKeyMeta> {
        self.foreign_keys.iter().find(|key| key.relation == relation)
    }

    /// The column of this name in the database.
    #[must_use]
    pub fn column_named(&self, name: &str) -> Option<&ColumnMeta> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl ForeignKeyMeta {
    /// The columns of the other table that the key's columns hold the values of, one by one.
    #[must_use]
    pub fn referenced(&self) -> &'static [u16] {
        self.to.map_or_else(|| (self.references)().primary_key, |columns| columns())
    }

    /// The key's columns, each with the one that it holds the value of.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (u16, u16)> + use<> {
        self.columns.iter().copied().zip(self.referenced().iter().copied())
    }
}

impl ColumnMeta {
    /// A column without a default.
    #[must_use]
    pub const fn new(name: &'static str, field: &'static str, column_type: ColumnType, nullable: bool) -> Self {
        ColumnMeta { name, field, column_type, nullable, default_sql: None, computed: None, plain: is_plain(name) }
    }

    /// The same with a default that the server gives.
    #[must_use]
    pub const fn default_sql(mut self, sql: &'static str) -> Self {
        self.default_sql = Some(sql);
        self
    }

    /// The same with a value that the database computes.
    #[must_use]
    pub const fn computed(mut self, sql: &'static str) -> Self {
        self.computed = Some(sql);
        self
    }
}

/// Letters, digits, `_` and what is not ASCII, and not too much of it for any database.
const fn is_plain(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !(bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_' || bytes[at] >= 0x80) {
            return false;
        }
        at += 1;
    }
    !bytes.is_empty() && bytes.len() <= 60
}

/// Two of these are the same table when they are the same constant, or agree in name.
impl PartialEq for TableMeta {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || self.name == other.name
    }
}

impl Eq for TableMeta {}
