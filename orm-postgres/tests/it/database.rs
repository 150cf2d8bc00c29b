//! A fresh schema, and an engine on it.

use std::ops::Deref;

use orm::engine::EngineBuilder;
use orm::prelude::*;

use crate::server::Schema;

/// An engine on a schema of its own.
pub(crate) struct Database {
    pub(crate) engine: Engine,
    schema: Schema,
}

impl Deref for Database {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

/// An engine on a fresh schema.
pub(crate) async fn open() -> Database {
    open_with("", |builder| builder).await
}

/// The same with more options in the URL, and of the engine.
pub(crate) async fn open_with(query: &str, configure: fn(EngineBuilder) -> EngineBuilder) -> Database {
    let schema = Schema::create().await;
    let engine = engine(&schema, query, configure).await;
    Database { engine, schema }
}

impl Database {
    /// Another engine on the same schema.
    pub(crate) async fn another(&self, query: &str) -> Engine {
        engine(&self.schema, query, |builder| builder).await
    }

    /// Another engine on the same schema, with other options.
    pub(crate) async fn another_with(&self, configure: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Engine {
        engine(&self.schema, "", configure).await
    }
}

async fn engine(schema: &Schema, query: &str, configure: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Engine {
    let url = format!("{}&{query}", schema.url());
    configure(Engine::builder(url)).connect().await.expect("the test server")
}
