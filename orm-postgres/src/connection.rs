//! One connection, lent to one caller.
//!
//! Invariants: the server runs what it is sent in order, so what is undone without waiting is undone before the next
//! statement; a statement that failed has failed its transaction until a rollback; whatever future is dropped, the pool
//! gets a clean connection back, or throws it away.

use std::any::Any;
use std::borrow::Borrow;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::TryStreamExt;
use futures_util::future::maybe_done;
use orm_core::ast::{InsertChunk, Statement, TableRef};
use orm_core::boxed;
use orm_core::compile::{Arrays, Prepared};
use orm_core::driver::{
    BoxFuture, Cancel, Connection, CopyIn, Done, Flow, Outcome, RowSink, RowStream, Running, Streaming,
};
use orm_core::engine::{Isolation, PreparedTransaction, TransactionOptions};
use orm_core::error::{Error, Result};
use orm_core::value::Value;

use tokio_postgres::types::Type;

use crate::array;
use crate::batch::{self, Answer, Opened};
use crate::copy_in::PostgresCopy;
use crate::dialect::PostgresDialect;
use crate::error;
use crate::live::{Live, Transaction};
use crate::pool::{Lent, Shared};
use crate::readable;
use crate::row::PostgresRow;
use crate::statement::Failed;
use crate::stream::PostgresStream;
use crate::value::Bound;

/// How many rows that nobody wants are read, so that the answer to a statement has come.
const FEW_ROWS: usize = 100;

/// How often a statement is prepared for a proxy that leads elsewhere when it is run.
const MEETINGS: u32 = 20;

const PREPARED: &str = "SELECT gid, CAST(owner AS text), prepared FROM pg_catalog.pg_prepared_xacts \
                        WHERE database = current_database() ORDER BY prepared, gid";

/// What to do when nobody knows whether a transaction was prepared, or a prepared one committed.
const IF_LOST: &str = "`prepared_transactions` says whether it is still there";

/// A connection of the pool. It goes back when this is dropped.
pub(crate) struct PostgresConnection {
    lent: Lent,
}

/// Why a statement did not run to its end.
pub(crate) enum Failure {
    /// The server, or the way to it.
    Server(tokio_postgres::Error),
    /// A value or a row that does not fit.
    Ours(Box<Error>),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Failure::Server(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Ours(Box::new(error))
    }
}

impl Failure {
    pub(crate) fn describe(self, failed: &Failed<'_>) -> Error {
        match self {
            Failure::Server(error) => error::describe(error, failed),
            Failure::Ours(error) => *error,
        }
    }
}

impl PostgresConnection {
    pub(crate) fn new(lent: Lent) -> Self {
        PostgresConnection { lent }
    }

    /// Whether values may stand in messages.
    pub(crate) fn show_binds(&self) -> bool {
        self.lent.show_binds()
    }

    pub(crate) fn live(&mut self) -> Result<&mut Live> {
        self.lent.live()
    }

    pub(crate) fn compile<'a>(&mut self, statement: Statement<'a>) -> Result<Prepared<'a>> {
        self.lent.compile(statement)
    }

    /// Makes a statement ready. The future is what waits for the server, and it is allocated for each statement: so
    /// it is kept small, and what is rare is in futures of its own.
    fn start<'a>(&'a mut self, statement: Statement<'a>, sink: &'a mut dyn RowSink, gave_way: bool) -> Running<'a> {
        let (live, texts, shared) = match self.lent.parts() {
            Ok(parts) => parts,
            Err(error) => return unsent(error),
        };
        live.stale = false;
        // Looked at where it is, for it is large.
        let prepared = shared.cache.prepare_beside(texts, &statement, &PostgresDialect);
        let known = prepared.as_ref().ok().and_then(|prepared| live.statements.find_for(prepared));
        let (Ok(values), Some(known)) = (&prepared, known) else {
            return live.start_anew(statement, shared, sink, gave_way);
        };
        if let Err(error) = live.bound.take(values, known.params()) {
            return unsent(error);
        }
        let attendance = live.attendance(gave_way);
        Running::Waiting(Box::into_pin(boxed(|| attendance.to(live.run_known(known, statement, shared, sink)))))
    }

    /// Opens a batch for a get, if other tasks are to have their turn before it.
    fn open_batch(&mut self, table: TableRef, key: &[Value]) -> Result<Option<Opened>> {
        let (live, texts, shared) = self.lent.parts()?;
        let statement = Statement::ByKey { table, key };
        let prepared = shared.cache.prepare_beside(texts, &statement, &PostgresDialect)?;
        if !live.gives_way() {
            return Ok(None);
        }
        let Some(known) = live.statements.find_for(&prepared) else { return Ok(None) };
        let can_be_one = batch::can_be_one(table, prepared.sql(), &known);
        drop(prepared);
        Ok(if can_be_one { Opened::new(self.lent.take(), table, key) } else { None })
    }

    /// Runs a get with those of others who have joined it, or by itself if nobody did.
    async fn run_batch(&mut self, batch: Opened, statement: Statement<'_>, sink: &mut dyn RowSink) -> Outcome {
        match batch.answer().await {
            Answer::Row(row) => {
                row.map_or(Ok(Flow::Continue), |row| sink.row(&PostgresRow(&row)))?;
                Ok(Done::default())
            }
            Answer::None(lent) => {
                self.lent = lent.ok_or_else(error::lost)?;
                self.start(statement, sink, true).outcome().await
            }
        }
    }

    async fn run_statement(&mut self, statement: Statement<'_>, sink: &mut dyn RowSink) -> Result<Done> {
        self.start(statement, sink, false).await
    }

    /// The savepoint is set and released by statements that nobody waits for, so it costs no way to the server and back.
    async fn run_in_savepoint(&mut self, statement: Statement<'_>, sink: &mut dyn RowSink) -> Result<Done> {
        let live = self.live()?;
        if live.transaction.is_none() {
            return self.run_statement(statement, sink).await;
        }
        live.send("SAVEPOINT orm_rows");
        let result = self.run_statement(statement, sink).await;
        let live = self.live()?;
        match &result {
            Ok(_) => live.send("RELEASE SAVEPOINT orm_rows"),
            Err(_) => {
                live.send("ROLLBACK TO SAVEPOINT orm_rows; RELEASE SAVEPOINT orm_rows");
                live.transaction = live.transaction.map(|_| Transaction::Unknown);
            }
        }
        result
    }

    /// Sends all statements, and takes the answers in their order: whoever waited for the second before the first is read
    /// would wait for ever, for the server's words wait in line as well.
    async fn run_pipeline(&mut self, mut statements: Vec<(Statement<'_>, &mut dyn RowSink)>) -> Vec<Result<Done>> {
        let mut prepared = Vec::with_capacity(statements.len());
        for (statement, _) in &statements {
            match self.compile(*statement) {
                Ok(one) => prepared.push(one),
                Err(error) => return vec![Err(error)],
            }
        }
        let show = self.show_binds();
        let live = match self.live() {
            Ok(live) => live,
            Err(error) => return vec![Err(error)],
        };
        let mut described = Vec::with_capacity(statements.len());
        let mut known = Vec::with_capacity(statements.len());
        for one in &prepared {
            match live.find_or_prepare(one).await {
                Ok(statement) => known.push(statement),
                Err(failure) => return vec![Err(failure.describe(&Failed::of(one, show)))],
            }
        }
        let results = live.send_together(&prepared, &known, &mut statements).await;
        for (number, (result, one)) in results.into_iter().zip(&prepared).enumerate() {
            let again = matches!(&result, Err(Failure::Server(error)) if error::is_stale(error));
            let result = match (again && live.transaction.is_none(), statements.get_mut(number)) {
                (true, Some((_, sink))) => {
                    live.statements.forget(one.sql());
                    live.prepare_and_attempt(one.sql(), one, &mut **sink).await
                }
                _ => result,
            };
            described.push(result.map_err(|failure| failure.describe(&Failed::of(one, show))));
        }
        described
    }

    async fn explain_statement(&mut self, statement: Statement<'_>, sink: &mut dyn RowSink) -> Result<Done> {
        let prepared = self.compile(statement)?;
        let sql = format!("EXPLAIN {}", prepared.sql());
        let failed = Failed { sql: &sql, ..Failed::of(&prepared, self.show_binds()) };
        let explained = self.live()?.prepare_and_attempt(&sql, &prepared, sink).await;
        explained.map_err(|failure| failure.describe(&failed))?;
        Ok(Done::default())
    }

    async fn begin_transaction(&mut self, options: &TransactionOptions) -> Result<()> {
        let sql = begin(options);
        let live = self.live()?;
        // Before it is sent: whoever drops the future may have begun it.
        live.transaction = Some(Transaction::Good);
        live.reads_only = options.read_only || options.deferrable;
        let begun = live.run_control(sql).await;
        if begun.is_err() {
            live.transaction = None;
        }
        begun
    }

    async fn commit_transaction(&mut self) -> Result<()> {
        self.end_transaction("COMMIT", "").await
    }

    /// Ends the transaction by a statement after which the server has done its part, for good.
    async fn end_transaction(&mut self, sql: &str, if_lost: &str) -> Result<()> {
        let live = self.live()?;
        let checked = format!("SELECT 1; {sql}");
        let sent = match live.transaction {
            None | Some(Transaction::Failed) => {
                live.roll_back();
                return Err(Error::TransactionEnded);
            }
            Some(Transaction::Good) => sql,
            // The server takes the COMMIT of a failed transaction for a ROLLBACK, and says nothing. This it refuses.
            Some(Transaction::Unknown) => &checked,
        };
        match live.control(sent).await {
            Ok(()) => {
                live.transaction = None;
                Ok(())
            }
            Err(error) if error::is_failed_transaction(&error) => {
                live.roll_back();
                Err(Error::TransactionEnded)
            }
            Err(error) => {
                // What fails here has undone the changes.
                live.transaction = None;
                Err(error::commit(error, sql, if_lost))
            }
        }
    }

    /// Ends a prepared transaction, which is none of this connection's.
    async fn commit_prepared_transaction(&mut self, id: &str) -> Result<()> {
        let sql = format!("COMMIT PREPARED {}", literal(id)?);
        self.live()?.control(&sql).await.map_err(|error| error::commit(error, &sql, IF_LOST))
    }

    async fn roll_back_prepared_transaction(&mut self, id: &str) -> Result<()> {
        let sql = format!("ROLLBACK PREPARED {}", literal(id)?);
        self.live()?.run_control(&sql).await
    }

    async fn list_prepared_transactions(&mut self) -> Result<Vec<PreparedTransaction>> {
        let live = self.live()?;
        live.depart();
        let rows = live.client.query(PREPARED, &[]).await;
        live.arrive(rows.as_ref().err());
        let rows = rows.map_err(|error| error::describe(error, &Failed::control(PREPARED)))?;
        let read =
            |row: &tokio_postgres::Row| Ok(PreparedTransaction::new(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
        let prepared: Result<_, tokio_postgres::Error> = rows.iter().map(read).collect();
        prepared.map_err(|error| error::describe(error, &Failed::control(PREPARED)))
    }

    async fn roll_back_transaction(&mut self) -> Result<()> {
        let live = self.live()?;
        if live.transaction.is_none() {
            return Ok(());
        }
        let rolled_back = live.undo("ROLLBACK").await;
        live.transaction = None;
        live.broken |= rolled_back.is_err();
        rolled_back.map_err(|error| error::describe(error, &Failed::control("ROLLBACK")))
    }
}

impl Live {
    /// Makes a statement ready that the server has not prepared. Its text is asked for anew, for what was prepared beside the
    /// statement lasts no longer than that one's place on the stack; the way to the server takes hundreds of times as long.
    #[cold]
    fn start_anew<'a>(
        &'a mut self,
        statement: Statement<'a>,
        shared: &Shared,
        sink: &'a mut dyn RowSink,
        gave_way: bool,
    ) -> Running<'a> {
        let prepared = match shared.cache.prepare(statement, &PostgresDialect) {
            Ok(prepared) => prepared,
            Err(error) => return unsent(error),
        };
        if let Statement::Ddl(_) = prepared.statement() {
            return Running::waiting(move || self.change_tables(prepared));
        }
        let attendance = self.attendance(gave_way);
        let show = shared.show_binds;
        Running::waiting(move || attendance.to(self.run_anew(prepared, show, sink)))
    }

    /// A statement that changes tables has no values, and is not run twice.
    async fn change_tables(&mut self, prepared: Prepared<'_>) -> Result<Done> {
        let result = self.control(prepared.sql()).await;
        self.statements.forget_all();
        let failed = Failed::of(&prepared, false);
        result.map(|()| Done::default()).map_err(|error| self.tell(error::describe(error, &failed)))
    }

    /// Runs a statement that the server has prepared, and whose values are bound.
    #[expect(clippy::manual_async_fn, reason = "a function has its arguments twice, and a block what it takes once")]
    fn run_known<'a>(
        &'a mut self,
        known: tokio_postgres::Statement,
        statement: Statement<'a>,
        shared: &'a Shared,
        sink: &'a mut dyn RowSink,
    ) -> impl Future<Output = Outcome> + Send + 'a {
        async move {
            match self.attempt(known, statement.reads(), sink).await {
                Ok(done) => Ok(done),
                Err(failure) => self.run_stale(failure, statement, shared, sink).await,
            }
        }
    }

    /// A statement has failed. One whose prepared form is stale is prepared again, unless its transaction has failed of it.
    ///
    /// A function that gives a future, for `async` ones are made on the stack of whoever awaits them: that of every statement.
    #[cold]
    #[inline(never)]
    fn run_stale<'a>(
        &'a mut self,
        failure: Failure,
        statement: Statement<'a>,
        shared: &'a Shared,
        sink: &'a mut dyn RowSink,
    ) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let prepared = shared.cache.prepare(statement, &PostgresDialect)?;
            if matches!(&failure, Failure::Server(error) if error::is_stale(error)) {
                self.statements.forget(prepared.sql());
                if self.transaction.is_none() {
                    return Ok(self.run_anew(prepared, shared.show_binds, sink).await?);
                }
            }
            Err(self.tell(failure.describe(&Failed::of(&prepared, shared.show_binds))).into())
        })
    }

    /// Prepares a statement, and runs it. Outside of a transaction a proxy may lead the two to different connections of its
    /// own, of which the second knows nothing of the first: then both are tried again.
    async fn run_anew(&mut self, prepared: Prepared<'_>, show: bool, sink: &mut dyn RowSink) -> Result<Done> {
        let mut left = MEETINGS;
        loop {
            left -= 1;
            match self.prepare_and_attempt(prepared.sql(), &prepared, sink).await {
                Ok(done) => return Ok(done),
                Err(Failure::Server(error))
                    if left > 0 && self.transaction.is_none() && error::is_forgotten(&error) =>
                {
                    self.statements.forget(prepared.sql());
                }
                Err(failure) => return Err(self.tell(failure.describe(&Failed::of(&prepared, show)))),
            }
        }
    }

    async fn prepare_and_attempt(
        &mut self,
        sql: &str,
        values: &Prepared<'_>,
        sink: &mut dyn RowSink,
    ) -> Result<Done, Failure> {
        let statement = self.prepare(sql, values).await?;
        self.bound.take(values, statement.params())?;
        self.attempt(&statement, values.statement().reads(), sink).await
    }

    /// Runs a statement whose values are bound to its end, and pushes rows as they come. What writes is waited for, even
    /// if nobody wants more of its rows; what reads is, if there are few more: then nothing has to be stopped.
    ///
    /// Generic, so that it is compiled into its caller where the statement is known and nothing else is done.
    async fn attempt(
        &mut self,
        statement: impl Borrow<tokio_postgres::Statement>,
        reads: bool,
        sink: &mut dyn RowSink,
    ) -> Result<Done, Failure> {
        let mut rows = pin!(self.send_statement(statement.borrow()).await?);
        let (mut given, mut unwanted) = (Ok(Flow::Continue), 0);
        loop {
            match rows.try_next().await {
                Ok(Some(row)) if matches!(given, Ok(Flow::Continue)) => {
                    given = sink.row(&PostgresRow(&row)).map_err(Failure::from)
                }
                Ok(Some(_)) if reads && unwanted == FEW_ROWS => break,
                Ok(Some(_)) => unwanted += 1,
                Ok(None) => {
                    self.arrive(None);
                    break;
                }
                Err(error) => return Err(self.failed(error).into()),
            }
        }
        given?;
        Ok(Done { rows_affected: if reads { 0 } else { rows.rows_affected().unwrap_or_default() } })
    }

    pub(crate) async fn find_or_prepare(
        &mut self,
        values: &Prepared<'_>,
    ) -> Result<tokio_postgres::Statement, Failure> {
        match self.statements.find_for(values) {
            Some(statement) => Ok(statement),
            None => self.prepare(values.sql(), values).await,
        }
    }

    /// Sends statements before it waits for the first answer.
    async fn send_together(
        &mut self,
        prepared: &[Prepared<'_>],
        known: &[tokio_postgres::Statement],
        statements: &mut [(Statement<'_>, &mut dyn RowSink)],
    ) -> Vec<Result<Done, Failure>> {
        let bound: Result<Vec<Bound>> =
            prepared.iter().zip(known).map(|(values, statement)| Bound::of(values, statement.params())).collect();
        let bound = match bound {
            Ok(bound) => bound,
            Err(error) => return vec![Err(error.into())],
        };
        self.depart();
        let client = &self.client;
        let mut sent: Vec<_> = known
            .iter()
            .zip(&bound)
            .map(|(statement, bound)| Box::pin(maybe_done(client.query_raw(statement, bound.binds()))))
            .collect();
        // Polled once, each is sent.
        poll_fn(|context| {
            for one in &mut sent {
                let _ready_or_not = one.as_mut().poll(context);
            }
            Poll::Ready(())
        })
        .await;
        let mut results = Vec::with_capacity(sent.len());
        for ((mut one, values), (_, sink)) in sent.into_iter().zip(prepared).zip(statements) {
            one.as_mut().await;
            results.push(match one.as_mut().take_output() {
                Some(Ok(rows)) => all_rows(rows, values.statement().reads(), &mut **sink).await,
                Some(Err(error)) => Err(error.into()),
                None => Err(error::lost().into()),
            });
        }
        let mut failed = false;
        for result in &results {
            if let Err(Failure::Server(error)) = result {
                failed = true;
                self.arrive(Some(error));
            }
        }
        if !failed {
            self.arrive(None);
        }
        results
    }

    /// Has the server prepare a statement for these values, and keeps it.
    pub(crate) async fn prepare(
        &mut self,
        sql: &str,
        values: &Prepared<'_>,
    ) -> Result<tokio_postgres::Statement, Failure> {
        let types = match values.arrays() {
            Some(arrays) => self.array_types(arrays).await?,
            None => Vec::new(),
        };
        self.prepare_typed(sql, &types).await
    }

    /// The types of arrays: the server knows those of a row by itself.
    async fn array_types(&mut self, arrays: Arrays<'_>) -> Result<Vec<Type>, Failure> {
        let row = match self.statements.find(arrays.row) {
            Some(row) => row,
            None => self.prepare_typed(arrays.row, &[]).await?,
        };
        let mut types = Vec::with_capacity(arrays.columns);
        for inside in row.params().iter().take(arrays.columns) {
            types.push(match array::known(inside) {
                Some(known) => known,
                None => self.array_type(inside).await?,
            });
        }
        Ok(types)
    }

    /// The type of an array of a type that somebody made.
    async fn array_type(&mut self, inside: &Type) -> Result<Type, Failure> {
        let statement = match self.statements.find(array::FIND) {
            Some(statement) => statement,
            None => self.prepare_typed(array::FIND, &[Type::OID]).await?,
        };
        self.depart();
        let found = self.client.query_one(&statement, &[&inside.oid()]).await;
        self.arrive(found.as_ref().err());
        Ok(array::found(inside, found?.try_get(0)?)?)
    }

    pub(crate) async fn prepare_typed(
        &mut self,
        sql: &str,
        types: &[Type],
    ) -> Result<tokio_postgres::Statement, Failure> {
        let mut statement = self.prepare_once(sql, types).await?;
        if let Some(sql) = readable::with_texts(sql, statement.columns()) {
            statement = self.prepare_once(&sql, types).await?;
        }
        self.statements.keep(sql, statement.clone());
        Ok(statement)
    }

    /// Has the server prepare a statement, which is not kept.
    pub(crate) async fn prepare_once(
        &mut self,
        sql: &str,
        types: &[Type],
    ) -> Result<tokio_postgres::Statement, Failure> {
        self.depart();
        let prepared = self.client.prepare_typed(sql, types).await;
        self.arrive(prepared.as_ref().err());
        Ok(prepared?)
    }

    /// Sends a statement with the values that are bound.
    pub(crate) async fn send_statement(
        &mut self,
        statement: &tokio_postgres::Statement,
    ) -> Result<tokio_postgres::RowStream, tokio_postgres::Error> {
        self.depart();
        // Apart from the rest, the driver's future is as small as what an allocator keeps at hand.
        let sent = Box::into_pin(boxed(|| self.client.query_raw(statement, self.bound.binds()))).await;
        self.bound.clear();
        sent.map_err(|error| self.failed(error))
    }

    /// A statement has failed.
    #[cold]
    fn failed(&mut self, error: tokio_postgres::Error) -> tokio_postgres::Error {
        self.arrive(Some(&error));
        error
    }
}

/// A statement that failed before anything was sent.
#[cold]
fn unsent<'a>(error: Error) -> Running<'a> {
    Running::over(Err(error))
}

/// Reads an answer to its end, whatever the sink says of it: others come after it.
async fn all_rows(rows: tokio_postgres::RowStream, reads: bool, sink: &mut dyn RowSink) -> Result<Done, Failure> {
    let (mut rows, mut given) = (pin!(rows), Ok(Flow::Continue));
    while let Some(row) = rows.try_next().await? {
        if matches!(given, Ok(Flow::Continue)) {
            given = sink.row(&PostgresRow(&row)).map_err(Failure::from);
        }
    }
    given?;
    Ok(Done { rows_affected: if reads { 0 } else { rows.rows_affected().unwrap_or_default() } })
}

fn begin(options: &TransactionOptions) -> &'static str {
    match (options.isolation, options.read_only) {
        _ if options.deferrable => "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE",
        (None, false) => "BEGIN",
        (None, true) => "BEGIN READ ONLY",
        // PostgreSQL knows nothing weaker.
        (Some(Isolation::ReadUncommitted | Isolation::ReadCommitted), false) => "BEGIN ISOLATION LEVEL READ COMMITTED",
        (Some(Isolation::ReadUncommitted | Isolation::ReadCommitted), true) => {
            "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"
        }
        (Some(Isolation::RepeatableRead), false) => "BEGIN ISOLATION LEVEL REPEATABLE READ",
        (Some(Isolation::RepeatableRead), true) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        (Some(Isolation::Serializable), false) => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        (Some(Isolation::Serializable), true) => "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY",
    }
}

/// A name as a literal, which no statement of this kind takes as a bind. It is read alike whatever the server thinks of
/// backslashes.
fn literal(name: &str) -> Result<String> {
    if name.contains('\0') {
        return Err(Error::Statement("a prepared transaction cannot have a NUL in its name".into()));
    }
    Ok(format!("E'{}'", name.replace('\\', "\\\\").replace('\'', "''")))
}

/// The savepoint stays, so that the same can be sent again if nobody knows whether it came through. A new one of its
/// name hides it.
fn rollback_to(depth: u32) -> String {
    format!("ROLLBACK TO SAVEPOINT orm_{depth}")
}

impl Connection for PostgresConnection {
    fn run<'a>(&'a mut self, statement: Statement<'a>, sink: &'a mut dyn RowSink) -> Running<'a> {
        self.start(statement, sink, false)
    }

    fn run_alone<'a>(&'a mut self, statement: Statement<'a>, sink: &'a mut dyn RowSink) -> Running<'a> {
        let Statement::ByKey { table, key } = statement else { return self.run(statement, sink) };
        match self.open_batch(table, key) {
            Ok(Some(batch)) => Running::Waiting(Box::into_pin(boxed(|| self.run_batch(batch, statement, sink)))),
            Ok(None) => self.run(statement, sink),
            Err(error) => unsent(error),
        }
    }

    fn run_guarded<'a>(&'a mut self, statement: Statement<'a>, sink: &'a mut dyn RowSink) -> Running<'a> {
        Running::waiting(move || self.run_in_savepoint(statement, sink))
    }

    fn run_many<'a>(
        &'a mut self,
        statements: Vec<(Statement<'a>, &'a mut dyn RowSink)>,
    ) -> BoxFuture<'a, Vec<Result<Done>>> {
        Box::pin(self.run_pipeline(statements))
    }

    fn take_stale(&mut self) -> bool {
        self.live().is_ok_and(|live| std::mem::take(&mut live.stale))
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
            let stream = PostgresStream::start(self, statement, how).await?;
            Ok(Box::new(stream) as Box<dyn RowStream + 'a>)
        })
    }

    fn copy_in<'a>(&'a mut self, chunk: InsertChunk<'a>) -> BoxFuture<'a, Result<Option<Box<dyn CopyIn + 'a>>>> {
        Box::pin(async move {
            let copy = PostgresCopy::begin(self, chunk).await?;
            Ok(copy.map(|copy| Box::new(copy) as Box<dyn CopyIn + 'a>))
        })
    }

    fn begin<'a>(&'a mut self, options: &'a TransactionOptions) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.begin_transaction(options))
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.commit_transaction())
    }

    fn rollback(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.roll_back_transaction())
    }

    fn prepare_transaction<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let sql = format!("PREPARE TRANSACTION {}", literal(id)?);
            self.end_transaction(&sql, IF_LOST).await
        })
    }

    fn commit_prepared<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.commit_prepared_transaction(id))
    }

    fn rollback_prepared<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.roll_back_prepared_transaction(id))
    }

    fn prepared_transactions(&mut self) -> BoxFuture<'_, Result<Vec<PreparedTransaction>>> {
        Box::pin(self.list_prepared_transactions())
    }

    fn savepoint(&mut self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move { self.live()?.run_control(&format!("SAVEPOINT orm_{depth}")).await })
    }

    fn release(&mut self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let (live, sql) = (self.live()?, format!("RELEASE SAVEPOINT orm_{depth}"));
            if live.transaction != Some(Transaction::Good) {
                return live.run_control(&sql).await;
            }
            // It cannot fail, so nobody need wait for it; and nobody can drop it when it is half done.
            live.send(&sql);
            Ok(())
        })
    }

    fn rollback_to(&mut self, depth: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let sql = rollback_to(depth);
            self.live()?.undo(&sql).await.map_err(|error| error::describe(error, &Failed::control(&sql)))
        })
    }

    fn canceller(&mut self) -> Option<Arc<dyn Cancel>> {
        let live = self.live().ok()?;
        Some(Arc::new(live.canceller()))
    }

    fn abandon(&mut self, depth: u32) {
        let Ok(live) = self.live() else { return };
        match depth {
            0 => live.roll_back(),
            depth if live.transaction.is_some() => {
                live.send(&rollback_to(depth));
                // Good again, unless the savepoint was never set.
                live.transaction = Some(Transaction::Unknown);
            }
            _ => {}
        }
    }
}

impl PostgresConnection {
    /// The connection behind one of the engine's.
    pub(crate) fn of<'a>(
        connection: &'a mut dyn Connection,
        feature: &'static str,
        backend: &'static str,
    ) -> Result<&'a mut Self> {
        (connection as &mut dyn Any).downcast_mut().ok_or(not_here(feature, backend))
    }
}

/// Only PostgreSQL can do that.
pub(crate) fn not_here(feature: &'static str, backend: &'static str) -> Error {
    Error::Unsupported { feature, backend, hint: "connect to a PostgreSQL database by a `postgresql://` URL" }
}

impl std::fmt::Debug for PostgresConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresConnection").finish_non_exhaustive()
    }
}
