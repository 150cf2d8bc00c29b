//! What only PostgreSQL does: its types, its errors, cursors, and stopping what runs. What every backend owes is in
//! `orm-testkit`.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails should fail loudly")]

mod cancel;
mod connect;
mod copy;
mod database;
mod errors;
#[path = "../server/mod.rs"]
mod server;
mod statements;
mod stream;
mod transactions;
mod values;
