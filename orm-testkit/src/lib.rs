//! The behaviour that every backend owes: each case is written once, and every backend runs all of them.
//!
//! A backend's `tests/suite.rs` is a few lines: how a fresh database is opened, and what the backend lacks.
//!
//! ```text
//! orm_testkit::suite!(open);
//! ```
//!
//! A case is `async fn(&TestDb) -> TestResult` in [`cases`], and stands in the list of [`suite!`]; a test of this
//! crate sees to it that none is forgotten there.

pub mod cases;
mod db;
mod dice;
mod expect;
pub mod models;
pub mod proxy;
#[cfg(unix)]
pub mod servers;
mod sql_log;
mod suite;

pub use db::{Lacks, Open, Opening, TestDb};
pub use sql_log::{Logged, SqlLog};

/// The result of a case.
pub type TestResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// What the tests written by `suite!` call.
#[doc(hidden)]
pub mod __private {
    pub use tokio;
}
