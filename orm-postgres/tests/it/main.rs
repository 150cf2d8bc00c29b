//! What only PostgreSQL does: its types, its errors, cursors, and stopping what runs. What every backend owes is in
//! `orm-testkit`.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails should fail loudly")]

mod advisory;
mod cancel;
mod connect;
mod copy;
mod database;
mod dropped;
mod errors;
mod faults;
mod listen;
mod outages;
mod pgbouncer;
mod pool;
#[path = "../server/mod.rs"]
mod server;
mod statements;
mod stream;
mod tables;
#[cfg(all(unix, feature = "tls"))]
mod tls;
#[cfg(all(unix, feature = "tls"))]
mod tls_server;
mod together;
mod transactions;
mod types;
mod values;
