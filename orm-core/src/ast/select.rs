//! `SELECT`.

use super::{Expr, Lifted, Lock, Operand, Operation, RawPart, Source, TableRef};
use crate::value::Value;

/// A `SELECT`.
#[derive(Debug, Clone, Default)]
pub struct Select {
    /// `SELECT DISTINCT`.
    pub distinct: bool,
    /// `SELECT DISTINCT ON (..)`.
    pub distinct_on: Vec<Expr>,
    /// What is selected.
    pub projection: Vec<Projection>,
    /// The first table, if said; otherwise see [`Select::root`].
    pub from: Option<TableRef>,
    /// The joins, in order.
    pub joins: Vec<Join>,
    /// All must be true.
    pub filter: Vec<Expr>,
    /// `GROUP BY`.
    pub group_by: Vec<Expr>,
    /// All must be true of a group.
    pub having: Vec<Expr>,
    /// `ORDER BY`.
    pub order_by: Vec<Order>,
    /// `LIMIT`, a [`Value::Int`].
    pub limit: Option<Value>,
    /// `OFFSET`, a [`Value::Int`].
    pub offset: Option<Value>,
    /// The queries that FROM calls by their names.
    pub sources: Vec<Source>,
    /// The operands of a `UNION` and the like. Then it has nothing else but an order, a limit and an offset, which are
    /// those of the compound.
    pub operands: Vec<Operand>,
    /// `FOR UPDATE` and its kin.
    pub lock: Option<Box<Lock>>,
    /// The global filters that do not apply.
    pub lifted: Lifted,
}

/// One thing that is selected.
#[derive(Debug, Clone)]
pub enum Projection {
    /// All columns of a table, in the order of its fields.
    Table(TableRef),
    /// An expression.
    Expr(Expr),
    /// An expression with a name, by which ORDER BY may call it.
    Label(Expr, &'static str),
    /// The number 1, for `EXISTS`, which looks at no column.
    One,
}

/// A join.
#[derive(Debug, Clone)]
pub struct Join {
    /// Inner, left, ...
    pub kind: JoinKind,
    /// The table that is joined.
    pub table: TableRef,
    /// The table on the relation's other side, if the join is by a relation.
    pub left: Option<TableRef>,
    /// The condition; none for a cross join.
    pub on: Option<Expr>,
}

/// Kinds of joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// Only rows with a partner.
    Inner,
    /// Every row of the left side.
    Left,
    /// Every row of the right side.
    Right,
    /// Every row of both sides.
    Full,
    /// Every pair.
    Cross,
}

/// One key of an `ORDER BY`.
#[derive(Debug, Clone)]
pub struct Order {
    /// What is ordered by.
    pub expr: Expr,
    /// Which way.
    pub direction: Direction,
    /// Where NULLs go. By default NULL is smaller than every value: first when ascending, last when descending, on
    /// every backend.
    pub nulls: NullsOrder,
}

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// Where NULLs are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NullsOrder {
    /// As if NULL were smaller than every value.
    Smallest,
    /// Before everything else.
    First,
    /// After everything else.
    Last,
}

impl Select {
    /// Whether the database compares expressions of this `SELECT` with each other: those that it selects with those
    /// that it groups or sorts by.
    pub(crate) fn has_equal_expressions(&self) -> bool {
        self.distinct || !self.group_by.is_empty() || !self.distinct_on.is_empty()
    }

    /// The first table of FROM: the one that was said, else the left side of the first join by a relation, else the
    /// first table that is selected from and not joined.
    #[must_use]
    pub fn root(&self) -> Option<TableRef> {
        if self.from.is_some() {
            return self.from;
        }
        if let Some(first) = self.operands.first() {
            return first.select.root();
        }
        if let Some(left) = self.joins.first().and_then(|join| join.left) {
            return Some(left);
        }
        let joined = |table: &TableRef| self.joins.iter().any(|join| join.table == *table);
        self.projection.iter().find_map(|projection| match projection {
            Projection::Table(table) => Some(*table).filter(|table| !joined(table)),
            Projection::Expr(expr) | Projection::Label(expr, _) => expr.first_table(&joined, 0),
            Projection::One => None,
        })
    }
}

impl Expr {
    /// The first table that a column of this expression is of, leaving out those for which `skip` is true and those
    /// of subqueries. It gives up at a depth that no statement may have.
    fn first_table(&self, skip: &dyn Fn(&TableRef) -> bool, depth: u32) -> Option<TableRef> {
        if depth > 200 {
            return None;
        }
        let first = |exprs: &mut dyn Iterator<Item = &Expr>| {
            for expr in exprs {
                if let Some(table) = expr.first_table(skip, depth + 1) {
                    return Some(table);
                }
            }
            None
        };
        match self {
            Expr::Column(column) => Some(column.table).filter(|table| !skip(table)),
            Expr::Bind(_) | Expr::Bool(_) | Expr::Label(_) | Expr::Invalid(_) | Expr::Subquery(_) => None,
            Expr::Binary(_, sides) => first(&mut [&sides.0, &sides.1].into_iter()),
            Expr::And(exprs) | Expr::Or(exprs) | Expr::Row(exprs) | Expr::Function(_, exprs) => {
                first(&mut exprs.iter())
            }
            Expr::Not(expr) | Expr::Negate(_, expr) => expr.first_table(skip, depth + 1),
            Expr::Raw(raw) => first(&mut raw.parts.iter().filter_map(|part| match part {
                RawPart::Expr(expr) => Some(expr),
                RawPart::Text(_) => None,
            })),
            Expr::Operation(operation) => match operation.as_ref() {
                Operation::IsNull { expr, .. }
                | Operation::InList { expr, .. }
                | Operation::InSelect { expr, .. }
                | Operation::Cast { expr, .. }
                | Operation::Decimal { expr }
                | Operation::Json { expr, .. } => expr.first_table(skip, depth + 1),
                Operation::Like { expr, pattern, .. } => first(&mut [expr, pattern].into_iter()),
                Operation::Between { expr, low, high, .. } => first(&mut [expr, low, high].into_iter()),
                Operation::Exists { .. } => None,
                Operation::Case { when, otherwise } => {
                    first(&mut when.iter().flat_map(|(condition, result)| [condition, result]).chain(otherwise))
                }
                Operation::Aggregate { expr, filter, .. } => first(&mut expr.iter().chain(filter)),
                Operation::Window { arguments, filter, window, .. } => {
                    first(&mut arguments.iter().chain(filter).chain(window.exprs()))
                }
            },
        }
    }
}
