//! Whatever future is dropped, after whatever number of polls: the only connection of the pool is clean, or another.

use std::future::poll_fn;
use std::task::Poll;

use orm::prelude::*;

use crate::database::{Database, open_with};

const POLLS: usize = 200;

/// The table of all tests here.
#[derive(Debug, Clone, Model)]
#[model(table = "t")]
struct Row {
    #[model(primary_key, natural)]
    a: i64,
}

async fn one_connection() -> Database {
    let db = open_with("", |builder| builder.pool_size(1).max_overflow(0)).await;
    db.execute(sql!("CREATE TABLE t (a bigint PRIMARY KEY)")).await.expect("a table");
    db
}

fn insert_row(row: usize) -> orm::query::Sql {
    sql!("INSERT INTO t VALUES ({})", i64::try_from(row).unwrap_or(0))
}

/// Polls a future so many times, and drops it then. Between two polls it waits to be woken where the number is even, so
/// that the answers of the server come in between; otherwise they may come or not.
async fn dropped_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    for count in 0..polls {
        let mut polled = false;
        let wait = polls.is_multiple_of(2) && count > 0;
        let output = poll_fn(|context| match std::mem::replace(&mut polled, true) {
            // Woken by the future.
            true if wait => Poll::Ready(None),
            _ => match future.as_mut().poll(context) {
                Poll::Ready(output) => Poll::Ready(Some(output)),
                Poll::Pending if wait => Poll::Pending,
                Poll::Pending => Poll::Ready(None),
            },
        });
        if let Some(output) = output.await {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// That a transaction begins, writes, and is committed, on a connection without a trace of what was before.
async fn is_clean(db: &Database, polls: usize) {
    let mut tx = db.begin().await.expect("a transaction");
    tx.execute(insert_row(polls)).await.expect("a row");
    tx.commit().await.expect("a commit");

    let (found, cursors) = db
        .fetch_one(
            sql!(
                "SELECT (SELECT count(*) FROM t WHERE a = {}), (SELECT count(*) FROM pg_cursors WHERE name LIKE 'orm%')",
                i64::try_from(polls).unwrap_or(0)
            )
            .rows::<(i64, i64)>(),
        )
        .await
        .expect("a count");
    assert_eq!((found, cursors), (1, 0), "after {polls} polls");
    let state = db.pool_state();
    assert_eq!((state.in_use, state.open, state.opened - state.closed), (0, 1, 1), "{state:?} after {polls} polls");
}

/// The rows that must not be there are above a million.
async fn nothing_else_is_there(db: &Database) {
    let all = sql!("SELECT count(*), max(a) FROM t").rows::<(i64, i64)>();
    let polls = i64::try_from(POLLS).unwrap_or(0);
    assert_eq!(db.fetch_one(all).await.expect("a count"), (polls, polls));
}

const NEVER: usize = 1_000_000;

#[tokio::test]
async fn a_begin_that_is_dropped() {
    let db = one_connection().await;
    for polls in 1..=POLLS {
        let begun = dropped_after(polls, db.begin()).await.transpose().expect("a transaction");
        if let Some(mut tx) = begun {
            tx.execute(insert_row(NEVER)).await.expect("a row");
        }
        is_clean(&db, polls).await;
    }
    nothing_else_is_there(&db).await;
}

#[tokio::test]
async fn an_insert_that_is_dropped_was_done_or_not() {
    let db = one_connection().await;
    for polls in 1..=POLLS {
        let inserted = dropped_after(polls, db.execute(insert_row(NEVER))).await;
        if let Some(inserted) = inserted {
            assert_eq!(inserted.expect("a row"), 1);
        }
        is_clean(&db, polls).await;
        let gone = db.execute(sql!("DELETE FROM t WHERE a > 1000")).await.expect("a delete");
        assert!(gone <= 1, "{gone}");
    }
    nothing_else_is_there(&db).await;
}

#[tokio::test]
async fn an_insert_in_a_transaction_that_is_dropped_with_it() {
    let db = one_connection().await;
    for polls in 1..=POLLS {
        let mut tx = db.begin().await.expect("a transaction");
        let _perhaps = dropped_after(polls, tx.execute(insert_row(NEVER))).await;
        match polls % 3 {
            0 => tx.rollback().await.expect("a rollback"),
            _ => drop(tx),
        }
        is_clean(&db, polls).await;
    }
    nothing_else_is_there(&db).await;
}

#[tokio::test]
async fn a_savepoint_that_is_dropped_leaves_its_transaction() {
    let db = one_connection().await;
    for polls in 1..=POLLS {
        let mut tx = db.begin().await.expect("a transaction");
        tx.execute(insert_row(polls)).await.expect("a row");
        let within = async {
            let mut savepoint = tx.savepoint().await?;
            savepoint.execute(insert_row(NEVER)).await?;
            savepoint.rollback().await
        };
        let _perhaps = dropped_after(polls, within).await;
        tx.commit().await.expect("what was before the savepoint");
        let there = sql!("SELECT a FROM t WHERE a >= {}", i64::try_from(polls).unwrap_or(0)).rows::<i64>();
        assert_eq!(db.fetch_all(there).await.expect("rows"), [i64::try_from(polls).unwrap_or(0)]);
    }
    nothing_else_is_there(&db).await;
}

#[tokio::test]
async fn a_commit_that_is_dropped_came_through_or_not() {
    let db = one_connection().await;
    for polls in 1..=POLLS {
        let mut tx = db.begin().await.expect("a transaction");
        tx.execute(insert_row(NEVER)).await.expect("a row");
        let committed = dropped_after(polls, tx.commit()).await;
        is_clean(&db, polls).await;
        let gone = db.execute(sql!("DELETE FROM t WHERE a > 1000")).await.expect("a delete");
        match committed {
            Some(committed) => assert_eq!((committed.expect("a commit"), gone), ((), 1)),
            None => assert!(gone <= 1, "{gone}"),
        }
    }
    nothing_else_is_there(&db).await;
}

#[tokio::test]
async fn a_rollback_that_is_dropped() {
    let db = one_connection().await;
    for polls in 1..=POLLS {
        let mut tx = db.begin().await.expect("a transaction");
        tx.execute(insert_row(NEVER)).await.expect("a row");
        let _perhaps = dropped_after(polls, tx.rollback()).await;
        is_clean(&db, polls).await;
    }
    nothing_else_is_there(&db).await;
}

#[tokio::test]
async fn a_stream_that_is_dropped() {
    rows_that_are_dropped(false).await;
}

#[tokio::test]
async fn a_copy_of_rows_that_is_dropped() {
    rows_that_are_dropped(true).await;
}

async fn rows_that_are_dropped(copied: bool) {
    let db = one_connection().await;
    let many = || sql!("SELECT generate_series({}, 100000)", 1_i64).rows::<i64>();
    for polls in 1..=POLLS {
        let in_transaction = polls % 3 == 0;
        let reading = async {
            let mut tx = if in_transaction { Some(db.begin().await?) } else { None };
            let mut rows = match (&mut tx, copied) {
                (Some(tx), false) => tx.stream(many()),
                (None, false) => db.stream(many()),
                (Some(tx), true) => tx.copy_out(many()),
                (None, true) => db.copy_out(many()),
            };
            for _ in 0..600 {
                rows.next().await.transpose()?;
            }
            Ok::<_, orm::Error>(())
        };
        let _perhaps = dropped_after(polls, reading).await.transpose().expect("rows");
        is_clean(&db, polls).await;
    }
    nothing_else_is_there(&db).await;
}

#[tokio::test]
async fn a_stream_that_writes_and_is_dropped_was_done_or_not() {
    let db = one_connection().await;
    for polls in 1..=POLLS {
        let mut rows = db
            .stream(sql!("INSERT INTO t SELECT generate_series({}, 2000000) RETURNING a", 1_999_000_i64).rows::<i64>());
        let _perhaps = dropped_after(polls, rows.next()).await.flatten().transpose().expect("a row");
        drop(rows);
        is_clean(&db, polls).await;
        let gone = db.execute(sql!("DELETE FROM t WHERE a > 1000")).await.expect("a delete");
        assert!([0, 1001].contains(&gone), "{gone}");
    }
    nothing_else_is_there(&db).await;
}

#[tokio::test]
async fn a_whole_unit_of_work_that_is_dropped() {
    let db = one_connection().await;
    for polls in 1..=POLLS {
        let whole = db.retry(Retry::new(), async |tx| {
            tx.execute(insert_row(NEVER)).await?;
            let mut savepoint = tx.savepoint().await?;
            let read = savepoint.fetch_all(sql!("SELECT a FROM t").rows::<i64>()).await?;
            savepoint.execute(insert_row(NEVER + read.len())).await?;
            savepoint.commit().await?;
            tx.execute(sql!("DELETE FROM t WHERE a > 1000")).await
        });
        let whole = dropped_after(polls, whole).await.transpose().expect("it gives way to nobody");
        assert!(whole.is_none_or(|gone| gone == 2), "{whole:?}");
        is_clean(&db, polls).await;
    }
    nothing_else_is_there(&db).await;
}

#[tokio::test]
async fn a_prepared_transaction_that_is_dropped_is_there_or_not() {
    let db = one_connection().await;
    for polls in 1..=POLLS {
        let id = format!("dropped {} {polls}", std::process::id());
        let mut tx = db.begin().await.expect("a transaction");
        tx.execute(insert_row(NEVER + polls)).await.expect("a row");
        let prepared = dropped_after(polls, tx.prepare_transaction(&id)).await;
        is_clean(&db, polls).await;
        let found = db.prepared_transactions().await.expect("a list").iter().any(|prepared| prepared.id == id);
        assert!(found || prepared.is_none(), "{prepared:?}");
        if found {
            db.rollback_prepared(&id).await.expect("a rollback");
        }
    }
    nothing_else_is_there(&db).await;
}

#[tokio::test]
async fn a_copy_that_is_dropped_was_done_or_not() {
    let db = one_connection().await;
    for polls in 1..=POLLS {
        let rows = (0..3000).map(|number| Row { a: 1_000_000 + number });
        let copied = match polls % 3 {
            // In the middle of a transaction, which is dropped with it.
            0 => {
                let mut tx = db.begin().await.expect("a transaction");
                let _perhaps = dropped_after(polls, tx.bulk_copy(rows)).await.transpose().expect("rows");
                None
            }
            _ => dropped_after(polls, db.bulk_copy(rows)).await.transpose().expect("rows"),
        };
        is_clean(&db, polls).await;
        let gone = db.execute(sql!("DELETE FROM t WHERE a > 1000")).await.expect("a delete");
        assert!(copied.map_or([0, 3000].contains(&gone), |copied| copied == gone), "{copied:?} {gone}");
    }
    nothing_else_is_there(&db).await;
}
