//! Rows are fetched by a cursor, a chunk at a time.

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
