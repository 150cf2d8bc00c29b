//! Programs that must compile: what the derive and the compiler could forbid without anybody noticing.

mod collisions;
pub mod documented;
mod executor;
mod lints;
mod statements;
mod transactions;
