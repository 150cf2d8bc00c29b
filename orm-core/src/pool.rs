//! What a pool of connections promises, whoever does the mechanics.
//!
//! `pool_size` connections are kept; up to `max_overflow` more are opened under load and closed when they come back.
//! Waiting is asynchronous and fair: first come, first served. Connections are reused last in, first out, so that the
//! ones not needed grow old and can be closed.
//!
//! [`Gate`] is the part that every backend shares: who may have a connection, who waits, and for how long.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::driver::Caller;
use crate::error::{Error, Result};

/// How many connections there are, and how long they live.
#[derive(Debug, Clone)]
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
}

impl Default for PoolOptions {
    fn default() -> Self {
        PoolOptions {
            pool_size: 5,
            max_overflow: 10,
            pool_timeout: Duration::from_secs(30),
            pool_recycle: None,
            pre_ping: false,
        }
    }
}

impl PoolOptions {
    /// The most connections there can be at once; at least one.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.pool_size.saturating_add(self.max_overflow).max(1)
    }
}

/// A pool at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolState {
    /// Connections that are kept at most.
    pub pool_size: u32,
    /// Connections beyond those at most.
    pub max_overflow: u32,
    /// Open connections.
    pub open: u32,
    /// Open connections that nobody has.
    pub idle: u32,
    /// Connections that are lent out.
    pub in_use: u32,
    /// Callers that wait for one.
    pub waiting: u32,
    /// How many callers had to wait since the start.
    pub waits: u64,
    /// How many of them gave up.
    pub timeouts: u64,
    /// Who has the connections: a place in the code and how many it has. Known in debug builds only.
    pub holders: Vec<(String, usize)>,
}

impl std::fmt::Display for PoolState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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

/// Decides who may have a connection.
#[derive(Debug, Clone)]
pub struct Gate(Arc<GateInner>);

#[derive(Debug)]
struct GateInner {
    options: PoolOptions,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    waits: AtomicU64,
    timeouts: AtomicU64,
    in_use: AtomicUsize,
    holders: Mutex<BTreeMap<(&'static str, u32), usize>>,
}

/// The right to one connection. Dropping it lets the next caller in.
#[derive(Debug)]
pub struct Permit {
    // Read by nobody: it is held.
    _permit: OwnedSemaphorePermit,
    gate: Arc<GateInner>,
    caller: Caller,
}

impl Gate {
    /// A gate for so many connections.
    #[must_use]
    pub fn new(options: PoolOptions) -> Self {
        let permits = Arc::new(Semaphore::new(options.capacity() as usize));
        Gate(Arc::new(GateInner {
            options,
            permits,
            waiting: AtomicUsize::new(0),
            waits: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            in_use: AtomicUsize::new(0),
            holders: Mutex::default(),
        }))
    }

    /// Waits, first come first served, until there is a connection for the caller.
    ///
    /// # Errors
    ///
    /// [`Error::PoolTimeout`] after `pool_timeout`, [`Error::Closed`] once the gate is closed.
    pub async fn enter(&self, caller: Caller) -> Result<Permit> {
        match Arc::clone(&self.0.permits).try_acquire_owned() {
            Ok(permit) => Ok(self.admit(permit, caller)),
            Err(tokio::sync::TryAcquireError::Closed) => Err(Error::Closed),
            Err(tokio::sync::TryAcquireError::NoPermits) => self.wait(caller).await,
        }
    }

    async fn wait(&self, caller: Caller) -> Result<Permit> {
        let start = Instant::now();
        let waiting = Waiting::new(&self.0);
        let permit =
            tokio::time::timeout(self.0.options.pool_timeout, Arc::clone(&self.0.permits).acquire_owned()).await;
        let state = self.state();
        drop(waiting);
        match permit {
            Ok(Ok(permit)) => Ok(self.admit(permit, caller)),
            Ok(Err(_closed)) => Err(Error::Closed),
            Err(_elapsed) => {
                self.0.timeouts.fetch_add(1, Ordering::Relaxed);
                Err(Error::PoolTimeout { waited: start.elapsed(), state: Box::new(state) })
            }
        }
    }

    fn admit(&self, permit: OwnedSemaphorePermit, caller: Caller) -> Permit {
        self.0.in_use.fetch_add(1, Ordering::Relaxed);
        if cfg!(debug_assertions) {
            let mut holders = self.0.holders.lock().unwrap_or_else(PoisonError::into_inner);
            *holders.entry((caller.file(), caller.line())).or_default() += 1;
        }
        Permit { _permit: permit, gate: Arc::clone(&self.0), caller }
    }

    /// Lets nobody in any more.
    pub fn close(&self) {
        self.0.permits.close();
    }

    /// Whether [`Gate::close`] was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.permits.is_closed()
    }

    /// The state, but for [`PoolState::open`] and [`PoolState::idle`], which only the backend knows.
    #[must_use]
    pub fn state(&self) -> PoolState {
        let holders = self.0.holders.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        PoolState {
            pool_size: self.0.options.pool_size,
            max_overflow: self.0.options.max_overflow,
            open: 0,
            idle: 0,
            in_use: count(self.0.in_use.load(Ordering::Relaxed)),
            waiting: count(self.0.waiting.load(Ordering::Relaxed)),
            waits: self.0.waits.load(Ordering::Relaxed),
            timeouts: self.0.timeouts.load(Ordering::Relaxed),
            holders: holders.iter().map(|((file, line), count)| (format!("{file}:{line}"), *count)).collect(),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.in_use.fetch_sub(1, Ordering::Relaxed);
        if cfg!(debug_assertions) {
            let mut holders = self.gate.holders.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (self.caller.file(), self.caller.line());
            match holders.get_mut(&key) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(holders.remove(&key)),
            }
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
