//! How much memory a session needs for an object that nobody has touched, beside the object itself.
//!
//! A program of its own, because counting bytes would slow down what the other one measures.

use std::alloc::System;

use anyhow::Result;
use orm::prelude::*;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[derive(Debug, Clone, Model)]
#[model(table = "users")]
struct User {
    #[model(primary_key)]
    id: i64,
    name: String,
    hair_color: Option<String>,
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{:>8} {:>26} {:>12}", "users", "bytes beside the struct", "limit");
    for count in [1, 10, 100, 1_000, 10_000, 100_000] {
        let beside = runtime.block_on(beside_the_structs(count))?;
        println!("{count:>8} {beside:>26.1} {:>12}", 48);
    }
    Ok(())
}

/// The bytes for each of so many users that are left when the list of handles is dropped: without the struct, and
/// without what its strings hold.
async fn beside_the_structs(count: usize) -> Result<f64> {
    let engine = Engine::builder("sqlite::memory:").pool_size(1).max_overflow(0).connect().await?;
    engine.create_all(schema![User]).await?;
    let user = |number: usize| User { id: 0, name: format!("User number {number}"), hair_color: Some("brown".into()) };
    engine.execute(insert((0..count).map(user).collect::<Vec<_>>())).await?;
    // What belongs to the connection is allocated before.
    let warm = engine.fetch_all(select(User)).await?;
    let strings: usize =
        warm.iter().map(|user| user.name.capacity() + user.hair_color.as_ref().map_or(0, String::capacity)).sum();
    drop(warm);
    let mut session = Session::new(&engine);
    session.begin().await?;

    let region = Region::new(ALLOCATOR);
    drop(session.query(User).all().await?);
    let change = region.change();

    let held = change.bytes_allocated - change.bytes_deallocated;
    let structs = count * size_of::<User>() + strings;
    Ok((held as f64 - structs as f64) / count as f64)
}
