//! Streams, and engines that offload: the same results, from a thread, in bounded memory.

use std::sync::Arc;

use orm_core::driver::{Connection, Driver, RowStream};
use orm_core::engine::TransactionOptions;
use orm_core::error::{Error, Result};
use orm_core::value::Value;

use crate::database::{Rows, connect, execute, fetch, fill, memory_with_rows, number, open_with, raw, stream};

const ENDLESS: &str = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c";
const ENDLESS_WITHOUT_ROWS: &str =
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";

async fn all(mut rows: Box<dyn RowStream + '_>) -> Result<Vec<Vec<Value>>> {
    let mut sink = Rows::default();
    while rows.next_chunk(&mut sink).await? {}
    assert!(!rows.next_chunk(&mut sink).await?, "there is more behind the end");
    Ok(sink.0)
}

async fn offloading() -> Box<dyn Driver> {
    let driver = open_with("sqlite::memory:", |options| options.offload = true).await.expect("a database");
    fill(&mut *connect(&*driver).await, 1_000).await;
    driver
}

#[tokio::test]
async fn a_stream_gives_every_row_once_and_in_order() {
    let driver = memory_with_rows(10_000).await;
    let mut connection = connect(&*driver).await;
    for count in [0, 1, 255, 256, 257, 10_000] {
        let select = raw("SELECT id, name FROM t ORDER BY id LIMIT ", [Value::Int(count)]);
        let rows = all(stream(&mut *connection, &select).await.expect("a stream")).await.expect("rows");
        let ids = (1..=count).map(|id| vec![Value::Int(id), Value::Text(format!("name {id}"))]);
        assert!(rows == ids.collect::<Vec<_>>(), "{count}");
    }
}

#[tokio::test]
async fn an_endless_stream_is_read_a_little_ahead_and_ends_when_it_is_dropped() {
    let driver = memory_with_rows(0).await;
    let mut connection = connect(&*driver).await;
    let select = raw(ENDLESS, []);
    let mut sink = Rows::default();
    let mut rows = stream(&mut *connection, &select).await.expect("a stream");
    assert!(rows.next_chunk(&mut sink).await.expect("rows"));
    assert_eq!(sink.0.len(), 256);
    drop(rows);

    assert_eq!(number(&mut *connection, "SELECT 7").await.expect("the connection is back"), 7);
}

#[tokio::test]
async fn a_stream_in_a_transaction_sees_it_and_leaves_it_open() {
    let driver = memory_with_rows(1_000).await;
    let mut connection = connect(&*driver).await;
    connection.begin(&TransactionOptions::new()).await.expect("a transaction");
    execute(&mut *connection, "DELETE FROM t WHERE id > 600").await.expect("a delete");
    let select = raw("SELECT id FROM t", []);
    assert_eq!(all(stream(&mut *connection, &select).await.expect("a stream")).await.expect("rows").len(), 600);
    let endless = raw(ENDLESS, []);
    drop(stream(&mut *connection, &endless).await.expect("a stream"));

    execute(&mut *connection, "DELETE FROM t WHERE id > 500").await.expect("the transaction is still open");
    connection.commit().await.expect("a commit");
    assert_eq!(number(&mut *connection, "SELECT count(*) FROM t").await.expect("a count"), 500);
}

#[tokio::test]
async fn a_transaction_abandoned_beside_a_running_stream_is_undone_before_the_next_statement() {
    let driver = memory_with_rows(3).await;
    let mut connection = connect(&*driver).await;
    connection.begin(&TransactionOptions::new()).await.expect("a transaction");
    execute(&mut *connection, "DELETE FROM t").await.expect("a delete");
    let endless = raw(ENDLESS, []);
    drop(stream(&mut *connection, &endless).await.expect("a stream"));
    connection.abandon(0);

    assert_eq!(number(&mut *connection, "SELECT count(*) FROM t").await.expect("a count"), 3);
    execute(&mut *connect(&*driver).await, "DELETE FROM t").await.expect("the lock is free");
}

#[tokio::test]
async fn a_connection_dropped_with_its_stream_goes_back_to_the_pool_without_its_transaction() {
    let driver = open_with("sqlite::memory:", |options| {
        (options.pool.pool_size, options.pool.max_overflow) = (1, 0);
    });
    let driver = driver.await.expect("a database");
    fill(&mut *connect(&*driver).await, 3).await;
    let mut connection = connect(&*driver).await;
    connection.begin(&TransactionOptions::new()).await.expect("a transaction");
    execute(&mut *connection, "DELETE FROM t").await.expect("a delete");
    let endless = raw(ENDLESS, []);
    drop(stream(&mut *connection, &endless).await.expect("a stream"));
    drop(connection);

    let mut next = connect(&*driver).await;
    assert_eq!(number(&mut *next, "SELECT count(*) FROM t").await.expect("a count"), 3);
    execute(&mut *next, "DELETE FROM t").await.expect("the lock is free");
}

#[tokio::test]
async fn what_cannot_run_is_told_when_the_stream_begins() {
    let driver = memory_with_rows(0).await;
    let mut connection = connect(&*driver).await;
    let missing = raw("SELECT * FROM missing", []);
    let Err(error) = stream(&mut *connection, &missing).await else { panic!("a stream of nothing") };
    assert!(matches!(error, Error::UndefinedTable { .. }), "{error}");
    assert_eq!(number(&mut *connection, "SELECT 1").await.expect("the connection is back"), 1);
}

#[tokio::test]
async fn what_fails_half_way_is_told_behind_the_rows_before_it() {
    let driver = memory_with_rows(0).await;
    let mut connection = connect(&*driver).await;
    let select = raw(
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) \
         SELECT decimal_add(x, CASE WHEN x > 300 THEN 'none' ELSE '0' END) FROM c",
        [],
    );
    let mut sink = Rows::default();
    let mut rows = stream(&mut *connection, &select).await.expect("a stream");
    let error = loop {
        match rows.next_chunk(&mut sink).await {
            Ok(more) => assert!(more, "the error is lost"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Database { .. }), "{error}");
    assert_eq!(sink.0.len(), 300);
}

#[tokio::test]
async fn a_stream_of_written_rows_has_written_them_all_even_if_it_is_dropped() {
    let driver = memory_with_rows(2_000).await;
    let mut connection = connect(&*driver).await;
    let update = raw("UPDATE t SET name = 'new' RETURNING id", []);
    let mut rows = stream(&mut *connection, &update).await.expect("a stream");
    assert!(rows.next_chunk(&mut Rows::default()).await.expect("rows"));
    drop(rows);

    assert_eq!(number(&mut *connection, "SELECT count(*) FROM t WHERE name = 'new'").await.expect("a count"), 2_000);
    execute(&mut *connect(&*driver).await, "DELETE FROM t").await.expect("the lock is free");
}

#[tokio::test]
async fn text_that_is_not_utf8_is_an_error_for_its_row_only() {
    let driver = memory_with_rows(0).await;
    let mut connection = connect(&*driver).await;
    let select = raw("SELECT CAST(x'ff' AS TEXT)", []);
    let mut rows = stream(&mut *connection, &select).await.expect("a stream");
    assert!(matches!(rows.next_chunk(&mut Rows::default()).await, Err(Error::Decode { .. })));
}

#[tokio::test]
async fn an_engine_that_offloads_does_all_that_others_do() {
    let driver = offloading().await;
    let mut connection = connect(&*driver).await;
    assert_eq!(fetch(&mut *connection, "SELECT * FROM t").await.expect("rows").len(), 1_000);
    assert_eq!(
        execute(&mut *connection, "UPDATE t SET name = 'x' WHERE id < 10").await.expect("an update").rows_affected,
        9
    );
    let error = execute(&mut *connection, "INSERT INTO t VALUES (1, '')").await.expect_err("the key is taken");
    assert!(matches!(error, Error::UniqueViolation { .. }), "{error}");

    connection.begin(&TransactionOptions::new()).await.expect("a transaction");
    connection.savepoint(1).await.expect("a savepoint");
    execute(&mut *connection, "DELETE FROM t").await.expect("a delete");
    connection.rollback_to(1).await.expect("a rollback");
    execute(&mut *connection, "DELETE FROM t WHERE id > 10").await.expect("a delete");
    connection.commit().await.expect("a commit");
    connection.begin(&TransactionOptions::new().read_only()).await.expect("a transaction");
    let error = execute(&mut *connection, "DELETE FROM t").await.expect_err("it may only read");
    assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
    connection.rollback().await.expect("a rollback");
    assert_eq!(number(&mut *connection, "SELECT count(*) FROM t").await.expect("a count"), 10);
}

#[tokio::test]
async fn writers_that_offload_take_turns() {
    let driver: Arc<dyn Driver> = offloading().await.into();
    let mut first = connect(&*driver).await;
    first.begin(&TransactionOptions::new()).await.expect("a transaction");
    let other = Arc::clone(&driver);
    let second = tokio::spawn(async move { execute(&mut *connect(&*other).await, "DELETE FROM t WHERE id = 1").await });
    execute(&mut *first, "DELETE FROM t WHERE id = 2").await.expect("a delete");
    assert!(!second.is_finished());

    first.commit().await.expect("a commit");

    second.await.expect("no panic").expect("its turn");
}

#[tokio::test]
async fn a_long_statement_is_stopped_when_nobody_waits_for_it() {
    let driver = offloading().await;
    let mut connection = connect(&*driver).await;
    {
        let endless = raw(ENDLESS_WITHOUT_ROWS, []);
        let mut running = Box::pin(crate::database::run(&mut *connection, &endless));
        // As soon as it was sent to its thread.
        let sent = std::future::poll_fn(|task| std::task::Poll::Ready(running.as_mut().poll(task).is_pending())).await;
        assert!(sent);
    }

    assert_eq!(number(&mut *connection, "SELECT 7").await.expect("the connection is back"), 7);
}

#[tokio::test]
async fn a_statement_that_waits_on_its_thread_lets_the_others_of_the_program_go_on() {
    let driver = offloading().await;
    let (mut one, mut other) = (connect(&*driver).await, connect(&*driver).await);
    let (counted, read) = tokio::join!(
        number(
            &mut *one,
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 100000) SELECT count(*) FROM c"
        ),
        number(&mut *other, "SELECT count(*) FROM t"),
    );
    assert_eq!((counted.expect("a count"), read.expect("a count")), (100_000, 1_000));
}

/// The trait objects can be sent to other threads, whatever is inside of them.
#[test]
fn connections_and_streams_can_be_sent() {
    fn send<T: Send + ?Sized>() {}
    send::<dyn Connection>();
    send::<dyn RowStream>();
}
