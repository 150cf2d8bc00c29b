//! `OVER (..)`: windows.

use super::{Aggregate, Expr, Order};

/// Functions that look at other rows of the result, and aggregates that do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WindowFunction {
    /// The row's number, from 1 on.
    RowNumber,
    /// The number of rows before it and one; equal rows share it, and leave a gap.
    Rank,
    /// The same without gaps.
    DenseRank,
    /// The rank from 0 to 1.
    PercentRank,
    /// Which part of the rows is not after it.
    CumeDist,
    /// The number of its bucket, of so many.
    Ntile,
    /// The value so many rows before.
    Lag,
    /// The value so many rows after.
    Lead,
    /// The frame's first value.
    FirstValue,
    /// The frame's last value.
    LastValue,
    /// The frame's value number n.
    NthValue,
    /// An aggregate of the frame.
    Aggregate(Aggregate),
}

/// Which rows a window function looks at, and in which order.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// Only rows that agree in these.
    pub partition_by: Vec<Expr>,
    /// The order within the partition.
    pub order_by: Vec<Order>,
    /// The rows around the row; none is SQL's default, from the first to the last that is equal to it in the order.
    pub frame: Option<Frame>,
}

impl Window {
    /// What it partitions and orders by.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.partition_by.iter().chain(self.order_by.iter().map(|order| &order.expr))
    }
}

/// The rows around a row that a function looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Frame {
    /// In what it is measured.
    pub unit: FrameUnit,
    /// Where it begins, relative to the row: negative is before it. None is the partition's first row.
    pub start: Option<i64>,
    /// Where it ends. None is the partition's last row.
    pub end: Option<i64>,
    /// Which of these rows are left out.
    pub exclude: Exclude,
}

/// In what a frame is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameUnit {
    /// In rows.
    Rows,
    /// In the value of the only key of the order.
    Range,
    /// In groups of rows that are equal in the order.
    Groups,
}

/// Rows of a frame that are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exclude {
    /// None.
    Nothing,
    /// The row itself.
    CurrentRow,
    /// The row and those that are equal to it in the order.
    Group,
    /// Those that are equal to it, but not the row itself.
    Ties,
}
