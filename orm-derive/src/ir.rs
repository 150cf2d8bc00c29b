//! What a model says, as plain data: `parse` makes it, `check` reads it, `emit` writes code from it.

use proc_macro2::{Ident, Span, TokenStream};

use crate::attr::Spanned;
use crate::naming;

/// A struct with `#[derive(Model)]`.
#[derive(Debug)]
pub(crate) struct Model {
    /// `::orm::__private`.
    pub(crate) private: TokenStream,
    pub(crate) visibility: TokenStream,
    pub(crate) name: Ident,
    pub(crate) docs: TokenStream,
    /// The table's name in the database.
    pub(crate) table: String,
    /// The schema that the table is in.
    pub(crate) schema: Option<String>,
    pub(crate) columns: Vec<Column>,
    pub(crate) skipped: Vec<Skipped>,
    /// `primary_key(a, b)` on the struct.
    pub(crate) key: Option<Group>,
    pub(crate) uniques: Vec<Group>,
    pub(crate) indexes: Vec<Group>,
    pub(crate) checks: Vec<Check>,
    pub(crate) exclusions: Vec<Exclusion>,
    /// The relations that other tables hold the keys of.
    pub(crate) relations: Vec<Relation>,
}

/// A field that is a column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) field: Ident,
    pub(crate) visibility: TokenStream,
    pub(crate) docs: TokenStream,
    /// The name in the database.
    pub(crate) name: Spanned<String>,
    /// The type, as it is written.
    pub(crate) ty: TokenStream,
    pub(crate) ty_span: Span,
    pub(crate) shape: Shape,
    pub(crate) primary_key: Option<Span>,
    pub(crate) natural: Option<Span>,
    pub(crate) generated: Option<Spanned<Identity>>,
    pub(crate) sequence: Option<Spanned<String>>,
    pub(crate) unique: Option<Span>,
    pub(crate) index: Option<Span>,
    pub(crate) max_length: Option<Spanned<u32>>,
    pub(crate) default: Option<TokenStream>,
    pub(crate) default_sql: Option<Spanned<String>>,
    pub(crate) default_on_update: Option<Spanned<TokenStream>>,
    pub(crate) version: Option<Span>,
    pub(crate) computed: Option<Spanned<String>>,
    pub(crate) checks: Vec<Check>,
    pub(crate) belongs_to: Option<BelongsTo>,
    pub(crate) on_delete: Option<Spanned<OnAction>>,
    pub(crate) on_update: Option<Spanned<OnAction>>,
    pub(crate) deferrable: Option<Spanned<Deferrable>>,
}

/// A field that is not a column.
#[derive(Debug)]
pub(crate) struct Skipped {
    pub(crate) field: Ident,
    /// Another attribute on it, which is a mistake.
    pub(crate) also: Option<Ident>,
}

/// What can be seen of a type without knowing what its names mean.
#[derive(Debug)]
pub(crate) struct Shape {
    /// The type without its `Option`.
    pub(crate) plain: TokenStream,
    pub(crate) option: bool,
    pub(crate) kind: Kind,
}

/// The types that a builder or a key treats differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    /// `bool`, `f32`, `f64`.
    OtherPrimitive,
    /// `String`.
    Text,
    Uuid,
    Other,
}

/// Several columns: of an index, a unique constraint, a key.
#[derive(Debug)]
pub(crate) struct Group {
    /// The attribute, for messages.
    pub(crate) span: Span,
    pub(crate) name: Option<String>,
    pub(crate) fields: Vec<Ident>,
    /// Of an index: `"lower(email)"`.
    pub(crate) expressions: Vec<String>,
    /// Of a `unique_index`.
    pub(crate) unique: bool,
    /// `where = ".."` of an index.
    pub(crate) filter: Option<String>,
    /// `method = gin` of an index.
    pub(crate) method: Option<IndexMethod>,
    /// Of a unique constraint.
    pub(crate) deferrable: Option<Deferrable>,
}

/// `exclude(room with "=", during with "&&")`.
#[derive(Debug)]
pub(crate) struct Exclusion {
    /// The attribute and its fields.
    pub(crate) group: Group,
    /// For each field, its operator.
    pub(crate) operators: Vec<String>,
}

/// How an index is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexMethod {
    BTree,
    Hash,
    Gin,
    Gist,
    SpGist,
    Brin,
}

/// When a constraint is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deferrable {
    InitiallyImmediate,
    InitiallyDeferred,
}

/// Who gives a generated key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The database, unless a statement does.
    ByDefault,
    /// The database.
    Always,
}

/// A `CHECK`.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) name: Option<String>,
    pub(crate) sql: String,
}

/// `belongs_to(author: User)`.
#[derive(Debug)]
pub(crate) struct BelongsTo {
    pub(crate) name: Ident,
    pub(crate) target: TokenStream,
}

/// A relation that is written on the struct.
#[derive(Debug)]
pub(crate) struct Relation {
    pub(crate) name: Ident,
    pub(crate) target: TokenStream,
    pub(crate) path: Path,
}

/// How a relation leads to its target.
#[derive(Debug)]
pub(crate) enum Path {
    /// By a column of the target: `has_many(posts: Post.author_id)`.
    Many(Ident),
    /// The same for one: `has_one(profile: Profile.user_id)`.
    One(Ident),
    /// By a model between: `many_to_many(tags: Tag through PostTag)`.
    Through(TokenStream),
}

/// What happens to a row whose parent is deleted or re-keyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnAction {
    Cascade,
    Restrict,
    SetNull,
    SetDefault,
    NoAction,
}

/// Where the key's value comes from when the builder is not given one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// The caller must give it.
    Caller,
    /// The database makes it.
    Database,
    /// The builder makes a UUID.
    Client,
}

impl Model {
    /// The position of the column that is this field.
    pub(crate) fn position(&self, field: &Ident) -> Option<usize> {
        self.columns.iter().position(|column| column.field == *field)
    }

    /// The positions of the columns of a group; names that are no columns are left out, `check` reports them.
    pub(crate) fn positions(&self, group: &Group) -> Vec<usize> {
        group.fields.iter().filter_map(|field| self.position(field)).collect()
    }

    /// The positions of the primary key's columns, in its order.
    pub(crate) fn primary_key(&self) -> Vec<usize> {
        let marked = || self.columns.iter().enumerate().filter(|(_, column)| column.primary_key.is_some());
        self.key.as_ref().map_or_else(|| marked().map(|(index, _)| index).collect(), |key| self.positions(key))
    }

    /// Whether the column is a part of the primary key.
    pub(crate) fn is_key(&self, column: &Column) -> bool {
        self.position(&column.field).is_some_and(|position| self.primary_key().contains(&position))
    }

    /// The key that is a single column, and where its values come from.
    pub(crate) fn single_key(&self) -> Option<(usize, KeySource)> {
        let &[index] = self.primary_key().as_slice() else {
            return None;
        };
        Some((index, self.columns.get(index)?.key_source()))
    }

    /// The position of the key that the database makes.
    pub(crate) fn generated_key(&self) -> Option<usize> {
        self.single_key().filter(|(_, source)| *source == KeySource::Database).map(|(index, _)| index)
    }

    /// The position of the column that counts the row's changes.
    pub(crate) fn version(&self) -> Option<usize> {
        self.columns.iter().position(|column| column.version.is_some())
    }

    /// The columns that hold a foreign key, in the order of their fields.
    pub(crate) fn foreign_keys(&self) -> impl Iterator<Item = (usize, &Column, &BelongsTo)> {
        let with_position = self.columns.iter().enumerate();
        with_position.filter_map(|(index, column)| Some((index, column, column.belongs_to.as_ref()?)))
    }

    /// The names of all relations.
    pub(crate) fn relation_names(&self) -> impl Iterator<Item = &Ident> {
        let own = self.foreign_keys().map(|(_, _, relation)| &relation.name);
        own.chain(self.relations.iter().map(|relation| &relation.name))
    }
}

impl Column {
    /// The name of the field, without `r#`.
    pub(crate) fn field_name(&self) -> String {
        naming::plain(&self.field)
    }

    /// Whether it is a version as it should be.
    pub(crate) fn is_counted(&self) -> bool {
        self.version.is_some() && !self.shape.option && self.shape.kind == Kind::Integer
    }

    /// The name of the relation whose key it holds.
    pub(crate) fn relation(&self) -> Option<&Ident> {
        self.belongs_to.as_ref().map(|relation| &relation.name)
    }

    /// Whether the database gives the value when none is sent.
    pub(crate) fn has_server_default(&self) -> bool {
        self.default_sql.is_some() || self.sequence.is_some()
    }

    /// The Rust value that the builder begins with.
    pub(crate) fn initial(&self) -> Option<&TokenStream> {
        let on_update = self.default_on_update.as_ref().filter(|_| !self.has_server_default());
        self.default.as_ref().or(on_update.map(|on_update| &on_update.value))
    }

    fn key_source(&self) -> KeySource {
        let given = self.natural.is_some()
            || self.default.is_some()
            || self.default_sql.is_some()
            || self.sequence.is_some()
            || self.belongs_to.is_some();
        match self.shape.kind {
            _ if self.generated.is_some() => KeySource::Database,
            _ if given || self.shape.option => KeySource::Caller,
            Kind::Integer => KeySource::Database,
            Kind::Uuid => KeySource::Client,
            _ => KeySource::Caller,
        }
    }
}

impl Shape {
    /// Numbers and `bool`: a setter takes the type itself, so that literals need no suffix.
    pub(crate) fn is_primitive(&self) -> bool {
        matches!(self.kind, Kind::Integer | Kind::OtherPrimitive)
    }
}
