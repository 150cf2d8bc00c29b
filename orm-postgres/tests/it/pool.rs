//! The pool while its connections die.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use orm::Error;
use orm::pool::{CloseReason, PoolEvent};
use orm::prelude::*;
use orm_testkit::proxy::{Fault, Moment, Proxy};

use crate::database::open_with;
use crate::server::Schema;

/// What came of a task's transactions.
#[derive(Default)]
struct Tally {
    committed: AtomicI64,
    unknown: AtomicI64,
    lost: AtomicI64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_tasks_share_five_connections_while_one_is_killed_every_100_ms() {
    let name = format!("storm-{}", std::process::id());
    let schema = Schema::create().await;
    let url = format!("{}&application_name={name}", schema.url());
    let builder = Engine::builder(url).pool_size(5).max_overflow(0).pool_timeout(Duration::from_secs(120));
    let engine = builder.connect().await.expect("the test server");
    let killer = orm::connect(schema.url()).await.expect("the test server");
    killer.execute(sql!("CREATE TABLE t (a bigint)")).await.expect("a table");
    let (tally, over) = (Arc::new(Tally::default()), Arc::new(AtomicBool::new(false)));

    let tasks: Vec<_> =
        (0..500).map(|task| tokio::spawn(work(engine.clone(), Arc::clone(&tally), Arc::clone(&over), task))).collect();
    let (start, mut killed) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        killed += kill_one(&killer, &name).await;
        let state = engine.pool_state();
        assert!(state.open <= 5 && state.in_use <= 5, "{state:?}");
    }
    over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("no panic").expect("no other error");
    }

    let count = sql!("SELECT count(*) FROM t").rows::<i64>();
    let found = killer.fetch_one(count).await.expect("a count");
    let [committed, unknown, lost] =
        [&tally.committed, &tally.unknown, &tally.lost].map(|count| count.load(Ordering::Relaxed));
    let in_short = format!("{found} found, {committed} committed, {unknown} unknown, {lost} lost, {killed} killed");
    assert!((committed..=committed + unknown).contains(&found), "{in_short}");
    assert!(committed > 500 && killed > 20 && lost > 0, "{in_short}");
    settled(&engine, &killer, &name).await;
}

/// Commits one row after the other.
async fn work(engine: Engine, tally: Arc<Tally>, over: Arc<AtomicBool>, task: i64) -> orm::Result<()> {
    while !over.load(Ordering::Relaxed) {
        let done = engine
            .transaction(async |tx| {
                tx.execute(sql!("INSERT INTO t VALUES ({})", task)).await?;
                tx.fetch_one(select(value(1))).await
            })
            .await;
        let count = match done {
            Ok(_) => &tally.committed,
            Err(Error::CommitUnknown { .. }) => &tally.unknown,
            // A transaction is over with its connection.
            Err(Error::ConnectionLost { .. } | Error::TransactionEnded) => &tally.lost,
            Err(error) => return Err(error),
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

async fn kill_one(killer: &Engine, name: &str) -> i64 {
    let kill = sql!(
        "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE application_name = {} \
         ORDER BY random() LIMIT 1) AS one",
        name.to_owned()
    );
    killer.fetch_one(kill.rows::<i64>()).await.expect("the killer's connection")
}

/// No connection is held or missing, here or there.
async fn settled(engine: &Engine, killer: &Engine, name: &str) {
    let start = Instant::now();
    loop {
        let state = engine.pool_state();
        let there = connections(killer, name).await;
        // One that was killed while it was idle is closed when it would be lent.
        let is_settled = state.in_use == 0 && state.waiting == 0 && state.timeouts == 0;
        let books_are_right = u64::from(state.open) == state.opened - state.closed;
        if is_settled && books_are_right && there <= i64::from(state.open) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{state:?}, and {there} at the server");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(engine.connection().await.expect("all five can be had at once"));
    }
}

#[tokio::test]
async fn a_connection_that_died_while_it_was_idle_is_not_lent() {
    let db = open_with("", |builder| builder.pool_size(1).max_overflow(0).pre_ping(true)).await;
    let killer = db.another("").await;
    for _ in 0..10 {
        let pid = db.fetch_one(sql!("SELECT pg_backend_pid()").rows::<i32>()).await.expect("a connection");

        let kill = sql!("SELECT pg_terminate_backend(CAST({} AS integer))", pid).rows::<bool>();
        assert!(killer.fetch_one(kill).await.expect("a kill"));

        let next = db.fetch_one(sql!("SELECT pg_backend_pid()").rows::<i32>()).await.expect("another one");
        assert_ne!(next, pid);
    }
    assert_eq!((db.pool_state().opened, db.pool_state().closed), (11, 10));
}

#[tokio::test]
async fn the_connection_that_came_back_last_is_lent_first() {
    let db = open_with("", |builder| builder.pool_size(4).max_overflow(0)).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut connection = db.connection().await.expect("a connection");
        held.push((pid(&mut connection).await, connection));
    }
    let [(first, one), (_, two), (_, three), (last, four)] = held.try_into().expect("four");

    drop(one);
    drop(four);
    let busy = pid(&mut db.connection().await.expect("a connection")).await;
    drop([two, three]);
    drop(db.connection().await.expect("the last one"));
    let mut idle = [db.connection().await.expect("a connection"), db.connection().await.expect("another one")];

    assert_eq!(busy, last, "also while more are out than here, and not {first}");
    let idle = [pid(&mut idle[0]).await, pid(&mut idle[1]).await];
    assert!(!idle.contains(&last) && !idle.contains(&first), "{idle:?}: those that came back last");
}

async fn pid(connection: &mut Connection) -> i32 {
    connection.fetch_one(sql!("SELECT pg_backend_pid()").rows()).await.expect("a row")
}

#[tokio::test]
async fn of_connections_that_say_nothing_one_is_waited_for() {
    let (schema, (events, heard)) = (Schema::create().await, std::sync::mpsc::channel());
    let proxy = Proxy::to(&schema.url());
    let builder = Engine::builder(proxy.url()).pool_size(3).max_overflow(0).pre_ping(true);
    let builder = builder.on_pool_event(move |event| {
        if let PoolEvent::Close { reason, .. } = event {
            let _nobody_listens = events.send(*reason);
        }
    });
    let engine = builder.connect().await.expect("the proxy");
    drop([engine.connection().await, engine.connection().await, engine.connection().await]);

    proxy.stall();
    let waiting = tokio::spawn({
        let engine = engine.clone();
        async move { engine.fetch_one(select(value(7))).await }
    });
    let reasons: Vec<CloseReason> = {
        let heard = tokio::task::spawn_blocking(move || heard.iter().take(3).collect());
        heard.await.expect("three are closed")
    };
    proxy.resume();

    assert_eq!(reasons, [CloseReason::Dead; 3]);
    assert_eq!(waiting.await.expect("no panic").expect("a new connection"), 7);
    assert_eq!((engine.pool_state().opened, engine.pool_state().open), (4, 1));
}

#[tokio::test]
async fn a_connection_that_is_refused_leaves_room_for_the_next() {
    let schema = Schema::create().await;
    let proxy = Proxy::to(&schema.url());
    let builder = Engine::builder(proxy.url()).pool_size(1).max_overflow(0).pool_recycle(Duration::ZERO);
    let engine = builder.connect().await.expect("the proxy");
    for _ in 0..3 {
        proxy.at(Moment::Connect, Fault::Cut);

        let error = engine.fetch_one(select(value(7))).await.expect_err("it was cut");

        assert!(matches!(error, Error::Connect { .. }), "{error:?}");
        let state = engine.pool_state();
        assert_eq!((state.open, state.in_use), (0, 0), "{state:?}");
        assert_eq!(engine.fetch_one(select(value(7))).await.expect("a connection"), 7);
    }
}

#[tokio::test]
async fn an_engine_that_is_dropped_takes_its_connections_along() {
    let name = format!("dropped-{}", std::process::id());
    let schema = Schema::create().await;
    let engine = orm::connect(format!("{}&application_name={name}", schema.url())).await.expect("the test server");
    drop([engine.connection().await, engine.connection().await]);
    let (held, onlooker) = (engine.connection().await, orm::connect(schema.url()).await.expect("the test server"));
    assert_eq!(connections(&onlooker, &name).await, 2);

    drop(engine);
    let mut held = held.expect("a connection");
    assert_eq!(held.fetch_one(select(value(7))).await.expect("it is its own engine's"), 7);
    drop(held);
    becomes(&onlooker, &name, 0).await;
}

/// How many connections of a name the server has.
async fn connections(onlooker: &Engine, name: &str) -> i64 {
    let there = sql!("SELECT count(*) FROM pg_stat_activity WHERE application_name = {}", name.to_owned());
    onlooker.fetch_one(there.rows::<i64>()).await.expect("a count")
}

async fn becomes(onlooker: &Engine, name: &str, expected: i64) {
    let start = Instant::now();
    while connections(onlooker, name).await != expected {
        assert!(start.elapsed() < Duration::from_secs(20), "still {}", connections(onlooker, name).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
