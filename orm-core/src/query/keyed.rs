//! [`ModelRows`]: structs whose rows are in the database.

use std::fmt;
use std::sync::Arc;

use crate::ast::KeyedRows;
use crate::error::Result;
use crate::model::Model;
use crate::types::BindSink;
use crate::value::ValueRef;

/// A model's struct, or several: a `Vec` or an array. The database knows them by their keys.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a row that has a key",
    label = "expected a model's struct, or a `Vec` or array of them",
    note = "a builder has no key yet: `insert(row)` makes it a row"
)]
pub trait ModelRows {
    /// The model.
    type Model: Model;

    /// The rows, their type forgotten.
    fn into_rows(self) -> Arc<dyn KeyedRows>;
}

impl<M: Model> ModelRows for M {
    type Model = M;

    fn into_rows(self) -> Arc<dyn KeyedRows> {
        Arc::new(Structs(vec![self]))
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model> ModelRows for Vec<M> {
    type Model = M;

    fn into_rows(self) -> Arc<dyn KeyedRows> {
        Arc::new(Structs(self))
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model, const N: usize> ModelRows for [M; N] {
    type Model = M;

    fn into_rows(self) -> Arc<dyn KeyedRows> {
        Arc::new(Structs(Vec::from(self)))
    }
}

struct Structs<M>(Vec<M>);

impl<M: Model> KeyedRows for Structs<M> {
    fn len(&self) -> usize {
        self.0.len()
    }

    // A struct has one value of each column, so the key it writes is the one by which it is found.
    fn bind_key(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
        let Some(row) = self.0.get(row) else { return Ok(()) };
        columns.iter().try_for_each(|column| row.bind(*column, sink))
    }

    fn bind(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
        self.0.get(row).map_or(Ok(()), |row| bind_next(row, columns, sink))
    }
}

/// The values that are written over a struct's row: its own, and of a version the next one.
pub(crate) fn bind_next<M: Model>(row: &M, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
    columns.iter().try_for_each(|column| match M::TABLE.version == Some(*column) {
        true => row.bind(*column, &mut Next(sink)),
        false => row.bind(*column, sink),
    })
}

/// Counts a version up.
struct Next<'a>(&'a mut dyn BindSink);

impl BindSink for Next<'_> {
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        match value {
            ValueRef::Int(version) => self.0.bind(ValueRef::Int(version.wrapping_add(1))),
            other => self.0.bind(other),
        }
    }
}

/// Without the rows, which may be secret.
impl<M> fmt::Debug for Structs<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows", self.0.len())
    }
}
