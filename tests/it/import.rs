//! An import of ten thousand rows, one of which is bad: all of them are kept, or none.

use orm::Error;
use orm::prelude::*;

use crate::support::{Database, TestResult};

const ROWS: i64 = 10_000;

#[derive(Debug, Clone, PartialEq, Model)]
struct Reading {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    number: i64,
    sensor: String,
    value: f64,
}

async fn readings() -> orm::Result<Database> {
    let db = Database::new().await?;
    db.create_all(schema![Reading]).await?;
    db.sent();
    Ok(db)
}

/// As they come from outside: models, whose keys the database is to make.
fn file() -> Vec<Reading> {
    let value = |number: i64| f64::from(u8::try_from(number % 7).unwrap_or_default()) / 2.0;
    let row = |number| Reading { id: 0, number, sensor: format!("s{}", number % 10), value: value(number) };
    (0..ROWS).map(row).collect()
}

async fn kept(db: &Engine) -> orm::Result<i64> {
    db.fetch_scalar(select(count_all()).from(Reading)).await
}

#[tokio::test]
async fn a_good_file_is_imported_in_a_hundred_statements() -> TestResult {
    let db = readings().await?;

    let imported = db.execute(insert(file())).await?;

    assert_eq!(imported, 10_000);
    assert_eq!(db.sent().len(), 100);
    assert_eq!(kept(&db).await?, ROWS);
    Ok(())
}

#[tokio::test]
async fn the_keys_come_back_in_the_order_of_the_file() -> TestResult {
    let db = readings().await?;

    let keys = db.fetch_all(insert(file()).returning((Reading.id, Reading.number))).await?;

    assert!(keys.iter().map(|(_, number)| *number).eq(0..ROWS));
    assert!(keys.is_sorted());
    Ok(())
}

#[tokio::test]
async fn a_duplicate_in_the_file_leaves_nothing_behind() -> TestResult {
    let db = readings().await?;
    let mut file = file();
    file[7_000].number = 3;

    let error = db.execute(insert(file)).await.expect_err("a number stands twice");

    assert!(matches!(error, Error::UniqueViolation { .. }), "{error}");
    assert!(error.to_string().starts_with("unique violation on `reading.number`"), "{error}");
    assert_eq!(kept(&db).await?, 0);
    assert_eq!(db.pool_state().in_use, 0);
    Ok(())
}

#[tokio::test]
async fn a_value_that_no_column_can_hold_leaves_nothing_behind() -> TestResult {
    let db = readings().await?;
    let mut file = file();
    file[9_999].value = f64::NAN;

    let error = db.execute(insert(file)).await.expect_err("not a number");

    assert!(matches!(&error, Error::Bind { place, .. } if place.contains("reading.value")), "{error}");
    assert_eq!(kept(&db).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_bad_file_spoils_nothing_else_in_the_transaction() -> TestResult {
    let db = readings().await?;
    let mut bad = file();
    bad[7_000].number = 3;

    let mut tx = db.begin().await?;
    tx.execute(insert(Reading { id: 0, number: -1, sensor: "before".into(), value: 0.0 })).await?;
    let refused = tx.execute(insert(bad)).await;
    tx.execute(insert(Reading { id: 0, number: -2, sensor: "after".into(), value: 0.0 })).await?;
    tx.commit().await?;

    assert!(matches!(refused, Err(Error::UniqueViolation { .. })), "{refused:?}");
    let sensors = db.fetch_all(select(Reading.sensor).order_by(Reading.id)).await?;
    assert_eq!(sensors, ["before", "after"]);
    Ok(())
}

#[tokio::test]
async fn what_was_imported_is_read_as_a_stream() -> TestResult {
    let db = readings().await?;
    db.execute(insert(file())).await?;

    let mut rows = db.stream(select(Reading).order_by(Reading.number));
    let (mut next, mut total) = (0, 0.0);
    while let Some(row) = rows.next().await {
        let row = row?;
        assert_eq!(row.number, next);
        (next, total) = (next + 1, total + row.value);
    }

    assert_eq!(next, ROWS);
    let summed: Option<f64> = db.fetch_scalar(select(sum(Reading.value))).await?;
    assert_eq!(summed, Some(total));
    Ok(())
}

#[tokio::test]
async fn a_stream_that_is_left_half_way_gives_its_connection_back() -> TestResult {
    let db = Database::with(|builder| builder.pool_size(1).max_overflow(0)).await?;
    db.create_all(schema![Reading]).await?;
    db.execute(insert(file())).await?;

    let mut rows = db.stream(select(Reading.number).order_by(Reading.number));
    let first = rows.next().await.transpose()?;
    drop(rows);

    assert_eq!(first, Some(0));
    // The pool has one connection: this would wait for ever if the stream kept it.
    assert_eq!(kept(&db).await?, ROWS);
    Ok(())
}
