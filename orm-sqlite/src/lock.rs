//! Waiting for locks: tasks wait, threads never do.
//!
//! SQLite lets one connection write at a time. Writers of one program queue here, first come, first served; only the
//! first of them asks SQLite. What another process (or another engine on the same file) holds cannot be queued for, so
//! it is asked for again and again, with pauses in between.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Milliseconds between the first attempts; after them, the last one again and again.
const PAUSES: [u64; 8] = [1, 2, 5, 10, 15, 20, 25, 50];

/// How long an operation still waits. The time counts from the first time it has to.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    since: Option<Instant>,
    attempts: usize,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Patience { limit, since: None, attempts: 0 }
    }

    /// Pauses before the next attempt; false if there is to be none.
    pub(crate) async fn back_off(&mut self) -> bool {
        let left = self.left();
        if left.is_zero() {
            return false;
        }
        let pause = PAUSES.get(self.attempts).or(PAUSES.last()).copied().unwrap_or_default();
        self.attempts += 1;
        tokio::time::sleep(Duration::from_millis(pause).min(left)).await;
        true
    }

    fn left(&mut self) -> Duration {
        let since = *self.since.get_or_insert_with(Instant::now);
        self.limit.saturating_sub(since.elapsed())
    }

    pub(crate) fn waited(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// How long a task has run statements without letting others have their turn: nothing else would interrupt one that
/// runs nothing but statements.
#[derive(Debug)]
pub(crate) struct Turn {
    since: std::time::Instant,
    statements: u8,
}

impl Turn {
    const LENGTH: Duration = Duration::from_millis(1);
    /// The clock is looked at once in so many statements, for that takes as long as a thirtieth of a small one.
    const STATEMENTS: u8 = 16;

    /// Whether it is the others' turn. Counts a statement.
    pub(crate) fn is_over(&mut self) -> bool {
        self.statements += 1;
        if self.statements < Self::STATEMENTS {
            return false;
        }
        self.statements = 0;
        let over = self.since.elapsed() > Self::LENGTH;
        if over {
            *self = Turn::default();
        }
        over
    }
}

impl Default for Turn {
    fn default() -> Self {
        Turn { since: std::time::Instant::now(), statements: 0 }
    }
}

/// Lets one writer of this program in at a time, in the order of their coming.
#[derive(Debug, Clone)]
pub(crate) struct WriteGate(Option<Arc<Semaphore>>);

/// The right to write, until it is dropped.
#[derive(Debug)]
pub(crate) struct WritePermit(#[expect(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

impl WriteGate {
    /// A gate for so many connections. Who has the only one has nobody to wait for.
    pub(crate) fn new(connections: u32) -> Self {
        WriteGate((connections > 1).then(|| Arc::new(Semaphore::new(1))))
    }

    /// Lets the caller in if nobody is.
    pub(crate) fn try_enter(&self) -> Option<WritePermit> {
        let Some(semaphore) = &self.0 else { return Some(WritePermit(None)) };
        let permit = Arc::clone(semaphore).try_acquire_owned().ok()?;
        Some(WritePermit(Some(permit)))
    }

    /// Waits to be let in; none when patience is at its end.
    pub(crate) async fn enter(&self, patience: &mut Patience) -> Option<WritePermit> {
        if let Some(permit) = self.try_enter() {
            return Some(permit);
        }
        let semaphore = Arc::clone(self.0.as_ref()?);
        let permit = tokio::time::timeout(patience.left(), semaphore.acquire_owned()).await.ok()?.ok()?;
        Some(WritePermit(Some(permit)))
    }
}
