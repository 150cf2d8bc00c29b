//! The pool keeps its promises.

use std::sync::Arc;
use std::time::Duration;

use orm_core::driver::Driver;
use orm_core::engine::{EngineOptions, TransactionOptions};
use orm_core::error::Error;

use crate::database::{TestFile, connect, execute, fill, memory_with_rows, number, open_with};

fn of_size(pool_size: u32, max_overflow: u32) -> impl FnOnce(&mut EngineOptions) {
    move |options| {
        options.pool.pool_size = pool_size;
        options.pool.max_overflow = max_overflow;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_tasks_share_five_connections_and_two_are_kept() {
    let file = TestFile::new();
    let driver: Arc<dyn Driver> = open_with(&file.url(""), of_size(2, 3)).await.expect("a pool").into();
    fill(&mut *connect(&*driver).await, 0).await;
    let tasks = (0..200).map(|_| {
        let driver = Arc::clone(&driver);
        tokio::spawn(async move {
            let mut connection = connect(&*driver).await;
            let state = driver.pool_state();
            assert!(state.in_use <= 5 && state.open <= 5, "{state}");
            connection.begin(&TransactionOptions::new()).await.expect("a transaction");
            execute(&mut *connection, "INSERT INTO t (name) VALUES ('x')").await.expect("an insert");
            tokio::task::yield_now().await;
            connection.commit().await.expect("a commit");
            number(&mut *connection, "SELECT count(*) FROM t").await.expect("a count")
        })
    });

    for task in tasks.collect::<Vec<_>>() {
        assert!(task.await.expect("no panic") > 0);
    }

    // One more may have been on its way for a task that got another; it is closed as soon as it is open.
    while driver.pool_state().open > 2 {
        tokio::task::yield_now().await;
    }
    let state = driver.pool_state();
    assert_eq!((state.open, state.idle, state.in_use, state.waiting), (2, 2, 0, 0), "{state}");
    assert!(state.waits > 0 && state.timeouts == 0, "{state}");
    assert_eq!(number(&mut *connect(&*driver).await, "SELECT count(*) FROM t").await.expect("a count"), 200);
}

#[tokio::test]
async fn connections_beyond_the_pools_size_are_closed_when_they_come_back() {
    let driver = open_with("sqlite::memory:", of_size(2, 3)).await.expect("a pool");
    let mut connections = Vec::new();
    for _ in 0..5 {
        connections.push(connect(&*driver).await);
    }
    assert_eq!((driver.pool_state().open, driver.pool_state().idle), (5, 0));

    let mut open = Vec::new();
    while connections.pop().is_some() {
        open.push(driver.pool_state().open);
    }

    assert_eq!(open, [4, 3, 2, 2, 2]);
    assert_eq!(driver.pool_state().idle, 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waits_too_long_is_told_who_has_the_connections() {
    let driver = open_with("sqlite::memory:", of_size(1, 0)).await.expect("a pool");
    let _held = connect(&*driver).await;

    let error = driver.acquire(std::panic::Location::caller()).await.expect_err("no connection is free");

    let Error::PoolTimeout { state, .. } = &error else { panic!("{error}") };
    assert_eq!((state.open, state.in_use, state.idle, state.waiting), (1, 1, 0, 1));
    assert!(error.to_string().contains("pool.rs"), "{error}");
}

#[tokio::test]
async fn a_waiting_caller_gets_the_connection_that_comes_back() {
    let driver: Arc<dyn Driver> = open_with("sqlite::memory:", of_size(1, 0)).await.expect("a pool").into();
    let mut first = connect(&*driver).await;
    execute(&mut *first, "CREATE TEMP TABLE mark (x)").await.expect("a mark on the connection");
    let other = Arc::clone(&driver);
    let second = tokio::spawn(async move { number(&mut *connect(&*other).await, "SELECT count(*) FROM mark").await });
    tokio::task::yield_now().await;

    drop(first);

    assert_eq!(second.await.expect("no panic").expect("the same connection"), 0);
}

#[tokio::test]
async fn old_connections_are_replaced() {
    let configure = |options: &mut EngineOptions| options.pool.pool_recycle = Some(Duration::ZERO);
    let driver = open_with("sqlite::memory:", configure).await.expect("a pool");
    let mut first = connect(&*driver).await;
    execute(&mut *first, "CREATE TABLE kept (x)").await.expect("a table");
    execute(&mut *first, "CREATE TEMP TABLE mark (x)").await.expect("a mark on the connection");
    drop(first);

    let mut second = connect(&*driver).await;

    assert!(execute(&mut *second, "SELECT * FROM mark").await.is_err(), "the connection is the same");
    execute(&mut *second, "SELECT * FROM kept").await.expect("the data is the same");
    assert_eq!(driver.pool_state().open, 1);
}

#[tokio::test]
async fn connections_are_tested_before_they_are_lent_if_asked() {
    let driver = open_with("sqlite::memory:", |options| options.pool.pre_ping = true).await.expect("a pool");
    for _ in 0..3 {
        assert_eq!(number(&mut *connect(&*driver).await, "SELECT 1").await.expect("a row"), 1);
    }
    assert_eq!(driver.pool_state().open, 1);
}

#[tokio::test]
async fn a_closed_pool_gives_nothing_and_closes_what_comes_back() {
    let driver = memory_with_rows(1).await;
    let mut held = connect(&*driver).await;
    drop(connect(&*driver).await);

    driver.close().await;

    assert!(matches!(driver.acquire(std::panic::Location::caller()).await, Err(Error::Closed)));
    assert_eq!(driver.pool_state().open, 1);
    assert_eq!(number(&mut *held, "SELECT count(*) FROM t").await.expect("it still works"), 1);
    drop(held);
    assert_eq!(driver.pool_state().open, 0);
}

#[tokio::test]
async fn all_connections_see_one_database_in_memory_and_other_pools_another() {
    let (one, other) = (memory_with_rows(3).await, memory_with_rows(5).await);
    let (mut first, mut second) = (connect(&*one).await, connect(&*one).await);
    for (connection, count) in [(&mut first, 3), (&mut second, 3), (&mut connect(&*other).await, 5)] {
        assert_eq!(number(&mut **connection, "SELECT count(*) FROM t").await.expect("a count"), count);
    }

    // It lives on without connections.
    drop((first, second));
    assert_eq!(number(&mut *connect(&*one).await, "SELECT count(*) FROM t").await.expect("a count"), 3);
}

#[tokio::test]
async fn a_database_in_memory_with_one_connection_is_kept_when_that_is_replaced() {
    let configure = |options: &mut EngineOptions| {
        of_size(1, 0)(options);
        options.pool.pool_recycle = Some(Duration::ZERO);
    };
    let driver = open_with("sqlite::memory:", configure).await.expect("a pool");
    fill(&mut *connect(&*driver).await, 3).await;
    assert_eq!(number(&mut *connect(&*driver).await, "SELECT count(*) FROM t").await.expect("a count"), 3);
}

#[tokio::test]
async fn a_caller_that_gives_up_waiting_leaves_the_way_free() {
    let driver: Arc<dyn Driver> = open_with("sqlite::memory:", of_size(1, 0)).await.expect("a pool").into();
    let held = connect(&*driver).await;
    let other = Arc::clone(&driver);
    let waiting = tokio::spawn(async move { drop(connect(&*other).await) });
    tokio::task::yield_now().await;
    assert_eq!(driver.pool_state().waiting, 1);

    waiting.abort();
    assert!(waiting.await.expect_err("it was aborted").is_cancelled());

    assert_eq!(driver.pool_state().waiting, 0);
    drop(held);
    drop(connect(&*driver).await);
}
