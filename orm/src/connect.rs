//! From a URL to a backend: the only place that knows which backends are compiled in.

use orm_core::driver::Backend;
use orm_core::engine::{Engine, EngineBuilder};
use orm_core::error::Result;

/// The backends of this build.
const BACKENDS: &[&dyn Backend] = &[
    #[cfg(feature = "sqlite")]
    &orm_sqlite::Sqlite,
    #[cfg(feature = "postgres")]
    &orm_postgres::Postgres,
];

/// Opens a database by its URL, with the default options. [`Connect::builder`] sets others.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// let engine = orm::connect("sqlite::memory:").await?;
/// assert_eq!(engine.backend(), "sqlite");
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`Error::Url`](crate::Error::Url) for an unknown scheme or option, naming the known ones;
/// [`Error::Connect`](crate::Error::Connect) if the database cannot be reached.
pub async fn connect(url: impl Into<String>) -> Result<Engine> {
    Engine::builder(url).connect().await
}

/// Gives [`Engine`] its `builder`: the engine itself knows no backends.
pub trait Connect: sealed::Sealed {
    /// Options of an engine for a URL, before it is opened.
    ///
    /// ```
    /// use orm::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// let engine = Engine::builder("sqlite::memory:").pool_size(2).max_overflow(4).echo(true).connect().await?;
    /// # Ok(()) }
    /// ```
    fn builder(url: impl Into<String>) -> EngineBuilder;
}

impl Connect for Engine {
    fn builder(url: impl Into<String>) -> EngineBuilder {
        EngineBuilder::new(url, BACKENDS)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for orm_core::engine::Engine {}
}
