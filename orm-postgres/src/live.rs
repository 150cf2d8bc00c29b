//! An open connection, and what is known of it.
//!
//! The server runs what it is sent in the order in which it was sent, whoever still waits for the answers. So a
//! `ROLLBACK` that is sent and not awaited comes before whatever is sent later.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use orm_core::error::{Error, Result};
use orm_core::pool::Gate;
use tokio_postgres::Client;

use crate::cancel::{Canceller, Loan};
use crate::connect::{Connector, Opened, Way};
use crate::error;
use crate::pump::{Attendance, Pump, Turn};
use crate::statement::{Failed, Statements};
use crate::value::Bound;

/// How long what nobody waits for may go on before it is stopped.
const MOMENT: Duration = Duration::from_millis(50);

/// An open connection.
pub(crate) struct Live {
    pub(crate) client: Client,
    pump: Arc<Pump>,
    /// That of the pool.
    gate: Gate,
    pub(crate) statements: Statements,
    /// The transaction that was begun and has not ended.
    pub(crate) transaction: Option<Transaction>,
    /// Whether the transaction was begun as one that only reads.
    pub(crate) reads_only: bool,
    /// Whether something was sent whose answer nobody waits for any more. It may take long.
    pub(crate) in_flight: bool,
    /// Whether it is thrown away instead of going back to the pool.
    pub(crate) broken: bool,
    /// Cursors of streams that were dropped while they were being opened: each may be there, under its number.
    pub(crate) doubtful_cursors: u32,
    /// Whether a statement failed because what was prepared for it was gone or did not fit.
    pub(crate) stale: bool,
    /// The values of the statement that is sent next.
    pub(crate) bound: Bound,
    way: Way,
    /// The present loan, if somebody may stop statements of it.
    loan: Option<Loan>,
}

/// What is known of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transaction {
    /// Its last statement succeeded.
    Good,
    /// A statement failed, and the server refuses all others.
    Failed,
    /// Nobody waited for the answer to a statement.
    Unknown,
}

impl Live {
    /// Connects. Must be called on a runtime, which keeps the connection going.
    pub(crate) async fn open(connector: &Arc<Connector>, statements: usize, gate: Gate) -> Result<Self> {
        let Opened { client, messages, way } = connector.connect().await?;
        let pump = Pump::new(messages);
        tokio::spawn(Arc::clone(&pump).run());
        Ok(Live {
            client,
            pump,
            gate,
            statements: Statements::new(statements),
            transaction: None,
            reads_only: false,
            in_flight: false,
            broken: false,
            doubtful_cursors: 0,
            stale: false,
            bound: Bound::default(),
            way,
            loan: None,
        })
    }

    /// Whether it can be lent to somebody.
    pub(crate) fn is_usable(&self) -> bool {
        !self.broken && !self.client.is_closed()
    }

    /// Something is sent. If the future that waits for the answer is dropped, this stays.
    pub(crate) fn depart(&mut self) {
        if let Some(loan) = &self.loan {
            loan.begin_statement();
        }
        self.in_flight = true;
        if self.transaction == Some(Transaction::Good) {
            self.transaction = Some(Transaction::Unknown);
        }
    }

    /// The answer has come, and with it that to everything sent before.
    pub(crate) fn arrive(&mut self, failure: Option<&tokio_postgres::Error>) {
        self.in_flight = false;
        match failure {
            None => self.transaction = self.transaction.map(|_| Transaction::Good),
            Some(error) => {
                // A server that has become a standby takes no writes any more: another connection may lead to the new one.
                self.broken |= error::is_lost(error) || error::is_read_only(error) && !self.reads_only;
                self.stale |= error::is_stale(error);
                if error::is_forgotten(error) {
                    // A proxy or a `DISCARD ALL` takes all of them at once.
                    self.statements.forget_all();
                }
                self.transaction = self.transaction.map(|_| Transaction::Failed);
            }
        }
    }

    /// Runs statements of our own, without values.
    pub(crate) async fn control(&mut self, sql: &str) -> Result<(), tokio_postgres::Error> {
        self.depart();
        let result = self.attendance(false).to(self.client.batch_execute(sql)).await;
        self.arrive(result.as_ref().err());
        result
    }

    /// As [`control`](Live::control), telling an error as ours.
    pub(crate) async fn run_control(&mut self, sql: &str) -> Result<()> {
        let result = self.control(sql).await;
        result.map_err(|error| self.tell(error::describe(error, &Failed::control(sql))))
    }

    /// What stops statements until the connection goes back to the pool.
    pub(crate) fn canceller(&mut self) -> Canceller {
        let loan = self.loan.get_or_insert_default().clone();
        Canceller { loan, way: self.way.clone(), token: self.client.cancel_token() }
    }

    /// For whoever waits for the server: the connection is kept going by him, and not by its task. Whoever gave way to
    /// other tasks need not do so again.
    pub(crate) fn attendance(&self, gave_way: bool) -> Attendance {
        self.pump.attendance(if !gave_way && self.gives_way() { Turn::AfterOthers } else { Turn::Now })
    }

    /// Whether other tasks should have their turn before something is sent.
    pub(crate) fn gives_way(&self) -> bool {
        self.gate.in_use() > 1
    }

    /// Leaves the connection to its task, whatever was begun with it and never ended.
    pub(crate) fn leave(&self) {
        self.pump.leave();
    }

    /// Ends what handles may stop, unless one of them is about to stop something.
    pub(crate) fn end_loan(&mut self) -> bool {
        let ended = self.loan.as_ref().is_none_or(Loan::try_end);
        if ended {
            self.loan = None;
        }
        ended
    }

    /// An error as whoever is told of it knows it: the server says of every statement that is stopped the same.
    pub(crate) fn tell(&self, error: Error) -> Error {
        match error {
            Error::StatementTimeout { mut context, source } if self.loan.as_ref().is_some_and(Loan::was_used) => {
                context.hint = None;
                Error::Cancelled { context, source }
            }
            other => other,
        }
    }

    /// Sends statements without waiting for the answer.
    pub(crate) fn send(&mut self, sql: &str) {
        // Polled once, it is sent.
        if let Some(Err(_closed)) = self.client.batch_execute(sql).now_or_never() {
            self.broken = true;
        }
    }

    /// Undoes the transaction, if there is one.
    pub(crate) fn roll_back(&mut self) {
        if self.transaction.take().is_some() {
            self.send("ROLLBACK");
        }
    }

    /// Runs statements that undo what was sent before. If something of that still runs after a moment, it waits for a
    /// lock or takes long, and the server is told to stop it.
    pub(crate) async fn undo(&mut self, sql: &str) -> Result<(), tokio_postgres::Error> {
        if !self.in_flight {
            return self.control(sql).await;
        }
        let (cancel, way) = (self.client.cancel_token(), self.way.clone());
        self.depart();
        let result = {
            let mut undoing = pin!(self.client.batch_execute(sql));
            match tokio::time::timeout(MOMENT, &mut undoing).await {
                Ok(result) => result,
                Err(_elapsed) => {
                    // If the server cannot be asked, what runs goes on.
                    let _asked = way.stop(cancel).await;
                    undoing.await
                }
            }
        };
        self.arrive(result.as_ref().err());
        match result {
            // What was to be stopped had come to its end, and this was stopped in its place.
            Err(error) if error::is_stopped(&error) => self.control(sql).await,
            result => result,
        }
    }

    /// Waits until nothing runs any more, and no transaction is open.
    pub(crate) async fn come_to_rest(&mut self) {
        // Of a statement that was dropped: they may be large.
        self.bound.clear();
        if let Some(loan) = self.loan.take() {
            loan.end().await;
        }
        let undone = self.undo("ROLLBACK").await;
        self.transaction = None;
        self.broken |= undone.is_err();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.leave();
    }
}
