//! Values for the types of the server's columns, whatever the model says they are.

use orm::Error;
use orm::error::ValueError;
use orm::prelude::*;
use rust_decimal::Decimal;

use crate::database::open;

/// A model that takes the columns for wider than they are.
#[derive(Debug, Clone, PartialEq, Model)]
struct Narrow {
    #[model(primary_key, natural)]
    id: i64,
    small: i64,
    amount: Option<i64>,
    single: Option<f64>,
}

fn narrow(small: i64) -> Narrow {
    Narrow { id: 1, small, amount: Some(i64::MAX), single: Some(0.5) }
}

#[tokio::test]
async fn an_integer_fits_its_column_or_is_refused_by_name() {
    let db = open().await;
    db.execute(sql!("CREATE TABLE narrow (id bigint, small smallint, amount numeric, single real)"))
        .await
        .expect("a table");

    let error = db.execute(insert(narrow(32_768))).await.expect_err("too large");
    db.execute(insert(narrow(32_767))).await.expect("it fits");

    let expected = ValueError::OutOfRange { target: "smallint" };
    assert!(
        matches!(&error, Error::Bind { place, source } if place.contains("narrow.small") && *source == expected),
        "{error:?}"
    );
    let read = sql!("SELECT id, small, CAST(amount AS bigint), single FROM narrow").rows::<(i64, i64, i64, f64)>();
    assert_eq!(db.fetch_one(read).await.expect("a row"), (1, 32_767, i64::MAX, 0.5));
}

#[tokio::test]
async fn a_float_too_large_for_its_column_is_refused_and_never_infinite() {
    let db = open().await;
    db.execute(sql!("CREATE TABLE narrow (id bigint, small smallint, amount numeric, single real)"))
        .await
        .expect("a table");

    let error = db.execute(insert(Narrow { single: Some(1e300), ..narrow(1) })).await.expect_err("too large");

    assert!(matches!(&error, Error::Bind { place, .. } if place.contains("narrow.single")), "{error:?}");
}

/// A word for a type of the database.
#[derive(Debug, Clone, PartialEq, Model)]
struct Mood {
    #[model(primary_key, natural)]
    word: String,
    #[model(column = "at_place")]
    place: Option<String>,
}

#[tokio::test]
async fn text_is_taken_for_types_of_the_databases_own() {
    let db = open().await;
    db.execute(sql!("CREATE TYPE feeling AS ENUM ('sad', 'glad')")).await.expect("a type");
    db.execute(sql!("CREATE TABLE mood (word feeling PRIMARY KEY, at_place point)")).await.expect("a table");
    let mood = |word: &str| Mood { word: word.into(), place: Some("(1,2)".into()) };

    db.execute(insert([mood("sad"), mood("glad")])).await.expect("rows");

    let listed = select(Mood.word).filter(Mood.word.in_(["glad", "sad"])).order_by(Mood.word);
    assert_eq!(db.fetch_all(listed).await.expect("rows"), ["sad", "glad"]);
    assert_eq!(db.fetch_all(select(Mood.word).filter(Mood.word.eq("glad"))).await.expect("rows"), ["glad"]);
    assert_eq!(db.fetch_one(select(Mood).filter(Mood.word.eq("sad"))).await.expect("a row"), mood("sad"));
    let returned = db.fetch_all(update(Mood).set(Mood.place, "(3,4)").all_rows().returning(Mood.place)).await;
    assert_eq!(returned.expect("rows"), [Some("(3,4)".to_owned()), Some("(3,4)".to_owned())]);
    let mut rows = db.stream(select((Mood.word, Mood.place)).order_by(Mood.word.desc()));
    assert_eq!(rows.next().await.expect("a row").expect("a row"), ("glad".into(), Some("(3,4)".into())));
}

/// What `WITH` holds cannot be wrapped.
#[tokio::test]
async fn what_cannot_be_read_and_not_be_cast_is_an_error_that_names_the_column() {
    let db = open().await;

    let read = sql!("WITH x AS (SELECT point(1, 2) AS place) SELECT place FROM x").rows::<String>();
    let error = db.fetch_all(read).await.expect_err("it is no text");

    assert!(matches!(&error, Error::Decode { column, .. } if column == "place"), "{error:?}");
    assert!(error.to_string().contains("CAST(x AS text)"), "{error}");
}

#[tokio::test]
async fn a_text_with_a_nul_is_refused_before_it_is_sent() {
    let db = open().await;
    let mut tx = db.begin().await.expect("a transaction");

    let error = tx.fetch_one(select(value("a\0b".to_owned()))).await.expect_err("a NUL");

    assert!(matches!(error, Error::Bind { .. }), "{error:?}");
    // Nothing was sent, so the transaction has not failed.
    assert_eq!(tx.fetch_one(select(value(1))).await.expect("a row"), 1);
}

#[tokio::test]
async fn decimals_have_the_digits_that_the_server_shows() {
    let db = open().await;
    for text in ["0.0001", "-12345678.9", "10000.00", "9999", "0.00010000", "99999999999999999999999999.99"] {
        let decimal: Decimal = text.parse().expect(text);

        let shown = db.fetch_one(select(value(decimal).cast::<String>())).await.expect(text);
        let read = db.fetch_one(select(value(text.to_owned()).cast::<Decimal>())).await.expect(text);

        assert_eq!((shown.as_str(), read.to_string().as_str()), (text, text));
    }
}

#[tokio::test]
async fn what_no_rust_type_holds_is_an_error_that_names_the_column() {
    let db = open().await;

    let nan = db.fetch_one(sql!("SELECT CAST('NaN' AS numeric) AS odd").rows::<Decimal>()).await;
    let large = db.fetch_one(sql!("SELECT 1e60::numeric AS odd").rows::<Decimal>()).await;
    let narrow = db.fetch_one(sql!("SELECT CAST(70000 AS bigint) AS odd").rows::<i16>()).await;

    for error in [nan.expect_err("NaN"), large.expect_err("too large"), narrow.expect_err("too large")] {
        assert!(matches!(&error, Error::Decode { source: ValueError::OutOfRange { .. }, .. }), "{error:?}");
        assert!(error.to_string().contains("odd"), "{error}");
    }
}
