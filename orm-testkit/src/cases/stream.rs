//! Rows one after the other, in bounded memory.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use orm::prelude::*;

use crate::expect::eventually;
use crate::models::{Number, User, numbers, people, user};
use crate::{TestDb, TestResult};

/// The table of users as it should not be: everybody has an age.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "users")]
struct Aged {
    #[model(primary_key)]
    id: i64,
    name: String,
    age: i32,
}

/// A row that counts how many of its query were read.
struct Counted(i64);

/// How many rows were read for each query, by the number with which it marks its rows.
static READ: Mutex<Option<HashMap<i64, usize>>> = Mutex::new(None);
static QUERIES: AtomicI64 = AtomicI64::new(0);

impl From<(i64, i64)> for Counted {
    fn from((query, number): (i64, i64)) -> Self {
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        *read.get_or_insert_default().entry(query).or_default() += 1;
        Counted(number)
    }
}

fn rows_read(query: i64) -> usize {
    let read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    read.as_ref().and_then(|read| read.get(&query)).copied().unwrap_or_default()
}

/// 100,000 rows of a table of ten.
fn hundred_thousand() -> Select<i64> {
    let (a, b, c, d) = (Number.alias("a"), Number.alias("b"), Number.alias("c"), Number.alias("d"));
    select(Number.value + a.value + b.value + c.value + d.value)
        .from(Number)
        .cross_join(a)
        .cross_join(b)
        .cross_join(c)
        .cross_join(d)
}

/// A database with one connection, for which nobody waits long, and the numbers from 1 to 10.
async fn one_connection(db: &TestDb) -> orm::Result<TestDb> {
    let timeout = Duration::from_millis(500);
    let db = db.another(|builder| builder.pool_size(1).max_overflow(0).pool_timeout(timeout)).await;
    numbers(&db, 10).await?;
    Ok(db)
}

pub async fn all_rows_come_in_order(db: &TestDb) -> TestResult {
    numbers(db, 2_000).await?;

    let mut read = Vec::new();
    let mut rows = db.stream(select(Number.value).order_by(Number.value));
    while let Some(row) = rows.next().await {
        read.push(row?);
    }

    assert_eq!(read, (1..=2_000).collect::<Vec<i64>>());
    assert!(rows.next().await.is_none());
    Ok(())
}

pub async fn a_stream_of_no_rows_ends_at_once(db: &TestDb) -> TestResult {
    numbers(db, 1).await?;

    let mut rows = db.stream(select(Number.value).filter(false));

    assert!(rows.next().await.is_none());
    Ok(())
}

pub async fn a_stream_is_a_stream_of_futures(db: &TestDb) -> TestResult {
    numbers(db, 300).await?;
    let mut rows = db.stream(select(Number.value));

    let mut sum = 0;
    while let Some(row) = std::future::poll_fn(|context| Pin::new(&mut rows).poll_next(context)).await {
        sum += row?;
    }

    assert_eq!(sum, 300 * 301 / 2);
    Ok(())
}

pub async fn a_stream_can_be_sent_to_another_task(db: &TestDb) -> TestResult {
    numbers(db, 300).await?;
    let mut rows = db.stream(select(Number.value));

    let count = tokio::spawn(async move {
        let mut count = 0;
        while let Some(row) = rows.next().await {
            row?;
            count += 1;
        }
        Ok::<_, orm::Error>(count)
    });

    assert_eq!(count.await??, 300);
    Ok(())
}

pub async fn nothing_is_sent_before_the_first_row_is_asked_for(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;

    let rows = db.stream(select(Number.value));

    assert_eq!(db.pool_state().in_use, 0);
    drop(rows);
    Ok(())
}

pub async fn few_rows_are_read_ahead(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;
    let query = QUERIES.fetch_add(1, Ordering::Relaxed);
    let (a, b, c, d) = (Number.alias("a"), Number.alias("b"), Number.alias("c"), Number.alias("d"));
    let many =
        select((value(query), Number.value)).from(Number).cross_join(a).cross_join(b).cross_join(c).cross_join(d);

    let mut rows = db.stream(many.rows_as::<Counted>());
    for _ in 0..3 {
        let row = rows.next().await.ok_or("there are 100,000 rows")??;
        assert!((1..=10).contains(&row.0));
    }
    drop(rows);

    let read = rows_read(query);
    assert!((3..=5_000).contains(&read), "{read} rows were read for the first three");
    Ok(())
}

pub async fn a_stream_that_is_dropped_gives_its_connection_back(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;

    let mut rows = db.stream(hundred_thousand());
    for _ in 0..3 {
        rows.next().await.ok_or("there are 100,000 rows")??;
    }
    assert_eq!(db.pool_state().in_use, 1);
    drop(rows);

    assert_eq!(db.fetch_scalar(select(count(Number.value))).await?, 10);
    db.execute(insert(Number { value: 11 })).await?;
    Ok(())
}

pub async fn a_stream_that_has_ended_gives_its_connection_back(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;
    let mut rows = db.stream(select(Number.value));

    while let Some(row) = rows.next().await {
        row?;
    }

    eventually("the connection is back", || db.pool_state().in_use == 0).await?;
    assert!(rows.next().await.is_none());
    Ok(())
}

pub async fn a_row_that_cannot_be_read_ends_the_stream(db: &TestDb) -> TestResult {
    let db = db.another(|builder| builder.pool_size(1).max_overflow(0)).await;
    people(&db).await?;

    let mut rows = db.stream(select(Aged).order_by(Aged.name));
    let mut read = Vec::new();
    while let Some(row) = rows.next().await {
        read.push(row.map(|aged| aged.name).map_err(|error| error.kind()));
    }

    assert_eq!(read, [Ok("Alice".to_string()), Ok("Bob".to_string()), Err("Decode")]);
    assert_eq!(db.fetch_scalar(select(count(User.id))).await?, 3);
    Ok(())
}

pub async fn a_statement_that_is_refused_is_the_only_row(db: &TestDb) -> TestResult {
    let mut rows = db.stream(select(User));

    let first = rows.next().await.and_then(Result::err).map(|error| error.kind());

    assert_eq!(first, Some("UndefinedTable"));
    assert!(rows.next().await.is_none());
    Ok(())
}

pub async fn a_stream_in_a_transaction_sees_its_changes(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut tx = db.begin().await?;
    tx.execute(insert(user("Dora"))).await?;

    let mut names = Vec::new();
    let mut rows = tx.stream(select(User.name).order_by(User.name));
    while let Some(name) = rows.next().await {
        names.push(name?);
    }
    drop(rows);
    tx.rollback().await?;

    assert_eq!(names, ["Alice", "Bob", "Carol", "Dora"]);
    Ok(())
}

pub async fn a_transaction_goes_on_after_a_stream_that_was_dropped(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;
    let mut tx = db.begin().await?;

    let mut rows = tx.stream(hundred_thousand());
    rows.next().await.ok_or("there are 100,000 rows")??;
    drop(rows);
    tx.execute(insert(Number { value: 11 })).await?;
    tx.commit().await?;

    assert_eq!(db.fetch_scalar(select(count(Number.value))).await?, 11);
    Ok(())
}

pub async fn a_kept_connection_can_be_used_after_its_stream(db: &TestDb) -> TestResult {
    numbers(db, 10).await?;
    let mut connection = db.connection().await?;

    for expected in 1..=3 {
        let mut rows = connection.stream(select(Number.value).order_by(Number.value).offset(expected - 1));
        assert_eq!(rows.next().await.transpose()?, Some(i64::try_from(expected)?));
    }

    assert_eq!(connection.fetch_scalar(select(count(Number.value))).await?, 10);
    Ok(())
}

pub async fn a_row_is_written_and_returned_beside_a_stream(db: &TestDb) -> TestResult {
    numbers(db, 10).await?;
    let mut rows = db.stream(hundred_thousand());
    rows.next().await.ok_or("there are 100,000 rows")??;

    // Begun while the stream reads; a backend may let it wait until the stream is gone.
    let mut written = Box::pin(db.fetch_one(insert(Number { value: 11 }).returning(Number.value)));
    let begun = std::future::poll_fn(|context| Poll::Ready(written.as_mut().poll(context))).await;
    drop(rows);
    let written = match begun {
        Poll::Ready(written) => written,
        Poll::Pending => written.await,
    };

    assert_eq!(written?, 11);
    assert_eq!(db.fetch_scalar(select(count(Number.value))).await?, 11);
    Ok(())
}

pub async fn two_streams_run_side_by_side(db: &TestDb) -> TestResult {
    numbers(db, 500).await?;
    let mut up = db.stream(select(Number.value).order_by(Number.value));
    let mut down = db.stream(select(Number.value).order_by(Number.value.desc()));

    for _ in 0..500 {
        let (up, down) = (up.next().await.transpose()?, down.next().await.transpose()?);
        assert_eq!(up.zip(down).map(|(up, down)| up + down), Some(501));
    }
    Ok(())
}

// Queries that are sent together.

pub async fn queries_of_a_pipeline_each_give_their_rows(db: &TestDb) -> TestResult {
    people(db).await?;
    db.log.take();
    let names = || select(User.name).order_by(User.id);

    let (first, (count, ages)) = {
        let (first, count, ages) =
            db.pipeline((names(), select(count(User.id)), select(User.age).filter(User.id.eq(0)))).await?;
        (first, (count, ages))
    };

    assert_eq!(first, db.fetch_all(names()).await?);
    assert_eq!((count, ages), (vec![first.len() as i64], Vec::new()));
    let sent = db.log.take();
    assert_eq!(sent.iter().map(|one| one.rows).collect::<Vec<_>>(), [first.len() as u64, 1, 0, first.len() as u64]);
    Ok(())
}

pub async fn a_pipeline_may_write_within_a_transaction(db: &TestDb) -> TestResult {
    people(db).await?;

    let mut tx = db.begin().await?;
    let added = insert(user("Zoe")).returning(User.name);
    let (added, counted) = tx.pipeline((added, select(count(User.id)).filter(User.name.eq("Zoe")))).await?;
    tx.rollback().await?;

    assert_eq!((added, counted), (vec!["Zoe".to_owned()], vec![1]));
    assert_eq!(db.fetch_scalar(select(count(User.id)).filter(User.name.eq("Zoe"))).await?, 0);
    Ok(())
}

pub async fn a_query_that_fails_fails_its_pipeline_and_not_the_connection(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut connection = db.connection().await?;
    let twice = || insert(user("Zoe")).returning(User.id);
    connection.fetch_all(twice()).await?;

    let error = connection.pipeline((select(User.id), twice(), select(User.name))).await.err();

    assert_eq!(error.map(|error| error.kind()), Some("UniqueViolation"));
    assert_eq!(connection.fetch_scalar(select(count(User.id)).filter(User.name.eq("Zoe"))).await?, 1);
    Ok(())
}
