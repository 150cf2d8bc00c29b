//! Locks are waited for by tasks, in turn, for as long as is allowed; never by a thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use orm_core::driver::Driver;
use orm_core::engine::TransactionOptions;
use orm_core::error::Error;
use tokio::task::yield_now;

use crate::database::{TestFile, connect, execute, fetch, hint, memory_with_rows, number, open};
use crate::process::Holder;

/// Lets the other tasks of this thread run until all of them wait.
async fn others_run() {
    for _ in 0..20 {
        yield_now().await;
    }
}

async fn file_with_table(file: &TestFile, query: &str) -> Arc<dyn Driver> {
    let driver = file.open(query).await;
    execute(&mut *connect(&*driver).await, "CREATE TABLE t (x)").await.expect("a table");
    driver.into()
}

async fn write_in_a_transaction(driver: Arc<dyn Driver>) -> Result<(), Error> {
    let mut connection = connect(&*driver).await;
    connection.begin(&TransactionOptions::new()).await?;
    execute(&mut *connection, "INSERT INTO t VALUES (2)").await?;
    connection.commit().await
}

#[tokio::test]
async fn two_writers_on_one_thread_take_turns_though_one_holds_its_transaction_across_an_await() {
    let file = TestFile::new();
    let driver = file_with_table(&file, "").await;
    let mut first = connect(&*driver).await;
    first.begin(&TransactionOptions::new()).await.expect("a transaction");
    execute(&mut *first, "INSERT INTO t VALUES (1)").await.expect("an insert");

    let second = tokio::spawn(write_in_a_transaction(Arc::clone(&driver)));
    others_run().await;
    assert!(!second.is_finished(), "the second writer did not wait");
    execute(&mut *first, "INSERT INTO t VALUES (1)").await.expect("an insert beside a waiting writer");
    first.commit().await.expect("a commit");

    second.await.expect("no panic").expect("the second writer's turn");
    assert_eq!(number(&mut *first, "SELECT count(*) FROM t").await.expect("a count"), 3);
}

#[tokio::test]
async fn a_single_write_waits_for_a_transaction_too() {
    let driver: Arc<dyn Driver> = memory_with_rows(0).await.into();
    let mut first = connect(&*driver).await;
    first.begin(&TransactionOptions::new()).await.expect("a transaction");

    let other = Arc::clone(&driver);
    let second =
        tokio::spawn(async move { execute(&mut *connect(&*other).await, "INSERT INTO t VALUES (1, '')").await });
    others_run().await;
    assert!(!second.is_finished());
    first.rollback().await.expect("a rollback");

    assert_eq!(second.await.expect("no panic").expect("an insert").rows_affected, 1);
}

#[tokio::test]
async fn writers_are_let_in_in_the_order_of_their_coming() {
    let file = TestFile::new();
    let driver = file_with_table(&file, "").await;
    let (mut first, mut connections) = (connect(&*driver).await, Vec::new());
    for _ in 0..8 {
        connections.push(connect(&*driver).await);
    }
    first.begin(&TransactionOptions::new()).await.expect("a transaction");
    let (order, mut writers) = (Arc::new(AtomicU32::new(0)), Vec::new());
    for mut connection in connections {
        let order = Arc::clone(&order);
        writers.push(tokio::spawn(async move {
            connection.begin(&TransactionOptions::new()).await.expect("its turn");
            order.fetch_add(1, Ordering::SeqCst)
        }));
        others_run().await;
    }

    first.commit().await.expect("a commit");

    for (coming, writer) in (0..).zip(writers) {
        assert_eq!(writer.await.expect("no panic"), coming);
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_waits_too_long_is_told_who_is_in_its_way() {
    let file = TestFile::new();
    let driver = file_with_table(&file, "").await;
    let mut first = connect(&*driver).await;
    first.begin(&TransactionOptions::new()).await.expect("a transaction");

    let error = execute(&mut *connect(&*driver).await, "DELETE FROM t").await.expect_err("no turn");

    let Error::LockTimeout { waited, .. } = &error else { panic!("{error}") };
    assert!(*waited >= Duration::from_secs(5), "{waited:?}");
    assert!(hint(&error).contains("another task of this program"), "{error}");
    assert!(error.is_retryable());
    first.commit().await.expect("the first is not touched");
}

#[tokio::test]
async fn a_writer_that_gives_up_waiting_leaves_the_way_free() {
    let driver: Arc<dyn Driver> = memory_with_rows(0).await.into();
    let mut first = connect(&*driver).await;
    first.begin(&TransactionOptions::new()).await.expect("a transaction");
    let second = tokio::spawn(write_in_a_transaction(Arc::clone(&driver)));
    others_run().await;

    second.abort();
    assert!(second.await.expect_err("it was aborted").is_cancelled());
    first.commit().await.expect("a commit");

    assert_eq!(driver.pool_state().in_use, 1);
    execute(&mut *connect(&*driver).await, "INSERT INTO t VALUES (2, '')").await.expect("a free lock");
}

#[tokio::test]
async fn an_error_of_a_write_lets_the_next_writer_in() {
    let driver = memory_with_rows(1).await;
    let mut first = connect(&*driver).await;
    execute(&mut *first, "INSERT INTO t VALUES (1, '')").await.expect_err("the key is taken");
    execute(&mut *connect(&*driver).await, "INSERT INTO t VALUES (2, '')").await.expect("a free lock");
}

#[tokio::test]
async fn a_transaction_begun_by_hand_holds_the_lock_until_it_ends() {
    let driver: Arc<dyn Driver> = memory_with_rows(0).await.into();
    let mut first = connect(&*driver).await;
    execute(&mut *first, "BEGIN IMMEDIATE").await.expect("a transaction");
    let second = tokio::spawn(write_in_a_transaction_of_t(Arc::clone(&driver)));
    others_run().await;
    assert!(!second.is_finished());

    // The pool rolls it back.
    drop(first);

    second.await.expect("no panic").expect("the lock");
}

async fn write_in_a_transaction_of_t(driver: Arc<dyn Driver>) -> Result<(), Error> {
    let mut connection = connect(&*driver).await;
    connection.begin(&TransactionOptions::new()).await?;
    execute(&mut *connection, "INSERT INTO t VALUES (7, '')").await?;
    connection.commit().await
}

#[tokio::test(start_paused = true)]
async fn a_reader_beside_a_writer_in_memory_waits_and_is_told_why() {
    let driver = memory_with_rows(0).await;
    let (mut writer, mut reader) = (connect(&*driver).await, connect(&*driver).await);
    writer.begin(&TransactionOptions::new()).await.expect("a transaction");

    let error = number(&mut *reader, "SELECT count(*) FROM t").await.expect_err("the database is locked");

    assert!(matches!(error, Error::LockTimeout { .. }), "{error}");
    assert!(hint(&error).contains("in memory"), "{error}");
    writer.commit().await.expect("a commit");
    assert_eq!(number(&mut *reader, "SELECT count(*) FROM t").await.expect("a count"), 0);
}

#[tokio::test]
async fn readers_go_on_beside_a_writer_of_a_file() {
    let file = TestFile::new();
    let driver = file_with_table(&file, "").await;
    let mut writer = connect(&*driver).await;
    writer.begin(&TransactionOptions::new()).await.expect("a transaction");
    execute(&mut *writer, "INSERT INTO t VALUES (1)").await.expect("an insert");

    let mut reader = connect(&*driver).await;
    assert_eq!(number(&mut *reader, "SELECT count(*) FROM t").await.expect("a count"), 0);
    writer.commit().await.expect("a commit beside a reader");
    assert_eq!(number(&mut *reader, "SELECT count(*) FROM t").await.expect("a count"), 1);
}

#[tokio::test(start_paused = true)]
async fn two_engines_on_one_file_wait_for_each_other() {
    let file = TestFile::new();
    let driver = file_with_table(&file, "").await;
    let other: Arc<dyn Driver> = file.open("").await.into();
    let mut first = connect(&*driver).await;
    first.begin(&TransactionOptions::new()).await.expect("a transaction");
    let second = tokio::spawn(write_in_a_transaction(other));

    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(!second.is_finished());
    first.commit().await.expect("a commit");

    second.await.expect("no panic").expect("the lock, within the five seconds");
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_a_reader_holds_up_can_be_tried_again_or_rolled_back() {
    let file = TestFile::new();
    let driver = file_with_table(&file, "?journal_mode=delete").await;
    let mut writer = connect(&*driver).await;
    writer.begin(&TransactionOptions::new()).await.expect("a transaction");
    execute(&mut *writer, "INSERT INTO t VALUES (1)").await.expect("an insert");
    let reader = file.bare();
    reader.execute_batch("BEGIN; SELECT * FROM t").expect("a reader");

    let error = writer.commit().await.expect_err("the reader is in the way");
    assert!(matches!(error, Error::LockTimeout { .. }), "{error}");
    reader.execute_batch("COMMIT").expect("the reader's end");
    writer.commit().await.expect("the commit, now");

    writer.begin(&TransactionOptions::new()).await.expect("a transaction");
    execute(&mut *writer, "INSERT INTO t VALUES (2)").await.expect("an insert");
    reader.execute_batch("BEGIN; SELECT * FROM t").expect("a reader");
    writer.commit().await.expect_err("the reader is in the way");
    writer.rollback().await.expect("a rollback");
    assert_eq!(number(&mut *writer, "SELECT count(*) FROM t").await.expect("a count"), 1);
}

#[tokio::test]
async fn a_task_that_runs_nothing_but_statements_lets_others_have_their_turn() {
    let driver = memory_with_rows(1).await;
    let mut connection = connect(&*driver).await;
    let other = tokio::spawn(async {});
    for _ in 0..1_000_000 {
        number(&mut *connection, "SELECT count(*) FROM t").await.expect("a count");
        if other.is_finished() {
            return;
        }
    }
    panic!("the other task never had its turn");
}

/// Readers hold up the commit of a single statement, after it has given its rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_a_write_come_once_though_it_had_to_be_tried_again() {
    let file = TestFile::new();
    let driver = file_with_table(&file, "?journal_mode=delete&busy_timeout=60000").await;
    let mut writer = connect(&*driver).await;
    let reader = file.bare();
    reader.execute_batch("BEGIN; SELECT * FROM t").expect("a reader");
    let write = tokio::spawn(async move {
        fetch(&mut *writer, "INSERT INTO t VALUES (1), (2) RETURNING x").await.map(|rows| rows.len())
    });
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(!write.is_finished());

    reader.execute_batch("COMMIT").expect("the reader's end");

    assert_eq!(write.await.expect("no panic").expect("two rows"), 2);
    assert_eq!(number(&mut *connect(&*driver).await, "SELECT count(*) FROM t").await.expect("a count"), 2);
}

#[tokio::test]
async fn while_another_process_holds_the_file_the_thread_does_other_work() {
    let file = TestFile::new();
    let driver = file_with_table(&file, "?busy_timeout=60000").await;
    let holder = Holder::of(&file.path());
    let write = tokio::spawn(write_in_a_transaction(Arc::clone(&driver)));

    // A hundred turns of the one thread there is, and of its clock.
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!write.is_finished());
    let mut reader = connect(&*driver).await;
    assert_eq!(number(&mut *reader, "SELECT count(*) FROM t").await.expect("a read beside it"), 0);
    holder.let_go();

    write.await.expect("no panic").expect("the lock, once it is free");
    assert_eq!(number(&mut *reader, "SELECT count(*) FROM t").await.expect("a count"), 1);
}

#[tokio::test]
async fn a_file_that_another_process_holds_for_too_long_is_a_lock_timeout() {
    let file = TestFile::new();
    let driver = file_with_table(&file, "?busy_timeout=30&journal_mode=delete").await;
    let mut connection = connect(&*driver).await;
    let holder = Holder::of(&file.path());

    // Without a write-ahead log a reader waits as well.
    for text in ["INSERT INTO t VALUES (1)", "SELECT * FROM t", "CREATE TABLE u (x)", "BEGIN EXCLUSIVE"] {
        let error = execute(&mut *connection, text).await.expect_err(text);
        assert!(matches!(error, Error::LockTimeout { .. }), "{text}: {error}");
        assert!(hint(&error).contains("busy_timeout"), "{error}");
    }
    let error = connection.begin(&TransactionOptions::new()).await.expect_err("the file is held");
    assert!(matches!(error, Error::LockTimeout { .. }), "{error}");
    let error = open(&file.url("?busy_timeout=30")).await.expect_err("the file is held");
    assert!(matches!(error, Error::LockTimeout { .. }), "{error}");
    holder.let_go();

    execute(&mut *connection, "INSERT INTO t VALUES (1)").await.expect("the connection is as good as new");
}
