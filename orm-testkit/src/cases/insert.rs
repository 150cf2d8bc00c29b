//! Writing new rows: keys, defaults, many at once, and what comes back.

use chrono::{DateTime, Utc};
use orm::prelude::*;
use uuid::Uuid;

use crate::expect::{is_about_now, refused};
use crate::models::{Document, Item, ItemId, Post, PostTag, Tag, User, people, user, users};
use crate::{TestDb, TestResult};

/// Something that consists of its key.
#[derive(Debug, Clone, PartialEq, Model)]
struct Ticket {
    #[model(primary_key)]
    id: i64,
}

/// Something with a field that is not a column.
#[derive(Debug, Clone, PartialEq, Model)]
struct Draft {
    #[model(primary_key)]
    id: i64,
    title: String,
    #[model(skip)]
    unsaved: bool,
}

async fn people_count(db: &TestDb) -> orm::Result<i64> {
    db.fetch_scalar(select(count(User.id))).await
}

pub async fn a_struct_and_a_builder_insert_the_same_row(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    let by_struct = db.execute(insert(User { age: Some(30), ..user("Alice") })).await?;
    let by_builder = db.execute(insert(User::builder().name("Bob").email("bob@example.com").age(30))).await?;

    assert_eq!((by_struct, by_builder), (1, 1));
    let rows = db.fetch_all(select(User).order_by(User.name)).await?;
    let ids: Vec<i64> = rows.iter().map(|user| user.id).collect();
    let expected = [("Alice", ids[0]), ("Bob", ids[1])].map(|(name, id)| User { id, age: Some(30), ..user(name) });
    assert_eq!(rows, expected);
    Ok(())
}

pub async fn the_database_makes_a_key_that_is_not_given(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    let alice = db.fetch_one(insert(user("Alice")).returning(User.id)).await?;
    let bob = db.fetch_one(insert(user("Bob")).returning(User)).await?;

    assert!(alice > 0 && bob.id > 0 && alice != bob.id, "{alice} {bob:?}");
    assert_eq!(db.get(User, bob.id).await?, Some(bob));
    Ok(())
}

pub async fn a_key_that_is_given_is_kept(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    db.execute(insert(User { id: 7, ..user("Alice") })).await?;
    let eight =
        db.fetch_one(insert(User::builder().id(8).name("Bob").email("b@example.com")).returning(User.id)).await?;

    assert_eq!(db.get(User, 7).await?.map(|user| user.name).as_deref(), Some("Alice"));
    assert_eq!(eight, 8);
    Ok(())
}

pub async fn a_negative_key_is_a_key(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    db.execute(insert(User { id: -1, ..user("Alice") })).await?;

    assert!(db.get(User, -1).await?.is_some());
    Ok(())
}

pub async fn keys_come_back_in_the_order_in_which_rows_were_given(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut rows = users(120);
    rows.reverse();

    let ids = db.fetch_all(insert(rows.clone()).returning(User.id)).await?;

    assert_eq!(ids.len(), 120);
    for (row, id) in rows.iter().zip(ids) {
        assert_eq!(db.get(User, id).await?.map(|user| user.name), Some(row.name.clone()));
    }
    Ok(())
}

pub async fn returning_gives_models_columns_and_tuples(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    let (id, shout) = db.fetch_one(insert(user("Alice")).returning((User.id, User.name.upper()))).await?;
    let model: User = db.fetch_one(insert(user("Bob")).returning(User)).await?;

    assert_eq!(shout, "ALICE");
    assert_eq!(model, User { id: model.id, ..user("Bob") });
    assert_eq!(db.get(User, id).await?.map(|user| user.name).as_deref(), Some("Alice"));
    Ok(())
}

pub async fn a_newtype_key_may_be_made_by_the_database(db: &TestDb) -> TestResult {
    db.create_all(schema![Item]).await?;

    let wheel = db.fetch_one(insert(Item::builder().name("wheel")).returning(Item.id)).await?;
    db.execute(insert(Item::builder().id(500).name("bicycle"))).await?;

    assert!(wheel != ItemId(0), "{wheel:?}");
    assert_eq!(db.get(Item, ItemId(500)).await?.map(|item| item.name).as_deref(), Some("bicycle"));
    Ok(())
}

pub async fn a_uuid_key_is_made_by_the_client(db: &TestDb) -> TestResult {
    db.create_all(schema![Document]).await?;
    let first = Document::builder().name("first").build();
    let second = Document::builder().name("second").build();
    let given = Uuid::from_u128(42);

    db.execute(insert([first.clone(), second.clone()])).await?;
    db.execute(insert(Document::builder().id(given).name("given"))).await?;

    assert_eq!((first.id.get_version_num(), second.id.get_version_num()), (7, 7));
    assert!(first.id < second.id, "{} {}", first.id, second.id);
    assert_eq!(db.get(Document, first.id).await?, Some(first));
    assert_eq!(db.get(Document, given).await?.map(|document| document.name).as_deref(), Some("given"));
    Ok(())
}

pub async fn natural_and_composite_keys_are_given(db: &TestDb) -> TestResult {
    people(db).await?;
    let post = db.fetch_scalar(select(Post.id).filter(Post.title.eq("Joins"))).await?;

    db.execute(insert(Tag::builder().name("go"))).await?;
    db.execute(insert(PostTag { post_id: post, tag: "go".into() })).await?;

    assert!(db.get(Tag, "go").await?.is_some());
    assert!(db.get(PostTag, (post, "go")).await?.is_some());
    Ok(())
}

pub async fn a_row_without_any_value_is_inserted(db: &TestDb) -> TestResult {
    db.create_all(schema![Ticket]).await?;

    let one = db.fetch_one(insert(Ticket::builder()).returning(Ticket.id)).await?;
    let more = db.fetch_all(insert(vec![Ticket { id: 0 }; 3]).returning(Ticket)).await?;

    let mut ids: Vec<i64> = more.iter().map(|ticket| ticket.id).chain([one]).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4, "{more:?}");
    Ok(())
}

pub async fn a_skipped_field_is_not_written_and_reads_as_its_default(db: &TestDb) -> TestResult {
    db.create_all(schema![Draft]).await?;

    let draft = Draft { id: 0, title: "one".into(), unsaved: true };
    let read = db.fetch_one(insert(draft).returning(Draft)).await?;

    assert_eq!((read.title.as_str(), read.unsaved), ("one", false));
    Ok(())
}

// Defaults.

pub async fn a_default_in_rust_is_sent_unless_a_value_is_given(db: &TestDb) -> TestResult {
    db.create_all(schema![Item]).await?;

    let plain = db.fetch_one(insert(Item::builder().name("a")).returning((Item.size, Item.stock))).await?;
    let given = Item::builder().name("b").size("XL").stock(0);
    let given = db.fetch_one(insert(given).returning((Item.size, Item.stock))).await?;

    assert_eq!((plain, given), (("M".into(), 1), ("XL".to_string(), 0)));
    Ok(())
}

pub async fn a_default_of_the_server_is_made_unless_a_value_is_given(db: &TestDb) -> TestResult {
    db.create_all(schema![Item]).await?;
    let then: DateTime<Utc> = "1999-12-31T23:59:59Z".parse()?;

    let made = db.fetch_one(insert(Item::builder().name("a")).returning(Item.since)).await?;
    let given = db.fetch_one(insert(Item::builder().name("b").since(then)).returning(Item.since)).await?;

    assert!(is_about_now(made), "{made}");
    assert_eq!(given, then);
    Ok(())
}

pub async fn rows_with_different_columns_are_inserted_together_in_order(db: &TestDb) -> TestResult {
    db.create_all(schema![Item]).await?;
    let then: DateTime<Utc> = "1999-12-31T23:59:59Z".parse()?;
    let rows = vec![
        Item::builder().name("a"),
        Item::builder().name("b").since(then),
        Item::builder().name("c").since(then).id(100),
        Item::builder().name("d"),
        Item::builder().name("e"),
    ];

    let read = db.fetch_all(insert(rows).returning((Item.name, Item.id, Item.since.eq(then)))).await?;

    let names: Vec<&str> = read.iter().map(|(name, ..)| name.as_str()).collect();
    let since: Vec<bool> = read.iter().map(|(.., since)| *since).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    assert_eq!(since, [false, true, true, false, false]);
    assert_eq!(read[2].1, ItemId(100));
    Ok(())
}

// Many rows.

pub async fn a_thousand_rows_are_a_few_statements(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.log.take();
    let statement = insert(users(1_000));
    let expected = db.sql(&statement)?.lines().count();

    let inserted = db.execute(statement).await?;

    let sent = db.log.take();
    assert_eq!((inserted, people_count(db).await?), (1_000, 1_000));
    assert_eq!(sent.iter().map(|logged| logged.rows_affected).sum::<u64>(), 1_000);
    assert!(sent.len() == expected && expected <= 20, "{} statements, {expected} expected", sent.len());
    Ok(())
}

pub async fn the_last_rows_take_a_statement_of_their_own(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.log.take();

    let inserted = db.execute(insert(users(2_501))).await?;

    let sent = db.log.take_sql();
    assert_eq!((inserted, people_count(db).await?), (2_501, 2_501));
    assert!(sent.len() <= 51, "{} statements", sent.len());
    Ok(())
}

pub async fn many_rows_have_few_texts(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.log.take();

    for count in [1, 2, 3, 7, 49, 50, 99, 333] {
        db.execute(insert(users(count))).await?;
        db.execute(delete(User).all_rows()).await?;
    }

    let mut texts = db.log.take_sql();
    texts.sort();
    texts.dedup();
    // A backend may have a text for every size of its last statement, but not one for every number of rows.
    assert!(texts.len() <= 9, "{texts:#?}");
    Ok(())
}

pub async fn many_rows_stand_or_fall_together(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut rows = users(2_501);
    rows[2_500].email = rows[0].email.clone();

    let error = refused(db.execute(insert(rows)).await)?;

    assert_eq!(error.kind(), "UniqueViolation", "{error}");
    assert_eq!(people_count(db).await?, 0);
    Ok(())
}

pub async fn many_rows_that_fail_leave_the_transaction_around_them_alone(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut rows = users(2_501);
    rows[2_500].email = rows[0].email.clone();

    let mut tx = db.begin().await?;
    tx.execute(insert(user("Before"))).await?;
    let error = refused(tx.execute(insert(rows)).await)?;
    tx.execute(insert(user("After"))).await?;
    tx.commit().await?;

    assert_eq!(error.kind(), "UniqueViolation", "{error}");
    assert_eq!(db.fetch_all(select(User.name).order_by(User.name)).await?, ["After", "Before"]);
    Ok(())
}

pub async fn many_rows_on_a_kept_connection_stand_or_fall_together(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut rows = users(101);
    rows[100].email = rows[0].email.clone();
    let mut connection = db.connection().await?;

    let error = refused(connection.execute(insert(rows)).await)?;
    connection.execute(insert(user("After"))).await?;
    drop(connection);

    assert_eq!(error.kind(), "UniqueViolation", "{error}");
    assert_eq!(db.fetch_all(select(User.name)).await?, ["After"]);
    Ok(())
}

pub async fn many_rows_that_are_returned_one_by_one_stand_or_fall_together(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut rows = users(2_501);
    rows[2_500].email = rows[0].email.clone();

    let mut ids = db.stream(insert(rows).returning(User.id));
    let mut error = None;
    while let Some(id) = ids.next().await {
        error = id.err();
    }
    drop(ids);

    assert_eq!(error.map(|error| error.kind()), Some("UniqueViolation"));
    assert_eq!(people_count(db).await?, 0);
    Ok(())
}

pub async fn no_rows_are_no_statement(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.log.take();

    let inserted = db.execute(insert(users(0))).await?;
    let returned = db.fetch_all(insert(users(0)).returning(User.id)).await?;

    assert_eq!((inserted, returned.len()), (0, 0));
    assert_eq!(db.log.take(), []);
    Ok(())
}

pub async fn an_insert_can_be_cloned_and_run_again(db: &TestDb) -> TestResult {
    db.create_all(schema![Ticket]).await?;
    let statement = insert(Ticket::builder());

    db.execute(statement.clone()).await?;
    db.execute(&statement).await?;
    db.execute(statement).await?;

    assert_eq!(db.fetch_scalar(select(count(Ticket.id))).await?, 3);
    Ok(())
}

pub async fn a_row_that_is_refused_leaves_nothing(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.execute(insert(user("Alice"))).await?;

    let error = refused(db.execute(insert([user("Bob"), user("Alice")])).await)?;

    assert_eq!(error.kind(), "UniqueViolation", "{error}");
    assert_eq!(db.fetch_all(select(User.name)).await?, ["Alice"]);
    Ok(())
}
