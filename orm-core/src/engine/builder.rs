//! How an engine is opened.

use std::sync::Arc;
use std::time::Duration;

use super::echo::{self, StatementEvent};
use super::{Engine, EngineOptions, NPlusOne};
use crate::driver::Backend;
use crate::error::{Error, Result};
use crate::expr::Condition;
use crate::model::{Entity, Model};
use crate::pool::PoolEvent;
use crate::session::Hooks;

/// Options of an engine before it is opened. `Engine::builder(url)` starts one.
///
/// ```
/// # use orm::prelude::*;
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// let engine = Engine::builder("sqlite::memory:")
///     .pool_size(4)
///     .max_overflow(0)
///     .pool_timeout(Duration::from_secs(5))
///     .connect()
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct EngineBuilder {
    url: String,
    backends: &'static [&'static dyn Backend],
    options: EngineOptions,
}

impl EngineBuilder {
    /// Options for a URL, and the backends that may open it.
    #[must_use]
    pub fn new(url: impl Into<String>, backends: &'static [&'static dyn Backend]) -> Self {
        EngineBuilder { url: url.into(), backends, options: EngineOptions::default() }
    }

    /// Gives an option of the URL another value: `.url_option("password", secret)` needs no `%40` for an `@`. Which there
    /// are, the backend says.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// let engine = Engine::builder("sqlite::memory:").url_option("foreign_keys", "off").connect().await?;
    /// # Ok(()) }
    /// ```
    #[must_use = "builders return the new value"]
    pub fn url_option(mut self, name: &str, value: &str) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        push_encoded(&mut self.url, name);
        self.url.push('=');
        push_encoded(&mut self.url, value);
        self
    }

    /// Connections that are kept. Defaults to 5.
    #[must_use = "builders return the new value"]
    pub fn pool_size(mut self, connections: u32) -> Self {
        self.options.pool.pool_size = connections;
        self
    }

    /// Connections beyond `pool_size`, opened under load and closed when they come back. Defaults to 10.
    #[must_use = "builders return the new value"]
    pub fn max_overflow(mut self, connections: u32) -> Self {
        self.options.pool.max_overflow = connections;
        self
    }

    /// How long to wait for a connection before [`Error::PoolTimeout`]. Defaults to 30 seconds.
    #[must_use = "builders return the new value"]
    pub fn pool_timeout(mut self, timeout: Duration) -> Self {
        self.options.pool.pool_timeout = timeout;
        self
    }

    /// Connections older than this are replaced when they are asked for. Defaults to never.
    #[must_use = "builders return the new value"]
    pub fn pool_recycle(mut self, age: Duration) -> Self {
        self.options.pool.pool_recycle = Some(age);
        self
    }

    /// Whether a connection is tested before it is lent, and replaced if it is dead. Defaults to false.
    #[must_use = "builders return the new value"]
    pub fn pre_ping(mut self, test: bool) -> Self {
        self.options.pool.pre_ping = test;
        self
    }

    /// How many prepared statements a connection keeps, and how many texts the engine; the least recently used go.
    /// Defaults to 256.
    #[must_use = "builders return the new value"]
    pub fn statement_cache_size(mut self, statements: usize) -> Self {
        self.options.statement_cache = statements;
        self
    }

    /// Whether every statement is written to standard error, with its time and its rows. Defaults to false.
    #[must_use = "builders return the new value"]
    pub fn echo(self, echo: bool) -> Self {
        if echo { self.listen(echo::to_stderr()) } else { self }
    }

    /// Hooks of all sessions of the engine.
    #[must_use = "builders return the new value"]
    pub fn hooks(mut self, hooks: Hooks) -> Self {
        self.options.hooks = Some(Arc::new(hooks));
        self
    }

    /// Adds a condition on a model that every statement gets which reads, updates or deletes rows of it: soft delete, a
    /// tenant, what is published. Several are joined with `AND`.
    ///
    /// It applies wherever the table stands: in selects, joins and subqueries, to what is loaded with rows, to `get`, to
    /// `update` and `delete` with conditions. It does not apply to rows that are inserted, nor to those that are written by
    /// their keys (`bulk_update`, `delete_rows`, a session's flush), nor to the text of `sql!`.
    /// [`Select::without_filters`](crate::query::Select::without_filters) lifts it from one statement.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// let engine = Engine::builder("sqlite::memory:").filter(Post, Post.body.is_not_null()).connect().await?;
    /// assert_eq!(
    ///     engine.sql(select(Post.title))?,
    ///     r#"SELECT "post"."title" FROM "post" WHERE "post"."body" IS NOT NULL"#
    /// );
    /// assert_eq!(engine.sql(select(Post.title).without_filters())?, r#"SELECT "post"."title" FROM "post""#);
    /// # Ok(()) }
    /// ```
    #[must_use = "builders return the new value"]
    pub fn filter<E: Entity>(mut self, _entity: E, condition: impl Condition) -> Self {
        self.options.filters.add(E::Model::TABLE, condition.into_condition());
        self
    }

    /// Looks for lines that send a statement a row, for development and tests. Defaults to not looking.
    ///
    /// What a line reads is counted within a transaction, a connection, or a session's transaction; what the engine runs by
    /// itself is counted by an engine of [`Engine::with_n_plus_one`]. `.with(..)` and `session.load` of several objects are
    /// not counted, whatever the number of their statements.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # use orm::engine::NPlusOne;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// let engine = Engine::builder("sqlite::memory:").n_plus_one(NPlusOne::Error(2)).connect().await?;
    /// engine.create_all(schema![User, Post]).await?;
    /// let mut tx = engine.begin().await?;
    /// let mut found = Ok(Vec::new());
    /// for author in 1..=3 {
    ///     found = tx.fetch_all(select(Post).filter(Post.author_id.eq(author))).await;
    /// }
    /// assert!(found.unwrap_err().to_string().contains("read the same 3 times"));
    /// # Ok(()) }
    /// ```
    #[must_use = "builders return the new value"]
    pub fn n_plus_one(mut self, limit: NPlusOne) -> Self {
        self.options.n_plus_one = Some(limit);
        self
    }

    /// Whether bound values stand in errors, in the echo and in traces. Defaults to false, since they may be secret.
    #[must_use = "builders return the new value"]
    pub fn show_binds(mut self, show: bool) -> Self {
        self.options.show_binds = show;
        self
    }

    /// Whether statements run on a thread for blocking work, for backends that run them inside this process (SQLite):
    /// worth its 13 µs a statement only where statements are long. Transactions begin and end
    /// on the task all the same. Defaults to false.
    #[must_use = "builders return the new value"]
    pub fn offload(mut self, offload: bool) -> Self {
        self.options.offload = offload;
        self
    }

    /// Calls `listener` after every statement, on the task that ran it. It may be called several times.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # use std::sync::atomic::{AtomicU32, Ordering};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// static STATEMENTS: AtomicU32 = AtomicU32::new(0);
    /// let engine = Engine::builder("sqlite::memory:")
    ///     .on_statement(|_event| { STATEMENTS.fetch_add(1, Ordering::Relaxed); })
    ///     .connect().await?;
    /// engine.create_all(schema![User]).await?;
    /// assert_eq!(STATEMENTS.load(Ordering::Relaxed), 1);
    /// # Ok(()) }
    /// ```
    #[must_use = "builders return the new value"]
    pub fn on_statement(self, listener: impl Fn(&StatementEvent<'_>) + Send + Sync + 'static) -> Self {
        self.listen(Arc::new(listener))
    }

    /// Calls `listener` for everything that happens in the pool: a connection is opened, lent, given back or closed, or a
    /// caller gives up waiting. It may be called several times.
    ///
    /// It runs where that happens, also while a connection is dropped: keep it short. A panic in it is ignored.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # use orm::pool::PoolEvent;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// let (events, log) = std::sync::mpsc::channel();
    /// let engine = Engine::builder("sqlite::memory:")
    ///     .on_pool_event(move |event| {
    ///         let text = match event {
    ///             PoolEvent::Connect { connection, .. } => format!("{connection} opened"),
    ///             PoolEvent::Checkout { connection, .. } => format!("{connection} lent"),
    ///             PoolEvent::Checkin { connection, .. } => format!("{connection} given back"),
    ///             PoolEvent::Close { connection, reason, .. } => format!("{connection} closed: {reason:?}"),
    ///             _ => return,
    ///         };
    ///         let _nobody_listens = events.send(text);
    ///     })
    ///     .connect().await?;
    /// engine.fetch_one(select(value(1))).await?;
    /// engine.close().await;
    /// // The engine connects once when it is opened, so that a wrong URL is found there.
    /// let expected = ["1 opened", "1 lent", "1 given back", "1 lent", "1 given back", "1 closed: Closed"];
    /// assert_eq!(log.try_iter().collect::<Vec<_>>(), expected);
    /// # Ok(()) }
    /// ```
    #[must_use = "builders return the new value"]
    pub fn on_pool_event(mut self, listener: impl Fn(&PoolEvent<'_>) + Send + Sync + 'static) -> Self {
        self.options.pool.listeners.push(Arc::new(listener));
        self
    }

    fn listen(mut self, listener: super::Listener) -> Self {
        self.options.listeners.push(listener);
        self
    }

    /// Opens the database and its first connection.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] for an unknown scheme or option, naming the known ones; [`Error::Connect`] if the database
    /// cannot be reached.
    pub async fn connect(self) -> Result<Engine> {
        let backend = self.backend()?;
        let driver = backend.open(&self.url, &self.options).await?;
        Ok(Engine::from_driver(driver, self.options))
    }

    fn backend(&self) -> Result<&'static dyn Backend> {
        let known = || {
            let schemes: Vec<&str> = self.backends.iter().flat_map(|backend| backend.schemes()).copied().collect();
            if schemes.is_empty() { "no backend is compiled in".to_owned() } else { schemes.join(", ") }
        };
        let Some((scheme, _)) = self.url.split_once(':') else {
            return Err(Error::Url(format!(
                "it has no scheme: write it like `sqlite://app.db` (known schemes: {})",
                known()
            )));
        };
        self.backends
            .iter()
            .find(|backend| backend.schemes().contains(&scheme))
            .copied()
            .ok_or_else(|| Error::Url(format!("unknown scheme {scheme:?}; the known ones are: {}", known())))
    }
}

/// Everything but plain letters and digits as `%40`.
fn push_encoded(url: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => url.push(char::from(byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// Without the URL, which may hold a password.
impl std::fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineBuilder").field("options", &self.options).finish_non_exhaustive()
    }
}
