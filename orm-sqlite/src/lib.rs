//! The SQLite backend of `orm`: rusqlite, r2d2 and r2d2_sqlite under the contract of [`orm_core::driver`].
//!
//! Users name it by a URL and through the facade crate `orm`; only a program that builds its engine by hand names
//! [`Sqlite`].
//!
//! # URLs
//!
//! | URL | database |
//! |---|---|
//! | `sqlite://relative/path.db`, `sqlite:path.db` | a file, made if it is missing |
//! | `sqlite:///absolute/path.db` | the same |
//! | `sqlite::memory:`, `sqlite://:memory:` | in memory, one for all connections of the engine, at most 1 GB |
//!
//! Letters that mean something in a URL are written as `%3F`. Options follow after `?`, with `&` between them:
//!
//! | option | values | default |
//! |---|---|---|
//! | `mode` | `rwc` makes a missing file, `rw`, `ro`, `memory` | `rwc` |
//! | `busy_timeout` | milliseconds to wait for a lock | 5000 |
//! | `journal_mode` | `delete`, `truncate`, `persist`, `memory`, `wal`, `off` | `wal` |
//! | `synchronous` | `off`, `normal`, `full`, `extra` | `normal` with `wal` |
//! | `foreign_keys`, `recursive_triggers`, `trusted_schema` | `on`, `off` | `on`, `off`, `on` |
//! | `cache_size`, `mmap_size`, `wal_autocheckpoint`, `page_size`, `application_id` | a number | SQLite's |
//! | `temp_store` | `default`, `file`, `memory` | `default` |
//! | `secure_delete` | `off`, `on`, `fast` | SQLite's |
//! | `auto_vacuum` | `none`, `full`, `incremental`; before the first table only | `none` |
//! | `locking_mode` | `normal`, `exclusive`; the latter needs a pool of one connection | `normal` |
//!
//! # Where work is done
//!
//! ```text
//! run ──> compile (or find by shape) ──> prepare (or find) ──> bind ──> step ──> RowSink
//!   │                                                           on the calling task
//!   ├─ its turn to write, a busy file, a connection: awaited, bounded by `busy_timeout` and `pool_timeout`
//!   └─ stream, or an engine that offloads: on a thread for blocking work
//! ```
//!
//! A statement runs on the calling task, for that is ten times faster than handing it to a thread. A transaction that
//! may write takes SQLite's one write lock when it begins, so it can never fail half-way for want of it. Every
//! transaction is serializable.
//!
//! # How values are stored
//!
//! Truth values are 0 and 1, dates and times are text that sorts like time (`2024-02-29 23:59:59.000000+00:00`), UUIDs
//! are 16 bytes, JSON is text. Decimals are text with the collation `decimal`: exact, and compared by value. The
//! `sqlite3` shell knows that collation too. Upper and lower case differ in `LIKE`. A `NaN` is refused, since SQLite
//! would store NULL.
//!
//! # One SQLite in a program
//!
//! A program can link one version of `libsqlite3-sys`, which rusqlite 0.40 sets to 0.38. The feature `bundled`, on by
//! default, compiles SQLite 3.53; without it the system's library is used, which must be 3.44 or later.

mod connection;
mod decimal;
mod definition;
mod dialect;
mod driver;
mod error;
mod functions;
mod keys;
mod lock;
mod options;
mod pool;
mod statement;
mod stream;
mod value;
mod violation;

use std::panic::Location;

use orm_core::driver::{Backend, BoxFuture, Driver};
use orm_core::engine::EngineOptions;
use orm_core::error::Result;

pub use dialect::SqliteDialect;

/// SQLite, for URLs that begin with `sqlite:`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sqlite;

impl Backend for Sqlite {
    fn schemes(&self) -> &'static [&'static str] {
        &["sqlite"]
    }

    fn open<'a>(&'a self, url: &'a str, options: &'a EngineOptions) -> BoxFuture<'a, Result<Box<dyn Driver>>> {
        let caller = Location::caller();
        Box::pin(async move {
            let driver = driver::SqliteDriver::open(url, options, caller).await?;
            Ok(Box::new(driver) as Box<dyn Driver>)
        })
    }
}
