//! One step of a plan as statements, with values straight from the arena.

use std::fmt;
use std::ops::RangeInclusive;

use super::arena::Arena;
use super::handle::AnyRef;
use super::keys;
use super::plan::{self, Kind, Op, Step};
use super::rows::At;
use crate::ast::{
    Assignment, Assignments, BinaryOp, ColumnRef, ColumnSet, DeleteChunk, Expr, InsertChunk, KeyedRows, Lifted,
    Projection, RowSource, Statement, TableRef, Update, UpdateChunk,
};
use crate::dialect::Features;
use crate::driver::{Done, Flow, Row, RowSink};
use crate::engine::TransactionOptions;
use crate::engine::link::{Ending, Link};
use crate::error::{Error, Result};
use crate::query::{ChunkSize, Command};
use crate::types::BindSink;
use crate::value::{Value, ValueRef};

/// A step and its rows.
pub(super) struct Job<'a> {
    arena: &'a Arena,
    ops: &'a [Op],
    step: &'a Step,
    /// The columns that are given or set.
    columns: ColumnSet,
    /// The version that a row must still have.
    guard: Option<u16>,
    /// The columns that come back.
    pub(super) returning: Vec<u16>,
    projections: Vec<Projection>,
}

/// What came back of a statement.
#[derive(Debug, Default)]
pub(super) struct Returned {
    width: usize,
    values: Vec<Value>,
    /// The same, where all that comes back is one integer a row: mostly the keys of new rows.
    integers: Vec<i64>,
    /// How many rows were written.
    pub(super) affected: u64,
}

impl Returned {
    fn row(&self, number: usize) -> &[Value] {
        self.values.get(number * self.width..(number + 1) * self.width).unwrap_or_default()
    }

    fn rows(&self) -> usize {
        self.integers.len() + self.values.len().checked_div(self.width).unwrap_or_default()
    }

    /// Makes values of the integers.
    fn spread(&mut self) {
        self.values.extend(self.integers.drain(..).map(Value::Int));
    }
}

impl<'a> Job<'a> {
    pub(super) fn new(arena: &'a Arena, ops: &'a [Op], step: &'a Step, features: &Features) -> Self {
        let meta = arena.meta;
        let version = meta.version.filter(|_| step.whole && step.kind != Kind::Insert);
        let mut columns = step.columns;
        if step.kind == Kind::Update {
            version.into_iter().for_each(|version| columns.insert(version));
        }
        let returning = if features.returning { returning(arena, ops, step, columns, version) } else { Vec::new() };
        let table = TableRef { meta, alias: None };
        let projection = |index: &u16| Projection::Expr(Expr::Column(ColumnRef { table, index: *index }));
        let projections = returning.iter().map(projection).collect();
        Job { arena, ops, step, columns, guard: version, returning, projections }
    }

    /// The parts of the step that are a statement each.
    pub(super) fn chunks(&self, features: &Features) -> Vec<(usize, usize)> {
        let meta = self.arena.meta;
        let set = if self.step.kind == Kind::Delete { ColumnSet::default() } else { self.columns };
        let found_by = if self.step.kind == Kind::Insert { &[] } else { meta.primary_key };
        let sent = set.iter().chain(found_by.iter().copied()).chain(self.guard);
        let size = match self.step.kind {
            Kind::Insert => ChunkSize::new(features).giving(meta, self.columns),
            Kind::Delete => ChunkSize::new(features),
            Kind::Update => ChunkSize::of_updates(features),
        };
        let (mut chunks, mut start, all) = (Vec::new(), 0, self.step.ops.len());
        while start < all {
            let end = start + size.of(all - start, meta, sent.clone());
            chunks.push((start, end));
            start = end;
        }
        chunks
    }

    fn op(&self, row: usize) -> Option<&'a Op> {
        self.ops.get(*self.step.ops.get(row)? as usize)
    }

    /// Makes the statement for some rows.
    pub(super) fn with_statement<R>(
        &self,
        start: usize,
        end: usize,
        then: impl FnOnce(Statement<'_>) -> R,
    ) -> Result<R> {
        if self.step.expressions {
            let update = self.with_expressions(start)?;
            return Ok(then(Statement::Update(&update)));
        }
        Ok(then(self.statement(start, end)))
    }

    fn statement(&self, start: usize, end: usize) -> Statement<'_> {
        let (table, columns, guard, returning) =
            (self.arena.meta, self.columns, self.guard, self.projections.as_slice());
        match self.step.kind {
            Kind::Insert => {
                Statement::Insert(InsertChunk { table, rows: self, columns, conflict: None, returning, start, end })
            }
            Kind::Update => {
                Statement::UpdateRows(UpdateChunk { table, columns, guard, rows: self, returning, start, end })
            }
            Kind::Delete => Statement::DeleteRows(DeleteChunk { table, guard, rows: self, start, end }),
        }
    }

    /// The `UPDATE` of a row of which columns are set to expressions.
    fn with_expressions(&self, row: usize) -> Result<Update> {
        let table = TableRef { meta: self.arena.meta, alias: None };
        let Some(op) = self.op(row) else { return Err(Error::Statement("an update without a row".into())) };
        let mut set: Assignments = self.arena.expressions(op.place.slot).iter().cloned().collect();
        for column in self.columns.iter() {
            if !set.iter().any(|assignment| assignment.column == column) {
                let mut value = Kept(Value::Null);
                KeyedRows::bind(self, row, &[column], &mut value)?;
                set.push(Assignment { column, value: Expr::Bind(value.0) });
            }
        }
        let mut filter = smallvec::SmallVec::new();
        for column in self.arena.meta.primary_key.iter().copied().chain(self.guard) {
            let mut value = Kept(Value::Null);
            self.bind_key(row, &[column], &mut value)?;
            let sides = (Expr::Column(ColumnRef { table, index: column }), Expr::Bind(value.0));
            filter.push(Expr::Binary(BinaryOp::Eq, Box::new(sides)));
        }
        Ok(Update { table, set, filter, returning: self.projections.clone(), lifted: Lifted::None })
    }

    /// Runs the statement for some rows. If there are several, or rows are deleted, and it fails, the transaction goes on,
    /// so that the rows can be looked at one by one, and the database be asked who holds them.
    pub(super) async fn run(&self, link: &mut Link, start: usize, end: usize) -> Result<Returned> {
        self.send(link, (start, end), end - start > 1).await
    }

    async fn send(&self, link: &mut Link, (start, end): (usize, usize), guarded: bool) -> Result<Returned> {
        let width = self.returning.len();
        let mut returned = Returned { width, ..Returned::default() };
        match width {
            1 => returned.integers.reserve_exact(end - start),
            _ => returned.values.reserve_exact(width * (end - start)),
        }
        let done = if self.step.expressions {
            let update = self.with_expressions(start)?;
            link.run_as_is(Statement::Update(&update), &mut returned).await?
        } else if guarded && self.step.kind == Kind::Delete {
            self.delete_together(link, (start, end), &mut returned).await?
        } else if guarded || self.step.kind == Kind::Delete {
            link.run_guarded(self.statement(start, end), &mut returned).await?
        } else {
            link.run(Command::One(self.statement(start, end)), &mut returned).await?
        };
        returned.affected = done.rows_affected;
        Ok(returned)
    }

    /// Deletes all of some rows, or none: which of them was gone already can only be seen while the others are there.
    async fn delete_together(
        &self,
        link: &mut Link,
        (start, end): (usize, usize),
        returned: &mut Returned,
    ) -> Result<Done> {
        let depth = link.enter(&TransactionOptions::new()).await?;
        let done = link.run(Command::One(self.statement(start, end)), returned).await;
        let all = matches!(&done, Ok(done) if done.rows_affected == (end - start) as u64);
        let left = link.leave(depth, if all { Ending::Commit } else { Ending::Rollback }).await;
        done.and_then(|done| left.map(|()| done))
    }

    /// Finds out which row of a statement broke a constraint: the statement left nothing behind, so its rows are sent
    /// one by one until it is met. The flush is lost anyhow.
    pub(super) async fn blame(&self, link: &mut Link, (start, end): (usize, usize), error: Error) -> Error {
        if !error.is_violation() {
            return error;
        }
        if end - start == 1 {
            return self.about(start, error);
        }
        for row in start..end {
            match self.send(link, (row, row + 1), true).await {
                Ok(_) => {}
                Err(again) if again.kind() == error.kind() => return self.about(row, again),
                Err(_) => return error,
            }
        }
        error
    }

    fn about(&self, row: usize, error: Error) -> Error {
        let Some(op) = self.op(row) else { return error };
        let slot = op.place.slot;
        let handle = AnyRef {
            model: self.arena.model,
            session: self.arena.session,
            slot,
            generation: self.arena.generation(slot),
        };
        error.about(plan::describe(self.arena, slot), handle)
    }

    /// Whether the database has a row with the key that an operation is about, and its version.
    async fn look_up(&self, link: &mut Link, op: &Op) -> Result<Option<Option<i64>>> {
        let key = self.arena.key_values(self.arena.stored(op.base))?;
        let table = TableRef { meta: self.arena.meta, alias: None };
        let mut sink = Version { column: self.arena.meta.version, found: None };
        link.run_as_is(Statement::ByKey { table, key: &key }, &mut sink).await?;
        Ok(sink.found)
    }
}

/// The columns that a statement gives back: what the database makes, and the key where rows must be told apart.
fn returning(arena: &Arena, ops: &[Op], step: &Step, columns: ColumnSet, version: Option<u16>) -> Vec<u16> {
    let meta = arena.meta;
    let several = step.ops.len() > 1;
    let mut made = ColumnSet::default();
    for (index, column) in (0..).zip(meta.columns) {
        let server = match step.kind {
            Kind::Insert => {
                let absent = !columns.contains(index);
                column.computed.is_some() || (absent && (meta.generated == Some(index) || column.default_sql.is_some()))
            }
            Kind::Update => column.computed.is_some(),
            Kind::Delete => false,
        };
        if server {
            made.insert(index);
        }
    }
    if step.expressions {
        let expressions = step.ops.iter().filter_map(|op| Some(arena.expressions(ops.get(*op as usize)?.place.slot)));
        expressions.flatten().for_each(|assignment| made.insert(assignment.column));
    }
    let by_order = meta.generated.is_some_and(|generated| made.contains(generated));
    let guarded = version.is_some() && step.kind == Kind::Update;
    let mut returning = Vec::new();
    if several && !by_order && (guarded || !made.is_empty()) {
        returning.extend(meta.primary_key);
    }
    returning.extend(made.iter());
    returning
}

impl RowSource for Job<'_> {
    fn len(&self) -> usize {
        self.step.ops.len()
    }

    fn columns(&self, _row: usize) -> ColumnSet {
        self.columns
    }

    fn bind(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
        let Some(op) = self.op(row) else { return Ok(()) };
        let values = self.arena.values.as_ref();
        if !op.columns.has_nulls() && self.guard.is_none() {
            return values.bind_all(At::Now(op.place.slot), columns, sink);
        }
        for column in columns {
            if op.columns.is_null(*column) {
                sink.bind(ValueRef::Null)?;
            } else if self.guard == Some(*column) {
                let version = self.arena.version(self.arena.stored(op.base))?.unwrap_or_default();
                sink.bind(ValueRef::Int(version.wrapping_add(1)))?;
            } else {
                values.bind(At::Now(op.place.slot), *column, sink)?;
            }
        }
        Ok(())
    }
}

impl KeyedRows for Job<'_> {
    fn len(&self) -> usize {
        self.step.ops.len()
    }

    fn bind_key(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
        let Some(op) = self.op(row) else { return Ok(()) };
        // A part that follows its row's own operation finds it under its new key.
        let follows = !op.whole && !op.columns.has_nulls();
        let at = if follows { At::Now(op.place.slot) } else { self.arena.stored(op.base) };
        self.arena.values.bind_all(at, columns, sink)
    }

    fn bind(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
        RowSource::bind(self, row, columns, sink)
    }
}

impl fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows", self.step.ops.len())
    }
}

struct Kept(Value);

impl BindSink for Kept {
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        self.0 = value.to_owned();
        Ok(())
    }
}

impl RowSink for Returned {
    fn keys(&mut self, keys: RangeInclusive<i64>) -> bool {
        let takes = self.width == 1 && self.values.is_empty();
        if takes {
            self.integers.extend(keys);
        }
        takes
    }

    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        if self.width == 1
            && self.values.is_empty()
            && let Ok(ValueRef::Int(value)) = row.get(0)
        {
            self.integers.push(value);
            return Ok(Flow::Continue);
        }
        self.spread();
        for index in 0..self.width {
            let value = row.get(index).map_err(|source| Error::Decode { column: "RETURNING".into(), source })?;
            self.values.push(value.to_owned());
        }
        Ok(Flow::Continue)
    }
}

struct Version {
    column: Option<u16>,
    found: Option<Option<i64>>,
}

impl RowSink for Version {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        let version = self.column.and_then(|column| match row.get(usize::from(column)) {
            Ok(ValueRef::Int(version)) => Some(version),
            _ => None,
        });
        self.found = Some(version);
        Ok(Flow::Continue)
    }
}

/// The database wrote another number of rows than it was given: finds out which it did not find.
pub(super) async fn miscounted(
    arena: &mut Arena,
    ops: &[Op],
    step: &Step,
    link: &mut Link,
    (start, end): (usize, usize),
    mut returned: Returned,
) -> Error {
    returned.spread();
    let expected = (end - start) as u64;
    let engine = link.engine.clone();
    let features = engine.driver().features();
    if step.kind == Kind::Insert {
        return Error::RowCount { table: arena.meta.name, expected, found: returned.affected };
    }
    let rows = step.ops.get(start..end).unwrap_or_default();
    let concerned: Vec<&Op> = rows.iter().filter_map(|op| ops.get(*op as usize)).collect();
    let returning = Job::new(arena, ops, step, features).returning;
    let written = match matched(arena, &concerned, &returning, &returned) {
        Ok(written) => written,
        Err(error) => return error,
    };
    let job = Job::new(arena, ops, step, features);
    for (row, op) in concerned.iter().enumerate() {
        if written.contains(&row) {
            continue;
        }
        let expected = arena.version(arena.stored(op.base)).unwrap_or_default();
        let object = plan::describe(arena, op.base);
        match job.look_up(link, op).await {
            Err(error) => return error,
            Ok(Some(found)) if found != expected => return Error::StaleObject { object, expected, found },
            Ok(None) => return Error::StaleObject { object, expected, found: None },
            Ok(Some(_)) => {}
        }
    }
    let object = format!("one of {} `{}` rows", concerned.len(), arena.meta.model);
    Error::StaleObject { object, expected: None, found: None }
}

/// The rows that came back, by their keys, as numbers of operations.
fn matched(arena: &mut Arena, ops: &[&Op], returning: &[u16], returned: &Returned) -> Result<Vec<usize>> {
    let keyed = returning.starts_with(arena.meta.primary_key);
    if !keyed {
        return Ok(Vec::new());
    }
    (0..returned.rows()).map(|row| whose(arena, ops, returned.row(row), row)).collect()
}

/// The operation that a row which came back belongs to: mostly the one in its place.
fn whose(arena: &mut Arena, ops: &[&Op], row: &[Value], guess: usize) -> Result<usize> {
    let Some(first) = ops.first() else { return Ok(0) };
    // Read as the model reads it, since a database may give a value in another form than it was sent in.
    let scratch = arena.scratch(first.place.slot);
    let columns = arena.meta.primary_key;
    let read: Result<()> = columns.iter().zip(row).try_for_each(|(column, value)| {
        let value = value.borrowed().map_err(|source| Error::Decode { column: "RETURNING".into(), source })?;
        arena.values.assign(scratch, *column, value)
    });
    let is = |index: &usize| {
        ops.get(*index).is_some_and(|op| {
            let values = arena.values.as_ref();
            columns
                .iter()
                .all(|column| matches!(keys::same(values, At::Now(scratch), At::Now(op.place.slot), *column), Ok(true)))
        })
    };
    let found = Some(guess).filter(is).or_else(|| (0..ops.len()).find(is));
    arena.discard(scratch);
    read?;
    found.ok_or(Error::RowCount { table: arena.meta.name, expected: ops.len() as u64, found: 0 })
}

/// Puts what came back into the rows it belongs to, in whatever order it came.
pub(super) fn write_back(
    arena: &mut Arena,
    ops: &[Op],
    step: &Step,
    (start, end): (usize, usize),
    returning: &[u16],
    mut returned: Returned,
) -> Result<()> {
    let numbers = step.ops.get(start..end).unwrap_or_default();
    let concerned = numbers.iter().filter_map(|op| ops.get(*op as usize));
    if step.kind == Kind::Update
        && step.whole
        && let Some(version) = arena.meta.version
    {
        for op in concerned.clone() {
            let next = arena.version(arena.stored(op.base))?.unwrap_or_default().wrapping_add(1);
            arena.values.assign(op.place.slot, version, ValueRef::Int(next))?;
        }
    }
    if returning.is_empty() {
        return Ok(());
    }
    if returned.rows() != numbers.len() {
        let (expected, found) = (numbers.len() as u64, returned.rows() as u64);
        return Err(Error::RowCount { table: arena.meta.name, expected, found });
    }
    if made_keys(arena, step) == returning.first().copied() && !returned.integers.is_empty() {
        return write_keys(arena, concerned, returning, returned.integers);
    }
    returned.spread();
    let ops: Vec<&Op> = concerned.collect();
    for (row, target) in targets(arena, step, &ops, returning, &returned)? {
        let Some(op) = ops.get(target) else { continue };
        for (column, value) in returning.iter().zip(returned.row(row)) {
            let value = value.borrowed().map_err(|source| Error::Decode { column: "RETURNING".into(), source })?;
            arena.values.assign(op.place.slot, *column, value)?;
        }
    }
    Ok(())
}

/// The key of new rows, if the database makes it.
fn made_keys(arena: &Arena, step: &Step) -> Option<u16> {
    arena.meta.generated.filter(|key| step.kind == Kind::Insert && !step.columns.contains(*key))
}

/// Writes back keys of which nothing else came. They are made in the order in which the rows were sent.
fn write_keys<'a>(
    arena: &mut Arena,
    ops: impl Iterator<Item = &'a Op>,
    returning: &[u16],
    mut keys: Vec<i64>,
) -> Result<()> {
    keys.sort_unstable();
    for ((op, key), column) in ops.zip(keys).zip(returning.iter().cycle()) {
        arena.values.assign(op.place.slot, *column, ValueRef::Int(key))?;
        arena.was_made(op.place.slot, key);
    }
    Ok(())
}

/// Which row that came back belongs to which operation.
fn targets(
    arena: &mut Arena,
    step: &Step,
    ops: &[&Op],
    returning: &[u16],
    returned: &Returned,
) -> Result<Vec<(usize, usize)>> {
    if ops.len() == 1 {
        return Ok(vec![(0, 0)]);
    }
    if let Some(key) = made_keys(arena, step).and_then(|key| returning.iter().position(|column| *column == key)) {
        // Keys are made in the order in which the rows were sent.
        let mut rows: Vec<usize> = (0..returned.rows()).collect();
        rows.sort_by_key(|row| match returned.row(*row).get(key) {
            Some(Value::Int(key)) => *key,
            _ => i64::MAX,
        });
        return Ok(rows.into_iter().enumerate().map(|(target, row)| (row, target)).collect());
    }
    (0..returned.rows()).map(|row| Ok((row, whose(arena, ops, returned.row(row), row)?))).collect()
}
