//! Small real programs. Each has a folder beside this one, and `tests/run.rs` runs them all:
//!
//! - `cargo run --example quickstart`: the three-minute tour.
//! - `cargo run --example bank_transfer`: money that tasks move at once, and a process that is killed, is never lost.
//! - `cargo run --release --example filetree -- PATH`: indexes a folder, and answers questions about it.
