//! Types and parts of a schema that one database has as its own, and another by something that means the same.

use std::net::IpAddr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use orm::Error;
use orm::error::ValueError;
use orm::prelude::*;
use orm::types::{Cidr, Inet, MaybeInfinite};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::expect::refused;
use crate::{TestDb, TestResult};

/// An array of every type.
#[derive(Debug, Clone, PartialEq, Default, Model)]
struct Arrays {
    #[model(primary_key)]
    id: i64,
    truths: Vec<bool>,
    tiny: Vec<i8>,
    small: Vec<i16>,
    medium: Vec<i32>,
    large: Vec<i64>,
    short: Vec<u16>,
    wide: Vec<u32>,
    huge: Vec<u64>,
    single: Vec<f32>,
    double: Vec<f64>,
    texts: Vec<String>,
    bytes: Vec<Vec<u8>>,
    dates: Vec<NaiveDate>,
    locals: Vec<NaiveDateTime>,
    instants: Vec<DateTime<Utc>>,
    uuids: Vec<Uuid>,
    decimals: Vec<Decimal>,
    json: Vec<Json<Vec<i64>>>,
    moods: Vec<Weather>,
    addresses: Vec<IpAddr>,
    maybe: Vec<Option<i32>>,
    maybe_texts: Vec<Option<String>>,
    optional: Option<Vec<i64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, DbEnum)]
#[db_enum(native, name = "weather")]
enum Weather {
    Sun,
    #[db_enum(rename = "it's rain, \"heavy\"")]
    Rain,
}

/// The least and greatest of each, and texts that are hard to write.
fn full() -> orm::Result<Arrays> {
    let instant = DateTime::from_timestamp_micros(-1).unwrap_or_default();
    Ok(Arrays {
        id: 0,
        truths: vec![true, false],
        tiny: vec![i8::MIN, i8::MAX],
        small: vec![i16::MIN, i16::MAX],
        medium: vec![i32::MIN, 0, i32::MAX],
        large: vec![i64::MIN, i64::MAX],
        short: vec![u16::MAX],
        wide: vec![u32::MAX],
        huge: vec![0, 1 << 62],
        single: vec![0.1, f32::MAX, f32::NEG_INFINITY],
        double: vec![0.1, -0.0, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY, 1e15],
        texts: ["", "a,b", "{\"x\"}", "NULL", "back\\slash", "tab\tline\n", "Grüße 🦀", " "]
            .map(str::to_owned)
            .to_vec(),
        bytes: vec![vec![], vec![0, 255, 16]],
        dates: [(1, 1, 1), (9999, 12, 31)]
            .into_iter()
            .filter_map(|(y, m, d)| NaiveDate::from_ymd_opt(y, m, d))
            .collect(),
        locals: vec![instant.naive_utc()],
        instants: vec![instant],
        uuids: vec![Uuid::nil(), Uuid::max()],
        decimals: vec![Decimal::new(-1250, 2), Decimal::MAX],
        json: vec![Json(vec![1, 2]), Json(vec![])],
        moods: vec![Weather::Rain, Weather::Sun],
        addresses: vec![[10, 0, 0, 1].into(), [0, 0, 0, 0, 0, 0, 0, 1].into()],
        maybe: vec![Some(1), None, Some(-1)],
        maybe_texts: vec![None, Some("NULL".into())],
        optional: Some(vec![]),
    })
}

pub async fn arrays_of_every_type_come_back(db: &TestDb) -> TestResult {
    db.create_all(schema![Arrays]).await?;
    let rows = [full()?, Arrays::default()];

    let ids = db.fetch_all(insert(rows.to_vec()).returning(Arrays.id)).await?;

    let read = db.fetch_all(select(Arrays).filter(Arrays.id.in_(&ids)).order_by(Arrays.id)).await?;
    let expected: Vec<_> = rows.into_iter().zip(ids).map(|(row, id)| Arrays { id, ..row }).collect();
    assert_eq!(read, expected);
    Ok(())
}

pub async fn arrays_are_copied_out_and_found_by_themselves(db: &TestDb) -> TestResult {
    db.create_all(schema![Arrays]).await?;
    let id = db.fetch_one(insert(full()?).returning(Arrays.id)).await?;
    let row = Arrays { id, ..full()? };
    let the_same = Arrays.truths.eq(row.truths.clone())
        & Arrays.large.eq(row.large.clone())
        & Arrays.double.eq(row.double.clone())
        & Arrays.texts.eq(row.texts.clone())
        & Arrays.bytes.eq(row.bytes.clone())
        & Arrays.dates.eq(row.dates.clone())
        & Arrays.instants.eq(row.instants.clone())
        & Arrays.uuids.eq(row.uuids.clone())
        & Arrays.moods.eq(row.moods.clone())
        & Arrays.maybe_texts.eq(row.maybe_texts.clone());

    let copied = db.copy_out(select(Arrays).filter(the_same)).next().await.transpose()?;

    assert_eq!(copied, Some(row));
    Ok(())
}

pub async fn an_array_compares_with_a_value_a_slice_and_a_column(db: &TestDb) -> TestResult {
    db.create_all(schema![Arrays]).await?;
    let rows = [full()?, Arrays::default()];
    db.execute(insert(rows.to_vec())).await?;
    let count = async |condition: Expr<bool>| db.fetch_one(select(count_all()).from(Arrays).filter(condition)).await;

    assert_eq!(count(Arrays.maybe.eq(vec![Some(1), None, Some(-1)])).await?, 1);
    assert_eq!(count(Arrays.texts.eq(&[][..])).await?, 1);
    assert_eq!(count(Arrays.large.ne(Arrays.large)).await?, 0);
    assert_eq!(count(Arrays.large.in_([vec![], vec![1]])).await?, 1);
    assert_eq!(count(Arrays.optional.eq(None::<Vec<i64>>)).await?, 1);
    Ok(())
}

pub async fn an_array_may_be_a_bound_value_by_itself(db: &TestDb) -> TestResult {
    let row = db
        .fetch_one(select((value(vec![1_i32, -1]), value(vec!["a".to_owned()]), value(vec![Some(0.5), None]))))
        .await?;

    assert_eq!(row, (vec![1, -1], vec!["a".to_owned()], vec![Some(0.5), None]));
    Ok(())
}

pub async fn arrays_are_found_by_what_is_in_them(db: &TestDb) -> TestResult {
    db.create_all(schema![Arrays]).await?;
    let arrays = |texts: &[&str], maybe: &[Option<i32>]| Arrays {
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        maybe: maybe.to_vec(),
        ..Arrays::default()
    };
    let rows = [arrays(&["a", "b"], &[Some(1)]), arrays(&["b"], &[None, Some(2)]), arrays(&[], &[])];
    let ids = db.fetch_all(insert(rows.to_vec()).returning(Arrays.id)).await?;
    let found = async |condition: Expr<bool>| -> orm::Result<Vec<usize>> {
        let found = db.fetch_all(select(Arrays.id).filter(condition).order_by(Arrays.id)).await?;
        Ok(found.iter().filter_map(|id| ids.iter().position(|known| known == id)).collect())
    };

    assert_eq!(found(Arrays.texts.has("b")).await?, [0, 1]);
    assert_eq!(found(Arrays.texts.contains(vec!["b".to_owned(), "a".to_owned()])).await?, [0]);
    assert_eq!(found(Arrays.texts.contained_by(vec!["b".to_owned(), "c".to_owned()])).await?, [1, 2]);
    assert_eq!(found(Arrays.texts.overlaps(vec!["a".to_owned(), "c".to_owned()])).await?, [0]);
    assert_eq!(found(not(Arrays.texts.has("b"))).await?, [2]);
    assert_eq!(found(Arrays.maybe.has(Some(2))).await?, [1]);
    assert_eq!(found(Arrays.maybe.has(None)).await?, [0; 0]);
    assert_eq!(found(Arrays.maybe.contained_by(Arrays.maybe)).await?, [0, 2]);
    assert_eq!(found(Arrays.texts.cardinality().eq(2)).await?, [0]);
    let lengths =
        db.fetch_all(select((Arrays.maybe.cardinality(), Arrays.optional.cardinality())).order_by(Arrays.id)).await?;
    assert_eq!(lengths, [(1, None), (2, None), (0, None)]);
    Ok(())
}

pub async fn a_session_updates_an_array_that_was_changed_in_place(db: &TestDb) -> TestResult {
    db.create_all(schema![Arrays]).await?;
    let mut session = Session::new(&db.engine);
    let arrays = session.add(full()?);
    session.commit().await?;
    db.log.take();

    session[arrays].texts.push("more".into());
    session[arrays].medium.clear();
    session.commit().await?;

    let updates: Vec<_> = db.log.take().into_iter().filter(|logged| logged.sql.starts_with("UPDATE")).collect();
    assert_eq!(updates.len(), 1);
    assert!(updates.iter().all(|logged| logged.sql.contains("\"texts\"") && !logged.sql.contains("\"large\"")));
    let read = db.fetch_one(select((Arrays.texts, Arrays.medium))).await?;
    assert_eq!((read.0.last().map(String::as_str), read.1), (Some("more"), vec![]));
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "arrays")]
struct NarrowArrays {
    #[model(primary_key)]
    id: i64,
    large: Vec<i8>,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "arrays")]
struct FullArrays {
    #[model(primary_key)]
    id: i64,
    maybe: Vec<i32>,
}

pub async fn an_element_that_does_not_fit_is_an_error_that_names_the_column(db: &TestDb) -> TestResult {
    db.create_all(schema![Arrays]).await?;
    db.execute(insert(full()?)).await?;

    let narrow = refused(db.fetch_all(select(NarrowArrays)).await)?;
    let full = refused(db.fetch_all(select(FullArrays)).await)?;
    let huge = refused(db.execute(insert(Arrays { huge: vec![u64::MAX], ..Arrays::default() })).await)?;
    let nan = refused(db.execute(insert(Arrays { double: vec![f64::NAN], ..Arrays::default() })).await)?;

    let too_large = ValueError::OutOfRange { target: "i8" };
    assert!(
        matches!(&narrow, Error::Decode { column, source, .. } if column == "arrays.large" && *source == too_large),
        "{narrow:?}"
    );
    let null = ValueError::Null { expected: "i32" };
    assert!(
        matches!(&full, Error::Decode { column, source, .. } if column == "arrays.maybe" && *source == null),
        "{full:?}"
    );
    assert!(matches!(&huge, Error::Bind { place, .. } if place.contains("arrays.huge")), "{huge:?}");
    assert!(matches!(&nan, Error::Bind { place, .. } if place.contains("arrays.double")), "{nan:?}");
    Ok(())
}

/// A host that is somewhere.
#[derive(Debug, Clone, PartialEq, Model)]
struct Host {
    #[model(primary_key)]
    id: i64,
    address: IpAddr,
    inside: Option<Inet>,
    network: Option<Cidr>,
}

fn host(
    address: &str,
    inside: Option<&str>,
    network: Option<&str>,
) -> Result<Host, Box<dyn std::error::Error + Send + Sync>> {
    let (inside, network) = (inside.map(str::parse).transpose()?, network.map(str::parse).transpose()?);
    Ok(Host { id: 0, address: address.parse()?, inside, network })
}

pub async fn addresses_come_back_and_sort_by_value(db: &TestDb) -> TestResult {
    db.create_all(schema![Host]).await?;
    let hosts = [
        host("9.0.0.1", Some("10.0.0.7/8"), Some("10.0.0.0/8"))?,
        host("10.0.0.1", Some("10.0.0.7"), Some("10.0.0.7/32"))?,
        host("::1", Some("2001:db8::1/32"), Some("2001:db8::/32"))?,
        host("2001:db8::1", None, None)?,
    ];
    let shuffled: Vec<_> = [2, 0, 3, 1].into_iter().filter_map(|place| hosts.get(place).cloned()).collect();
    db.execute(insert(shuffled)).await?;

    let mut read = db.fetch_all(select(Host).order_by(Host.address)).await?;

    read.iter_mut().for_each(|host| host.id = 0);
    assert_eq!(read, hosts);
    let least = db.fetch_one(select(min(Host.address))).await?;
    assert_eq!(least, Some(IpAddr::from([9, 0, 0, 1])));
    let listed = select(Host.address).filter(Host.address.in_([IpAddr::from([10, 0, 0, 1])]));
    assert_eq!(db.fetch_all(listed).await?, [IpAddr::from([10, 0, 0, 1])]);
    let later = select(count_all()).from(Host).filter(Host.address.gt(IpAddr::from([10, 0, 0, 0])));
    assert_eq!(db.fetch_one(later).await?, 3);
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "host")]
struct PlainHost {
    #[model(primary_key)]
    id: i64,
    inside: IpAddr,
}

pub async fn an_address_in_a_network_is_no_plain_address(db: &TestDb) -> TestResult {
    db.create_all(schema![Host]).await?;
    db.execute(insert(host("10.0.0.1", Some("10.0.0.7/8"), None)?)).await?;

    let error = refused(db.fetch_all(select(PlainHost)).await)?;

    assert!(matches!(&error, Error::Decode { column, .. } if column == "host.inside"), "{error:?}");
    assert!(error.to_string().contains("`Inet`"), "{error}");
    Ok(())
}

/// Something that may last for ever.
#[derive(Debug, Clone, PartialEq, Model)]
struct Validity {
    #[model(primary_key)]
    id: i64,
    day: MaybeInfinite<NaiveDate>,
    local: MaybeInfinite<NaiveDateTime>,
    until: Option<MaybeInfinite<DateTime<Utc>>>,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "validity")]
struct FiniteDay {
    #[model(primary_key)]
    id: i64,
    day: NaiveDate,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "validity")]
struct FiniteTime {
    #[model(primary_key)]
    id: i64,
    until: Option<DateTime<Utc>>,
}

fn validities() -> [Validity; 3] {
    use MaybeInfinite::{Finite, Infinity, NegativeInfinity};
    let now = DateTime::from_timestamp_micros(1_234_567_890_123_456).unwrap_or_default();
    [
        Validity { id: 1, day: NegativeInfinity, local: NegativeInfinity, until: Some(NegativeInfinity) },
        Validity { id: 2, day: now.date_naive().into(), local: now.naive_utc().into(), until: Some(Finite(now)) },
        Validity { id: 3, day: Infinity, local: Infinity, until: Some(Infinity) },
    ]
}

pub async fn infinite_times_come_back_and_stand_at_the_ends(db: &TestDb) -> TestResult {
    db.create_all(schema![Validity]).await?;
    let [first, second, last] = validities();
    db.execute(insert([last.clone(), first.clone(), second.clone()])).await?;

    let read = db.fetch_all(select(Validity).order_by(Validity.until)).await?;

    assert_eq!(read, [first, second, last]);
    let endless = select(Validity.id).filter(Validity.until.eq(MaybeInfinite::Infinity));
    assert_eq!(db.fetch_all(endless).await?, [3]);
    let before = select(Validity.id).filter(Validity.day.lt(MaybeInfinite::Infinity)).order_by(Validity.day);
    assert_eq!(db.fetch_all(before).await?, [1, 2]);
    Ok(())
}

pub async fn an_infinite_time_is_no_plain_time(db: &TestDb) -> TestResult {
    db.create_all(schema![Validity]).await?;
    db.execute(insert(validities().to_vec())).await?;

    let day = refused(db.fetch_all(select(FiniteDay)).await)?;
    let time = refused(db.fetch_all(select(FiniteTime)).await)?;

    assert!(matches!(&day, Error::Decode { column, .. } if column == "validity.day"), "{day:?}");
    assert!(matches!(&time, Error::Decode { column, .. } if column == "validity.until"), "{time:?}");
    assert!(day.to_string().contains("`MaybeInfinite<..>`"), "{day}");
    Ok(())
}

/// What the weather was.
#[derive(Debug, Clone, PartialEq, Model)]
struct Forecast {
    #[model(primary_key, natural)]
    day: i64,
    weather: Weather,
    other: Option<Weather>,
}

pub async fn a_native_enum_is_stored_compared_and_updated(db: &TestDb) -> TestResult {
    db.create_all(schema![Forecast]).await?;
    db.create_all(schema![Forecast]).await?;
    let forecast = |day, weather| Forecast { day, weather, other: None };
    db.execute(insert([forecast(1, Weather::Rain), forecast(2, Weather::Sun)])).await?;

    let mut session = Session::new(&db.engine);
    let all = session.query(Forecast).order_by(Forecast.day).all().await?;
    for each in &all {
        session[*each].other = Some(Weather::Rain);
    }
    session.commit().await?;

    let rainy = select(Forecast.day).filter(Forecast.weather.eq(Weather::Rain));
    assert_eq!(db.fetch_all(rainy).await?, [1]);
    let listed =
        select(Forecast.day).filter(Forecast.weather.in_([Weather::Sun, Weather::Rain])).order_by(Forecast.day);
    assert_eq!(db.fetch_all(listed).await?, [1, 2]);
    let certain = select(Forecast.other.coalesce(Weather::Sun)).order_by(Forecast.day);
    assert_eq!(db.fetch_all(certain).await?, [Weather::Rain, Weather::Rain]);
    db.execute(update(Forecast).set(Forecast.weather, Weather::Sun).filter(Forecast.day.eq(1))).await?;
    assert_eq!(db.fetch_one(select(value(Weather::Rain))).await?, Weather::Rain);
    Ok(())
}

/// A login that may be given up and taken by another.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(unique_index(name, where = "gone = 0"), unique_index("lower(name || mail)"))]
struct Login {
    #[model(primary_key, natural)]
    id: i64,
    name: String,
    mail: String,
    gone: i32,
}

fn login(id: i64, name: &str, mail: &str, gone: i32) -> Login {
    Login { id, name: name.into(), mail: mail.into(), gone }
}

pub async fn a_partial_unique_index_minds_its_rows_only(db: &TestDb) -> TestResult {
    db.create_all(schema![Login]).await?;
    db.execute(insert([login(1, "ann", "1", 1), login(2, "ann", "2", 1), login(3, "ann", "3", 0)])).await?;

    let error = refused(db.execute(insert(login(4, "ann", "4", 0))).await)?;

    let Error::UniqueViolation { context, .. } = &error else { return Err(error.into()) };
    assert_eq!((context.table.as_deref(), context.columns.as_slice()), (Some("login"), ["name".to_owned()].as_slice()));
    Ok(())
}

pub async fn a_unique_index_over_an_expression_is_kept(db: &TestDb) -> TestResult {
    db.create_all(schema![Login]).await?;
    db.execute(insert(login(1, "ann", "x", 1))).await?;

    let error = refused(db.execute(insert(login(2, "AN", "nX", 1))).await)?;

    let Error::UniqueViolation { context, .. } = &error else { return Err(error.into()) };
    assert_eq!(context.constraint.as_deref(), Some("ux_login_lower_name_mail"), "{error}");
    Ok(())
}

/// A boss and an assistant, neither of whom is there without the other.
#[derive(Debug, Clone, PartialEq, Model)]
struct Boss {
    #[model(primary_key, natural)]
    id: i64,
    #[model(belongs_to(assistant: Assistant), deferrable = initially_deferred)]
    assistant_id: i64,
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Assistant {
    #[model(primary_key, natural)]
    id: i64,
    #[model(belongs_to(boss: Boss), deferrable = initially_deferred)]
    boss_id: i64,
}

pub async fn a_session_writes_a_circle_of_deferred_keys(db: &TestDb) -> TestResult {
    db.create_all(schema![Boss, Assistant]).await?;
    let mut session = Session::new(&db.engine);
    let boss = session.add(Boss { id: 1, assistant_id: 2 });
    let assistant = session.add(Assistant { id: 2, boss_id: 1 });
    session.commit().await?;

    assert_eq!(db.fetch_all(select((Boss.assistant_id, Assistant.boss_id)).join(Boss.assistant)).await?, [(2, 1)]);
    session.delete(boss)?;
    session.delete(assistant)?;
    session.commit().await?;
    assert_eq!(db.fetch_all(select(Boss.id)).await?, [0; 0]);

    session.add(Boss { id: 3, assistant_id: 4 });
    let error = refused(session.commit().await)?;
    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error:?}");
    Ok(())
}

pub async fn a_deferred_key_is_checked_when_the_transaction_commits(db: &TestDb) -> TestResult {
    db.create_all(schema![Boss, Assistant]).await?;
    let mut tx = db.begin().await?;
    tx.execute(insert(Boss { id: 1, assistant_id: 2 })).await?;
    tx.execute(insert(Assistant { id: 2, boss_id: 1 })).await?;
    tx.commit().await?;

    let mut tx = db.begin().await?;
    tx.execute(insert(Boss { id: 3, assistant_id: 4 })).await?;
    let error = refused(tx.commit().await)?;

    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error:?}");
    assert_eq!(db.fetch_all(select(Boss.id)).await?, [1]);
    Ok(())
}
