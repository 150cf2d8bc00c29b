//! Expressions, with parentheses only where they are needed.

use super::Writer;
use super::shape::{ListForm, is_null_bind};
use crate::ast::{Aggregate, BinaryOp, Compound, Expr, Function, NumberKind, Operation, Order, Select, Window};
use crate::dialect::TypePlace;
use crate::error::{Error, Result};
use crate::types::ColumnType;
use crate::value::Value;

/// How tightly an expression holds together, the loosest first. One that is looser than its place asks for is put in
/// parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Text written by hand, of which nothing is known. Asking for this level is asking for nothing.
    Raw,
    Or,
    And,
    Not,
    Compare,
    Concat,
    Add,
    Multiply,
    Negate,
    Primary,
}

/// `AND`s and `OR`s with more operands than this are written in groups of [`GROUP`]: databases read `a AND b AND c` as
/// nested, and SQLite stops at 1,000 levels.
const LONG_CHAIN: usize = 500;
const GROUP: usize = 200;

impl<'a> Writer<'a> {
    /// Writes an expression for a place that asks for `needs`.
    pub(super) fn expr(&mut self, expr: &'a Expr, needs: Level) -> Result<()> {
        if self.level(expr) >= needs {
            return self.bare(expr);
        }
        self.push("(");
        self.bare(expr)?;
        self.push(")");
        Ok(())
    }

    /// Writes conditions of which all must be true.
    pub(super) fn all_of(&mut self, conditions: &'a [Expr]) -> Result<()> {
        match conditions {
            [only] => self.expr(only, Level::Raw),
            several => self.chain(several, " AND ", Level::And),
        }
    }

    fn level(&self, expr: &Expr) -> Level {
        match expr {
            Expr::Column(_)
            | Expr::Bind(_)
            | Expr::Bool(_)
            | Expr::Function(..)
            | Expr::Subquery(_)
            | Expr::Row(_)
            | Expr::Label(_)
            | Expr::Invalid(_) => Level::Primary,
            Expr::Binary(op, _) => self.binary_level(*op),
            Expr::And(exprs) => self.chain_level(exprs, Level::And),
            Expr::Or(exprs) => self.chain_level(exprs, Level::Or),
            Expr::Not(_) => Level::Not,
            Expr::Negate(kind, _) if self.subtraction(*kind).is_some() => Level::Primary,
            Expr::Negate(..) => Level::Negate,
            Expr::Operation(operation) => operation_level(operation),
            Expr::Raw(_) => Level::Raw,
        }
    }

    fn chain_level(&self, exprs: &[Expr], level: Level) -> Level {
        match exprs {
            [] => Level::Primary,
            [only] => self.level(only),
            _ => level,
        }
    }

    fn binary_level(&self, op: BinaryOp) -> Level {
        let arithmetic = |kind, level| {
            let function = self.dialect.arithmetic_function(op, kind).is_some();
            let cast = self.dialect.arithmetic_type(op, kind).is_some();
            if function || cast { Level::Primary } else { level }
        };
        match op {
            BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge
            | BinaryOp::IsDistinctFrom
            | BinaryOp::IsNotDistinctFrom => Level::Compare,
            BinaryOp::Contains(_) | BinaryOp::ContainedBy(_) | BinaryOp::Overlaps(_) => {
                if self.features.compound_operators { Level::Compare } else { Level::Primary }
            }
            BinaryOp::Concat => Level::Concat,
            BinaryOp::Add(kind) | BinaryOp::Subtract(kind) => arithmetic(kind, Level::Add),
            BinaryOp::Multiply(kind) | BinaryOp::Divide(kind) | BinaryOp::Remainder(kind) => {
                arithmetic(kind, Level::Multiply)
            }
        }
    }

    fn bare(&mut self, expr: &'a Expr) -> Result<()> {
        match expr {
            Expr::Column(column) => self.column(*column),
            Expr::Bind(value) => self.typed_bind(value),
            Expr::Bool(value) => self.truth(*value),
            Expr::Binary(op, sides) => self.binary(*op, &sides.0, &sides.1),
            Expr::And(exprs) => self.and_or(exprs, true),
            Expr::Or(exprs) => self.and_or(exprs, false),
            Expr::Row(parts) => self.row(parts, &[]),
            Expr::Not(expr) => {
                self.push("NOT ");
                self.expr(expr, Level::Primary)
            }
            Expr::Negate(kind, expr) => self.negate(*kind, expr),
            Expr::Operation(operation) => self.operation(operation),
            Expr::Function(function, arguments) => self.function(*function, arguments),
            Expr::Raw(raw) => self.raw(raw),
            Expr::Subquery(select) => self.subquery(select),
            Expr::Label(label) => self.push_identifier(label),
            Expr::Invalid(text) => Err(Error::Statement(text.to_string())),
        }
    }

    fn truth(&mut self, value: bool) -> Result<()> {
        self.push(if value { "TRUE" } else { "FALSE" });
        Ok(())
    }

    fn and_or(&mut self, exprs: &'a [Expr], and: bool) -> Result<()> {
        match exprs {
            [] => self.truth(and),
            [only] => self.bare(only),
            several if and => self.chain(several, " AND ", Level::And),
            several => self.chain(several, " OR ", Level::Or),
        }
    }

    fn chain(&mut self, exprs: &'a [Expr], operator: &'static str, level: Level) -> Result<()> {
        if exprs.len() <= LONG_CHAIN {
            return self.separated(exprs, operator, |out, expr| out.expr(expr, level));
        }
        // The groups must be few as well: a long chain is cut into at most `GROUP` of them.
        let group = GROUP.max(exprs.len().div_ceil(GROUP));
        self.separated(exprs.chunks(group), operator, |out, group| {
            out.push("(");
            out.chain(group, operator, level)?;
            out.push(")");
            Ok(())
        })
    }

    fn binary(&mut self, op: BinaryOp, left: &'a Expr, right: &'a Expr) -> Result<()> {
        let distinct = self.features.is_distinct_from;
        match op {
            BinaryOp::Eq => self.equality(left, right, " = ", " IS NULL"),
            BinaryOp::Ne => self.equality(left, right, " <> ", " IS NOT NULL"),
            BinaryOp::Lt => self.compare(left, " < ", right),
            BinaryOp::Le => self.compare(left, " <= ", right),
            BinaryOp::Gt => self.compare(left, " > ", right),
            BinaryOp::Ge => self.compare(left, " >= ", right),
            BinaryOp::IsDistinctFrom if distinct => self.compare(left, " IS DISTINCT FROM ", right),
            BinaryOp::IsDistinctFrom => self.compare(left, " IS NOT ", right),
            BinaryOp::IsNotDistinctFrom if distinct => self.compare(left, " IS NOT DISTINCT FROM ", right),
            BinaryOp::IsNotDistinctFrom => self.compare(left, " IS ", right),
            BinaryOp::Contains(_) => self.compound(op, " @> ", left, right),
            BinaryOp::ContainedBy(_) => self.compound(op, " <@ ", left, right),
            BinaryOp::Overlaps(_) => self.compound(op, " && ", left, right),
            BinaryOp::Concat => self.concat(left, right),
            BinaryOp::Add(kind) => self.arithmetic(op, kind, " + ", left, right),
            BinaryOp::Subtract(kind) => self.arithmetic(op, kind, " - ", left, right),
            BinaryOp::Multiply(kind) => self.arithmetic(op, kind, " * ", left, right),
            BinaryOp::Divide(kind) => self.arithmetic(op, kind, " / ", left, right),
            BinaryOp::Remainder(kind) => self.arithmetic(op, kind, " % ", left, right),
        }
    }

    fn compare(&mut self, left: &'a Expr, operator: &str, right: &'a Expr) -> Result<()> {
        self.beside(left, right)?;
        self.push(operator);
        self.beside(right, left)
    }

    /// An operator that looks into arrays and ranges, or the function that does the same.
    fn compound(&mut self, op: BinaryOp, operator: &str, left: &'a Expr, right: &'a Expr) -> Result<()> {
        if !self.features.compound_operators {
            let Some(function) = self.dialect.compound_function(op) else {
                let (feature, hint) = match op {
                    BinaryOp::Contains(Compound::Json) => {
                        ("JSON that contains other JSON", "compare what is at its paths, or use PostgreSQL")
                    }
                    _ => {
                        let hint = "ask for rows of another table, or use PostgreSQL";
                        ("what lies within ranges and arrays of decimals", hint)
                    }
                };
                return Err(Error::Unsupported { feature, backend: self.features.backend, hint });
            };
            return self.call(function, left, right);
        }
        self.compound_side(left, right)?;
        self.push(operator);
        self.compound_side(right, left)
    }

    /// Databases disagree on what these operators stand above.
    fn compound_side(&mut self, expr: &'a Expr, other: &Expr) -> Result<()> {
        match (expr, other) {
            (Expr::Bind(value), Expr::Column(_)) => self.bind(value),
            _ => self.expr(expr, Level::Primary),
        }
    }

    /// Writes one side of a comparison. A column tells the database the type of a value beside it.
    fn beside(&mut self, expr: &'a Expr, other: &Expr) -> Result<()> {
        match (expr, other) {
            (Expr::Bind(value), Expr::Column(_)) => self.bind(value),
            (Expr::Row(parts), Expr::Row(others)) => self.row(parts, others),
            _ => self.expr(expr, Level::Concat),
        }
    }

    /// `(a, b)`, beside another row if there is one.
    fn row(&mut self, parts: &'a [Expr], others: &[Expr]) -> Result<()> {
        self.push("(");
        self.separated(parts.iter().enumerate(), ", ", |out, (number, part)| match others.get(number) {
            Some(other) => out.beside(part, other),
            None => out.expr(part, Level::Or),
        })?;
        self.push(")");
        Ok(())
    }

    /// `=` and `<>`, which ask for NULL where one side is a bound NULL.
    fn equality(&mut self, left: &'a Expr, right: &'a Expr, operator: &str, null: &str) -> Result<()> {
        match (is_null_bind(left), is_null_bind(right)) {
            (false, false) => return self.compare(left, operator, right),
            (false, true) => self.expr(left, Level::Concat)?,
            (true, false) => self.expr(right, Level::Concat)?,
            (true, true) => self.push("NULL"),
        }
        self.push(null);
        Ok(())
    }

    fn concat(&mut self, left: &'a Expr, right: &'a Expr) -> Result<()> {
        // Databases disagree on whether `||` or `+` holds tighter, so only a chain of `||` goes without parentheses.
        let chained = matches!(left, Expr::Binary(BinaryOp::Concat, _));
        self.expr(left, if chained { Level::Concat } else { Level::Primary })?;
        self.push(" || ");
        self.expr(right, Level::Primary)
    }

    fn arithmetic(
        &mut self,
        op: BinaryOp,
        kind: NumberKind,
        operator: &str,
        left: &'a Expr,
        right: &'a Expr,
    ) -> Result<()> {
        if let Some(function) = self.dialect.arithmetic_function(op, kind) {
            return self.call(function, left, right);
        }
        if let Some(computed) = self.dialect.arithmetic_type(op, kind) {
            return self.arithmetic_as(computed, kind, operator, left, right);
        }
        // The right side must hold tighter than the operator itself: `a - (b - c)`.
        let (level, right_level) = match self.binary_level(op) {
            Level::Add => (Level::Add, Level::Multiply),
            tighter => (tighter, Level::Negate),
        };
        self.expr(left, level)?;
        self.push(operator);
        let divides = matches!(op, BinaryOp::Divide(_) | BinaryOp::Remainder(_));
        if !divides || self.features.divide_by_zero_is_null {
            return self.expr(right, right_level);
        }
        self.push("NULLIF(");
        self.expr(right, Level::Or)?;
        self.push(", 0)");
        Ok(())
    }

    /// `CAST(CAST(a AS numeric) % NULLIF(CAST(b AS numeric), 0) AS double precision)`
    fn arithmetic_as(
        &mut self,
        computed: ColumnType,
        kind: NumberKind,
        operator: &str,
        left: &'a Expr,
        right: &'a Expr,
    ) -> Result<()> {
        self.push("CAST(");
        self.cast(left, computed)?;
        self.push(operator);
        self.push("NULLIF(");
        self.cast(right, computed)?;
        self.push(", 0)");
        self.cast_end(column_type_of(kind));
        Ok(())
    }

    fn call(&mut self, function: &str, left: &'a Expr, right: &'a Expr) -> Result<()> {
        self.push(function);
        self.push("(");
        self.expr(left, Level::Or)?;
        self.push(", ");
        self.expr(right, Level::Or)?;
        self.push(")");
        Ok(())
    }

    fn subtraction(&self, kind: NumberKind) -> Option<&'static str> {
        self.dialect.arithmetic_function(BinaryOp::Subtract(kind), kind)
    }

    fn negate(&mut self, kind: NumberKind, expr: &'a Expr) -> Result<()> {
        match self.subtraction(kind) {
            Some(function) => {
                self.push(function);
                self.push("(0, ");
                self.expr(expr, Level::Or)?;
                self.push(")");
                Ok(())
            }
            None => {
                // Two signs in a row would begin a comment.
                self.push("-");
                self.expr(expr, Level::Primary)
            }
        }
    }

    fn function(&mut self, function: Function, arguments: &'a [Expr]) -> Result<()> {
        let computed = self.dialect.function_type(function);
        if computed.is_some() {
            self.push("CAST(");
        }
        self.function_name(function)?;
        self.push("(");
        self.separated(arguments.iter().enumerate(), ", ", |out, (number, argument)| match (argument, computed) {
            (argument, Some((inside, _))) if number == 0 => out.cast(argument, inside),
            // The numbers after the first argument have the type that the function asks for.
            (Expr::Bind(value), _) if number > 0 && counts(function) => out.bind(value),
            (argument, _) => out.expr(argument, Level::Or),
        })?;
        self.push(")");
        if let Some((_, outside)) = computed {
            self.cast_end(outside);
        }
        Ok(())
    }

    fn function_name(&mut self, function: Function) -> Result<()> {
        let Function::Named(name) = function else {
            self.push(self.dialect.function(function));
            return Ok(());
        };
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
        if name.is_empty() || !name.bytes().all(word) {
            return self.push_identifier(name);
        }
        self.push(name);
        Ok(())
    }

    fn subquery(&mut self, select: &'a Select) -> Result<()> {
        self.push("(");
        self.select(select)?;
        self.push(")");
        Ok(())
    }

    fn operation(&mut self, operation: &'a Operation) -> Result<()> {
        match operation {
            Operation::IsNull { expr, negated } => {
                self.expr(expr, Level::Concat)?;
                self.push(if *negated { " IS NOT NULL" } else { " IS NULL" });
                Ok(())
            }
            Operation::Like { expr, pattern, escape, insensitive, negated } => {
                self.like(expr, pattern, *insensitive, *negated)?;
                self.escape(*escape)
            }
            Operation::Between { expr, low, high, negated } => {
                self.expr(expr, Level::Concat)?;
                self.push(if *negated { " NOT BETWEEN " } else { " BETWEEN " });
                self.beside(low, expr)?;
                self.push(" AND ");
                self.beside(high, expr)
            }
            Operation::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Operation::InSelect { expr, select, negated } => {
                self.expr(expr, Level::Concat)?;
                self.push(in_operator(*negated));
                self.subquery(select)
            }
            Operation::Exists { select, negated } => {
                self.push(if *negated { "NOT EXISTS " } else { "EXISTS " });
                self.subquery(select)
            }
            Operation::Case { when, otherwise } => self.case(when, otherwise.as_ref()),
            Operation::Cast { expr, to } => self.cast(expr, *to),
            Operation::Json { expr, path, read } => {
                let texts = self.dialect.json(*read, path)?;
                for (number, text) in texts.iter().enumerate() {
                    if number > 0 {
                        self.expr(expr, Level::Primary)?;
                    }
                    self.push(text);
                }
                Ok(())
            }
            Operation::Decimal { expr } => match self.features.decimal_collation {
                None => self.expr(expr, Level::Primary),
                Some(collation) => {
                    self.expr(expr, Level::Primary)?;
                    self.push(" COLLATE ");
                    self.push(collation);
                    Ok(())
                }
            },
            Operation::Aggregate { function, distinct, expr, filter, order_by } => {
                let call = Call { distinct: *distinct, expr: expr.as_ref(), filter: filter.as_ref(), order_by };
                self.aggregate(*function, &call, None)
            }
            Operation::Window { function, arguments, filter, window } => {
                self.windowed(*function, arguments, filter.as_ref(), window)
            }
        }
    }

    fn like(&mut self, expr: &'a Expr, pattern: &'a Expr, insensitive: bool, negated: bool) -> Result<()> {
        let lowered = insensitive && !self.features.ilike;
        self.like_side(expr, lowered)?;
        self.push(match (insensitive && !lowered, negated) {
            (false, false) => " LIKE ",
            (false, true) => " NOT LIKE ",
            (true, false) => " ILIKE ",
            (true, true) => " NOT ILIKE ",
        });
        self.like_side(pattern, lowered)
    }

    fn like_side(&mut self, expr: &'a Expr, lowered: bool) -> Result<()> {
        if !lowered {
            return self.expr(expr, Level::Concat);
        }
        self.function(Function::Lower, std::slice::from_ref(expr))
    }

    fn escape(&mut self, escape: Option<char>) -> Result<()> {
        let mut letter = [0; 4];
        let escape = match escape {
            Some(escape) => escape.encode_utf8(&mut letter),
            None if self.features.backslash_escapes => "",
            None => return Ok(()),
        };
        self.push(" ESCAPE ");
        self.push_literal(escape)
    }

    fn in_list(&mut self, expr: &'a Expr, list: &'a Value, negated: bool) -> Result<()> {
        let (form, values) = ListForm::of(list, self.features)?;
        let Some(first) = values.first() else {
            return self.truth(negated);
        };
        self.expr(expr, Level::Concat)?;
        match form {
            ListForm::Empty => self.truth(negated),
            ListForm::One(kind) => {
                let position = self.bind_values(list, 1)?;
                self.dialect.list(self, kind, negated, position)
            }
            ListForm::Separate(count) => {
                let position = self.bind_values(first, count)?;
                self.push(in_operator(negated));
                self.push("(");
                self.separated(position..position + count, ", ", |out, position| {
                    out.push_placeholder(position);
                    Ok(())
                })?;
                self.push(")");
                Ok(())
            }
        }
    }

    fn case(&mut self, when: &'a [(Expr, Expr)], otherwise: Option<&'a Expr>) -> Result<()> {
        self.push("CASE");
        for (condition, result) in when {
            self.push(" WHEN ");
            self.expr(condition, Level::Or)?;
            self.push(" THEN ");
            self.expr(result, Level::Or)?;
        }
        if let Some(otherwise) = otherwise {
            self.push(" ELSE ");
            self.expr(otherwise, Level::Or)?;
        }
        self.push(" END");
        Ok(())
    }

    fn cast(&mut self, expr: &'a Expr, to: ColumnType) -> Result<()> {
        self.supported(to)?;
        if let Expr::Bind(value) = expr
            && self.says_its_type(value, to)
        {
            return self.typed_bind(value);
        }
        self.push("CAST(");
        self.expr(expr, Level::Or)?;
        self.cast_end(to);
        Ok(())
    }

    pub(super) fn cast_end(&mut self, to: ColumnType) {
        self.push(" AS ");
        let dialect = self.dialect;
        dialect.column_type(to, TypePlace::Cast, self.text());
        self.push(")");
    }

    /// An aggregate, over a window if there is one.
    pub(super) fn aggregate(&mut self, function: Aggregate, call: &Call<'a>, window: Option<&'a Window>) -> Result<()> {
        let cast = self.aggregate_cast(function);
        if cast.is_some() {
            self.push("CAST(");
        }
        self.push(self.dialect.aggregate(function));
        self.push(if call.distinct { "(DISTINCT " } else { "(" });
        self.aggregated(call)?;
        if let Aggregate::StringAgg(separator) = function {
            self.push(", ");
            self.push_literal(separator)?;
        }
        self.order_by(call.order_by)?;
        self.push(")");
        if let Some(filter) = call.filter.filter(|_| self.features.aggregate_filter) {
            self.push(" FILTER (WHERE ");
            self.expr(filter, Level::Raw)?;
            self.push(")");
        }
        window.into_iter().try_for_each(|window| self.over(window))?;
        if let Some(to) = cast {
            self.cast_end(to);
        }
        Ok(())
    }

    /// Where a database widens them, the sum of integers is cast back to an integer, and a mean to a float.
    fn aggregate_cast(&self, function: Aggregate) -> Option<ColumnType> {
        match function {
            _ if self.features.integer_sum_is_integer => None,
            Aggregate::Sum(NumberKind::Integer) => Some(ColumnType::Int64),
            Aggregate::Avg(NumberKind::Integer | NumberKind::Decimal) => Some(ColumnType::Float64),
            Aggregate::Sum(NumberKind::Float | NumberKind::Decimal)
            | Aggregate::Avg(NumberKind::Float)
            | Aggregate::Count
            | Aggregate::Min
            | Aggregate::Max
            | Aggregate::StringAgg(_) => None,
        }
    }

    /// What is aggregated: NULL for rows that the filter leaves out, where the backend has no `FILTER`.
    fn aggregated(&mut self, call: &Call<'a>) -> Result<()> {
        let emulated = call.filter.filter(|_| !self.features.aggregate_filter);
        if let Some(filter) = emulated {
            self.push("CASE WHEN ");
            self.expr(filter, Level::Or)?;
            self.push(" THEN ");
        }
        match (call.expr, emulated) {
            (Some(expr), _) => self.expr(expr, Level::Or)?,
            (None, None) => self.push("*"),
            (None, Some(_)) => self.push("1"),
        }
        if emulated.is_some() {
            self.push(" END");
        }
        Ok(())
    }
}

/// What an aggregate is called with.
pub(super) struct Call<'a> {
    pub(super) distinct: bool,
    pub(super) expr: Option<&'a Expr>,
    pub(super) filter: Option<&'a Expr>,
    pub(super) order_by: &'a [Order],
}

/// Whether what follows the function's first argument are positions or numbers of digits.
fn counts(function: Function) -> bool {
    matches!(function, Function::Substring | Function::Round(_))
}

fn column_type_of(kind: NumberKind) -> ColumnType {
    match kind {
        NumberKind::Integer => ColumnType::Int64,
        NumberKind::Float => ColumnType::Float64,
        NumberKind::Decimal => ColumnType::Decimal,
    }
}

fn in_operator(negated: bool) -> &'static str {
    if negated { " NOT IN " } else { " IN " }
}

fn operation_level(operation: &Operation) -> Level {
    match operation {
        Operation::InList { list: Value::List(values), .. } if values.is_empty() => Level::Primary,
        Operation::IsNull { .. }
        | Operation::Like { .. }
        | Operation::Between { .. }
        | Operation::InList { .. }
        | Operation::InSelect { .. } => Level::Compare,
        Operation::Exists { negated: true, .. } => Level::Not,
        Operation::Exists { negated: false, .. }
        | Operation::Case { .. }
        | Operation::Cast { .. }
        | Operation::Json { .. }
        | Operation::Aggregate { .. }
        | Operation::Window { .. } => Level::Primary,
        // `COLLATE` holds tighter than every operator but the sign.
        Operation::Decimal { .. } => Level::Negate,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use super::*;
    use crate::ast::{Direction, NullsOrder, Raw, RawPart, Statement};

    const INTEGER: NumberKind = NumberKind::Integer;

    fn add(left: Expr, right: Expr) -> Expr {
        binary(BinaryOp::Add(INTEGER), left, right)
    }

    fn subtract(left: Expr, right: Expr) -> Expr {
        binary(BinaryOp::Subtract(INTEGER), left, right)
    }

    fn multiply(left: Expr, right: Expr) -> Expr {
        binary(BinaryOp::Multiply(INTEGER), left, right)
    }

    fn concat(left: Expr, right: Expr) -> Expr {
        binary(BinaryOp::Concat, left, right)
    }

    fn not(expr: Expr) -> Expr {
        Expr::Not(Box::new(expr))
    }

    /// A name of one letter, so that the structure is easy to see.
    fn x(letter: &'static str) -> Expr {
        Expr::Function(Function::Named(letter), vec![])
    }

    fn lite(expr: Expr) -> String {
        condition(expr, &LITE).replace("()", "")
    }

    fn strict(expr: Expr) -> String {
        condition(expr, &STRICT).replace("()", "")
    }

    fn like(insensitive: bool, negated: bool) -> Expr {
        operation(Operation::Like { expr: x("a"), pattern: text("p"), escape: None, insensitive, negated })
    }

    #[test]
    fn parentheses_stand_only_where_they_change_something() {
        let or = || Expr::Or(vec![x("a"), x("b")]);
        let and = || Expr::And(vec![x("a"), x("b")]);
        assert_eq!(lite(Expr::And(vec![or(), x("c")])), "(a OR b) AND c");
        assert_eq!(lite(Expr::Or(vec![and(), x("c")])), "a AND b OR c");
        assert_eq!(lite(Expr::And(vec![and(), x("c")])), "a AND b AND c");
        assert_eq!(lite(Expr::And(vec![not(and()), x("c")])), "NOT (a AND b) AND c");
        assert_eq!(lite(not(x("a"))), "NOT a");
        assert_eq!(lite(not(eq(x("a"), x("b")))), "NOT (a = b)");
        assert_eq!(lite(eq(not(x("a")), x("b"))), "(NOT a) = b");
        assert_eq!(lite(eq(eq(x("a"), x("b")), x("c"))), "(a = b) = c");
        assert_eq!(lite(eq(or(), and())), "(a OR b) = (a AND b)");
    }

    #[test]
    fn several_filters_are_joined_with_and() {
        let select = users_where([Expr::Or(vec![x("a"), x("b")]), x("c")]);
        assert!(sql(Statement::Select(&select), &LITE).ends_with("WHERE (a() OR b()) AND c()"));
    }

    #[test]
    fn arithmetic_keeps_its_order() {
        assert_eq!(lite(add(x("a"), multiply(x("b"), x("c")))), "a + b * c");
        assert_eq!(lite(multiply(add(x("a"), x("b")), x("c"))), "(a + b) * c");
        assert_eq!(lite(subtract(subtract(x("a"), x("b")), x("c"))), "a - b - c");
        assert_eq!(lite(subtract(x("a"), subtract(x("b"), x("c")))), "a - (b - c)");
        assert_eq!(lite(multiply(x("a"), multiply(x("b"), x("c")))), "a * (b * c)");
        assert_eq!(lite(eq(add(x("a"), x("b")), x("c"))), "a + b = c");
        assert_eq!(lite(add(eq(x("a"), x("b")), x("c"))), "(a = b) + c");
    }

    #[test]
    fn a_sign_never_begins_a_comment() {
        let minus = |expr| Expr::Negate(INTEGER, Box::new(expr));
        assert_eq!(lite(minus(minus(x("a")))), "-(-a)");
        assert_eq!(lite(subtract(x("a"), minus(x("b")))), "a - -b");
        assert_eq!(lite(minus(add(x("a"), x("b")))), "-(a + b)");
        assert_eq!(lite(Expr::Negate(NumberKind::Decimal, Box::new(x("a")))), "decimal_sub(0, a)");
    }

    #[test]
    fn concatenation_never_mixes_with_arithmetic() {
        assert_eq!(lite(concat(concat(x("a"), x("b")), x("c"))), "a || b || c");
        assert_eq!(lite(concat(add(x("a"), x("b")), x("c"))), "(a + b) || c");
        assert_eq!(lite(add(concat(x("a"), x("b")), x("c"))), "(a || b) + c");
        assert_eq!(lite(eq(concat(x("a"), x("b")), x("c"))), "a || b = c");
    }

    #[test]
    fn decimals_are_computed_by_functions_where_there_are_no_decimals() {
        let add = |left, right| binary(BinaryOp::Add(NumberKind::Decimal), left, right);
        assert_eq!(lite(multiply(add(x("a"), add(x("b"), x("c"))), x("d"))), "decimal_add(a, decimal_add(b, c)) * d");
    }

    #[test]
    fn division_by_zero_is_null_everywhere() {
        let divide = |op: fn(NumberKind) -> BinaryOp| binary(op(INTEGER), x("a"), add(x("b"), x("c")));
        assert_eq!(lite(divide(BinaryOp::Divide)), "a / (b + c)");
        assert_eq!(strict(divide(BinaryOp::Divide)), "a / NULLIF(b + c, 0)");
        assert_eq!(strict(divide(BinaryOp::Remainder)), "a % NULLIF(b + c, 0)");
    }

    #[test]
    fn comparing_with_none_asks_for_null() {
        assert_eq!(lite(eq(x("a"), null())), "a IS NULL");
        assert_eq!(lite(eq(null(), x("a"))), "a IS NULL");
        assert_eq!(lite(binary(BinaryOp::Ne, x("a"), null())), "a IS NOT NULL");
        assert_eq!(lite(eq(null(), null())), "NULL IS NULL");
        assert_eq!(lite(binary(BinaryOp::Lt, x("a"), null())), "a < ?1");
        let select = users_where([eq(user("age"), null()), eq(user("id"), int(3))]);
        assert_eq!(binds(Statement::Select(&select), &LITE), "[3]");
    }

    #[test]
    fn distinctness_has_two_spellings() {
        assert_eq!(lite(binary(BinaryOp::IsDistinctFrom, x("a"), null())), "a IS NOT ?1");
        assert_eq!(lite(binary(BinaryOp::IsNotDistinctFrom, x("a"), x("b"))), "a IS b");
        assert_eq!(strict(binary(BinaryOp::IsDistinctFrom, x("a"), x("b"))), "a IS DISTINCT FROM b");
        assert_eq!(strict(binary(BinaryOp::IsNotDistinctFrom, x("a"), x("b"))), "a IS NOT DISTINCT FROM b");
    }

    #[test]
    fn patterns_match_with_and_without_case() {
        assert_eq!(lite(like(false, false)), "a LIKE ?1");
        assert_eq!(lite(like(false, true)), "a NOT LIKE ?1");
        assert_eq!(lite(like(true, true)), "lower(a) NOT LIKE lower(?1)");
        assert_eq!(strict(like(true, false)), "a ILIKE ?1");
        assert_eq!(strict(like(true, true)), "a NOT ILIKE ?1");
        let quoted = Operation::Like {
            expr: x("a"),
            pattern: text("p"),
            escape: Some('\''),
            insensitive: false,
            negated: false,
        };
        assert_eq!(lite(operation(quoted)), "a LIKE ?1 ESCAPE ''''");
    }

    #[test]
    fn between_holds_its_and() {
        let between = |negated| {
            let high = Expr::And(vec![x("c"), x("d")]);
            operation(Operation::Between { expr: x("a"), low: add(x("b"), x("c")), high, negated })
        };
        assert_eq!(lite(between(false)), "a BETWEEN b + c AND (c AND d)");
        assert_eq!(lite(between(true)), "a NOT BETWEEN b + c AND (c AND d)");
    }

    #[test]
    fn null_tests_stand_after_their_operand() {
        let is_null = |negated, expr| operation(Operation::IsNull { expr, negated });
        assert_eq!(lite(is_null(false, add(x("a"), x("b")))), "a + b IS NULL");
        assert_eq!(lite(is_null(true, eq(x("a"), x("b")))), "(a = b) IS NOT NULL");
    }

    #[test]
    fn a_list_is_one_bind_where_it_can_be() {
        let list = || vec![Value::Int(1), Value::Bool(true)];
        assert_eq!(lite(in_list(x("a"), list(), false)), "a IN (SELECT value FROM each(?1))");
        assert_eq!(strict(in_list(x("a"), list(), true)), "a NOT IN (?1, ?2)");
        let floats = vec![Value::Float(1.0), Value::Float(2.0)];
        assert_eq!(lite(in_list(x("a"), floats, false)), "a IN (?1, ?2)");
        let select = users_where([in_list(user("id"), list(), false), eq(user("age"), int(5))]);
        assert_eq!(binds(Statement::Select(&select), &LITE), "[(1, true), 5]");
        assert_eq!(binds(Statement::Select(&select), &STRICT), "[1, true, 5]");
    }

    #[test]
    fn an_empty_list_holds_nothing() {
        assert_eq!(lite(in_list(x("a"), vec![], false)), "FALSE");
        assert_eq!(lite(in_list(x("a"), vec![], true)), "TRUE");
        // The operand's bind is not in the text, so what comes after it moves up.
        let select = users_where([in_list(add(user("id"), int(1)), vec![], false), eq(user("age"), int(5))]);
        assert_eq!(binds(Statement::Select(&select), &LITE), "[5]");
    }

    #[test]
    fn long_lists_are_filled_up_so_that_there_are_few_texts() {
        let select = |count| users_where([in_list(user("id"), (0..count).map(Value::Int).collect(), false)]);
        assert_eq!(binds(Statement::Select(&select(3)), &STRICT), "[0, 1, 2]");
        assert_eq!(binds(Statement::Select(&select(10)), &STRICT), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9, 9]");
        assert_eq!(sql(Statement::Select(&select(10)), &STRICT), sql(Statement::Select(&select(16)), &STRICT));
        // 6,000 would become 8,192, and the limit is 10,000 for the whole statement.
        assert!(sql(Statement::Select(&select(6000)), &STRICT).ends_with("?6000)"));
    }

    #[test]
    fn subqueries_stand_in_parentheses() {
        let ids = Select { from: None, ..select([post("author_id")]) };
        let inside = Operation::InSelect { expr: user("id"), select: Box::new(ids.clone()), negated: true };
        assert_eq!(
            condition(operation(inside), &LITE),
            r#""users"."id" NOT IN (SELECT "post"."author_id" FROM "post")"#
        );
        assert_eq!(
            condition(eq(exists(ids, true), x("a")), &LITE),
            r#"(NOT EXISTS (SELECT "post"."author_id" FROM "post")) = a()"#
        );
    }

    #[test]
    fn a_case_has_conditions_and_an_else() {
        let case = |otherwise| {
            let when = vec![(x("a"), text("b")), (x("c"), text("d"))];
            operation(Operation::Case { when, otherwise })
        };
        assert_eq!(lite(case(None)), "CASE WHEN a THEN ?1 WHEN c THEN ?2 END");
        assert_eq!(lite(case(Some(text("e")))), "CASE WHEN a THEN ?1 WHEN c THEN ?2 ELSE ?3 END");
    }

    #[test]
    fn casts_and_functions_need_no_parentheses_around_them() {
        let cast = operation(Operation::Cast { expr: Expr::Or(vec![x("a"), x("b")]), to: ColumnType::Int64 });
        assert_eq!(lite(add(cast, x("c"))), "CAST(a OR b AS NUMERIC) + c");
        let coalesce = Expr::Function(Function::Coalesce, vec![add(x("a"), x("b")), int(0)]);
        assert_eq!(lite(multiply(coalesce, x("c"))), "coalesce(a + b, ?1) * c");
    }

    #[test]
    fn an_odd_function_name_is_quoted() {
        let named = |name| condition(Expr::Function(Function::Named(name), vec![]), &LITE);
        assert_eq!(named("pg_catalog.now"), "pg_catalog.now()");
        assert_eq!(named("x\"); DROP TABLE users; --"), "\"x\"\"); DROP TABLE users; --\"()");
    }

    fn selected(expr: Expr, dialect: &Numbered) -> String {
        let select = Select { from: Some(table(&USERS)), ..select([expr]) };
        let sql = sql(Statement::Select(&select), dialect).replace("()", "");
        sql.trim_start_matches("SELECT ").trim_end_matches(" FROM \"users\"").to_owned()
    }

    #[test]
    fn aggregates_are_the_same_everywhere() {
        let sum = || aggregate(Aggregate::Sum(INTEGER), Some(x("a")));
        assert_eq!(selected(aggregate(Aggregate::Count, None), &LITE), "count(*)");
        assert_eq!(selected(sum(), &LITE), "sum(a)");
        assert_eq!(selected(sum(), &STRICT), "CAST(sum(a) AS NUMERIC)");
        assert_eq!(selected(aggregate(Aggregate::Avg(INTEGER), Some(x("a"))), &STRICT), "CAST(avg(a) AS NUMERIC)");
        assert_eq!(selected(aggregate(Aggregate::Sum(NumberKind::Float), Some(x("a"))), &STRICT), "sum(a)");
        let distinct = Operation::Aggregate {
            function: Aggregate::Count,
            distinct: true,
            expr: Some(x("a")),
            filter: None,
            order_by: vec![],
        };
        assert_eq!(selected(operation(distinct), &LITE), "count(DISTINCT a)");
    }

    #[test]
    fn a_filtered_aggregate_has_two_forms() {
        let filtered = |function, expr| {
            let filter = Some(Expr::Or(vec![eq(x("f"), int(1)), x("g")]));
            operation(Operation::Aggregate { function, distinct: false, expr, filter, order_by: vec![] })
        };
        let sum = || filtered(Aggregate::Sum(INTEGER), Some(add(x("a"), int(2))));
        assert_eq!(selected(sum(), &LITE), "sum(a + ?1) FILTER (WHERE f = ?2 OR g)");
        assert_eq!(selected(sum(), &STRICT), "CAST(sum(CASE WHEN f = ?1 OR g THEN a + ?2 END) AS NUMERIC)");
        assert_eq!(selected(filtered(Aggregate::Count, None), &STRICT), "count(CASE WHEN f = ?1 OR g THEN 1 END)");
        // The filter moved to the front, and its bind with it.
        let select = Select { from: Some(table(&USERS)), ..select([sum()]) };
        assert_eq!(binds(Statement::Select(&select), &LITE), "[2, 1]");
        assert_eq!(binds(Statement::Select(&select), &STRICT), "[1, 2]");
    }

    #[test]
    fn texts_are_joined_by_a_quoted_separator() {
        let joined = Operation::Aggregate {
            function: Aggregate::StringAgg("'; "),
            distinct: false,
            expr: Some(x("a")),
            filter: None,
            order_by: vec![order(x("b"), Direction::Descending, NullsOrder::Smallest)],
        };
        assert_eq!(selected(operation(joined), &LITE), "string_agg(a, '''; ' ORDER BY b DESC)");
    }

    #[test]
    fn long_chains_are_grouped_so_that_no_parser_runs_out_of_depth() {
        let chain = Expr::Or((0..1000).map(|_| x("a")).collect());
        let sql = lite(chain);
        assert_eq!(sql.matches(" OR ").count(), 999);
        assert_eq!(sql.matches('(').count(), 5);
        let chain = Expr::And((0..100_000).map(|_| x("a")).collect());
        assert!(lite(chain).matches('(').count() <= 400);
    }

    #[test]
    fn hand_written_text_is_wrapped_as_an_operand() {
        let raw = || Expr::Raw(Box::new(Raw { parts: vec![RawPart::Text("a, b")] }));
        assert_eq!(lite(Expr::Function(Function::Lower, vec![raw()])), "lower((a, b))");
        assert_eq!(lite(eq(raw(), x("c"))), "(a, b) = c");
    }
}
