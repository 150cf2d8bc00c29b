//! What only SQLite does, on the level of the driver: files, locks, the pool, threads. What every backend owes is in
//! `orm-testkit`.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails should fail loudly")]

mod database;
mod deferred;
mod errors;
mod files;
mod keys;
mod locks;
mod pool;
mod process;
mod stream;
mod transactions;
mod values;
