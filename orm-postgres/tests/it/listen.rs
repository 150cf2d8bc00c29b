//! Messages between the clients of a database.

use std::time::Duration;

use orm::Error;
use orm::postgres::{Event, Listener, notify};
use orm::prelude::*;
use orm_testkit::proxy::Proxy;
use orm_testkit::servers::PostgresServer;

use crate::database::{Database, open};
use crate::server;

/// Channels belong to the database, which all tests share, so each has a name of its own.
fn channel(name: &str) -> String {
    format!("{name} of \"{}\"", std::process::id())
}

/// The next event, which comes soon.
async fn next(listener: &mut Listener) -> Event {
    let next = tokio::time::timeout(Duration::from_secs(20), listener.recv()).await;
    next.expect("an event").expect("no error")
}

async fn message(listener: &mut Listener) -> (String, String) {
    match next(listener).await {
        Event::Notification(message) => (message.channel, message.payload),
        other => panic!("{other:?}"),
    }
}

/// Ends the connections of listeners on a channel, as an administrator may.
async fn end_listeners(db: &Database, channel: &str) {
    let ended = sql!(
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE query LIKE {}",
        format!("LISTEN %{}%", channel.replace('"', "\"\"")),
    );
    let ended = db.fetch_one(ended.rows::<i64>()).await.expect("they are ended");
    assert_eq!(ended, 1);
}

#[tokio::test]
async fn what_is_sent_is_heard_in_its_order() {
    let (db, news, jobs) = (open().await, channel("news"), channel("jobs"));
    let mut listener = Listener::connect(&db, [&news, &jobs]).await.expect("a listener");

    db.execute(notify(&news, "one")).await.expect("sent");
    db.execute(notify(&jobs, "")).await.expect("sent");
    db.execute(notify(channel("others"), "not heard")).await.expect("sent");
    db.execute(notify(&news, "it's \"two\"")).await.expect("sent");

    assert_eq!(message(&mut listener).await, (news.clone(), "one".into()));
    assert_eq!(message(&mut listener).await, (jobs, String::new()));
    assert_eq!(message(&mut listener).await, (news, "it's \"two\"".into()));
}

#[tokio::test]
async fn a_transaction_sends_when_it_is_committed() {
    let (db, news) = (open().await, channel("committed"));
    let mut listener = Listener::connect(&db, [&news]).await.expect("a listener");

    let mut undone = db.begin().await.expect("a transaction");
    undone.execute(notify(&news, "undone")).await.expect("sent");
    undone.rollback().await.expect("a rollback");
    let mut tx = db.begin().await.expect("a transaction");
    tx.execute(notify(&news, "committed")).await.expect("sent");
    let nothing = tokio::time::timeout(Duration::from_millis(100), listener.recv()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    tx.commit().await.expect("a commit");

    assert_eq!(message(&mut listener).await.1, "committed");
}

#[tokio::test]
async fn channels_are_added_and_given_up() {
    let (db, first, second) = (open().await, channel("first"), channel("second"));
    let mut listener = Listener::connect(&db, [&first]).await.expect("a listener");

    listener.listen(&second).await.expect("another channel");
    listener.unlisten(&first).await.expect("one channel less");
    db.execute(notify(&first, "not heard")).await.expect("sent");
    db.execute(notify(&second, "heard")).await.expect("sent");

    assert_eq!(message(&mut listener).await, (second, "heard".into()));
}

#[tokio::test]
async fn a_listener_that_lost_its_connection_says_that_it_may_have_missed_something() {
    let (db, news, more) = (open().await, channel("lost"), channel("lost more"));
    let mut listener = Listener::connect(&db, [&news]).await.expect("a listener");
    listener.listen(&more).await.expect("another channel");

    db.execute(notify(&news, "before")).await.expect("sent");
    assert_eq!(message(&mut listener).await.1, "before");
    end_listeners(&db, &more).await;
    db.execute(notify(&news, "missed")).await.expect("sent");
    assert_eq!(next(&mut listener).await, Event::Reconnected);
    db.execute(notify(&more, "after")).await.expect("sent");

    assert_eq!(message(&mut listener).await, (more, "after".into()));
}

#[tokio::test]
async fn a_listener_outlives_its_server() {
    let mut server = PostgresServer::run();
    let engine = orm::connect(server.url()).await.expect("a server");
    let listener = Listener::connect(&engine, ["news"]).await.expect("a listener");
    let mut listener = listener.heartbeat(Duration::from_millis(200));

    server.kill();
    let nothing = tokio::time::timeout(Duration::from_millis(300), listener.recv()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    server.start();
    assert_eq!(next(&mut listener).await, Event::Reconnected);
    // The pool's connection died with the server, too.
    let engine = orm::connect(server.url()).await.expect("a server");
    engine.execute(notify("news", "again")).await.expect("sent");

    assert_eq!(message(&mut listener).await.1, "again");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let (db, news) = (open().await, channel("silent"));
    let proxy = Proxy::to(&server::url_with("application_name=listener"));
    let engine = orm::connect(proxy.url()).await.expect("a way through the proxy");
    let listener = Listener::connect(&engine, [&news]).await.expect("a listener");
    let mut listener = listener.heartbeat(Duration::from_millis(100));

    proxy.stall();
    let nothing = tokio::time::timeout(Duration::from_millis(500), listener.recv()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    proxy.resume();

    assert_eq!(next(&mut listener).await, Event::Reconnected);
    db.execute(notify(&news, "again")).await.expect("sent");
    assert_eq!(message(&mut listener).await.1, "again");
}

#[tokio::test]
async fn a_server_that_is_there_is_not_left() {
    let (db, news) = (open().await, channel("quiet"));
    let listener = Listener::connect(&db, [&news]).await.expect("a listener");
    let mut listener = listener.heartbeat(Duration::from_millis(20));

    let nothing = tokio::time::timeout(Duration::from_millis(300), listener.recv()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    db.execute(notify(&news, "heard")).await.expect("sent");

    assert_eq!(message(&mut listener).await.1, "heard");
}

#[tokio::test]
async fn a_name_that_is_no_channel_is_refused() {
    let db = open().await;

    for name in [String::new(), "a\0b".into(), "x".repeat(64)] {
        let error = Listener::connect(&db, [&name]).await.expect_err("no channel");
        assert!(matches!(error, Error::Identifier { .. }), "{error:?}");
    }
    Listener::connect(&db, ["x".repeat(63)]).await.expect("a channel");
}

#[tokio::test]
async fn another_backend_has_no_channels() {
    let sqlite = orm::connect("sqlite::memory:").await.expect("a database");

    let error = Listener::connect(&sqlite, ["news"]).await.expect_err("no channels");

    let Error::Unsupported { feature, backend, .. } = error else { panic!("{error:?}") };
    assert_eq!((feature, backend), ("LISTEN", "sqlite"));
}
