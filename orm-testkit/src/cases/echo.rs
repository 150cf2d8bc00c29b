//! The statement log: who listens hears what ran, and no secret.

use std::sync::{Arc, Mutex, PoisonError};

use orm::engine::EngineBuilder;
use orm::prelude::*;

use crate::expect::refused;
use crate::models::{User, people, user};
use crate::{TestDb, TestResult};

/// What a listener heard, line by line, as it would be printed.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn listen(&self, builder: EngineBuilder) -> EngineBuilder {
        let lines = self.clone();
        builder.on_statement(move |event| {
            lines.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.to_string());
        })
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub async fn a_listener_hears_the_text_and_the_rows(db: &TestDb) -> TestResult {
    people(db).await?;

    let names = db.fetch_all(select(User.name)).await?;
    db.execute(update(User).set(User.age, 1).filter(User.age.gt(1))).await?;

    let log = db.log.take();
    assert_eq!(log.iter().map(|logged| logged.operation).collect::<Vec<_>>(), ["SELECT", "UPDATE"]);
    assert!(log.iter().all(|logged| logged.sql.starts_with(logged.operation) && !logged.failed), "{log:?}");
    assert_eq!((log[0].rows, log[0].rows_affected), (names.len() as u64, 0));
    assert_eq!((log[1].rows, log[1].rows_affected), (0, 2));
    Ok(())
}

pub async fn a_listener_hears_of_statements_that_fail(db: &TestDb) -> TestResult {
    people(db).await?;

    refused(db.execute(insert(user("Alice"))).await)?;

    let log = db.log.take();
    assert!(matches!(log.as_slice(), [one] if one.failed && one.operation == "INSERT"), "{log:?}");
    Ok(())
}

pub async fn a_listener_hears_of_statements_in_transactions_and_on_connections(db: &TestDb) -> TestResult {
    people(db).await?;

    let mut tx = db.begin().await?;
    tx.execute(delete(User).filter(User.name.eq("Carol"))).await?;
    tx.commit().await?;
    db.connection().await?.get(User, 1).await?;

    let heard: Vec<_> = db.log.take().iter().map(|logged| logged.operation).collect();
    assert_eq!(heard.iter().filter(|operation| **operation == "DELETE").count(), 1, "{heard:?}");
    assert_eq!(heard.iter().filter(|operation| **operation == "SELECT").count(), 1, "{heard:?}");
    Ok(())
}

pub async fn a_listener_hears_of_a_stream_when_it_ends(db: &TestDb) -> TestResult {
    people(db).await?;

    let mut names = db.stream(select(User.name));
    while let Some(name) = names.next().await {
        name?;
    }
    drop(names);

    let log = db.log.take();
    assert!(matches!(log.as_slice(), [one] if one.operation == "SELECT" && one.rows == 3), "{log:?}");
    Ok(())
}

pub async fn a_listener_hears_no_bound_value(db: &TestDb) -> TestResult {
    let lines = Lines::default();
    let db = db.another(|builder| lines.listen(builder)).await;
    people(&db).await?;
    lines.take();

    db.fetch_all(select(User.id).filter(User.name.eq("secret")).filter(User.age.eq(4711))).await?;
    refused(db.execute(insert(User { nickname: Some("secret".into()), ..user("Alice") })).await)?;

    let heard = lines.take();
    assert_eq!(heard.len(), 2);
    assert!(heard.iter().all(|line| !line.contains("secret") && !line.contains("4711")), "{heard:?}");
    assert!(heard[0].contains("2 values hidden"), "{heard:?}");
    Ok(())
}

pub async fn a_listener_hears_bound_values_when_they_are_shown(db: &TestDb) -> TestResult {
    let lines = Lines::default();
    let db = db.another(|builder| lines.listen(builder).show_binds(true)).await;
    people(&db).await?;
    lines.take();

    db.fetch_all(select(User.id).filter(User.name.eq("secret")).filter(User.age.eq(4711))).await?;

    let heard = lines.take();
    assert!(heard[0].contains("secret") && heard[0].contains("4711"), "{heard:?}");
    Ok(())
}

pub async fn every_listener_hears_every_statement(db: &TestDb) -> TestResult {
    let (first, second) = (Lines::default(), Lines::default());
    let db = db.another(|builder| second.listen(first.listen(builder))).await;

    db.create_all(schema![User]).await?;
    db.fetch_all(select(User)).await?;

    let (first, second) = (first.take(), second.take());
    assert_eq!((first.len(), second.len()), (2, 2), "{first:?}");
    Ok(())
}
