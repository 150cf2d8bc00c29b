//! The meaning of `orm`, without a driver, a socket, a file, or a backend's name.
//!
//! Users depend on the facade crate `orm`; this crate is what it, the derive and the backends share. In reading
//! order, each layer uses only those before it:
//!
//! | module | what it is |
//! |---|---|
//! | [`error`] | what can go wrong |
//! | [`value`] | everything a database can hold |
//! | [`types`] | Rust types and column types |
//! | [`meta`], [`schema`](mod@schema) | what the data is: as compiled in, and as values that can be compared |
//! | [`model`], [`relation`] | what the derive writes |
//! | [`ast`] | what a statement says |
//! | [`expr`], [`query`] | the typed builders of it |
//! | [`dialect`], [`compile`] | from the tree to text and binds |
//! | [`pool`], [`driver`] | the contract for backends |
//! | [`engine`] | running statements, transactions, echo |
//! | [`session`] | the unit of work |
//!
//! Beside them, [`boxed`] makes large values where they are to be.

pub mod ast;
mod boxed;
pub mod compile;
pub mod dialect;
pub mod driver;
pub mod engine;
pub mod error;
pub mod expr;
pub mod fits;
pub mod meta;
pub mod model;
pub mod pool;
pub mod query;
pub mod relation;
pub mod schema;
pub mod session;
pub mod types;
pub mod value;

pub use boxed::boxed;
pub use error::{Error, Result};
