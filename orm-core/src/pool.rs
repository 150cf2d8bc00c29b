//! What a pool of connections promises, whoever does the mechanics.
//!
//! `pool_size` connections are kept; up to `max_overflow` more are opened under load and closed when they come back.
//! Waiting is asynchronous and fair: first come, first served. Connections are reused last in, first out, so that the
//! ones not needed grow old and can be closed; while more are out than idle, any of them may be next.
//!
//! [`Gate`] is the part that every backend shares: who may have a connection ([`Permit`]), who waits, and for how long; and
//! the books: a backend says what it opens ([`Gate::opening`]), lends ([`Permit::lends`]) and closes (by dropping
//! [`Opened`]).
//!
//! ```text
//! Permit::enter ─> Permit ─ lends ───────────> Checkout      dropped ─> Checkin
//! Gate::opening ─> Opening ─ succeed ─> Opened, Connect      dropped ─> Close
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, TryAcquireError};
use tokio::time::Instant;

use crate::driver::Caller;
use crate::error::{Error, Result};

/// Is told of what happens in a pool.
pub type PoolListener = Arc<dyn Fn(&PoolEvent<'_>) + Send + Sync>;

/// How many connections there are, and how long they live.
#[derive(Clone)]
#[non_exhaustive]
pub struct PoolOptions {
    /// Connections that are kept. Defaults to 5.
    pub pool_size: u32,
    /// Connections beyond those, opened under load and closed when they come back. Defaults to 10.
    pub max_overflow: u32,
    /// How long to wait for a connection. Defaults to 30 seconds.
    pub pool_timeout: Duration,
    /// Connections older than this are replaced when they are asked for. Defaults to none: they live on.
    pub pool_recycle: Option<Duration>,
    /// Whether a connection is tested before it is lent, and replaced if it is dead. Defaults to false.
    pub pre_ping: bool,
    /// Who is told of what happens in the pool.
    pub listeners: Vec<PoolListener>,
}

impl Default for PoolOptions {
    fn default() -> Self {
        PoolOptions {
            pool_size: 5,
            max_overflow: 10,
            pool_timeout: Duration::from_secs(30),
            pool_recycle: None,
            pre_ping: false,
            listeners: Vec::new(),
        }
    }
}

impl fmt::Debug for PoolOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolOptions")
            .field("pool_size", &self.pool_size)
            .field("max_overflow", &self.max_overflow)
            .field("pool_timeout", &self.pool_timeout)
            .field("pool_recycle", &self.pool_recycle)
            .field("pre_ping", &self.pre_ping)
            .field("listeners", &self.listeners.len())
            .finish()
    }
}

impl PoolOptions {
    /// The most connections there can be at once; at least one.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.pool_size.saturating_add(self.max_overflow).max(1)
    }
}

/// A pool at one moment, and what it has done since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolState {
    /// Connections that are kept at most.
    pub pool_size: u32,
    /// Connections beyond those at most.
    pub max_overflow: u32,
    /// Connections that are open, or being opened.
    pub open: u32,
    /// Open connections that nobody has.
    pub idle: u32,
    /// Connections that are lent out, or about to be.
    pub in_use: u32,
    /// Callers that wait for one.
    pub waiting: u32,
    /// How many callers had to wait since the start.
    pub waits: u64,
    /// How many of them gave up.
    pub timeouts: u64,
    /// How many connections were opened since the start.
    pub opened: u64,
    /// How many of them were closed.
    pub closed: u64,
    /// Who has the connections: a place in the code and how many it has. Known in debug builds only.
    pub holders: Vec<(String, usize)>,
}

impl fmt::Display for PoolState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} in use, {} idle, {} waiting (pool_size {}, max_overflow {})",
            self.in_use, self.idle, self.waiting, self.pool_size, self.max_overflow
        )?;
        for (place, count) in &self.holders {
            write!(f, "; {count} held since {place}")?;
        }
        Ok(())
    }
}

/// Something that happened in a pool. Connections are numbered from 1, in the order in which they were opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolEvent<'a> {
    /// A connection was opened.
    Connect {
        /// Its number.
        connection: u64,
        /// How long that took.
        elapsed: Duration,
    },
    /// A connection was lent to a caller. Others whose reads are sent with his are not told of.
    Checkout {
        /// Its number.
        connection: u64,
        /// How long the caller waited until it was let in.
        waited: Duration,
        /// Where in the program the caller is.
        caller: Caller,
    },
    /// A connection came back.
    Checkin {
        /// Its number.
        connection: u64,
        /// How long it was away.
        held: Duration,
        /// Who had it.
        caller: Caller,
    },
    /// A connection was closed.
    Close {
        /// Its number.
        connection: u64,
        /// How long it was open.
        age: Duration,
        /// Why.
        reason: CloseReason,
    },
    /// A caller gave up waiting.
    Timeout {
        /// How long it had waited.
        waited: Duration,
        /// The pool as it was then.
        state: &'a PoolState,
    },
}

/// Why a connection was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// It broke, or was left in a state that cannot be cleaned.
    Broken,
    /// It did not pass the test before it was to be lent (`pre_ping`).
    Dead,
    /// It was older than `pool_recycle`.
    Old,
    /// It was one of those beyond `pool_size`.
    Surplus,
    /// The engine was closed.
    Closed,
}

/// Decides who may have a connection, and keeps the books.
#[derive(Debug, Clone)]
pub struct Gate(Arc<GateInner>);

#[derive(Debug)]
struct GateInner {
    options: PoolOptions,
    permits: Permits,
    waiting: AtomicUsize,
    waits: AtomicU64,
    timeouts: AtomicU64,
    open: AtomicU32,
    opened: AtomicU64,
    closed: AtomicU64,
    holders: Mutex<BTreeMap<(&'static str, u32), usize>>,
}

/// On a cache line of its own: every caller writes to it, on whatever processor he is, and what lies beside it is read.
#[derive(Debug)]
#[repr(align(64))]
struct Permits(Semaphore);

impl Deref for Permits {
    type Target = Semaphore;

    fn deref(&self) -> &Semaphore {
        &self.0
    }
}

/// What has a [`Gate`]: the gate, or what a pool shares with whoever has one of its connections.
pub trait Gated {
    /// The gate.
    fn gate(&self) -> &Gate;
}

impl Gated for Gate {
    fn gate(&self) -> &Gate {
        self
    }
}

impl<T: Gated> Gated for Arc<T> {
    fn gate(&self) -> &Gate {
        (**self).gate()
    }
}

impl GateInner {
    fn in_use(&self) -> usize {
        (self.options.capacity() as usize).saturating_sub(self.permits.available_permits())
    }

    fn is_observed(&self) -> bool {
        !self.options.listeners.is_empty()
    }

    /// A listener may run while a connection is dropped, so no panic of it goes on.
    fn tell(&self, event: &PoolEvent<'_>) {
        for listener in &self.options.listeners {
            let _panicked = catch_unwind(AssertUnwindSafe(|| listener(event)));
        }
    }
}

/// The right to one connection. Dropping it lets the next caller in.
///
/// It holds what has the gate, and not the gate as well: whoever has a connection holds one handle of the pool.
#[derive(Debug)]
pub struct Permit<P: Gated = Gate> {
    pool: P,
    caller: Caller,
    /// Only if somebody listens.
    told: Option<Box<Told>>,
}

/// What listeners are told of a caller.
#[derive(Debug)]
struct Told {
    waited: Duration,
    /// Which connection is lent, and since when.
    lent: Option<(u64, Instant)>,
}

impl Gate {
    /// A gate for so many connections.
    #[must_use]
    pub fn new(options: PoolOptions) -> Self {
        let permits = Permits(Semaphore::new(options.capacity() as usize));
        Gate(Arc::new(GateInner {
            options,
            permits,
            waiting: AtomicUsize::new(0),
            waits: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            open: AtomicU32::new(0),
            opened: AtomicU64::new(0),
            closed: AtomicU64::new(0),
            holders: Mutex::default(),
        }))
    }

    async fn wait(&self) -> Result<(SemaphorePermit<'_>, Duration)> {
        let start = Instant::now();
        let waiting = Waiting::new(&self.0);
        let permit = tokio::time::timeout(self.0.options.pool_timeout, self.0.permits.acquire()).await;
        let waited = start.elapsed();
        match permit {
            Ok(Ok(permit)) => Ok((permit, waited)),
            Ok(Err(_closed)) => Err(Error::Closed),
            Err(_elapsed) => {
                let state = self.state();
                drop(waiting);
                self.0.timeouts.fetch_add(1, Ordering::Relaxed);
                self.0.tell(&PoolEvent::Timeout { waited, state: &state });
                Err(Error::PoolTimeout { waited, state: Box::new(state) })
            }
        }
    }

    /// A connection is about to be opened, and counts as open from now on.
    #[must_use]
    pub fn opening(&self) -> Opening {
        self.0.open.fetch_add(1, Ordering::SeqCst);
        Opening { gate: Arc::clone(&self.0), start: Instant::now(), succeeded: false }
    }

    /// Lets nobody in any more.
    pub fn close(&self) {
        self.0.permits.close();
    }

    /// How many callers have a connection, or are about to.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.0.in_use()
    }

    /// Whether [`Gate::close`] was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.permits.is_closed()
    }

    /// The pool as it is now.
    #[must_use]
    pub fn state(&self) -> PoolState {
        let holders = self.0.holders.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let open = self.0.open.load(Ordering::SeqCst);
        let in_use = count(self.0.in_use());
        PoolState {
            pool_size: self.0.options.pool_size,
            max_overflow: self.0.options.max_overflow,
            open,
            idle: open.saturating_sub(in_use),
            in_use,
            waiting: count(self.0.waiting.load(Ordering::Relaxed)),
            waits: self.0.waits.load(Ordering::Relaxed),
            timeouts: self.0.timeouts.load(Ordering::Relaxed),
            opened: self.0.opened.load(Ordering::Relaxed),
            closed: self.0.closed.load(Ordering::Relaxed),
            holders: holders.iter().map(|((file, line), count)| (format!("{file}:{line}"), *count)).collect(),
        }
    }
}

impl<P: Gated + Clone> Permit<P> {
    /// Waits, first come first served, until there is a connection for the caller.
    ///
    /// # Errors
    ///
    /// [`Error::PoolTimeout`] after `pool_timeout`, [`Error::Closed`] once the gate is closed.
    pub async fn enter(pool: &P, caller: Caller) -> Result<Self> {
        let gate = pool.gate();
        match gate.0.permits.try_acquire() {
            Ok(permit) => Ok(Self::admit(pool, permit, caller, Duration::ZERO)),
            Err(TryAcquireError::Closed) => Err(Error::Closed),
            Err(TryAcquireError::NoPermits) => {
                let (permit, waited) = gate.wait().await?;
                Ok(Self::admit(pool, permit, caller, waited))
            }
        }
    }

    /// Lets the caller in if nobody need be waited for.
    #[must_use]
    pub fn try_enter(pool: &P, caller: Caller) -> Option<Self> {
        let permit = pool.gate().0.permits.try_acquire().ok()?;
        Some(Self::admit(pool, permit, caller, Duration::ZERO))
    }

    fn admit(pool: &P, permit: SemaphorePermit<'_>, caller: Caller, waited: Duration) -> Self {
        // Given back when ours is dropped, which lives as long as it likes.
        permit.forget();
        let gate = &pool.gate().0;
        if cfg!(debug_assertions) {
            let mut holders = gate.holders.lock().unwrap_or_else(PoisonError::into_inner);
            *holders.entry((caller.file(), caller.line())).or_default() += 1;
        }
        let told = gate.is_observed().then(|| Box::new(Told { waited, lent: None }));
        Permit { pool: pool.clone(), caller, told }
    }
}

impl<P: Gated> Permit<P> {
    /// A connection is lent by this permit. A backend calls it when it has one that works.
    pub fn lends(&mut self, connection: &Opened) {
        let Some(told) = &mut self.told else { return };
        told.lent = Some((connection.number, Instant::now()));
        let (connection, waited, caller) = (connection.number, told.waited, self.caller);
        self.pool.gate().0.tell(&PoolEvent::Checkout { connection, waited, caller });
    }

    /// What has its gate.
    pub fn pool(&self) -> &P {
        &self.pool
    }
}

impl<P: Gated> Drop for Permit<P> {
    fn drop(&mut self) {
        let gate = &self.pool.gate().0;
        if cfg!(debug_assertions) {
            let mut holders = gate.holders.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (self.caller.file(), self.caller.line());
            match holders.get_mut(&key) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(holders.remove(&key)),
            }
        }
        if let Some((connection, since)) = self.told.as_ref().and_then(|told| told.lent) {
            gate.tell(&PoolEvent::Checkin { connection, held: since.elapsed(), caller: self.caller });
        }
        gate.permits.add_permits(1);
    }
}

/// A connection that is being opened. Unless that succeeds it is counted off again when this is dropped.
#[derive(Debug)]
pub struct Opening {
    gate: Arc<GateInner>,
    start: Instant,
    succeeded: bool,
}

impl Opening {
    /// It is open.
    #[must_use = "dropping it says that the connection is closed"]
    pub fn succeed(mut self) -> Opened {
        self.succeeded = true;
        let number = self.gate.opened.fetch_add(1, Ordering::Relaxed) + 1;
        let opened = Opened {
            gate: Arc::clone(&self.gate),
            number,
            since: Instant::now(),
            reason: CloseReason::Broken,
            counted: true,
        };
        self.gate.tell(&PoolEvent::Connect { connection: number, elapsed: self.start.elapsed() });
        opened
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if !self.succeeded {
            self.gate.open.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// The entry of an open connection in the books. Lives as long as the connection.
#[derive(Debug)]
pub struct Opened {
    gate: Arc<GateInner>,
    number: u64,
    since: Instant,
    reason: CloseReason,
    counted: bool,
}

impl Opened {
    /// How long the connection has been open.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Says why the connection is going to be closed, if it is not because it broke.
    pub fn closes_because(&mut self, reason: CloseReason) {
        self.reason = reason;
    }

    /// Whether there are more connections than are kept. If so this one is no longer counted: it has to be closed.
    pub fn leave_if_surplus(&mut self) -> bool {
        let pool_size = self.gate.options.pool_size;
        let one_less = |open: u32| (open > pool_size).then(|| open - 1);
        if self.counted && self.gate.open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            self.counted = false;
            self.reason = CloseReason::Surplus;
        }
        !self.counted
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if self.counted {
            self.gate.open.fetch_sub(1, Ordering::SeqCst);
        }
        self.gate.closed.fetch_add(1, Ordering::Relaxed);
        if self.gate.is_observed() {
            let (connection, reason) = (self.number, self.reason);
            self.gate.tell(&PoolEvent::Close { connection, age: self.age(), reason });
        }
    }
}

/// Counts a caller that waits, also when its future is dropped.
struct Waiting<'a>(&'a GateInner);

impl<'a> Waiting<'a> {
    fn new(gate: &'a GateInner) -> Self {
        gate.waits.fetch_add(1, Ordering::Relaxed);
        gate.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(gate)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
