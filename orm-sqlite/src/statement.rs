//! Running one statement on the thread at hand, without waiting for anything.

use std::borrow::Cow;

use orm_core::ast::{Statement, UpdateChunk};
use orm_core::compile::Prepared;
use orm_core::driver::{Done, Flow, RowSink};
use orm_core::error::{Binds, Error, Result};
use orm_core::meta::TableMeta;
use orm_core::types::{BindSink, unbindable};
use orm_core::value::{Value, ValueRef};
use rusqlite::TransactionState;

use crate::error::{self, Operation};
use crate::lock::WritePermit;
use crate::pool::Live;
use crate::value::{Binder, Chunk, SqliteRow};

/// Something to run: a text and its values.
pub(crate) trait Work {
    fn sql(&self) -> &str;
    fn bind(&self, sink: &mut dyn BindSink) -> Result<()>;
    /// The binds for an error message.
    fn binds(&self) -> Binds;
    fn table(&self) -> Option<&str>;
    fn operation(&self) -> Operation;

    /// Whether it is known, before SQLite has seen it, that it writes.
    fn surely_writes(&self) -> bool;

    /// Whether it is known, before SQLite has seen it, that it only reads.
    fn surely_reads(&self) -> bool {
        false
    }

    /// Whether there is no second row.
    fn one_row(&self) -> bool {
        false
    }

    /// Whether tables stay as they are, but for rows of plain ones.
    fn leaves_tables(&self) -> bool {
        false
    }

    /// Whether it may change how tables are defined.
    fn alters(&self) -> bool {
        false
    }

    /// Whether rows can be affected.
    fn counts(&self) -> bool {
        true
    }

    /// The columns that an insert or update gives values.
    fn columns(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Rows of which the text is for one, to be run for each.
    fn apart(&self) -> Option<&UpdateChunk<'_>> {
        None
    }

    /// How many rows an insert has. Its first binds are their cells, row by row.
    fn rows(&self) -> usize {
        0
    }
}

/// Why a statement did not run to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It writes, and needs to be let in through the gate first. Nothing was done.
    Gate(Reading),
    /// Another connection has a lock. Nothing was done.
    Busy(rusqlite::Error),
    /// It failed, or its rows did not fit.
    Failed(Error),
}

/// Whether the transaction of a statement that is to write has read, and so holds up every commit.
///
/// That is so without a write-ahead log only. Whoever has the right to write cannot commit before this transaction ends,
/// so to wait for it would be to wait for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    HoldsUpCommits,
    HoldsUpNobody,
}

/// The transaction that the caller began and has not ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transaction {
    pub(crate) read_only: bool,
}

impl Live {
    /// Runs a statement to its end.
    ///
    /// `permit` is the right to write, if it is there. It is kept with the connection if the statement opened a
    /// transaction.
    pub(crate) fn attempt<W: Work>(
        &mut self,
        work: &W,
        transaction: Option<Transaction>,
        permit: &mut Option<WritePermit>,
        sink: &mut dyn RowSink,
    ) -> Result<Done, Failure> {
        let alone = self.db.is_autocommit();
        if alone && transaction.is_some() {
            return Err(Failure::Failed(Error::TransactionEnded));
        }
        if alone {
            self.clock.release();
            self.countable.forget();
        }
        if !work.leaves_tables() {
            self.countable.doubt(work.alters());
        }
        let read_only = transaction.is_some_and(|transaction| transaction.read_only);
        let result = self.execute(work, read_only, self.writing.is_some() || permit.is_some(), sink);
        self.settle(permit);
        result
    }

    /// The right to write is held as long as SQLite's own.
    #[inline]
    pub(crate) fn settle(&mut self, permit: &mut Option<WritePermit>) {
        if self.writing.is_some() || permit.is_some() {
            self.settle_right(permit);
        }
    }

    fn settle_right(&mut self, permit: &mut Option<WritePermit>) {
        if self.db.is_autocommit() {
            self.writing = None;
        } else if permit.is_some() && self.is_in(TransactionState::Write) {
            self.writing = permit.take();
        }
    }

    /// What the transaction holds at most, in any of the connection's databases.
    fn is_in(&self, state: TransactionState) -> bool {
        // Fails for a database that is not there only, and none is named.
        self.db.transaction_state(None::<&str>).is_ok_and(|now| now == state)
    }

    fn reading(&self) -> Reading {
        match !self.wal && !self.db.is_autocommit() && self.is_in(TransactionState::Read) {
            true => Reading::HoldsUpCommits,
            false => Reading::HoldsUpNobody,
        }
    }

    fn execute<W: Work>(
        &self,
        work: &W,
        read_only: bool,
        may_write: bool,
        sink: &mut dyn RowSink,
    ) -> Result<Done, Failure> {
        // Without `map_err`, for it would be moved once more.
        let mut statement = match self.db.prepare_cached(work.sql()) {
            Ok(statement) => statement,
            Err(error) => return Err(self.failure(error, work, true)),
        };
        // An EXPLAIN counts as what it explains, and does nothing of it.
        let writes = !work.surely_reads() && !statement.readonly() && statement.is_explain() == 0;
        if writes && read_only {
            return Err(Failure::Failed(error::read_only_transaction(work)));
        }
        if writes && !may_write {
            return Err(Failure::Gate(self.reading()));
        }
        if let Some(chunk) = work.apart() {
            return self.execute_apart(&mut statement, work, chunk);
        }
        let mut binder = Binder::new(&mut statement);
        if let Err(error) = work.bind(&mut binder) {
            return Err(match binder.refused.take() {
                Some(refused) => self.failure(refused, work, false),
                None => Failure::Failed(error),
            });
        }
        let before = if writes { self.db.total_changes() } else { 0 };
        let keeps = writes && self.commit_may_wait() && statement.column_count() > 0;
        let mut rows = statement.raw_query();
        if keeps {
            self.keep_then_give(&mut rows, work, sink)?;
        } else {
            self.step(&mut rows, writes, work, sink)?;
        }
        // SQLite's count is that of the last statement that could change rows, which need not be this one.
        let changed = writes && work.counts() && self.db.total_changes() != before;
        Ok(Done { rows_affected: if changed { self.db.changes() } else { 0 } })
    }

    /// Runs a statement for each of some rows, all or none of them. To SQLite an `UPDATE .. FROM (VALUES ..)` is more
    /// work: it makes a table of the values, and sorts it.
    fn execute_apart<W: Work>(
        &self,
        statement: &mut rusqlite::Statement<'_>,
        work: &W,
        chunk: &UpdateChunk<'_>,
    ) -> Result<Done, Failure> {
        let control = |sql| self.db.prepare_cached(sql).and_then(|mut it| it.raw_execute());
        control("SAVEPOINT orm_rows").map_err(|error| self.failure(error, work, true))?;
        let cells = Cells::of(chunk);
        let (mut rows_affected, mut failed) = (0, None);
        for row in chunk.rows() {
            match cells.update(row, statement) {
                Ok(changed) => rows_affected += changed as u64,
                Err(error) => {
                    failed = Some((row == chunk.start, error));
                    break;
                }
            }
        }
        let undone = if failed.is_some() { control("ROLLBACK TO orm_rows").map(drop) } else { Ok(()) };
        let ended = undone.and_then(|()| control("RELEASE orm_rows").map(drop));
        match failed {
            Some((untouched, Refused::Database(error))) => Err(self.failure(error, work, untouched)),
            Some((_, Refused::Value(error))) => Err(Failure::Failed(error)),
            None => ended.map(|()| Done { rows_affected }).map_err(|error| self.failure(error, work, false)),
        }
    }

    /// Whether a statement that writes is its own transaction, and readers can be in the way of its commit.
    fn commit_may_wait(&self) -> bool {
        !self.wal && self.db.is_autocommit()
    }

    /// The rows of a `RETURNING` come before the commit. If that fails for a reader's sake, all is tried again, so
    /// nobody may have seen them.
    fn keep_then_give<W: Work>(
        &self,
        rows: &mut rusqlite::Rows<'_>,
        work: &W,
        sink: &mut dyn RowSink,
    ) -> Result<(), Failure> {
        let mut kept = Chunk::default();
        while let Some(row) = rows.next().map_err(|error| self.failure(error, work, true))? {
            kept.push(&SqliteRow(row));
        }
        kept.give_to(sink).map(drop).map_err(Failure::Failed)
    }

    /// Steps through the rows. A statement that writes is stepped to its end even if nobody wants more of its rows.
    fn step<W: Work>(
        &self,
        rows: &mut rusqlite::Rows<'_>,
        writes: bool,
        work: &W,
        sink: &mut dyn RowSink,
    ) -> Result<(), Failure> {
        let one_row = work.one_row();
        let (mut untouched, mut wanted) = (true, true);
        while wanted || writes {
            match rows.next() {
                Ok(None) => break,
                Ok(Some(row)) if wanted => {
                    untouched = false;
                    match sink.row(&SqliteRow(row)) {
                        Ok(Flow::Continue) => wanted = !one_row,
                        Ok(Flow::Stop) => wanted = false,
                        Err(error) => return Err(self.refused(rows, writes, work, error)),
                    }
                }
                Ok(Some(_unwanted)) => {}
                Err(error) => return Err(self.failure(error, work, untouched)),
            }
        }
        Ok(())
    }

    /// A row did not fit. A statement that writes is stepped to its end all the same.
    #[cold]
    fn refused<W: Work>(&self, rows: &mut rusqlite::Rows<'_>, writes: bool, work: &W, error: Error) -> Failure {
        if !writes {
            return Failure::Failed(error);
        }
        loop {
            match rows.next() {
                Ok(None) => return Failure::Failed(error),
                Ok(Some(_unwanted)) => {}
                Err(error) => return self.failure(error, work, false),
            }
        }
    }

    #[cold]
    fn failure<W: Work>(&self, error: rusqlite::Error, work: &W, untouched: bool) -> Failure {
        if untouched && error::is_busy(&error) {
            return match self.reading() {
                Reading::HoldsUpNobody => Failure::Busy(error),
                Reading::HoldsUpCommits => Failure::Failed(error::in_the_way(Some(error), work)),
            };
        }
        Failure::Failed(error::describe(error, work, &self.db))
    }
}

/// Why a row was not updated.
enum Refused {
    Database(rusqlite::Error),
    Value(Error),
}

/// The values of rows that are updated.
struct Cells<'c, 'a> {
    chunk: &'c UpdateChunk<'a>,
    columns: Vec<u16>,
    key: Vec<u16>,
}

impl<'c, 'a> Cells<'c, 'a> {
    fn of(chunk: &'c UpdateChunk<'a>) -> Self {
        Cells { chunk, columns: chunk.columns.iter().collect(), key: chunk.key().collect() }
    }

    fn bind(&self, row: usize, sink: &mut dyn BindSink) -> Result<()> {
        self.chunk.rows.bind(row, &self.columns, sink)?;
        self.chunk.rows.bind_key(row, &self.key, sink)
    }

    fn update(&self, row: usize, statement: &mut rusqlite::Statement<'_>) -> Result<usize, Refused> {
        let mut binder = Binder::new(statement);
        match (self.bind(row, &mut binder), binder.refused.take()) {
            (_, Some(refused)) => Err(Refused::Database(refused)),
            (Err(error), None) => Err(Refused::Value(error)),
            (Ok(()), None) => statement.raw_execute().map_err(Refused::Database),
        }
    }
}

/// A statement of the program's, with borrowed values.
pub(crate) struct Compiled<'p, 'a> {
    pub(crate) prepared: &'p Prepared<'a>,
    pub(crate) show_binds: bool,
    pub(crate) how: How<'a>,
}

/// How a statement differs from the one that was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct How<'a> {
    /// An insert whose keys are counted.
    pub(crate) counted: bool,
    /// The rows of which the statement is for one.
    pub(crate) apart: Option<UpdateChunk<'a>>,
}

impl Work for Compiled<'_, '_> {
    fn sql(&self) -> &str {
        self.prepared.sql()
    }

    fn bind(&self, mut sink: &mut dyn BindSink) -> Result<()> {
        let Some(chunk) = &self.how.apart else { return self.prepared.bind(&mut sink) };
        let cells = Cells::of(chunk);
        chunk.rows().try_for_each(|row| cells.bind(row, sink))
    }

    fn binds(&self) -> Binds {
        match &self.how.apart {
            None => self.prepared.binds_for_log(self.show_binds),
            Some(_) => values_of(self).map_or(Binds::None, |values| Binds::new(values.iter(), self.show_binds)),
        }
    }

    fn table(&self) -> Option<&str> {
        self.prepared.statement().table()
    }

    fn operation(&self) -> Operation {
        match self.prepared.statement() {
            Statement::Insert(_) => Operation::Insert,
            Statement::Update(_) | Statement::UpdateRows(_) => Operation::Update,
            Statement::Delete(_) | Statement::DeleteRows(_) => Operation::Delete,
            Statement::Select(_)
            | Statement::Table(_)
            | Statement::ByKey { .. }
            | Statement::Raw(_)
            | Statement::Ddl(_) => Operation::Other,
        }
    }

    fn surely_writes(&self) -> bool {
        match self.prepared.statement() {
            Statement::Insert(_)
            | Statement::Update(_)
            | Statement::Delete(_)
            | Statement::UpdateRows(_)
            | Statement::DeleteRows(_)
            | Statement::Ddl(_) => true,
            Statement::Select(_) | Statement::Table(_) | Statement::ByKey { .. } | Statement::Raw(_) => false,
        }
    }

    fn apart(&self) -> Option<&UpdateChunk<'_>> {
        self.how.apart.as_ref()
    }

    fn one_row(&self) -> bool {
        matches!(self.prepared.statement(), Statement::ByKey { .. })
    }

    fn leaves_tables(&self) -> bool {
        self.how.counted || self.prepared.statement().reads()
    }

    fn alters(&self) -> bool {
        matches!(self.prepared.statement(), Statement::Raw(_) | Statement::Ddl(_))
    }

    fn columns(&self) -> Vec<&str> {
        let (table, columns): (_, Vec<u16>) = match self.prepared.statement() {
            Statement::Insert(chunk) => (chunk.table, chunk.columns.iter().collect()),
            Statement::Update(update) => (update.table.meta, update.set.iter().map(|set| set.column).collect()),
            Statement::UpdateRows(chunk) => (chunk.table, chunk.columns.iter().collect()),
            _ => return Vec::new(),
        };
        columns.into_iter().filter_map(|column| table.column(column)).map(|column| column.name).collect()
    }

    fn rows(&self) -> usize {
        match self.prepared.statement() {
            Statement::Insert(chunk) => chunk.rows().len(),
            _ => 0,
        }
    }

    fn counts(&self) -> bool {
        !matches!(self.prepared.statement(), Statement::Ddl(_))
    }
}

impl Compiled<'_, '_> {
    /// The same with values of its own, for another thread.
    pub(crate) fn into_owned(self) -> Result<Owned> {
        Ok(Owned {
            sql: self.sql().to_owned(),
            values: values_of(&self)?,
            columns: self.columns().into_iter().map(str::to_owned).collect(),
            rows: self.rows(),
            table: self.table().map(str::to_owned),
            operation: self.operation(),
            surely_writes: self.surely_writes(),
            alters: self.alters(),
            counts: self.counts(),
            show_binds: self.show_binds,
        })
    }
}

/// A read for which its table decides the text, as [`Cache::known`](orm_core::compile::Cache::known) has it: all rows,
/// or the one with a key.
pub(crate) struct Known<'a> {
    pub(crate) sql: &'a str,
    pub(crate) table: &'a TableMeta,
    /// That of the one row.
    pub(crate) key: Option<&'a [Value]>,
    pub(crate) show_binds: bool,
}

impl Known<'_> {
    #[inline]
    fn key(&self) -> &[Value] {
        self.key.unwrap_or_default()
    }
}

impl Work for Known<'_> {
    fn sql(&self) -> &str {
        self.sql
    }

    #[inline]
    fn bind(&self, sink: &mut dyn BindSink) -> Result<()> {
        for value in self.key() {
            match value.borrowed() {
                Ok(value) => sink.bind(value)?,
                Err(error) => return Err(unbindable(error)),
            }
        }
        Ok(())
    }

    fn binds(&self) -> Binds {
        Binds::new(self.key().iter(), self.show_binds)
    }

    fn table(&self) -> Option<&str> {
        Some(self.table.name)
    }

    fn operation(&self) -> Operation {
        Operation::Other
    }

    fn surely_writes(&self) -> bool {
        false
    }

    fn surely_reads(&self) -> bool {
        true
    }

    fn one_row(&self) -> bool {
        self.key.is_some()
    }

    fn leaves_tables(&self) -> bool {
        true
    }
}

/// The plan of a statement.
pub(crate) struct Explained<'p, 'a> {
    sql: String,
    of: Compiled<'p, 'a>,
}

impl<'p, 'a> From<Compiled<'p, 'a>> for Explained<'p, 'a> {
    fn from(of: Compiled<'p, 'a>) -> Self {
        Explained { sql: format!("EXPLAIN QUERY PLAN {}", of.sql()), of }
    }
}

impl Work for Explained<'_, '_> {
    fn sql(&self) -> &str {
        &self.sql
    }

    fn bind(&self, sink: &mut dyn BindSink) -> Result<()> {
        self.of.bind(sink)
    }

    fn binds(&self) -> Binds {
        self.of.binds()
    }

    fn table(&self) -> Option<&str> {
        self.of.table()
    }

    fn operation(&self) -> Operation {
        self.of.operation()
    }

    fn surely_writes(&self) -> bool {
        false
    }

    fn counts(&self) -> bool {
        false
    }
}

/// A statement with values of its own.
pub(crate) struct Owned {
    sql: String,
    values: Vec<Value>,
    columns: Vec<String>,
    rows: usize,
    table: Option<String>,
    operation: Operation,
    surely_writes: bool,
    alters: bool,
    counts: bool,
    show_binds: bool,
}

impl Work for Owned {
    fn sql(&self) -> &str {
        &self.sql
    }

    fn bind(&self, sink: &mut dyn BindSink) -> Result<()> {
        self.values.iter().try_for_each(|value| sink.bind(value.borrowed().map_err(unbindable)?))
    }

    fn binds(&self) -> Binds {
        Binds::new(self.values.iter(), self.show_binds)
    }

    fn table(&self) -> Option<&str> {
        self.table.as_deref()
    }

    fn operation(&self) -> Operation {
        self.operation
    }

    fn surely_writes(&self) -> bool {
        self.surely_writes
    }

    fn alters(&self) -> bool {
        self.alters
    }

    fn columns(&self) -> Vec<&str> {
        self.columns.iter().map(String::as_str).collect()
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn counts(&self) -> bool {
        self.counts
    }
}

/// Copies of what would be bound.
pub(crate) fn values_of(work: &dyn Work) -> Result<Vec<Value>> {
    let mut values = Values(Vec::new());
    work.bind(&mut values)?;
    Ok(values.0)
}

struct Values(Vec<Value>);

impl BindSink for Values {
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        self.0.push(value.to_owned());
        Ok(())
    }
}

/// Begins or ends a transaction or savepoint.
#[derive(Debug)]
pub(crate) struct Control {
    sql: Cow<'static, str>,
    operation: Operation,
    writes: bool,
}

impl Control {
    /// Takes the write lock at once.
    pub(crate) const BEGIN_IMMEDIATE: Control = Control::new("BEGIN IMMEDIATE", Operation::Other, true);
    /// Takes no lock. A statement that writes will take it, if it may.
    pub(crate) const BEGIN: Control = Control::new("BEGIN", Operation::Other, false);
    pub(crate) const COMMIT: Control = Control::new("COMMIT", Operation::Commit, false);
    pub(crate) const ROLLBACK: Control = Control::new("ROLLBACK", Operation::Other, false);

    const fn new(sql: &'static str, operation: Operation, writes: bool) -> Self {
        Control { sql: Cow::Borrowed(sql), operation, writes }
    }

    pub(crate) fn savepoint(depth: u32) -> Self {
        Control::numbered("SAVEPOINT", depth)
    }

    pub(crate) fn release(depth: u32) -> Self {
        Control::numbered("RELEASE", depth)
    }

    pub(crate) fn rollback_to(depth: u32) -> Self {
        Control::numbered("ROLLBACK TO", depth)
    }

    fn numbered(words: &str, depth: u32) -> Self {
        Control { sql: format!("{words} orm_{depth}").into(), operation: Operation::Other, writes: false }
    }
}

impl Work for Control {
    fn sql(&self) -> &str {
        &self.sql
    }

    fn bind(&self, _sink: &mut dyn BindSink) -> Result<()> {
        Ok(())
    }

    fn binds(&self) -> Binds {
        Binds::None
    }

    fn table(&self) -> Option<&str> {
        None
    }

    fn operation(&self) -> Operation {
        self.operation
    }

    fn surely_writes(&self) -> bool {
        self.writes
    }

    fn counts(&self) -> bool {
        false
    }
}
