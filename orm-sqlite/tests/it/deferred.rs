//! A deferred transaction holds the right to write exactly as long as SQLite's own lock, and never waits for what
//! cannot come.

use std::sync::Arc;
use std::time::Duration;

use orm_core::ast::Statement;
use orm_core::driver::{Connection, Driver, NoRows};
use orm_core::engine::TransactionOptions;
use orm_core::error::{Error, Result};
use tokio::time::Instant;

use crate::database::{TestFile, connect, execute, fill, hint, memory_with_rows, number, open_with, raw};
use crate::process::Holder;

async fn begin(connection: &mut dyn Connection) {
    connection.begin(&TransactionOptions::new().deferred()).await.expect("a transaction");
}

async fn count(connection: &mut dyn Connection) -> Result<i64> {
    number(connection, "SELECT count(*) FROM t").await
}

async fn insert(connection: &mut dyn Connection) -> Result<u64> {
    Ok(execute(connection, "INSERT INTO t (name) VALUES ('new')").await?.rows_affected)
}

async fn file_with_rows(file: &TestFile, query: &str) -> Arc<dyn Driver> {
    let driver = file.open(query).await;
    fill(&mut *connect(&*driver).await, 1).await;
    driver.into()
}

/// That a write need not wait.
async fn is_free(driver: &dyn Driver) {
    let start = Instant::now();
    insert(&mut *connect(driver).await).await.expect("a free lock");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_view_that_is_too_old_is_said_at_once() {
    let file = TestFile::new();
    let driver = file_with_rows(&file, "").await;
    let (mut late, mut early) = (connect(&*driver).await, connect(&*driver).await);
    begin(&mut *late).await;
    assert_eq!(count(&mut *late).await.expect("a count"), 1);
    insert(&mut *early).await.expect("an insert");

    let start = Instant::now();
    let error = insert(&mut *late).await.expect_err("its view is too old");

    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(matches!(error, Error::Serialization { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("another transaction wrote since this one first read"), "{text}");
    assert!(text.contains("`begin()`") && text.ends_with("run the transaction again"), "{text}");
    // It can still read, and holds up nobody.
    assert_eq!(count(&mut *late).await.expect("a count"), 1);
    is_free(&*driver).await;
    late.commit().await.expect("nothing was written");
    assert_eq!(count(&mut *late).await.expect("a count"), 3);
}

#[tokio::test(start_paused = true)]
async fn without_a_write_ahead_log_a_reader_gives_way_at_once_to_whoever_writes() {
    let file = TestFile::new();
    for driver in [file_with_rows(&file, "?journal_mode=delete").await, memory_with_rows(1).await.into()] {
        let (mut reader, mut writer) = (connect(&*driver).await, connect(&*driver).await);
        begin(&mut *reader).await;
        assert_eq!(count(&mut *reader).await.expect("a count"), 1);
        writer.begin(&TransactionOptions::new()).await.expect("a lock beside a reader");
        insert(&mut *writer).await.expect("an insert beside a reader");

        let start = Instant::now();
        let error = insert(&mut *reader).await.expect_err("both would wait for each other");
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert!(matches!(error, Error::Serialization { .. }), "{error}");
        assert!(hint(&error).contains("`begin()`"), "{error}");
        assert_eq!(count(&mut *reader).await.expect("its state is still there"), 1);

        reader.rollback().await.expect("a rollback");
        writer.commit().await.expect("a commit with nobody in the way");
        is_free(&*driver).await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_write_ahead_log_a_commit_waits_for_a_deferred_reader() {
    let driver: Arc<dyn Driver> = memory_with_rows(1).await.into();
    let mut reader = connect(&*driver).await;
    begin(&mut *reader).await;
    assert_eq!(count(&mut *reader).await.expect("a count"), 1);
    let other = Arc::clone(&driver);
    let write = tokio::spawn(async move { insert(&mut *connect(&*other).await).await });

    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(!write.is_finished(), "it was committed under a reader's eyes");
    assert_eq!(count(&mut *reader).await.expect("a count"), 1);
    reader.commit().await.expect("a commit");

    assert_eq!(write.await.expect("no panic").expect("the commit, within the five seconds"), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_write_ahead_log_a_reader_gives_way_to_another_process_too() {
    let file = TestFile::new();
    let driver = file_with_rows(&file, "?journal_mode=delete").await;
    let mut reader = connect(&*driver).await;
    begin(&mut *reader).await;
    assert_eq!(count(&mut *reader).await.expect("a count"), 1);
    let other = file.bare();
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock beside a reader");

    let start = Instant::now();
    let error = insert(&mut *reader).await.expect_err("both would wait for each other");

    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(matches!(error, Error::Serialization { .. }), "{error}");
    other.execute_batch("ROLLBACK").expect("a rollback");
    insert(&mut *reader).await.expect("nothing was written meanwhile");
    reader.commit().await.expect("a commit");
    is_free(&*driver).await;
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_does_not_come_is_a_lock_timeout_and_the_transaction_goes_on() {
    let file = TestFile::new();
    let driver = file_with_rows(&file, "").await;
    let (mut holder, mut deferred) = (connect(&*driver).await, connect(&*driver).await);
    holder.begin(&TransactionOptions::new()).await.expect("a transaction");
    begin(&mut *deferred).await;
    assert_eq!(count(&mut *deferred).await.expect("a count"), 1);

    let error = insert(&mut *deferred).await.expect_err("no turn");
    let Error::LockTimeout { waited, .. } = &error else { panic!("{error}") };
    assert!(*waited >= Duration::from_secs(5), "{waited:?}");

    holder.rollback().await.expect("a rollback");
    insert(&mut *deferred).await.expect("nobody has written");
    deferred.commit().await.expect("a commit");
    is_free(&*driver).await;
}

#[tokio::test]
async fn what_another_process_holds_is_asked_for_again() {
    let file = TestFile::new();
    let driver = file_with_rows(&file, "?busy_timeout=60000").await;
    let mut connection = connect(&*driver).await;
    begin(&mut *connection).await;
    assert_eq!(count(&mut *connection).await.expect("a count"), 1);
    let holder = Holder::of(&file.path());
    let write = tokio::spawn(async move {
        insert(&mut *connection).await?;
        connection.commit().await
    });

    // Turns of the one thread there is, and of its clock.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!write.is_finished());
    holder.let_go();

    write.await.expect("no panic").expect("the lock, once it is free");
    assert_eq!(count(&mut *connect(&*driver).await).await.expect("a count"), 2);
}

/// Whoever has the right to write without SQLite's own lock would hold up the program for nothing.
#[tokio::test(start_paused = true)]
async fn a_lock_that_was_not_given_leaves_the_right_to_write_to_others() {
    let file = TestFile::new();
    let driver = file_with_rows(&file, "?busy_timeout=100").await;
    let mut deferred = connect(&*driver).await;
    begin(&mut *deferred).await;
    let other = file.bare();
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");

    let error = insert(&mut *deferred).await.expect_err("another process has the lock");
    assert!(matches!(error, Error::LockTimeout { .. }), "{error}");
    {
        let statement = raw("DELETE FROM t", []);
        let mut sink = NoRows;
        let mut write = Box::pin(deferred.run(Statement::Raw(&statement), &mut sink));
        let soon = tokio::time::timeout(Duration::from_millis(50), write.as_mut()).await;
        assert!(soon.is_err(), "it did not wait");
    }
    other.execute_batch("COMMIT").expect("a commit");

    is_free(&*driver).await;
    deferred.rollback().await.expect("a rollback");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_keeps_the_lock_and_the_right() {
    let file = TestFile::new();
    let driver = file_with_rows(&file, "").await;
    let mut deferred = connect(&*driver).await;
    begin(&mut *deferred).await;

    execute(&mut *deferred, "INSERT INTO t VALUES (1, '')").await.expect_err("the key is taken");
    let error = insert(&mut *connect(&*driver).await).await.expect_err("the lock is held");
    assert!(hint(&error).contains("another task of this program"), "{error}");

    deferred.abandon(0);
    is_free(&*driver).await;
}

#[tokio::test(start_paused = true)]
async fn a_transaction_begun_by_hand_takes_the_right_with_its_first_write_too() {
    let file = TestFile::new();
    let driver = file_with_rows(&file, "").await;
    let mut first = connect(&*driver).await;
    execute(&mut *first, "BEGIN").await.expect("a transaction");
    is_free(&*driver).await;
    insert(&mut *first).await.expect("an insert");

    let error = insert(&mut *connect(&*driver).await).await.expect_err("the lock is held");
    assert!(hint(&error).contains("another task of this program"), "{error}");

    execute(&mut *first, "COMMIT").await.expect("a commit");
    is_free(&*driver).await;
}

#[tokio::test]
async fn a_first_write_on_another_thread_takes_the_right_along() {
    let file = TestFile::new();
    let driver: Arc<dyn Driver> =
        open_with(&file.url(""), |options| options.offload = true).await.expect("open").into();
    fill(&mut *connect(&*driver).await, 1).await;
    let (mut first, mut second) = (connect(&*driver).await, connect(&*driver).await);
    begin(&mut *first).await;
    begin(&mut *second).await;
    assert_eq!(count(&mut *first).await.expect("a count"), 1);
    insert(&mut *first).await.expect("an insert");

    let mut write = Box::pin(insert(&mut *second));
    let soon = tokio::time::timeout(Duration::from_millis(20), write.as_mut()).await;
    assert!(soon.is_err(), "the second writer did not wait");
    first.commit().await.expect("a commit");

    assert_eq!(write.await.expect("its turn"), 1);
    second.commit().await.expect("a commit");
    assert_eq!(count(&mut *first).await.expect("a count"), 3);
}
