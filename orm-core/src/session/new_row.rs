//! What a session can add: a struct, or a builder whose keys may be other rows by their handles.

use super::keys::placeholder;
use super::{AnyRef, Nest, ParentOf, Ref, Session};
use crate::ast::ColumnSet;
use crate::error::{Error, Result};
use crate::meta::TableMeta;
use crate::model::{InsertRow, Model, bind_column, column_error, no_column};
use crate::relation::{Relation, kind};
use crate::types::{BindSink, Scalar, SqlType};
use crate::value::{Value, ValueRef};

/// Something that a session can add: a model's struct, or its builder once every required field is set.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a row to add",
    label = "expected a model, or a builder with every required field set"
)]
pub trait NewRow: Send + 'static {
    /// The model.
    type Model: Model;

    /// The struct, and which of its columns were given.
    ///
    /// # Errors
    ///
    /// Those of [`Parents::key`].
    fn into_new(self, parents: &mut dyn Parents) -> Result<New<Self::Model>>;
}

/// A row to insert.
#[derive(Debug)]
pub struct New<M> {
    /// The row. What the database fills in is its type's default until then, and a generated key is 0.
    pub row: M,
    /// The columns that are given; the database fills in the others.
    pub columns: ColumnSet,
    /// Rows that belong to it.
    pub children: Children,
}

/// A new row that another one brings along, and whose key is that one's: a builder whose other required fields are set.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a row that another one can bring along",
    label = "expected a builder with every required field set but its keys",
    note = "a whole struct is for `session.add(row)`"
)]
pub trait NestedRow: Send + Sync + 'static {
    /// The model.
    type Model: Model;

    /// The struct with these keys set, each by its number, and which of its columns are given.
    ///
    /// # Errors
    ///
    /// [`Error::Statement`] if another required key is not set; those of [`Parents::key`].
    fn into_nested(self, keys: &[(u16, AnyRef)], parents: &mut dyn Parents) -> Result<New<Self::Model>>;
}

/// Rows that are added with another one, to which they belong.
#[derive(Default)]
pub struct Children(Vec<Add>);

type Add = Box<dyn FnOnce(&mut Session, AnyRef) -> Result<()> + Send + Sync>;

impl Children {
    /// Adds rows by a relation. Generated code calls it.
    #[doc(hidden)]
    pub fn push<From: 'static, To: 'static, Kind: 'static, R: Nest<From, To, Kind>>(
        &mut self,
        relation: Relation<From, To, Kind>,
        rows: impl IntoIterator<Item = R>,
    ) {
        let rows: Vec<R> = rows.into_iter().collect();
        self.0.push(Box::new(move |session, parent| {
            let Some(parent) = parent.of::<From>() else { return Ok(()) };
            rows.into_iter().try_for_each(|row| row.nest(session, parent, relation))
        }));
    }

    pub(super) fn add_to(self, session: &mut Session, parent: AnyRef) -> Result<()> {
        self.0.into_iter().try_for_each(|add| add(session, parent))
    }
}

impl std::fmt::Debug for Children {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Children").field(&self.0.len()).finish()
    }
}

/// The error of a nested row whose key nobody gives. Generated code calls it.
#[doc(hidden)]
#[cold]
#[must_use]
pub fn key_not_given(table: &'static TableMeta, column: u16) -> Error {
    let field = table.column(column).map_or("?", |column| column.field);
    Error::Statement(format!(
        "required field `{field}` of `{}` is not set, and is not the key of the row that brings it along",
        table.model
    ))
}

impl<M: Model + InsertRow> New<M> {
    /// A struct as a row to insert. Generated code calls it.
    #[doc(hidden)]
    #[must_use]
    pub fn of(row: M) -> Self {
        New { columns: row.columns(), row, children: Children::default() }
    }
}

/// Knows the rows that handles stand for.
pub trait Parents {
    /// The parent's value for a column of the new row's foreign key, or none if the database makes it later: then it is
    /// filled in at the flush.
    ///
    /// # Errors
    ///
    /// The handle is of another session, or its row is gone.
    fn key(&mut self, foreign_key: KeyPart, parent: &AnyRef) -> Result<Option<Value>>;
}

/// A column of a foreign key.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct KeyPart {
    /// The number of the foreign key.
    pub foreign_key: u16,
    /// The number of its column.
    pub part: u16,
}

/// A key of a new row that is another's: the key itself, or the other by its handle.
#[doc(hidden)]
#[derive(Debug)]
pub enum ParentKey<T> {
    /// Neither was given.
    Unset,
    /// The key.
    Value(T),
    /// The other row, and of which foreign key the column is.
    Parent(AnyRef, KeyPart),
}

impl<T> ParentKey<T> {
    /// Whether neither the key nor a handle was given.
    pub fn is_unset(&self) -> bool {
        matches!(self, ParentKey::Unset)
    }
}

impl<T> ParentKey<T> {
    /// The key of another row. Generated code calls it.
    pub fn of<M: 'static>(parent: Ref<M>, foreign_key: u16, part: u16) -> Self {
        Self::of_any(parent.into(), foreign_key, part)
    }

    /// The same of a row of any model. Generated code calls it.
    pub fn of_any(parent: AnyRef, foreign_key: u16, part: u16) -> Self {
        ParentKey::Parent(parent, KeyPart { foreign_key, part })
    }
}

impl<T> ParentKey<Option<T>> {
    /// The key of another row, or NULL where there is none. Generated code calls it.
    pub fn maybe<M: 'static>(parent: Option<Ref<M>>, foreign_key: u16, part: u16) -> Self {
        parent.map_or(ParentKey::Value(None), |parent| Self::of(parent, foreign_key, part))
    }
}

/// A parent that may be missing. Generated code calls it.
#[doc(hidden)]
pub fn optional_parent<M>(parent: impl ParentOf<M, kind::MaybeBelongsTo>) -> Option<Ref<M>> {
    parent.into_parent()
}

/// The key of a new row, which is taken. One that is not known yet is NULL, or 0 where NULL cannot be, as a generated key is 0 until
/// its row is inserted. Generated code calls it.
#[doc(hidden)]
pub fn parent_key<T: SqlType>(
    given: &mut ParentKey<T>,
    column: u16,
    table: &'static TableMeta,
    parents: &mut dyn Parents,
) -> Result<T> {
    let unmade = || match T::NULLABLE {
        true => T::decode_value(ValueRef::Null),
        false => T::decode_value(placeholder(<T::Plain as Scalar>::COLUMN)),
    };
    // Nothing is moved that need not be: most keys are handles, whose rows have none yet.
    let decoded = match given {
        ParentKey::Parent(parent, foreign_key) => match parents.key(*foreign_key, parent) {
            Ok(Some(key)) => key.borrowed().and_then(T::decode_value),
            Ok(None) => unmade(),
            Err(error) => return Err(error),
        },
        ParentKey::Unset => unmade(),
        ParentKey::Value(_) => match std::mem::replace(given, ParentKey::Unset) {
            ParentKey::Value(key) => return Ok(key),
            ParentKey::Unset | ParentKey::Parent(..) => unmade(),
        },
    };
    decoded.map_err(|source| column_error(source, column, table))
}

/// Gives a key of a builder to `sink`, as [`bind_column`] does. The builder's type says that no handle was given.
/// Generated code calls it.
#[doc(hidden)]
pub fn bind_parent_key<T>(
    given: &ParentKey<T>,
    column: u16,
    table: &'static TableMeta,
    sink: &mut dyn BindSink,
    bind: impl FnOnce(&T, &mut dyn BindSink) -> Result<()>,
) -> Result<()> {
    match given {
        ParentKey::Value(key) => bind_column(key, column, table, sink, bind),
        ParentKey::Unset | ParentKey::Parent(..) => Err(no_column(column, table)),
    }
}

/// The row of a builder whose type says that no handle was given. Generated code calls it with what makes the row.
///
/// # Panics
///
/// Never from generated code.
#[doc(hidden)]
#[expect(clippy::expect_used, reason = "the builder's type is the proof")]
pub fn built<M>(row: impl FnOnce(&mut dyn Parents) -> Result<M>) -> M {
    row(&mut Nobody).expect("the builder's type says that every key is a value")
}

/// The parents of a row outside of any session.
struct Nobody;

impl Parents for Nobody {
    fn key(&mut self, _foreign_key: KeyPart, _parent: &AnyRef) -> Result<Option<Value>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionId;

    /// Knows this key of every row.
    struct Known(Option<Value>);

    impl Parents for Known {
        fn key(&mut self, _: KeyPart, _: &AnyRef) -> Result<Option<Value>> {
            Ok(self.0.clone())
        }
    }

    fn handle<T>() -> ParentKey<T> {
        ParentKey::of(Ref::<()>::new(SessionId::next(), 2, 3), 0, 0)
    }

    /// The key of a row of nothing.
    fn key_of<T: SqlType>(mut given: ParentKey<T>, parents: &mut dyn Parents) -> Result<T> {
        static TABLE: TableMeta = TableMeta {
            name: "t",
            schema: None,
            exclusions: &[],
            model: "T",
            columns: &[],
            primary_key: &[],
            generated: None,
            version: None,
            uniques: &[],
            indexes: &[],
            checks: &[],
            foreign_keys: &[],
            relations: &[],
        };
        parent_key(&mut given, 0, &TABLE, parents)
    }

    #[test]
    fn a_key_that_is_given_asks_nobody() {
        assert_eq!(key_of(ParentKey::Value(5_i64), &mut Nobody).ok(), Some(5));
    }

    #[test]
    fn the_key_of_a_parent_is_read_from_its_row() {
        assert_eq!(key_of::<i64>(handle(), &mut Known(Some(Value::Int(7)))).ok(), Some(7));
        let word = Value::Text("sql".into());
        assert_eq!(key_of::<String>(handle(), &mut Known(Some(word))).ok(), Some("sql".into()));
        assert!(key_of::<i8>(handle(), &mut Known(Some(Value::Int(700)))).is_err());
    }

    #[test]
    fn a_key_that_the_database_has_yet_to_make_is_null_or_zero() {
        assert_eq!(key_of::<i64>(handle(), &mut Nobody).ok(), Some(0));
        assert_eq!(key_of::<Option<i64>>(handle(), &mut Nobody).ok(), Some(None));
        assert_eq!(key_of::<Option<i64>>(ParentKey::Unset, &mut Nobody).ok(), Some(None));
    }

    #[test]
    fn no_parent_is_a_key_that_is_null() {
        let none: Option<Ref<()>> = optional_parent(None);
        assert!(matches!(ParentKey::<Option<i64>>::maybe(none, 0, 0), ParentKey::Value(None)));
        let some: Option<Ref<()>> = optional_parent(Some(Ref::new(SessionId::next(), 2, 3)));
        assert!(matches!(ParentKey::<Option<i64>>::maybe(some, 0, 0), ParentKey::Parent(..)));
    }
}
