//! What a session costs by itself: there is nothing of the raw driver's to compare it with.

use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use orm::prelude::*;
use tokio::runtime::Builder;

use crate::{
    case::{USERS_TO_PICK_FROM, picked_key},
    clients::orm::{User, url},
    model,
    options::Options,
    statistics::{Spread, time},
    table::Table,
};

/// Measures, and prints the tables.
pub(crate) fn run(options: &Options, folder: &Path) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut table = Table::new(["session", "median", "to the other"].map(str::to_owned).to_vec());
        for loaded in [100, USERS_TO_PICK_FROM] {
            present(options, loaded, &mut table).await?;
        }
        let engine = filled(url(&folder.join("session.db"))?, USERS_TO_PICK_FROM).await?;
        for gets in [100, 1_000, USERS_TO_PICK_FROM] {
            point_selects(options, &engine, gets, &mut table).await?;
        }
        table.print(options.markdown);
        changes(options).await
    })
}

async fn filled(url: String, users: usize) -> Result<Engine> {
    let engine = Engine::builder(url).pool_size(1).max_overflow(0).connect().await?;
    for sql in model::SCHEMA.iter().copied().chain([model::seed_users(users)]) {
        engine.execute(orm::query::Sql::new(sql, Vec::new())).await?;
    }
    Ok(engine)
}

fn median(times: impl IntoIterator<Item = f64>) -> f64 {
    Spread::of(times).map_or(0.0, |times| times.median)
}

fn per(elapsed: Duration, times: usize) -> f64 {
    elapsed.as_secs_f64() / times as f64
}

/// `session.get` of what the session has, and `session[handle]`.
async fn present(options: &Options, loaded: usize, table: &mut Table) -> Result<()> {
    let engine = filled("sqlite::memory:".to_owned(), loaded).await?;
    let keys: Vec<i64> = (0..USERS_TO_PICK_FROM).map(|turn| picked_key(turn) % loaded as i64 + 1).collect();
    let mut session = Session::new(&engine);
    let handles = session.query(User).all().await?;
    let (mut gets, mut reads) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let start = Instant::now();
        for key in &keys {
            black_box(session.get(User, *key).await?);
        }
        gets.push(per(start.elapsed(), USERS_TO_PICK_FROM));
        let start = Instant::now();
        for handle in &handles {
            black_box(&session[*handle]);
        }
        reads.push(per(start.elapsed(), handles.len()));
    }
    table.add(vec![format!("get of a present object, of {loaded}"), time(median(gets)), String::new()]);
    table.add(vec![format!("session[handle], of {loaded}"), time(median(reads)), String::new()]);
    Ok(())
}

/// So many gets of absent objects in a transaction on a file, and the same gets on a connection that commits each by
/// itself.
async fn point_selects(options: &Options, engine: &Engine, gets: usize, table: &mut Table) -> Result<()> {
    let (mut alone, mut begun, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let (mut by_itself, mut in_session) = (Duration::ZERO, Duration::ZERO);
        for first in (0..USERS_TO_PICK_FROM).step_by(gets) {
            let turns = first..first + gets;
            let mut connection = engine.connection().await?;
            connection.get(User, 1).await?.context("the user is there")?;
            let start = Instant::now();
            for turn in turns.clone() {
                black_box(connection.get(User, picked_key(turn)).await?);
            }
            by_itself += start.elapsed();
            drop(connection);

            let mut session = Session::new(engine);
            session.get(User, 1).await?.context("the user is there")?;
            let start = Instant::now();
            for turn in turns {
                black_box(session.get(User, picked_key(turn)).await?);
            }
            in_session += start.elapsed();
        }
        alone.push(per(by_itself, USERS_TO_PICK_FROM));
        begun.push(per(in_session, USERS_TO_PICK_FROM));
        ratios.push(in_session.as_secs_f64() / by_itself.as_secs_f64());
    }
    table.add(vec![format!("get on a file, connection, {gets} gets"), time(median(alone)), String::new()]);
    let ratio = Spread::of(ratios).map_or_else(String::new, |ratio| ratio.to_string());
    table.add(vec![format!("get on a file, begun session, {gets} gets"), time(median(begun)), ratio]);
    Ok(())
}

/// Finding and writing changes, by how much is loaded and how much of it is touched.
async fn changes(options: &Options) -> Result<()> {
    let header = ["loaded", "touched", "is_dirty", "preview", "flush", "commit"];
    let mut table = Table::new(header.map(str::to_owned).to_vec());
    for touched in [10, 100, 1_000] {
        for loaded in [1_000, 10_000, 100_000] {
            let mut row = vec![loaded.to_string(), touched.to_string()];
            row.extend(changed(options.rounds, loaded, touched).await?.map(|times| time(median(times))));
            table.add(row);
        }
    }
    table.print(options.markdown);
    Ok(())
}

async fn changed(rounds: usize, loaded: usize, touched: usize) -> Result<[Vec<f64>; 4]> {
    let engine = filled("sqlite::memory:".to_owned(), loaded).await?;
    let mut session = Session::new(&engine);
    let users = session.query(User).all().await?;
    let mut times: [Vec<f64>; 4] = Default::default();
    for round in 0..rounds {
        session.begin().await.or_else(|error| if round == 0 { Ok(()) } else { Err(error) })?;
        for user in users.iter().step_by(loaded / touched) {
            session[*user].name = format!("Renamed in {round}");
        }
        let start = Instant::now();
        black_box(session.is_dirty());
        let found = Instant::now();
        black_box(session.preview()?);
        let previewed = Instant::now();
        session.flush().await?;
        let flushed = Instant::now();
        session.commit().await?;
        let ends = [start, found, previewed, flushed, Instant::now()];
        for (times, pair) in times.iter_mut().zip(ends.windows(2)) {
            times.push((pair[1] - pair[0]).as_secs_f64());
        }
    }
    Ok(times)
}
