//! Expressions.

use super::{ColumnRef, JsonRead, JsonStep, Order, Raw, Select, Window, WindowFunction};
use crate::types::ColumnType;
use crate::value::Value;

/// An expression.
#[derive(Debug, Clone)]
pub enum Expr {
    /// A column of a table in FROM.
    Column(ColumnRef),
    /// A bound value.
    Bind(Value),
    /// A truth value written as such: the empty `AND`, the empty `IN`.
    Bool(bool),
    /// `left op right`.
    Binary(BinaryOp, Box<(Expr, Expr)>),
    /// All are true. Empty: true.
    And(Vec<Expr>),
    /// One is true. Empty: false.
    Or(Vec<Expr>),
    /// `NOT`.
    Not(Box<Expr>),
    /// `-x`.
    Negate(NumberKind, Box<Expr>),
    /// Everything else that has operands.
    Operation(Box<Operation>),
    /// A call.
    Function(Function, Vec<Expr>),
    /// Text written by hand, with binds.
    Raw(Box<Raw>),
    /// Several values as one: `(a, b)`.
    Row(Vec<Expr>),
    /// A subquery of one column and at most one row.
    Subquery(Box<Select>),
    /// The name of a labelled expression of the same `SELECT`, for `ORDER BY` and `GROUP BY`.
    Label(&'static str),
    /// What could not be built. Compiling the statement gives this text as an
    /// [`Error::Statement`](crate::error::Error::Statement).
    Invalid(Box<str>),
}

impl Expr {
    /// Adds a condition to others that must all be true.
    pub(crate) fn and_into(self, conditions: &mut Vec<Expr>) {
        self.each_of_all(&mut |one| conditions.push(one));
    }

    /// Gives the conditions of which it consists, all of which must be true.
    pub(crate) fn each_of_all(self, give: &mut impl FnMut(Expr)) {
        match self {
            Expr::And(all) => all.into_iter().for_each(|one| one.each_of_all(give)),
            Expr::Bool(true) => {}
            one => give(one),
        }
    }
}

/// Expressions with more parts than two.
#[derive(Debug, Clone)]
pub enum Operation {
    /// `IS NULL`.
    IsNull {
        /// What is tested.
        expr: Expr,
        /// `IS NOT NULL`.
        negated: bool,
    },
    /// `LIKE`. Upper and lower case differ, on every backend.
    Like {
        /// The text.
        expr: Expr,
        /// The pattern. `%` and `_` in it mean what they mean in SQL, unless escaped.
        pattern: Expr,
        /// The character that takes the meaning from `%`, `_` and itself.
        escape: Option<char>,
        /// `ILIKE`: upper and lower case are the same.
        insensitive: bool,
        /// `NOT LIKE`.
        negated: bool,
    },
    /// `BETWEEN`: both ends belong to it.
    Between {
        /// What is tested.
        expr: Expr,
        /// The lower end.
        low: Expr,
        /// The upper end.
        high: Expr,
        /// `NOT BETWEEN`.
        negated: bool,
    },
    /// `IN` of values.
    InList {
        /// What is tested.
        expr: Expr,
        /// A [`Value::List`]; empty is false (negated: true).
        list: Value,
        /// `NOT IN`.
        negated: bool,
    },
    /// `IN` of a subquery.
    InSelect {
        /// What is tested.
        expr: Expr,
        /// The subquery, of one column.
        select: Box<Select>,
        /// `NOT IN`.
        negated: bool,
    },
    /// `EXISTS`.
    Exists {
        /// The subquery.
        select: Box<Select>,
        /// `NOT EXISTS`.
        negated: bool,
    },
    /// `CASE WHEN .. THEN .. ELSE .. END`.
    Case {
        /// Conditions and results.
        when: Vec<(Expr, Expr)>,
        /// The result if none is true; NULL if not given.
        otherwise: Option<Expr>,
    },
    /// `CAST`.
    Cast {
        /// What is cast.
        expr: Expr,
        /// To what.
        to: ColumnType,
    },
    /// A computed decimal. A backend that keeps decimals as text says here that they compare by value, as a column of
    /// them does by itself.
    Decimal {
        /// What is computed.
        expr: Expr,
    },
    /// A value within JSON.
    Json {
        /// The JSON.
        expr: Expr,
        /// Where in it.
        path: Vec<JsonStep>,
        /// As what it is read.
        read: JsonRead,
    },
    /// `count`, `sum` and the like.
    Aggregate {
        /// Which.
        function: Aggregate,
        /// Over distinct values only.
        distinct: bool,
        /// What is aggregated; none is `count(*)`.
        expr: Option<Expr>,
        /// `FILTER (WHERE ..)`.
        filter: Option<Expr>,
        /// The order in which [`Aggregate::StringAgg`] joins.
        order_by: Vec<Order>,
    },
    /// `row_number() OVER (..)`, `sum(x) OVER (..)`.
    Window {
        /// Which.
        function: WindowFunction,
        /// What it is called with.
        arguments: Vec<Expr>,
        /// `FILTER (WHERE ..)`, of aggregates.
        filter: Option<Expr>,
        /// Over which rows.
        window: Window,
    },
}

/// Operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `=`
    Eq,
    /// `<>`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `IS DISTINCT FROM`: `<>` for which NULL is a value like any other.
    IsDistinctFrom,
    /// `IS NOT DISTINCT FROM`.
    IsNotDistinctFrom,
    /// `||`
    Concat,
    /// `+`
    Add(NumberKind),
    /// `-`
    Subtract(NumberKind),
    /// `*`
    Multiply(NumberKind),
    /// `/`: of integers it rounds towards zero, as in Rust; by zero it is NULL.
    Divide(NumberKind),
    /// `%`: has the sign of its left side, as in Rust; by zero it is NULL.
    Remainder(NumberKind),
    /// `@>`: what is on the right is in what is on the left.
    Contains(Compound),
    /// `<@`
    ContainedBy(Compound),
    /// `&&`: something is in both.
    Overlaps(Compound),
}

/// What an operator looks into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compound {
    /// Arrays.
    Array,
    /// Arrays of decimals, whose elements are equal by value.
    Decimals,
    /// Ranges.
    Range,
    /// JSON.
    Json,
}

/// What kind of numbers an operator works on: a backend without decimals of its own calls functions for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NumberKind {
    /// Integers.
    Integer,
    /// Floats.
    Float,
    /// Exact decimals.
    Decimal,
}

/// Functions that every SQL backend has in some form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// `lower(text)`: ASCII letters on every backend; others as the database has it.
    Lower,
    /// `upper(text)`.
    Upper,
    /// The number of characters.
    Length,
    /// Without spaces at both ends.
    Trim,
    /// Without spaces at the start.
    TrimStart,
    /// Without spaces at the end.
    TrimEnd,
    /// `substr(text, start, count)`; the first character is number 1.
    Substring,
    /// `replace(text, from, to)`.
    Replace,
    /// The first that is not NULL.
    Coalesce,
    /// NULL if both are equal, else the first.
    NullIf,
    /// Without its sign.
    Abs(NumberKind),
    /// Rounded to so many digits, halves away from zero.
    Round(NumberKind),
    /// The greatest that is not NULL; the kind, if they are numbers.
    Greatest(Option<NumberKind>),
    /// The least that is not NULL; the kind, if they are numbers.
    Least(Option<NumberKind>),
    /// How many elements an array has.
    Cardinality,
    /// The time the transaction or statement began, as a timestamp.
    Now,
    /// A function of the database by its name.
    Named(&'static str),
}

/// Aggregate functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// How many; of an expression, how many are not NULL.
    Count,
    /// The sum; NULL of no rows.
    Sum(NumberKind),
    /// The mean as a float; NULL of no rows.
    Avg(NumberKind),
    /// The smallest; NULL of no rows.
    Min,
    /// The largest; NULL of no rows.
    Max,
    /// The texts joined by a separator; NULL of no rows.
    StringAgg(&'static str),
}
