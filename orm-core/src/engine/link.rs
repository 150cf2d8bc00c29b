//! A connection with what is around it: the engine's log and traces, and the splitting of many rows.

use std::ops::{Deref, DerefMut, RangeInclusive};
use std::sync::Arc;
use std::time::Instant;

use super::after_commit::{Action, AfterCommit};
use super::gone::Gone;
use super::n_plus_one::Watch;
use super::rows::Pause;
use super::span::Span;
use super::{Engine, StatementEvent, TransactionOptions};
use crate::ast::Statement;
use crate::driver::{
    BoxFuture, Caller, Connection as DriverConnection, Done, Flow, Outcome, Row, RowSink, RowStream, Running, Streaming,
};
use crate::error::{Binds, Error, Result};
use crate::query::{Command, FilteredStatement};

/// One connection of the pool. It goes back when this is dropped.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) connection: Box<dyn DriverConnection>,
    pub(crate) engine: Engine,
    /// How many transactions and savepoints are open: 0 is none, 1 is a transaction.
    pub(crate) depth: u32,
    writes: u64,
    /// Whether a statement lost to another transaction, which may have changed what was read.
    conflict: bool,
    /// The same of the transaction that is open, or was last.
    lost: bool,
    after_commit: AfterCommit,
    /// Who asked last for something to be run.
    pub(crate) caller: Caller,
    /// Counts what is read too often.
    watch: Option<Arc<Watch>>,
    /// Whether the last query had its answer when it was asked.
    answers_at_once: bool,
}

/// A connection that is owned, or that somebody else keeps.
#[derive(Debug)]
pub(crate) enum LinkGuard<'a> {
    // Boxed, for it would be in every future that runs a statement, and those are moved.
    Owned(Box<Link>),
    Borrowed(&'a mut Link),
}

impl Deref for LinkGuard<'_> {
    type Target = Link;
    fn deref(&self) -> &Link {
        match self {
            LinkGuard::Owned(link) => link,
            LinkGuard::Borrowed(link) => link,
        }
    }
}

impl DerefMut for LinkGuard<'_> {
    fn deref_mut(&mut self) -> &mut Link {
        match self {
            LinkGuard::Owned(link) => link,
            LinkGuard::Borrowed(link) => link,
        }
    }
}

/// Whether a connection was lent for a command alone.
#[derive(Debug, Clone, Copy)]
enum Way {
    Alone,
    Among,
}

impl LinkGuard<'_> {
    /// As [`Link::run`]; what is owned is lent for this alone.
    pub(crate) fn run<'a>(&'a mut self, command: Command<'a>, sink: &'a mut dyn RowSink) -> Running<'a> {
        match self {
            LinkGuard::Owned(link) => link.run_by(command, sink, Way::Alone),
            LinkGuard::Borrowed(link) => link.run(command, sink),
        }
    }
}

impl Link {
    pub(crate) async fn open(engine: Engine, caller: Caller) -> Result<Link> {
        match Link::at_hand(engine, caller) {
            Ok(link) => Ok(link),
            Err(engine) => Link::wait_for(engine, caller).await,
        }
    }

    /// With a connection that is waited for, when none is at hand.
    pub(crate) async fn wait_for(engine: Engine, caller: Caller) -> Result<Link> {
        let connection = engine.driver().acquire(caller).await?;
        Ok(Link::of(connection, engine, caller))
    }

    /// With a connection that need not be waited for, if there is one.
    pub(crate) fn at_hand(engine: Engine, caller: Caller) -> Result<Link, Engine> {
        match engine.driver().try_acquire(caller) {
            Some(connection) => Ok(Link::of(connection, engine, caller)),
            None => Err(engine),
        }
    }

    fn of(connection: Box<dyn DriverConnection>, engine: Engine, caller: Caller) -> Link {
        Link {
            connection,
            watch: engine.watch(),
            caller,
            engine,
            depth: 0,
            writes: 0,
            conflict: false,
            lost: false,
            after_commit: AfterCommit::default(),
            answers_at_once: false,
        }
    }

    /// What stays behind while somebody has the connection: it fails in whatever is asked of it.
    pub(super) fn gone(&self) -> Link {
        Link {
            connection: Box::new(Gone),
            watch: None,
            caller: self.caller,
            engine: self.engine.clone(),
            depth: self.depth,
            writes: self.writes,
            conflict: false,
            lost: false,
            after_commit: AfterCommit::default(),
            answers_at_once: false,
        }
    }

    /// Whether it is worth asking without a future to wait in.
    #[inline]
    pub(crate) fn answers_at_once(&self) -> bool {
        self.answers_at_once
    }

    /// Says whether the last query had its answer when it was asked.
    pub(crate) fn set_answers_at_once(&mut self, at_once: bool) {
        self.answers_at_once = at_once;
    }

    /// Has something done once the transaction is committed, unless the innermost savepoint is undone before.
    pub(crate) fn after_commit(&mut self, action: Action) {
        self.after_commit.add(self.depth, action);
    }

    /// How often something else than a `SELECT` was run or streamed, whatever came of it: the same number twice says
    /// that nothing was written in between.
    pub(crate) fn writes(&self) -> u64 {
        self.writes
    }

    /// Remembers that a statement lost to another transaction.
    #[inline]
    pub(crate) fn noted<T>(&mut self, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.note(error))
    }

    /// The same of what came of a statement. Its error leaves its box here.
    #[inline]
    pub(crate) fn noted_outcome(&mut self, outcome: Outcome) -> Result<Done> {
        outcome.map_err(|error| self.note(*error))
    }

    #[cold]
    fn note(&mut self, error: Error) -> Error {
        if error.is_retryable() {
            (self.conflict, self.lost) = (true, true);
        }
        // What was prepared for the statement is gone. Run again, the transaction has it prepared anew.
        self.lost |= self.depth > 0 && self.connection.take_stale();
        error
    }

    /// The transaction has lost to another one, by something else than a statement that failed.
    pub(crate) fn loses(&mut self) {
        self.lost = true;
    }

    /// Whether something in the transaction lost to another one, so that the whole may succeed if it is run again.
    pub(super) fn has_lost(&self) -> bool {
        self.lost
    }

    /// Whether a statement lost to another transaction since this was asked last.
    pub(crate) fn take_conflict(&mut self) -> bool {
        std::mem::take(&mut self.conflict)
    }

    /// Whether a transaction is open.
    pub(crate) fn in_transaction(&self) -> bool {
        self.depth > 0
    }

    /// Runs a command: one statement, or the several of many rows, which then stand or fall together.
    ///
    /// It is to be awaited at once. What is rare is in a future of its own; a statement that the backend need not wait
    /// for has run when this returns.
    pub(crate) fn run<'a>(&'a mut self, command: Command<'a>, sink: &'a mut dyn RowSink) -> Running<'a> {
        self.run_by(command, sink, Way::Among)
    }

    fn run_by<'a>(&'a mut self, command: Command<'a>, sink: &'a mut dyn RowSink, way: Way) -> Running<'a> {
        let statement = match command {
            Command::One(statement) => match self.engine.apply_filters(statement) {
                None => statement,
                Some(filtered) => return Running::waiting(move || self.run_filtered(filtered, sink)),
            },
            Command::Insert(insert) if insert.is_one_row(self.engine.driver().features().max_binds) => {
                Statement::Insert(insert.first_row())
            }
            Command::Insert(insert) if self.copies(insert) => {
                return Running::waiting(move || self.run_copy(insert));
            }
            Command::UpdateRows(update) if update.table.version.is_some() => {
                return Running::waiting(move || self.run_versioned(update, sink));
            }
            Command::Insert(_) | Command::UpdateRows(_) | Command::DeleteRows(_) => match self.first_of(command) {
                Ok(None) => return Running::over(Ok(Done::default())),
                Ok(Some(only)) if command.ends_with(only) => only,
                Ok(Some(_)) => return Running::waiting(move || self.run_together(command, sink)),
                Err(error) => return Running::over(Err(error)),
            },
        };
        match way {
            Way::Among => self.run_as_is(statement, sink),
            Way::Alone => self.run_alone(statement, sink),
        }
    }

    fn run_alone<'a>(&'a mut self, statement: Statement<'a>, sink: &'a mut dyn RowSink) -> Running<'a> {
        if self.is_observed() {
            return self.run_as_is(statement, sink);
        }
        self.count(statement);
        self.connection.run_alone(statement, sink)
    }

    /// Runs a statement without the engine's filters.
    #[inline]
    pub(crate) fn run_as_is<'a>(&'a mut self, statement: Statement<'a>, sink: &'a mut dyn RowSink) -> Running<'a> {
        self.count(statement);
        if self.is_observed() {
            return self.observe(statement, sink, |it, statement, sink| it.run(statement, sink));
        }
        self.connection.run(statement, sink)
    }

    #[cold]
    fn observe<'a>(&'a mut self, statement: Statement<'a>, sink: &'a mut dyn RowSink, run: Run) -> Running<'a> {
        Running::waiting(move || self.run_observed(statement, sink, run))
    }

    async fn run_filtered(&mut self, filtered: FilteredStatement, sink: &mut dyn RowSink) -> Result<Done> {
        self.run_as_is(filtered.statement(), sink).await
    }

    /// Whether somebody looks for queries that run too often.
    #[inline]
    pub(crate) fn watches(&self) -> bool {
        self.watch.is_some()
    }

    /// Counts a query that is about to run for whoever asked for it.
    pub(crate) fn watch(&self, command: Command<'_>) -> Result<()> {
        match (&self.watch, command) {
            (Some(watch), Command::One(statement @ (Statement::Select(_) | Statement::ByKey { .. }))) => {
                // One that cannot be compiled says so when it runs.
                let text = self.engine.driver().text(statement).map(|(sql, _binds)| sql);
                text.map_or(Ok(()), |sql| watch.count(self.caller, sql))
            }
            _ => Ok(()),
        }
    }

    /// Counts what a session reads for one object or key.
    pub(crate) fn watch_key(&self, caller: Caller, what: impl FnOnce() -> String) -> Result<()> {
        self.watch.as_ref().map_or(Ok(()), |watch| watch.count(caller, what()))
    }

    /// Runs a statement after whose failure the transaction goes on.
    pub(crate) fn run_guarded<'a>(&'a mut self, statement: Statement<'a>, sink: &'a mut dyn RowSink) -> Running<'a> {
        self.count(statement);
        if self.is_observed() {
            return self.observe(statement, sink, |it, statement, sink| it.run_guarded(statement, sink));
        }
        self.connection.run_guarded(statement, sink)
    }

    /// The first statement of many rows. Apart from statements by themselves, whose stack has no room for it.
    #[inline(never)]
    fn first_of<'a>(&self, command: Command<'a>) -> Result<Option<Statement<'a>>> {
        Ok(command.statements(self.engine.driver().features())?.next())
    }

    /// Runs the statements of many rows in a transaction, or a savepoint of the one that is open.
    async fn run_together(&mut self, command: Command<'_>, sink: &mut dyn RowSink) -> Result<Done> {
        let mut counting = Counting { sink, rows: 0 };
        match self.try_together(command, &mut counting).await {
            Err(_) if self.depth == 0 && self.connection.take_stale() && counting.rows == 0 => {
                self.try_together(command, &mut counting).await
            }
            result => result,
        }
    }

    async fn try_together(&mut self, command: Command<'_>, sink: &mut dyn RowSink) -> Result<Done> {
        let depth = self.enter(&TransactionOptions::new()).await?;
        let together = Together { link: self, depth };
        let done = together.link.run_all(command, sink).await?;
        together.link.leave(depth, Ending::Commit).await?;
        Ok(done)
    }

    /// Runs the statements of many rows in the transaction that is open.
    pub(super) async fn run_all(&mut self, command: Command<'_>, sink: &mut dyn RowSink) -> Result<Done> {
        let mut rows_affected = 0;
        for statement in command.statements(self.engine.driver().features())? {
            rows_affected += self.run(Command::One(statement), sink).await?.rows_affected;
        }
        Ok(Done { rows_affected })
    }

    /// Begins a transaction, or sets a savepoint if one is open. Gives the new depth.
    pub(crate) async fn enter(&mut self, options: &TransactionOptions) -> Result<u32> {
        match self.depth {
            0 => {
                self.lost = false;
                self.connection.begin(options).await?;
            }
            depth => self.connection.savepoint(depth).await?,
        }
        self.depth += 1;
        Ok(self.depth)
    }

    /// Ends the transaction (depth 1) or savepoint. After an error it is still to be abandoned.
    ///
    /// A panic of an action for after the commit comes out of it when all is over.
    pub(crate) async fn leave(&mut self, depth: u32, ending: Ending) -> Result<()> {
        match (depth, ending) {
            (1, Ending::Commit) => self.connection.commit().await?,
            (1, Ending::Rollback) => self.connection.rollback().await?,
            (depth, Ending::Commit) => self.connection.release(depth - 1).await?,
            (depth, Ending::Rollback) => self.connection.rollback_to(depth - 1).await?,
        }
        self.depth = depth - 1;
        match (depth, ending) {
            (1, Ending::Commit) => std::mem::take(&mut self.after_commit).run(),
            (depth, Ending::Commit) => self.after_commit.keep(depth),
            (depth, Ending::Rollback) => self.after_commit.forget(depth),
        }
        Ok(())
    }

    /// Prepares the transaction to be committed by its name.
    pub(super) async fn prepare_transaction(&mut self, id: &str) -> Result<()> {
        if !self.after_commit.is_empty() {
            let reason = "`after_commit` has been given something to do, and whoever commits a prepared transaction \
                          does not know of it: do it after `commit_prepared`";
            return Err(Error::Statement(reason.into()));
        }
        self.connection.prepare_transaction(id).await?;
        self.depth = 0;
        Ok(())
    }

    /// Undoes the transaction (depth 1) or savepoint, unless it is over.
    pub(crate) fn abandon(&mut self, depth: u32) {
        if self.depth >= depth {
            self.connection.abandon(depth - 1);
            self.depth = depth - 1;
            self.after_commit.forget(depth);
        }
    }

    /// Runs statements that do not need each other's answers. All are over when this is.
    pub(crate) async fn run_many(&mut self, parts: Vec<(Command<'_>, &mut dyn RowSink)>) -> Result<()> {
        let engine = self.engine.clone();
        let (mut statements, mut sinks) = (Vec::with_capacity(parts.len()), Vec::with_capacity(parts.len()));
        for (command, sink) in parts {
            refuse_versions(command, "a pipeline")?;
            match command.statements(engine.driver().features())?.next() {
                Some(only) if command.ends_with(only) => statements.push(only),
                Some(_) => return Err(too_many_rows()),
                None => continue,
            }
            sinks.push(Counting { sink, rows: 0 });
        }
        let filtered: Vec<_> = statements.iter().map(|statement| engine.apply_filters(*statement)).collect();
        for (statement, filtered) in statements.iter_mut().zip(&filtered) {
            *statement = filtered.as_ref().map_or(*statement, FilteredStatement::statement);
        }
        let mut observed = Vec::new();
        for statement in &statements {
            self.count(*statement);
            if self.is_observed() {
                observed.push(Observed::new(&engine, *statement)?);
            }
        }
        let pairs = statements.iter().zip(&mut sinks).map(|(statement, sink)| (*statement, sink as &mut dyn RowSink));
        let results = self.connection.run_many(pairs.collect()).await;
        let rows = sinks.iter().map(|sink| sink.rows);
        let mut failure = Ok(());
        let mut observed = observed.into_iter();
        for (result, rows) in results.into_iter().zip(rows) {
            let result = match observed.next() {
                Some(observed) => observed.report(&engine, rows, result),
                None => result,
            };
            failure = failure.and(self.noted(result).map(drop));
        }
        failure
    }

    async fn run_observed(&mut self, statement: Statement<'_>, sink: &mut dyn RowSink, run: Run) -> Result<Done> {
        let observed = Observed::new(&self.engine, statement)?;
        let mut counting = Counting { sink, rows: 0 };
        let result = observed.span.around(run(self.connection.as_mut(), statement, &mut counting)).await;
        observed.report(&self.engine, counting.rows, result)
    }

    /// Streams a command's rows into `sink`, pausing whenever it `is_filled`.
    pub(crate) async fn stream(
        &mut self,
        command: Command<'_>,
        how: Streaming,
        sink: &mut dyn RowSink,
        is_filled: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<()> {
        refuse_versions(command, "a stream")?;
        let mut statements = command.statements(self.engine.driver().features())?.peekable();
        let Some(first) = statements.next() else { return Ok(()) };
        if statements.peek().is_none() {
            return self.stream_statement(first, how, sink, is_filled).await;
        }
        let depth = self.enter(&TransactionOptions::new()).await?;
        let together = Together { link: self, depth };
        for statement in std::iter::once(first).chain(statements) {
            together.link.stream_statement(statement, how, sink, is_filled).await?;
        }
        together.link.leave(depth, Ending::Commit).await
    }

    async fn stream_statement(
        &mut self,
        statement: Statement<'_>,
        how: Streaming,
        sink: &mut dyn RowSink,
        is_filled: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<()> {
        let filtered = self.engine.apply_filters(statement);
        let statement = filtered.as_ref().map_or(statement, FilteredStatement::statement);
        self.count(statement);
        let mut observed = match self.is_observed() {
            true => Some(Observed::new(&self.engine, statement)?),
            false => None,
        };
        let mut counting = Counting { sink, rows: 0 };
        let result = match self.connection.stream(statement, how).await {
            Ok(rows) => {
                if let (Some(observed), Some(sql)) = (&mut observed, rows.sql()) {
                    sql.clone_into(&mut observed.sql);
                }
                pump(rows, &mut counting, is_filled).await
            }
            Err(error) => Err(error),
        };
        match observed {
            Some(observed) => observed.report(&self.engine, counting.rows, result).map(drop),
            None => result.map(drop),
        }
    }

    /// Before it runs: what fails half-way, or is dropped, may have written.
    #[inline]
    pub(super) fn count(&mut self, statement: Statement<'_>) {
        self.writes += u64::from(!statement.reads());
    }

    #[inline]
    pub(super) fn is_observed(&self) -> bool {
        self.engine.is_observed()
    }
}

/// Runs a read on a connection that somebody else has, if it does not matter on which, and the backend knows of one. Gives
/// whether it was run.
pub(super) fn run_along<'a>(
    engine: &'a Engine,
    statement: Statement<'a>,
    sink: &'a mut dyn RowSink,
) -> Option<BoxFuture<'a, Result<bool>>> {
    let Statement::ByKey { table, .. } = statement else { return None };
    // Who is told of statements is told of what is sent.
    if engine.is_observed() || engine.is_watched() || engine.filters().of(table.meta).next().is_some() {
        return None;
    }
    engine.driver().run_along(statement, sink)
}

/// Whether all rows were as they were read is known when they are written, and some of them cannot be given before.
fn refuse_versions(command: Command<'_>, what: &str) -> Result<()> {
    match command {
        Command::UpdateRows(update) if update.table.version.is_some() => Err(Error::Statement(format!(
            "`{}` has a version, so its rows are not updated in {what}: `execute` or `fetch_all` the `update_rows` by itself",
            update.table.model
        ))),
        _ => Ok(()),
    }
}

fn too_many_rows() -> Error {
    Error::Statement(
        "a pipeline takes no more rows of an `insert` or `update` than one statement: send them by themselves".into(),
    )
}

/// One of a connection's ways to run a statement.
type Run = for<'a> fn(&'a mut dyn DriverConnection, Statement<'a>, &'a mut dyn RowSink) -> Running<'a>;

async fn pump(
    mut rows: Box<dyn RowStream + '_>,
    sink: &mut dyn RowSink,
    is_filled: &(dyn Fn() -> bool + Send + Sync),
) -> Result<Done> {
    while rows.next_chunk(sink).await? {
        if is_filled() {
            Pause::default().await;
        }
    }
    Ok(Done::default())
}

/// A statement of which listeners and spans are told.
pub(super) struct Observed<'a> {
    statement: Statement<'a>,
    sql: String,
    binds: Binds,
    span: Span,
    start: Instant,
}

impl<'a> Observed<'a> {
    /// Before it runs. A statement that cannot be compiled is reported at once.
    fn new(engine: &Engine, statement: Statement<'a>) -> Result<Self> {
        let start = Instant::now();
        let text = engine.driver().text(statement);
        let (sql, binds) = text.as_ref().map_or(("", Binds::None), |(sql, binds)| (sql.as_str(), binds.clone()));
        let span = Span::open(engine.driver(), statement, sql);
        let observed = Observed { statement, sql: sql.to_owned(), binds, span, start };
        match text {
            Ok(_) => Ok(observed),
            Err(error) => {
                let unsent = Err(error);
                observed.tell(engine, 0, &unsent);
                unsent.map(|_done| observed)
            }
        }
    }

    /// One that is told to the database in other words.
    pub(super) fn of(engine: &Engine, statement: Statement<'a>, sql: &str) -> Self {
        let span = Span::open(engine.driver(), statement, sql);
        Observed { statement, sql: sql.to_owned(), binds: Binds::None, span, start: Instant::now() }
    }

    /// After it ran.
    pub(super) fn report(self, engine: &Engine, rows: u64, result: Result<Done>) -> Result<Done> {
        self.tell(engine, rows, &result);
        result
    }

    fn tell(&self, engine: &Engine, rows: u64, result: &Result<Done>) {
        self.span.close(result, rows);
        let event = StatementEvent {
            sql: &self.sql,
            binds: &self.binds,
            operation: self.statement.operation(),
            table: self.statement.table(),
            elapsed: self.start.elapsed(),
            rows,
            rows_affected: result.as_ref().map_or(0, |done| done.rows_affected),
            error: result.as_ref().err(),
        };
        engine.recorder().tell(&self.sql);
        for listener in &engine.options().listeners {
            listener(&event);
        }
    }
}

/// How a transaction or savepoint ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    Commit,
    Rollback,
}

/// The statements of many rows, undone together if one fails or the future is dropped.
pub(super) struct Together<'a> {
    pub(super) link: &'a mut Link,
    pub(super) depth: u32,
}

impl Drop for Together<'_> {
    fn drop(&mut self) {
        self.link.abandon(self.depth);
    }
}

/// Counts the rows on their way.
struct Counting<'a> {
    sink: &'a mut dyn RowSink,
    rows: u64,
}

impl RowSink for Counting<'_> {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        self.rows += 1;
        self.sink.row(row)
    }

    fn keys(&mut self, keys: RangeInclusive<i64>) -> bool {
        let rows = keys.clone().count() as u64;
        let taken = self.sink.keys(keys);
        self.rows += if taken { rows } else { 0 };
        taken
    }
}
