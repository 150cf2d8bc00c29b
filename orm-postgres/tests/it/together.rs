//! Gets of one table that are asked for at the same moment: over one connection, each as it would be by itself.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use orm::Error;
use orm::prelude::*;
use orm_testkit::proxy::{Fault, Moment, Proxy};

use crate::database::{Database, open_with};
use crate::server::Schema;

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "note")]
struct Note {
    #[model(primary_key, natural)]
    id: i64,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "other")]
struct Other {
    #[model(primary_key, natural)]
    id: i64,
}

/// Three connections, of which each has prepared the statement of a get, and nine rows.
async fn three() -> Database {
    let db = open_with("", |builder| builder.pool_size(3).max_overflow(0)).await;
    create(&db.engine).await;
    prepare(&db.engine).await;
    db
}

async fn create(engine: &Engine) {
    engine.create_all(schema![Note, Other]).await.expect("tables");
    let rows: Vec<_> = (1..10).map(note).collect();
    engine.bulk_insert(rows).await.expect("rows");
    engine.execute(insert(Other { id: 1 })).await.expect("a row");
}

async fn prepare(engine: &Engine) {
    let mut connections = Vec::new();
    for _ in 0..3 {
        let mut connection = engine.connection().await.expect("a connection");
        connection.get(Note, 1).await.expect("a row");
        connection.get(Other, 1).await.expect("a row");
        connections.push(connection);
    }
}

fn note(id: i64) -> Note {
    Note { id, text: format!("No. {id}") }
}

/// Polls once.
async fn once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// Whoever waits for somebody who is not polled would wait for ever.
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("nobody to wait for")
}

/// That all connections come back, and that no new one was needed.
async fn comes_to_rest(engine: &Engine) {
    let start = Instant::now();
    while engine.pool_state().in_use > 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", engine.pool_state());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn seven_gets_at_once_need_three_connections_and_nobody_waits() {
    let db = three().await;
    let rows = tokio::join!(
        db.get(Note, 1),
        db.get(Note, 2),
        db.get(Note, 3),
        db.get(Note, 4),
        db.get(Note, 77),
        db.get(Note, 6),
        db.get(Note, 7),
    );
    let rows = [rows.0, rows.1, rows.2, rows.3, rows.4, rows.5, rows.6].map(|row| row.expect("no error"));
    assert_eq!(rows, [1, 2, 3, 4, 77, 6, 7].map(|id| (id < 10).then(|| note(id))));
    comes_to_rest(&db.engine).await;
    let state = db.pool_state();
    assert_eq!((state.opened, state.closed, state.waits, state.idle), (3, 0, 0, 3), "{state:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gets_of_many_tasks_give_each_its_row() {
    let db = three().await;
    let tasks: Vec<_> = (0..32)
        .map(|task| {
            let engine = db.engine.clone();
            tokio::spawn(async move {
                for turn in 0..200 {
                    let id = (task + turn) % 12;
                    let row = engine.get(Note, id).await.expect("no error");
                    assert_eq!(row, (1..10).contains(&id).then(|| note(id)));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    comes_to_rest(&db.engine).await;
    let state = db.pool_state();
    assert_eq!((state.opened, state.closed, state.timeouts), (3, 0, 0), "{state:?}");
}

#[tokio::test]
async fn gets_at_once_are_one_statement() {
    let db = three().await;
    let busy = db.connection().await.expect("a connection");
    let rows = tokio::join!(db.get(Note, 3), db.get(Note, 77), db.get(Note, 1));
    let rows = [rows.0, rows.1, rows.2].map(|row| row.expect("no error"));
    assert_eq!(rows, [Some(note(3)), None, Some(note(1))]);
    let mut used = db.connection().await.expect("the connection that came back last");
    let prepared = sql!(r#"SELECT statement FROM pg_prepared_statements WHERE statement LIKE 'SELECT "note"% IN (%'"#);
    let sql = r#"SELECT "note"."id", "note"."text" FROM "note" WHERE "note"."id" IN ($1, $2, $3, $4, $5, $6, $7, $8)"#;
    assert_eq!(used.fetch_all(prepared.rows::<String>()).await.expect("statements"), [sql]);
    drop(busy);
}

#[tokio::test]
async fn gets_of_the_same_row_have_it_each() {
    let db = three().await;
    let busy = db.connection().await.expect("a connection");
    let rows = tokio::join!(db.get(Note, 1), db.get(Note, 1), db.get(Note, 2), db.get(Note, 2));
    let rows = [rows.0, rows.1, rows.2, rows.3].map(|row| row.expect("no error"));
    assert_eq!(rows, [1, 1, 2, 2].map(|id| Some(note(id))));
    drop(busy);
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "page")]
struct Page {
    #[model(primary_key, natural)]
    slug: String,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "place")]
struct Place {
    #[model(primary_key, natural)]
    x: i64,
    #[model(primary_key, natural)]
    y: i64,
}

/// Texts that are equal and are not the same, as by a collation that only some servers have; and keys of two columns.
#[tokio::test]
async fn other_keys_than_numbers_give_the_same_at_once_as_one_by_one() {
    let db = three().await;
    let function = sql!(
        "CREATE FUNCTION any_case(a text, b text) RETURNS boolean LANGUAGE sql IMMUTABLE \
         RETURN lower(a) OPERATOR(pg_catalog.=) lower(b)"
    );
    db.execute(function).await.expect("a function");
    db.execute(sql!("CREATE OPERATOR = (LEFTARG = text, RIGHTARG = text, FUNCTION = any_case)")).await.expect("one");
    db.create_all(schema![Page, Place]).await.expect("tables");
    db.execute(insert([Page { slug: "home".into() }, Page { slug: "news".into() }])).await.expect("rows");
    db.execute(insert([Place { x: 1, y: 1 }, Place { x: 1, y: 2 }])).await.expect("rows");
    let schema = db.fetch_scalar(sql!("SELECT current_schema()").rows::<String>()).await.expect("a name");
    let db = db.another(&format!("options=-c%20search_path={schema},pg_catalog")).await;
    let mut connections = Vec::new();
    for _ in 0..3 {
        let mut connection = db.connection().await.expect("a connection");
        connection.get(Page, "home").await.expect("a row");
        connection.get(Place, (1, 1)).await.expect("a row");
        connections.push(connection);
    }
    connections.truncate(1);

    let pages = tokio::join!(db.get(Page, "home"), db.get(Page, "HOME"), db.get(Page, "news"), db.get(Page, "none"));
    let slugs = [pages.0, pages.1, pages.2, pages.3].map(|page| page.expect("no error").map(|page| page.slug));
    assert_eq!(slugs.each_ref().map(|slug| slug.as_deref()), [Some("home"), Some("home"), Some("news"), None]);
    let places = tokio::join!(db.get(Place, (1, 1)), db.get(Place, (1, 2)), db.get(Place, (2, 1)));
    let places = [places.0, places.1, places.2].map(|place| place.expect("no error"));
    assert_eq!(places, [Some(Place { x: 1, y: 1 }), Some(Place { x: 1, y: 2 }), None]);
}

#[tokio::test]
async fn whoever_is_told_of_statements_is_told_of_what_is_sent() {
    let db = three().await;
    let recording = db.record();
    let rows = tokio::join!(db.get(Note, 1), db.get(Note, 77), db.get(Note, 3), db.get(Note, 4));
    assert!(matches!(rows, (Ok(Some(_)), Ok(None), Ok(Some(_)), Ok(Some(_)))), "{rows:?}");
    let sql = r#"SELECT "note"."id", "note"."text" FROM "note" WHERE "note"."id" = $1"#;
    assert_eq!(recording.statements(), [sql; 4]);
    assert_eq!(db.pool_state().waits, 1);
}

#[tokio::test]
async fn nobody_waits_for_a_get_that_is_not_polled() {
    let db = three().await;
    let busy = db.connection().await.expect("a connection");
    let mut first = pin!(db.get(Note, 1));
    assert!(once(first.as_mut()).await.is_pending());
    let mut second = pin!(db.get(Note, 2));
    assert!(once(second.as_mut()).await.is_pending());
    assert_eq!(soon(db.get(Note, 3)).await.expect("a row"), Some(note(3)));
    // The first has what has come for it, in whatever order they are asked.
    assert_eq!(soon(second).await.expect("a row"), Some(note(2)));
    assert_eq!(soon(first).await.expect("a row"), Some(note(1)));
    assert_eq!((db.pool_state().in_use, db.pool_state().waits), (1, 0));
    drop(busy);
}

#[tokio::test]
async fn gets_of_two_tables_do_not_meet() {
    let db = three().await;
    let busy = db.connection().await.expect("a connection");
    let mut first = pin!(db.get(Note, 1));
    assert!(once(first.as_mut()).await.is_pending());
    let (other, joined) = tokio::join!(db.get(Other, 1), db.get(Note, 2));
    assert_eq!((other.expect("a row"), joined.expect("a row")), (Some(Other { id: 1 }), Some(note(2))));
    assert_eq!(first.await.expect("a row"), Some(note(1)));
    drop(busy);
}

#[tokio::test]
async fn a_get_with_a_filter_does_not_join_one_without() {
    let db = three().await;
    let hidden = db.with_filter(Note, Note.id.gt(5));
    let busy = db.connection().await.expect("a connection");
    let mut first = pin!(db.get(Note, 1));
    assert!(once(first.as_mut()).await.is_pending());
    assert_eq!(hidden.get(Note, 2).await.expect("no row"), None);
    assert_eq!(first.await.expect("a row"), Some(note(1)));
    drop(busy);
}

#[tokio::test]
async fn whichever_get_is_dropped_the_others_have_their_rows() {
    let db = three().await;
    for polls in 1..100_u32 {
        let busy = db.connection().await.expect("a connection");
        let gets = [1, 2, 3].map(|id| {
            let (engine, is_dropped) = (db.engine.clone(), polls % 4 == id);
            async move {
                let mut get = pin!(engine.get(Note, i64::from(id)));
                let mut left = if is_dropped { polls / 4 } else { u32::MAX };
                while left > 0 {
                    if let Poll::Ready(row) = once(get.as_mut()).await {
                        return Some(row.expect("no error"));
                    }
                    tokio::task::yield_now().await;
                    left -= 1;
                }
                None
            }
        });
        let [first, second, third] = gets;
        let rows: [_; 3] = soon(async { tokio::join!(first, second, third) }).await.into();
        for (row, id) in rows.into_iter().zip([1, 2, 3]) {
            assert!(row == Some(Some(note(id))) || i64::from(polls % 4) == id, "{row:?} after {polls} polls");
        }
        drop(busy);
        comes_to_rest(&db.engine).await;
    }
    let state = db.pool_state();
    assert_eq!((state.opened, state.closed), (3, 0), "{state:?}");
}

#[tokio::test]
async fn a_get_that_everybody_has_dropped_is_stopped() {
    let db = three().await;
    let mut locking = db.begin().await.expect("a transaction");
    locking.execute(sql!("LOCK TABLE note")).await.expect("a lock");
    {
        let gets = async { tokio::join!(db.get(Note, 1), db.get(Note, 2)) };
        assert!(tokio::time::timeout(Duration::from_millis(100), gets).await.is_err());
    }
    // While the lock is held still.
    let start = Instant::now();
    while db.pool_state().in_use > 1 {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", db.pool_state());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    locking.rollback().await.expect("a rollback");
    assert_eq!(db.get(Note, 1).await.expect("a row"), Some(note(1)));
}

#[tokio::test]
async fn a_change_of_the_table_is_healed_for_each() {
    let db = three().await;
    let busy = db.connection().await.expect("a connection");
    let other = db.another("").await;
    other.execute(sql!("ALTER TABLE note ALTER COLUMN text TYPE varchar(99)")).await.expect("another type");
    let rows = tokio::join!(db.get(Note, 1), db.get(Note, 2), db.get(Note, 3));
    let rows = [rows.0, rows.1, rows.2].map(|row| row.expect("no error"));
    assert_eq!(rows, [1, 2, 3].map(|id| Some(note(id))));
    drop(busy);
}

#[tokio::test]
async fn a_key_that_the_column_cannot_hold_is_the_trouble_of_one() {
    let db = three().await;
    db.execute(sql!("ALTER TABLE note ALTER COLUMN id TYPE int")).await.expect("another type");
    prepare(&db.engine).await;
    let busy = db.connection().await.expect("a connection");
    let rows = tokio::join!(db.get(Note, 1), db.get(Note, 1 << 40), db.get(Note, 3));
    assert!(matches!(rows.1, Err(Error::Bind { .. })), "{:?}", rows.1);
    assert_eq!((rows.0.expect("a row"), rows.2.expect("a row")), (Some(note(1)), Some(note(3))));
    let rows = tokio::join!(db.get(Note, 1 << 40), db.get(Note, 2));
    assert!(matches!(rows.0, Err(Error::Bind { .. })), "{:?}", rows.0);
    assert_eq!(rows.1.expect("a row"), Some(note(2)));
    drop(busy);
}

#[tokio::test]
async fn a_connection_that_is_cut_is_the_trouble_of_who_has_it() {
    let schema = Schema::create().await;
    let proxy = Proxy::to(&schema.url());
    let builder = Engine::builder(proxy.url()).pool_size(3).max_overflow(0);
    let engine = builder.connect().await.expect("the proxy");
    create(&engine).await;
    prepare(&engine).await;
    let busy = engine.connection().await.expect("a connection");
    proxy.at(Moment::Answer("SELECT"), Fault::Cut);

    let rows = soon(async { tokio::join!(engine.get(Note, 1), engine.get(Note, 2), engine.get(Note, 3)) }).await;

    assert!(matches!(rows.0, Err(Error::ConnectionLost { .. })), "{:?}", rows.0);
    assert_eq!((rows.1.expect("a row"), rows.2.expect("a row")), (Some(note(2)), Some(note(3))));
    assert_eq!(proxy.struck(), 1);
    drop(busy);
    comes_to_rest(&engine).await;
}

#[tokio::test]
async fn nobody_joins_after_the_engine_is_closed() {
    let db = three().await;
    let busy = db.connection().await.expect("a connection");
    let mut first = pin!(db.get(Note, 1));
    assert!(once(first.as_mut()).await.is_pending());
    db.close().await;
    assert!(matches!(db.get(Note, 2).await, Err(Error::Closed)));
    assert_eq!(first.await.expect("a row"), Some(note(1)));
    drop(busy);
}
