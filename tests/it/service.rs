//! A web service: many requests at once on a pool of few connections.

use std::time::Duration;

use orm::Error;
use orm::engine::EngineBuilder;
use orm::prelude::*;

use crate::support::{Database, TestResult};

const REQUESTS: i64 = 30;

#[derive(Debug, Clone, PartialEq, Model)]
struct Visit {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    request: i64,
}

async fn service(options: impl FnOnce(EngineBuilder) -> EngineBuilder) -> orm::Result<Database> {
    let db = Database::with(|builder| options(builder.pool_size(4).max_overflow(0))).await?;
    db.create_all(schema![Visit]).await?;
    Ok(db)
}

/// Writes the visit down, and gives its number. Other tasks may run between the statements.
async fn handle(engine: &Engine, request: i64) -> orm::Result<i64> {
    let mut tx = engine.begin().await?;
    let visit = tx.fetch_one(insert(Visit::builder().request(request)).returning(Visit)).await?;
    tokio::task::yield_now().await;
    let before: i64 = tx.fetch_scalar(select(count_all()).from(Visit).filter(Visit.id.lt(visit.id))).await?;
    tx.commit().await?;
    Ok(before)
}

async fn all_requests_at_once(db: &Database) -> TestResult {
    let tasks: Vec<_> = (0..REQUESTS)
        .map(|request| {
            let engine = Engine::clone(db);
            tokio::spawn(async move { handle(&engine, request).await })
        })
        .collect();
    let mut before = Vec::new();
    for task in tasks {
        before.push(task.await??);
    }

    // Each found another number of visits before its own: none was lost, and none saw a half-done one.
    before.sort_unstable();
    assert!(before.iter().copied().eq(0..REQUESTS), "{before:?}");
    assert_eq!(db.fetch_scalar(select(count_all()).from(Visit)).await?, REQUESTS);
    let pool = db.pool_state();
    assert_eq!((pool.in_use, pool.waiting, pool.timeouts), (0, 0, 0), "{pool}");
    assert!(pool.open <= 4, "{pool}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thirty_requests_are_served_by_four_connections_on_four_threads() -> TestResult {
    all_requests_at_once(&service(|builder| builder).await?).await
}

#[tokio::test]
async fn thirty_requests_are_served_by_four_connections_on_one_thread() -> TestResult {
    all_requests_at_once(&service(|builder| builder).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thirty_requests_are_served_when_statements_run_on_other_threads() -> TestResult {
    all_requests_at_once(&service(|builder| builder.offload(true)).await?).await
}

#[tokio::test]
async fn a_request_that_is_given_up_leaves_nothing_behind() -> TestResult {
    let db = service(|builder| builder).await?;

    let engine = Engine::clone(&db);
    let task = tokio::spawn(async move {
        let mut tx = engine.begin().await?;
        tx.execute(insert(Visit::builder().request(1))).await?;
        std::future::pending::<()>().await;
        tx.commit().await
    });
    // The task runs until it waits for ever.
    while db.pool_state().in_use == 0 {
        tokio::task::yield_now().await;
    }
    task.abort();
    assert!(task.await.is_err_and(|error| error.is_cancelled()));

    assert_eq!(handle(&db, 1).await?, 0);
    assert_eq!(db.pool_state().in_use, 0);
    Ok(())
}

#[tokio::test]
async fn a_request_that_panics_leaves_nothing_behind() -> TestResult {
    let db = service(|builder| builder).await?;

    let engine = Engine::clone(&db);
    let task = tokio::spawn(async move {
        let mut tx = engine.begin().await?;
        tx.execute(insert(Visit::builder().request(1))).await?;
        assert!(engine.backend().is_empty(), "a fault in the handler");
        tx.commit().await
    });
    assert!(task.await.is_err_and(|error| error.is_panic()));

    assert_eq!(handle(&db, 1).await?, 0);
    assert_eq!(db.pool_state().in_use, 0);
    Ok(())
}

#[tokio::test]
async fn readers_are_served_while_somebody_writes() -> TestResult {
    let db = service(|builder| builder).await?;
    handle(&db, 1).await?;

    let mut tx = db.begin().await?;
    tx.execute(insert(Visit::builder().request(2))).await?;
    let seen_outside: i64 = db.fetch_scalar(select(count_all()).from(Visit)).await?;
    let seen_inside: i64 = tx.fetch_scalar(select(count_all()).from(Visit)).await?;
    tx.commit().await?;

    assert_eq!((seen_outside, seen_inside), (1, 2));
    Ok(())
}

#[tokio::test]
async fn a_service_that_is_overrun_says_so_in_time() -> TestResult {
    let db = service(|builder| builder.pool_timeout(Duration::from_millis(50))).await?;
    let held = [db.connection().await?, db.connection().await?, db.connection().await?, db.connection().await?];

    let error = handle(&db, 1).await.expect_err("no connection is free");

    assert!(matches!(&error, Error::PoolTimeout { state, .. } if state.in_use == 4), "{error:?}");
    drop(held);
    assert_eq!(handle(&db, 1).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_service_that_shuts_down_refuses_new_requests() -> TestResult {
    let db = service(|builder| builder).await?;
    handle(&db, 1).await?;

    db.close().await;

    let error = handle(&db, 2).await.expect_err("it is closed");
    assert!(matches!(error, Error::Closed), "{error:?}");
    assert_eq!(db.pool_state().open, 0);
    Ok(())
}
