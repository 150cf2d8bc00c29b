//! [`Column`]: a model's field as it stands in a statement.

use std::fmt;
use std::marker::PhantomData;

use crate::ast::{ColumnRef, TableRef};

/// A column of model `M` with values of type `T`: `User.name`.
///
/// It is a plain `Copy` value. What it can do stands in [`Expression`](crate::expr::Expression).
pub struct Column<M, T> {
    column: ColumnRef,
    types: PhantomData<fn() -> (M, T)>,
}

impl<M, T> Column<M, T> {
    /// The column at `index` of a table. The derive calls this.
    #[must_use]
    pub const fn new(table: TableRef, index: u16) -> Self {
        Column { column: ColumnRef { table, index }, types: PhantomData }
    }

    /// The column without its types.
    #[must_use]
    pub const fn reference(self) -> ColumnRef {
        self.column
    }

    /// The column's name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.column.table.meta.column(self.column.index).map_or("?", |column| column.name)
    }
}

impl<M, T> Clone for Column<M, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, T> Copy for Column<M, T> {}

impl<M, T> fmt::Debug for Column<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ColumnRef { table, index } = self.column;
        write!(f, "{}.{}", table.name(), table.meta.column(index).map_or("?", |column| column.name))
    }
}
