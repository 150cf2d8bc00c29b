//! A connection that is cut or stalled at a chosen moment: a typed error, nothing lost, and a clean pool afterwards.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use orm::Error;
use orm::engine::EngineBuilder;
use orm::prelude::*;
use orm_testkit::proxy::{Fault, Moment, Proxy};

use crate::server::Schema;

/// An engine whose one connection goes through a proxy, and one that does not.
struct Faulty {
    engine: Engine,
    direct: Engine,
    proxy: Proxy,
    _schema: Schema,
}

async fn faulty(query: &str) -> Faulty {
    faulty_with(query, |builder| builder).await
}

async fn faulty_with(query: &str, configure: fn(EngineBuilder) -> EngineBuilder) -> Faulty {
    let schema = Schema::create().await;
    let proxy = Proxy::to(&schema.url());
    let direct = orm::connect(schema.url()).await.expect("the test server");
    direct.execute(sql!("CREATE TABLE t (a bigint PRIMARY KEY)")).await.expect("a table");
    let builder = Engine::builder(format!("{}&{query}", proxy.url())).pool_size(1).max_overflow(0);
    let engine = configure(builder).connect().await.expect("the proxy");
    Faulty { engine, direct, proxy, _schema: schema }
}

impl Faulty {
    /// What is in the table, as the server has it.
    async fn rows(&self) -> Vec<i64> {
        self.direct.fetch_all(sql!("SELECT a FROM t ORDER BY a").rows::<i64>()).await.expect("rows")
    }

    /// A transaction that has inserted a row.
    async fn inserted(&self, row: i64) -> Transaction {
        let mut tx = self.engine.begin().await.expect("a transaction");
        tx.execute(insert_row(row)).await.expect("a row");
        tx
    }

    /// That the pool has a connection, and that what it commits is there.
    async fn is_clean(&self) {
        self.inserted(1000).await.commit().await.expect("a commit");
        assert!(self.rows().await.contains(&1000));
        let state = self.engine.pool_state();
        assert_eq!((state.open, state.in_use, state.waiting), (1, 0, 0), "{state}");
        assert_eq!(state.opened - state.closed, 1, "{state:?}");
    }
}

fn insert_row(row: i64) -> orm::query::Sql {
    sql!("INSERT INTO t VALUES ({})", row)
}

#[tokio::test]
async fn a_cut_before_or_in_the_commit_is_unknown_and_nothing_is_there() {
    for moment in [Moment::Request("COMMIT"), Moment::HalfRequest("COMMIT")] {
        let db = faulty("").await;
        let tx = db.inserted(1).await;
        db.proxy.at(moment, Fault::Cut);

        let error = tx.commit().await.expect_err("it was cut");

        // The client cannot tell this from the next test.
        assert!(matches!(error, Error::CommitUnknown { .. }) && !error.is_retryable(), "{error:?}");
        assert_eq!((db.rows().await, db.proxy.struck()), (vec![], 1));
        db.is_clean().await;
    }
}

#[tokio::test]
async fn a_cut_after_the_commit_is_unknown_and_everything_is_there() {
    let db = faulty("").await;
    let tx = db.inserted(1).await;
    db.proxy.at(Moment::Answer("COMMIT"), Fault::Cut);

    let error = tx.commit().await.expect_err("it was cut");

    assert!(matches!(error, Error::CommitUnknown { .. }), "{error:?}");
    assert!(error.to_string().contains("look before running the transaction again"), "{error}");
    assert_eq!(db.rows().await, [1]);
    db.is_clean().await;
}

#[tokio::test]
async fn a_commit_whose_outcome_is_unknown_is_never_run_again() {
    let (db, attempts) = (faulty("").await, AtomicU32::new(0));
    db.proxy.at(Moment::Answer("COMMIT"), Fault::Cut);

    let result = db
        .engine
        .retry(Retry::new(), async |tx| {
            attempts.fetch_add(1, Ordering::Relaxed);
            tx.execute(insert_row(1)).await
        })
        .await;

    assert!(matches!(result, Err(Error::CommitUnknown { .. })), "{result:?}");
    assert_eq!((attempts.into_inner(), db.rows().await), (1, vec![1]));
    db.is_clean().await;
}

#[tokio::test]
async fn a_session_whose_commit_is_cut_does_not_know_what_came_of_it() {
    let db = faulty("").await;
    let mut session = Session::new(&db.engine);
    session.begin().await.expect("a transaction");
    session.execute(insert_row(1)).await.expect("a row");
    db.proxy.at(Moment::Answer("COMMIT"), Fault::Cut);

    let error = session.commit().await.expect_err("it was cut");

    assert!(matches!(error, Error::CommitUnknown { .. }), "{error:?}");
    session.rollback().await.expect("it begins anew");
    drop(session);
    assert_eq!(db.rows().await, [1]);
    db.is_clean().await;
}

#[tokio::test]
async fn a_cut_in_a_transaction_loses_the_connection_and_the_transaction() {
    let db = faulty("").await;
    let mut tx = db.inserted(1).await;
    db.proxy.at(Moment::Request("t VALUES"), Fault::Cut);

    let lost = tx.execute(sql!("INSERT INTO t VALUES (2), ({})", 3_i64)).await.expect_err("it was cut");
    let next = tx.execute(insert_row(4)).await.expect_err("it is gone");
    let ended = tx.commit().await.expect_err("there is nothing to commit");

    assert!(matches!(lost, Error::ConnectionLost { .. }), "{lost:?}");
    assert!(matches!(next, Error::ConnectionLost { .. }), "{next:?}");
    assert!(matches!(ended, Error::TransactionEnded), "{ended:?}");
    assert_eq!(db.rows().await, [0; 0]);
    db.is_clean().await;
}

#[tokio::test]
async fn a_cut_of_a_begin_or_a_rollback_harms_nobody() {
    let db = faulty("").await;
    db.proxy.at(Moment::Answer("BEGIN"), Fault::Cut);
    let begin = db.engine.begin().await.expect_err("it was cut");
    let tx = db.inserted(1).await;
    db.proxy.at(Moment::Request("ROLLBACK"), Fault::Cut);
    let rollback = tx.rollback().await.expect_err("it was cut");

    for error in [begin, rollback] {
        assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    }
    assert_eq!(db.rows().await, [0; 0]);
    db.is_clean().await;
}

#[tokio::test]
async fn a_single_statement_that_is_cut_was_done_wholly_or_not_at_all() {
    for (moment, expected) in [(Moment::Request("t VALUES"), vec![]), (Moment::Answer("INSERT"), vec![1, 2])] {
        let db = faulty("").await;
        db.proxy.at(moment, Fault::Cut);

        let error = db.engine.execute(sql!("INSERT INTO t VALUES (1), ({})", 2_i64)).await.expect_err("it was cut");

        assert!(matches!(error, Error::ConnectionLost { .. }) && !error.is_retryable(), "{error:?}");
        assert_eq!(db.rows().await, expected);
        db.is_clean().await;
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_gives_what_had_come_and_then_the_error() {
    let many = || sql!("SELECT generate_series(1::bigint, 2000)").rows::<i64>();
    let db = faulty("").await;
    db.proxy.at(Moment::Row(300), Fault::Cut);
    let (mut rows, mut count) = (db.engine.stream(many()), 0);
    let error = loop {
        match rows.next().await.expect("an error at last") {
            Ok(row) => count += 1 + row - row,
            Err(error) => break error,
        }
    };
    let after = rows.next().await.is_none();
    drop(rows);
    db.proxy.at(Moment::Row(300), Fault::Cut);
    let all = db.engine.fetch_all(many()).await.expect_err("it was cut");

    for error in [error, all] {
        assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    }
    assert!(after && (256..300).contains(&count), "{count}");
    db.is_clean().await;
}

#[tokio::test]
async fn a_prepared_transaction_that_is_cut_can_be_found_again() {
    let db = faulty("").await;
    let id = format!("cut {}", std::process::id());
    let tx = db.inserted(1).await;
    db.proxy.at(Moment::Answer("PREPARE TRANSACTION"), Fault::Cut);

    let error = tx.prepare_transaction(&id).await.expect_err("it was cut");
    let prepared = db.engine.prepared_transactions().await.expect("a list");
    db.proxy.at(Moment::Answer("COMMIT PREPARED"), Fault::Cut);
    let again = db.engine.commit_prepared(&id).await.expect_err("it was cut");

    for error in [error, again] {
        assert!(matches!(error, Error::CommitUnknown { .. }), "{error:?}");
        assert!(error.to_string().contains("`prepared_transactions` says whether it is still there"), "{error}");
    }
    assert!(prepared.iter().any(|prepared| prepared.id == id), "{prepared:?}");
    assert_eq!(db.rows().await, [1]);
    db.is_clean().await;
}

/// The table of all tests here.
#[derive(Debug, Clone, Model)]
#[model(table = "t")]
struct Row {
    #[model(primary_key, natural)]
    a: i64,
}

#[tokio::test]
async fn a_copy_that_is_cut_leaves_nothing() {
    // Each way has a signature at the beginning of its data.
    for moment in [Moment::Request("PGCOPY"), Moment::HalfRequest("PGCOPY"), Moment::Answer("COPY")] {
        let db = faulty("").await;
        db.proxy.at(moment, Fault::Cut);

        let error = db.engine.bulk_copy((0..10_000).map(|a| Row { a })).await.expect_err("it was cut");

        assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
        assert_eq!((db.rows().await, db.proxy.struck()), (vec![], 1));
        db.is_clean().await;
    }
}

#[tokio::test]
async fn a_copy_whose_commit_is_cut_is_unknown() {
    let db = faulty("").await;
    db.proxy.at(Moment::Answer("COMMIT"), Fault::Cut);

    let error = db.engine.bulk_copy((0..3).map(|a| Row { a })).await.expect_err("it was cut");

    assert!(matches!(error, Error::CommitUnknown { .. }), "{error:?}");
    assert_eq!(db.rows().await, [0, 1, 2]);
    db.is_clean().await;
}

/// How long the server may say nothing.
const SILENCE: &str = "socket_timeout=300";

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_on() {
    let db = faulty(SILENCE).await;
    db.proxy.at(Moment::Request("t VALUES"), Fault::Stall);

    let error = db.engine.execute(insert_row(1)).await.expect_err("nothing comes");

    assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    assert!(error.to_string().contains("raise `socket_timeout`"), "{error}");
    assert_eq!(error.context().and_then(|context| context.sqlstate.as_deref()), Some("08006"));
    db.is_clean().await;
}

#[tokio::test]
async fn a_commit_into_silence_is_unknown() {
    for (moment, expected) in [(Moment::Request("COMMIT"), vec![]), (Moment::Answer("COMMIT"), vec![1])] {
        let db = faulty(SILENCE).await;
        let tx = db.inserted(1).await;
        db.proxy.at(moment, Fault::Stall);

        let error = tx.commit().await.expect_err("nothing comes");

        assert!(matches!(error, Error::CommitUnknown { .. }), "{error:?}");
        // The server has not noticed yet: it holds the row until then.
        db.proxy.cut();
        let start = Instant::now();
        while db.rows().await != expected {
            assert!(start.elapsed() < Duration::from_secs(10), "{:?}", db.rows().await);
        }
        db.is_clean().await;
    }
}

#[tokio::test]
async fn a_stream_and_a_rollback_into_silence_end() {
    let db = faulty(SILENCE).await;
    db.proxy.at(Moment::Row(300), Fault::Stall);
    let mut rows = db.engine.stream(sql!("SELECT generate_series(1::bigint, 2000)").rows::<i64>());
    let error = loop {
        match rows.next().await.expect("an error at last") {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    drop(rows);
    let tx = db.inserted(1).await;
    db.proxy.at(Moment::Request("ROLLBACK"), Fault::Stall);
    let rollback = tx.rollback().await.expect_err("nothing comes");

    for error in [error, rollback] {
        assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    }
    db.proxy.cut();
    db.is_clean().await;
}

#[tokio::test]
async fn a_copy_into_silence_ends() {
    let db = faulty(SILENCE).await;
    db.proxy.at(Moment::Request("PGCOPY"), Fault::Stall);

    let error = db.engine.bulk_copy((0..10_000).map(|a| Row { a })).await.expect_err("nothing comes");

    assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    db.proxy.cut();
    assert_eq!(db.rows().await, [0; 0]);
    db.is_clean().await;
}

#[tokio::test]
async fn a_copy_goes_on_however_long_its_rows_take() {
    let db = faulty(SILENCE).await;
    let rows = (0..3).map(|a| {
        // What gives the rows has work of its own to do.
        let (_silent, never) = std::sync::mpsc::channel::<()>();
        let _timeout = never.recv_timeout(Duration::from_millis(if a == 1 { 400 } else { 0 }));
        Row { a }
    });

    let copied = db.engine.bulk_copy(rows).await.expect("rows");

    assert_eq!((copied, db.rows().await), (3, vec![0, 1, 2]));
    db.is_clean().await;
}

#[tokio::test]
async fn what_is_dropped_in_silence_gives_its_place_to_the_next() {
    let db = faulty(SILENCE).await;
    db.proxy.at(Moment::Request("t VALUES"), Fault::Stall);

    let insert = db.engine.execute(insert_row(1));
    tokio::time::timeout(Duration::from_millis(50), insert).await.expect_err("nothing comes");

    db.is_clean().await;
}

#[tokio::test]
async fn a_server_that_takes_its_time_is_waited_for() {
    let db = faulty("statement_timeout=300&socket_timeout=0").await;
    db.proxy.at(Moment::Answer("INSERT"), Fault::Delay(Duration::from_millis(500)));

    db.engine.execute(insert_row(1)).await.expect("a row");

    let late = faulty("statement_timeout=100").await;
    let error = late.engine.execute(sql!("SELECT pg_sleep(60)")).await.expect_err("the server stops it");
    assert!(matches!(error, Error::StatementTimeout { .. }), "{error:?}");
    late.is_clean().await;
}

#[tokio::test]
async fn connecting_to_a_server_that_says_nothing_ends() {
    let db = faulty("connect_timeout=1").await;
    let url = format!("{}&connect_timeout=1", db.proxy.url());
    db.proxy.at(Moment::Connect, Fault::Stall);

    let error = orm::connect(url).await.expect_err("nothing comes");

    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert!(error.to_string().contains("raise `connect_timeout`"), "{error}");
    db.is_clean().await;
}

#[tokio::test]
async fn what_is_late_is_waited_for() {
    let db = faulty("").await;
    db.proxy.at(Moment::Answer("COMMIT"), Fault::Delay(Duration::from_millis(100)));

    db.inserted(1).await.commit().await.expect("a commit");

    assert_eq!((db.rows().await, db.proxy.struck()), (vec![1], 1));
    db.is_clean().await;
}

#[tokio::test]
async fn all_connections_that_are_cut_while_they_are_idle_are_replaced() {
    let db = faulty_with("", |builder| builder.pool_size(3)).await;
    let held = [db.engine.connection().await, db.engine.connection().await, db.engine.connection().await];
    drop(held);

    db.proxy.cut();
    let start = Instant::now();
    // The end may not have been heard yet.
    while let Err(error) = db.engine.fetch_one(select(value(7))).await {
        assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{error}");
    }

    let state = db.engine.pool_state();
    assert_eq!((state.in_use, u64::from(state.open)), (0, state.opened - state.closed), "{state:?}");
}
