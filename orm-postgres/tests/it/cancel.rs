//! What nobody waits for any more is stopped before anybody else gets the connection.

use std::time::{Duration, Instant};

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
