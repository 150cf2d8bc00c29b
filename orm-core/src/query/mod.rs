//! The statements a program writes: `select`, `insert`, `update`, `delete` and `sql!`.
//!
//! Each is a plain value of a nameable type: it can be cloned, stored, returned, and built up by ordinary code
//! (`if let Some(name) = name { q = q.filter(User.name.eq(name)) }`). [`Runnable`] is what all of them are, [`Query`]
//! those that give rows.

mod by_key;
mod columns;
mod command;
mod compound;
mod decoder;
mod delete;
mod delete_rows;
mod derived;
mod entity;
mod filters;
mod hops;
mod insert;
mod join;
mod keyed;
mod lazy_select;
pub(crate) mod loader;
mod lock;
mod pipeline;
mod raw;
pub(crate) mod row_keys;
mod select;
mod selection;
mod shape;
mod tree;
mod tuples;
mod update;
mod update_rows;
mod upsert;
mod with;

pub use by_key::{ByKey, by_key};
pub use columns::ColumnsOf;
pub(crate) use command::ChunkSize;
pub use command::Command;
pub use decoder::Decoder;
pub use delete::{Delete, delete};
pub use delete_rows::{DeleteRows, delete_rows};
pub use derived::{Derivable, Derived, FromItem, JoinQuery, Parts, Subquery, part as derived_part};
pub use entity::EntityExt;
pub(crate) use filters::FilteredStatement;
pub use filters::Filters;
pub use hops::Hops;
pub use insert::{Insert, InsertRows, insert};
pub use join::{JoinOn, Joinable};
pub use keyed::ModelRows;
pub(crate) use keyed::bind_next;
pub use loader::Loader;
pub use pipeline::{Answer, Queries};
pub use raw::{IntoRawPart, Sql, SqlRows, part};
pub use select::{IntoGroup, MadeFrom, Select, select};
pub use selection::{Label, Labelled, Optional, Selection, Width, label};
#[doc(hidden)]
pub use shape::{Assemble, Fields, Holds, NoShape, Of, Own, Reading, Shaping, shaping};
pub use shape::{Shape, ShapeField, shape};
pub use tree::Tree;
pub use update::{Update, update};
pub(crate) use update_rows::all_but_the_key;
pub use update_rows::{UpdateRows, update_rows};
pub use upsert::{OnConflict, Upsert, excluded};
pub use with::{Append, Columns, Loadable, Related};
pub(crate) use with::{Wanted, ascending, first_of_each};

use crate::ast::Statement;
use crate::dialect::Dialect;
use crate::error::Result;

/// Marks an `update` or `delete` that has no condition yet, so that it cannot be run by mistake.
#[derive(Debug, Clone, Copy)]
pub struct Unfiltered;

/// Marks an `update` or `delete` that has a condition, or that says it means every row.
#[derive(Debug, Clone, Copy)]
pub struct Filtered;

/// A statement that can be run.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a statement that can be run",
    label = "cannot be run",
    note = "an `update` or `delete` needs `.filter(..)`, or `.all_rows()` if every row is meant; a row needs `insert(row)`, an `on_conflict` needs `.do_nothing()` or `.do_update(..)`"
)]
pub trait Runnable: Send + Sync {
    /// What is to be run.
    fn command(&self) -> Command<'_>;

    /// The SQL in a dialect. Many rows are several statements: this is the first.
    ///
    /// # Errors
    ///
    /// Those of compiling the statement.
    fn to_sql(&self, dialect: &dyn Dialect) -> Result<String> {
        match self.command().statements(dialect.features())?.next() {
            Some(statement) => Ok(crate::compile::compile(statement, dialect)?.sql),
            None => Ok(String::new()),
        }
    }
}

/// A statement that gives rows.
#[diagnostic::on_unimplemented(
    message = "`{Self}` gives no rows",
    label = "not a query",
    note = "`.returning(..)` gives rows of an `insert`, `update` or `delete`, `.rows::<..>()` of `sql!(..)`; an `update` or `delete` also needs `.filter(..)` or `.all_rows()`"
)]
pub trait Query: Runnable {
    /// The type of a row.
    type Row: Send + 'static;

    /// What reads a row.
    fn decoder(&self) -> Decoder<Self::Row>;

    /// Whether there can be no second row.
    fn is_unique(&self) -> bool {
        false
    }

    /// What reads the rows instead, if others are loaded with them.
    fn loader(&self) -> Option<Box<dyn Loader<Self::Row>>> {
        None
    }
}

#[diagnostic::do_not_recommend]
impl<R: Runnable + ?Sized> Runnable for &R {
    fn command(&self) -> Command<'_> {
        (**self).command()
    }
}

#[diagnostic::do_not_recommend]
impl<Q: Query + ?Sized> Query for &Q {
    type Row = Q::Row;

    fn decoder(&self) -> Decoder<Q::Row> {
        (**self).decoder()
    }

    fn is_unique(&self) -> bool {
        (**self).is_unique()
    }

    fn loader(&self) -> Option<Box<dyn Loader<Q::Row>>> {
        (**self).loader()
    }
}

#[diagnostic::do_not_recommend]
impl Runnable for crate::schema::ddl::Ddl {
    fn command(&self) -> Command<'_> {
        Command::One(Statement::Ddl(self))
    }
}
