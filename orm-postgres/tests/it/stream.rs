//! Rows are fetched by a cursor, a chunk at a time.

use std::sync::{Arc, Mutex};

use orm::prelude::*;

use crate::database::open_with;

fn many() -> orm::query::SqlRows<i64> {
    sql!("SELECT generate_series(1::bigint, 1000000000)").rows::<i64>()
}

#[tokio::test]
async fn a_stream_of_many_rows_is_dropped_without_reading_them() {
    let db = open_with("", |builder| builder.pool_size(1).max_overflow(0)).await;
    for _ in 0..3 {
        let mut rows = db.stream(many());
        for expected in 1..=300 {
            assert_eq!(rows.next().await.expect("a row").expect("a number"), expected);
        }
        drop(rows);
        assert_eq!(db.fetch_one(select(value(7))).await.expect("a row"), 7);
    }
    assert_eq!(cursors(&db).await, 0);
}

async fn cursors(db: &Engine) -> i64 {
    db.fetch_one(sql!("SELECT count(*) FROM pg_cursors WHERE name = 'orm_stream'").rows::<i64>())
        .await
        .expect("a count")
}

#[tokio::test]
async fn a_transaction_goes_on_after_its_stream() {
    let db = open_with("", |builder| builder.pool_size(1).max_overflow(0)).await;
    db.execute(sql!("CREATE TABLE t (a bigint)")).await.expect("a table");
    let mut tx = db.begin().await.expect("a transaction");
    tx.execute(sql!("INSERT INTO t SELECT generate_series(1, 1000)")).await.expect("rows");

    let mut dropped = tx.stream(sql!("SELECT a FROM t ORDER BY a").rows::<i64>());
    assert_eq!(dropped.next().await.expect("a row").expect("a number"), 1);
    drop(dropped);
    let (mut rows, mut sum) = (tx.stream(sql!("SELECT a FROM t").rows::<i64>()), 0);
    while let Some(row) = rows.next().await {
        sum += row.expect("a number");
    }
    drop(rows);
    tx.execute(sql!("DELETE FROM t WHERE a > 10")).await.expect("a delete");
    tx.commit().await.expect("a commit");

    assert_eq!(sum, 500_500);
    assert_eq!(db.fetch_one(sql!("SELECT count(*) FROM t").rows::<i64>()).await.expect("a count"), 10);
}

#[tokio::test]
async fn a_stream_that_is_dropped_while_it_begins_leaves_room_for_another() {
    let db = open_with("", |builder| builder.pool_size(1).max_overflow(0)).await;
    let mut connection = db.connection().await.expect("a connection");

    for polls in 1..60 {
        for in_transaction in [true, false] {
            let mut tx = match in_transaction {
                true => Some(connection.begin().await.expect("a transaction")),
                false => None,
            };
            let mut rows = match &mut tx {
                Some(tx) => tx.stream(many()),
                None => db.stream(many()),
            };
            for _ in 0..polls {
                let next = tokio::time::timeout(std::time::Duration::ZERO, rows.next());
                let _perhaps_there = next.await;
            }
            drop(rows);
            let Some(mut tx) = tx else { continue };
            assert_eq!(tx.stream(many()).next().await.expect("a row").expect("a number"), 1, "{polls}");
            tx.commit().await.expect("a commit");
        }
    }
}

#[tokio::test]
async fn what_a_streamed_statement_writes_is_lasting() {
    let db = open_with("", |builder| builder.pool_size(1).max_overflow(0)).await;
    db.execute(sql!("CREATE TABLE t (a bigint)")).await.expect("a table");

    let mut rows = db.stream(sql!("INSERT INTO t SELECT generate_series(1, 1000) RETURNING a").rows::<i64>());
    let mut count = 0;
    while let Some(row) = rows.next().await {
        row.expect("a number");
        count += 1;
    }
    drop(rows);

    assert_eq!(count, 1000);
    assert_eq!(db.fetch_one(sql!("SELECT count(*) FROM t").rows::<i64>()).await.expect("a count"), 1000);
}

/// A query whose rows count themselves, outside of every transaction.
async fn counted(db: &Engine) -> orm::query::SqlRows<i64> {
    db.execute(sql!("CREATE SEQUENCE given")).await.expect("a sequence");
    // In FROM itself, the server would make all numbers before the first row.
    sql!("SELECT nextval('given') FROM (SELECT generate_series(1, 100000000)) AS many").rows::<i64>()
}

async fn given(db: &Engine) -> i64 {
    db.fetch_one(sql!("SELECT last_value FROM given").rows::<i64>()).await.expect("a number")
}

#[tokio::test]
async fn the_server_makes_no_more_rows_than_a_chunk_has() {
    let db = open_with("", |builder| builder).await;
    let mut rows = db.stream(counted(&db).await).chunk_size(10);

    assert_eq!(rows.next().await.expect("a row").expect("a number"), 1);
    assert_eq!(given(&db).await, 10);
    for _ in 0..10 {
        rows.next().await.expect("a row").expect("a number");
    }
    assert_eq!(given(&db).await, 20);
}

#[tokio::test]
async fn a_stream_that_nobody_reads_ends_when_the_server_has_had_enough() {
    let db = open_with("options=-c%20idle_in_transaction_session_timeout%3D50", |builder| builder).await;
    let watcher = db.another("").await;
    let mut rows = db.stream(sql!("SELECT pg_backend_pid() FROM generate_series(1, 1000)").rows::<i32>());
    let pid = rows.next().await.expect("a row").expect("a number");

    until(&watcher, sql!("SELECT count(*) FROM pg_stat_activity WHERE pid = {}", pid).rows::<i64>(), 0).await;

    let mut ended = None;
    while ended.is_none() {
        ended = rows.next().await.expect("the rows that came, and then an error").err();
    }
    assert!(matches!(ended, Some(orm::Error::ConnectionLost { .. })), "{ended:?}");
    assert_eq!(db.fetch_one(select(value(7))).await.expect("a row"), 7);
}

#[tokio::test]
async fn rows_are_copied_by_one_order_which_waits_for_who_reads_slowly() {
    let db = open_with("", |builder| builder.pool_size(1).max_overflow(0)).await;
    let watcher = db.another("").await;
    let mut rows = db.copy_out(counted(&watcher).await);
    assert_eq!(rows.next().await.expect("a row").expect("a number"), 1);

    let waits = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT nextval(''given'')%' \
                 AND wait_event = 'ClientWrite' AND pid <> pg_backend_pid()";
    until(&watcher, orm::query::Sql::new(waits, Vec::new()).rows::<i64>(), 1).await;

    // What the sockets hold is some megabytes, and here no more than a chunk.
    assert!(given(&watcher).await < 2_000_000);
    drop(rows);
    assert_eq!(db.fetch_one(select(value(7))).await.expect("a row"), 7);
    until(&watcher, orm::query::Sql::new(waits, Vec::new()).rows::<i64>(), 0).await;
}

/// Asks until the answer is this one.
async fn until(db: &Engine, query: orm::query::SqlRows<i64>, expected: i64) {
    while db.fetch_one(query.clone()).await.expect("a count") != expected {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_log_of_a_copy_has_no_values() {
    let texts: Arc<Mutex<Vec<String>>> = Arc::default();
    let (db, log) = (open_with("", |builder| builder).await, Arc::clone(&texts));
    let engine = db.another_with(move |builder| {
        builder.on_statement(move |event| log.lock().expect("a log").push(format!("{} {:?}", event.sql, event.binds)))
    });
    let engine = engine.await;

    let mut rows = engine.copy_out(select(value("secret".to_owned())));
    assert_eq!(rows.next().await.expect("a row").expect("a text"), "secret");
    while rows.next().await.transpose().expect("no error").is_some() {}

    let texts = std::mem::take(&mut *texts.lock().expect("a log"));
    assert_eq!(texts, ["COPY (SELECT CAST($1 AS text)) TO STDOUT (FORMAT binary) [1 value hidden]"]);
    let wrong = engine.copy_out(sql!("SELECT CAST({} AS text)::integer", "secret").rows::<i32>()).next().await;
    let error = wrong.expect("a row").expect_err("no number");
    assert!(!format!("{error:#} {error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn columns_of_types_that_nobody_knows_are_copied_as_text() {
    let db = open_with("", |builder| builder).await;
    let point = sql!("SELECT point(1, {}), {}", 2.0, 7_i64).rows::<(String, i64)>();

    assert_eq!(db.copy_out(point).next().await.expect("a row").expect("a point"), ("(1,2)".to_owned(), 7));
}

#[tokio::test]
async fn a_copy_fits_a_table_that_was_changed_since_its_query_was_prepared() {
    let db = open_with("", |builder| builder.pool_size(1).max_overflow(0)).await;
    let (watcher, rows) = (db.another("").await, || sql!("SELECT a FROM t WHERE a > {}", 0_i64).rows::<i64>());
    db.execute(sql!("CREATE TABLE t (a bigint)")).await.expect("a table");
    db.execute(sql!("INSERT INTO t VALUES (7)")).await.expect("a row");

    assert_eq!(db.copy_out(rows()).next().await.expect("a row").expect("a number"), 7);
    watcher.execute(sql!("ALTER TABLE t ALTER a TYPE integer")).await.expect("another type");
    assert_eq!(db.copy_out(rows()).next().await.expect("a row").expect("a number"), 7);
}
