//! A PgBouncer between us and the server, which gives each transaction another connection, and knows no prepared statements.

use orm::Error;
use orm::prelude::*;
use orm_testkit::servers::{PgBouncer, PostgresServer};

/// A thing.
#[derive(Debug, Clone, PartialEq, Model)]
struct Thing {
    #[model(primary_key)]
    id: i64,
    size: i64,
}

/// A server, a proxy with so many connections to it, and an engine through the proxy.
async fn through_a_proxy(connections: u32) -> (PostgresServer, PgBouncer, Engine) {
    let server = PostgresServer::run();
    let proxy = PgBouncer::before(&server, connections);
    let engine = Engine::builder(proxy.url()).pool_size(8).max_overflow(0).connect().await.expect("the proxy");
    engine.create_all(schema![Thing]).await.expect("a table");
    (server, proxy, engine)
}

fn things(count: i64) -> Vec<Thing> {
    (1..=count).map(|size| Thing { id: 0, size }).collect()
}

fn by_size(size: i64) -> Select<i64> {
    select(count(Thing.id)).filter(Thing.size.eq(size))
}

async fn backend(executor: &mut impl Executor) -> i32 {
    executor.fetch_scalar(sql!("SELECT pg_backend_pid()").rows::<i32>()).await.expect("a number")
}

#[tokio::test]
async fn all_that_is_read_and_written_goes_through_a_proxy() {
    let (_server, _proxy, db) = through_a_proxy(1).await;

    let keys = db.fetch_all(insert(things(10)).returning(Thing.id)).await.expect("rows");
    assert_eq!(keys.len(), 10);
    assert_eq!(db.bulk_copy(things(2_000)).await.expect("rows"), 2_000);
    let (sizes, counts) = db.pipeline((select(Thing.size), select(count(Thing.id)))).await.expect("rows");
    assert_eq!((sizes.len(), counts), (2_010, vec![2_010]));

    for copied in [false, true] {
        let all = select(Thing.id).filter(Thing.size.gt(0));
        let (mut rows, mut read) = (if copied { db.copy_out(all) } else { db.stream(all) }, 0);
        while rows.next().await.transpose().expect("no error").is_some() {
            read += 1;
        }
        assert_eq!(read, 2_010);
    }

    let mut tx = db.begin().await.expect("a transaction");
    let mut savepoint = tx.savepoint().await.expect("a savepoint");
    savepoint.execute(delete(Thing).all_rows()).await.expect("a delete");
    savepoint.rollback().await.expect("a rollback");
    tx.execute(delete(Thing).filter(Thing.size.gt(10))).await.expect("a delete");
    tx.commit().await.expect("a commit");

    let mut session = Session::new(&db);
    let one = session.add(Thing { id: 0, size: 7 });
    session.commit().await.expect("a commit");
    session[one].size = 8;
    session.commit().await.expect("a commit");
    assert_eq!(db.fetch_scalar(by_size(8)).await.expect("a count"), 3);
}

#[tokio::test]
async fn a_statement_is_prepared_again_on_a_connection_that_does_not_know_it() {
    let (_server, _proxy, db) = through_a_proxy(2).await;
    let mut first = db.connection().await.expect("a connection");
    let known_by = backend(&mut first).await;
    first.fetch_scalar(by_size(1)).await.expect("a count");

    // It keeps that connection to the server, so the first one gets another.
    let mut tx = db.begin().await.expect("a transaction");
    assert_eq!(backend(&mut tx).await, known_by);

    assert_eq!(first.fetch_scalar(by_size(1)).await.expect("a count"), 0);
    assert_eq!(first.fetch_all(insert(things(3)).returning(Thing.size)).await.expect("rows"), [1, 2, 3]);
    assert_ne!(backend(&mut first).await, known_by);
}

#[tokio::test]
async fn a_transaction_that_meets_it_says_so_and_is_run_again_by_retry() {
    let (_server, proxy, db) = through_a_proxy(2).await;
    let other = Engine::builder(proxy.url()).connect().await.expect("the proxy");
    let counted = async |tx: &mut Transaction| tx.fetch_scalar(by_size(1)).await;
    let mut first = db.connection().await.expect("a connection");
    first.fetch_scalar(by_size(1)).await.expect("a count");
    // It takes the connection to the server that knows the statement.
    let mut elsewhere = other.begin().await.expect("a transaction");
    backend(&mut elsewhere).await;

    let mut tx = first.begin().await.expect("a transaction");
    let error = counted(&mut tx).await.expect_err("another connection");
    tx.rollback().await.expect("a rollback");
    let context = error.context().expect("a context");
    assert_eq!(context.sqlstate.as_deref(), Some("26000"));
    assert!(context.hint.as_ref().is_some_and(|hint| hint.contains("run the transaction again")), "{error:?}");

    // Now it is known by the other one, which is taken in its place.
    first.fetch_scalar(by_size(1)).await.expect("a count");
    drop(first);
    let mut here = other.begin().await.expect("a transaction");
    backend(&mut here).await;
    elsewhere.rollback().await.expect("a rollback");
    assert_eq!(db.retry(Retry::new(), counted).await.expect("a count"), 0);
}

#[tokio::test]
async fn many_transactions_share_few_connections() {
    const TASKS: i64 = 12;
    let (_server, _proxy, db) = through_a_proxy(2).await;
    db.execute(insert(Thing { id: 0, size: 0 })).await.expect("a row");

    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                let retry = Retry::new().attempts(50);
                db.retry(retry, async |tx| {
                    let size = tx.fetch_scalar(select(Thing.size).for_update()).await?;
                    tx.execute(update(Thing).set(Thing.size, size + 1).all_rows()).await
                })
                .await
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("a task").expect("a transaction"), 1);
    }

    assert_eq!(db.fetch_scalar(by_size(TASKS)).await.expect("a count"), 1);
}

#[tokio::test]
async fn a_statement_that_is_dropped_is_stopped_behind_the_proxy() {
    let (server, proxy, _db) = through_a_proxy(1).await;
    let db = Engine::builder(proxy.url()).pool_size(1).max_overflow(0).connect().await.expect("the proxy");
    let direct = orm::connect(&server.url()).await.expect("the server");
    let sleeping = || sql!("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'").rows::<i64>();

    {
        let mut sleep = Box::pin(db.execute(sql!("SELECT pg_sleep(1000)")));
        while direct.fetch_scalar(sleeping()).await.expect("a count") == 0 {
            let polled = std::future::poll_fn(|context| std::task::Poll::Ready(sleep.as_mut().poll(context))).await;
            assert!(polled.is_pending(), "it sleeps");
        }
    }

    assert_eq!(db.fetch_one(select(value(7))).await.expect("a row"), 7);
    assert_eq!(direct.fetch_scalar(sleeping()).await.expect("a count"), 0);
}

#[tokio::test]
async fn settings_that_the_proxy_does_not_take_are_refused_with_a_way_out() {
    let server = PostgresServer::run();
    let proxy = PgBouncer::before(&server, 1);

    let error = orm::connect(&format!("{}&search_path=elsewhere", proxy.url())).await.expect_err("a setting");

    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert!(error.to_string().contains("ALTER ROLE"), "{error}");
}
