//! Text written by hand.

use super::Expr;

/// SQL text with expressions between its parts: a whole statement, or a fragment of one.
#[derive(Debug, Clone)]
pub struct Raw {
    /// The parts in order.
    pub parts: Vec<RawPart>,
}

/// A part of a [`Raw`].
#[derive(Debug, Clone)]
pub enum RawPart {
    /// Text of the program's own; never of a user's.
    Text(&'static str),
    /// A column, a bound value, or any other expression.
    Expr(Expr),
}
