//! What the derive says of a model: plain constants, so that a table costs nothing until it is used.
//!
//! [`TableMeta`] is the compiled-in form; [`Schema`](crate::schema::Schema) is the form in which models, a live
//! database and a migration's snapshot are compared.

use crate::types::ColumnType;
use crate::value::Value;

/// A model's table.
#[derive(Debug)]
pub struct TableMeta {
    /// The table's name in the database.
    pub name: &'static str,
    /// The schema that the table is in, if the connection is not to look for it.
    pub schema: Option<&'static str>,
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
    /// Exclusion constraints.
    pub exclusions: &'static [ExclusionMeta],
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
    /// The sequence that gives the value when none is sent.
    pub sequence: Option<&'static str>,
    /// Of a generated key: no statement may give it.
    pub generated_always: bool,
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
    /// When it is checked.
    pub deferrable: Deferrable,
}

/// An index.
#[derive(Debug)]
pub struct IndexMeta {
    /// The name, or none for the naming convention's.
    pub name: Option<&'static str>,
    /// The columns, by position.
    pub columns: &'static [u16],
    /// Expressions, as SQL, which stand after the columns.
    pub expressions: &'static [&'static str],
    /// Whether no two rows may agree in all of them.
    pub unique: bool,
    /// Which rows are in it, as SQL; all, if none.
    pub filter: Option<&'static str>,
    /// How it is built.
    pub method: IndexMethod,
}

/// How an index is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IndexMethod {
    /// Sorted: every database has it.
    #[default]
    BTree,
    /// For equality only.
    Hash,
    /// For what a value holds: arrays, JSON, full text.
    Gin,
    /// For what overlaps or is near: ranges, geometry.
    Gist,
    /// For what divides space unevenly.
    SpGist,
    /// For large tables that are stored in the order of the column.
    Brin,
}

/// No two rows may have values for which all of some operators are true.
#[derive(Debug)]
pub struct ExclusionMeta {
    /// The name, or none for the naming convention's.
    pub name: Option<&'static str>,
    /// The columns, by position, each with its operator.
    pub columns: &'static [(u16, &'static str)],
    /// How its index is built.
    pub method: IndexMethod,
    /// Which rows are in it, as SQL; all, if none.
    pub filter: Option<&'static str>,
    /// When it is checked.
    pub deferrable: Deferrable,
}

/// When a constraint is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Deferrable {
    /// With every statement.
    #[default]
    No,
    /// With every statement, unless the transaction says `SET CONSTRAINTS .. DEFERRED`.
    InitiallyImmediate,
    /// When the transaction commits.
    InitiallyDeferred,
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
    /// When it is checked.
    pub deferrable: Deferrable,
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
    /// A table without anything: what a model does not say is as here.
    pub const EMPTY: TableMeta = TableMeta {
        name: "",
        schema: None,
        model: "",
        columns: &[],
        primary_key: &[],
        generated: None,
        version: None,
        uniques: &[],
        indexes: &[],
        checks: &[],
        exclusions: &[],
        foreign_keys: &[],
        relations: &[],
    };

    /// Sets of columns in which no two rows may agree, other than the primary key: of constraints and indexes that every
    /// row is in.
    pub fn unique_columns(&self) -> impl Iterator<Item = &'static [u16]> {
        let uniques = self.uniques.iter().map(|unique| unique.columns);
        let whole = |index: &&IndexMeta| index.unique && index.filter.is_none() && index.expressions.is_empty();
        uniques.chain(self.indexes.iter().filter(whole).map(|index| index.columns))
    }

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
        ColumnMeta {
            name,
            field,
            column_type,
            nullable,
            default_sql: None,
            computed: None,
            sequence: None,
            generated_always: false,
            plain: is_plain(name),
        }
    }

    /// The same with values of a sequence, which is created with the table; `sql` takes the next one.
    #[must_use]
    pub const fn sequence(mut self, name: &'static str, sql: &'static str) -> Self {
        self.sequence = Some(name);
        self.default_sql = Some(sql);
        self
    }

    /// The same as a generated key that no statement may give.
    #[must_use]
    pub const fn generated_always(mut self) -> Self {
        self.generated_always = true;
        self
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

impl UniqueMeta {
    /// A constraint that is checked with every statement.
    #[must_use]
    pub const fn new(name: Option<&'static str>, columns: &'static [u16]) -> Self {
        UniqueMeta { name, columns, deferrable: Deferrable::No }
    }
}

impl IndexMeta {
    /// A plain index.
    #[must_use]
    pub const fn new(name: Option<&'static str>, columns: &'static [u16]) -> Self {
        IndexMeta { name, columns, expressions: &[], unique: false, filter: None, method: IndexMethod::BTree }
    }
}

/// A row by its key. Texts may be secret, and are not shown.
pub(crate) fn describe_key(meta: &TableMeta, key: impl Iterator<Item = Value>) -> String {
    let mut shown = Vec::new();
    for (column, value) in meta.primary_key.iter().zip(key) {
        match value {
            Value::Int(0) if meta.generated == Some(*column) => return format!("a new `{}`", meta.model),
            Value::Int(key) => shown.push(key.to_string()),
            Value::Uuid(key) => shown.push(format!("{:032x}", u128::from_be_bytes(key))),
            _ => shown.push("..".to_owned()),
        }
    }
    format!("`{}({})`", meta.model, shown.join(", "))
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

/// Two of these are the same table when they are the same constant, or agree in name and schema.
impl PartialEq for TableMeta {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.name == other.name && self.schema == other.schema)
    }
}

impl Eq for TableMeta {}
