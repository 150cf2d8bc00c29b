//! Programs that must compile: what the derive and the compiler could forbid without anybody noticing.

mod collisions;
mod executor;
mod lints;
mod statements;
mod transactions;
