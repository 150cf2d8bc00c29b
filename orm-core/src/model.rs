//! What `#[derive(Model)]` writes: the traits between a struct and its table.
//!
//! [`Model`] is the struct, [`Entity`] is the value of the same name (`User`), whose fields are the typed columns.
//! [`InsertRow`] is anything that becomes a row: the struct itself, or its builder once every required field is set.

use smallvec::SmallVec;

use crate::ast::{Alias, ColumnSet, TableRef};
use crate::driver::Row;
use crate::error::{Error, Result, ValueError};
use crate::meta::TableMeta;
use crate::types::{BindSink, SqlType};
use crate::value::{Value, ValueRef};

/// The values of a primary key.
pub type KeyValues = SmallVec<[Value; 1]>;

/// A struct that is a row of a table. Derive it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model",
    label = "expected a struct with `#[derive(Model)]`"
)]
pub trait Model: Sized + Send + Sync + 'static {
    /// The type of the value with the struct's name.
    type Columns: Entity<Model = Self>;
    /// The primary key: a column's type, or a tuple of several.
    type Key;
    /// What [`Model::builder`] starts.
    type Builder;

    /// The value with the struct's name: its columns and relations.
    const COLUMNS: Self::Columns;
    /// The table's name. It stands by itself so that models that point at each other can be compared by the compiler.
    const TABLE_NAME: &'static str;
    /// The table.
    const TABLE: &'static TableMeta;
    /// Whether [`Model::set_update_defaults`] sets anything.
    const HAS_UPDATE_DEFAULTS: bool = false;

    /// Starts a new row. Every field that is neither an `Option` nor made by the database nor has a default must be
    /// set before the row can be inserted; a forgotten one is a compile error that names it.
    fn builder() -> Self::Builder;

    /// Reads a row whose first column of this model stands at `at`.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] names the column that does not fit.
    fn decode(row: &dyn Row, at: usize) -> Result<Self>;

    /// Gives the value of one column.
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] if no column can hold it.
    fn bind(&self, column: u16, sink: &mut dyn BindSink) -> Result<()>;

    /// Sets one column to a value of the database.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] if the value does not fit the column, which it names.
    fn assign(&mut self, column: u16, value: ValueRef<'_>) -> Result<()>;

    /// Sets the columns that get a new value whenever another column of the row is changed and saved: those with
    /// `#[model(default_on_update = ..)]`.
    fn set_update_defaults(&mut self) {}
}

/// The value `User` of a model `User`: its columns as fields. It is `Copy`, and an alias is of the same type.
pub trait Entity: Copy + Send + Sync + 'static {
    /// The struct.
    type Model: Model<Columns = Self>;

    /// The table, and the alias if it has one.
    fn table_ref(&self) -> TableRef;

    /// The same columns, of the table under another name.
    #[must_use]
    fn aliased(alias: Alias) -> Self;
}

/// A model that a foreign key of type `Key` can point at.
#[diagnostic::on_unimplemented(
    message = "a column of `{Key}` cannot hold the key of `{Self}`",
    label = "expected the type of the other model's primary key, or an `Option` of it"
)]
pub trait KeyedBy<Key>: Model {}

#[diagnostic::do_not_recommend]
impl<M: Model> KeyedBy<M::Key> for M {}

/// The table that a foreign key of type `Key` points at. Generated code calls it.
#[must_use]
pub fn referenced<M: KeyedBy<Key>, Key>() -> &'static TableMeta {
    M::TABLE
}

/// Something that becomes one row: a model's struct, or its builder once every required field is set.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a row to insert",
    label = "expected a model, or a builder with every required field set"
)]
pub trait InsertRow: Send + Sync + 'static {
    /// The model.
    type Model: Model;

    /// The columns it gives. The database fills in the others.
    fn columns(&self) -> ColumnSet;

    /// Gives the value of one of those columns.
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] if no column can hold it.
    fn bind(&self, column: u16, sink: &mut dyn BindSink) -> Result<()>;
}

/// The marker of a builder's field that is set. The derive writes a trait for each required field, which this has and
/// [`Unset`] lacks; the trait carries the error for a forgotten one.
#[derive(Debug, Clone, Copy)]
pub struct Set;

/// The marker of a key that a builder has as another row's handle. A session can add the row; its key may be yet to be
/// made, so nothing else can.
#[derive(Debug, Clone, Copy)]
pub struct Linked;

/// The marker of a builder's field that is not set.
#[derive(Debug, Clone, Copy)]
pub struct Unset;

/// The marker of a builder that brings no other rows along: [`Linked`] is that of one that does.
#[diagnostic::on_unimplemented(
    message = "`insert` and `build` take one row, and this builder brings others along",
    label = "a builder with related rows is for `session.add(..)`"
)]
pub trait NoChildren: 'static {}

#[diagnostic::do_not_recommend]
impl NoChildren for Set {}

/// A builder's field whose value is known if it is given at all: it is no handle. An [`Unset`] one has its own error.
#[diagnostic::on_unimplemented(
    message = "`insert` and `build` need the key itself, and the builder was given a handle",
    label = "a builder with a handle is for `session.add(..)`",
    note = "set the key by its column instead, as in `.author_id(..)` for `.author(..)`"
)]
pub trait NoHandle: 'static {}

#[diagnostic::do_not_recommend]
impl NoHandle for Set {}

#[diagnostic::do_not_recommend]
impl NoHandle for Unset {}

/// The type of a field that the database fills in. Until then the field has the type's default.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no value for a field that only the database fills in",
    label = "needs `Default`: the field holds that until its row is inserted",
    note = "implement `Default` for `{Self}`, or make the field an `Option`"
)]
pub trait Placeholder {
    /// The value until the row is inserted.
    fn placeholder() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> Placeholder for T {
    fn placeholder() -> Self {
        T::default()
    }
}

/// A row of a result, read by position: a model, a struct with `#[derive(FromRow)]`, or a tuple of column types.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a row",
    label = "expected a model, a struct with `#[derive(FromRow)]`, a column type, or a tuple of column types"
)]
pub trait FromRow: Sized + Send + 'static {
    /// How many columns it reads.
    const WIDTH: usize;

    /// Reads it from the columns that begin at `at`.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] names the column that does not fit.
    fn from_row(row: &dyn Row, at: usize) -> Result<Self>;
}

/// A single column.
#[diagnostic::do_not_recommend]
impl<T: SqlType> FromRow for T {
    const WIDTH: usize = 1;

    #[inline]
    fn from_row(row: &dyn Row, at: usize) -> Result<Self> {
        match row.get(at).and_then(T::decode_value) {
            Ok(value) => Ok(value),
            Err(source) => Err(value_error(source, row, at)),
        }
    }
}

#[cold]
fn value_error(source: ValueError, row: &dyn Row, at: usize) -> Error {
    let column = row.name(at).map_or_else(|| format!("number {}", at + 1), str::to_owned);
    Error::Decode { column, source }
}

/// Reads column `at + index` of a row as field number `index` of the model's table. Generated code calls it, and names
/// the type's `decode`, so that a type no column can hold is one error, at the field.
///
/// # Errors
///
/// [`Error::Decode`] with the column's name.
// Always, so that a text is made where it is to be: to move what was just written costs as much as to read it.
#[inline(always)]
pub fn column<T>(
    row: &dyn Row,
    at: usize,
    index: u16,
    table: &'static TableMeta,
    decode: impl FnOnce(ValueRef<'_>) -> Result<T, ValueError>,
) -> Result<T> {
    match row.get(at + usize::from(index)).and_then(decode) {
        Ok(value) => Ok(value),
        Err(source) => Err(column_error(source, index, table)),
    }
}

/// Sets a field to `value`; an error names its column. Generated code calls it.
///
/// # Errors
///
/// [`Error::Decode`] with the column's name.
#[inline]
pub fn assign_column<T>(
    field: &mut T,
    column: u16,
    table: &'static TableMeta,
    value: ValueRef<'_>,
    decode: impl FnOnce(ValueRef<'_>) -> Result<T, ValueError>,
) -> Result<()> {
    match decode(value) {
        Ok(value) => *field = value,
        Err(source) => return Err(column_error(source, column, table)),
    }
    Ok(())
}

#[cold]
pub(crate) fn column_error(source: ValueError, index: u16, table: &'static TableMeta) -> Error {
    let column = table.column(index).map_or("?", |column| column.name);
    Error::Decode { column: format!("{}.{column}", table.name), source }
}

/// Reads column `at` of a row, naming it `name` in an error. Generated code calls it.
///
/// # Errors
///
/// [`Error::Decode`] with the name.
#[inline]
pub fn field<T: SqlType>(row: &dyn Row, at: usize, name: &'static str) -> Result<T> {
    match row.get(at).and_then(T::decode_value) {
        Ok(value) => Ok(value),
        Err(source) => Err(Error::Decode { column: name.to_owned(), source }),
    }
}

/// Gives a field to `sink`; an error names the column. Generated code calls it.
///
/// # Errors
///
/// [`Error::Bind`] with the column's name.
#[inline]
pub fn bind_column<T>(
    value: &T,
    column: u16,
    table: &'static TableMeta,
    sink: &mut dyn BindSink,
    bind: impl FnOnce(&T, &mut dyn BindSink) -> Result<()>,
) -> Result<()> {
    match bind(value, sink) {
        Ok(()) => Ok(()),
        Err(error) => Err(bind_error(error, column, table)),
    }
}

/// As [`bind_column`], for a field of a builder. Only fields that are set are asked for.
///
/// # Errors
///
/// [`Error::Bind`] with the column's name.
#[inline]
pub fn bind_draft<T>(
    value: &Option<T>,
    column: u16,
    table: &'static TableMeta,
    sink: &mut dyn BindSink,
    bind: impl FnOnce(&T, &mut dyn BindSink) -> Result<()>,
) -> Result<()> {
    match value {
        Some(value) => bind_column(value, column, table, sink, bind),
        None => Err(no_column(column, table)),
    }
}

/// Takes a required field out of a builder whose type says that it is set. Generated code calls it.
///
/// # Panics
///
/// Never from generated code.
#[must_use]
#[expect(clippy::expect_used, reason = "the builder's type is the proof")]
pub fn required<T>(value: Option<T>) -> T {
    value.expect("the builder's type says that the field is set")
}

#[cold]
fn bind_error(error: Error, index: u16, table: &'static TableMeta) -> Error {
    let Error::Bind { source, .. } = error else { return error };
    let column = table.column(index).map_or("?", |column| column.name);
    Error::Bind { place: format!("column `{}.{column}`", table.name), source }
}

/// The error for a column that a model does not have: only a program that calls [`Model::bind`] itself can see it.
#[cold]
pub fn no_column(column: u16, table: &'static TableMeta) -> Error {
    Error::Statement(format!("`{}` has no column number {column}", table.model))
}

/// Whether a generated key has not been made yet: it is 0 until its row is inserted.
pub fn is_zero<T: SqlType>(key: &T) -> bool {
    struct Zero(bool);
    impl BindSink for Zero {
        fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
            self.0 = matches!(value, ValueRef::Int(0));
            Ok(())
        }
    }
    let mut zero = Zero(false);
    match key.bind_value(&mut zero) {
        Ok(()) => zero.0,
        Err(_unbindable) => false,
    }
}
