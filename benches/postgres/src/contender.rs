//! A client at work on one case, with tables of its own.

use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use cpu_time::ProcessTime;
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

use crate::case::{Case, Operation, USERS_TO_PICK_FROM, picked_key};
use crate::client::Client;
use crate::model;
use crate::schema::Schema;

/// Fills tables, and readies a client for the case.
pub(crate) type EnterContender = fn(&Case, &str, &Rc<Runtime>) -> Result<Box<dyn Contender>>;

/// A client and a case, without their types.
pub(crate) trait Contender {
    /// What the operation gives or leaves behind, to be compared with the others. Once, before anything is measured.
    fn answer(&mut self) -> Result<Answer>;

    /// Chooses how many operations a sample has, so that it lasts about `duration`.
    fn calibrate(&mut self, duration: Duration) -> Result<()>;

    /// Measures, warm.
    fn sample(&mut self) -> Result<Sample>;

    /// Does the operation, warm, as often as that.
    fn repeat(&mut self, times: usize) -> Result<()>;
}

/// Seconds per operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Of all threads of the process; the server's are not in it.
    pub(crate) cpu: f64,
    pub(crate) wall: f64,
}

/// The result of an operation, in plain structs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Users(Vec<model::User>),
    UsersWithPosts(Vec<(model::User, Option<model::Post>)>),
    Trees(Vec<model::Tree>),
    /// All rows of the tables.
    Graph(Vec<model::User>, Vec<model::Post>, Vec<model::Comment>),
}

impl Answer {
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Users(users) => users.len(),
            Self::UsersWithPosts(pairs) => pairs.len(),
            Self::Trees(trees) => trees.len(),
            Self::Graph(users, posts, comments) => users.len() + posts.len() + comments.len(),
        }
    }
}

pub(crate) fn enter<C: Client>(case: &Case, server: &str, runtime: &Rc<Runtime>) -> Result<Box<dyn Contender>> {
    let entry = runtime.block_on(async {
        let name = format!("{}_{}_{}", case.id, case.rows, C::NAME);
        let statements: Vec<String> = model::TABLES.iter().map(|sql| (*sql).to_owned()).chain(case.seed()).collect();
        let schema = Schema::create(server, &name, &statements).await?;
        let client = C::open(&schema.url()).await?;
        let (keeper, connection) = tokio_postgres::connect(&schema.url(), NoTls).await?;
        tokio::spawn(connection);
        let (case, runtime) = (*case, Rc::clone(runtime));
        anyhow::Ok(Entry { client, case, runtime, times: 1, turn: 0, keeper, _schema: schema })
    })?;
    Ok(Box::new(entry))
}

struct Entry<C: Client> {
    client: C,
    case: Case,
    runtime: Rc<Runtime>,
    /// Operations in a sample.
    times: usize,
    /// Operations so far: single users are picked by it.
    turn: usize,
    /// A connection for what is not measured.
    keeper: tokio_postgres::Client,
    _schema: Schema,
}

/// The rows of a sample's insert operations, made beforehand. Empty for all other operations.
struct Batches<C: Client> {
    users: Vec<Vec<C::NewUser>>,
    graphs: Vec<Vec<model::NewTree>>,
}

impl<C: Client> Contender for Entry<C> {
    fn answer(&mut self) -> Result<Answer> {
        let batches = self.prepare(1)?;
        if self.case.operation == Operation::Join {
            let pairs = self.runtime.block_on(self.client.load_users_with_posts(model::WANTED_HAIR_COLOR))?;
            return Ok(Answer::UsersWithPosts(plain_pairs::<C>(pairs)));
        }
        if self.case.operation == Operation::Trees {
            let trees = self.runtime.block_on(self.client.load_trees(self.case.last_user()))?;
            return Ok(Answer::Trees(sorted(
                trees.into_iter().map(plain_tree::<C>).collect(),
                |(user, _): &model::Tree| user.id,
            )));
        }
        if self.case.operation == Operation::Get {
            let user = self.runtime.block_on(self.client.user_by_id(picked_key(1)))?;
            return Ok(Answer::Users(vec![user.into()]));
        }
        if self.case.operation == Operation::Load {
            let users = self.runtime.block_on(self.client.load_users())?;
            return Ok(Answer::Users(sorted(users.into_iter().map(Into::into).collect(), |user: &model::User| {
                user.id
            })));
        }
        self.work(1, batches)?;
        let (users, posts, comments) = self.runtime.block_on(all_rows(&self.keeper))?;
        Ok(match self.case.operation {
            Operation::Graph => Answer::Graph(users, posts, comments),
            Operation::Update => Answer::Users(users.into_iter().filter(|user| user.id == picked_key(0)).collect()),
            _ => Answer::Users(users),
        })
    }

    fn calibrate(&mut self, duration: Duration) -> Result<()> {
        self.times = 1;
        loop {
            let sample = self.sample()?;
            let fitting = duration.as_secs_f64() / sample.wall.max(1e-9);
            if sample.wall * self.times as f64 >= duration.as_secs_f64() / 2.0 {
                self.times = whole(fitting);
                return Ok(());
            }
            // Never by more than ten: the first, cold operations tell little.
            self.times = whole(fitting.min(self.times as f64 * 10.0));
        }
    }

    fn sample(&mut self) -> Result<Sample> {
        let batches = self.prepare(1)?;
        self.work(1, batches)?;

        let batches = self.prepare(self.times)?;
        let (wall, cpu) = (Instant::now(), ProcessTime::now());
        self.work(self.times, batches)?;
        let (cpu, wall) = (cpu.elapsed(), wall.elapsed());
        let times = self.times as f64;
        Ok(Sample { cpu: cpu.as_secs_f64() / times, wall: wall.as_secs_f64() / times })
    }

    fn repeat(&mut self, times: usize) -> Result<()> {
        let batches = self.prepare(3)?;
        self.work(3, batches)?;
        let batches = self.prepare(times)?;
        watched(|| self.work(times, batches))
    }
}

/// What is counted of a program that is told to [`repeat`](Contender::repeat): a name for a profiler to find.
#[inline(never)]
pub(crate) fn watched<T>(work: impl FnOnce() -> T) -> T {
    work()
}

impl<C: Client> Entry<C> {
    /// What is not measured: fills tables that will be written anew, and makes the rows.
    fn prepare(&mut self, times: usize) -> Result<Batches<C>> {
        let mut batches = Batches { users: Vec::new(), graphs: Vec::new() };
        if self.case.begins_anew() {
            let statements = [vec![model::EMPTY.to_owned()], self.case.seed()].concat().join(";");
            self.runtime.block_on(self.keeper.batch_execute(&statements))?;
        }
        match self.case.operation {
            Operation::Insert | Operation::Bulk => {
                let batch = || (0..self.case.rows).map(|number| model::NewUser::numbered(number).into()).collect();
                batches.users.extend((0..times).map(|_| batch()));
            }
            Operation::Graph => batches.graphs.extend((0..times).map(|_| model::graph())),
            _ => {}
        }
        Ok(batches)
    }

    /// What is measured. The runtime is entered once for all operations.
    fn work(&mut self, times: usize, batches: Batches<C>) -> Result<()> {
        let turn = self.turn;
        self.turn += times;
        self.runtime.block_on(operate(&mut self.client, &self.case, turn..turn + times, batches))
    }
}

async fn operate<C: Client>(
    client: &mut C,
    case: &Case,
    turns: std::ops::Range<usize>,
    batches: Batches<C>,
) -> Result<()> {
    match case.operation {
        Operation::Trees => {
            for _ in turns {
                black_box(client.load_trees(black_box(case.last_user())).await?);
            }
        }
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
        Operation::Insert => {
            for batch in batches.users {
                client.insert_users(batch).await?;
            }
        }
        Operation::Bulk => {
            for batch in batches.users {
                client.insert_very_many(batch).await?;
            }
        }
        Operation::UnitOfWork => {
            for turn in turns {
                client.rename_every_other(new_name(turn * USERS_TO_PICK_FROM)).await?;
            }
        }
        Operation::Graph => {
            for graph in batches.graphs {
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
    }
    Ok(())
}

/// Another one each time a user's turn comes.
fn new_name(turn: usize) -> &'static str {
    if (turn / USERS_TO_PICK_FROM).is_multiple_of(2) { "Alice Adams" } else { "Benjamin Baker" }
}

async fn all_rows(
    client: &tokio_postgres::Client,
) -> Result<(Vec<model::User>, Vec<model::Post>, Vec<model::Comment>)> {
    let users = client.query("SELECT id, name, hair_color FROM users ORDER BY id", &[]).await?;
    let posts = client.query("SELECT id, user_id, title, body FROM posts ORDER BY id", &[]).await?;
    let comments = client.query("SELECT id, post_id, text FROM comments ORDER BY id", &[]).await?;
    let user = |row: &tokio_postgres::Row| model::User { id: row.get(0), name: row.get(1), hair_color: row.get(2) };
    let post = |row: &tokio_postgres::Row| model::Post {
        id: row.get(0),
        user_id: row.get(1),
        title: row.get(2),
        body: row.get(3),
    };
    let comment = |row: &tokio_postgres::Row| model::Comment { id: row.get(0), post_id: row.get(1), text: row.get(2) };
    Ok((users.iter().map(user).collect(), posts.iter().map(post).collect(), comments.iter().map(comment).collect()))
}

fn plain_pairs<C: Client>(pairs: Vec<(C::User, Option<C::Post>)>) -> Vec<(model::User, Option<model::Post>)> {
    let pair = |(user, post): (C::User, Option<C::Post>)| (user.into(), post.map(Into::into));
    let pairs: Vec<(model::User, Option<model::Post>)> = pairs.into_iter().map(pair).collect();
    // The order of posts is nobody's promise.
    sorted(pairs, |(user, post)| (std::cmp::Reverse(user.id), post.as_ref().map(|post| post.id)))
}

/// The order of posts and comments is nobody's promise.
fn plain_tree<C: Client>((user, posts): model::Tree<C::User, C::Post, C::Comment>) -> model::Tree {
    let plain = |(post, comments): (C::Post, Vec<C::Comment>)| {
        let comments = comments.into_iter().map(Into::into).collect();
        (post.into(), sorted(comments, |comment: &model::Comment| comment.id))
    };
    let posts = posts.into_iter().map(plain).collect();
    (user.into(), sorted(posts, |(post, _): &(model::Post, _)| post.id))
}

fn sorted<T, K: Ord>(mut rows: Vec<T>, key: impl FnMut(&T) -> K) -> Vec<T> {
    rows.sort_by_key(key);
    rows
}

fn whole(times: f64) -> usize {
    times.clamp(1.0, 1e6) as usize
}
