//! `UPDATE`.

use super::{Expr, Lifted, Projection, TableRef};

/// An `UPDATE`.
#[derive(Debug, Clone)]
pub struct Update {
    /// The table.
    pub table: TableRef,
    /// What is set. On the right side, columns have their values from before.
    pub set: Vec<Assignment>,
    /// All must be true. Empty updates every row.
    pub filter: Vec<Expr>,
    /// `RETURNING`.
    pub returning: Vec<Projection>,
    /// The global filters that do not apply.
    pub lifted: Lifted,
}

/// `column = value`.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The column's position.
    pub column: u16,
    /// The value.
    pub value: Expr,
}
