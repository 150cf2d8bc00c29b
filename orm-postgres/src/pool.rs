//! The pool: idle connections, last in, first out; [`Gate`] decides who may have one.
//!
//! ```text
//! acquire ─> Gate::enter (async, fair) ─> the last that came back, if it is good ─> Lent
//!                                            └ none: connect
//! drop(Lent) ─> a transaction is rolled back ─> idle, or closed ─> the next caller is let in
//!                 └ a statement still runs: a task stops it first
//! ```

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use orm_core::driver::Caller;
use orm_core::engine::EngineOptions;
use orm_core::error::{Error, Result};
use orm_core::pool::{Gate, Permit, PoolOptions, PoolState};

use crate::connect::Connector;
use crate::error;
use crate::live::Live;

/// How long a connection may take until nothing runs on it any more, or until it answers.
const REST: Duration = Duration::from_secs(5);

/// The connections of one database.
#[derive(Debug)]
pub(crate) struct Pool {
    gate: Gate,
    options: PoolOptions,
    pub(crate) connector: Arc<Connector>,
    statements: usize,
    shared: Arc<Shared>,
}

/// What the pool and its connections both know.
#[derive(Debug, Default)]
struct Shared {
    idle: Mutex<Idle>,
    open: AtomicU32,
    pool_size: u32,
}

/// The connections that nobody has, the last to come back at the end.
#[derive(Default)]
struct Idle {
    connections: Vec<Counted>,
    closed: bool,
}

impl std::fmt::Debug for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Idle").field("connections", &self.connections.len()).field("closed", &self.closed).finish()
    }
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection back, or closes it.
    fn take_back(&self, connection: Counted) {
        let mut idle = self.idle();
        let surplus = self.open.load(Ordering::SeqCst) > self.pool_size;
        if connection.live.is_usable() && !idle.closed && !surplus {
            idle.connections.push(connection);
            return;
        }
        // Counted off before the next caller looks.
        drop(connection);
    }
}

/// A connection that counts as open while it lives.
struct Counted {
    live: Live,
    shared: Arc<Shared>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.shared.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A connection that is lent out. Dropping it gives it back.
pub(crate) struct Lent {
    /// None while it is given back only.
    connection: Option<Counted>,
    permit: Option<Permit>,
}

impl Lent {
    pub(crate) fn live(&mut self) -> Result<&mut Live> {
        self.connection.as_mut().map(|connection| &mut connection.live).ok_or_else(error::lost)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let permit = self.permit.take();
        if !connection.live.in_flight {
            connection.live.roll_back();
            let shared = Arc::clone(&connection.shared);
            shared.take_back(connection);
            return;
        }
        // Without a runtime there is nobody who could wait: it is closed.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(rest(connection, permit));
        }
    }
}

/// Stops what runs on a connection, and gives it back then.
async fn rest(mut connection: Counted, permit: Option<Permit>) {
    let rested = tokio::time::timeout(REST, connection.live.come_to_rest()).await;
    connection.live.broken |= rested.is_err();
    let shared = Arc::clone(&connection.shared);
    shared.take_back(connection);
    drop(permit);
}

impl Pool {
    /// A pool without connections yet.
    pub(crate) fn new(connector: Arc<Connector>, options: &EngineOptions) -> Self {
        let shared = Shared { pool_size: options.pool.pool_size, ..Shared::default() };
        Pool {
            gate: Gate::new(options.pool.clone()),
            options: options.pool.clone(),
            connector,
            statements: options.statement_cache,
            shared: Arc::new(shared),
        }
    }

    /// Waits for a connection.
    pub(crate) async fn acquire(&self, caller: Caller) -> Result<Lent> {
        let permit = self.gate.enter(caller).await.map_err(|error| self.with_state(error))?;
        loop {
            let idle = self.shared.idle().connections.pop();
            let Some(mut connection) = idle else {
                return Ok(Lent { connection: Some(self.open().await?), permit: Some(permit) });
            };
            if self.is_fresh(&mut connection.live).await {
                return Ok(Lent { connection: Some(connection), permit: Some(permit) });
            }
        }
    }

    async fn open(&self) -> Result<Counted> {
        self.shared.open.fetch_add(1, Ordering::SeqCst);
        let opening = Opening(Some(&self.shared));
        let live = Live::open(&self.connector, self.statements).await?;
        opening.succeed();
        Ok(Counted { live, shared: Arc::clone(&self.shared) })
    }

    async fn is_fresh(&self, live: &mut Live) -> bool {
        let young = self.options.pool_recycle.is_none_or(|limit| live.created.elapsed() <= limit);
        live.is_usable() && young && (!self.options.pre_ping || answers(live).await)
    }

    /// The gate does not know how many connections are open.
    fn with_state(&self, error: Error) -> Error {
        match error {
            Error::PoolTimeout { waited, mut state } => {
                self.fill(&mut state);
                Error::PoolTimeout { waited, state }
            }
            other => other,
        }
    }

    pub(crate) fn state(&self) -> PoolState {
        let mut state = self.gate.state();
        self.fill(&mut state);
        state
    }

    fn fill(&self, state: &mut PoolState) {
        state.open = self.shared.open.load(Ordering::SeqCst);
        state.idle = u32::try_from(self.shared.idle().connections.len()).unwrap_or(u32::MAX);
    }

    /// Lets nobody in any more, closes the connections that are idle, and has the others closed when they come back.
    pub(crate) fn close(&self) {
        self.gate.close();
        let mut idle = self.shared.idle();
        idle.closed = true;
        let connections = std::mem::take(&mut idle.connections);
        drop(idle);
        drop(connections);
    }
}

/// Whether the server is there. One that has gone without a word does not say so.
async fn answers(live: &mut Live) -> bool {
    matches!(tokio::time::timeout(REST, live.control("")).await, Ok(Ok(())))
}

/// A connection that is being opened counts as open, unless that fails or is given up.
struct Opening<'a>(Option<&'a Shared>);

impl Opening<'_> {
    fn succeed(mut self) {
        self.0 = None;
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        if let Some(shared) = self.0 {
            shared.open.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
