//! A client at work on one case, with a database of its own.

use std::{
    hint::black_box,
    path::Path,
    rc::Rc,
    time::{Duration, Instant},
};

use alloc_counter::{AllocMode, count_alloc, guard_fn};
use anyhow::{Context, Result, ensure};
use cpu_time::ProcessTime;
use tokio::runtime::Runtime;

use crate::{
    case::{Case, Operation, Storage, USERS_TO_PICK_FROM, picked_key},
    client::{Client, Place},
    model,
};

/// Opens a database in the folder, fills it, and readies a client for the case.
pub(crate) type EnterContender = fn(&Case, &Path, &Rc<Runtime>) -> Result<Box<dyn Contender>>;

/// A client and a case, without their types.
pub(crate) trait Contender {
    /// What the operation gives, to be compared with the others. Once, before anything is measured.
    fn answer(&mut self) -> Result<Answer>;

    /// Chooses how many operations a sample has, so that it lasts about `duration`.
    fn calibrate(&mut self, duration: Duration) -> Result<()>;

    /// Allocations and reallocations per operation, by this thread.
    fn allocations(&mut self) -> Result<f64>;

    /// Measures, warm.
    fn sample(&mut self) -> Result<Sample>;

    /// Does the operation so many times, warm, for a profiler to watch.
    fn repeat(&mut self, times: usize) -> Result<()>;
}

/// Seconds per operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Of all threads of the process.
    pub(crate) cpu: f64,
    pub(crate) wall: f64,
}

/// The result of an operation, in plain structs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Users(Vec<model::User>),
    UsersWithPosts(Vec<(model::User, Option<model::Post>)>),
    Columns(Vec<(String, i64)>),
    Trees(Vec<model::Tree>),
    /// Trees of which all rows count.
    Graph(Vec<model::Tree>),
    /// How many rows were read.
    Number(usize),
    /// How many columns SQLite says that the rendered text has.
    Width(usize),
}

impl Answer {
    /// `None` where nothing was read.
    pub(crate) fn rows(&self) -> Option<usize> {
        match self {
            Self::Users(users) => Some(users.len()),
            Self::UsersWithPosts(pairs) => Some(pairs.len()),
            Self::Columns(rows) => Some(rows.len()),
            Self::Trees(trees) => Some(trees.len()),
            Self::Graph(trees) => Some(trees.iter().map(model::Tree::rows).sum()),
            Self::Number(rows) => Some(*rows),
            Self::Width(_) => None,
        }
    }
}

pub(crate) fn enter<C: Client>(case: &Case, folder: &Path, runtime: &Rc<Runtime>) -> Result<Box<dyn Contender>> {
    let place = match case.storage {
        Storage::Memory => Place::Memory,
        Storage::File => Place::File(folder.join(format!("{}-{}.db", case.id, C::NAME))),
    };
    let client = runtime.block_on(async {
        let mut client = C::open(&place).await?;
        for sql in case.seed() {
            client.execute(sql).await?;
        }
        anyhow::Ok(client)
    })?;
    Ok(Box::new(Entry { client, case: *case, runtime: Rc::clone(runtime), times: 1, turn: 0 }))
}

struct Entry<C: Client> {
    client: C,
    case: Case,
    runtime: Rc<Runtime>,
    /// Operations in a sample.
    times: usize,
    /// Operations so far: single users are picked by it.
    turn: usize,
}

/// The rows of a sample's insert operations, made beforehand. Empty for all other operations.
struct Batches<C: Client> {
    users: Vec<Vec<C::NewUser>>,
    graphs: Vec<Vec<model::NewTree>>,
}

impl<C: Client> Contender for Entry<C> {
    fn answer(&mut self) -> Result<Answer> {
        let mut batches = self.prepare(1)?;
        let client = &mut self.client;
        self.runtime.block_on(async {
            Ok(match self.case.operation {
                Operation::Load => Answer::Users(plain(client.load_users().await?)),
                Operation::Join => Answer::UsersWithPosts(pairs(client).await?),
                Operation::Trees => Answer::Trees(trees(client, self.case.last_user()).await?),
                Operation::Insert => {
                    client.insert_users(&mut batches.users[0]).await?;
                    Answer::Users(plain(client.load_users().await?))
                }
                Operation::SessionLoad => Answer::Number(client.load_into_session().await?),
                Operation::Tuples => Answer::Columns(client.load_tuples().await?),
                Operation::Shapes => Answer::Columns(client.load_shapes().await?.into_iter().map(Into::into).collect()),
                Operation::UnitOfWork => {
                    client.rename_every_other("Renamed").await?;
                    Answer::Users(plain(client.load_users().await?))
                }
                Operation::Graph => {
                    client.insert_graph(batches.graphs.remove(0)).await?;
                    Answer::Graph(trees(client, i64::MAX).await?)
                }
                Operation::Get => Answer::Users(vec![client.user_by_id(picked_key(1)).await?.into()]),
                Operation::Update => {
                    client.rename_user(picked_key(1), "Renamed").await?;
                    Answer::Users(vec![client.user_by_id(picked_key(1)).await?.into()])
                }
                Operation::Render => {
                    Answer::Width(columns(&client.render_users_with_posts(model::WANTED_HAIR_COLOR)?)?)
                }
            })
        })
    }

    fn calibrate(&mut self, duration: Duration) -> Result<()> {
        self.times = 1;
        loop {
            let sample = self.sample()?;
            let fitting = duration.as_secs_f64() / sample.wall.max(1e-9);
            if self.lasts(sample) >= duration.as_secs_f64() / 2.0 || self.times >= whole(f64::MAX) {
                self.times = whole(fitting);
                return Ok(());
            }
            // Never by more than ten: the first, cold operations tell little.
            self.times = whole(fitting.min(self.times as f64 * 10.0));
        }
    }

    fn allocations(&mut self) -> Result<f64> {
        let times = self.times.min(100);
        let mut batches = self.prepare(times)?;
        let ((allocations, reallocations, _), result) = count_alloc(|| self.work(times, &mut batches));
        result?;
        Ok((allocations + reallocations) as f64 / times as f64)
    }

    fn sample(&mut self) -> Result<Sample> {
        let warm_up = self.times / 10 + 1;
        let mut batches = self.prepare(warm_up)?;
        self.work(warm_up, &mut batches)?;

        let mut batches = self.prepare(self.times)?;
        let (wall, cpu) = (Instant::now(), ProcessTime::now());
        // The counters of the allocator cost less when they rest.
        let result = resting_counters(|| self.work(self.times, &mut batches));
        let (cpu, wall) = (cpu.elapsed(), wall.elapsed());
        result?;

        let times = self.times as f64;
        Ok(Sample { cpu: cpu.as_secs_f64() / times, wall: wall.as_secs_f64() / times })
    }

    fn repeat(&mut self, times: usize) -> Result<()> {
        let mut batches = self.prepare(3)?;
        self.work(3, &mut batches)?;
        let mut batches = self.prepare(times)?;
        resting_counters(|| watched(|| self.work(times, &mut batches)))
    }
}

/// What is counted of a program that is told to [`repeat`](Contender::repeat): a name for a profiler to find.
#[inline(never)]
fn watched<T>(work: impl FnOnce() -> T) -> T {
    work()
}

impl<C: Client> Entry<C> {
    /// What is not measured: empties the table that will be inserted into, and makes the rows.
    fn prepare(&mut self, times: usize) -> Result<Batches<C>> {
        let mut batches = Batches { users: Vec::new(), graphs: Vec::new() };
        match self.case.operation {
            Operation::Insert => {
                self.execute_all(model::DELETE_USERS)?;
                let batch = || (0..self.case.rows).map(|number| model::NewUser::numbered(number).into()).collect();
                batches.users.extend((0..times).map(|_| batch()));
            }
            Operation::Graph => {
                self.execute_all(model::DELETE_GRAPH)?;
                batches.graphs.extend((0..times).map(|_| model::graph()));
            }
            _ => {}
        }
        Ok(batches)
    }

    fn execute_all(&mut self, statements: &[&'static str]) -> Result<()> {
        statements.iter().try_for_each(|sql| self.runtime.block_on(self.client.execute(sql)))
    }

    /// What is measured. The runtime is entered once for all operations.
    fn work(&mut self, times: usize, batches: &mut Batches<C>) -> Result<()> {
        let turn = self.turn;
        self.turn += times;
        self.runtime.block_on(operate(&mut self.client, &self.case, turn..turn + times, batches))
    }

    fn lasts(&self, sample: Sample) -> f64 {
        sample.wall * self.times as f64
    }
}

async fn operate<C: Client>(
    client: &mut C,
    case: &Case,
    turns: std::ops::Range<usize>,
    batches: &mut Batches<C>,
) -> Result<()> {
    match case.operation {
        Operation::Load => {
            for _ in turns {
                black_box(client.load_users().await?);
            }
        }
        Operation::Join => {
            for _ in turns {
                black_box(client.load_users_with_posts(black_box(model::WANTED_HAIR_COLOR)).await?);
            }
        }
        Operation::Trees => {
            for _ in turns {
                black_box(client.load_trees(black_box(case.last_user())).await?);
            }
        }
        Operation::Insert => {
            for batch in &mut batches.users {
                client.insert_users(batch).await?;
            }
        }
        Operation::SessionLoad => {
            for _ in turns {
                black_box(client.load_into_session().await?);
            }
        }
        Operation::Tuples => {
            for _ in turns {
                black_box(client.load_tuples().await?);
            }
        }
        Operation::Shapes => {
            for _ in turns {
                black_box(client.load_shapes().await?);
            }
        }
        Operation::UnitOfWork => {
            for turn in turns {
                client.rename_every_other(new_name(turn * USERS_TO_PICK_FROM)).await?;
            }
        }
        Operation::Graph => {
            for graph in batches.graphs.drain(..) {
                client.insert_graph(graph).await?;
            }
        }
        Operation::Get => {
            for turn in turns {
                black_box(client.user_by_id(picked_key(turn)).await?);
            }
        }
        Operation::Update => {
            for turn in turns {
                client.rename_user(picked_key(turn), new_name(turn)).await?;
            }
        }
        Operation::Render => {
            for _ in turns {
                black_box(client.render_users_with_posts(black_box(model::WANTED_HAIR_COLOR))?);
            }
        }
    }
    Ok(())
}

/// Another one each time a user's turn comes: SQLite skips the write of a row that stays as it was.
fn new_name(turn: usize) -> &'static str {
    if (turn / USERS_TO_PICK_FROM).is_multiple_of(2) { "Alice Adams" } else { "Benjamin Baker" }
}

/// Runs the work without counting its allocations.
fn resting_counters<T>(work: impl FnOnce() -> T) -> T {
    guard_fn(AllocMode::Ignore, work)
}

async fn pairs<C: Client>(client: &mut C) -> Result<Vec<(model::User, Option<model::Post>)>> {
    let pairs = client.load_users_with_posts(model::WANTED_HAIR_COLOR).await?;
    let pair = |(user, post): (C::User, Option<C::Post>)| (user.into(), post.map(Into::into));
    let mut pairs: Vec<(model::User, Option<model::Post>)> = pairs.into_iter().map(pair).collect();
    // The order of posts is nobody's promise.
    pairs.sort_by_key(|(user, post)| (std::cmp::Reverse(user.id), post.as_ref().map(|post| post.id)));
    Ok(pairs)
}

async fn trees<C: Client>(client: &mut C, last: i64) -> Result<Vec<model::Tree>> {
    let mut trees: Vec<_> = client.load_trees(last).await?.into_iter().map(C::plain_tree).collect();
    trees.sort_by_key(|tree| tree.user.id);
    trees.iter_mut().for_each(model::Tree::sort);
    Ok(trees)
}

fn plain<T: Into<model::User>>(users: Vec<T>) -> Vec<model::User> {
    users.into_iter().map(Into::into).collect()
}

fn columns(sql: &str) -> Result<usize> {
    let judge = rusqlite::Connection::open_in_memory()?;
    for statement in model::SCHEMA {
        judge.execute(statement, ())?;
    }
    let columns = judge.prepare(sql).with_context(|| format!("SQLite does not take `{sql}`"))?.column_count();
    ensure!(columns > 0, "`{sql}` is not a query");
    Ok(columns)
}

fn whole(times: f64) -> usize {
    times.clamp(1.0, 1e6) as usize
}
