//! An ORM for Rust: plain structs, typed columns, and statements that can say what SQL can, at the raw driver's speed.
//!
//! ```
//! use orm::prelude::*;
//!
//! #[derive(Debug, Model)]
//! #[model(table = "users", has_many(posts: Post.author_id))]
//! pub struct User {
//!     #[model(primary_key)]
//!     pub id: i64,
//!     pub name: String,
//! }
//!
//! #[derive(Debug, Model)]
//! pub struct Post {
//!     #[model(primary_key)]
//!     pub id: i64,
//!     #[model(belongs_to(author: User), on_delete = cascade, index)]
//!     pub author_id: i64,
//!     pub title: String,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> orm::Result<()> {
//! let engine = orm::connect("sqlite::memory:").await?;
//! engine.create_all(schema![User, Post]).await?;
//!
//! let alice = engine.fetch_one(insert(User::builder().name("Alice")).returning(User)).await?;
//! engine.execute(insert(Post::builder().title("Hello").author_id(alice.id))).await?;
//!
//! let posts_by_user: Vec<(String, i64)> = engine
//!     .fetch_all(
//!         select((User.name, count(Post.id)))
//!             .left_join(User.posts)
//!             .group_by(User.id)
//!             .order_by(count(Post.id).desc()),
//!     )
//!     .await?;
//! assert_eq!(posts_by_user, [("Alice".to_string(), 1)]);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `derive` | yes | `#[derive(Model)]`, `FromRow`, `DbEnum`, `DbType` |
//! | `sqlite` | yes | the SQLite backend, with SQLite itself built in |
//! | `postgres` | | the PostgreSQL backend |
//! | `postgres-tls` | | TLS to PostgreSQL, by rustls |
//! | `chrono` | | dates and times of `chrono` as columns |
//! | `decimal` | | `rust_decimal::Decimal` as an exact column |
//! | `json` | | `Json<T>` for any serde type |
//! | `uuid` | | `uuid::Uuid` as a column, and version 7 keys made by the client |
//! | `tracing` | | a span for each statement, with OpenTelemetry's names |
//! | `full` | | all of them |

// The derive writes paths that begin with the crate's name.
#[allow(unused_extern_crates, reason = "only generated code names it")]
extern crate self as orm;

mod connect;
#[doc(hidden)]
#[cfg(all(feature = "derive", feature = "sqlite"))]
pub mod docs;
#[cfg(doctest)]
mod guide;
pub mod prelude;

pub use connect::{Connect, connect};
pub use orm_core::{
    Error, Result, assert_statements, ast, compile, dialect, driver, engine, error, expr, meta, model, pool, query,
    relation, schema, session, sql, types, value,
};
#[cfg(feature = "derive")]
pub use orm_derive::{DbEnum, DbType, FromRow, Model, Shape};

pub use orm_core::engine::{Engine, Transaction};
/// The PostgreSQL backend.
#[cfg(feature = "postgres")]
pub use orm_postgres as postgres;
/// The SQLite backend.
#[cfg(feature = "sqlite")]
pub use orm_sqlite as sqlite;

/// What generated code calls. Not for use by hand: it may change at any time.
#[doc(hidden)]
pub mod __private {
    pub use orm_core::*;
}
