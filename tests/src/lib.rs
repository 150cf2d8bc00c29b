//! Tests through the facade, in the folders beside this one:
//!
//! - `sql/`: the SQL of each construct, all dialects side by side, without a server.
//! - `it/`: user stories on a real database.
//! - `ui/`: programs that must not compile, each with its message.
//! - `compiles/`: programs that must.

pub mod documented;
