//! Indexes a folder, then answers questions about it. A second run writes only what changed.
//!
//! ```text
//! cargo run --release --example filetree -- PATH [DATABASE]    # the database is filetree.db unless said
//! ```
//!
//! - `models.rs`: folders, which stand in folders, and files.
//! - `scan.rs`: what is on the disk.
//! - `sync.rs`: makes the database agree with it, in one transaction.
//! - `hash.rs`: reads the files that could be copies of each other.
//! - `report.rs`: the answers, each one statement.

#![expect(clippy::print_stdout, reason = "the example says what it does")]

mod hash;
mod models;
mod report;
mod scan;
mod sync;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context;
use orm::prelude::*;

use models::{Directory, File};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let root: PathBuf = arguments.next().context("say which folder: filetree PATH [DATABASE]")?.into();
    let database = arguments.next().unwrap_or_else(|| "filetree.db".into());
    let database = database.to_str().context("the database's path is not UTF-8")?;
    let root = root.canonicalize().with_context(|| format!("cannot read {}", root.display()))?;

    let writes = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&writes);
    let engine = Engine::builder(format!("sqlite://{database}"))
        .on_statement(move |event| {
            if ["INSERT", "UPDATE", "DELETE"].contains(&event.operation) {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        })
        .connect()
        .await?;
    engine.create_all(schema![Directory, File]).await?;

    let start = Instant::now();
    let found = scan::scan(&root)?;
    println!("found {} files in {} folders in {:.1?}", found.files.len(), found.directories.len(), start.elapsed());
    if found.skipped > 0 {
        println!("skipped {} entries that cannot be read, or whose names are not UTF-8", found.skipped);
    }

    let start = Instant::now();
    let changes = sync::sync(&engine, &found).await?;
    println!(
        "indexed in {:.1?}: {} added, {} changed, {} removed, by {} statements that write",
        start.elapsed(),
        changes.added,
        changes.changed,
        changes.removed,
        writes.load(Ordering::Relaxed)
    );

    let hashed = hash::hash_candidates(&engine, &root).await?;
    println!("read {hashed} files that could be copies of others\n");

    report::print(&engine).await?;
    Ok(())
}
