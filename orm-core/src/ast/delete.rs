//! `DELETE`.

use super::{Expr, Lifted, Projection, TableRef};

/// A `DELETE`.
#[derive(Debug, Clone)]
pub struct Delete {
    /// The table.
    pub table: TableRef,
    /// All must be true. Empty deletes every row.
    pub filter: Vec<Expr>,
    /// `RETURNING`.
    pub returning: Vec<Projection>,
    /// The global filters that do not apply.
    pub lifted: Lifted,
}
