//! What the stories share: a database file each, and a log of what was sent.

use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use orm::engine::EngineBuilder;
use orm::prelude::*;
use tempfile::TempDir;

/// The result of a test: `?` takes every error.
pub(crate) type TestResult = Result<(), Box<dyn std::error::Error>>;

/// An engine on a database file of the test's own, which is deleted with it.
pub(crate) struct Database {
    engine: Engine,
    directory: TempDir,
    log: Log,
}

impl Database {
    pub(crate) async fn new() -> orm::Result<Self> {
        Self::with(|builder| builder).await
    }

    /// With other options than the defaults.
    pub(crate) async fn with(options: impl FnOnce(EngineBuilder) -> EngineBuilder) -> orm::Result<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let log = Log::default();
        let builder = log.listen(Engine::builder(url(&directory.path().join("story.db"))));
        Ok(Database { engine: options(builder).connect().await?, directory, log })
    }

    /// The directory of the database file.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The texts that were sent since the last call, in order.
    pub(crate) fn sent(&self) -> Vec<String> {
        self.log.take()
    }
}

impl Deref for Database {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

/// The URL of a database file.
pub(crate) fn url(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn listen(&self, builder: EngineBuilder) -> EngineBuilder {
        let log = self.clone();
        builder.on_statement(move |event| log.lines(|lines| lines.push(event.sql.to_owned())))
    }

    fn take(&self) -> Vec<String> {
        self.lines(std::mem::take)
    }

    fn lines<T>(&self, body: impl FnOnce(&mut Vec<String>) -> T) -> T {
        body(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
