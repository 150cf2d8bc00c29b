//! The pool: idle connections, last in, first out; [`Gate`] decides who may have one.
//!
//! ```text
//! try_acquire ─> Permit::try_enter ──────┬> one that came back, if it is good ─> Lent
//! acquire ─> Permit::enter (async, fair) ┘   └ none: connect, unless it was only tried
//! drop(Lent) ─> a transaction is rolled back ─> idle, or closed ─> the next caller is let in
//!                 └ a statement still runs: a task stops it first
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use orm_core::ast::{Statement, TableRef};
use orm_core::compile::{Cache, LastTexts, Prepared};
use orm_core::driver::Caller;
use orm_core::engine::EngineOptions;
use orm_core::error::Result;
use orm_core::pool::{CloseReason, Gate, Gated, Opened, Permit, PoolOptions, PoolState};
use orm_core::value::Value;
use tokio::sync::oneshot;

use crate::batch::{Answer, Batches};
use crate::connect::Connector;
use crate::dialect::PostgresDialect;
use crate::error;
use crate::live::Live;

/// How long a connection may take until nothing runs on it any more, or until it answers.
const REST: Duration = Duration::from_secs(5);

/// The connections of one database.
#[derive(Debug)]
pub(crate) struct Pool {
    options: PoolOptions,
    pub(crate) connector: Arc<Connector>,
    statements: usize,
    pub(crate) shared: Arc<Shared>,
}

/// What the pool and whoever has a connection both know. A connection that is idle does not: it is in here, and both would
/// live for ever.
#[derive(Debug)]
pub(crate) struct Shared {
    gate: Gate,
    idle: Mutex<Idle>,
    pub(crate) batches: Batches,
    /// The texts of statements.
    pub(crate) cache: Cache,
    /// Whether values may stand in messages.
    pub(crate) show_binds: bool,
}

/// The connections that nobody has, the last to come back at the end.
#[derive(Default)]
struct Idle {
    connections: VecDeque<Box<Member>>,
    closed: bool,
}

impl Idle {
    /// The last that came back, so that those that are not needed grow old.
    fn take(&mut self) -> Option<Box<Member>> {
        self.connections.pop_back()
    }
}

impl std::fmt::Debug for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Idle").field("connections", &self.connections.len()).field("closed", &self.closed).finish()
    }
}

impl Gated for Shared {
    fn gate(&self) -> &Gate {
        &self.gate
    }
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection back, or closes it. One of several that come back at once may be the last that is kept.
    fn take_back(&self, mut connection: Box<Member>) {
        let mut idle = self.idle();
        if idle.closed {
            connection.opened.closes_because(CloseReason::Closed);
        } else if connection.live.is_usable() && !connection.opened.leave_if_surplus() {
            idle.connections.push_back(connection);
            return;
        }
        // Listeners are told of it, and may look at the pool.
        drop(idle);
    }
}

/// A connection of the pool, with its entry in the books. Boxed, for it goes back and forth.
struct Member {
    live: Live,
    /// The texts of what it ran last.
    texts: LastTexts,
    opened: Opened,
}

impl Member {
    fn is_over(&self, limit: Option<Duration>) -> bool {
        limit.is_some_and(|limit| self.opened.age() > limit)
    }

    fn close(mut self, reason: CloseReason) {
        self.opened.closes_because(reason);
    }
}

/// A connection that is lent out. Dropping it gives it back.
pub(crate) struct Lent {
    /// None while it is given back only.
    lending: Option<Lending>,
}

/// A connection, and the right to it.
struct Lending {
    connection: Box<Member>,
    permit: Permit<Arc<Shared>>,
}

impl Lending {
    /// Gives the connection back, and lets the next caller in then.
    fn end(self) {
        let Lending { connection, permit } = self;
        permit.pool().take_back(connection);
    }
}

impl Lent {
    /// What is left of one that was given to somebody else.
    pub(crate) fn take(&mut self) -> Lent {
        Lent { lending: self.lending.take() }
    }

    pub(crate) fn shared(&self) -> Option<&Arc<Shared>> {
        Some(self.lending.as_ref()?.permit.pool())
    }

    fn lending(&mut self) -> Result<&mut Lending> {
        self.lending.as_mut().ok_or_else(error::lost)
    }

    pub(crate) fn live(&mut self) -> Result<&mut Live> {
        Ok(&mut self.lending()?.connection.live)
    }

    /// Whether values may stand in messages.
    pub(crate) fn show_binds(&self) -> bool {
        self.lending.as_ref().is_some_and(|lending| lending.permit.pool().show_binds)
    }

    /// Makes a statement ready, for as long as it likes.
    pub(crate) fn compile<'a>(&mut self, statement: Statement<'a>) -> Result<Prepared<'a>> {
        let Lending { connection, permit } = self.lending()?;
        permit.pool().cache.prepare_again(&mut connection.texts, &statement, &PostgresDialect)
    }

    /// The connection, the texts of its last statements, and what it shares with others.
    pub(crate) fn parts(&mut self) -> Result<(&mut Live, &mut LastTexts, &Shared)> {
        let Lending { connection, permit } = self.lending()?;
        let Member { live, texts, .. } = &mut **connection;
        Ok((live, texts, permit.pool()))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(mut lending) = self.lending.take() else { return };
        let live = &mut lending.connection.live;
        live.leave();
        if live.end_loan() && !live.in_flight {
            live.roll_back();
            lending.end();
            return;
        }
        // Without a runtime there is nobody who could wait: it is closed.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(rest(lending));
        }
    }
}

/// Stops what runs on a connection, and gives it back then.
async fn rest(mut lending: Lending) {
    let live = &mut lending.connection.live;
    let rested = tokio::time::timeout(REST, live.come_to_rest()).await;
    live.broken |= rested.is_err();
    lending.end();
}

impl Pool {
    /// A pool without connections yet.
    pub(crate) fn new(connector: Arc<Connector>, options: &EngineOptions) -> Self {
        Pool {
            options: options.pool.clone(),
            connector,
            statements: options.statement_cache,
            shared: Arc::new(Shared {
                gate: Gate::new(options.pool.clone()),
                idle: Mutex::default(),
                batches: Batches::default(),
                cache: Cache::new(options.statement_cache),
                show_binds: options.show_binds,
            }),
        }
    }

    /// A connection that is idle and good, if nobody need be waited for and it need not be tested.
    pub(crate) fn try_acquire(&self, caller: Caller) -> Option<Lent> {
        if self.options.pre_ping {
            return None;
        }
        let mut permit = Permit::try_enter(&self.shared, caller)?;
        let connection = self.shared.idle().take()?;
        if let Some(reason) = self.why_over(&connection) {
            connection.close(reason);
            return None;
        }
        permit.lends(&connection.opened);
        Some(lent(connection, permit))
    }

    /// Waits for a connection.
    pub(crate) async fn acquire(&self, caller: Caller) -> Result<Lent> {
        let mut permit = Permit::enter(&self.shared, caller).await?;
        let connection = loop {
            // In a statement of its own: the lock is not held while the connection is tested.
            let rested = self.shared.idle().take();
            let Some(mut rested) = rested else { break self.open().await? };
            match self.why_not(&mut rested).await {
                None => break rested,
                Some(reason) => self.discard(rested, reason),
            }
        };
        permit.lends(&connection.opened);
        Ok(lent(connection, permit))
    }

    /// Joins those who are about to read from a table, over a connection that one of them has.
    pub(crate) fn join(&self, table: TableRef, key: &[Value]) -> Option<oneshot::Receiver<Answer>> {
        let Shared { gate, batches, .. } = &*self.shared;
        if gate.in_use() == 0 || gate.is_closed() { None } else { batches.join(table, key) }
    }

    async fn open(&self) -> Result<Box<Member>> {
        let opening = self.shared.gate.opening();
        let live = Live::open(&self.connector, self.statements, self.shared.gate.clone()).await?;
        Ok(Box::new(Member { live, texts: LastTexts::default(), opened: opening.succeed() }))
    }

    /// Why a connection is not lent again, if so.
    async fn why_not(&self, connection: &mut Member) -> Option<CloseReason> {
        let over = self.why_over(connection);
        if over.is_some() {
            return over;
        }
        (self.options.pre_ping && !answers(&mut connection.live).await).then_some(CloseReason::Dead)
    }

    /// Why a connection is over, as far as is known without asking it.
    fn why_over(&self, connection: &Member) -> Option<CloseReason> {
        if !connection.live.is_usable() {
            return Some(CloseReason::Broken);
        }
        connection.is_over(self.options.pool_recycle).then_some(CloseReason::Old)
    }

    /// Closes a connection. If it did not answer, those that have been idle for longer would not either, and nobody need
    /// wait for each of them to say nothing.
    fn discard(&self, connection: Box<Member>, reason: CloseReason) {
        connection.close(reason);
        if reason == CloseReason::Dead {
            let others = std::mem::take(&mut self.shared.idle().connections);
            others.into_iter().for_each(|other| other.close(reason));
        }
    }

    pub(crate) fn state(&self) -> PoolState {
        self.shared.gate.state()
    }

    /// Lets nobody in any more, closes the connections that are idle, and has the others closed when they come back.
    pub(crate) fn close(&self) {
        self.shared.gate.close();
        let mut idle = self.shared.idle();
        idle.closed = true;
        let connections = std::mem::take(&mut idle.connections);
        drop(idle);
        connections.into_iter().for_each(|connection| connection.close(CloseReason::Closed));
    }
}

fn lent(connection: Box<Member>, permit: Permit<Arc<Shared>>) -> Lent {
    Lent { lending: Some(Lending { connection, permit }) }
}

/// Whether the server is there. One that has gone without a word does not say so.
async fn answers(live: &mut Live) -> bool {
    matches!(tokio::time::timeout(REST, live.control("")).await, Ok(Ok(())))
}
