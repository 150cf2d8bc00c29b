//! Very many rows one after the other: by cursors, by `COPY`, by the driver itself.
//!
//! A program of its own: one task, of which the other program's workloads have nothing.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use cpu_time::ProcessTime;
use futures_util::{Stream, TryStreamExt};
use orm::prelude::*;
use tokio_postgres::NoTls;
use tokio_postgres::binary_copy::BinaryCopyOutStream;
use tokio_postgres::types::Type;

const ROWS: usize = 100_000;
const ROUNDS: usize = 15;

#[derive(Debug, Clone, Model)]
#[model(table = "bench_streams")]
struct User {
    #[model(primary_key)]
    id: i64,
    name: String,
    hair_color: Option<String>,
}

const SELECT: &str = "SELECT id, name, hair_color FROM bench_streams";

fn main() -> Result<()> {
    let server = std::env::var("ORM_BENCH_POSTGRES_URL").context("ORM_BENCH_POSTGRES_URL names no server")?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(&server))
}

async fn run(server: &str) -> Result<()> {
    let engine = orm::connect(server).await?;
    engine.drop_all(schema![User]).await?;
    engine.create_all(schema![User]).await?;
    let user = |number: usize| User { id: 0, name: format!("User number {number}"), hair_color: Some("brown".into()) };
    engine.bulk_insert((0..ROWS).map(user).collect::<Vec<_>>()).await?;
    let (raw, connection) = tokio_postgres::connect(server, NoTls).await?;
    tokio::spawn(connection);
    let select_users = raw.prepare(SELECT).await?;

    let names = [
        "tokio-postgres, query_raw",
        "tokio-postgres, COPY",
        "fetch_all",
        "stream",
        "stream, chunk_size(10_000)",
        "copy_out",
    ];
    let mut samples = vec![Vec::new(); names.len()];
    for round in 0..=ROUNDS {
        let measured = [
            timed(async {
                let rows = raw.query_raw(&select_users, std::iter::empty::<i64>()).await?;
                drained(rows, |row| User { id: row.get(0), name: row.get(1), hair_color: row.get(2) }).await
            })
            .await?,
            timed(async {
                let copy = raw.copy_out(&format!("COPY ({SELECT}) TO STDOUT BINARY")).await?;
                let rows = BinaryCopyOutStream::new(copy, &[Type::INT8, Type::TEXT, Type::TEXT]);
                drained(rows, |row| User { id: row.get(0), name: row.get(1), hair_color: row.get(2) }).await
            })
            .await?,
            timed(async { Ok(black_box(engine.fetch_all(select(User)).await?).len()) }).await?,
            timed(drained(engine.stream(select(User)), |user| user)).await?,
            timed(drained(engine.stream(select(User)).chunk_size(10_000), |user| user)).await?,
            timed(drained(engine.copy_out(select(User)), |user| user)).await?,
        ];
        // The first one prepares statements.
        if round > 0 {
            samples.iter_mut().zip(measured).for_each(|(samples, sample)| samples.push(sample));
        }
    }
    engine.drop_all(schema![User]).await?;

    println!("| {ROWS} rows one after the other | wall | CPU |");
    println!("|---|---|---|");
    for (name, samples) in names.iter().zip(samples) {
        let (wall, cpu): (Vec<f64>, Vec<f64>) = samples.into_iter().unzip();
        println!("| {name} | {:.0} ms | {:.0} ms |", median(wall) * 1e3, median(cpu) * 1e3);
    }
    Ok(())
}

/// Makes a struct of each row, and throws it away.
async fn drained<R, E>(rows: impl Stream<Item = Result<R, E>>, user: impl Fn(R) -> User) -> Result<usize>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let (mut rows, mut count) = (pin!(rows), 0);
    while let Some(row) = rows.try_next().await? {
        black_box(user(row));
        count += 1;
    }
    Ok(count)
}

/// Seconds of wall clock and of the process.
async fn timed(work: impl Future<Output = Result<usize>>) -> Result<(f64, f64)> {
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    let count = work.await?;
    let (cpu, wall) = (cpu.elapsed(), wall.elapsed());
    ensure!(count == ROWS, "{count} rows came");
    Ok((wall.as_secs_f64(), cpu.as_secs_f64()))
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_unstable_by(f64::total_cmp);
    samples[samples.len() / 2]
}
