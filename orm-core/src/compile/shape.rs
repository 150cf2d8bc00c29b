//! The shape of a statement: everything that decides its text, as words that can be compared.
//!
//! Each node is a word with its tag and whatever small facts fit beside it, then its parts in a fixed order. Every
//! list is preceded by its length and every optional part by whether it is there, so no two statements that would be
//! written differently have the same words. Static texts and tables count by address: two copies of one text make two
//! shapes, which costs a second rendering and never a wrong one.
//!
//! Values are left out, and collected as binds, except where they change the text: a NULL beside `=`, a literal
//! `LIMIT`, the length of an `IN` list that is bound one by one.

use std::sync::Arc;

use smallvec::SmallVec;

use super::rows::as_arrays;
use crate::ast::{
    Aggregate, Alias, Assignment, BinaryOp, ColumnRef, Compound, ConflictAction, Cte, Delete, Direction, Exclude, Expr,
    Frame, FrameUnit, Function, InsertChunk, Join, JoinKind, JsonStep, Lock, LockStrength, LockWait, NullsOrder,
    NumberKind, OnConflict, Operand, Operation, Order, Projection, Raw, RawPart, Select, SetOperator, Source,
    SourceQuery, Statement, TableRef, Update, UpdateChunk, Window, WindowFunction,
};
use crate::dialect::{Features, ListKind};
use crate::error::{Error, Result};
use crate::meta::TableMeta;
use crate::types::{ColumnType, unbindable};
use crate::value::Value;

/// How deeply expressions may nest. Databases have limits of their own (SQLite's is 1,000), and a deeper tree could
/// overflow the stack here.
const MAX_DEPTH: u32 = 200;

/// For how many levels a select within an expression counts, besides the expression's own.
const SELECT_DEPTH: u32 = 3;

/// The binds of a statement, in the order of the walk.
pub(super) type Binds<'a> = SmallVec<[&'a Value; 8]>;

/// What a statement looks like without its values.
pub(super) type Shape = Vec<u64>;

/// Walks a statement once, and adds its shape and its values to these.
pub(super) fn walk<'a>(
    statement: &Statement<'a>,
    features: &Features,
    words: &mut Shape,
    binds: &mut Binds<'a>,
) -> Result<()> {
    Walk { words, binds, features, depth: 0, shared: None, ctes: Vec::new() }.statement(statement)
}

/// How an `IN` list is written.
#[derive(Clone, Copy)]
pub(super) enum ListForm {
    /// As a truth value: nothing is in an empty list.
    Empty,
    /// As one bind.
    One(ListKind),
    /// As so many binds; those beyond the list's end repeat its last value.
    Separate(usize),
}

impl ListForm {
    /// The form for these values, and the values.
    pub(super) fn of<'a>(list: &'a Value, features: &Features) -> Result<(Self, &'a [Value])> {
        let values = match list {
            Value::List(values) => values.as_slice(),
            Value::Invalid(error) => return Err(unbindable(error.as_ref().clone())),
            _ => {
                return Err(Error::Statement("the right side of `in_` is not a list of values".into()));
            }
        };
        if values.is_empty() {
            return Ok((ListForm::Empty, values));
        }
        let form = match list_kind(values)? {
            ListKind::Separate => ListForm::Separate(padded(values.len(), features)),
            kind if (features.list_as_one_bind)(kind) => ListForm::One(kind),
            ListKind::Integers | ListKind::Texts | ListKind::Bytes => {
                ListForm::Separate(padded(values.len(), features))
            }
        };
        Ok((form, values))
    }
}

/// What all the values are.
fn list_kind(values: &[Value]) -> Result<ListKind> {
    let mut kinds = values.iter().map(value_kind);
    let first = kinds.next().unwrap_or(Ok(ListKind::Separate))?;
    // All are looked at, since one that cannot be bound must be found here and not while the list is being sent.
    kinds.try_fold(first, |all, kind| Ok(if kind? == all { all } else { ListKind::Separate }))
}

fn value_kind(value: &Value) -> Result<ListKind> {
    Ok(match value {
        Value::Int(_) | Value::Bool(_) => ListKind::Integers,
        Value::Text(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::DateTime(_)
        | Value::Timestamp(_)
        | Value::Decimal(_)
        | Value::Inet(_)
        | Value::Word(_) => ListKind::Texts,
        Value::Bytes(_) | Value::Uuid(_) => ListKind::Bytes,
        Value::Null
        | Value::Float(_)
        | Value::Json(_)
        | Value::List(_)
        | Value::Array(_)
        | Value::Range(_)
        | Value::Interval(_) => ListKind::Separate,
        Value::Invalid(error) => return Err(unbindable(error.as_ref().clone())),
    })
}

/// How many rows show in the text: none where many are sent as arrays.
fn rows_in_text(features: &Features, table: &TableMeta, columns: impl Iterator<Item = u16>, rows: usize) -> u64 {
    if as_arrays(features, table, columns, rows) { 0 } else { rows as u64 }
}

/// Longer lists are filled up to a power of two, so that there are few texts, unless that could break the limit.
fn padded(length: usize, features: &Features) -> usize {
    let padded = if length > 8 { length.next_power_of_two() } else { length };
    if padded <= features.max_binds / 4 { padded } else { length }
}

/// The number of a `LIMIT` or `OFFSET`.
pub(super) fn row_count(value: &Value) -> Result<i64> {
    match value {
        Value::Int(count) if *count >= 0 => Ok(*count),
        Value::Int(count) => Err(Error::Statement(format!("limit and offset cannot be negative: {count}"))),
        Value::Invalid(error) => Err(Error::Bind { place: "limit or offset".into(), source: error.as_ref().clone() }),
        _ => Err(Error::Statement("limit and offset must be integers".into())),
    }
}

/// Whether this side of `=` or `<>` is a NULL, which makes the comparison an `IS NULL`.
pub(super) fn is_null_bind(expr: &Expr) -> bool {
    matches!(expr, Expr::Bind(Value::Null))
}

/// The kinds of nodes. Each word of this kind says what follows it.
#[derive(Clone, Copy)]
enum Tag {
    Select,
    Whole,
    RareSelect,
    SubqueryInFrom,
    Cte,
    KnownCte,
    CteItself,
    Operand,
    Lock,
    ByKey,
    Insert,
    DoNothing,
    DoUpdate,
    Update,
    Delete,
    UpdateRows,
    DeleteRows,
    Table,
    Projections,
    ProjectedTable,
    ProjectedExpr,
    ProjectedLabel,
    ProjectedOne,
    Join,
    Order,
    LiteralLimit,
    Column,
    Bind,
    Null,
    Bool,
    Binary,
    And,
    Or,
    Row,
    Not,
    Negate,
    Function,
    Raw,
    RawText,
    RawExpr,
    Subquery,
    Label,
    IsNull,
    Like,
    Between,
    InList,
    InSelect,
    Exists,
    Case,
    Cast,
    Decimal,
    Json,
    Aggregate,
    Window,
    Frame,
    Assignment,
}

struct Walk<'a, 'w> {
    words: &'w mut Shape,
    binds: &'w mut Binds<'a>,
    features: &'w Features,
    depth: u32,
    /// The first bind of the innermost `SELECT`, if equal ones share a number in it.
    shared: Option<usize>,
    /// The common table expressions that were walked already: the second time, their number is enough.
    ctes: Vec<&'a Arc<Cte>>,
}

impl<'a> Walk<'a, '_> {
    fn statement(&mut self, statement: &Statement<'a>) -> Result<()> {
        match *statement {
            Statement::Select(select) => self.select(select),
            Statement::Table(table) => {
                self.table(Tag::Whole, 0, table);
                Ok(())
            }
            Statement::ByKey { table, key } => {
                self.table(Tag::ByKey, key.len(), table);
                self.binds.extend(key);
                Ok(())
            }
            Statement::Insert(chunk) => self.insert(chunk),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            Statement::UpdateRows(chunk) => self.update_rows(chunk),
            Statement::DeleteRows(chunk) => {
                let rows = rows_in_text(self.features, chunk.table, chunk.key(), chunk.rows().len());
                self.rows_node(Tag::DeleteRows, rows, chunk.guard, chunk.table);
                Ok(())
            }
            Statement::Raw(raw) => self.raw(raw),
            // Names of a CREATE are owned texts, and none is run twice: it has no shape, and no cache asks for it.
            Statement::Ddl(_) => Ok(()),
        }
    }

    /// A select within another counts for several levels, since it takes so much more of the stack.
    fn select(&mut self, select: &'a Select) -> Result<()> {
        let levels = if self.depth == 0 { 0 } else { SELECT_DEPTH };
        self.depth += levels;
        self.whole_select(select)?;
        self.depth -= levels;
        Ok(())
    }

    fn whole_select(&mut self, select: &'a Select) -> Result<()> {
        let Select {
            distinct,
            distinct_on,
            projection,
            from,
            joins,
            filter,
            group_by,
            having,
            order_by,
            limit,
            offset,
            sources,
            operands,
            lock,
            // It says how the statement was made, not what it is.
            lifted: _,
        } = select;
        let facts = u64::from(*distinct)
            | u64::from(from.is_some()) << 1
            | u64::from(limit.is_some()) << 2
            | u64::from(offset.is_some()) << 3
            | u64::from(lock.is_some()) << 4
            | (joins.len() as u64) << 5;
        let rare = !(sources.is_empty() && operands.is_empty() && distinct_on.is_empty());
        let shares = self.features.binds_by_number && select.has_equal_expressions();
        let outer = std::mem::replace(&mut self.shared, shares.then_some(self.binds.len()));
        self.node(if rare { Tag::RareSelect } else { Tag::Select }, facts);
        if rare {
            self.lengths(sources.len(), operands.len());
            self.lengths(distinct_on.len(), 0);
            sources.iter().try_for_each(|source| self.source(source))?;
            operands.iter().try_for_each(|operand| self.operand(operand))?;
            self.exprs(distinct_on)?;
        }
        self.lengths(filter.len(), group_by.len());
        self.lengths(having.len(), order_by.len());
        self.projections(projection)?;
        if let Some(from) = from {
            self.table(Tag::Table, 0, *from);
        }
        for join in joins {
            self.join(join)?;
        }
        self.exprs(filter)?;
        self.exprs(group_by)?;
        self.exprs(having)?;
        for order in order_by {
            self.order(order)?;
        }
        limit.iter().try_for_each(|limit| self.limit(limit))?;
        offset.iter().try_for_each(|offset| self.offset(offset))?;
        lock.iter().for_each(|lock| self.lock(lock));
        self.shared = outer;
        Ok(())
    }

    /// What a query's columns are called follows from what it selects.
    fn source(&mut self, source: &'a Source) -> Result<()> {
        let Source { name, columns: _, query } = source;
        match query {
            SourceQuery::Subquery(select) => {
                self.node(Tag::SubqueryInFrom, 0);
                self.text(name);
                self.nested(select)
            }
            SourceQuery::Cte(cte) => self.cte(name, cte),
            SourceQuery::Itself(cte) => {
                self.node(Tag::CteItself, 0);
                self.text(name);
                self.text(cte);
                Ok(())
            }
        }
    }

    fn cte(&mut self, name: &'static str, cte: &'a Arc<Cte>) -> Result<()> {
        if let Some(number) = self.ctes.iter().position(|known| Arc::ptr_eq(known, cte)) {
            self.node(Tag::KnownCte, number as u64);
            self.text(name);
            return Ok(());
        }
        let materialized = match cte.materialized {
            None => 0,
            Some(false) => 1,
            Some(true) => 2,
        };
        self.node(Tag::Cte, u64::from(cte.recursive) | materialized << 1);
        self.text(name);
        self.text(cte.name);
        self.nested(&cte.select)?;
        self.ctes.push(cte);
        Ok(())
    }

    fn operand(&mut self, operand: &'a Operand) -> Result<()> {
        self.node(Tag::Operand, set_operator(operand.operator));
        self.nested(&operand.select)
    }

    /// A select within another, which is not within an expression.
    fn nested(&mut self, select: &'a Select) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_deep());
        }
        self.select(select)?;
        self.depth -= 1;
        Ok(())
    }

    fn lock(&mut self, lock: &'a Lock) {
        let Lock { strength, wait, of } = lock;
        let strength = match strength {
            LockStrength::Update => 0,
            LockStrength::NoKeyUpdate => 1,
            LockStrength::Share => 2,
            LockStrength::KeyShare => 3,
        };
        let wait = match wait {
            LockWait::Wait => 0,
            LockWait::NoWait => 1,
            LockWait::SkipLocked => 2,
        };
        self.node(Tag::Lock, strength | wait << 2 | (of.len() as u64) << 4);
        of.iter().for_each(|table| self.table(Tag::Table, 0, *table));
    }

    fn projections(&mut self, projections: &'a [Projection]) -> Result<()> {
        self.node(Tag::Projections, projections.len() as u64);
        for projection in projections {
            match projection {
                Projection::Table(table) => self.table(Tag::ProjectedTable, 0, *table),
                Projection::Expr(expr) => {
                    self.node(Tag::ProjectedExpr, 0);
                    self.expr(expr)?;
                }
                Projection::Label(expr, label) => {
                    self.node(Tag::ProjectedLabel, 0);
                    self.text(label);
                    self.expr(expr)?;
                }
                Projection::One => self.node(Tag::ProjectedOne, 0),
            }
        }
        Ok(())
    }

    fn join(&mut self, join: &'a Join) -> Result<()> {
        let Join { kind, table, left, on } = join;
        let facts = join_kind(*kind) | usize::from(left.is_some()) << 3 | usize::from(on.is_some()) << 4;
        self.table(Tag::Join, facts, *table);
        // The left side of the first join can be what stands in FROM.
        if let Some(left) = left {
            self.table(Tag::Table, 0, *left);
        }
        on.iter().try_for_each(|on| self.expr(on))
    }

    fn order(&mut self, order: &'a Order) -> Result<()> {
        let Order { expr, direction, nulls } = order;
        let direction = match direction {
            Direction::Ascending => 0,
            Direction::Descending => 1,
        };
        let nulls = match nulls {
            NullsOrder::Smallest => 0,
            NullsOrder::First => 1,
            NullsOrder::Last => 2,
        };
        self.node(Tag::Order, direction | nulls << 1);
        self.expr(expr)
    }

    fn limit(&mut self, limit: &'a Value) -> Result<()> {
        let count = row_count(limit)?;
        if self.features.literal_limit {
            self.node(Tag::LiteralLimit, 0);
            self.words.push(count.unsigned_abs());
        } else {
            self.bind(limit);
        }
        Ok(())
    }

    fn offset(&mut self, offset: &'a Value) -> Result<()> {
        row_count(offset)?;
        self.bind(offset);
        Ok(())
    }

    fn insert(&mut self, chunk: InsertChunk<'a>) -> Result<()> {
        let rows = rows_in_text(self.features, chunk.table, chunk.columns.iter(), chunk.rows().len());
        self.node(Tag::Insert, u64::from(chunk.conflict.is_some()) | rows << 1);
        self.address(chunk.table);
        self.words.extend_from_slice(&chunk.columns.words());
        if let Some(conflict) = chunk.conflict {
            self.on_conflict(conflict)?;
        }
        self.projections(chunk.returning)
    }

    fn on_conflict(&mut self, conflict: &'a OnConflict) -> Result<()> {
        let OnConflict { target, action } = conflict;
        match action {
            ConflictAction::Nothing => {
                self.node(Tag::DoNothing, 0);
                self.words.extend_from_slice(&target.words());
                Ok(())
            }
            ConflictAction::Update { set, filter } => {
                self.node(Tag::DoUpdate, set.len() as u64);
                self.words.extend_from_slice(&target.words());
                self.assignments(set)?;
                self.lengths(filter.len(), 0);
                self.exprs(filter)
            }
        }
    }

    fn assignments(&mut self, set: &'a [Assignment]) -> Result<()> {
        set.iter().try_for_each(|assignment| {
            self.node(Tag::Assignment, u64::from(assignment.column));
            self.expr(&assignment.value)
        })
    }

    fn update(&mut self, update: &'a Update) -> Result<()> {
        let Update { table, set, filter, returning, lifted: _ } = update;
        self.table(Tag::Update, set.len(), *table);
        self.assignments(set)?;
        self.lengths(filter.len(), 0);
        self.exprs(filter)?;
        self.projections(returning)
    }

    fn delete(&mut self, delete: &'a Delete) -> Result<()> {
        let Delete { table, filter, returning, lifted: _ } = delete;
        self.table(Tag::Delete, filter.len(), *table);
        self.exprs(filter)?;
        self.projections(returning)
    }

    fn update_rows(&mut self, chunk: UpdateChunk<'a>) -> Result<()> {
        let sent = chunk.columns.iter().chain(chunk.key());
        let rows = rows_in_text(self.features, chunk.table, sent, chunk.rows().len());
        self.rows_node(Tag::UpdateRows, rows, chunk.guard, chunk.table);
        self.words.extend_from_slice(&chunk.columns.words());
        self.projections(chunk.returning)
    }

    fn rows_node(&mut self, tag: Tag, rows: u64, guard: Option<u16>, table: &'static TableMeta) {
        // One more than the column, so that none is 0.
        let guard = guard.map_or(0, |column| u64::from(column) + 1);
        self.node(tag, guard | rows << 17);
        self.address(table);
    }

    fn raw(&mut self, raw: &'a Raw) -> Result<()> {
        self.node(Tag::Raw, raw.parts.len() as u64);
        for part in &raw.parts {
            match part {
                RawPart::Text(text) => {
                    self.node(Tag::RawText, 0);
                    self.text(text);
                }
                RawPart::Expr(expr) => {
                    self.node(Tag::RawExpr, 0);
                    self.expr(expr)?;
                }
            }
        }
        Ok(())
    }

    fn exprs(&mut self, exprs: impl IntoIterator<Item = &'a Expr>) -> Result<()> {
        exprs.into_iter().try_for_each(|expr| self.expr(expr))
    }

    fn expr(&mut self, expr: &'a Expr) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_deep());
        }
        match expr {
            Expr::Column(column) => self.column(*column),
            Expr::Bind(value) => self.bind(value),
            Expr::Bool(value) => self.node(Tag::Bool, u64::from(*value)),
            Expr::Binary(op, sides) => self.binary(*op, &sides.0, &sides.1)?,
            Expr::And(exprs) => self.list_node(Tag::And, exprs)?,
            Expr::Or(exprs) => self.list_node(Tag::Or, exprs)?,
            Expr::Row(exprs) => self.list_node(Tag::Row, exprs)?,
            Expr::Not(expr) => self.expr_node(Tag::Not, 0, expr)?,
            Expr::Negate(kind, expr) => self.expr_node(Tag::Negate, number_kind(*kind), expr)?,
            Expr::Operation(operation) => self.operation(operation)?,
            Expr::Function(function, arguments) => self.function(*function, arguments)?,
            Expr::Raw(raw) => self.raw(raw)?,
            Expr::Subquery(select) => {
                self.node(Tag::Subquery, 0);
                self.select(select)?;
            }
            Expr::Label(label) => {
                self.node(Tag::Label, 0);
                self.text(label);
            }
            Expr::Invalid(text) => return Err(Error::Statement(text.to_string())),
        }
        self.depth -= 1;
        Ok(())
    }

    fn list_node(&mut self, tag: Tag, exprs: &'a [Expr]) -> Result<()> {
        self.node(tag, exprs.len() as u64);
        self.exprs(exprs)
    }

    fn expr_node(&mut self, tag: Tag, facts: u64, expr: &'a Expr) -> Result<()> {
        self.node(tag, facts);
        self.expr(expr)
    }

    fn binary(&mut self, op: BinaryOp, left: &'a Expr, right: &'a Expr) -> Result<()> {
        self.node(Tag::Binary, binary_op(op));
        match op {
            BinaryOp::Eq | BinaryOp::Ne => {
                self.equality_side(left)?;
                self.equality_side(right)
            }
            BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge
            | BinaryOp::IsDistinctFrom
            | BinaryOp::IsNotDistinctFrom
            | BinaryOp::Concat
            | BinaryOp::Add(_)
            | BinaryOp::Subtract(_)
            | BinaryOp::Multiply(_)
            | BinaryOp::Divide(_)
            | BinaryOp::Remainder(_)
            | BinaryOp::Contains(_)
            | BinaryOp::ContainedBy(_)
            | BinaryOp::Overlaps(_) => {
                self.expr(left)?;
                self.expr(right)
            }
        }
    }

    fn equality_side(&mut self, expr: &'a Expr) -> Result<()> {
        if is_null_bind(expr) {
            self.node(Tag::Null, 0);
            return Ok(());
        }
        self.expr(expr)
    }

    fn function(&mut self, function: Function, arguments: &'a [Expr]) -> Result<()> {
        self.node(Tag::Function, function_code(function) | (arguments.len() as u64) << 8);
        if let Function::Named(name) = function {
            self.text(name);
        }
        self.exprs(arguments)
    }

    fn operation(&mut self, operation: &'a Operation) -> Result<()> {
        match operation {
            Operation::IsNull { expr, negated } => self.expr_node(Tag::IsNull, u64::from(*negated), expr),
            Operation::Like { expr, pattern, escape, insensitive, negated } => {
                // One more than the character, so that none is 0.
                let escape = escape.map_or(0, |escape| u64::from(u32::from(escape)) + 1);
                self.node(Tag::Like, u64::from(*negated) | u64::from(*insensitive) << 1 | escape << 2);
                self.exprs([expr, pattern])
            }
            Operation::Between { expr, low, high, negated } => {
                self.node(Tag::Between, u64::from(*negated));
                self.exprs([expr, low, high])
            }
            Operation::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Operation::InSelect { expr, select, negated } => {
                self.expr_node(Tag::InSelect, u64::from(*negated), expr)?;
                self.select(select)
            }
            Operation::Exists { select, negated } => {
                self.node(Tag::Exists, u64::from(*negated));
                self.select(select)
            }
            Operation::Case { when, otherwise } => {
                self.node(Tag::Case, u64::from(otherwise.is_some()) | (when.len() as u64) << 1);
                self.exprs(when.iter().flat_map(|(condition, result)| [condition, result]))?;
                self.exprs(otherwise)
            }
            Operation::Cast { expr, to } => {
                self.column_type(*to);
                self.expr(expr)
            }
            Operation::Decimal { expr } => {
                self.node(Tag::Decimal, 0);
                self.expr(expr)
            }
            Operation::Json { expr, path, read } => {
                self.node(Tag::Json, *read as u64 | (path.len() as u64) << 3);
                for step in path {
                    match step {
                        JsonStep::Index(index) => self.words.push(u64::from(index.cast_unsigned()) << 1),
                        JsonStep::Key(key) => self.own_text(key),
                    }
                }
                self.expr(expr)
            }
            Operation::Aggregate { function, distinct, expr, filter, order_by } => {
                let facts = u64::from(*distinct) | u64::from(expr.is_some()) << 1 | u64::from(filter.is_some()) << 2;
                self.aggregate(*function, facts, order_by.len());
                self.exprs(expr)?;
                order_by.iter().try_for_each(|order| self.order(order))?;
                self.exprs(filter)
            }
            Operation::Window { function, arguments, filter, window } => {
                self.node(Tag::Window, u64::from(filter.is_some()) | window_function(*function) << 1);
                if let WindowFunction::Aggregate(aggregate) = function {
                    self.aggregate(*aggregate, 0, 0);
                }
                self.words.push(arguments.len() as u64);
                self.exprs(arguments)?;
                self.exprs(filter)?;
                self.window(window)
            }
        }
    }

    fn window(&mut self, window: &'a Window) -> Result<()> {
        let Window { partition_by, order_by, frame } = window;
        self.lengths(partition_by.len(), order_by.len());
        self.exprs(partition_by)?;
        order_by.iter().try_for_each(|order| self.order(order))?;
        // How far a frame reaches is written as a number, and so is part of the shape.
        let Some(Frame { unit, start, end, exclude }) = frame else {
            self.node(Tag::Frame, 0);
            return Ok(());
        };
        let ends = u64::from(start.is_some()) << 1 | u64::from(end.is_some()) << 2;
        self.node(Tag::Frame, 1 | ends | frame_unit(*unit) << 3 | frame_exclude(*exclude) << 5);
        self.words.extend([start, end].into_iter().flatten().map(|distance| distance.cast_unsigned()));
        Ok(())
    }

    fn in_list(&mut self, expr: &'a Expr, list: &'a Value, negated: bool) -> Result<()> {
        let (form, values) = ListForm::of(list, self.features)?;
        let negated = u64::from(negated);
        match form {
            ListForm::Empty => self.expr_node(Tag::InList, negated, expr),
            ListForm::One(kind) => {
                self.expr_node(Tag::InList, negated | list_kind_code(kind) << 1, expr)?;
                self.binds.push(list);
                Ok(())
            }
            ListForm::Separate(count) => {
                let facts = negated | list_kind_code(ListKind::Separate) << 1 | (count as u64) << 8;
                self.expr_node(Tag::InList, facts, expr)?;
                let filling = values.last().into_iter().cycle();
                self.binds.extend(values.iter().chain(filling).take(count));
                Ok(())
            }
        }
    }

    fn aggregate(&mut self, function: Aggregate, facts: u64, order_by: usize) {
        let (code, separator) = match function {
            Aggregate::Count => (0, None),
            Aggregate::Min => (1, None),
            Aggregate::Max => (2, None),
            Aggregate::Sum(kind) => (8 | number_kind(kind), None),
            Aggregate::Avg(kind) => (16 | number_kind(kind), None),
            Aggregate::StringAgg(separator) => (3, Some(separator)),
        };
        self.node(Tag::Aggregate, facts | code << 3 | (order_by as u64) << 8);
        if let Some(separator) = separator {
            self.text(separator);
        }
    }

    fn column_type(&mut self, column_type: ColumnType) {
        let code = match column_type {
            ColumnType::Bool => 0,
            ColumnType::Int16 => 1,
            ColumnType::Int32 => 2,
            ColumnType::Int64 => 3,
            ColumnType::Float32 => 4,
            ColumnType::Float64 => 5,
            ColumnType::Text { max_length: None } => 6,
            ColumnType::Text { max_length: Some(length) } => 7 | u64::from(length) << 8,
            ColumnType::Bytes => 8,
            ColumnType::Date => 9,
            ColumnType::Time => 10,
            ColumnType::DateTime => 11,
            ColumnType::Timestamp => 12,
            ColumnType::Uuid => 13,
            ColumnType::Decimal => 14,
            ColumnType::Json => 15,
            ColumnType::Enum { native, .. } => 16 | u64::from(native) << 8,
            ColumnType::Array(_) => 17,
            ColumnType::Range(_) => 18,
            ColumnType::Interval => 19,
            ColumnType::Inet => 20,
            ColumnType::Cidr => 21,
            ColumnType::CiText => 22,
            ColumnType::Named(_) => 23,
        };
        self.node(Tag::Cast, code);
        match column_type {
            ColumnType::Enum { name, variants, .. } => {
                self.text(name);
                self.words.push(variants.as_ptr().addr() as u64);
                self.words.push(variants.len() as u64);
            }
            ColumnType::Array(element) | ColumnType::Range(element) => self.column_type(*element),
            ColumnType::Named(name) => self.text(name),
            _ => {}
        }
    }

    #[inline]
    fn column(&mut self, column: ColumnRef) {
        self.table(Tag::Column, usize::from(column.index), column.table);
    }

    #[inline]
    fn bind(&mut self, value: &'a Value) {
        let facts = if self.features.untyped_binds { self.bind_facts(value) } else { 0 };
        self.node(Tag::Bind, facts);
        if facts != 0 {
            self.bound_type(value);
        }
        self.binds.push(value);
    }

    /// The type of a value of which its kind says not enough.
    fn bound_type(&mut self, value: &Value) {
        match value {
            Value::Array(array) => self.column_type(*array.element),
            Value::Range(range) => self.column_type(*range.element),
            Value::Word(word) => self.column_type(word.column),
            _ => {}
        }
    }

    /// The kind of a value whose type is written, and the equal one with which it may share a number.
    fn bind_facts(&self, value: &Value) -> u64 {
        let earlier = self.shared.and_then(|start| self.binds.get(start..)).unwrap_or_default();
        // One more than its place, so that none is 0.
        let equal = earlier.iter().position(|earlier| *earlier == value).map_or(0, |place| place as u64 + 1);
        bind_kind(value) | equal << 8
    }

    /// A node that is of a table.
    #[inline]
    fn table(&mut self, tag: Tag, facts: usize, table: TableRef) {
        let alias = match table.alias {
            None => 0,
            Some(Alias::Table(_)) => 1,
            Some(Alias::Query(_)) => 2,
        };
        self.node(tag, alias | (facts as u64) << 2);
        self.address(table.meta);
        if let Some(alias) = table.alias {
            self.text(alias.name());
        }
    }

    #[inline]
    fn address(&mut self, table: &'static TableMeta) {
        self.words.push(std::ptr::from_ref(table).addr() as u64);
    }

    #[inline]
    fn text(&mut self, text: &'static str) {
        self.words.push(text.as_ptr().addr() as u64);
        self.words.push(text.len() as u64);
    }

    /// A text that is made while the program runs: its length, marked as one, and its bytes.
    fn own_text(&mut self, text: &str) {
        self.words.push((text.len() as u64) << 1 | 1);
        for bytes in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            self.words.push(u64::from_le_bytes(word));
        }
    }

    /// Two lengths in a word: no memory holds a list of 2³² expressions.
    #[inline]
    fn lengths(&mut self, first: usize, second: usize) {
        self.words.push(first as u64 | (second as u64) << 32);
    }

    #[inline]
    fn node(&mut self, tag: Tag, facts: u64) {
        self.words.push(tag as u64 | facts << 8);
    }
}

fn too_deep() -> Error {
    Error::Statement(format!(
        "the expression nests more than {MAX_DEPTH} levels deep: join conditions with one `and`/`or`, or use `in_`"
    ))
}

fn set_operator(operator: SetOperator) -> u64 {
    match operator {
        SetOperator::Union => 0,
        SetOperator::UnionAll => 1,
        SetOperator::Intersect => 2,
        SetOperator::IntersectAll => 3,
        SetOperator::Except => 4,
        SetOperator::ExceptAll => 5,
    }
}

fn window_function(function: WindowFunction) -> u64 {
    match function {
        WindowFunction::RowNumber => 0,
        WindowFunction::Rank => 1,
        WindowFunction::DenseRank => 2,
        WindowFunction::PercentRank => 3,
        WindowFunction::CumeDist => 4,
        WindowFunction::Ntile => 5,
        WindowFunction::Lag => 6,
        WindowFunction::Lead => 7,
        WindowFunction::FirstValue => 8,
        WindowFunction::LastValue => 9,
        WindowFunction::NthValue => 10,
        WindowFunction::Aggregate(_) => 11,
    }
}

fn frame_unit(unit: FrameUnit) -> u64 {
    match unit {
        FrameUnit::Rows => 0,
        FrameUnit::Range => 1,
        FrameUnit::Groups => 2,
    }
}

fn frame_exclude(exclude: Exclude) -> u64 {
    match exclude {
        Exclude::Nothing => 0,
        Exclude::CurrentRow => 1,
        Exclude::Group => 2,
        Exclude::Ties => 3,
    }
}

fn number_kind(kind: NumberKind) -> u64 {
    match kind {
        NumberKind::Integer => 0,
        NumberKind::Float => 1,
        NumberKind::Decimal => 2,
    }
}

fn bind_kind(value: &Value) -> u64 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) => 2,
        Value::Float(_) => 3,
        Value::Text(_) => 4,
        Value::Bytes(_) => 5,
        Value::Date(_) => 6,
        Value::Time(_) => 7,
        Value::DateTime(_) => 8,
        Value::Timestamp(_) => 9,
        Value::Uuid(_) => 10,
        Value::Decimal(_) => 11,
        Value::Json(_) => 12,
        Value::List(_) => 13,
        Value::Invalid(_) => 14,
        Value::Array(_) => 15,
        Value::Range(_) => 16,
        Value::Interval(_) => 17,
        Value::Inet(_) => 18,
        Value::Word(_) => 19,
    }
}

fn list_kind_code(kind: ListKind) -> u64 {
    match kind {
        ListKind::Integers => 1,
        ListKind::Texts => 2,
        ListKind::Bytes => 3,
        ListKind::Separate => 4,
    }
}

fn join_kind(kind: JoinKind) -> usize {
    match kind {
        JoinKind::Inner => 0,
        JoinKind::Left => 1,
        JoinKind::Right => 2,
        JoinKind::Full => 3,
        JoinKind::Cross => 4,
    }
}

fn binary_op(op: BinaryOp) -> u64 {
    match op {
        BinaryOp::Eq => 0,
        BinaryOp::Ne => 1,
        BinaryOp::Lt => 2,
        BinaryOp::Le => 3,
        BinaryOp::Gt => 4,
        BinaryOp::Ge => 5,
        BinaryOp::IsDistinctFrom => 6,
        BinaryOp::IsNotDistinctFrom => 7,
        BinaryOp::Concat => 8,
        BinaryOp::Add(kind) => 16 | number_kind(kind),
        BinaryOp::Subtract(kind) => 20 | number_kind(kind),
        BinaryOp::Multiply(kind) => 24 | number_kind(kind),
        BinaryOp::Divide(kind) => 28 | number_kind(kind),
        BinaryOp::Remainder(kind) => 32 | number_kind(kind),
        BinaryOp::Contains(kind) => 36 | compound(kind),
        BinaryOp::ContainedBy(kind) => 40 | compound(kind),
        BinaryOp::Overlaps(kind) => 44 | compound(kind),
    }
}

fn compound(kind: Compound) -> u64 {
    match kind {
        Compound::Array => 0,
        Compound::Decimals => 1,
        Compound::Range => 2,
        Compound::Json => 3,
    }
}

fn function_code(function: Function) -> u64 {
    match function {
        Function::Lower => 0,
        Function::Upper => 1,
        Function::Length => 2,
        Function::Trim => 3,
        Function::TrimStart => 4,
        Function::TrimEnd => 5,
        Function::Substring => 6,
        Function::Replace => 7,
        Function::Coalesce => 8,
        Function::NullIf => 9,
        Function::Now => 10,
        Function::Cardinality => 11,
        Function::Named(_) => 11,
        Function::Abs(kind) => 16 | number_kind(kind),
        Function::Round(kind) => 20 | number_kind(kind),
        Function::Greatest(kind) => 24 | kind.map_or(3, number_kind),
        Function::Least(kind) => 28 | kind.map_or(3, number_kind),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::fixtures::*;
    use super::*;
    use crate::ast::{DeleteChunk, Insert, InsertChunk, JsonRead};

    fn json(key: &str, read: JsonRead) -> Expr {
        operation(Operation::Json { expr: user("id"), path: vec![JsonStep::Key(key.into())], read })
    }

    fn shape_of(statement: Statement<'_>, dialect: &Numbered) -> Shape {
        let mut shape = Shape::new();
        walk(&statement, &dialect.0, &mut shape, &mut Binds::new()).expect("a shape");
        shape
    }

    fn words(statement: Statement<'_>) -> Shape {
        shape_of(statement, &LITE)
    }

    fn like(escape: Option<char>, insensitive: bool, negated: bool) -> Expr {
        operation(Operation::Like { expr: user("name"), pattern: text("a"), escape, insensitive, negated })
    }

    fn aggregated(function: Aggregate, distinct: bool, filter: Option<Expr>) -> Expr {
        operation(Operation::Aggregate { function, distinct, expr: Some(user("age")), filter, order_by: vec![] })
    }

    /// Conditions of which no two are written alike.
    fn different_conditions() -> Vec<Expr> {
        use BinaryOp::*;
        use NumberKind::*;
        let (a, b) = (|| user("id"), || int(1));
        let mut all = vec![
            a(),
            user("age"),
            of(alias(&USERS, "users"), "id"),
            b(),
            Expr::Bool(true),
            Expr::Bool(false),
            Expr::And(vec![]),
            Expr::Or(vec![]),
            Expr::And(vec![a(), b()]),
            Expr::Or(vec![a(), b()]),
            Expr::And(vec![Expr::And(vec![a()]), b()]),
            Expr::Row(vec![a(), b()]),
            Expr::And(vec![Expr::And(vec![a(), b()])]),
            Expr::Not(Box::new(a())),
            Expr::Negate(Integer, Box::new(a())),
            Expr::Negate(Decimal, Box::new(a())),
            Expr::Label("n"),
            Expr::Label("m"),
            Expr::Raw(Box::new(Raw { parts: vec![RawPart::Text("x")] })),
            Expr::Raw(Box::new(Raw { parts: vec![RawPart::Text("x"), RawPart::Text("y")] })),
            Expr::Raw(Box::new(Raw { parts: vec![RawPart::Text("x"), RawPart::Expr(a())] })),
            Expr::Subquery(Box::new(select([a()]))),
            eq(a(), null()),
            eq(null(), a()),
            binary(Ne, a(), null()),
            like(None, false, false),
            like(Some('\\'), false, false),
            like(Some('\0'), false, false),
            like(None, true, false),
            like(None, false, true),
            in_list(a(), vec![], false),
            in_list(a(), vec![], true),
            in_list(a(), vec![Value::Int(1)], false),
            in_list(a(), vec![Value::Text("1".into())], false),
            in_list(a(), vec![Value::Uuid([0; 16])], false),
            in_list(a(), vec![Value::Float(1.0)], false),
            in_list(a(), vec![Value::Float(1.0), Value::Int(2)], false),
            exists(select([a()]), false),
            exists(select([a()]), true),
            operation(Operation::InSelect { expr: a(), select: Box::new(select([b()])), negated: false }),
            operation(Operation::InSelect { expr: a(), select: Box::new(select([b()])), negated: true }),
            operation(Operation::Case { when: vec![(a(), b())], otherwise: None }),
            operation(Operation::Case { when: vec![(a(), b())], otherwise: Some(b()) }),
            operation(Operation::Case { when: vec![(a(), b()), (a(), b())], otherwise: None }),
            json("a", JsonRead::Text),
            json("a", JsonRead::Document),
            json("ab", JsonRead::Text),
            json("a\0", JsonRead::Text),
            operation(Operation::Json { expr: a(), path: vec![JsonStep::Index(1)], read: JsonRead::Text }),
            operation(Operation::Json { expr: a(), path: vec![JsonStep::Index(-1)], read: JsonRead::Text }),
            operation(Operation::Json { expr: b(), path: vec![], read: JsonRead::Text }),
            aggregated(Aggregate::Sum(Integer), false, None),
            aggregated(Aggregate::Sum(Integer), true, None),
            aggregated(Aggregate::Sum(Integer), false, Some(a())),
            aggregated(Aggregate::Avg(Integer), false, None),
            aggregated(Aggregate::Min, false, None),
            aggregated(Aggregate::Max, false, None),
            aggregated(Aggregate::Count, false, None),
            aggregate(Aggregate::Count, None),
            aggregated(Aggregate::StringAgg(","), false, None),
            aggregated(Aggregate::StringAgg(";"), false, None),
            Expr::Function(Function::Lower, vec![a()]),
            Expr::Function(Function::Upper, vec![a()]),
            Expr::Function(Function::Upper, vec![a(), a()]),
            Expr::Function(Function::Abs(Integer), vec![a()]),
            Expr::Function(Function::Abs(Decimal), vec![a()]),
            Expr::Function(Function::Round(Decimal), vec![a()]),
            Expr::Function(Function::Round(Float), vec![a()]),
            Expr::Function(Function::Greatest(Some(Decimal)), vec![a()]),
            Expr::Function(Function::Greatest(None), vec![a()]),
            Expr::Function(Function::Least(None), vec![a()]),
            Expr::Function(Function::Named("f"), vec![a()]),
            Expr::Function(Function::Named("g"), vec![a()]),
        ];
        all.extend(different_windows());
        for negated in [false, true] {
            all.push(operation(Operation::IsNull { expr: a(), negated }));
            all.push(operation(Operation::Between { expr: a(), low: b(), high: b(), negated }));
        }
        let comparisons = [Eq, Ne, Lt, Le, Gt, Ge, IsDistinctFrom, IsNotDistinctFrom, Concat];
        all.extend(comparisons.map(|op| binary(op, a(), b())));
        for op in [Add, Subtract, Multiply, Divide, Remainder] {
            all.extend([Integer, Float, Decimal].map(|kind| binary(op(kind), a(), b())));
        }
        for to in [
            ColumnType::Int64,
            ColumnType::Bytes,
            ColumnType::Text { max_length: None },
            ColumnType::Text { max_length: Some(0) },
            ColumnType::Text { max_length: Some(1) },
            ColumnType::Enum { name: "e", variants: &["a"], native: false },
            ColumnType::Enum { name: "f", variants: &["a"], native: false },
            ColumnType::Enum { name: "f", variants: &["a"], native: true },
            ColumnType::Array(&ColumnType::Int32),
            ColumnType::Array(&ColumnType::Int64),
            ColumnType::Range(&ColumnType::Int32),
            ColumnType::Interval,
            ColumnType::Inet,
            ColumnType::Cidr,
            ColumnType::CiText,
            ColumnType::Named("a"),
            ColumnType::Named("b"),
        ] {
            all.push(operation(Operation::Cast { expr: a(), to }));
        }
        all
    }

    /// Window functions of which no two are written alike.
    fn different_windows() -> Vec<Expr> {
        use WindowFunction::*;
        let call =
            |function, arguments, filter, window| operation(Operation::Window { function, arguments, filter, window });
        let frame = |unit, start, end, exclude| Window {
            frame: Some(Frame { unit, start, end, exclude }),
            ..Window::default()
        };
        let by_age = || vec![order(user("age"), Direction::Ascending, NullsOrder::Smallest)];
        let windows = [
            Window::default(),
            Window { partition_by: vec![user("age")], ..Window::default() },
            Window { order_by: by_age(), ..Window::default() },
            Window { partition_by: vec![user("age")], order_by: by_age(), frame: None },
            frame(FrameUnit::Rows, None, None, Exclude::Nothing),
            frame(FrameUnit::Range, None, None, Exclude::Nothing),
            frame(FrameUnit::Groups, None, None, Exclude::Nothing),
            frame(FrameUnit::Rows, Some(0), None, Exclude::Nothing),
            frame(FrameUnit::Rows, None, Some(0), Exclude::Nothing),
            frame(FrameUnit::Rows, None, Some(-1), Exclude::Nothing),
            frame(FrameUnit::Rows, Some(-1), Some(1), Exclude::Nothing),
            frame(FrameUnit::Rows, None, None, Exclude::CurrentRow),
            frame(FrameUnit::Rows, None, None, Exclude::Group),
            frame(FrameUnit::Rows, None, None, Exclude::Ties),
        ];
        let functions = [
            RowNumber,
            Rank,
            DenseRank,
            PercentRank,
            CumeDist,
            Ntile,
            Lag,
            Lead,
            FirstValue,
            LastValue,
            NthValue,
            Aggregate(super::Aggregate::Min),
            Aggregate(super::Aggregate::Max),
            Aggregate(super::Aggregate::StringAgg(",")),
        ];
        let mut all: Vec<_> = windows.into_iter().map(|window| call(RowNumber, vec![], None, window)).collect();
        all.extend(functions.map(|function| call(function, vec![user("age")], None, Window::default())));
        all.push(call(Lag, vec![user("age"), int(1)], None, Window::default()));
        all.push(call(Aggregate(super::Aggregate::Min), vec![user("age")], Some(user("id")), Window::default()));
        all
    }

    /// Selects of which no two are written alike.
    fn different_selects() -> Vec<Select> {
        let base = || select([user("name")]);
        let kinds = [JoinKind::Inner, JoinKind::Left, JoinKind::Right, JoinKind::Full, JoinKind::Cross];
        let orders = [NullsOrder::Smallest, NullsOrder::First, NullsOrder::Last];
        let directions = [Direction::Ascending, Direction::Descending];
        let mut all: Vec<Select> = different_conditions()
            .into_iter()
            .flat_map(|expr| {
                [
                    users_where([expr.clone()]),
                    Select { having: vec![expr.clone()], ..base() },
                    Select { group_by: vec![expr.clone()], ..base() },
                    select([expr.clone(), user("name")]),
                    Select { order_by: vec![order(expr, Direction::Ascending, NullsOrder::Smallest)], ..base() },
                ]
            })
            .collect();
        all.extend(kinds.map(|kind| Select { joins: vec![posts_join(kind)], ..base() }));
        all.extend(kinds.map(|kind| Select { joins: vec![Join { left: None, ..posts_join(kind) }], ..base() }));
        for nulls in orders {
            let keys = directions.map(|direction| order(user("role"), direction, nulls));
            all.extend(keys.map(|key| Select { order_by: vec![key], ..base() }));
        }
        all.extend([
            base(),
            Select { distinct: true, ..base() },
            Select { from: Some(table(&USERS)), ..base() },
            Select { from: Some(alias(&USERS, "u")), ..base() },
            Select { limit: Some(Value::Int(1)), ..base() },
            Select { limit: Some(Value::Int(i64::MAX)), ..base() },
            Select { offset: Some(Value::Int(1)), ..base() },
            Select { limit: Some(Value::Int(2)), offset: Some(Value::Int(1)), ..base() },
            Select { projection: vec![Projection::One], ..base() },
            Select { projection: vec![Projection::Table(table(&USERS))], ..base() },
            Select { projection: vec![Projection::Label(user("name"), "n")], ..base() },
            users_where([user("id"), user("id")]),
        ]);
        all
    }

    #[test]
    fn no_two_different_statements_have_the_same_shape() {
        let mut seen: HashMap<Vec<u64>, String> = HashMap::new();
        let selects = different_selects();
        for select in &selects {
            let shown = format!("{select:?}");
            if let Some(other) = seen.insert(words(Statement::Select(select)), shown.clone()) {
                panic!("the same shape:\n{shown}\n{other}");
            }
        }
        let set = |column, value| crate::ast::Assignments::from([Assignment { column, value }]);
        let update = |set| Update {
            table: table(&USERS),
            set,
            filter: Default::default(),
            returning: vec![],
            lifted: Default::default(),
        };
        let updates = [update(set(1, text("a"))), update(set(2, text("a"))), update(set(1, user("name")))];
        let delete = |filter| Delete { table: table(&USERS), filter, returning: vec![], lifted: Default::default() };
        let deletes = [delete(vec![]), delete(vec![user("id")]), delete(vec![user("id"), user("id")])];
        let rows = insert(&USERS, &[1, 2], vec![vec![1, 2], vec![3, 4]]);
        let returning = Insert { returning: vec![Projection::Table(table(&USERS))], ..rows.clone() };
        let part = Statement::Insert(InsertChunk { end: 1, ..chunk(&rows) });
        let upsert = |target: &[u16], action| {
            let conflict = OnConflict { target: target.iter().copied().collect(), action };
            Insert { conflict: Some(Box::new(conflict)), ..rows.clone() }
        };
        let do_update = |set, filter| ConflictAction::Update { set, filter };
        let upserts = [
            upsert(&[], ConflictAction::Nothing),
            upsert(&[2], ConflictAction::Nothing),
            upsert(&[2], do_update(set(1, text("a")), vec![])),
            upsert(&[0], do_update(set(1, text("a")), vec![])),
            upsert(&[2], do_update(set(3, text("a")), vec![])),
            upsert(&[2], do_update(set(1, text("a")), vec![user("id")])),
        ];
        let keyed = keyed(&[&[1, 2, 3], &[4, 5, 6], &[7, 8, 9]]);
        let (rows_2, rows_3) = ((0, 2), (0, 3));
        let update_rows = |columns: &[u16], guard, (start, end), returning| {
            let columns = columns.iter().copied().collect();
            Statement::UpdateRows(UpdateChunk { table: &USERS, columns, guard, rows: &keyed, returning, start, end })
        };
        let delete_rows =
            |table, guard, (start, end)| Statement::DeleteRows(DeleteChunk { table, guard, rows: &keyed, start, end });
        let chunks = [
            update_rows(&[1], None, rows_2, &[]),
            update_rows(&[2], None, rows_2, &[]),
            update_rows(&[1], None, rows_3, &[]),
            update_rows(&[1], Some(0), rows_2, &[]),
            update_rows(&[1], Some(1), rows_2, &[]),
            update_rows(&[1], None, rows_2, &[Projection::One]),
            delete_rows(&USERS, None, rows_2),
            delete_rows(&PAIR, None, rows_2),
            delete_rows(&USERS, None, rows_3),
            delete_rows(&USERS, Some(0), rows_2),
        ];
        let keys = [Value::Int(1), Value::Int(2)];
        let others = [whole(&rows), whole(&returning), part]
            .into_iter()
            .chain(updates.iter().map(Statement::Update))
            .chain(deletes.iter().map(Statement::Delete))
            .chain(chunks)
            .chain(upserts.iter().map(whole))
            .chain([1, 2].map(|count| Statement::ByKey { table: table(&PAIR), key: &keys[..count] }))
            .chain([Statement::ByKey { table: table(&USERS), key: &keys[..1] }])
            .chain([table(&USERS), table(&PAIR), alias(&USERS, "boss")].map(Statement::Table));
        for statement in others {
            assert_eq!(seen.insert(words(statement), format!("{statement:?}")), None);
        }
    }

    #[test]
    fn statements_that_differ_in_values_only_have_the_same_shape() {
        let with = |number: i64, name: &str| Select {
            offset: Some(Value::Int(number)),
            limit: Some(Value::Int(5)),
            filter: vec![
                eq(user("id"), int(number)),
                binary(BinaryOp::Lt, user("age"), if number == 1 { null() } else { int(number) }),
                binary(BinaryOp::Ne, user("name"), text(name)),
                in_list(user("id"), (0..number).map(Value::Int).collect(), false),
            ],
            ..select([user("name")])
        };
        let (first, second) = (with(1, "a"), with(30, "bc"));
        assert_eq!(words(Statement::Select(&first)), words(Statement::Select(&second)));
    }

    #[test]
    fn statements_of_the_same_shape_have_the_same_text() {
        let mut texts: HashMap<Vec<u64>, String> = HashMap::new();
        for count in 1..40 {
            let floats = (0..count).map(|number| Value::Float(f64::from(number))).collect();
            let select = users_where([in_list(user("id"), floats, false), eq(user("age"), int(1))]);
            let text = sql(Statement::Select(&select), &STRICT);
            let shape = shape_of(Statement::Select(&select), &STRICT);
            let known = texts.entry(shape).or_insert_with(|| text.clone());
            assert_eq!(*known, text);
        }
        // One for each length up to 8, then 16, 32 and 64.
        assert_eq!(texts.len(), 11);
    }

    #[test]
    fn a_tree_that_nests_too_deeply_is_refused() {
        let nested = |levels| users_where([(0..levels).fold(user("id"), |expr, _| Expr::Not(Box::new(expr)))]);
        sql(Statement::Select(&nested(MAX_DEPTH - 1)), &LITE);
        let message = error(Statement::Select(&nested(MAX_DEPTH)), &LITE);
        assert!(message.starts_with("the expression nests more than 200 levels deep"), "{message}");
        let subqueries =
            |levels| (0..levels).fold(select([user("id")]), |inner, _| users_where([exists(inner, false)]));
        let levels = MAX_DEPTH / (SELECT_DEPTH + 1);
        sql(Statement::Select(&subqueries(levels - 1)), &LITE);
        assert!(error(Statement::Select(&subqueries(levels)), &LITE).starts_with("the expression nests"));
    }

    #[test]
    fn values_that_no_column_can_hold_are_found() {
        let invalid = || Value::Invalid(Box::new(crate::error::ValueError::OutOfRange { target: "a 64-bit integer" }));
        let message = "a bound value: the value is out of range for a 64-bit integer";
        let listed = users_where([in_list(user("id"), vec![Value::Int(1), invalid()], false)]);
        assert_eq!(error(Statement::Select(&listed), &LITE), message);
        let limited = Select { limit: Some(invalid()), ..select([user("id")]) };
        assert!(error(Statement::Select(&limited), &LITE).starts_with("limit or offset: the value is out of range"));
    }
}
