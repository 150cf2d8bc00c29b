//! The PostgreSQL backend of `orm`: tokio-postgres under the contract of [`orm_core::driver`].
//!
//! Users name it by a URL and through the facade crate `orm`; only a program that builds its engine by hand names
//! [`Postgres`].
//!
//! # URLs
//!
//! `postgresql://user:password@host:5432/database?option=value`, or `postgres://..`. Without a host it is `localhost`,
//! without a database the user's name. Letters that mean something in a URL are written as `%40`.
//!
//! | option | values | default |
//! |---|---|---|
//! | `host` | a host, or the folder of a Unix socket: `/var/run/postgresql` | the URL's |
//! | `port`, `user`, `password`, `dbname` | in place of the URL's own | |
//! | `application_name` | the name that the server shows for the connection | none |
//! | `connect_timeout` | seconds to wait for a connection | 10 |
//! | `statement_timeout`, `lock_timeout` | milliseconds, 0 for ever | the server's |
//! | `search_path` | schemas in which tables are looked for | the server's |
//! | `options` | other settings, as in `-c work_mem=64MB` | none |
//! | `sslmode` | `disable`, `prefer`; both connect without TLS | `prefer` |
//!
//! # Where work is done
//!
//! ```text
//! run ──> compile (or find by shape) ──> PREPARE (or find by text) ──> encode ──> send
//!                                                                              server │ row by row
//!                                              RowSink <── decode, borrowed <─────────┘
//! ```
//!
//! Many rows travel as an array for each column, very many by `COPY`. Values travel in PostgreSQL's binary form, encoded
//! for the types that the server gives the placeholders. A statement that fails within a transaction fails the transaction:
//! all others are refused with [`Error::TransactionFailed`](orm_core::error::Error::TransactionFailed) until it is rolled
//! back, or rolled back to a savepoint.
//!
//! # How values are stored
//!
//! Each type has PostgreSQL's own: `boolean`, `smallint`, `integer`, `bigint`, `real`, `double precision`, `text`,
//! `varchar(n)`, `bytea`, `date`, `time`, `timestamp`, `timestamptz`, `uuid`, `numeric`, `jsonb`. An enum is `text` with
//! a `CHECK` of its words. A text cannot hold a NUL, and a `NaN` is refused as on every backend.

mod array;
mod cancel;
mod connection;
mod copy;
mod dialect;
mod driver;
mod error;
mod live;
mod numeric;
mod options;
mod pool;
mod row;
mod statement;
mod stream;
mod value;
mod violation;

use std::panic::Location;

use orm_core::driver::{Backend, BoxFuture, Driver};
use orm_core::engine::EngineOptions;
use orm_core::error::Result;

pub use dialect::PostgresDialect;

/// PostgreSQL, for URLs that begin with `postgresql:` or `postgres:`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Postgres;

impl Backend for Postgres {
    fn schemes(&self) -> &'static [&'static str] {
        &["postgresql", "postgres"]
    }

    fn open<'a>(&'a self, url: &'a str, options: &'a EngineOptions) -> BoxFuture<'a, Result<Box<dyn Driver>>> {
        let caller = Location::caller();
        Box::pin(async move {
            let driver = driver::PostgresDriver::open(url, options, caller).await?;
            Ok(Box::new(driver) as Box<dyn Driver>)
        })
    }
}
