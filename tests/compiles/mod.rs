//! Programs that must compile: what the derive and the compiler could forbid without anybody noticing.

mod collisions;
mod executor;
mod lints;
mod sessions;
mod statements;
mod transactions;
