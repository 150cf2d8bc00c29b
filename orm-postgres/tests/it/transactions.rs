//! A statement that fails, fails its transaction; others can be in the way.

use futures_util::FutureExt;
use orm::Error;
use orm::engine::Isolation;
use orm::prelude::*;

use crate::database::{Database, open, open_with};

async fn counters(query: &str) -> Database {
    let db = open_with(query, |builder| builder).await;
    db.execute(sql!("CREATE TABLE counter (id int PRIMARY KEY, n int NOT NULL)")).await.expect("a table");
    db.execute(sql!("INSERT INTO counter VALUES (1, 0), (2, 0)")).await.expect("rows");
    db
}

async fn sum(db: &Database) -> i64 {
    db.fetch_one(sql!("SELECT sum(n) FROM counter").rows::<i64>()).await.expect("a sum")
}

#[tokio::test]
async fn a_statement_that_fails_fails_its_transaction_until_it_is_rolled_back() {
    let db = counters("").await;
    let mut tx = db.begin().await.expect("a transaction");
    tx.execute(sql!("UPDATE counter SET n = 7")).await.expect("an update");

    tx.execute(sql!("INSERT INTO counter VALUES (1, 1)")).await.expect_err("it is there");
    let refused = tx.fetch_one(select(value(1))).await.expect_err("the transaction failed");
    let committed = tx.commit().await.expect_err("there is nothing to commit");

    assert!(matches!(refused, Error::TransactionFailed { .. }), "{refused:?}");
    assert!(refused.to_string().contains("roll back to a savepoint"), "{refused}");
    assert!(matches!(committed, Error::TransactionEnded), "{committed:?}");
    assert_eq!(sum(&db).await, 0);
}

#[tokio::test]
async fn a_savepoint_saves_a_transaction_from_what_fails_in_it() {
    let db = counters("").await;
    let mut tx = db.begin().await.expect("a transaction");
    tx.execute(sql!("UPDATE counter SET n = 7")).await.expect("an update");

    for dropped in [false, true] {
        let mut savepoint = tx.savepoint().await.expect("a savepoint");
        savepoint.execute(sql!("INSERT INTO counter VALUES (1, 1)")).await.expect_err("it is there");
        if !dropped {
            savepoint.rollback().await.expect("a rollback");
        }
    }
    tx.commit().await.expect("a commit");

    assert_eq!(sum(&db).await, 14);
}

#[tokio::test]
async fn a_failure_that_nobody_waited_for_is_found_by_the_commit() {
    let db = counters("").await;
    let failing = || sql!("INSERT INTO counter VALUES (1, 1)");
    // Prepared by now, so that one poll sends it.
    db.execute(failing()).await.expect_err("it is there");
    let mut tx = db.begin().await.expect("a transaction");
    tx.execute(sql!("UPDATE counter SET n = 7")).await.expect("an update");

    assert!(tx.execute(failing()).now_or_never().is_none(), "the answer was there at once");
    let error = tx.commit().await.expect_err("there is nothing to commit");

    assert!(matches!(error, Error::TransactionEnded), "{error:?}");
    assert_eq!(sum(&db).await, 0);
}

#[tokio::test]
async fn of_two_transactions_that_wait_for_each_other_one_is_told() {
    let db = counters("options=-c%20deadlock_timeout%3D20ms").await;
    let step = |id: i64| sql!("UPDATE counter SET n = n + 1 WHERE id = {}", id);
    let (mut one, mut other) = (db.begin().await.expect("one"), db.begin().await.expect("another"));
    one.execute(step(1)).await.expect("a lock");
    other.execute(step(2)).await.expect("a lock");

    let (first, second) = tokio::join!(async { one.execute(step(2)).await.map(|_| one) }, async {
        other.execute(step(1)).await.map(|_| other)
    });

    let (kept, error) = match (first, second) {
        (Ok(kept), Err(error)) | (Err(error), Ok(kept)) => (kept, error),
        both => panic!("{both:?}"),
    };
    assert!(matches!(error, Error::Deadlock { .. }) && error.is_retryable(), "{error:?}");
    kept.commit().await.expect("the other one goes on");
    assert_eq!(sum(&db).await, 2);
}

#[tokio::test]
async fn a_write_over_what_another_wrote_meanwhile_is_a_serialization_error() {
    let db = counters("").await;
    let options = TransactionOptions::new().isolation(Isolation::RepeatableRead);
    let mut tx = db.begin_with(options).await.expect("a transaction");
    tx.fetch_all(sql!("SELECT n FROM counter").rows::<i32>()).await.expect("rows");
    db.execute(sql!("UPDATE counter SET n = 1")).await.expect("an update");

    let error = tx.execute(sql!("UPDATE counter SET n = 2")).await.expect_err("it has changed");

    assert!(matches!(error, Error::Serialization { .. }) && error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn a_lock_is_waited_for_as_long_as_the_url_says() {
    let db = counters("").await;
    let hasty = db.another("lock_timeout=20").await;
    let mut holder = db.begin().await.expect("a transaction");
    holder.execute(sql!("UPDATE counter SET n = 1")).await.expect("a lock");

    let error = hasty.execute(sql!("UPDATE counter SET n = 2")).await.expect_err("it is locked");

    assert!(matches!(error, Error::LockTimeout { .. }), "{error:?}");
    holder.commit().await.expect("a commit");
}

#[tokio::test]
async fn a_transaction_that_reads_only_refuses_to_write() {
    let db = counters("").await;
    let mut tx = db.begin_with(TransactionOptions::new().read_only()).await.expect("a transaction");

    let error = tx.execute(sql!("UPDATE counter SET n = 1")).await.expect_err("it is read-only");

    assert!(matches!(error, Error::ReadOnly { .. }), "{error:?}");
}

#[tokio::test]
async fn a_deferred_constraint_is_told_by_the_commit() {
    let db = open().await;
    db.execute(sql!(
        "CREATE TABLE node (id int PRIMARY KEY, next int CONSTRAINT next_is_there REFERENCES node \
         DEFERRABLE INITIALLY DEFERRED)"
    ))
    .await
    .expect("a table");
    let mut tx = db.begin().await.expect("a transaction");
    tx.execute(sql!("INSERT INTO node VALUES (1, 2)")).await.expect("it is checked later");

    let error = tx.commit().await.expect_err("there is no 2");

    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error:?}");
    assert_eq!(error.context().and_then(|context| context.constraint.as_deref()), Some("next_is_there"));
    assert_eq!(db.fetch_one(sql!("SELECT count(*) FROM node").rows::<i64>()).await.expect("a count"), 0);
}
