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
    /// The foreign keys that are written on the struct.
    pub(crate) keys: Vec<CompositeKey>,
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
    pub(crate) delete_orphans: Option<Span>,
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

/// `belongs_to(author: User)`, or `belongs_to(author: User.email)`.
#[derive(Debug)]
pub(crate) struct BelongsTo {
    pub(crate) name: Ident,
    pub(crate) target: TokenStream,
    /// The columns of the target that the key points at; empty for its primary key.
    pub(crate) to: Vec<Ident>,
}

/// `belongs_to(order: Order by (order_region, order_number))` on the struct.
#[derive(Debug)]
pub(crate) struct CompositeKey {
    pub(crate) relation: BelongsTo,
    pub(crate) columns: Group,
    pub(crate) on_delete: Option<Spanned<OnAction>>,
    pub(crate) on_update: Option<Spanned<OnAction>>,
    pub(crate) deferrable: Option<Spanned<Deferrable>>,
}

/// A foreign key, wherever it is written.
#[derive(Debug)]
pub(crate) struct ForeignKey<'a> {
    pub(crate) relation: &'a BelongsTo,
    /// The columns that hold it.
    pub(crate) columns: Vec<(u16, &'a Column)>,
    pub(crate) on_delete: Option<OnAction>,
    pub(crate) on_update: Option<OnAction>,
    pub(crate) delete_orphans: bool,
    pub(crate) deferrable: Option<Deferrable>,
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
    /// By columns of the target: `has_many(posts: Post.author_id)`.
    Many(Vec<Ident>),
    /// The same for one: `has_one(profile: Profile.user_id)`.
    One(Vec<Ident>),
    /// By a model between: `many_to_many(tags: Tag through PostTag)`.
    Through(Between),
}

/// `PostTag`, or `Friendship(user_id -> friend_id)`.
#[derive(Debug)]
pub(crate) struct Between {
    pub(crate) model: TokenStream,
    /// The columns that point at this model; empty if there is only one key to it.
    pub(crate) from: Vec<Ident>,
    /// The columns that point at the target.
    pub(crate) to: Vec<Ident>,
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
        let column = self.columns.get(index)?;
        let is_given = column.generated.is_none() && self.holds_key(column);
        Some((index, if is_given { KeySource::Caller } else { column.key_source() }))
    }

    /// The position of the key that the database makes.
    pub(crate) fn generated_key(&self) -> Option<usize> {
        self.single_key().filter(|(_, source)| *source == KeySource::Database).map(|(index, _)| index)
    }

    /// The position of the column that counts the row's changes.
    pub(crate) fn version(&self) -> Option<usize> {
        self.columns.iter().position(|column| column.version.is_some())
    }

    /// The foreign keys: those of the fields in their order, then those of the struct.
    pub(crate) fn foreign_keys(&self) -> impl Iterator<Item = ForeignKey<'_>> {
        let numbered = (0_u16..).zip(&self.columns);
        let of_fields = numbered.filter_map(|(number, column)| {
            let action = |action: &Option<Spanned<OnAction>>| action.as_ref().map(|action| action.value);
            Some(ForeignKey {
                relation: column.belongs_to.as_ref()?,
                columns: vec![(number, column)],
                on_delete: action(&column.on_delete),
                on_update: action(&column.on_update),
                delete_orphans: column.delete_orphans.is_some(),
                deferrable: column.deferrable.as_ref().map(|deferrable| deferrable.value),
            })
        });
        of_fields.chain(self.keys.iter().map(|key| ForeignKey {
            relation: &key.relation,
            columns: key.columns.fields.iter().filter_map(|field| self.numbered(field)).collect(),
            on_delete: key.on_delete.as_ref().map(|action| action.value),
            on_update: key.on_update.as_ref().map(|action| action.value),
            delete_orphans: false,
            deferrable: key.deferrable.as_ref().map(|deferrable| deferrable.value),
        }))
    }

    /// The column that is this field, with its number.
    fn numbered(&self, field: &Ident) -> Option<(u16, &Column)> {
        (0..).zip(&self.columns).find(|(_, column)| column.field == *field)
    }

    /// Whether the column is a foreign key, or a part of one.
    pub(crate) fn holds_key(&self, column: &Column) -> bool {
        column.belongs_to.is_some() || self.keys.iter().any(|key| key.columns.fields.contains(&column.field))
    }

    /// The names of all relations.
    pub(crate) fn relation_names(&self) -> impl Iterator<Item = &Ident> {
        let own = self.foreign_keys().map(|key| &key.relation.name);
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
        let given = self.natural.is_some() || self.default.is_some() || self.has_server_default();
        match self.shape.kind {
            _ if self.generated.is_some() => KeySource::Database,
            _ if given || self.shape.option => KeySource::Caller,
            Kind::Integer => KeySource::Database,
            Kind::Uuid => KeySource::Client,
            _ => KeySource::Caller,
        }
    }
}

impl ForeignKey<'_> {
    /// Whether there may be nobody on the other side.
    pub(crate) fn is_optional(&self) -> bool {
        self.columns.iter().any(|(_, column)| column.shape.option)
    }

    /// The columns that the handle of a parent sets, with their numbers in the key. Where there may be no parent they
    /// are those that can say so; the others have a value in any case.
    pub(crate) fn linked(&self) -> impl Iterator<Item = (u16, &Column)> {
        let optional = self.is_optional();
        let parts = (0_u16..).zip(&self.columns).map(|(part, (_, column))| (part, *column));
        parts.filter(move |(_, column)| column.shape.option == optional)
    }
}

impl Shape {
    /// Numbers and `bool`: a setter takes the type itself, so that literals need no suffix.
    pub(crate) fn is_primitive(&self) -> bool {
        matches!(self.kind, Kind::Integer | Kind::OtherPrimitive)
    }
}
