//! One connection, lent to one caller.
//!
//! A statement runs on the calling task: a point select takes a microsecond or two, and sending it to another thread
//! ten. What may take long and is not SQLite's own work (a lock, a turn to write) is awaited. Streams, and if the
//! engine was built to offload all statements but those that begin and end transactions, run on a thread for blocking
//! work, which has the connection meanwhile: see [`stream`](crate::stream).
//!
//! Invariants: a transaction that SQLite has ended by itself is noticed before the next statement; the right to write
//! is held exactly as long as SQLite's own; whatever future is dropped, the connection is as it was before it, or its
//! pool cleans it.

use std::sync::Arc;

use orm_core::ast::{InsertChunk, Statement, UpdateChunk};
use orm_core::compile::{LastTexts, Prepared};
use orm_core::driver::{BoxFuture, Connection, Done, NoRows, RowSink, RowStream, Running, Streaming};
use orm_core::engine::TransactionOptions;
use orm_core::error::Result;
use orm_core::meta::TableMeta;
use orm_core::value::Value;
use tokio::sync::oneshot;

use crate::dialect::SqliteDialect;
use crate::driver::Database;
use crate::error;
use crate::keys;
use crate::lock::{Patience, WritePermit};
use crate::pool::{Lent, Live};
use crate::statement::{Compiled, Control, Explained, Failure, How, Known, Transaction, Work};
use crate::stream::{Outcome, Returned, SqliteStream};

/// A connection of the pool. It goes back when this is dropped.
pub(crate) struct SqliteConnection {
    pub(crate) place: Place,
    pub(crate) database: Arc<Database>,
    pub(crate) transaction: Option<Transaction>,
    /// The transaction (0) or outermost savepoint that was dropped while the connection was away.
    abandoned: Option<u32>,
    /// The texts of what it ran last.
    last_texts: LastTexts,
}

/// Where the connection is.
pub(crate) enum Place {
    Here(Lent),
    /// With a thread that runs a statement on it.
    Away(oneshot::Receiver<Returned>),
    /// Lost with its thread.
    Gone,
}

/// Why something has to be tried again, and the right to write if it is there.
type Waits = (Failure, Option<WritePermit>);

impl SqliteConnection {
    pub(crate) fn new(lent: Lent, database: Arc<Database>) -> Self {
        SqliteConnection {
            place: Place::Here(lent),
            database,
            transaction: None,
            abandoned: None,
            last_texts: LastTexts::default(),
        }
    }

    pub(crate) fn live(&mut self) -> Result<&mut Live> {
        match &mut self.place {
            Place::Here(lent) => lent.live(),
            Place::Away(_) | Place::Gone => Err(error::lost()),
        }
    }

    /// Waits until the connection is here. Gives what came of the statement that it was away for.
    pub(crate) async fn come_back(&mut self) -> Result<Option<Outcome>> {
        let Place::Away(back) = &mut self.place else {
            return Ok(None);
        };
        let Ok(Returned { lent, outcome }) = back.await else {
            self.place = Place::Gone;
            return Err(error::lost());
        };
        self.place = Place::Here(lent);
        if let Some(depth) = self.abandoned.take() {
            self.undo(depth);
        }
        Ok(Some(outcome))
    }

    /// Waits until a statement can run, if one cannot.
    #[inline]
    async fn ready(&mut self) -> Result<()> {
        if self.at_hand()? {
            return Ok(());
        }
        // What is seldom awaited is kept out of the future of every statement.
        Box::pin(self.give_way()).await
    }

    /// Whether a statement can run now: the connection is here, and it is not the other tasks' turn.
    fn at_hand(&mut self) -> Result<bool> {
        match &mut self.place {
            Place::Here(lent) => Ok(!lent.live()?.is_due_to_yield()),
            Place::Away(_) => Ok(false),
            Place::Gone => Err(error::lost()),
        }
    }

    /// Waits for the connection, and for the other tasks.
    async fn give_way(&mut self) -> Result<()> {
        self.come_back().await?;
        tokio::task::yield_now().await;
        Ok(())
    }

    fn prepare<'a>(&self, statement: Statement<'a>) -> Result<Prepared<'a>> {
        self.database.cache.prepare(statement, &SqliteDialect)
    }

    fn compiled<'p, 'a>(&self, prepared: &'p Prepared<'a>) -> Compiled<'p, 'a> {
        Compiled { prepared, show_binds: self.database.show_binds, how: How::default() }
    }

    /// Apart from the future, which stays small so: the prepared statement is not in it.
    fn run_at_once(
        &mut self,
        statement: Statement<'_>,
        permit: &mut Option<WritePermit>,
        sink: &mut dyn RowSink,
    ) -> Result<Done, Failure> {
        if let Some(chunk) = keys::without_returning(statement)
            && self.can_count(&chunk)
        {
            return self.run_counted(chunk, permit, sink);
        }
        if let Statement::UpdateRows(chunk) = statement
            && self.runs_apart(&chunk)
        {
            return self.run_prepared(
                Statement::UpdateRows(chunk.first()),
                How { apart: Some(chunk), counted: false },
                permit,
                sink,
            );
        }
        self.run_prepared(statement, How::default(), permit, sink)
    }

    #[inline]
    fn run_prepared(
        &mut self,
        statement: Statement<'_>,
        how: How<'_>,
        permit: &mut Option<WritePermit>,
        sink: &mut dyn RowSink,
    ) -> Result<Done, Failure> {
        let SqliteConnection { place, database, transaction, last_texts, .. } = self;
        match database.cache.prepare_beside(last_texts, &statement, &SqliteDialect) {
            // Where it is: to move it takes as long as to walk a small statement.
            Ok(ref prepared) => {
                let work = Compiled { prepared, show_binds: database.show_binds, how };
                attempt(place, database, *transaction, &work, permit, sink)
            }
            Err(error) => Err(Failure::Failed(error)),
        }
    }

    /// Runs a read whose text is known ahead: of it nothing has to be found out.
    fn run_known(
        &mut self,
        statement: &Statement<'_>,
        table: &TableMeta,
        key: Option<&[Value]>,
        sink: &mut dyn RowSink,
    ) -> Result<Done, Failure> {
        let SqliteConnection { place, database, transaction, last_texts, .. } = self;
        let sql = match database.cache.known(last_texts, statement, &SqliteDialect) {
            Ok(Some(sql)) => sql,
            Ok(None) => return self.run_prepared(*statement, How::default(), &mut None, sink),
            Err(error) => return Err(Failure::Failed(error)),
        };
        let work = Known { sql, table, key, show_binds: database.show_binds };
        attempt(place, database, *transaction, &work, &mut None, sink)
    }

    /// Whether rows are updated one by one. There must be a transaction around that can be undone in part.
    fn runs_apart(&self, chunk: &UpdateChunk<'_>) -> bool {
        chunk.rows().len() > 1 && chunk.returning.is_empty() && self.transaction.is_some()
    }

    fn can_count(&mut self, chunk: &InsertChunk<'_>) -> bool {
        let begun = self.transaction.is_some_and(|transaction| !transaction.read_only);
        begun && self.live().is_ok_and(|live| live.can_count(chunk))
    }

    /// Runs an insert whose keys are counted.
    fn run_counted(
        &mut self,
        chunk: InsertChunk<'_>,
        permit: &mut Option<WritePermit>,
        sink: &mut dyn RowSink,
    ) -> Result<Done, Failure> {
        let before = self.live().map_err(Failure::Failed)?.db.total_changes();
        let done =
            self.run_prepared(Statement::Insert(chunk), How { counted: true, apart: None }, permit, &mut NoRows)?;
        let live = self.live().map_err(Failure::Failed)?;
        let written = live.db.total_changes().wrapping_sub(before);
        let given = keys::give_keys(&chunk, live.db.last_insert_rowid(), written, sink);
        if given.is_err() {
            live.countable.doubt(false);
        }
        given.map(|()| done).map_err(Failure::Failed)
    }

    async fn run_when_it_can(
        &mut self,
        statement: Statement<'_>,
        waits: Waits,
        sink: &mut dyn RowSink,
    ) -> Result<Done> {
        let prepared = self.prepare(statement)?;
        let work = self.compiled(&prepared);
        self.persist(&work, waits, sink).await
    }

    async fn run_away(&mut self, statement: Statement<'_>, sink: &mut dyn RowSink) -> Result<Done> {
        let prepared = self.prepare(statement)?;
        let work = self.compiled(&prepared).into_owned()?;
        let mut stream = SqliteStream::start(self, work, Streaming::default()).await?;
        while stream.push_chunk(sink).await? {}
        Ok(stream.done())
    }

    async fn explain_statement(&mut self, statement: Statement<'_>, sink: &mut dyn RowSink) -> Result<Done> {
        self.ready().await?;
        let prepared = self.prepare(statement)?;
        let work = Explained::from(self.compiled(&prepared));
        let mut permit = None;
        match self.attempt(&work, &mut permit, sink) {
            Ok(done) => Ok(done),
            Err(failure) => self.persist(&work, (failure, permit), sink).await,
        }
    }

    async fn control(&mut self, control: Control) -> Result<()> {
        let mut permit = None;
        match self.attempt(&control, &mut permit, &mut NoRows) {
            Ok(_done) => Ok(()),
            Err(failure) => Box::pin(self.persist(&control, (failure, permit), &mut NoRows)).await.map(drop),
        }
    }

    /// Runs something for the first time. The right to write is in `permit` if that failed after it was given.
    fn attempt<W: Work>(
        &mut self,
        work: &W,
        permit: &mut Option<WritePermit>,
        sink: &mut dyn RowSink,
    ) -> Result<Done, Failure> {
        attempt(&mut self.place, &self.database, self.transaction, work, permit, sink)
    }

    /// Runs something again and again, waiting for locks as long as it takes and may.
    async fn persist<W: Work + Sync>(
        &mut self,
        work: &W,
        (mut failure, mut permit): Waits,
        sink: &mut dyn RowSink,
    ) -> Result<Done> {
        let (mut patience, transaction) = (Patience::new(self.database.busy_timeout), self.transaction);
        loop {
            self.database.wait_out(failure, work, &mut patience, &mut permit).await?;
            match self.live()?.attempt(work, transaction, &mut permit, sink) {
                Ok(done) => return Ok(done),
                Err(again) => failure = again,
            }
        }
    }

    async fn commit_transaction(&mut self) -> Result<()> {
        self.ready().await?;
        let committed = self.control(Control::COMMIT).await;
        // One that could not be committed is still open, unless SQLite rolled it back.
        if self.live()?.db.is_autocommit() {
            self.transaction = None;
        }
        committed
    }

    async fn roll_back_transaction(&mut self) -> Result<()> {
        self.come_back().await?;
        self.transaction = None;
        if self.live()?.db.is_autocommit() {
            return Ok(());
        }
        let rolled_back = self.control(Control::ROLLBACK).await;
        self.live()?.broken |= rolled_back.is_err();
        rolled_back
    }

    /// Undoes a transaction (depth 0) or savepoint at once.
    fn undo(&mut self, depth: u32) {
        if depth == 0 {
            self.transaction = None;
        }
        let Ok(live) = self.live() else { return };
        if live.db.is_autocommit() {
            return;
        }
        let undone = match depth {
            0 => live.end(&[Control::ROLLBACK]),
            depth => live.end(&[Control::rollback_to(depth), Control::release(depth)]),
        };
        // A savepoint that cannot be undone must not be committed with what is around it. The next statement of the
        // transaction will find that it is over.
        if !undone && !live.end(&[Control::ROLLBACK]) {
            live.broken = true;
        }
    }
}

/// As [`SqliteConnection::attempt`], where other parts of the connection are in use.
#[inline]
fn attempt<W: Work>(
    place: &mut Place,
    database: &Database,
    transaction: Option<Transaction>,
    work: &W,
    permit: &mut Option<WritePermit>,
    sink: &mut dyn RowSink,
) -> Result<Done, Failure> {
    let Place::Here(lent) = place else { return Err(Failure::Failed(error::lost())) };
    let live = lent.live().map_err(Failure::Failed)?;
    // Whoever has begun with the lock, or has written, is in already; whoever may not write need not be.
    let read_only = transaction.is_some_and(|transaction| transaction.read_only);
    if work.surely_writes() && live.writing.is_none() && !read_only {
        *permit = database.writers.try_enter();
    }
    live.attempt(work, transaction, permit, sink)
}

impl Live {
    /// Runs statements that wait for no lock; false if one fails.
    fn end(&mut self, controls: &[Control]) -> bool {
        self.countable.doubt(false);
        let run = |control: &Control| self.db.prepare_cached(control.sql()).and_then(|mut it| it.raw_execute());
        let ended = controls.iter().all(|control| run(control).is_ok());
        self.settle(&mut None);
        ended
    }
}

impl Connection for SqliteConnection {
    fn run<'a>(&'a mut self, statement: Statement<'a>, sink: &'a mut dyn RowSink) -> Running<'a> {
        match self.at_hand() {
            Ok(true) if self.database.offload => Running::waiting(move || self.run_away(statement, sink)),
            Ok(true) => {
                let mut permit = None;
                let result = match &statement {
                    Statement::Table(table) => self.run_known(&statement, table.meta, None, sink),
                    Statement::ByKey { table, key } => self.run_known(&statement, table.meta, Some(key), sink),
                    _ => self.run_at_once(statement, &mut permit, sink),
                };
                match result {
                    Ok(done) => Running::over(Ok(done)),
                    Err(Failure::Failed(error)) => Running::over(Err(error)),
                    Err(failure) => Running::waiting(move || self.run_when_it_can(statement, (failure, permit), sink)),
                }
            }
            Ok(false) => Running::waiting(move || async move {
                self.give_way().await?;
                self.run(statement, sink).await
            }),
            Err(lost) => Running::over(Err(lost)),
        }
    }

    fn explain<'a>(&'a mut self, statement: Statement<'a>, sink: &'a mut dyn RowSink) -> BoxFuture<'a, Result<Done>> {
        Box::pin(self.explain_statement(statement, sink))
    }

    fn stream<'a>(
        &'a mut self,
        statement: Statement<'a>,
        how: Streaming,
    ) -> BoxFuture<'a, Result<Box<dyn RowStream + 'a>>> {
        Box::pin(async move {
            self.ready().await?;
            let prepared = self.prepare(statement)?;
            let work = self.compiled(&prepared).into_owned()?;
            let stream = SqliteStream::start(self, work, how).await?;
            Ok(Box::new(stream) as Box<dyn RowStream + 'a>)
        })
    }

    /// Every isolation level is met: SQLite's transactions are serializable, and there is none weaker.
    ///
    /// One that begins without the lock stands at the gate with its first statement that writes.
    fn begin<'a>(&'a mut self, options: &'a TransactionOptions) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.ready().await?;
            let (read_only, deferred) = (options.read_only, options.deferred);
            self.control(if read_only || deferred { Control::BEGIN } else { Control::BEGIN_IMMEDIATE }).await?;
            self.live()?.clock.stop();
            self.transaction = Some(Transaction { read_only });
            Ok(())
        })
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.commit_transaction())
    }

    fn rollback(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.roll_back_transaction())
    }

    fn savepoint(&mut self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.ready().await?;
            self.control(Control::savepoint(depth)).await
        })
    }

    fn release(&mut self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.ready().await?;
            self.control(Control::release(depth)).await
        })
    }

    fn rollback_to(&mut self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.ready().await?;
            self.control(Control::rollback_to(depth)).await?;
            self.control(Control::release(depth)).await
        })
    }

    fn abandon(&mut self, depth: u32) {
        match self.place {
            Place::Here(_) => self.undo(depth),
            Place::Away(_) => self.abandoned = Some(self.abandoned.map_or(depth, |before| before.min(depth))),
            Place::Gone => {}
        }
    }
}

impl std::fmt::Debug for SqliteConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = match self.place {
            Place::Here(_) => "here",
            Place::Away(_) => "away",
            Place::Gone => "gone",
        };
        f.debug_struct("SqliteConnection").field("place", &place).field("transaction", &self.transaction).finish()
    }
}
