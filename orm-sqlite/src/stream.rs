//! Statements on a thread for blocking work: streams, and all statements of an engine that offloads.
//!
//! ```text
//! task                              thread
//!  │ the connection, the statement ──> │
//!  │ <── chunks of rows, two at most ──│  (a full channel stops it: memory stays bounded)
//!  │ <── the connection, the outcome ──│
//! ```
//!
//! Dropping the stream closes the channel. A statement that reads then stops, wherever it is; one that writes runs to
//! its end, for stopping it would take the whole transaction with it. If the connection is dropped too, the thread
//! gives it back to the pool.

use std::sync::Arc;

use orm_core::driver::{BoxFuture, Done, Flow, Row, RowSink, RowStream, Streaming};
use orm_core::error::Result;
use tokio::sync::{mpsc, oneshot};

use crate::connection::{Place, SqliteConnection};
use crate::error;
use crate::lock::{Patience, WritePermit};
use crate::pool::{Lent, Live};
use crate::statement::{Failure, Owned, Transaction, Work};
use crate::value::Chunk;

const CHUNKS_AHEAD: usize = 2;

/// The rows of a statement that runs on a thread.
pub(crate) struct SqliteStream<'a> {
    connection: &'a mut SqliteConnection,
    /// None when the statement is at its end, or nobody wants more of it.
    chunks: Option<mpsc::Receiver<Chunk>>,
    first: Option<Chunk>,
    done: Done,
}

/// What a thread gives back.
pub(crate) struct Returned {
    pub(crate) lent: Lent,
    pub(crate) outcome: Outcome,
}

/// What came of a statement, and the right to write if it is still there.
pub(crate) struct Outcome {
    result: Result<Done, Failure>,
    permit: Option<WritePermit>,
}

impl<'a> SqliteStream<'a> {
    /// Starts a statement, waiting for locks. It is known to run when this returns: it has a row, or is at its end.
    pub(crate) async fn start(connection: &'a mut SqliteConnection, work: Owned, how: Streaming) -> Result<Self> {
        let database = Arc::clone(&connection.database);
        let (work, mut patience, mut permit) = (Arc::new(work), Patience::new(database.busy_timeout), None);
        loop {
            let mut chunks = depart(connection, &work, permit.take(), how.rows())?;
            if let Some(first) = chunks.recv().await {
                let done = Done::default();
                return Ok(SqliteStream { connection, chunks: Some(chunks), first: Some(first), done });
            }
            let Some(outcome) = connection.come_back().await? else {
                return Err(error::lost());
            };
            permit = outcome.permit;
            match outcome.result {
                Ok(done) => {
                    return Ok(SqliteStream { connection, chunks: None, first: None, done });
                }
                Err(failure) => database.wait_out(failure, work.as_ref(), &mut patience, &mut permit).await?,
            }
        }
    }

    /// Pushes the next chunk; false when there are no more.
    pub(crate) async fn push_chunk(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        let Some(chunks) = &mut self.chunks else {
            return Ok(false);
        };
        let chunk = match self.first.take() {
            Some(first) => Some(first),
            None => chunks.recv().await,
        };
        let Some(chunk) = chunk else {
            return self.arrive().await;
        };
        if chunk.give_to(sink)? == Flow::Stop {
            self.chunks = None;
            return Ok(false);
        }
        Ok(true)
    }

    /// The statement is at its end.
    async fn arrive(&mut self) -> Result<bool> {
        let outcome = self.connection.come_back().await?;
        self.chunks = None;
        match outcome.map(|outcome| outcome.result) {
            Some(Ok(done)) => self.done = done,
            Some(Err(Failure::Failed(error))) => return Err(error),
            // Both come before the first row only, or not at all.
            Some(Err(Failure::Gate(_) | Failure::Busy(_))) | None => return Err(error::lost()),
        }
        Ok(false)
    }

    /// What the statement did; known at its end.
    pub(crate) fn done(&self) -> Done {
        self.done
    }
}

impl RowStream for SqliteStream<'_> {
    fn next_chunk<'a>(&'a mut self, sink: &'a mut dyn RowSink) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.push_chunk(sink))
    }
}

/// Sends the connection and a statement to a thread.
fn depart(
    connection: &mut SqliteConnection,
    work: &Arc<Owned>,
    permit: Option<WritePermit>,
    rows: usize,
) -> Result<mpsc::Receiver<Chunk>> {
    let transaction = connection.transaction;
    let ((sender, chunks), (back, returned)) = (mpsc::channel(CHUNKS_AHEAD), oneshot::channel());
    let Place::Here(lent) = std::mem::replace(&mut connection.place, Place::Away(returned)) else {
        return Err(error::lost());
    };
    let work = Arc::clone(work);
    tokio::task::spawn_blocking(move || {
        let returned = travel(lent, &work, transaction, permit, Sender { sender, chunk: Chunk::default(), rows });
        // Nobody waits for it if the connection was dropped: it goes back to the pool from here.
        drop(back.send(returned));
    });
    Ok(chunks)
}

/// Runs the statement, on the thread.
fn travel(
    mut lent: Lent,
    work: &Owned,
    transaction: Option<Transaction>,
    mut permit: Option<WritePermit>,
    mut sink: Sender,
) -> Returned {
    let result = match lent.live() {
        Ok(live) => {
            let stop = sink.sender.clone();
            live.stop_reading_when(move || stop.is_closed(), work.sql());
            let result = live.attempt(work, transaction, &mut permit, &mut sink);
            live.stop_never();
            result
        }
        Err(error) => Err(Failure::Failed(error)),
    };
    sink.send();
    let outcome = Outcome { result, permit };
    Returned { lent, outcome }
}

/// Steps of SQLite's machine between two looks at whether anybody is still interested: some microseconds.
const STEPS_BETWEEN_LOOKS: i32 = 1_000;

impl Live {
    /// Has SQLite stop the statement once `stop` is true, if it only reads.
    fn stop_reading_when(&self, stop: impl FnMut() -> bool + Send + 'static, sql: &str) {
        // What SQLite does not understand, it will say when the statement runs.
        if self.db.prepare_cached(sql).is_ok_and(|statement| statement.readonly()) {
            // Fails for connections that are not rusqlite's own only.
            let _always_ok = self.db.progress_handler(STEPS_BETWEEN_LOOKS, Some(stop));
        }
    }

    fn stop_never(&self) {
        let _always_ok = self.db.progress_handler(0, None::<fn() -> bool>);
    }
}

/// Sends rows by the chunk.
struct Sender {
    sender: mpsc::Sender<Chunk>,
    chunk: Chunk,
    /// How many a full chunk has.
    rows: usize,
}

impl Sender {
    fn send(&mut self) -> Flow {
        if self.chunk.len() == 0 {
            return Flow::Continue;
        }
        match self.sender.blocking_send(self.chunk.take()) {
            Ok(()) => Flow::Continue,
            Err(_nobody_listens) => Flow::Stop,
        }
    }
}

impl RowSink for Sender {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        self.chunk.push(row);
        if self.chunk.len() < self.rows {
            return Ok(Flow::Continue);
        }
        Ok(self.send())
    }
}
