//! Types that only PostgreSQL has, and its own form of those that others have as well.

use std::net::IpAddr;

use orm::Error;
use orm::error::ValueError;
use orm::prelude::*;
use orm::types::{CiText, ColumnType, Interval, Range};
use orm::value::ValueRef;
use rust_decimal::Decimal;

use crate::database::open;

#[derive(Debug, Clone, PartialEq, Model)]
struct Spans {
    #[model(primary_key, natural)]
    id: i64,
    whole: Range<i32>,
    large: Range<i64>,
    price: Range<Decimal>,
    maybe: Option<Range<i64>>,
    lasts: Interval,
}

fn spans(id: i64, whole: Range<i32>, price: Range<Decimal>) -> Spans {
    let large = whole.try_map(|bound| Ok::<_, std::convert::Infallible>(i64::from(bound))).expect("a range");
    let lasts = Interval { months: 14, days: -3, micros: 4_005_000_600 };
    Spans { id, whole, large, price, maybe: None, lasts }
}

fn price(text: &str) -> Decimal {
    text.parse().expect("a price")
}

#[tokio::test]
async fn ranges_and_intervals_come_back() {
    let db = open().await;
    db.create_all(schema![Spans]).await.expect("a table");
    let rows = [
        spans(1, Range::from(1..=5), Range::from(price("0.50")..=price("9.99"))),
        spans(2, Range::empty(), Range::empty()),
        spans(3, Range::full(), Range::from(price("1")..)),
        Spans { maybe: Some(Range::from(..7)), ..spans(4, Range::from(..i32::MAX), Range::from(..price("1"))) },
    ];

    db.execute(insert(rows.to_vec())).await.expect("rows");

    assert_eq!(db.fetch_all(select(Spans).order_by(Spans.id)).await.expect("rows"), rows);
    let texts = sql!("SELECT whole::text, price::text, lasts::text FROM spans WHERE id = 1");
    let texts = db.fetch_one(texts.rows::<(String, String, String)>()).await.expect("texts");
    let ours = (rows[0].whole.to_string(), rows[0].price.to_string(), rows[0].lasts.to_string());
    assert_eq!(texts, (ours.0, ours.1, "1 year 2 mons -3 days +01:06:45.0006".into()));
    let found = select(Spans.id).filter(Spans.whole.eq(Range::from(1..6)));
    assert_eq!(db.fetch_all(found).await.expect("a row"), [1]);
    let bare = db.fetch_one(select((value(Range::from(3_i64..)), value(Interval::months(1))))).await;
    assert_eq!(bare.expect("a row"), (Range::from(3..), Interval::months(1)));
}

#[tokio::test]
async fn a_session_updates_a_range_and_an_interval() {
    let db = open().await;
    db.create_all(schema![Spans]).await.expect("a table");
    let mut session = Session::new(&db.engine);
    let handles: Vec<_> = (1..=2).map(|id| session.add(spans(id, Range::from(1..2), Range::full()))).collect();
    session.commit().await.expect("rows");

    for handle in &handles {
        session[*handle].lasts.days += 10;
        session[*handle].maybe = Some(Range::from(1..=1));
    }
    session.commit().await.expect("changes");

    let read = db.fetch_all(select((Spans.maybe, Spans.lasts)).order_by(Spans.id)).await.expect("rows");
    let lasts = Interval { months: 14, days: 7, micros: 4_005_000_600 };
    assert_eq!(read, [(Some(Range::from(1..2)), lasts), (Some(Range::from(1..2)), lasts)]);
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Numbers {
    #[model(primary_key, natural)]
    id: i64,
    list: Vec<i64>,
}

#[tokio::test]
async fn an_array_of_another_width_is_read_and_refused_by_name_when_it_does_not_fit() {
    let db = open().await;
    db.execute(sql!("CREATE TABLE numbers (id bigint, list smallint[])")).await.expect("a table");

    db.execute(insert(Numbers { id: 1, list: vec![-32_768, 32_767] })).await.expect("a row");
    let error = db.execute(insert(Numbers { id: 2, list: vec![32_768] })).await.expect_err("too large");

    assert_eq!(db.fetch_all(select(Numbers.list)).await.expect("rows"), [vec![-32_768, 32_767]]);
    let expected = ValueError::OutOfRange { target: "smallint" };
    assert!(
        matches!(&error, Error::Bind { place, source } if place.contains("numbers.list") && *source == expected),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_an_array_should_not_hold_is_an_error_that_names_the_column() {
    let db = open().await;
    db.execute(sql!("CREATE TABLE numbers (id bigint, list bigint[])")).await.expect("a table");
    db.execute(sql!("INSERT INTO numbers VALUES (1, '{{1,2},{3,4}}'), (2, '{1,NULL}'), (3, '[5:6]={1,2}')"))
        .await
        .expect("rows");
    let read = async |id: i64| db.fetch_one(select(Numbers.list).filter(Numbers.id.eq(id))).await;

    let (square, null) = (read(1).await.expect_err("two dimensions"), read(2).await.expect_err("NULL"));

    assert!(
        matches!(&square, Error::Decode { column, source: ValueError::Malformed { .. }, .. } if column == "list"),
        "{square:?}"
    );
    assert!(
        matches!(&null, Error::Decode { column, source: ValueError::Null { .. }, .. } if column == "list"),
        "{null:?}"
    );
    assert_eq!(read(3).await.expect("it begins at 5"), [1, 2]);
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "prices")]
struct Prices {
    #[model(primary_key, natural)]
    id: i64,
    prices: Vec<Decimal>,
    between: Option<Range<Decimal>>,
}

#[tokio::test]
async fn a_nan_within_an_array_is_an_error_that_names_the_column() {
    let db = open().await;
    db.create_all(schema![Prices]).await.expect("a table");
    db.execute(sql!("INSERT INTO prices VALUES (1, '{1,NaN}', '[1,NaN)')")).await.expect("a row");

    let array = db.fetch_all(select(Prices.prices)).await.expect_err("NaN");
    let range = db.fetch_all(select(Prices.between)).await.expect_err("NaN");

    for (error, name) in [(array, "prices"), (range, "between")] {
        assert!(
            matches!(&error, Error::Decode { column, source: ValueError::OutOfRange { .. }, .. } if column == name),
            "{error:?}"
        );
    }
}

mod first {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, DbEnum)]
    #[db_enum(native)]
    pub(super) enum Mood {
        Glad,
        Sad,
    }

    #[derive(Debug, Clone, PartialEq, Model)]
    pub(super) struct Person {
        #[model(primary_key, natural)]
        pub(super) id: i64,
        pub(super) mood: Mood,
        pub(super) moods: Vec<Mood>,
    }
}

mod later {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, DbEnum)]
    #[db_enum(native)]
    pub(super) enum Mood {
        Elated,
        Glad,
        #[db_enum(rename = "it's so \\ so")]
        SoSo,
        Sad,
        Bitter,
    }

    #[derive(Debug, Clone, PartialEq, Model)]
    pub(super) struct Person {
        #[model(primary_key, natural)]
        pub(super) id: i64,
        pub(super) mood: Mood,
        pub(super) moods: Vec<Mood>,
    }
}

#[tokio::test]
async fn a_native_enum_is_a_type_and_gets_its_new_words_in_their_places() {
    use first::{Mood as Old, Person};
    use later::{Mood as New, Person as LaterPerson};
    let db = open().await;
    db.create_all(schema![Person]).await.expect("a table");
    let person = Person { id: 1, mood: Old::Sad, moods: vec![Old::Glad, Old::Sad] };
    db.execute(insert(person.clone())).await.expect("a row");
    assert_eq!(db.fetch_one(select(Person)).await.expect("a row"), person);

    db.create_all(schema![LaterPerson]).await.expect("new words");
    db.create_all(schema![LaterPerson]).await.expect("the same words");

    let words = sql!("SELECT unnest(enum_range(NULL::mood))").rows::<New>();
    let words = db.fetch_all(words).await.expect("words");
    assert_eq!(words, [New::Elated, New::Glad, New::SoSo, New::Sad, New::Bitter]);
    let others = [New::Elated, New::SoSo, New::Bitter];
    let people = (2..).zip(others).map(|(id, mood)| LaterPerson { id, mood, moods: others.to_vec() });
    db.execute(insert(people.collect::<Vec<_>>())).await.expect("rows");
    let sorted = db.fetch_all(select(LaterPerson.mood).order_by(LaterPerson.mood)).await.expect("rows");
    assert_eq!(sorted, [New::Elated, New::SoSo, New::Sad, New::Bitter]);
    let unknown = db.fetch_all(select(Person).order_by(Person.id)).await.expect_err("a new word");
    assert!(matches!(&unknown, Error::Decode { column, .. } if column == "person.mood"), "{unknown:?}");

    db.drop_all(schema![LaterPerson]).await.expect("no table");
    let types =
        sql!("SELECT count(*) FROM pg_type WHERE typname = 'mood' AND typnamespace = current_schema()::regnamespace");
    assert_eq!(db.fetch_one(types.rows::<i64>()).await.expect("a count"), 0);
}

#[tokio::test]
async fn a_native_enum_stays_while_another_table_has_a_column_of_it() {
    use first::Person;
    let db = open().await;
    db.create_all(schema![Person]).await.expect("a table");
    db.execute(sql!("CREATE TABLE other (mood mood)")).await.expect("a table");

    db.drop_all(schema![Person]).await.expect("no table");

    db.execute(sql!("INSERT INTO other VALUES ('sad')")).await.expect("the type is there");
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Login {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    name: CiText,
    others: Vec<CiText>,
}

#[tokio::test]
async fn citext_compares_without_upper_and_lower_case() {
    let db = open().await;
    // An extension is one for a database, which other tests use at the same time.
    let mut tx = db.begin().await.expect("a transaction");
    tx.execute(sql!("SELECT pg_advisory_xact_lock(7531)")).await.expect("a lock");
    tx.execute(sql!("CREATE EXTENSION IF NOT EXISTS citext SCHEMA public")).await.expect("citext");
    tx.commit().await.expect("an extension");
    let mut connection = db.connection().await.expect("a connection");
    connection
        .execute(sql!("SELECT set_config('search_path', current_schema() || ', public', false)"))
        .await
        .expect("a path");
    for ddl in schema![Login].create_all() {
        connection.execute(&ddl).await.expect("a table");
    }
    let login = Login { id: 1, name: "Ann".into(), others: vec!["Bob".into()] };
    connection.execute(insert(login.clone())).await.expect("a row");

    let found = select(Login).filter(Login.name.eq("aNN")).filter(Login.others.eq(vec![CiText::from("bob")]));
    let again = connection.execute(insert(Login { id: 2, ..login.clone() })).await.expect_err("the same");

    assert_eq!(connection.fetch_all(found).await.expect("a row"), [login]);
    assert!(matches!(again, Error::UniqueViolation { .. }), "{again:?}");
}

/// A type of PostgreSQL's that this library does not know.
#[derive(Debug, Clone, PartialEq)]
struct Mac(String);

impl orm::types::Scalar for Mac {
    const COLUMN: ColumnType = ColumnType::Named("macaddr");
    const NAME: &'static str = "Mac";

    fn bind(&self, sink: &mut dyn orm::types::BindSink) -> orm::Result<()> {
        sink.bind(ValueRef::Text(&self.0))
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, ValueError> {
        String::decode(value).map(Mac)
    }
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Card {
    #[model(primary_key)]
    id: i64,
    mac: Mac,
}

#[tokio::test]
async fn a_type_that_is_written_by_hand_goes_through_text() {
    let db = open().await;
    db.create_all(schema![Card]).await.expect("a table");
    let mut session = Session::new(&db.engine);
    let cards = [1, 2].map(|_| session.add(Card { id: 0, mac: Mac("08:00:2b:01:02:03".into()) }));
    session.commit().await.expect("rows");

    session[cards[0]].mac = Mac("08:00:2b:01:02:04".into());
    session[cards[1]].mac = Mac("08:00:2b:01:02:05".into());
    session.commit().await.expect("changes");

    let read = db.fetch_all(select(Card.mac).order_by(Card.mac)).await.expect("rows");
    assert_eq!(read, [Mac("08:00:2b:01:02:04".into()), Mac("08:00:2b:01:02:05".into())]);
}

#[tokio::test]
async fn an_address_is_given_and_read_whatever_its_type_is_called() {
    let db = open().await;
    db.execute(sql!("CREATE TABLE numbers (id bigint, at inet, net cidr)")).await.expect("a table");
    let (host, net): (IpAddr, orm::types::Cidr) =
        ("10.0.0.1".parse().expect("a host"), "10.0.0.0/8".parse().expect("a network"));

    db.execute(sql!("INSERT INTO numbers VALUES (1, {}, {}), (2, {}, NULL)", host, net, host)).await.expect("rows");

    let read = sql!("SELECT at, net FROM numbers WHERE at << {} ORDER BY id", net);
    let read = db.fetch_all(read.rows::<(IpAddr, Option<orm::types::Cidr>)>()).await.expect("rows");
    assert_eq!(read, [(host, Some(net)), (host, None)]);
}
