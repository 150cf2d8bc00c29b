//! `UPDATE`.

use smallvec::SmallVec;

use super::{Expr, Lifted, Projection, TableRef};

/// An `UPDATE`.
#[derive(Debug, Clone)]
pub struct Update {
    /// The table.
    pub table: TableRef,
    /// What is set. On the right side, columns have their values from before.
    pub set: Assignments,
    /// All must be true. Empty updates every row.
    pub filter: SmallVec<[Expr; 1]>,
    /// `RETURNING`.
    pub returning: Vec<Projection>,
    /// The global filters that do not apply.
    pub lifted: Lifted,
}

/// What is set: mostly one column, which takes no allocation.
pub type Assignments = SmallVec<[Assignment; 1]>;

/// `column = value`.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The column's position.
    pub column: u16,
    /// The value.
    pub value: Expr,
}
