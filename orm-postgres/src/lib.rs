//! The PostgreSQL backend of `orm`: tokio-postgres under the contract of [`orm_core::driver`].
//!
//! Users name it by a URL and through the facade crate `orm`; only a program that builds its engine by hand names
//! [`Postgres`].
//!
//! # URLs
//!
//! `postgresql://user:password@host:5432/database?option=value`, or `postgres://..`. Without a host it is `localhost`,
//! without a database the user's name. Letters that mean something in a URL are written as `%40`, or the value is given by
//! [`EngineBuilder::url_option`](orm_core::engine::EngineBuilder::url_option). The options are libpq's:
//!
//! | option | values | default |
//! |---|---|---|
//! | `host` | a host, or the folder of a Unix socket: `/var/run/postgresql`; several are tried in their order: `a,b` | `localhost` |
//! | `hostaddr` | the hosts' IP addresses, in place of asking for them | |
//! | `port` | one for all hosts, or as many as hosts | 5432 |
//! | `user`, `password`, `dbname` | in place of the URL's own | |
//! | `target_session_attrs` | `any`, `read-write`, `read-only`, `primary`, `standby`, `prefer-standby` | `any` |
//! | `load_balance_hosts` | `random`: hosts and their addresses in any order | `disable` |
//! | `connect_timeout` | seconds to wait for each address of a host, 0 for ever | 10 |
//! | `keepalives` | 0 to never ask whether the other side is there | 1 |
//! | `keepalives_idle`, `keepalives_interval`, `keepalives_count` | seconds, seconds, and how often in vain | the system's |
//! | `tcp_user_timeout` | milliseconds that what was sent may stay unanswered (Linux) | the system's |
//! | `application_name` | the name that the server shows for the connection | none |
//! | `statement_timeout`, `lock_timeout` | milliseconds, 0 for ever | the server's |
//! | `socket_timeout` | milliseconds that the server may say nothing while it is waited for, 0 for ever | 5000 more than `statement_timeout`, if that is set |
//! | `search_path` | schemas in which tables are looked for | the server's |
//! | `options` | other settings, as in `-c work_mem=64MB` | none |
//!
//! A server that refuses (a wrong password, no such database) ends the search; one that is not there, does not answer, or
//! is starting does not.
//!
//! # TLS
//!
//! By the feature `tls` (`postgres-tls` of `orm`), with rustls and ring. Unix sockets go without, whatever is asked.
//!
//! | option | values | default |
//! |---|---|---|
//! | `sslmode` | `disable`, `allow`, `prefer`, `require`, `verify-ca`, `verify-full` | `prefer` |
//! | `sslrootcert` | a file of the certificates that are trusted, or `system`; `require` verifies by it as `verify-ca` | none |
//! | `sslcert`, `sslkey` | files of our own certificate and its key, which needs no passphrase | none |
//! | `channel_binding` | `disable`, `prefer`, `require`: a password is bound to the server's certificate | `prefer` |
//! | `sslnegotiation` | `direct`: the handshake begins unasked (PostgreSQL 17) | `postgres` |
//! | `sslsni` | 0 to not tell the host's name | 1 |
//! | `ssl_min_protocol_version`, `ssl_max_protocol_version` | `TLSv1.2`, `TLSv1.3` | both are spoken |
//!
//! No file is looked for that is not named: libpq would find those in `~/.postgresql`. A host's name has to be among the
//! certificate's alternative names.
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
//! # What only PostgreSQL can do
//!
//! [`Listener`] and [`notify`] are messages between clients, [`AdvisoryLock`] is a lock of a number.
//!
//! # How values are stored
//!
//! Each type has PostgreSQL's own: `boolean`, `smallint`, `integer`, `bigint`, `real`, `double precision`, `text`,
//! `varchar(n)`, `bytea`, `date`, `time`, `timestamp`, `timestamptz`, `interval`, `uuid`, `numeric`, `jsonb`, `inet`,
//! `cidr`, `citext`, arrays and ranges. An enum is `text` with a `CHECK` of its words, or a type of its own. A column of
//! any other type is read as text and can be given as text. A text cannot hold a NUL, and a `NaN` is refused as on every
//! backend.

mod advisory;
mod array;
mod batch;
mod cancel;
mod compound;
mod connect;
mod connection;
mod copy_in;
mod copy_out;
mod dialect;
mod driver;
mod error;
mod listen;
mod literal;
mod live;
mod numeric;
mod options;
mod pool;
mod pump;
mod readable;
mod row;
mod socket;
mod statement;
mod stream;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls;
mod value;
mod violation;
mod watch;

use std::panic::Location;

use orm_core::driver::{Backend, BoxFuture, Driver};
use orm_core::engine::EngineOptions;
use orm_core::error::Result;

pub use advisory::{AdvisoryGuard, AdvisoryLock};
pub use dialect::PostgresDialect;
pub use listen::{Event, Listener, Notification, notify};

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
