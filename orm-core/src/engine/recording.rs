//! [`Recording`]: the statements of an engine from some moment on, for tests that count them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::Engine;

type Texts = Mutex<Vec<String>>;

/// Who records an engine's statements.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    /// How many do. A statement that nobody records pays for a look at this.
    active: AtomicUsize,
    recordings: Mutex<Vec<Weak<Texts>>>,
}

impl Recorder {
    #[inline]
    pub(super) fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed) > 0
    }

    pub(super) fn tell(&self, sql: &str) {
        if !self.is_active() {
            return;
        }
        let recordings = self.recordings.lock().unwrap_or_else(PoisonError::into_inner);
        for texts in recordings.iter().filter_map(Weak::upgrade) {
            texts.lock().unwrap_or_else(PoisonError::into_inner).push(sql.to_owned());
        }
    }
}

/// The statements that an engine has run since [`Engine::record`], until this is dropped. `BEGIN`, `COMMIT` and the like
/// are not among them.
#[derive(Debug)]
pub struct Recording {
    recorder: Arc<Recorder>,
    texts: Arc<Texts>,
}

impl Recording {
    /// The texts so far, in the order in which the statements ended.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asserts how many statements have run so far. [`assert_statements!`](crate::assert_statements) calls it.
    ///
    /// # Panics
    ///
    /// If there are more or fewer; the message lists them.
    #[track_caller]
    #[expect(clippy::panic, reason = "an assertion of a test")]
    pub fn assert_count(&self, expected: usize) {
        let statements = self.statements();
        if statements.len() != expected {
            let list: String = statements.iter().map(|sql| format!("\n  {sql}")).collect();
            panic!("expected {expected} statements, {} were sent:{list}", statements.len());
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.recorder.active.fetch_sub(1, Ordering::Relaxed);
        let mut recordings = self.recorder.recordings.lock().unwrap_or_else(PoisonError::into_inner);
        recordings.retain(|texts| !std::ptr::eq(texts.as_ptr(), Arc::as_ptr(&self.texts)));
    }
}

impl Engine {
    /// Records what the engine runs from now on: by itself, by its connections and transactions, by sessions, and by
    /// engines made from it ([`Engine::with_filter`]).
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// let recording = engine.record();
    /// engine.fetch_all(select(User.name)).await?;
    /// assert_eq!(recording.statements(), [r#"SELECT "users"."name" FROM "users""#]);
    /// # Ok(()) }
    /// ```
    #[must_use = "it ends when it is dropped"]
    pub fn record(&self) -> Recording {
        let recorder = Arc::clone(self.recorder());
        let texts = Arc::new(Texts::default());
        recorder.recordings.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&texts));
        recorder.active.fetch_add(1, Ordering::Relaxed);
        Recording { recorder, texts }
    }
}

/// Asserts how many statements a block sends to an engine, and gives the block's value.
///
/// All statements of the engine count while the block runs, whoever sends them. `BEGIN`, `COMMIT` and the like do not.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// # let engine = orm::connect("sqlite::memory:").await?;
/// # engine.create_all(schema![User, Post]).await?;
/// # engine.execute(insert([1, 2].map(|n| User::builder().name("A").email(format!("{n}@example.com"))))).await?;
/// let users = orm::assert_statements!(engine, 2, {
///     engine.fetch_all(select(User).with(User.posts)).await?
/// });
/// assert_eq!(users.len(), 2);
/// # Ok(()) }
/// ```
///
/// # Panics
///
/// If the block sends more or fewer; the message lists them.
#[macro_export]
macro_rules! assert_statements {
    ($engine:expr, $expected:expr, $block:block) => {{
        let recording = $engine.record();
        let value = $block;
        recording.assert_count($expected);
        value
    }};
}
