//! What nobody waits for any more is stopped before anybody else gets the connection.

use std::time::{Duration, Instant};

use orm::Error;
use orm::engine::CancelHandle;
use orm::prelude::*;

use crate::database::{Database, open_with};

/// Far less than what is dropped would take.
const SOON: Duration = Duration::from_secs(20);

async fn one_connection() -> Database {
    open_with("", |builder| builder.pool_size(1).max_overflow(0)).await
}

/// Sends a statement that takes a minute, and drops its future.
async fn drop_half_way(executor: &mut impl Executor) {
    let sleep = executor.execute(sql!("SELECT pg_sleep(60)"));
    tokio::time::timeout(Duration::from_millis(100), sleep).await.expect_err("a minute");
}

#[tokio::test]
async fn a_statement_that_is_dropped_is_stopped() {
    let (db, start) = (one_connection().await, Instant::now());

    drop_half_way(&mut &db.engine).await;

    assert_eq!(db.fetch_one(select(value(7))).await.expect("a row"), 7);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_transaction_whose_statement_is_dropped_is_rolled_back_at_once() {
    let (db, start) = (one_connection().await, Instant::now());
    db.execute(sql!("CREATE TABLE t (a int)")).await.expect("a table");

    for dropped in [false, true] {
        let mut tx = db.begin().await.expect("a transaction");
        tx.execute(sql!("INSERT INTO t VALUES (1)")).await.expect("a row");
        drop_half_way(&mut tx).await;
        match dropped {
            true => drop(tx),
            false => tx.rollback().await.expect("a rollback"),
        }
    }

    assert_eq!(db.fetch_one(sql!("SELECT count(*) FROM t").rows::<i64>()).await.expect("a count"), 0);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_savepoint_whose_statement_is_dropped_leaves_the_transaction() {
    let (db, start) = (one_connection().await, Instant::now());
    db.execute(sql!("CREATE TABLE t (a int)")).await.expect("a table");
    let mut tx = db.begin().await.expect("a transaction");
    tx.execute(sql!("INSERT INTO t VALUES (1)")).await.expect("a row");

    let mut savepoint = tx.savepoint().await.expect("a savepoint");
    savepoint.execute(sql!("INSERT INTO t VALUES (2)")).await.expect("a row");
    drop_half_way(&mut savepoint).await;
    savepoint.rollback().await.expect("a rollback");
    tx.commit().await.expect("a commit");

    assert_eq!(db.fetch_all(sql!("SELECT a FROM t").rows::<i32>()).await.expect("rows"), [1]);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_statement_is_stopped_by_a_handle() {
    let (db, start) = (one_connection().await, Instant::now());
    let mut connection = db.connection().await.expect("a connection");
    let (pid, handle) = (pid(&mut connection).await, connection.cancel_handle().expect("a handle"));

    let (error, stopped) = tokio::join!(
        async { connection.execute(sql!("SELECT pg_sleep(60)")).await.expect_err("it is stopped") },
        stop_its_sleep(&db, pid, handle),
    );

    stopped.expect("it is asked");
    assert!(matches!(error, Error::Cancelled { .. }), "{error:?}");
    assert_eq!(error.context().and_then(|context| context.sqlstate.as_deref()), Some("57014"));
    assert!(!error.is_retryable());
    assert_eq!(connection.fetch_one(select(value(7))).await.expect("a row"), 7);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_transaction_goes_on_from_a_savepoint_before_what_was_stopped() {
    let db = one_connection().await;
    db.execute(sql!("CREATE TABLE t (a int)")).await.expect("a table");
    let mut tx = db.begin().await.expect("a transaction");
    let (pid, handle) = (pid(&mut tx).await, tx.cancel_handle().expect("a handle"));
    tx.execute(sql!("INSERT INTO t VALUES (1)")).await.expect("a row");

    let mut savepoint = tx.savepoint().await.expect("a savepoint");
    let stopped = async {
        let mut rows = savepoint.stream(sql!("SELECT 1 FROM pg_sleep(60)").rows::<i32>());
        rows.next().await.expect("an error").expect_err("it is stopped")
    };
    let (error, _) = tokio::join!(stopped, stop_its_sleep(&db, pid, handle));
    assert!(matches!(error, Error::Cancelled { .. }), "{error:?}");
    savepoint.rollback().await.expect("a rollback");
    tx.commit().await.expect("a commit");

    assert_eq!(db.fetch_all(sql!("SELECT a FROM t").rows::<i32>()).await.expect("rows"), [1]);
}

#[tokio::test]
async fn a_handle_does_nothing_where_nothing_runs_and_when_the_connection_is_back() {
    let db = one_connection().await;
    let mut connection = db.connection().await.expect("a connection");
    let (pid, handle) = (pid(&mut connection).await, connection.cancel_handle().expect("a handle"));

    handle.cancel().await.expect("nothing to stop");
    assert_eq!(connection.fetch_one(select(value(7))).await.expect("a row"), 7);
    drop(connection);
    let (slept, ()) = tokio::join!(async { db.execute(sql!("SELECT pg_sleep(0.3)")).await }, async {
        until_it_sleeps(&db, pid).await;
        handle.cancel().await.expect("nothing of its own");
    },);

    slept.expect("it is somebody else's");
}

#[tokio::test]
async fn a_connection_that_is_given_back_while_it_is_asked_to_stop_hits_nobody_else() {
    let db = one_connection().await;

    for _ in 0..20 {
        let mut connection = db.connection().await.expect("a connection");
        let handle = connection.cancel_handle().expect("a handle");
        let asking = tokio::spawn(async move { handle.cancel().await });
        tokio::task::yield_now().await;
        drop(connection);
        db.execute(sql!("SELECT pg_sleep(0.01)")).await.expect("it is nobody's to stop");
        asking.await.expect("no panic").expect("it is asked");
    }
}

async fn pid(executor: &mut impl Executor) -> i32 {
    executor.fetch_one(sql!("SELECT pg_backend_pid()").rows::<i32>()).await.expect("a number")
}

/// Waits until a connection sleeps.
async fn until_it_sleeps(db: &Database, pid: i32) {
    let observer = db.another("").await;
    let asleep = sql!("SELECT count(*) FROM pg_stat_activity WHERE pid = {} AND wait_event = 'PgSleep'", pid);
    while observer.fetch_one(asleep.clone().rows::<i64>()).await.expect("a count") == 0 {
        tokio::task::yield_now().await;
    }
}

async fn stop_its_sleep(db: &Database, pid: i32, handle: CancelHandle) -> orm::Result<()> {
    until_it_sleeps(db, pid).await;
    handle.cancel().await
}
