//! What cases expect, in a word each.

use std::error::Error as StdError;
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use orm::Error;

use crate::{TestDb, TestResult};

/// The error of something that must fail.
///
/// # Errors
///
/// It did not fail.
pub(crate) fn refused<T>(result: orm::Result<T>) -> Result<Error, Box<dyn StdError + Send + Sync>> {
    match result {
        Ok(_) => Err("it was accepted, and should have been refused".into()),
        Err(error) => Ok(error),
    }
}

/// Whether nothing was sent since the log was last looked at: what cannot be compiled is logged without its SQL, and
/// what cannot be bound as failed.
pub(crate) fn nothing_was_sent(db: &TestDb) -> bool {
    db.log.take().iter().all(|logged| logged.failed && logged.rows == 0)
}

/// Whether a server's time is this machine's. Two clocks may differ, but not by a day.
pub(crate) fn is_about_now(time: DateTime<Utc>) -> bool {
    (DateTime::<Utc>::from(SystemTime::now()) - time).abs() < TimeDelta::days(1)
}

/// Waits until something is so. It is given up after ten seconds, which no machine needs.
///
/// # Errors
///
/// It did not become so.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) -> TestResult {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > Duration::from_secs(10) {
            return Err(format!("it did not come to pass that {what}").into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Polls a future at most so many times, and drops it. Gives what it gave, if it came that far.
pub(crate) async fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    for _ in 0..times {
        let poll = std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context)));
        if let std::task::Poll::Ready(output) = poll.await {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}
