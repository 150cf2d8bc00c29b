//! Locks of numbers that mean what the program says.

use std::time::Duration;

use orm::Error;
use orm::postgres::AdvisoryLock;
use orm::prelude::*;

use crate::database::{Database, open, open_with};

/// Locks belong to the database, which all tests share, so each test has numbers of its own.
fn lock(of: &str) -> AdvisoryLock {
    AdvisoryLock::named(&format!("{of} {}", std::process::id()))
}

async fn is_free(lock: AdvisoryLock, db: &Database) -> bool {
    let guard = lock.try_lock(db).await.expect("an answer");
    let free = guard.is_some();
    if let Some(guard) = guard {
        guard.unlock().await.expect("unlocked");
    }
    free
}

#[tokio::test]
async fn a_lock_is_had_by_one_and_given_back() {
    let (db, lock) = (open().await, lock("one"));

    let guard = lock.lock(&db).await.expect("a lock");
    assert!(!is_free(lock, &db).await);
    guard.unlock().await.expect("unlocked");
    assert!(is_free(lock, &db).await);

    let dropped = lock.try_lock(&db).await.expect("an answer").expect("a lock");
    drop(dropped);
    // Whoever waits gets it when it comes back.
    lock.lock(&db).await.expect("a lock").unlock().await.expect("unlocked");
}

#[tokio::test]
async fn a_connection_goes_back_to_the_pool_without_its_lock() {
    let db = open_with("", |builder| builder.pool_size(1).max_overflow(0)).await;
    let (other, lock) = (open().await, lock("pool of one"));
    let pid = async || db.fetch_one(sql!("SELECT pg_backend_pid()").rows::<i32>()).await.expect("a number");
    let before = pid().await;

    let mut guard = lock.lock(&db).await.expect("a lock");
    let inside = guard.connection().fetch_one(sql!("SELECT pg_backend_pid()").rows::<i32>()).await;
    assert_eq!(inside.expect("a number"), before);
    drop(guard);

    assert_eq!(pid().await, before);
    assert!(is_free(lock, &other).await);
}

#[tokio::test]
async fn whoever_gives_up_waiting_has_nothing() {
    let db = open_with("", |builder| builder.pool_size(1).max_overflow(0)).await;
    let (other, lock) = (open().await, lock("given up"));
    let guard = lock.lock(&other).await.expect("a lock");

    let waiting = tokio::time::timeout(Duration::from_millis(100), lock.lock(&db)).await;
    assert!(waiting.is_err());
    guard.unlock().await.expect("unlocked");

    assert_eq!(db.fetch_one(select(value(7))).await.expect("a row"), 7);
    assert!(is_free(lock, &other).await);
}

#[tokio::test]
async fn waiting_ends_after_the_lock_timeout() {
    let (db, lock) = (open_with("lock_timeout=50", |builder| builder).await, lock("timeout"));
    let _guard = lock.lock(&db).await.expect("a lock");

    let error = lock.lock(&db).await.expect_err("it is held");

    assert!(matches!(error, Error::LockTimeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_transaction_that_failed_gives_its_connections_lock_back_as_well() {
    let db = open_with("", |builder| builder.pool_size(1).max_overflow(0)).await;
    let (other, lock) = (open().await, lock("failed"));

    let mut guard = lock.lock(&db).await.expect("a lock");
    let mut tx = guard.connection().begin().await.expect("a transaction");
    tx.execute(sql!("SELECT 1 / 0")).await.expect_err("no number");
    // Never rolled back, as if its owner had lost it.
    std::mem::forget(tx);
    drop(guard);

    assert_eq!(db.fetch_one(select(value(7))).await.expect("a row"), 7);
    // The server may still be closing the connection.
    lock.lock(&other).await.expect("a lock").unlock().await.expect("unlocked");
}

#[tokio::test]
async fn shared_locks_are_had_by_many_or_the_other_by_one() {
    let (db, lock) = (open().await, lock("shared"));

    let first = lock.shared().lock(&db).await.expect("a lock");
    let second = lock.shared().try_lock(&db).await.expect("an answer").expect("a lock");
    assert!(!is_free(lock, &db).await);
    drop((first, second));

    let _alone = lock.lock(&db).await.expect("a lock");
    assert!(!is_free(lock.shared(), &db).await);
}

#[tokio::test]
async fn a_lock_in_a_transaction_lasts_as_long_as_it() {
    let (db, lock) = (open().await, lock("transaction"));

    for shared in [false, true] {
        let lock = if shared { lock.shared() } else { lock };
        let mut tx = db.begin().await.expect("a transaction");
        lock.lock_in(&mut tx).await.expect("a lock");
        assert!(lock.try_lock_in(&mut tx).await.expect("an answer"));
        let mut another = db.begin().await.expect("a transaction");
        assert_eq!(lock.try_lock_in(&mut another).await.expect("an answer"), shared);
        another.rollback().await.expect("a rollback");
        tx.commit().await.expect("a commit");
        assert!(is_free(lock, &db).await);
    }
}

#[tokio::test]
async fn a_savepoint_that_is_undone_gives_its_lock_back() {
    let (db, lock) = (open().await, lock("savepoint"));
    let mut tx = db.begin().await.expect("a transaction");

    let mut savepoint = tx.savepoint().await.expect("a savepoint");
    lock.lock_in(&mut savepoint).await.expect("a lock");
    assert!(!is_free(lock, &db).await);
    savepoint.rollback().await.expect("a rollback");

    assert!(is_free(lock, &db).await);
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn pairs_are_other_locks_than_numbers() {
    let db = open().await;
    let number = i32::try_from(std::process::id()).expect("a number of a process");

    let _pair = AdvisoryLock::pair(number, -1).lock(&db).await.expect("a lock");

    assert!(!is_free(AdvisoryLock::pair(number, -1), &db).await);
    assert!(is_free(AdvisoryLock::pair(number, 1), &db).await);
    let same_bits = (i64::from(number) << 32) | 0xffff_ffff;
    assert!(is_free(AdvisoryLock::new(same_bits), &db).await);
}

#[tokio::test]
async fn another_backend_has_no_such_locks() {
    let sqlite = orm::connect("sqlite::memory:").await.expect("a database");
    let mut tx = sqlite.begin().await.expect("a transaction");

    for error in [
        lock("sqlite").lock_in(&mut tx).await.expect_err("no locks"),
        lock("sqlite").try_lock(&sqlite).await.map(|_| ()).expect_err("no locks"),
    ] {
        assert!(matches!(error, Error::Unsupported { feature: "advisory locks", backend: "sqlite", .. }), "{error:?}");
    }
}
