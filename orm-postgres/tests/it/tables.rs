//! What can be said of tables that only PostgreSQL has.

use orm::Error;
use orm::prelude::*;
use orm::types::Range;

use crate::database::open;

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "entry", schema = "orm_test_audit", has_many(lines: Line.entry_id))]
struct Entry {
    #[model(primary_key)]
    id: i64,
    #[model(unique, index)]
    what: String,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(schema = "orm_test_audit")]
struct Line {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(entry: Entry), on_delete = cascade)]
    entry_id: i64,
    text: Option<String>,
}

/// A schema is one for a database, so that two runs of this must not meet.
#[tokio::test]
async fn a_table_in_a_schema_is_created_read_and_written_there() {
    let db = open().await;
    let mut guard = db.connection().await.expect("a connection");
    guard.execute(sql!("SELECT pg_advisory_lock(7532)")).await.expect("a lock");
    db.execute(sql!("DROP SCHEMA IF EXISTS orm_test_audit CASCADE")).await.expect("no schema");
    db.create_all(schema![Line, Entry]).await.expect("tables");
    db.create_all(schema![Line, Entry]).await.expect("the same tables");

    let mut session = Session::new(&db.engine);
    let entries: Vec<_> = ["a", "b", "c"].map(|what| session.add(Entry::builder().what(what))).into();
    let lines: Vec<_> = entries.iter().map(|entry| session.add(Line::builder().entry(*entry))).collect();
    session.commit().await.expect("rows");
    for line in &lines {
        session[*line].text = Some("x".into());
    }
    session.commit().await.expect("changes");
    session.delete(lines[0]).expect("a line");
    session.delete(lines[1]).expect("a line");
    session.commit().await.expect("two less");

    let joined = select((Entry.what, Line.text)).join(Entry.lines).order_by(Entry.what);
    assert_eq!(db.fetch_all(joined).await.expect("rows"), [("c".to_owned(), Some("x".to_owned()))]);
    let old = Entry.alias("old");
    let aliased = select(old.what).filter(old.what.eq("a"));
    assert_eq!(db.fetch_all(aliased).await.expect("a row"), ["a"]);
    db.execute(update(Entry).set(Entry.what, Entry.what.concat("!")).filter(Entry.what.eq("b"))).await.expect("one");
    db.execute(delete(Entry).filter(Entry.what.eq("b!"))).await.expect("one");
    let upsert = insert(Entry { id: 9, what: "a".into() }).on_conflict(Entry.what).do_nothing();
    assert_eq!(db.execute(upsert).await.expect("none"), 0);
    let error = db.execute(insert(Entry { id: 10, what: "a".into() })).await.expect_err("there is one");
    let Error::UniqueViolation { context, .. } = &error else { panic!("{error:?}") };
    assert_eq!(context.columns, ["what"]);

    db.drop_all(schema![Line, Entry]).await.expect("no tables");
    db.execute(sql!("DROP SCHEMA orm_test_audit")).await.expect("nothing is in it");
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Invoice {
    #[model(primary_key, generated = always)]
    id: i64,
    #[model(sequence = "invoice \"number\"")]
    number: i64,
    #[model(default_sql = "0")]
    paid: i64,
}

#[tokio::test]
async fn a_sequence_numbers_rows_and_a_key_that_is_always_generated_is_never_given() {
    let db = open().await;
    db.create_all(schema![Invoice]).await.expect("a table");
    let mut session = Session::new(&db.engine);
    let invoices: Vec<_> = (0..3).map(|_| session.add(Invoice::builder())).collect();
    let given = session.add(Invoice::builder().number(100));
    session.commit().await.expect("rows");

    let numbers: Vec<i64> = invoices.iter().map(|invoice| session[*invoice].number).collect();
    let error = db.execute(insert(Invoice { id: 77, number: 5, paid: 0 })).await.expect_err("a given key");

    assert_eq!((numbers, session[given].number), (vec![1, 2, 3], 100));
    assert!(error.to_string().contains("leave it out"), "{error}");
    db.drop_all(schema![Invoice]).await.expect("no table");
    let sequences = sql!("SELECT count(*) FROM pg_sequences WHERE schemaname = current_schema()").rows::<i64>();
    assert_eq!(db.fetch_one(sequences).await.expect("a count"), 0);
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(exclude(during with "&&", where = "NOT cancelled"))]
struct Booking {
    #[model(primary_key)]
    id: i64,
    during: Range<i64>,
    cancelled: bool,
}

#[tokio::test]
async fn ranges_are_found_by_what_lies_in_them() {
    let db = open().await;
    db.create_all(schema![Booking]).await.expect("a table");
    let booking = |during: std::ops::Range<i64>| Booking { id: 0, during: during.into(), cancelled: false };
    db.execute(insert([booking(1..5), booking(5..9), booking(20..30)])).await.expect("rows");
    let starts = async |condition: Expr<bool>| {
        let found = select(Booking.during).filter(condition).order_by(Booking.during);
        let found = db.fetch_all(found).await.expect("rows");
        found.iter().filter_map(|during| during.lower().copied()).collect::<Vec<_>>()
    };

    assert_eq!(starts(Booking.during.has(5)).await, [5]);
    assert_eq!(starts(Booking.during.contains(Range::from(21..=29))).await, [20]);
    assert_eq!(starts(Booking.during.overlaps(Range::from(4..6))).await, [1, 5]);
    assert_eq!(starts(Booking.during.contained_by(Range::from(..10))).await, [1, 5]);
}

#[tokio::test]
async fn an_exclusion_constraint_refuses_what_overlaps() {
    let db = open().await;
    db.create_all(schema![Booking]).await.expect("a table");
    let booking = |during: std::ops::Range<i64>, cancelled| Booking { id: 0, during: during.into(), cancelled };
    db.execute(insert([booking(1..5, false), booking(5..7, false), booking(1..9, true)])).await.expect("rows");

    let error = db.execute(insert(booking(4..6, false))).await.expect_err("it overlaps");

    let Error::ExclusionViolation { context, .. } = &error else { panic!("{error:?}") };
    assert_eq!(context.constraint.as_deref(), Some("ex_booking_during"));
    assert_eq!((context.table.as_deref(), context.columns.as_slice()), (Some("booking"), &["during".to_owned()][..]));
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(unique(place, deferrable = initially_deferred), index(tags, method = gin), index("lower(name)", where = "place > 0"))]
struct Runner {
    #[model(primary_key, natural)]
    id: i64,
    place: i64,
    name: String,
    tags: Vec<String>,
}

fn runner(id: i64, place: i64) -> Runner {
    Runner { id, place, name: format!("No. {id}"), tags: vec![] }
}

#[tokio::test]
async fn unique_values_that_are_checked_later_can_be_swapped() {
    let db = open().await;
    db.create_all(schema![Runner]).await.expect("a table");
    let mut session = Session::new(&db.engine);
    let runners: Vec<_> = (1..=3).map(|id| session.add(runner(id, id))).collect();
    session.commit().await.expect("rows");

    for (handle, place) in runners.iter().zip([2, 3, 1]) {
        session[*handle].place = place;
    }
    session.commit().await.expect("a circle");
    session[runners[0]].place = 3;
    let error = session.commit().await.expect_err("two at one place");

    let places = db.fetch_all(select(Runner.place).order_by(Runner.id)).await.expect("rows");
    assert_eq!(places, [2, 3, 1]);
    let Error::UniqueViolation { context, .. } = &error else { panic!("{error:?}") };
    assert_eq!(context.columns, ["place"]);
}

#[tokio::test]
async fn indexes_have_their_method_expression_and_condition() {
    let db = open().await;
    db.create_all(schema![Runner]).await.expect("a table");

    let definitions = sql!(
        "SELECT replace(indexdef, current_schema() || '.', '') FROM pg_indexes
         WHERE schemaname = current_schema() AND indexname LIKE 'ix%' ORDER BY indexname"
    );

    assert_eq!(
        db.fetch_all(definitions.rows::<String>()).await.expect("indexes"),
        [
            "CREATE INDEX ix_runner_lower_name_where ON runner USING btree (lower(name)) WHERE (place > 0)",
            "CREATE INDEX ix_runner_tags ON runner USING gin (tags)",
        ]
    );
}
