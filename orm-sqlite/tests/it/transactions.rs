//! Transactions end as they are told to, and never half.

use orm_core::ast::Statement;
use orm_core::driver::{Connection, Flow, Row, RowSink};
use orm_core::engine::{Isolation, TransactionOptions};
use orm_core::error::{Error, Result};
use orm_core::value::Value;

use crate::database::{connect, context, execute, fetch, hint, memory_with_rows, number, open, raw};

async fn count(connection: &mut dyn Connection) -> i64 {
    number(connection, "SELECT count(*) FROM t").await.expect("a count")
}

async fn begin(connection: &mut dyn Connection) {
    connection.begin(&TransactionOptions::new()).await.expect("a transaction");
}

async fn insert(connection: &mut dyn Connection) {
    execute(connection, "INSERT INTO t (name) VALUES ('new')").await.expect("an insert");
}

#[tokio::test]
async fn a_transaction_is_committed_or_rolled_back() {
    let driver = memory_with_rows(0).await;
    let mut connection = connect(&*driver).await;
    begin(&mut *connection).await;
    insert(&mut *connection).await;
    connection.rollback().await.expect("a rollback");
    assert_eq!(count(&mut *connection).await, 0);

    begin(&mut *connection).await;
    insert(&mut *connection).await;
    connection.commit().await.expect("a commit");
    assert_eq!(count(&mut *connection).await, 1);
}

#[tokio::test]
async fn a_connection_dropped_in_a_transaction_is_rolled_back_and_its_lock_is_free() {
    let driver = memory_with_rows(0).await;
    let mut connection = connect(&*driver).await;
    begin(&mut *connection).await;
    insert(&mut *connection).await;
    drop(connection);

    let mut next = connect(&*driver).await;
    assert_eq!(count(&mut *next).await, 0);
    begin(&mut *next).await;
    next.commit().await.expect("a commit");
}

#[tokio::test]
async fn an_abandoned_transaction_is_undone_at_once() {
    let driver = memory_with_rows(0).await;
    let (mut connection, mut other) = (connect(&*driver).await, connect(&*driver).await);
    begin(&mut *connection).await;
    insert(&mut *connection).await;
    connection.abandon(0);

    begin(&mut *other).await;
    other.commit().await.expect("the lock was free");
    assert_eq!(count(&mut *connection).await, 0);
}

#[tokio::test]
async fn savepoints_are_released_rolled_back_and_abandoned() {
    let driver = memory_with_rows(0).await;
    let mut connection = connect(&*driver).await;
    begin(&mut *connection).await;
    connection.savepoint(1).await.expect("a savepoint");
    insert(&mut *connection).await;
    connection.savepoint(2).await.expect("a savepoint within");
    insert(&mut *connection).await;
    connection.rollback_to(2).await.expect("a rollback");
    assert_eq!(count(&mut *connection).await, 1);
    connection.savepoint(2).await.expect("another one");
    insert(&mut *connection).await;
    connection.release(2).await.expect("a release");
    connection.release(1).await.expect("a release");
    assert_eq!(count(&mut *connection).await, 2);

    connection.savepoint(1).await.expect("a savepoint");
    insert(&mut *connection).await;
    connection.abandon(1);
    assert_eq!(count(&mut *connection).await, 2);
    connection.commit().await.expect("a commit");
    assert_eq!(count(&mut *connection).await, 2);
}

#[tokio::test]
async fn a_read_only_transaction_refuses_writes_and_sees_one_state() {
    let file = crate::database::TestFile::new();
    let driver = file.open("").await;
    let (mut reader, mut writer) = (connect(&*driver).await, connect(&*driver).await);
    crate::database::fill(&mut *writer, 1).await;
    reader.begin(&TransactionOptions::new().read_only()).await.expect("a transaction");
    assert_eq!(count(&mut *reader).await, 1);
    insert(&mut *writer).await;
    assert_eq!(count(&mut *reader).await, 1);

    for text in ["INSERT INTO t VALUES (9, '')", "DELETE FROM t", "CREATE TABLE u (x)", "DROP TABLE t"] {
        let error = execute(&mut *reader, text).await.expect_err(text);
        assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
        assert!(hint(&error).contains("read-only"), "{error}");
        assert_eq!(context(&error).sql, text);
    }
    reader.commit().await.expect("a commit");

    insert(&mut *reader).await;
    assert_eq!(count(&mut *reader).await, 3);
}

#[tokio::test]
async fn every_isolation_level_is_met() {
    let driver = memory_with_rows(0).await;
    let mut connection = connect(&*driver).await;
    for level in [Isolation::ReadUncommitted, Isolation::RepeatableRead, Isolation::Serializable] {
        connection.begin(&TransactionOptions::new().isolation(level)).await.expect("a transaction");
        connection.rollback().await.expect("a rollback");
    }
}

#[tokio::test]
async fn a_transaction_that_sqlite_ended_is_noticed_and_never_committed() {
    let driver = memory_with_rows(1).await;
    let mut connection = connect(&*driver).await;
    begin(&mut *connection).await;
    insert(&mut *connection).await;
    let error = execute(&mut *connection, "INSERT OR ROLLBACK INTO t VALUES (1, '')").await.expect_err("a conflict");
    assert!(matches!(error, Error::UniqueViolation { .. }), "{error}");

    let error = execute(&mut *connection, "INSERT INTO t VALUES (5, '')").await.expect_err("no transaction");
    assert!(matches!(error, Error::TransactionEnded), "{error}");
    assert!(matches!(connection.savepoint(1).await, Err(Error::TransactionEnded)));
    assert!(matches!(connection.commit().await, Err(Error::TransactionEnded)));

    assert_eq!(count(&mut *connection).await, 1);
    begin(&mut *connection).await;
    execute(&mut *connection, "INSERT OR ROLLBACK INTO t VALUES (1, '')").await.expect_err("a conflict");
    connection.rollback().await.expect("what is ended needs no rollback");
    insert(&mut *connection).await;
}

#[tokio::test]
async fn a_commit_that_breaks_a_deferred_key_can_be_mended_or_rolled_back() {
    let driver = open("sqlite::memory:").await.expect("a database");
    let mut connection = connect(&*driver).await;
    execute(&mut *connection, "CREATE TABLE parent (id INTEGER PRIMARY KEY)").await.expect("a table");
    let child = "CREATE TABLE t (id INTEGER PRIMARY KEY, parent REFERENCES parent DEFERRABLE INITIALLY DEFERRED)";
    execute(&mut *connection, child).await.expect("a table");
    begin(&mut *connection).await;
    execute(&mut *connection, "INSERT INTO t VALUES (1, 7)").await.expect("a key that points nowhere yet");

    let error = connection.commit().await.expect_err("it still points nowhere");
    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error}");
    assert!(hint(&error).contains("foreign_key_check"), "{error}");
    execute(&mut *connection, "INSERT INTO parent VALUES (7)").await.expect("the row it points at");
    connection.commit().await.expect("a commit");

    assert_eq!(count(&mut *connection).await, 1);
}

#[tokio::test]
async fn the_time_stands_still_in_a_transaction() {
    let driver = memory_with_rows(0).await;
    let mut connection = connect(&*driver).await;
    begin(&mut *connection).await;
    let first = fetch(&mut *connection, "SELECT orm_now()").await.expect("a time");
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    assert_eq!(fetch(&mut *connection, "SELECT orm_now()").await.expect("a time"), first);
    connection.commit().await.expect("a commit");
    assert_ne!(fetch(&mut *connection, "SELECT orm_now()").await.expect("a time"), first);
}

#[tokio::test]
async fn a_panic_while_rows_are_read_leaves_the_connection_as_it_was() {
    struct Panics;
    impl RowSink for Panics {
        fn row(&mut self, _row: &dyn Row) -> Result<Flow> {
            panic!("a fault in the program");
        }
    }
    let driver = memory_with_rows(3).await;
    let mut connection = connect(&*driver).await;
    for text in ["SELECT * FROM t", "INSERT INTO t (name) VALUES ('x') RETURNING id"] {
        let statement = raw(text, []);
        let task =
            std::panic::AssertUnwindSafe(async { connection.run(Statement::Raw(&statement), &mut Panics).await });
        assert!(futures_catch(task).await.is_err());
        begin(&mut *connection).await;
        insert(&mut *connection).await;
        connection.rollback().await.expect("a rollback");
    }
    drop(connection);
    execute(&mut *connect(&*driver).await, "DELETE FROM t").await.expect("a free lock");
}

/// Polls a future that is ready at once or panics.
async fn futures_catch<T>(future: std::panic::AssertUnwindSafe<impl Future<Output = T>>) -> std::thread::Result<T> {
    let mut future = Box::pin(future.0);
    std::future::poll_fn(move |task| {
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| future.as_mut().poll(task)));
        match polled {
            Ok(std::task::Poll::Pending) => std::task::Poll::Pending,
            Ok(std::task::Poll::Ready(value)) => std::task::Poll::Ready(Ok(value)),
            Err(panic) => std::task::Poll::Ready(Err(panic)),
        }
    })
    .await
}

#[tokio::test]
async fn a_statement_that_writes_is_run_to_its_end_whatever_the_sink_says() {
    struct Stops;
    impl RowSink for Stops {
        fn row(&mut self, _row: &dyn Row) -> Result<Flow> {
            Ok(Flow::Stop)
        }
    }
    struct Fails;
    impl RowSink for Fails {
        fn row(&mut self, _row: &dyn Row) -> Result<Flow> {
            Err(Error::NoRow)
        }
    }
    let driver = memory_with_rows(0).await;
    let mut connection = connect(&*driver).await;
    let insert = raw("INSERT INTO t (name) VALUES (1), (2), (3) RETURNING id", []);
    let done = connection.run(Statement::Raw(&insert), &mut Stops).await.expect("three rows");
    assert_eq!(done.rows_affected, 3);
    assert!(matches!(connection.run(Statement::Raw(&insert), &mut Fails).await, Err(Error::NoRow)));
    assert_eq!(count(&mut *connection).await, 6);

    let select = raw("SELECT * FROM t", []);
    connection.run(Statement::Raw(&select), &mut Stops).await.expect("one row");
    assert!(matches!(connection.run(Statement::Raw(&select), &mut Fails).await, Err(Error::NoRow)));
    execute(&mut *connection, "DROP TABLE t").await.expect("no statement is left on the table");
}

#[tokio::test]
async fn rows_affected_are_those_of_the_statement_itself() {
    let driver = memory_with_rows(5).await;
    let mut connection = connect(&*driver).await;
    for (text, affected) in [
        ("UPDATE t SET name = 'x' WHERE id > 2", 3),
        ("SELECT * FROM t", 0),
        ("CREATE TABLE u (x)", 0),
        ("UPDATE t SET name = 'x' WHERE id > 9", 0),
        ("DELETE FROM t", 5),
        ("PRAGMA user_version = 3", 0),
    ] {
        let done = execute(&mut *connection, text).await.expect(text);
        assert_eq!(done.rows_affected, affected, "{text}");
    }
}

#[tokio::test]
async fn a_plan_is_shown_and_nothing_is_done() {
    let driver = memory_with_rows(3).await;
    let mut connection = connect(&*driver).await;
    let mut rows = crate::database::Rows::default();
    connection
        .explain(Statement::Raw(&raw("DELETE FROM t WHERE id = ", [Value::Int(1)])), &mut rows)
        .await
        .expect("a plan");

    assert!(matches!(rows.0[0].last(), Some(Value::Text(line)) if line.contains("SEARCH t")), "{:?}", rows.0);
    assert_eq!(count(&mut *connection).await, 3);
}
