//! The contract for backend writers: [`Backend`] opens a [`Driver`], a driver lends [`Connection`]s, and a connection
//! runs statements and pushes rows.
//!
//! ```text
//! Backend::open(url, options) ─> Driver::acquire() ─> Connection::run(statement, sink)
//!                                                          │ row by row
//!                                                          └─> RowSink::row(&dyn Row) ─> Row::get(i) ─> ValueRef
//! ```
//!
//! What crosses this boundary is the statement, not its text: a SQL backend compiles it with its
//! [`Dialect`](crate::dialect::Dialect) through [`compile::Cache`](crate::compile::Cache); a document store would
//! compile the same tree to its own commands. All traits are object-safe, so a program picks its backend by URL.

use std::any::Any;
use std::future::{Future, poll_fn, ready};
use std::ops::RangeInclusive;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::ast::{InsertChunk, RowSource, Statement};
use crate::dialect::Features;
use crate::engine::{EngineOptions, PreparedTransaction, TransactionOptions};
use crate::error::{Binds, Error, Result, ValueError};
use crate::pool::PoolState;
use crate::value::ValueRef;

/// A boxed future that can be sent to another thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A place in the caller's code, for reports of who holds a connection.
pub type Caller = &'static Location<'static>;

/// A kind of database, chosen by a URL's scheme.
pub trait Backend: std::fmt::Debug + Send + Sync {
    /// The schemes it answers to: `["sqlite"]`.
    fn schemes(&self) -> &'static [&'static str];

    /// Opens the database. MUST connect once, so that a wrong URL is found here and not at the first statement.
    fn open<'a>(&'a self, url: &'a str, options: &'a EngineOptions) -> BoxFuture<'a, Result<Box<dyn Driver>>>;
}

/// An open database with its pool of connections. Shared by all clones of an engine.
///
/// A backend finds its own type behind it by [`Any`], for what only that backend can do.
pub trait Driver: Any + std::fmt::Debug + Send + Sync {
    /// The backend's name in messages, and OpenTelemetry's `db.system.name`: `sqlite`, `postgresql`.
    fn name(&self) -> &'static str;

    /// The database's name for traces: the file, or the name on the server. Never with a password.
    fn namespace(&self) -> &str;

    /// What the backend can do.
    fn features(&self) -> &Features;

    /// Lends a connection that is at hand, if nothing is to be waited for: not a turn, not the test of a connection, not a
    /// new one. None says nothing but that [`acquire`](Driver::acquire) is to be asked, which a backend MAY always have asked.
    fn try_acquire(&self, caller: Caller) -> Option<Box<dyn Connection>> {
        let _nobody_waits = caller;
        None
    }

    /// Lends a connection. Waiting for one MUST be asynchronous and fair, and MUST end in
    /// [`Error::PoolTimeout`] after the pool's timeout. Dropping the connection gives
    /// it back; one with an open transaction MUST be rolled back or closed before another caller gets it.
    fn acquire<'a>(&'a self, caller: Caller) -> BoxFuture<'a, Result<Box<dyn Connection>>>;

    /// Runs a read together with one for which another caller has a connection by [`run_alone`](Connection::run_alone),
    /// and which is about to be sent. None if there is none: it is to be run on a connection that is lent then.
    ///
    /// The future gives whether it was run. If not, `sink` was given nothing, and it is to be run on a connection that is
    /// lent after all: what went wrong may be the other's trouble.
    fn run_along<'a>(
        &'a self,
        statement: Statement<'a>,
        sink: &'a mut dyn RowSink,
    ) -> Option<BoxFuture<'a, Result<bool>>> {
        let _alone = (statement, sink);
        None
    }

    /// The pool as it is now.
    fn pool_state(&self) -> PoolState;

    /// The text that would be sent for a statement and its binds, for logs, tests and `explain`.
    ///
    /// # Errors
    ///
    /// Those of compiling the statement.
    fn text(&self, statement: Statement<'_>) -> Result<(String, Binds)>;

    /// Closes idle connections, and the others when they come back. [`Driver::acquire`] then gives
    /// [`Error::Closed`].
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// One connection, lent to one caller.
///
/// Every method MUST leave the connection usable when its future is dropped half-way, or mark it so that it is thrown
/// away instead of going back to the pool.
///
/// A backend finds its own type behind it by [`Any`], as with [`Driver`].
pub trait Connection: Any + std::fmt::Debug + Send {
    /// Runs a statement and pushes its rows into `sink` until there are none or the sink says [`Flow::Stop`].
    ///
    /// A statement that fails MUST leave nothing behind of itself. A backend MUST NOT block the thread while it waits
    /// for a lock. It is called where it is awaited at once, so a backend that need not wait SHOULD run the statement in
    /// the call.
    fn run<'a>(&'a mut self, statement: Statement<'a>, sink: &'a mut dyn RowSink) -> Running<'a>;

    /// Runs a statement as [`run`](Connection::run) does, on a connection that is lent for nothing else. What other callers
    /// ask for by [`Driver::run_along`] MAY be sent with it, in one statement or several; nobody is told of them.
    fn run_alone<'a>(&'a mut self, statement: Statement<'a>, sink: &'a mut dyn RowSink) -> Running<'a> {
        self.run(statement, sink)
    }

    /// Runs a statement as [`run`](Connection::run) does. If it fails, the transaction that is open MUST go on, also where a
    /// failure otherwise fails the transaction.
    fn run_guarded<'a>(&'a mut self, statement: Statement<'a>, sink: &'a mut dyn RowSink) -> Running<'a> {
        self.run(statement, sink)
    }

    /// Runs statements that do not need each other's answers, and gives a result for each, or fewer if one of them could
    /// not be sent. A backend to which the way is long SHOULD send all before it waits for the first answer.
    fn run_many<'a>(
        &'a mut self,
        statements: Vec<(Statement<'a>, &'a mut dyn RowSink)>,
    ) -> BoxFuture<'a, Vec<Result<Done>>> {
        Box::pin(async move {
            let mut results = Vec::with_capacity(statements.len());
            for (statement, sink) in statements {
                results.push(self.run(statement, sink).await);
            }
            results
        })
    }

    /// Whether the last statement failed because what the database had prepared for it was gone or did not fit any more.
    /// It will be prepared anew, so its transaction can be run again. Asked once, it is forgotten.
    fn take_stale(&mut self) -> bool {
        false
    }

    /// Gives the database's plan for a statement, which is not run. Each row's last text column is a line of it.
    fn explain<'a>(&'a mut self, statement: Statement<'a>, sink: &'a mut dyn RowSink) -> BoxFuture<'a, Result<Done>>;

    /// Runs a statement and gives its rows a chunk at a time, in bounded memory.
    fn stream<'a>(
        &'a mut self,
        statement: Statement<'a>,
        how: Streaming,
    ) -> BoxFuture<'a, Result<Box<dyn RowStream + 'a>>>;

    /// Begins to copy rows into a table, of which `chunk` are the first and say the table and the columns: a way that is
    /// faster than an `INSERT` of very many. None if there is none that does what an `INSERT` of them would: fill in
    /// defaults, run triggers, check constraints. It is called in a transaction only.
    fn copy_in<'a>(&'a mut self, chunk: InsertChunk<'a>) -> BoxFuture<'a, Result<Option<Box<dyn CopyIn + 'a>>>> {
        let _none_can_be_copied = chunk;
        Box::pin(async { Ok(None) })
    }

    /// Begins a transaction.
    ///
    /// One that may write MUST hold by now every lock that its first write would wait for, where the database has one
    /// lock for all writers, unless it is `deferred`: that one MUST NOT take it before the first statement that writes,
    /// and MUST refuse that statement with [`Error::Serialization`] at once, without waiting, if it can no longer
    /// succeed because another transaction has written since this one first read. A database that locks by the row
    /// (PostgreSQL) has nothing to do for it. `read_only` is stronger than `deferred`.
    fn begin<'a>(&'a mut self, options: &'a TransactionOptions) -> BoxFuture<'a, Result<()>>;

    /// Commits the transaction. On an error the transaction MUST be over, or still rollback-able.
    fn commit(&mut self) -> BoxFuture<'_, Result<()>>;

    /// Rolls the transaction back.
    fn rollback(&mut self) -> BoxFuture<'_, Result<()>>;

    /// Ends the transaction's part on this connection, and keeps it under a name until [`commit_prepared`] or
    /// [`rollback_prepared`], from any connection. Asked only of a backend whose
    /// [`two_phase_commit`](Features::two_phase_commit) says that it can; so are the three that follow.
    ///
    /// [`commit_prepared`]: Connection::commit_prepared
    /// [`rollback_prepared`]: Connection::rollback_prepared
    fn prepare_transaction<'a>(&'a mut self, _id: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(ready(Err(Error::TransactionEnded)))
    }

    /// Commits a transaction that was prepared.
    fn commit_prepared<'a>(&'a mut self, _id: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(ready(Err(Error::TransactionEnded)))
    }

    /// Undoes a transaction that was prepared.
    fn rollback_prepared<'a>(&'a mut self, _id: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(ready(Err(Error::TransactionEnded)))
    }

    /// The prepared transactions of the database that have not ended.
    fn prepared_transactions(&mut self) -> BoxFuture<'_, Result<Vec<PreparedTransaction>>> {
        Box::pin(ready(Err(Error::TransactionEnded)))
    }

    /// Sets a savepoint; `depth` is 1 for the outermost.
    fn savepoint(&mut self, depth: u32) -> BoxFuture<'_, Result<()>>;

    /// Releases a savepoint: its changes belong to what is around it.
    fn release(&mut self, depth: u32) -> BoxFuture<'_, Result<()>>;

    /// Undoes everything since a savepoint, and releases it.
    fn rollback_to(&mut self, depth: u32) -> BoxFuture<'_, Result<()>>;

    /// Called when a transaction (`depth` 0) or savepoint is dropped without an end. Undoes it at once where that
    /// needs no waiting, otherwise before the next statement.
    fn abandon(&mut self, depth: u32);

    /// What stops a statement of this connection from elsewhere; none if the backend cannot. Once the connection has gone
    /// back to the pool it MUST do nothing: what runs then is somebody else's.
    fn canceller(&mut self) -> Option<Arc<dyn Cancel>> {
        None
    }
}

/// Stops what runs on a connection, from elsewhere.
pub trait Cancel: std::fmt::Debug + Send + Sync {
    /// Stops the statement that runs now, if one does. It MUST NOT hit a statement that is sent after this has returned.
    fn cancel(&self) -> BoxFuture<'_, Result<()>>;
}

/// A statement that has run, or that is going to: a future for which nothing is allocated if it need not wait. Awaited, it
/// gives the error without its box.
pub enum Running<'a> {
    /// It has run. The result is there until it is awaited.
    Over(Option<Outcome>),
    /// It is to be awaited.
    Waiting(BoxFuture<'a, Outcome>),
}

impl<'a> Running<'a> {
    /// One that has run.
    #[inline]
    pub fn over(result: Result<Done>) -> Self {
        Running::Over(Some(result.map_err(Box::new)))
    }

    /// One that is to be awaited. Its future is made here, so that it takes no room on the stack of whoever may need none.
    #[inline(never)]
    pub fn waiting<F: Future<Output = Result<Done>> + Send + 'a>(make: impl FnOnce() -> F) -> Self {
        let mut future = Box::pin(make());
        // Beside the future: one with another in it has room for that twice.
        Running::Waiting(Box::pin(poll_fn(move |context| future.as_mut().poll(context).map_err(Box::new))))
    }

    /// As awaited, with the error in its box: so there is little to move.
    #[inline]
    pub fn outcome(mut self) -> impl Future<Output = Outcome> + use<'a> {
        poll_fn(move |context| self.poll_outcome(context))
    }

    #[inline]
    fn poll_outcome(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        match self {
            Running::Over(outcome) => outcome.take().map_or(Poll::Pending, Poll::Ready),
            Running::Waiting(future) => future.as_mut().poll(context),
        }
    }
}

impl Future for Running<'_> {
    type Output = Result<Done>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Done>> {
        self.poll_outcome(context).map_err(|error| *error)
    }
}

impl std::fmt::Debug for Running<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Running::Over(_) => "Over",
            Running::Waiting(_) => "Waiting",
        })
    }
}

/// What came of a statement. Results are handed on through many functions and futures, each of which would move the room
/// that an [`Error`] takes: so it is boxed.
pub type Outcome = Result<Done, Box<Error>>;

/// What a statement did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Done {
    /// How many rows were inserted, updated or deleted.
    pub rows_affected: u64,
}

/// Whether a sink wants more rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Yes.
    Continue,
    /// No: the driver ends the statement. Not used for statements that write.
    Stop,
}

/// Takes rows as they come.
pub trait RowSink: Send {
    /// Takes a row. The row is gone when this returns.
    ///
    /// # Errors
    ///
    /// The row does not fit the Rust type; the driver ends the statement and hands the error on.
    fn row(&mut self, row: &dyn Row) -> Result<Flow>;

    /// Takes the keys of new rows that the database counted up, each of which stands for a row of one column. Says whether
    /// it has: if not, they are given to it as rows.
    fn keys(&mut self, keys: RangeInclusive<i64>) -> bool {
        let _as_rows = keys;
        false
    }
}

/// A row while it lasts.
pub trait Row {
    /// How many columns it has.
    fn width(&self) -> usize;

    /// The column at `index`. Nothing is converted: a backend gives what it holds.
    ///
    /// # Errors
    ///
    /// [`ValueError::NoColumn`] beyond the last one, [`ValueError::Utf8`] for text that is none.
    fn get(&self, index: usize) -> Result<ValueRef<'_>, ValueError>;

    /// The name that the database gives the column.
    fn name(&self, index: usize) -> Option<&str>;
}

/// How a stream reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streaming {
    /// So many rows at a time, one at least. Where each chunk is asked for by itself, nothing runs between two of them.
    Chunks(usize),
    /// All rows by one order, if the backend has a way that is faster for very many; otherwise in chunks. A backend MUST
    /// NOT have more of them in memory than it would by chunks.
    Copy,
}

impl Streaming {
    /// How many rows a chunk has.
    #[must_use]
    pub fn rows(self) -> usize {
        match self {
            Streaming::Chunks(rows) => rows.max(1),
            Streaming::Copy => 256,
        }
    }
}

impl Default for Streaming {
    fn default() -> Self {
        Streaming::Chunks(256)
    }
}

/// The rows of a running statement, a chunk at a time. Dropping it ends the statement.
pub trait RowStream: Send {
    /// What the database was told, for logs, if that is not the statement's text.
    fn sql(&self) -> Option<&str> {
        None
    }

    /// Pushes the next chunk of rows; false when there are no more.
    fn next_chunk<'a>(&'a mut self, sink: &'a mut dyn RowSink) -> BoxFuture<'a, Result<bool>>;
}

/// Rows on their way into a table. Dropping it undoes the copy, and fails the transaction where a statement that fails
/// does.
pub trait CopyIn: Send {
    /// What the database was told, for logs.
    fn sql(&self) -> &str;

    /// Sends all these rows. They have the columns with which the copy began. Memory MUST stay bounded.
    fn send<'a>(&'a mut self, rows: &'a dyn RowSource) -> BoxFuture<'a, Result<()>>;

    /// Ends the copy, after which the rows are in the table.
    fn finish(&mut self) -> BoxFuture<'_, Result<Done>>;
}

/// A sink for statements whose rows nobody wants.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRows;

impl RowSink for NoRows {
    fn row(&mut self, _row: &dyn Row) -> Result<Flow, Error> {
        Ok(Flow::Continue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It is moved several times for each statement.
    #[test]
    fn what_came_of_a_statement_takes_two_words() {
        assert_eq!(size_of::<Outcome>(), 16);
    }
}
