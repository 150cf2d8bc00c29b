//! Small real programs. Each has a folder beside this one, and `tests/run.rs` runs them all:
//!
//! - `cargo run --example quickstart`: the three-minute tour.
//! - `cargo run --example bank_transfer`: money that tasks move at once, and a process that is killed, is never lost.
//! - `cargo run --release --example filetree -- PATH`: indexes a folder, and answers questions about it.
//! - `cargo run --example shop`: categories and products, prices that are validated, and a global filter.
//! - `cargo run --example blog`: a web service, JSON over HTTP. `tests/blog.rs` asks it, on SQLite and PostgreSQL.
