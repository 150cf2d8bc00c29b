//! Connections: how many, for how long, and in which order.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orm::Error;
use orm::engine::EngineBuilder;
use orm::pool::{CloseReason, PoolEvent};
use orm::prelude::*;

use crate::expect::{eventually, refused};
use crate::models::{Number, User, numbers, user};
use crate::{TestDb, TestResult};

/// A database with so many connections, for which nobody waits long.
async fn pool(db: &TestDb, size: u32, overflow: u32) -> TestDb {
    let timeout = Duration::from_millis(100);
    db.another(|builder| builder.pool_size(size).max_overflow(overflow).pool_timeout(timeout)).await
}

/// The same, for which everybody waits long enough.
async fn patient_pool(db: &TestDb, size: u32, overflow: u32) -> TestDb {
    db.another(|builder| builder.pool_size(size).max_overflow(overflow)).await
}

pub async fn as_many_connections_as_allowed_are_open_at_once(db: &TestDb) -> TestResult {
    let db = pool(db, 2, 1).await;

    let held = [db.connection().await?, db.connection().await?, db.connection().await?];
    let state = db.pool_state();
    let error = refused(db.connection().await)?;

    assert_eq!((state.in_use, state.open, state.idle), (3, 3, 0), "{state}");
    assert!(matches!(error, Error::PoolTimeout { .. }), "{error:?}");
    drop(held);
    Ok(())
}

pub async fn a_timeout_tells_of_the_pool(db: &TestDb) -> TestResult {
    let db = pool(db, 1, 1).await;
    let held = [db.connection().await?, db.connection().await?];

    let error = refused(db.fetch_all(select(value(1_i64))).await)?;

    let Error::PoolTimeout { waited, state } = &error else {
        return Err(error.into());
    };
    assert!(*waited >= Duration::from_millis(100), "{waited:?}");
    assert_eq!((state.pool_size, state.max_overflow, state.in_use), (1, 1, 2));
    assert!(error.to_string().contains("2 in use") && error.to_string().contains("pool_size 1"), "{error}");
    assert_eq!(db.pool_state().timeouts, 1);
    drop(held);
    Ok(())
}

pub async fn a_timeout_tells_who_holds_the_connections(db: &TestDb) -> TestResult {
    let db = pool(db, 1, 0).await;
    let held = db.connection().await?;

    let error = refused(db.connection().await)?;

    if cfg!(debug_assertions) {
        assert!(error.to_string().contains("1 held since") && error.to_string().contains("pool.rs"), "{error}");
    }
    drop(held);
    Ok(())
}

pub async fn connections_beyond_the_size_are_closed_when_they_come_back(db: &TestDb) -> TestResult {
    let db = pool(db, 2, 3).await;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(db.connection().await?);
    }
    assert_eq!(db.pool_state().open, 5);

    held.clear();

    eventually("two connections are left", || {
        let state = db.pool_state();
        (state.open, state.idle, state.in_use) == (2, 2, 0)
    })
    .await
}

pub async fn connections_are_used_again(db: &TestDb) -> TestResult {
    let db = pool(db, 5, 10).await;

    for _ in 0..20 {
        db.fetch_all(select(value(1_i64))).await?;
    }

    let state = db.pool_state();
    assert_eq!((state.open, state.in_use), (1, 0), "{state}");
    Ok(())
}

pub async fn a_pool_of_no_size_lends_what_overflows(db: &TestDb) -> TestResult {
    let db = pool(db, 0, 1).await;
    numbers(&db, 3).await?;

    assert_eq!(db.fetch_scalar(select(count(Number.value))).await?, 3);
    Ok(())
}

pub async fn two_hundred_tasks_share_five_connections(db: &TestDb) -> TestResult {
    let db = patient_pool(db, 5, 0).await;
    db.create_all(schema![User]).await?;
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let engine = db.engine.clone();
            tokio::spawn(async move {
                let name = format!("user {number}");
                let id = engine.fetch_one(insert(user(&name)).returning(User.id)).await?;
                let most = engine.pool_state().open;
                let read = engine.get(User, id).await?;
                Ok::<_, Error>((most, read.is_some_and(|user| user.name == name)))
            })
        })
        .collect();

    for task in tasks {
        let (most, found) = task.await??;
        assert!(most <= 5 && found, "{most} connections");
    }

    assert_eq!(db.fetch_scalar(select(count(User.id))).await?, 200);
    eventually("every connection is back", || db.pool_state().in_use == 0).await
}

pub async fn two_hundred_transactions_share_five_connections(db: &TestDb) -> TestResult {
    let db = patient_pool(db, 5, 0).await;
    db.create_all(schema![User]).await?;
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let engine = db.engine.clone();
            tokio::spawn(async move {
                engine
                    .transaction(async |tx| {
                        tx.execute(insert(user(&format!("user {number}")))).await?;
                        tokio::task::yield_now().await;
                        tx.fetch_scalar(select(count(User.id))).await
                    })
                    .await
            })
        })
        .collect();

    for task in tasks {
        assert!(task.await?? >= 1);
    }

    assert_eq!(db.fetch_scalar(select(count(User.id))).await?, 200);
    Ok(())
}

pub async fn whoever_waits_longest_is_first(db: &TestDb) -> TestResult {
    let db = patient_pool(db, 1, 0).await;
    let held = db.connection().await?;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for number in 1..=5 {
        let (engine, order) = (db.engine.clone(), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            let _connection = engine.connection().await?;
            order.lock().unwrap_or_else(PoisonError::into_inner).push(number);
            Ok::<_, Error>(())
        }));
        eventually("it waits", || db.pool_state().waiting == number).await?;
    }

    drop(held);
    for task in tasks {
        task.await??;
    }

    assert_eq!(*order.lock().unwrap_or_else(PoisonError::into_inner), [1, 2, 3, 4, 5]);
    assert_eq!(db.pool_state().waits, 5);
    Ok(())
}

pub async fn whoever_stops_waiting_takes_no_connection(db: &TestDb) -> TestResult {
    let db = patient_pool(db, 1, 0).await;
    let held = db.connection().await?;
    let engine = db.engine.clone();
    let waiting = tokio::spawn(async move { engine.connection().await.map(drop) });
    eventually("it waits", || db.pool_state().waiting == 1).await?;

    waiting.abort();
    eventually("it waits no more", || db.pool_state().waiting == 0).await?;
    drop(held);

    db.connection().await?;
    Ok(())
}

pub async fn a_task_that_panics_gives_its_connection_back(db: &TestDb) -> TestResult {
    let db = pool(db, 1, 0).await;
    let engine = db.engine.clone();

    let task = tokio::spawn(async move {
        let connection = engine.connection().await;
        if connection.is_ok() {
            // A panic that prints nothing.
            std::panic::resume_unwind(Box::new("the task gave up"));
        }
    });

    assert!(task.await.is_err());
    db.connection().await?;
    Ok(())
}

pub async fn clones_of_an_engine_share_the_pool(db: &TestDb) -> TestResult {
    let db = pool(db, 1, 0).await;
    let clone = db.engine.clone();
    let held = clone.connection().await?;

    assert_eq!(refused(db.connection().await)?.kind(), "PoolTimeout");
    drop(held);
    db.connection().await?;
    Ok(())
}

pub async fn data_outlives_the_connections(db: &TestDb) -> TestResult {
    let db = db.another(|builder| builder.pool_size(1).max_overflow(0).pool_recycle(Duration::ZERO)).await;
    numbers(&db, 3).await?;

    for _ in 0..3 {
        assert_eq!(db.fetch_scalar(select(count(Number.value))).await?, 3);
    }

    let state = db.pool_state();
    assert!(state.open <= 1 && state.in_use == 0, "{state}");
    Ok(())
}

pub async fn a_connection_that_is_tested_first_works(db: &TestDb) -> TestResult {
    let db = db.another(|builder| builder.pool_size(1).max_overflow(0).pre_ping(true)).await;
    numbers(&db, 3).await?;

    for _ in 0..3 {
        assert_eq!(db.fetch_scalar(select(count(Number.value))).await?, 3);
    }

    // The test itself is no statement of the program's.
    assert_eq!(db.log.take().len(), 3);
    Ok(())
}

pub async fn a_closed_engine_refuses(db: &TestDb) -> TestResult {
    let db = pool(db, 2, 0).await;
    numbers(&db, 1).await?;

    db.close().await;

    assert_eq!(refused(db.fetch_all(select(Number)).await)?.kind(), "Closed");
    assert_eq!(refused(db.begin().await)?.kind(), "Closed");
    eventually("no connection is open", || db.pool_state().open == 0).await
}

pub async fn a_connection_in_use_is_closed_when_it_comes_back(db: &TestDb) -> TestResult {
    let db = pool(db, 2, 0).await;
    numbers(&db, 3).await?;
    let mut held = db.connection().await?;

    db.close().await;
    let count = held.fetch_scalar(select(count(Number.value))).await?;
    drop(held);

    assert_eq!(count, 3);
    eventually("no connection is open", || db.pool_state().open == 0).await
}

pub async fn whoever_waits_when_the_engine_is_closed_is_told(db: &TestDb) -> TestResult {
    let db = patient_pool(db, 1, 0).await;
    let held = db.connection().await?;
    let engine = db.engine.clone();
    let waiting = tokio::spawn(async move { engine.connection().await.map(drop) });
    eventually("it waits", || db.pool_state().waiting == 1).await?;

    db.close().await;

    assert_eq!(refused(waiting.await?)?.kind(), "Closed");
    drop(held);
    Ok(())
}

// The books: what was opened and closed, and who is told.

/// What was heard of a pool: each event's first letter with the number of its connection, and why it was closed.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn hear(&self, event: &PoolEvent<'_>) {
        let text = match event {
            PoolEvent::Connect { connection, .. } => format!("open {connection}"),
            PoolEvent::Checkout { connection, .. } => format!("lend {connection}"),
            PoolEvent::Checkin { connection, .. } => format!("back {connection}"),
            PoolEvent::Close { connection, reason, .. } => format!("close {connection} {reason:?}"),
            PoolEvent::Timeout { state, .. } => format!("timeout {}", state.in_use),
            _ => "something else".into(),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A database with so many connections, and what is heard of them since it was opened.
async fn heard_pool(db: &TestDb, size: u32, overflow: u32, recycle: Option<Duration>) -> (TestDb, Heard) {
    let heard = Heard::default();
    let listener = heard.clone();
    let db = db
        .another(|builder| {
            let builder = builder.pool_size(size).max_overflow(overflow).pool_timeout(Duration::from_millis(50));
            let builder = recycle.into_iter().fold(builder, EngineBuilder::pool_recycle);
            builder.on_pool_event(move |event| listener.hear(event))
        })
        .await;
    heard.take();
    (db, heard)
}

pub async fn a_listener_is_told_of_every_connection(db: &TestDb) -> TestResult {
    let (db, heard) = heard_pool(db, 1, 1, None).await;

    let first = db.connection().await?;
    let second = db.connection().await?;
    refused(db.connection().await)?;
    drop(second);
    drop(first);
    db.close().await;

    eventually("all are closed", || db.pool_state().open == 0).await?;
    let expected = ["lend 1", "open 2", "lend 2", "timeout 2", "close 2 Surplus", "back 2", "back 1", "close 1 Closed"];
    assert_eq!(heard.take(), expected);
    Ok(())
}

pub async fn the_connection_that_came_back_last_is_lent_first(db: &TestDb) -> TestResult {
    let (db, heard) = heard_pool(db, 3, 0, None).await;
    let [first, second, third] = [db.connection().await?, db.connection().await?, db.connection().await?];
    drop(second);
    drop(third);
    drop(first);
    heard.take();

    drop([db.connection().await?, db.connection().await?, db.connection().await?]);

    assert_eq!(heard.take()[..3], ["lend 1", "lend 3", "lend 2"]);
    Ok(())
}

pub async fn a_connection_that_is_too_old_is_replaced(db: &TestDb) -> TestResult {
    let (db, heard) = heard_pool(db, 2, 0, Some(Duration::ZERO)).await;

    drop(db.connection().await?);

    let told = heard.take();
    assert!(told.iter().any(|event| *event == format!("close 1 {:?}", CloseReason::Old)), "{told:?}");
    assert_eq!(told[told.len() - 2..], ["lend 2", "back 2"]);
    Ok(())
}

pub async fn a_connection_counts_as_opened_and_as_closed_once(db: &TestDb) -> TestResult {
    let db = pool(db, 1, 2).await;
    for _ in 0..3 {
        drop([db.connection().await?, db.connection().await?, db.connection().await?]);
        eventually("one is left", || db.pool_state().open == 1).await?;
    }

    let state = db.pool_state();
    assert_eq!((state.opened, state.closed, state.in_use, state.idle), (7, 6, 0, 1), "{state:?}");
    Ok(())
}

pub async fn a_listener_may_look_at_the_pool_and_may_panic(db: &TestDb) -> TestResult {
    let engine: Arc<Mutex<Option<Engine>>> = Arc::default();
    let looked = Arc::new(Mutex::new(0));
    let (its_engine, its_look) = (Arc::clone(&engine), Arc::clone(&looked));
    let db = db
        .another(|builder| {
            builder.pool_size(1).max_overflow(1).on_pool_event(move |_event| {
                let engine = its_engine.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(engine) = engine {
                    let _state = engine.pool_state();
                    *its_look.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                    std::panic::resume_unwind(Box::new("the listener gave up"));
                }
            })
        })
        .await;
    *engine.lock().unwrap_or_else(PoisonError::into_inner) = Some(db.engine.clone());

    drop([db.connection().await?, db.connection().await?]);
    eventually("one is left", || db.pool_state().open == 1).await?;

    // Lent twice, opened, closed, and given back twice.
    eventually("all was told", || *looked.lock().unwrap_or_else(PoisonError::into_inner) == 6).await?;
    // The listener has the engine, and the engine the listener.
    engine.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(())
}
