//! Every type goes to the database and comes back the same, compares as it does in Rust, and is refused where it does
//! not fit.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use orm::Error;
use orm::error::ValueError;
use orm::expr::{greatest, least};
use orm::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::expect::{is_about_now, nothing_was_sent, refused};
use crate::models::{
    Document, Item, ItemId, Kinds, MaybeKinds, Mood, Number, Settings, User, kinds, maybe_kinds, people, user,
};
use crate::{TestDb, TestResult};

/// A table of texts, and the same table as it should not be.
#[derive(Debug, Clone, PartialEq, Model)]
struct Note {
    #[model(primary_key)]
    id: i64,
    content: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "note")]
struct PlainNote {
    #[model(primary_key)]
    id: i64,
    content: String,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "note")]
struct NumberNote {
    #[model(primary_key)]
    id: i64,
    content: i64,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "note")]
struct BytesNote {
    #[model(primary_key)]
    id: i64,
    content: Vec<u8>,
}

/// The table of [`Kinds`] with columns too narrow for it, and an enum that lacks a word.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "kinds")]
struct Narrow {
    #[model(primary_key)]
    id: i64,
    large: i8,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "kinds")]
struct Unsigned {
    #[model(primary_key)]
    id: i64,
    large: u64,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "kinds")]
struct HalfAMood {
    #[model(primary_key)]
    id: i64,
    mood: Calmness,
}

#[derive(Debug, Clone, Copy, PartialEq, DbEnum)]
#[db_enum(name = "mood")]
enum Calmness {
    Calm,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "kinds")]
struct OtherSettings {
    #[model(primary_key)]
    id: i64,
    json: Json<Vec<String>>,
}

/// An account whose number is a newtype of text.
#[derive(Debug, Clone, PartialEq, Model)]
struct Account {
    #[model(primary_key)]
    number: AccountNumber,
    owner: Option<AccountNumber>,
}

#[derive(Debug, Clone, PartialEq, Eq, DbType)]
struct AccountNumber(String);

/// A column of JSON that may be NULL, and JSON that may be null.
#[derive(Debug, Clone, PartialEq, Model)]
struct Payload {
    #[model(primary_key, natural)]
    id: i64,
    content: Option<Json<Option<i64>>>,
}

/// Inserts rows, and reads them back in the order of their keys.
async fn there_and_back(db: &TestDb, rows: &[Kinds]) -> orm::Result<Vec<Kinds>> {
    db.create_all(schema![Kinds]).await?;
    let ids = db.fetch_all(insert(rows.to_vec()).returning(Kinds.id)).await?;
    let mut read = db.fetch_all(select(Kinds).filter(Kinds.id.in_(&ids)).order_by(Kinds.id)).await?;
    // What came back is compared with what was sent, which had no key.
    read.iter_mut().for_each(|row| row.id = 0);
    Ok(read)
}

async fn comes_back(db: &TestDb, rows: &[Kinds]) -> TestResult {
    assert_eq!(there_and_back(db, rows).await?, rows);
    Ok(())
}

// There and back.

pub async fn a_plain_value_of_every_type_comes_back(db: &TestDb) -> TestResult {
    comes_back(db, &[kinds(), Kinds { truth: false, ..kinds() }]).await
}

pub async fn the_smallest_and_largest_integers_come_back(db: &TestDb) -> TestResult {
    let smallest = Kinds {
        tiny: i8::MIN,
        small: i16::MIN,
        medium: i32::MIN,
        large: i64::MIN,
        byte: 0,
        short: 0,
        wide: 0,
        huge: 0,
        ..kinds()
    };
    let largest = Kinds {
        tiny: i8::MAX,
        small: i16::MAX,
        medium: i32::MAX,
        large: i64::MAX,
        byte: u8::MAX,
        short: u16::MAX,
        wide: u32::MAX,
        huge: i64::MAX.unsigned_abs(),
        ..kinds()
    };
    comes_back(db, &[smallest, largest]).await
}

pub async fn floats_come_back_to_the_last_digit(db: &TestDb) -> TestResult {
    let floats = [
        (0.1, 0.1),
        (f32::MAX, f64::MAX),
        (f32::MIN, f64::MIN),
        (f32::MIN_POSITIVE, f64::MIN_POSITIVE),
        (f32::EPSILON, f64::EPSILON),
        (16_777_216.0, 9_007_199_254_740_992.0),
        (1.0 / 3.0, 1.0 / 3.0),
        (-2.0, 5.0),
    ];
    comes_back(db, &floats.map(|(single, double)| Kinds { single, double, ..kinds() })).await
}

pub async fn infinities_come_back(db: &TestDb) -> TestResult {
    let row = |single, double| Kinds { single, double, ..kinds() };
    comes_back(db, &[row(f32::INFINITY, f64::NEG_INFINITY), row(f32::NEG_INFINITY, f64::INFINITY)]).await
}

pub async fn texts_come_back_with_every_character(db: &TestDb) -> TestResult {
    let long = "x".repeat(100_000);
    let texts = [
        "",
        " ",
        "it's \"quoted\"",
        "back\\slash",
        "a\tb\r\nc",
        "Grüße, 世界 🦀 \u{7f}\u{2028}",
        "NULL",
        "0010.50",
        &long,
    ];
    comes_back(db, &texts.map(|text| Kinds { text: text.into(), ..kinds() })).await
}

pub async fn bytes_come_back(db: &TestDb) -> TestResult {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    comes_back(db, &[vec![], vec![0], all, vec![0xff; 100_000]].map(|bytes| Kinds { bytes, ..kinds() })).await
}

pub async fn dates_come_back_from_the_first_year_to_the_last(db: &TestDb) -> TestResult {
    let mut rows = Vec::new();
    for date in ["0001-01-01", "1582-10-10", "1969-12-31", "1970-01-01", "2000-02-29", "9999-12-31"] {
        rows.push(Kinds { date: date.parse()?, ..kinds() });
    }
    comes_back(db, &rows).await
}

pub async fn times_of_day_come_back_to_the_microsecond(db: &TestDb) -> TestResult {
    let mut rows = Vec::new();
    for time in ["00:00:00", "12:30:00.5", "23:59:59.999999"] {
        rows.push(Kinds { time: time.parse()?, ..kinds() });
    }
    comes_back(db, &rows).await
}

pub async fn local_times_come_back_to_the_microsecond(db: &TestDb) -> TestResult {
    let mut rows = Vec::new();
    for local in [
        "0001-01-01T00:00:00",
        "1969-12-31T23:59:59.999999",
        "2024-02-29T12:00:00.000001",
        "9999-12-31T23:59:59.999999",
    ] {
        rows.push(Kinds { local: local.parse()?, ..kinds() });
    }
    comes_back(db, &rows).await
}

pub async fn points_in_time_come_back_to_the_microsecond(db: &TestDb) -> TestResult {
    let mut rows = Vec::new();
    for instant in [
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "2024-02-29T23:30:00.000001-02:00",
        "9999-12-31T23:59:59.999999Z",
    ] {
        rows.push(Kinds { instant: instant.parse()?, ..kinds() });
    }
    comes_back(db, &rows).await
}

pub async fn digits_finer_than_a_microsecond_are_cut_off(db: &TestDb) -> TestResult {
    let coarse: DateTime<Utc> = "2024-02-29T12:00:00.123456Z".parse()?;
    let fine = coarse + TimeDelta::nanoseconds(789);

    let read =
        there_and_back(db, &[Kinds { instant: fine, time: fine.time(), local: fine.naive_utc(), ..kinds() }]).await?;

    assert_eq!((read[0].instant, read[0].time, read[0].local), (coarse, coarse.time(), coarse.naive_utc()));
    Ok(())
}

pub async fn uuids_come_back(db: &TestDb) -> TestResult {
    comes_back(db, &[Uuid::nil(), Uuid::max(), Uuid::from_u128(0x1234)].map(|uuid| Kinds { uuid, ..kinds() })).await
}

pub async fn json_comes_back(db: &TestDb) -> TestResult {
    let inner = Settings { theme: "\"dark\" \\ 🦀\n".into(), sizes: vec![0, u32::MAX], fallback: None };
    let outer = Settings { theme: String::new(), sizes: vec![], fallback: Some(Box::new(inner)) };
    comes_back(db, &[Kinds { json: Json(outer), ..kinds() }]).await
}

pub async fn null_within_json_is_not_null(db: &TestDb) -> TestResult {
    db.create_all(schema![Payload]).await?;
    let payload = |id, content| Payload { id, content };
    let rows = vec![payload(1, Some(Json(Some(5)))), payload(2, Some(Json(None))), payload(3, None)];

    db.execute(insert(rows.clone())).await?;

    assert_eq!(db.fetch_all(select(Payload).order_by(Payload.id)).await?, rows);
    assert_eq!(db.fetch_all(select(Payload.id).filter(Payload.content.is_null())).await?, [3]);
    Ok(())
}

pub async fn decimals_come_back_with_every_digit_and_their_scale(db: &TestDb) -> TestResult {
    let texts = [
        "0",
        "0.00",
        "1.50",
        "-1.500",
        "79228162514264337593543950335",
        "-7.9228162514264337593543950335",
        "0.0000000000000000000000000001",
        "1234567890123456789012345.678",
    ];
    let mut rows = Vec::new();
    for text in texts {
        rows.push(Kinds { decimal: text.parse()?, ..kinds() });
    }

    let read = there_and_back(db, &rows).await?;

    let read: Vec<String> = read.iter().map(|row| row.decimal.to_string()).collect();
    assert_eq!(read, texts);
    Ok(())
}

pub async fn words_of_an_enum_come_back(db: &TestDb) -> TestResult {
    comes_back(db, &[Mood::Calm, Mood::InLove, Mood::FedUp].map(|mood| Kinds { mood, ..kinds() })).await?;

    let words = db.fetch_all(select(Kinds.mood.cast::<String>()).order_by(Kinds.id)).await?;

    assert_eq!(words, ["calm", "in_love", "fed up"]);
    Ok(())
}

pub async fn newtypes_come_back_as_keys_and_as_columns(db: &TestDb) -> TestResult {
    db.create_all(schema![Account]).await?;
    let number = |text: &str| AccountNumber(text.into());
    let accounts =
        [Account { number: number("A"), owner: None }, Account { number: number("B"), owner: Some(number("A")) }];

    db.execute(insert(accounts.clone())).await?;

    assert_eq!(db.fetch_all(select(Account).order_by(Account.number)).await?, accounts);
    assert_eq!(db.get(Account, number("B")).await?.as_ref(), accounts.last());
    assert_eq!(db.fetch_all(select(Account.number).filter(Account.owner.eq(number("A")))).await?, [number("B")]);
    comes_back(db, &[Kinds { item: ItemId(i64::MAX), ..kinds() }]).await
}

pub async fn every_type_may_be_missing(db: &TestDb) -> TestResult {
    db.create_all(schema![MaybeKinds]).await?;
    let full = maybe_kinds();

    let read = db.fetch_one(insert(full.clone()).returning(MaybeKinds)).await?;
    let none = db.fetch_one(insert(MaybeKinds::builder()).returning(MaybeKinds)).await?;

    assert_eq!(read, MaybeKinds { id: read.id, ..full });
    assert_eq!(none, MaybeKinds::builder().id(none.id).build());
    let MaybeKinds { truth, text, json, decimal, mood, .. } = none;
    assert_eq!((truth, text, json, decimal, mood), (None, None, None, None, None));
    Ok(())
}

pub async fn every_type_can_be_selected_as_a_column(db: &TestDb) -> TestResult {
    let row = kinds();
    there_and_back(db, std::slice::from_ref(&row)).await?;

    let numbers = db
        .fetch_one(select((
            Kinds.tiny,
            Kinds.small,
            Kinds.medium,
            Kinds.large,
            Kinds.byte,
            Kinds.short,
            Kinds.wide,
            Kinds.huge,
        )))
        .await?;
    let times = db.fetch_one(select((Kinds.date, Kinds.time, Kinds.local, Kinds.instant))).await?;
    let others =
        db.fetch_one(select((Kinds.truth, Kinds.single, Kinds.double, Kinds.text, Kinds.bytes, Kinds.uuid))).await?;
    let special = db.fetch_one(select((Kinds.json, Kinds.decimal, Kinds.mood, Kinds.item))).await?;

    assert_eq!(numbers, (row.tiny, row.small, row.medium, row.large, row.byte, row.short, row.wide, row.huge));
    assert_eq!(times, (row.date, row.time, row.local, row.instant));
    assert_eq!(others, (row.truth, row.single, row.double, row.text, row.bytes, row.uuid));
    assert_eq!(special, (row.json, row.decimal, row.mood, row.item));
    Ok(())
}

pub async fn every_type_can_be_a_bound_value(db: &TestDb) -> TestResult {
    let row = kinds();

    let numbers = db
        .fetch_one(select((value(row.tiny), value(row.small), value(row.medium), value(row.byte), value(row.huge))))
        .await?;
    let times = db.fetch_one(select((value(row.date), value(row.time), value(row.local), value(row.instant)))).await?;
    let others = db
        .fetch_one(select((
            value(row.truth),
            value(row.single),
            value(row.double),
            value(row.bytes.clone()),
            value(row.uuid),
            value(row.json.clone()),
            value(row.decimal),
            value(row.mood),
        )))
        .await?;

    assert_eq!(numbers, (row.tiny, row.small, row.medium, row.byte, row.huge));
    assert_eq!(times, (row.date, row.time, row.local, row.instant));
    assert_eq!(others, (row.truth, row.single, row.double, row.bytes, row.uuid, row.json, row.decimal, row.mood));
    Ok(())
}

// Comparing.

/// That a column compares as its type does: of two rows with a smaller and a larger value, each comparison finds the
/// right ones.
macro_rules! compares {
    ($db:ident, $column:ident: $smaller:expr, $larger:expr) => {{
        let (smaller, larger) = ($smaller, $larger);
        $db.execute(delete(Kinds).all_rows()).await?;
        let ids = $db
            .fetch_all(
                insert([Kinds { $column: smaller.clone(), ..kinds() }, Kinds { $column: larger.clone(), ..kinds() }])
                    .returning(Kinds.id),
            )
            .await?;
        let which = async |condition: Expr<bool>| {
            let found = $db.fetch_all(select(Kinds.id).filter(condition).order_by(Kinds.id)).await?;
            Ok::<_, Error>(found.iter().map(|id| ids.iter().position(|known| known == id)).collect::<Vec<_>>())
        };
        let (small, large, both) = ([Some(0)], [Some(1)], [Some(0), Some(1)]);
        let column = stringify!($column);
        assert_eq!(which(Kinds.$column.eq(smaller.clone())).await?, small, "{column} =");
        assert_eq!(which(Kinds.$column.ne(smaller.clone())).await?, large, "{column} <>");
        assert_eq!(which(Kinds.$column.lt(larger.clone())).await?, small, "{column} <");
        assert_eq!(which(Kinds.$column.ge(larger.clone())).await?, large, "{column} >=");
        assert_eq!(which(Kinds.$column.between(smaller.clone(), larger.clone())).await?, both, "{column} BETWEEN");
        assert_eq!(which(Kinds.$column.in_(vec![larger.clone()])).await?, large, "{column} IN one");
        assert_eq!(which(Kinds.$column.in_(vec![smaller.clone(), larger.clone()])).await?, both, "{column} IN two");
        assert_eq!(which(Kinds.$column.not_in(vec![larger.clone()])).await?, small, "{column} NOT IN");
        assert_eq!(which(Kinds.$column.is_not_distinct_from(larger)).await?, large, "{column} IS NOT DISTINCT");
        assert_eq!(which(Kinds.$column.is_null()).await?, [], "{column} IS NULL");
        let order = $db.fetch_all(select(Kinds.$column).order_by(Kinds.$column.desc()).limit(1)).await?;
        assert_eq!(order, [$larger], "{column} ORDER BY");
    }};
}

/// As `compares!`, and with the smallest and the largest.
macro_rules! compares_and_has_ends {
    ($db:ident, $column:ident: $smaller:expr, $larger:expr) => {{
        compares!($db, $column: $smaller, $larger);
        let ends = $db.fetch_one(select((min(Kinds.$column), max(Kinds.$column)))).await?;
        assert_eq!(ends, (Some($smaller), Some($larger)), "min and max of {}", stringify!($column));
    }};
}

pub async fn integers_compare_as_numbers(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;

    compares_and_has_ends!(db, tiny: -9_i8, 10_i8);
    compares_and_has_ends!(db, small: 9_i16, 10_i16);
    compares_and_has_ends!(db, medium: 9_i32, 10_i32);
    compares_and_has_ends!(db, large: i64::MAX - 1, i64::MAX);
    compares_and_has_ends!(db, byte: 9_u8, 255_u8);
    compares_and_has_ends!(db, short: 9_u16, u16::MAX);
    compares_and_has_ends!(db, wide: 9_u32, u32::MAX);
    compares_and_has_ends!(db, huge: 9_u64, i64::MAX.unsigned_abs());
    Ok(())
}

pub async fn floats_compare_as_numbers(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;

    compares_and_has_ends!(db, single: 0.1_f32, 0.2_f32);
    compares_and_has_ends!(db, double: -1e300_f64, 1e-300_f64);
    compares_and_has_ends!(db, double: 9.5_f64, f64::INFINITY);
    Ok(())
}

pub async fn truth_values_compare(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;

    compares!(db, truth: false, true);
    Ok(())
}

pub async fn texts_and_bytes_compare(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;

    compares_and_has_ends!(db, text: String::from("it's"), String::from("ju\"st"));
    compares_and_has_ends!(db, text: String::new(), String::from("a"));
    compares!(db, bytes: vec![0_u8, 1], vec![0_u8, 255]);
    compares!(db, bytes: Vec::<u8>::new(), vec![0_u8]);
    Ok(())
}

pub async fn dates_and_times_compare_in_the_order_of_time(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;
    let (early, late): (NaiveDate, NaiveDate) = ("0999-12-31".parse()?, "2024-02-29".parse()?);
    let (morning, evening): (NaiveTime, NaiveTime) = ("09:30:00".parse()?, "09:30:00.000001".parse()?);
    let local = |date: NaiveDate, time: NaiveTime| NaiveDateTime::new(date, time);
    let instant = |date, time| local(date, time).and_utc();

    compares_and_has_ends!(db, date: early, late);
    compares_and_has_ends!(db, time: morning, evening);
    compares_and_has_ends!(db, local: local(late, morning), local(late, evening));
    compares_and_has_ends!(db, instant: instant(early, evening), instant(late, morning));
    Ok(())
}

pub async fn uuids_enums_and_newtypes_compare(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;

    compares!(db, uuid: Uuid::from_u128(1), Uuid::from_u128(u128::MAX));
    // In the order of their words and in the order in which they are declared, for databases differ.
    compares!(db, mood: Mood::Calm, Mood::InLove);
    compares_and_has_ends!(db, item: ItemId(9), ItemId(10));
    Ok(())
}

pub async fn json_is_equal_to_itself(db: &TestDb) -> TestResult {
    let json = Json(Settings { theme: "dark".into(), ..Settings::default() });
    there_and_back(db, &[kinds(), Kinds { json: json.clone(), ..kinds() }]).await?;

    let dark = db.fetch_all(select(Kinds.json).filter(Kinds.json.eq(json.clone()))).await?;

    assert_eq!(dark, [json]);
    Ok(())
}

// Decimals.

fn decimal(text: &str) -> Result<Decimal, rust_decimal::Error> {
    text.parse()
}

async fn prices(db: &TestDb, prices: &[&str]) -> TestResult {
    db.create_all(schema![Item]).await?;
    for (number, price) in prices.iter().enumerate() {
        db.execute(insert(Item::builder().name(format!("{number}")).price(decimal(price)?))).await?;
    }
    Ok(())
}

pub async fn decimals_compare_by_value(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;

    compares_and_has_ends!(db, decimal: decimal("9.5")?, decimal("10.25")?);
    compares_and_has_ends!(db, decimal: decimal("-10")?, decimal("-9.75")?);
    compares_and_has_ends!(db, decimal: decimal("0.0000000000000000000000000001")?, decimal("0.01")?);
    Ok(())
}

pub async fn decimals_of_different_scale_are_equal(db: &TestDb) -> TestResult {
    prices(db, &["1.0", "2"]).await?;
    let named = async |condition: Expr<bool>| db.fetch_all(select(Item.name).filter(condition)).await;

    assert_eq!(named(Item.price.eq(decimal("1.00")?)).await?, ["0"]);
    assert_eq!(named(Item.price.in_([decimal("1.000")?, decimal("7")?])).await?, ["0"]);
    assert_eq!(named(Item.price.ne(decimal("1")?)).await?, ["1"]);
    Ok(())
}

pub async fn decimals_of_different_scale_are_one_group(db: &TestDb) -> TestResult {
    prices(db, &["1.0", "1.00", "2"]).await?;

    let groups = db.fetch_all(select((Item.price, count(Item.id))).group_by(Item.price).order_by(Item.price)).await?;
    let distinct = db.fetch_scalar(select(count(Item.price).distinct())).await?;

    assert_eq!(groups, [(Some(decimal("1")?), 2), (Some(decimal("2")?), 1)]);
    assert_eq!(distinct, 2);
    Ok(())
}

pub async fn decimals_sort_by_value(db: &TestDb) -> TestResult {
    prices(db, &["9.5", "10.25", "-1", "100"]).await?;

    let names = db.fetch_all(select(Item.name).order_by(Item.price)).await?;

    assert_eq!(names, ["2", "0", "1", "3"]);
    Ok(())
}

pub async fn aggregates_of_decimals_are_exact(db: &TestDb) -> TestResult {
    prices(db, &["0.1", "0.2", "10.25", "9.5"]).await?;

    let row = db.fetch_one(select((sum(Item.price), min(Item.price), max(Item.price)))).await?;
    let few = db.fetch_scalar(select(sum(Item.price)).filter(Item.price.lt(decimal("1")?))).await?;

    assert_eq!(row, (Some(decimal("20.05")?), Some(decimal("0.1")?), Some(decimal("10.25")?)));
    assert_eq!(few, Some(decimal("0.3")?));
    Ok(())
}

pub async fn the_mean_of_decimals_is_a_float(db: &TestDb) -> TestResult {
    prices(db, &["1.5", "2.5"]).await?;

    assert_eq!(db.fetch_scalar(select(avg(Item.price))).await?, Some(2.0));
    Ok(())
}

pub async fn arithmetic_of_decimals_is_exact(db: &TestDb) -> TestResult {
    prices(db, &["0.1"]).await?;
    let (tenth, fifth) = (Item.price, decimal("0.2")?);

    let row =
        db.fetch_one(select((tenth + fifth, tenth - fifth, tenth * fifth, -tenth, (tenth - fifth).abs()))).await?;

    let some = |text: &str| decimal(text).map(Some);
    assert_eq!(row, (some("0.3")?, some("-0.1")?, some("0.02")?, some("-0.1")?, some("0.1")?));
    Ok(())
}

pub async fn decimals_divide(db: &TestDb) -> TestResult {
    prices(db, &["7.5"]).await?;
    let two = decimal("2")?;

    let row = db.fetch_one(select((Item.price / two, Item.price % two, Item.price / Decimal::ZERO))).await?;

    assert_eq!(row, (Some(decimal("3.75")?), Some(decimal("1.5")?), None));
    Ok(())
}

pub async fn computed_decimals_compare_by_value(db: &TestDb) -> TestResult {
    prices(db, &["9.5", "10.25"]).await?;
    let named =
        async |condition: Expr<bool>| db.fetch_all(select(Item.name).filter(condition).order_by(Item.name)).await;
    let (one, ten) = (decimal("1")?, decimal("10")?);

    assert_eq!(named((Item.price * one).lt(ten)).await?, ["0"]);
    assert_eq!(named((Item.price + one).eq(decimal("10.500")?)).await?, ["0"]);
    assert_eq!(named(Item.price.coalesce(one).lt(ten)).await?, ["0"]);
    assert_eq!(named((Item.price * one).between(one, ten)).await?, ["0"]);
    assert_eq!(named((Item.price * one).in_([decimal("9.50")?])).await?, ["0"]);
    assert_eq!(named((Item.price * one).lt(Item.price + one)).await?, ["0", "1"]);
    assert_eq!(named(value(ten).gt(Item.price)).await?, ["0"]);
    Ok(())
}

pub async fn computed_decimals_sort_by_value(db: &TestDb) -> TestResult {
    prices(db, &["10.25", "9.5"]).await?;
    let one = decimal("1")?;

    let by_product = db.fetch_all(select(Item.name).order_by(Item.price * one)).await?;
    let by_case = case::<Decimal>().when(Item.price.is_null(), one).otherwise(Item.price);
    let by_case = db.fetch_all(select(Item.name).order_by(by_case)).await?;
    let by_sum = db.fetch_all(select(Item.name).group_by(Item.name).order_by(sum(Item.price))).await?;
    let ends = db.fetch_one(select((min(Item.price * one), max(Item.price * one)))).await?;

    assert_eq!((by_product, by_case), (vec!["1".to_string(), "0".into()], vec!["1".to_string(), "0".into()]));
    assert_eq!(by_sum, ["1", "0"]);
    assert_eq!(ends, (Some(decimal("9.5")?), Some(decimal("10.25")?)));
    Ok(())
}

pub async fn computed_decimals_of_different_scale_are_one_group(db: &TestDb) -> TestResult {
    prices(db, &["1.0", "1.00", "2"]).await?;
    let computed = || Item.price * Decimal::ONE;

    let groups = db.fetch_all(select((computed(), count(Item.id))).group_by(computed()).order_by(computed())).await?;
    let distinct = db.fetch_all(select(computed()).distinct().order_by(computed())).await?;

    let (one, two) = (Some(decimal("1")?), Some(decimal("2")?));
    assert_eq!(groups, [(one, 2), (two, 1)]);
    assert_eq!(distinct, [one, two]);
    Ok(())
}

pub async fn bound_decimals_compare_by_value(db: &TestDb) -> TestResult {
    let (less, more) = (decimal("9.5")?, decimal("10.25")?);

    let row = db.fetch_one(select((value(less).lt(more), value(less).eq(decimal("9.50")?)))).await?;

    assert_eq!(row, (true, true));
    Ok(())
}

pub async fn the_greatest_of_decimals_is_the_greatest_by_value(db: &TestDb) -> TestResult {
    prices(db, &["9.5"]).await?;
    let (price, other) = (Item.price.into_expr(), value(Some(decimal("10.25")?)));

    let row = db.fetch_one(select((greatest([price.clone(), other.clone()]), least([price, other])))).await?;

    assert_eq!(row, (Some(decimal("10.25")?), Some(decimal("9.5")?)));
    Ok(())
}

pub async fn aggregated_decimals_compare_by_value(db: &TestDb) -> TestResult {
    prices(db, &["9.5", "10.25"]).await?;
    let ten = decimal("10")?;
    let names =
        async |condition: Expr<bool>| db.fetch_all(select(Item.name).group_by(Item.name).having(condition)).await;

    assert_eq!(names(sum(Item.price).lt(ten)).await?, ["0"]);
    assert_eq!(names(max(Item.price).lt(ten)).await?, ["0"]);
    Ok(())
}

pub async fn subqueries_of_decimals_compare_by_value(db: &TestDb) -> TestResult {
    prices(db, &["9.5", "10.25"]).await?;
    let other = Item.alias("other");
    let most = || select(max(other.price));

    let cheaper = db.fetch_all(select(Item.name).filter(Item.price.lt(most()))).await?;
    let equal = db.fetch_all(select(Item.name).filter(Item.price.in_(select(other.price + decimal("0.75")?)))).await?;

    assert_eq!((cheaper, equal), (vec!["0".to_string()], vec!["1".to_string()]));
    Ok(())
}

// What cannot be written.

pub async fn a_number_too_large_for_any_column_names_its_column(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;
    db.log.take();

    let error = refused(db.execute(insert(Kinds { huge: i64::MAX.unsigned_abs() + 1, ..kinds() })).await)?;

    let out_of_range = |source: &ValueError| matches!(source, ValueError::OutOfRange { .. });
    assert!(
        matches!(&error, Error::Bind { place, source } if place.contains("kinds.huge") && out_of_range(source)),
        "{error:?}"
    );
    assert!(nothing_was_sent(db));
    assert_eq!(db.fetch_scalar(select(count(Kinds.id))).await?, 0);
    Ok(())
}

pub async fn one_bad_row_among_many_leaves_none(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;
    let mut rows = vec![kinds(); 120];
    rows.push(Kinds { huge: u64::MAX, ..kinds() });

    let error = refused(db.execute(insert(rows)).await)?;

    assert_eq!(error.kind(), "Bind", "{error}");
    assert_eq!(db.fetch_scalar(select(count(Kinds.id))).await?, 0);
    Ok(())
}

pub async fn a_transaction_goes_on_after_a_value_that_cannot_be_bound(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;
    let mut tx = db.begin().await?;

    let error = refused(tx.execute(insert(Kinds { huge: u64::MAX, ..kinds() })).await)?;
    tx.execute(insert(kinds())).await?;
    tx.commit().await?;

    assert_eq!(error.kind(), "Bind", "{error}");
    assert_eq!(db.fetch_scalar(select(count(Kinds.id))).await?, 1);
    Ok(())
}

pub async fn a_filter_by_a_number_too_large_for_any_column_is_refused(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;
    db.log.take();

    let compared = refused(db.fetch_all(select(Kinds.id).filter(Kinds.huge.lt(u64::MAX))).await)?;
    let listed = refused(db.fetch_all(select(Kinds.id).filter(Kinds.huge.in_([1, u64::MAX]))).await)?;

    assert_eq!((compared.kind(), listed.kind()), ("Bind", "Bind"));
    assert!(nothing_was_sent(db));
    Ok(())
}

pub async fn nan_is_refused_and_names_its_column(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;
    db.log.take();

    let single = refused(db.execute(insert(Kinds { single: f32::NAN, ..kinds() })).await)?;
    let double = refused(db.execute(insert(Kinds { double: f64::NAN, ..kinds() })).await)?;
    let compared = refused(db.fetch_all(select(Kinds.id).filter(Kinds.double.eq(f64::NAN))).await)?;

    for (error, column) in [(&single, "kinds.single"), (&double, "kinds.double"), (&compared, "")] {
        assert!(matches!(error, Error::Bind { place, .. } if place.contains(column)), "{error:?}");
    }
    assert!(nothing_was_sent(db));
    Ok(())
}

// What cannot be read.

/// The column and the fault of an error of reading.
fn fault(error: &Error) -> (&str, Option<&ValueError>) {
    match error {
        Error::Decode { column, source } => (column, Some(source)),
        _ => ("", None),
    }
}

async fn note(db: &TestDb, content: Option<&str>) -> orm::Result<()> {
    db.create_all(schema![Note]).await?;
    db.execute(insert(Note { id: 0, content: content.map(String::from) })).await?;
    Ok(())
}

pub async fn null_for_a_plain_field_names_the_column_and_says_option(db: &TestDb) -> TestResult {
    note(db, None).await?;

    let model = refused(db.fetch_all(select(PlainNote)).await)?;
    let column = refused(db.fetch_all(select(PlainNote.content)).await)?;

    assert_eq!(fault(&model), ("note.content", Some(&ValueError::Null { expected: "String" })));
    assert_eq!(fault(&column), ("content", Some(&ValueError::Null { expected: "String" })));
    assert!(model.to_string().contains("`Option`"), "{model}");
    Ok(())
}

pub async fn a_column_of_another_type_names_the_column_and_both_types(db: &TestDb) -> TestResult {
    note(db, Some("text")).await?;

    let number = refused(db.fetch_all(select(NumberNote)).await)?;
    let bytes = refused(db.fetch_all(select(BytesNote)).await)?;

    let mismatch = |expected| ValueError::Mismatch { expected, found: "text" };
    assert_eq!(fault(&number), ("note.content", Some(&mismatch("i64"))));
    assert_eq!(fault(&bytes), ("note.content", Some(&mismatch("Vec<u8>"))));
    Ok(())
}

pub async fn a_number_too_large_for_the_field_names_the_column(db: &TestDb) -> TestResult {
    there_and_back(db, &[Kinds { large: 128, ..kinds() }]).await?;

    let error = refused(db.fetch_all(select(Narrow)).await)?;

    assert_eq!(fault(&error), ("kinds.large", Some(&ValueError::OutOfRange { target: "i8" })));
    Ok(())
}

pub async fn a_negative_number_for_an_unsigned_field_names_the_column(db: &TestDb) -> TestResult {
    there_and_back(db, &[Kinds { large: -1, ..kinds() }]).await?;

    let error = refused(db.fetch_all(select(Unsigned)).await)?;

    assert_eq!(fault(&error), ("kinds.large", Some(&ValueError::OutOfRange { target: "u64" })));
    Ok(())
}

pub async fn a_word_that_the_enum_lacks_is_named_with_those_it_has(db: &TestDb) -> TestResult {
    there_and_back(db, &[Kinds { mood: Mood::FedUp, ..kinds() }]).await?;

    let error = refused(db.fetch_all(select(HalfAMood)).await)?;

    assert_eq!(fault(&error).0, "kinds.mood");
    let text = error.to_string();
    assert!(text.contains("fed up") && text.contains("Calmness") && text.contains("calm"), "{text}");
    Ok(())
}

pub async fn json_of_another_form_names_the_column(db: &TestDb) -> TestResult {
    there_and_back(db, &[kinds()]).await?;

    let error = refused(db.fetch_all(select(OtherSettings)).await)?;

    assert!(matches!(fault(&error), ("kinds.json", Some(ValueError::Json(_)))), "{error:?}");
    Ok(())
}

pub async fn a_row_that_cannot_be_read_leaves_the_transaction_usable(db: &TestDb) -> TestResult {
    note(db, Some("text")).await?;
    let mut tx = db.begin().await?;

    refused(tx.fetch_all(select(NumberNote)).await)?;
    tx.execute(delete(Note).all_rows()).await?;
    tx.commit().await?;

    assert_eq!(db.fetch_scalar(select(count(Note.id))).await?, 0);
    Ok(())
}

pub async fn sql_by_hand_that_has_too_few_columns_says_so(db: &TestDb) -> TestResult {
    people(db).await?;

    let error = refused(db.fetch_all(sql!("SELECT id FROM users").rows::<(i64, String)>()).await)?;

    assert!(matches!(fault(&error).1, Some(ValueError::NoColumn { width: 1 })), "{error:?}");
    Ok(())
}

// The database's own clock.

pub async fn now_is_the_same_throughout_a_statement(db: &TestDb) -> TestResult {
    db.create_all(schema![Number]).await?;
    db.execute(insert([1, 2].map(|value| Number { value }))).await?;

    let times = db.fetch_all(select((orm::expr::now::<DateTime<Utc>>(), Number.value))).await?;

    assert_eq!(times[0].0, times[1].0);
    assert!(is_about_now(times[0].0), "{times:?}");
    Ok(())
}

pub async fn now_can_be_compared_with_a_column(db: &TestDb) -> TestResult {
    db.create_all(schema![Item]).await?;
    let then: DateTime<Utc> = "1999-12-31T23:59:59Z".parse()?;
    db.execute(insert(Item::builder().name("old").since(then))).await?;
    db.execute(insert(Item::builder().name("ageless").since(then + TimeDelta::days(400_000)))).await?;

    let past = db.fetch_all(select(Item.name).filter(Item.since.lt(orm::expr::now::<DateTime<Utc>>()))).await?;

    assert_eq!(past, ["old"]);
    Ok(())
}

// Keys.

pub async fn rows_are_found_by_keys_of_every_kind(db: &TestDb) -> TestResult {
    db.create_all(schema![Document, Item, User]).await?;
    let document = Document::builder().name("one").build();
    db.execute(insert(document.clone())).await?;
    let item = db.fetch_one(insert(Item::builder().name("wheel")).returning(Item.id)).await?;
    let id = db.fetch_one(insert(user("Alice")).returning(User.id)).await?;

    assert_eq!(db.get(Document, document.id).await?, Some(document));
    assert_eq!(db.get(Item, item).await?.map(|item| item.name).as_deref(), Some("wheel"));
    assert_eq!(db.get(User, id).await?.map(|user| user.name).as_deref(), Some("Alice"));
    Ok(())
}
