//! User stories through the facade, one file a story.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails should fail loudly")]

mod blog;
mod explain;
mod import;
mod money;
mod new_rows;
mod observe;
mod returning;
mod service;
mod shop;
mod someone_elses;
mod spawn;
mod support;
mod tree;
mod urls;
