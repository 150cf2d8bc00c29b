//! Running a transaction again that lost to another one.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use tokio::time::Instant;

use super::{Engine, Transaction, TransactionOptions};
use crate::error::{Error, Result};

/// How often a transaction is run again that lost to another one, and how long is waited before.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// # use std::time::Duration;
/// let patient = Retry::new().attempts(20).max_delay(Duration::from_secs(2));
/// let exact = Retry::new().transaction(TransactionOptions::new().isolation(Isolation::Serializable));
/// # let _ = (patient, exact);
/// ```
#[derive(Debug, Clone)]
pub struct Retry {
    transaction: TransactionOptions,
    attempts: u32,
    first_delay: Duration,
    max_delay: Duration,
    within: Option<Duration>,
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

impl Retry {
    /// Up to 10 attempts, with delays that begin at 5 ms, double each time, and end at 1 s.
    #[must_use]
    pub fn new() -> Self {
        Retry {
            transaction: TransactionOptions::new(),
            attempts: 10,
            first_delay: Duration::from_millis(5),
            max_delay: Duration::from_secs(1),
            within: None,
        }
    }

    /// How the transaction behaves. Defaults to `TransactionOptions::new()`.
    #[must_use]
    pub fn transaction(mut self, options: TransactionOptions) -> Self {
        self.transaction = options;
        self
    }

    /// How often it is run at most, the first time included. Defaults to 10.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// How long is waited after the first attempt; twice as long after each further one. It is cut by up to a half, at
    /// random, so that those who met once do not meet again. Defaults to 5 ms.
    #[must_use]
    pub fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// How long is waited at most between two attempts. Defaults to 1 s.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// No attempt begins later than this after the start. Defaults to no limit. An attempt that has begun is not cut
    /// short.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    /// The delay after so many attempts, before chance cuts it.
    fn delay(&self, attempts: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
        self.first_delay.saturating_mul(doubled).min(self.max_delay)
    }

    /// How long to wait after so many attempts since `start`; none if there is to be no further one.
    fn wait_after(&self, attempts: u32, start: Instant) -> Option<Duration> {
        let delay = cut_at_random(self.delay(attempts));
        let in_time = self.within.is_none_or(|within| start.elapsed() + delay <= within);
        (attempts < self.attempts && in_time).then_some(delay)
    }
}

/// What can be run again from its start: all that is `Clone`.
#[diagnostic::on_unimplemented(
    message = "a closure that may be run again cannot change what is around it",
    label = "it changes something that it captures, or captures something that cannot be cloned",
    note = "each attempt begins with a clone of the closure: give what it found as its value, and capture by `&`"
)]
pub trait Repeatable: Clone {}

#[diagnostic::do_not_recommend]
impl<T: Clone> Repeatable for T {}

/// Between a half and the whole of it.
fn cut_at_random(delay: Duration) -> Duration {
    // Each has keys of its own, which are random.
    let random = RandomState::new().hash_one(0_u8) % 1024;
    let half = delay / 2;
    half + half.mul_f64(random as f64 / 1024.0)
}

/// Why an attempt failed, and whether another one may succeed.
struct Lost<E> {
    error: E,
    is_retryable: bool,
}

impl<E: From<Error>> From<Error> for Lost<E> {
    fn from(error: Error) -> Self {
        Lost { is_retryable: error.is_retryable(), error: error.into() }
    }
}

impl Engine {
    /// Runs `body` in a transaction as [`Engine::transaction`] does, and again from its start if that lost to another
    /// transaction: if its begin, a statement in it or its commit failed by an error that
    /// [`is_retryable`](Error::is_retryable), or a statement since what was prepared for it is gone, because its table has
    /// changed or a proxy leads to another connection. What failed otherwise is not run again; least of all a commit whose outcome
    /// is not known ([`Error::CommitUnknown`]).
    ///
    /// Each attempt has a transaction of its own, and a clone of the closure: what it captures by reference or moves in
    /// is as it was at the first attempt. So the closure changes nothing around it, and gives what it found as its value.
    ///
    /// The database undoes what an attempt did; a mail that it sent is sent again. What is to be done once belongs into
    /// [`Transaction::after_commit`].
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// let name = String::from("Alice");
    /// let serializable = TransactionOptions::new().isolation(Isolation::Serializable);
    /// let id = engine.retry(Retry::new().transaction(serializable), async |tx| {
    ///     match tx.fetch_optional(select(User.id).filter(User.name.eq(&name))).await? {
    ///         Some(id) => Ok(id),
    ///         None => tx.fetch_one(insert(User::builder().name(&name).email("a@example.com")).returning(User.id)).await,
    ///     }
    /// }).await?;
    /// assert_eq!(id, 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// What the last attempt gave.
    pub async fn retry<T, E, F>(&self, retry: Retry, body: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut Transaction) -> Result<T, E> + Repeatable,
        E: From<Error>,
    {
        let start = Instant::now();
        let mut attempts = 1;
        loop {
            let lost = match self.attempt(&retry.transaction, body.clone()).await {
                Ok(value) => return Ok(value),
                Err(lost) => lost,
            };
            let wait = retry.wait_after(attempts, start).filter(|_| lost.is_retryable);
            let Some(delay) = wait else { return Err(lost.error) };
            // An error need not be `Send`: it must not be there while this waits.
            drop(lost);
            tokio::time::sleep(delay).await;
            attempts += 1;
        }
    }

    async fn attempt<T, E, F>(&self, options: &TransactionOptions, body: F) -> Result<T, Lost<E>>
    where
        F: AsyncFnOnce(&mut Transaction) -> Result<T, E>,
        E: From<Error>,
    {
        let mut transaction = self.begin_with(options.clone()).await?;
        match body(&mut transaction).await {
            Ok(value) => {
                transaction.commit().await?;
                Ok(value)
            }
            // The error may be the program's own, and say nothing of its cause: the connection remembers.
            Err(error) => Err(Lost { error, is_retryable: transaction.link.has_lost() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest() {
        let retry = Retry::new().first_delay(Duration::from_millis(10)).max_delay(Duration::from_millis(100));

        let delays: Vec<u128> = (1..=6).map(|attempts| retry.delay(attempts).as_millis()).collect();

        assert_eq!(delays, [10, 20, 40, 80, 100, 100]);
        assert_eq!(retry.delay(u32::MAX), Duration::from_millis(100));
    }

    #[test]
    fn chance_cuts_a_delay_by_up_to_a_half() {
        let whole = Duration::from_millis(100);
        let cut: Vec<Duration> = (0..200).map(|_| cut_at_random(whole)).collect();

        assert!(cut.iter().all(|delay| (whole / 2..=whole).contains(delay)), "{cut:?}");
        assert!(cut.iter().any(|delay| *delay != cut[0]), "{cut:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn neither_attempts_nor_time_are_exceeded() {
        let start = Instant::now();
        let retry = Retry::new().attempts(3).within(Duration::from_secs(60));

        assert!(retry.wait_after(2, start).is_some());
        assert!(retry.wait_after(3, start).is_none());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(retry.wait_after(1, start).is_none());
        assert!(Retry::new().wait_after(1, start).is_some());
    }
}
