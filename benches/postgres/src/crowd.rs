//! Sixteen tasks on a runtime of two workers, each getting single users by key through one pool of as many connections.

use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cpu_time::ProcessTime;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::case::{CROWD, USERS_TO_PICK_FROM, picked_key};
use crate::client::Client;
use crate::clients::{RAW, Registration};
use crate::contender::watched;
use crate::model;
use crate::options::Options;
use crate::schema::Schema;
use crate::statistics::{Spread, time};
use crate::table::Table;

const TASKS: usize = 16;
const WORKERS: usize = 2;

/// Fills a table, and opens a pool. The number is that of the gets in a sample.
pub(crate) type EnterCrowd = fn(&str, &Rc<Runtime>, usize) -> Result<Box<dyn Crowd>>;

/// The tasks of a client, without their types.
pub(crate) trait Crowd {
    fn sample(&mut self) -> Result<CrowdSample>;
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct CrowdSample {
    per_second: f64,
    /// Seconds per get, of all threads of the process.
    cpu: f64,
    /// Half of the gets took no longer.
    p50: Duration,
    /// All but one in a hundred took no longer.
    p99: Duration,
}

pub(crate) fn enter<C: Client>(server: &str, runtime: &Rc<Runtime>, gets: usize) -> Result<Box<dyn Crowd>> {
    let (schema, pool) = runtime.block_on(async {
        let mut statements: Vec<String> = model::TABLES.iter().map(|sql| (*sql).to_owned()).collect();
        statements.extend([model::seed_users(USERS_TO_PICK_FROM), "ANALYZE users".to_owned()]);
        let schema = Schema::create(server, &format!("{CROWD}_{}", C::NAME), &statements).await?;
        let pool = C::open_pool(&schema.url(), TASKS).await?;
        anyhow::Ok((schema, pool))
    })?;
    let (runtime, gets_per_task) = (Rc::clone(runtime), gets / TASKS);
    Ok(Box::new(Tasks::<C> { runtime, pool: Some(pool), gets_per_task, _schema: schema }))
}

struct Tasks<C: Client> {
    runtime: Rc<Runtime>,
    pool: Option<C::Pool>,
    gets_per_task: usize,
    _schema: Schema,
}

impl<C: Client> Drop for Tasks<C> {
    fn drop(&mut self) {
        // Some pools say goodbye on the runtime.
        let _inside = self.runtime.enter();
        self.pool = None;
    }
}

impl<C: Client> Crowd for Tasks<C> {
    fn sample(&mut self) -> Result<CrowdSample> {
        let (gets, pool) = (self.gets_per_task, self.pool.as_ref().context("a pool")?);
        let (wall, cpu) = (Instant::now(), ProcessTime::now());
        let finished = self.runtime.block_on(async {
            let mut running = JoinSet::new();
            for number in 0..TASKS {
                running.spawn(get_users::<C>(pool.clone(), number * gets, gets));
            }
            running.join_all().await
        });
        let (cpu, wall) = (cpu.elapsed(), wall.elapsed());

        let mut latencies = Vec::with_capacity(TASKS * gets);
        for result in finished {
            latencies.append(&mut result?);
        }
        latencies.sort_unstable();
        let count = latencies.len() as f64;
        Ok(CrowdSample {
            per_second: count / wall.as_secs_f64(),
            cpu: cpu.as_secs_f64() / count,
            p50: latencies[latencies.len() / 2],
            p99: latencies[latencies.len() * 99 / 100],
        })
    }
}

async fn get_users<C: Client>(pool: C::Pool, first_turn: usize, gets: usize) -> Result<Vec<Duration>> {
    let mut latencies = Vec::with_capacity(gets);
    for turn in first_turn..first_turn + gets {
        let key = picked_key(turn);
        let started = Instant::now();
        let user: model::User = C::user_by_id_from_pool(&pool, key).await?.into();
        latencies.push(started.elapsed());
        ensure!(user.id == key, "{} was asked for user {key} and gave {}", C::NAME, user.id);
        black_box(user);
    }
    Ok(latencies)
}

struct Entrant {
    name: &'static str,
    crowd: Box<dyn Crowd>,
    samples: Vec<CrowdSample>,
}

/// Has the tasks of the clients do so many gets, one client after the other, on one thread. Nothing is measured.
pub(crate) fn repeat(times: usize, clients: &[&Registration], server: &str) -> Result<()> {
    let runtime = Rc::new(Builder::new_current_thread().enable_all().build()?);
    for client in clients {
        let mut crowd = (client.enter_crowd)(server, &runtime, times.max(TASKS))?;
        crowd.sample()?;
        watched(|| crowd.sample())?;
    }
    Ok(())
}

/// Measures, and prints the table.
pub(crate) fn run(options: &Options, peers: &[&Registration], server: &str) -> Result<()> {
    let runtime = Rc::new(Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?);
    let gets = if options.quick { 4_000 } else { 16_000 };
    let mut entrants = Vec::new();
    for client in std::iter::once(&RAW).chain(peers.iter().copied()) {
        let crowd = (client.enter_crowd)(server, &runtime, gets)
            .with_context(|| format!("cannot open a crowd of {}", client.name))?;
        entrants.push(Entrant { name: client.name, crowd, samples: Vec::new() });
    }
    // Statements are prepared, and connections opened, before anything counts.
    for entrant in &mut entrants {
        entrant.crowd.sample()?;
    }
    let count = entrants.len();
    for round in 0..options.rounds {
        eprint!("\rcrowd round {} of {}", round + 1, options.rounds);
        for place in 0..count {
            let entrant = &mut entrants[(place + round) % count];
            entrant.samples.push(entrant.crowd.sample()?);
        }
    }
    eprintln!();
    print(&entrants, options.markdown);
    Ok(())
}

fn print(entrants: &[Entrant], markdown: bool) {
    let header = ["c16", "gets per second", "to raw", "p50", "p99", "p99 to raw", "CPU per get"];
    let mut table = Table::new(header.map(str::to_owned).to_vec());
    for entrant in entrants {
        table.add(row(entrant, &entrants[0].samples));
    }
    table.print(markdown);
}

fn row(entrant: &Entrant, raw: &[CrowdSample]) -> Vec<String> {
    let samples = &entrant.samples;
    let median = |of: fn(&CrowdSample) -> f64| Spread::of(samples.iter().map(of)).map_or(0.0, |spread| spread.median);
    let ratio = |of: fn(&CrowdSample) -> f64| {
        let ratios = samples.iter().zip(raw).map(|(own, raw)| of(own) / of(raw));
        Spread::of(ratios).map_or_else(String::new, |ratio| ratio.to_string())
    };
    vec![
        entrant.name.to_owned(),
        format!("{:.1} k", median(|sample| sample.per_second) / 1e3),
        ratio(|sample| sample.per_second),
        time(median(|sample| sample.p50.as_secs_f64())),
        time(median(|sample| sample.p99.as_secs_f64())),
        ratio(|sample| sample.p99.as_secs_f64()),
        time(median(|sample| sample.cpu)),
    ]
}
