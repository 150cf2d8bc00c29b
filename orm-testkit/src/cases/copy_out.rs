//! Very many rows out of a query, in the way that is fastest.

use orm::engine::Rows;
use orm::prelude::*;

use crate::models::{Kinds, MaybeKinds, Number, Post, User, kinds, maybe_kinds, numbers, people, user};
use crate::{TestDb, TestResult};

async fn all<T: Send + 'static>(mut rows: Rows<'_, T>) -> orm::Result<Vec<T>> {
    let mut all = Vec::new();
    while let Some(row) = rows.next().await {
        all.push(row?);
    }
    Ok(all)
}

pub async fn rows_are_copied_out_as_they_are_fetched(db: &TestDb) -> TestResult {
    numbers(db, 3_000).await?;
    let query = || select((Number.value, Number.value * 2)).filter(Number.value.gt(10)).order_by(Number.value.desc());
    let fetched = db.fetch_all(query()).await?;
    db.log.take();

    let copied = all(db.copy_out(query())).await?;

    assert_eq!(copied, fetched);
    let sent = db.log.take();
    assert_eq!(
        sent.iter().map(|one| (one.operation, one.rows, one.failed)).collect::<Vec<_>>(),
        [("SELECT", 2_990, false)]
    );
    Ok(())
}

pub async fn no_rows_are_copied_out(db: &TestDb) -> TestResult {
    numbers(db, 1).await?;

    assert_eq!(all(db.copy_out(select(Number.value).filter(false))).await?, [] as [i64; 0]);
    Ok(())
}

pub async fn values_of_every_type_are_copied_out_and_found_by_themselves(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;
    let row = Kinds { text: "it's \\ $1 \"x\"\n".into(), bytes: vec![0, 39, 92, 255], huge: 1 << 62, ..kinds() };
    let id = db.fetch_one(insert(row.clone()).returning(Kinds.id)).await?;
    let row = Kinds { id, ..row };

    let (a, b) = (row.clone(), row.clone());
    let numbers = Kinds.tiny.eq(a.tiny)
        & Kinds.small.eq(a.small)
        & Kinds.medium.eq(a.medium)
        & Kinds.large.in_([a.large, -1])
        & Kinds.huge.eq(a.huge)
        & Kinds.single.eq(a.single)
        & Kinds.double.between(a.double, f64::INFINITY)
        & Kinds.decimal.eq(a.decimal)
        & Kinds.truth.eq(a.truth);
    let others = Kinds.text.in_([a.text, "b,'{".into()])
        & Kinds.bytes.in_([a.bytes, Vec::new()])
        & Kinds.date.eq(a.date)
        & Kinds.time.eq(a.time)
        & Kinds.local.eq(a.local)
        & Kinds.instant.eq(a.instant)
        & Kinds.uuid.in_([a.uuid])
        & Kinds.mood.eq(a.mood)
        & Kinds.item.eq(a.item);
    assert_eq!(all(db.copy_out(select(Kinds).filter(numbers & others))).await?, [b]);

    let values = (value(row.huge), value(row.text.clone()), value(row.bytes.clone()), value(row.decimal));
    assert_eq!(all(db.copy_out(select(values))).await?, [(row.huge, row.text, row.bytes, row.decimal)]);
    let values = (value(row.local), value(row.instant), value(row.uuid), value(row.json.clone()), value(row.truth));
    assert_eq!(all(db.copy_out(select(values))).await?, [(row.local, row.instant, row.uuid, row.json, row.truth)]);
    Ok(())
}

pub async fn missing_values_are_copied_out(db: &TestDb) -> TestResult {
    db.create_all(schema![MaybeKinds]).await?;
    let (there, missing) = (maybe_kinds(), MaybeKinds::builder().build());
    db.execute(insert([there.clone(), missing.clone()])).await?;

    let mut copied = all(db.copy_out(select(MaybeKinds).order_by(MaybeKinds.id))).await?;

    copied.iter_mut().for_each(|row| row.id = 0);
    assert_eq!(copied, [there, missing]);
    Ok(())
}

pub async fn related_rows_come_with_those_that_are_copied_out(db: &TestDb) -> TestResult {
    db.create_all(schema![User, Post]).await?;
    let author = db.fetch_one(insert(user("Alice")).returning(User.id)).await?;
    let posts = ["One", "Two"].map(|title| Post::builder().author_id(author).title(title));
    db.execute(insert(posts)).await?;

    let copied = all(db.copy_out(select(User).with(User.posts))).await?;

    let titles: Vec<_> = copied.iter().flat_map(|(_, posts)| posts).map(|post| post.title.as_str()).collect();
    assert_eq!((copied.len(), titles), (1, vec!["One", "Two"]));
    Ok(())
}

pub async fn rows_that_are_written_are_copied_out_as_well(db: &TestDb) -> TestResult {
    numbers(db, 1).await?;

    let written = all(db.copy_out(insert([Number { value: 7 }, Number { value: 8 }]).returning(Number.value))).await?;

    assert_eq!((written, db.fetch_scalar(select(count(Number.value))).await?), (vec![7, 8], 3));
    Ok(())
}

pub async fn a_copy_in_a_transaction_sees_its_changes_and_leaves_it_open(db: &TestDb) -> TestResult {
    numbers(db, 300).await?;
    let mut tx = db.begin().await?;
    tx.execute(insert(Number { value: 301 })).await?;

    let copied = all(tx.copy_out(select(Number.value))).await?.len();
    let mut dropped = tx.copy_out(select(Number.value));
    dropped.next().await.transpose()?;
    drop(dropped);
    tx.execute(insert(Number { value: 302 })).await?;
    tx.commit().await?;

    assert_eq!((copied, db.fetch_scalar(select(count(Number.value))).await?), (301, 302));
    Ok(())
}

pub async fn a_copy_that_is_dropped_gives_its_connection_back(db: &TestDb) -> TestResult {
    let db = db.another(|builder| builder.pool_size(1).max_overflow(0)).await;
    numbers(&db, 500).await?;
    let (a, b) = (Number.alias("a"), Number.alias("b"));

    let mut rows = db.copy_out(select(Number.value + a.value + b.value).from(Number).cross_join(a).cross_join(b));
    for _ in 0..3 {
        rows.next().await.ok_or("there are 125,000,000 rows")??;
    }
    drop(rows);

    db.execute(insert(Number { value: 501 })).await?;
    assert_eq!(db.fetch_scalar(select(count(Number.value))).await?, 501);
    Ok(())
}

pub async fn a_row_that_cannot_be_read_ends_the_copy(db: &TestDb) -> TestResult {
    people(db).await?;

    let mut rows = db.copy_out(select(Aged).order_by(Aged.name));
    let mut read = Vec::new();
    while let Some(row) = rows.next().await {
        read.push(row.map(|aged| aged.name).map_err(|error| error.kind()));
    }

    assert_eq!(read, [Ok("Alice".to_owned()), Ok("Bob".to_owned()), Err("Decode")]);
    assert_eq!(db.fetch_scalar(select(count(User.id))).await?, 3);
    Ok(())
}

/// The table of users as it should not be: everybody has an age.
#[derive(Debug, Clone, Model)]
#[model(table = "users")]
struct Aged {
    #[model(primary_key)]
    id: i64,
    name: String,
    age: i32,
}

pub async fn a_query_that_is_refused_is_the_only_row_of_its_copy(db: &TestDb) -> TestResult {
    let mut rows = db.copy_out(select(User));

    let first = rows.next().await.and_then(Result::err).map(|error| error.kind());

    assert_eq!(first, Some("UndefinedTable"));
    assert!(rows.next().await.is_none());
    Ok(())
}

pub async fn a_value_that_cannot_be_bound_is_not_copied_with(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;

    let error = db.copy_out(select(Kinds.id).filter(Kinds.huge.eq(u64::MAX))).next().await.and_then(Result::err);

    assert_eq!(error.map(|error| error.kind()), Some("Bind"));
    Ok(())
}

pub async fn a_stream_reads_as_many_rows_at_a_time_as_it_is_told(db: &TestDb) -> TestResult {
    numbers(db, 10).await?;

    for size in [0, 1, 3, 10, 11] {
        let mut rows = db.stream(select(Number.value).order_by(Number.value)).chunk_size(size);
        let first = rows.next().await.transpose()?;
        assert_eq!((first, all(rows).await?.len()), (Some(1), 9), "{size}");
    }
    Ok(())
}
