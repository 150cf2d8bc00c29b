//! Sixteen tasks on a runtime of two workers, each getting single users by key from a file.

use std::{
    hint::black_box,
    path::Path,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use cpu_time::ProcessTime;
use tokio::{runtime::Runtime, task::JoinSet};

use crate::{
    case::{Case, Operation, Storage, picked_key},
    client::{Client, Place},
    model,
};

pub(crate) const TASKS: usize = 16;
pub(crate) const WORKERS: usize = 2;

/// Fills a database file in the folder, and opens what the client's tasks need. The number is that of the gets in a sample.
pub(crate) type EnterCrowd = fn(&Path, &Rc<Runtime>, usize) -> Result<Box<dyn Crowd>>;

/// The tasks of a client, without their types.
pub(crate) trait Crowd {
    fn sample(&mut self) -> Result<CrowdSample>;
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct CrowdSample {
    pub(crate) per_second: f64,
    /// Seconds per get, of all threads of the process.
    pub(crate) cpu: f64,
    /// Half of the gets took no longer.
    pub(crate) p50: Duration,
    /// All but one in a hundred took no longer.
    pub(crate) p99: Duration,
}

pub(crate) fn enter<C: Client>(folder: &Path, runtime: &Rc<Runtime>, gets: usize) -> Result<Box<dyn Crowd>> {
    let file = folder.join(format!("crowd-{}.db", C::NAME));
    let tasks = runtime.block_on(async {
        fill::<C>(&file).await?;
        C::open_tasks(&file, TASKS).await
    })?;
    ensure!(tasks.len() == TASKS, "{} opened {} tasks instead of {TASKS}", C::NAME, tasks.len());
    Ok(Box::new(Tasks::<C> { runtime: Rc::clone(runtime), tasks, gets_per_task: gets / TASKS }))
}

async fn fill<C: Client>(file: &Path) -> Result<()> {
    let case = Case { id: crate::case::CROWD, operation: Operation::Get, rows: 1, storage: Storage::File };
    let mut client = C::open(&Place::File(file.to_owned())).await?;
    for sql in case.seed() {
        client.execute(sql).await?;
    }
    Ok(())
}

struct Tasks<C: Client> {
    runtime: Rc<Runtime>,
    tasks: Vec<C::Task>,
    gets_per_task: usize,
}

impl<C: Client> Crowd for Tasks<C> {
    fn sample(&mut self) -> Result<CrowdSample> {
        let (gets, tasks) = (self.gets_per_task, std::mem::take(&mut self.tasks));
        let (wall, cpu) = (Instant::now(), ProcessTime::now());
        let finished = self.runtime.block_on(async {
            let mut running = JoinSet::new();
            for (number, task) in tasks.into_iter().enumerate() {
                running.spawn(get_users::<C>(task, number * gets, gets));
            }
            running.join_all().await
        });
        let (cpu, wall) = (cpu.elapsed(), wall.elapsed());

        let mut latencies = Vec::with_capacity(TASKS * gets);
        for result in finished {
            let (task, mut own) = result?;
            self.tasks.push(task);
            latencies.append(&mut own);
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

/// One task's work. It lets the others have a turn after each get, as a server does between two requests: without that, the
/// tasks of a client that never waits would run one after another, and not be a crowd.
async fn get_users<C: Client>(mut task: C::Task, first_turn: usize, gets: usize) -> Result<(C::Task, Vec<Duration>)> {
    let mut latencies = Vec::with_capacity(gets);
    for turn in first_turn..first_turn + gets {
        let key = picked_key(turn);
        let started = Instant::now();
        let user: model::User = C::user_by_id_in_task(&mut task, key).await?.into();
        latencies.push(started.elapsed());
        ensure!(user.id == key, "{} was asked for user {key} and gave {}", C::NAME, user.id);
        black_box(user);
        tokio::task::yield_now().await;
    }
    Ok((task, latencies))
}
