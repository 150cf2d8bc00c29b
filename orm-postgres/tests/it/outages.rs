//! A server that is killed, stopped, restarted, full, strict, or read-only. Each test has a server of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use orm::Error;
use orm::prelude::*;
use orm_testkit::servers::PostgresServer;

/// A server on which a crash loses nothing that was committed, with a table.
async fn server() -> (PostgresServer, Engine) {
    let mut server = PostgresServer::create();
    server.set("synchronous_commit", "on");
    server.start();
    let engine = connect(&server).await;
    engine.execute(sql!("CREATE TABLE t (a bigint)")).await.expect("a table");
    (server, engine)
}

async fn connect(server: &PostgresServer) -> Engine {
    Engine::builder(server.url()).pool_size(4).max_overflow(0).connect().await.expect("a server of its own")
}

fn insert_row(row: i64) -> orm::query::Sql {
    sql!("INSERT INTO t VALUES ({})", row)
}

async fn rows(engine: &Engine) -> orm::Result<Vec<i64>> {
    engine.fetch_all(sql!("SELECT a FROM t ORDER BY a").rows::<i64>()).await
}

/// The rows, as soon as the pool has found out which of its connections are gone.
async fn rows_at_last(engine: &Engine) -> Vec<i64> {
    let start = Instant::now();
    loop {
        match rows(engine).await {
            Ok(rows) => return rows,
            Err(Error::ConnectionLost { .. } | Error::Connect { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
        assert!(start.elapsed() < Duration::from_secs(60), "the pool does not recover");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn is_clean(engine: &Engine) {
    let state = engine.pool_state();
    assert_eq!((state.in_use, state.waiting, state.idle), (0, 0, state.open), "{state:?}");
    assert_eq!(state.opened - state.closed, u64::from(state.open), "{state:?}");
}

#[tokio::test]
async fn a_server_that_is_killed_in_a_transaction_has_nothing_of_it() {
    let (mut server, engine) = server().await;
    engine.execute(insert_row(1)).await.expect("a row");
    let mut tx = engine.begin().await.expect("a transaction");
    tx.execute(insert_row(2)).await.expect("a row");

    server.kill();
    let lost = tx.execute(insert_row(3)).await.expect_err("it is dead");
    let ended = tx.commit().await.expect_err("it is dead");
    let nobody = connect_error(&engine).await;
    server.start();

    assert!(matches!(lost, Error::ConnectionLost { .. }), "{lost:?}");
    assert!(matches!(ended, Error::TransactionEnded), "{ended:?}");
    assert!(nobody.to_string().contains("is the server running"), "{nobody}");
    assert_eq!(rows_at_last(&engine).await, [1]);
    is_clean(&engine);
}

/// The error of a server that is not there, once the pool has no connection any more that could break.
async fn connect_error(engine: &Engine) -> Error {
    loop {
        match rows(engine).await {
            Ok(rows) => panic!("{rows:?}"),
            Err(Error::ConnectionLost { .. }) => {}
            Err(error @ Error::Connect { .. }) => return error,
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_is_killed_in_a_commit_leaves_it_unknown() {
    let (mut server, engine) = server().await;
    engine
        .execute(sql!(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'"
        ))
        .await
        .expect("a function");
    engine
        .execute(sql!(
            "CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW \
             EXECUTE FUNCTION wait()"
        ))
        .await
        .expect("a trigger");
    let mut tx = engine.begin().await.expect("a transaction");
    tx.execute(insert_row(1)).await.expect("a row");
    let committing = tokio::spawn(tx.commit());
    let waits = sql!("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    while engine.fetch_one(waits.clone().rows::<i64>()).await.expect("a count") == 0 {}

    server.kill();
    let error = committing.await.expect("no panic").expect_err("it is dead");
    server.start();

    assert!(matches!(error, Error::CommitUnknown { .. }), "{error:?}");
    assert_eq!(rows_at_last(&engine).await, [0; 0]);
    is_clean(&engine);
}

#[tokio::test]
async fn a_server_that_is_stopped_says_so_and_is_found_again() {
    let (mut server, engine) = server().await;
    let busy = {
        let engine = engine.clone();
        tokio::spawn(async move { engine.execute(sql!("SELECT pg_sleep(60)")).await })
    };
    let sleeps = sql!("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    while engine.fetch_one(sleeps.clone().rows::<i64>()).await.expect("a count") == 0 {}
    let mut tx = engine.begin().await.expect("a transaction");
    tx.execute(insert_row(2)).await.expect("a row");

    server.stop();
    let stopped = busy.await.expect("no panic").expect_err("it is stopped");
    let lost = tx.execute(insert_row(3)).await.expect_err("it is stopped");
    drop(tx);
    server.start();

    assert!(matches!(stopped, Error::ConnectionLost { .. }), "{stopped:?}");
    assert_eq!(stopped.context().and_then(|context| context.sqlstate.as_deref()), Some("57P01"));
    assert!(matches!(lost, Error::ConnectionLost { .. }), "{lost:?}");
    assert_eq!(rows_at_last(&engine).await, [0; 0]);
    is_clean(&engine);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_under_load_outlives_restarts() {
    let (mut server, engine) = server().await;
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..10).map(|task| tokio::spawn(write(engine.clone(), task, Arc::clone(&over)))).collect();

    let server = tokio::task::spawn_blocking(move || {
        server.restart();
        server.kill();
        server.start();
        server
    });
    let _server = server.await.expect("a restart");
    let since = rows_at_last(&engine).await.len();
    while rows_at_last(&engine).await.len() < since + 20 {}
    over.store(true, Ordering::Relaxed);

    let (mut committed, mut unknown) = (Vec::new(), Vec::new());
    for writer in writers {
        let (its_committed, its_unknown) = writer.await.expect("no panic").expect("no other error");
        committed.extend(its_committed);
        unknown.extend(its_unknown);
    }
    let found = rows_at_last(&engine).await;
    let missing: Vec<_> = committed.iter().filter(|row| found.binary_search(row).is_err()).collect();
    assert_eq!(missing, [&0; 0]);
    assert!(found.iter().all(|row| committed.contains(row) || unknown.contains(row)));
    is_clean(&engine);
}

/// Commits rows until it is over. Gives those that are there, and those that may be.
async fn write(engine: Engine, task: i64, over: Arc<AtomicBool>) -> orm::Result<(Vec<i64>, Vec<i64>)> {
    let (mut committed, mut unknown) = (Vec::new(), Vec::new());
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let row = task * 1_000_000 + number;
        match engine.transaction(async |tx| tx.execute(insert_row(row)).await).await {
            Ok(_) => committed.push(row),
            Err(Error::CommitUnknown { .. }) => unknown.push(row),
            Err(Error::ConnectionLost { .. } | Error::TransactionEnded) => {}
            Err(Error::Connect { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => return Err(error),
        }
    }
    Ok((committed, unknown))
}

#[tokio::test]
async fn a_server_that_is_full_says_so_and_the_pool_goes_on() {
    let mut server = PostgresServer::create();
    server.set("max_connections", "6");
    server.set("superuser_reserved_connections", "3");
    server.start();
    let admin = Engine::builder(server.url()).pool_size(1).max_overflow(0).connect().await.expect("a server");
    admin.execute(sql!("CREATE ROLE app LOGIN")).await.expect("a role");
    let url = server.url().replace("postgres@", "app@");
    let engine = Engine::builder(url).pool_size(10).max_overflow(0).connect().await.expect("room for one");

    let mut held = Vec::new();
    let error = loop {
        match engine.connection().await {
            Ok(connection) => held.push(connection),
            Err(error) => break error,
        }
    };
    let (most, state) = (held.len(), engine.pool_state());
    held.clear();

    assert!(matches!(error, Error::TooManyConnections { .. }), "{error:?}");
    assert!(error.to_string().contains("lower pool_size"), "{error}");
    assert!((1..=3).contains(&most) && state.in_use as usize == most, "{most}: {state:?}");
    assert_eq!(engine.fetch_one(select(value(7))).await.expect("a connection"), 7);
    is_clean(&engine);
}

#[tokio::test]
async fn a_password_that_is_wrong_or_missing_is_not_shown() {
    let server = PostgresServer::create();
    server.write("pg_hba.conf", "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
    let mut server = server;
    server.start();
    let socket = format!("postgresql://postgres@/postgres?host={}&port={}", server.folder().display(), server.port());
    let admin = orm::connect(socket).await.expect("a socket");
    admin.execute(sql!("CREATE ROLE app LOGIN PASSWORD 'right'")).await.expect("a role");
    let url = |password: &str| format!("postgresql://app{password}@127.0.0.1:{}/postgres", server.port());

    let wrong = orm::connect(url(":hunter2")).await.expect_err("it is wrong");
    let missing = orm::connect(url("")).await.expect_err("there is none");
    let right = orm::connect(url(":right")).await.expect("it is right");

    for error in [wrong, missing] {
        assert!(matches!(error, Error::Connect { .. }), "{error:?}");
        let text = format!("{error} {error:#} {error:?}");
        assert!(text.contains("password") && !text.contains("hunter2"), "{text}");
    }
    assert_eq!(right.fetch_one(select(value(7))).await.expect("a row"), 7);
}

/// Has all connections of a server refuse to write, as those to a standby do, or take writes again.
async fn refuse_writes(server: &PostgresServer, refuse: bool) {
    let admin = connect(server).await;
    // A statement of its own each: a transaction cannot hold it.
    let set = match refuse {
        true => sql!("ALTER SYSTEM SET default_transaction_read_only = on"),
        false => sql!("ALTER SYSTEM SET default_transaction_read_only = off"),
    };
    admin.execute(set).await.expect("a setting");
    server.reload();
}

#[tokio::test]
async fn a_connection_to_a_server_that_only_reads_now_is_replaced() {
    let (server, engine) = server().await;
    let pid = || sql!("SELECT pg_backend_pid()").rows::<i32>();
    let before = engine.fetch_one(pid()).await.expect("a connection");
    refuse_writes(&server, true).await;
    // The connection itself is told by and by.
    let start = Instant::now();
    let error = loop {
        match engine.execute(insert_row(1)).await {
            Err(error) => break error,
            Ok(_) => assert!(start.elapsed() < Duration::from_secs(30), "it still takes writes"),
        }
    };
    let next = engine.fetch_one(pid()).await.expect("another connection");
    refuse_writes(&server, false).await;

    assert!(matches!(error, Error::ReadOnly { .. }), "{error:?}");
    assert_eq!(error.context().and_then(|context| context.sqlstate.as_deref()), Some("25006"));
    assert_ne!(next, before);
    let start = Instant::now();
    while engine.execute(insert_row(2)).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(30), "it takes no writes");
    }
    is_clean(&engine);
}

#[tokio::test]
async fn a_write_in_a_transaction_that_only_reads_costs_no_connection() {
    let (_server, engine) = server().await;
    let pid = || sql!("SELECT pg_backend_pid()").rows::<i32>();
    let before = engine.fetch_one(pid()).await.expect("a connection");

    for options in [TransactionOptions::new().read_only(), TransactionOptions::new().deferrable()] {
        let mut tx = engine.begin_with(options).await.expect("a transaction");
        let error = tx.execute(insert_row(1)).await.expect_err("it only reads");
        assert!(matches!(error, Error::ReadOnly { .. }), "{error:?}");
    }

    assert_eq!(engine.fetch_one(pid()).await.expect("a connection"), before);
    is_clean(&engine);
}
