//! Writing new rows: keys, defaults, many at once, and what comes back.

use chrono::{DateTime, Utc};
use orm::Error;
use orm::prelude::*;
use uuid::Uuid;

use crate::expect::{is_about_now, nothing_was_sent, refused};
use crate::models::{
    Document, Item, ItemId, Kinds, MaybeKinds, Post, PostTag, Tag, User, kinds, maybe_kinds, people, user, users,
};
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

pub async fn the_rows_of_an_iterator_are_copied(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let from = std::sync::atomic::AtomicUsize::new(0);
    let rows = users(2_300).into_iter().inspect(|_| {
        from.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    });

    let copied = db.bulk_copy(rows).await?;
    let none = db.bulk_copy(Vec::<User>::new()).await?;

    assert_eq!((copied, none, from.into_inner()), (2_300, 0, 2_300));
    let names = db.fetch_all(select(User.name).order_by(User.id)).await?;
    assert_eq!(names, users(2_300).into_iter().map(|user| user.name).collect::<Vec<_>>(), "keys follow the order");
    Ok(())
}

pub async fn rows_of_every_type_are_copied(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds, MaybeKinds]).await?;
    let fewer = || MaybeKinds { truth: None, text: None, uuid: None, json: None, decimal: None, ..maybe_kinds() };
    let maybe = |number: usize| if number % 2 == 0 { maybe_kinds() } else { fewer() };

    db.bulk_insert(vec![kinds(); 1_200]).await?;
    db.bulk_copy((0..1_200).map(maybe)).await?;

    let read = db.fetch_all(select(Kinds).order_by(Kinds.id)).await?;
    assert_eq!(read, (1..=1_200).map(|id| Kinds { id, ..kinds() }).collect::<Vec<_>>());
    let read = db.fetch_all(select(MaybeKinds).order_by(MaybeKinds.id)).await?;
    assert_eq!(
        read,
        (0..1_200).map(|number| MaybeKinds { id: number as i64 + 1, ..maybe(number) }).collect::<Vec<_>>()
    );
    Ok(())
}

pub async fn copied_rows_may_give_different_columns(db: &TestDb) -> TestResult {
    db.create_all(schema![Item]).await?;
    let since = "2020-01-01T00:00:00Z".parse::<DateTime<Utc>>()?;
    let plain = |number: u32| Item::builder().name(format!("{number:04}"));
    let rows = (0..3_000).map(|number| match number {
        // One by itself, and a thousand that are asked for together.
        5 | 1_000..2_000 => plain(number).since(since),
        _ => plain(number),
    });

    let copied = db.bulk_copy(rows).await?;

    assert_eq!(copied, 3_000);
    let read = db.fetch_all(select((Item.name, Item.size)).order_by(Item.id)).await?;
    let expected: Vec<_> = (0..3_000).map(|number| (format!("{number:04}"), "M".to_owned())).collect();
    assert_eq!(read, expected);
    Ok(())
}

pub async fn copied_rows_stand_or_fall_together(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut rows = users(2_501);
    rows[2_500].email = rows[0].email.clone();

    let error = refused(db.bulk_copy(rows.clone()).await)?;
    let mut tx = db.begin().await?;
    tx.execute(insert(user("Before"))).await?;
    let again = refused(tx.bulk_copy(rows).await)?;
    tx.bulk_copy([user("After")]).await?;
    tx.commit().await?;

    for error in [error, again] {
        assert_eq!(error.kind(), "UniqueViolation", "{error}");
        assert!(error.to_string().contains("email"), "{error}");
    }
    assert_eq!(db.fetch_all(select(User.name).order_by(User.name)).await?, ["After", "Before"]);
    Ok(())
}

pub async fn a_copied_row_that_no_column_can_hold_undoes_the_others(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;
    let mut rows = vec![kinds(); 1_500];
    rows[1_400].huge = u64::MAX;

    let mut tx = db.begin().await?;
    let error = refused(tx.bulk_copy(rows.clone()).await)?;
    tx.bulk_copy([kinds()]).await?;
    tx.commit().await?;
    let mut connection = db.connection().await?;
    let again = refused(connection.bulk_insert(rows).await)?;
    connection.bulk_copy([kinds()]).await?;

    assert_eq!((error.kind(), again.kind()), ("Bind", "Bind"), "{error}");
    assert_eq!(db.fetch_scalar(select(count(Kinds.id))).await?, 2);
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

// Conflicts.

async fn names(db: &TestDb) -> orm::Result<Vec<String>> {
    db.fetch_all(select(User.name).order_by(User.name)).await
}

/// Somebody with Alice's address.
fn another_alice(name: &str) -> User {
    User { email: user("Alice").email, ..user(name) }
}

pub async fn a_row_that_is_there_is_left_alone_on_conflict(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows = [another_alice("Anne"), user("Dora")];
    let inserted = db.execute(insert(rows).on_conflict(User.email).do_nothing()).await?;
    let none = db.execute(insert(another_alice("Anne")).on_conflict(User.email).do_nothing()).await?;

    assert_eq!((inserted, none), (1, 0));
    assert_eq!(names(db).await?, ["Alice", "Bob", "Carol", "Dora"]);
    Ok(())
}

pub async fn any_conflict_leaves_a_row_out(db: &TestDb) -> TestResult {
    people(db).await?;
    let alice = db.fetch_scalar(select(User.id).filter(User.name.eq("Alice"))).await?;
    let same_key = User { id: alice, ..user("Dora") };

    let inserted = db.execute(insert([same_key, another_alice("Anne")]).on_conflict_do_nothing()).await?;

    assert_eq!((inserted, names(db).await?.len()), (0, 3));
    Ok(())
}

pub async fn another_conflict_than_the_named_one_is_refused(db: &TestDb) -> TestResult {
    people(db).await?;

    let error = refused(db.execute(insert(another_alice("Anne")).on_conflict(User.id).do_nothing()).await)?;

    assert_eq!(error.kind(), "UniqueViolation", "{error}");
    Ok(())
}

pub async fn a_row_that_is_there_is_updated_on_conflict(db: &TestDb) -> TestResult {
    people(db).await?;
    let before = db.fetch_one(select(User).filter(User.name.eq("Alice"))).await?;
    let after = User { name: "Anne".into(), nickname: None, ..before.clone() };

    let upsert = insert([another_alice("Anne"), user("Dora")]);
    let changed = db.execute(upsert.on_conflict(User.email).do_update((User.name, User.nickname))).await?;

    assert_eq!((changed, names(db).await?), (2, ["Anne", "Bob", "Carol", "Dora"].map(String::from).to_vec()));
    assert_eq!(db.get(User, before.id).await?, Some(after));
    Ok(())
}

pub async fn an_update_on_conflict_sees_both_rows(db: &TestDb) -> TestResult {
    people(db).await?;
    let twelve = User { age: Some(12), ..another_alice("Anne") };

    let upsert = insert(twelve).on_conflict(User.email).do_update(());
    let older =
        upsert.set(User.age, User.age + excluded(User.age)).set(User.name, User.name.concat(excluded(User.name)));
    db.execute(older).await?;

    let alice = select((User.name, User.age)).filter(User.email.eq("alice@example.com"));
    assert_eq!(db.fetch_one(alice).await?, ("AliceAnne".to_string(), Some(42)));
    Ok(())
}

pub async fn an_update_on_conflict_may_leave_rows_alone(db: &TestDb) -> TestResult {
    people(db).await?;
    let rows = ["Alice", "Bob", "Carol"].map(|name| User { age: Some(28), ..user(name) });

    let upsert = insert(rows).on_conflict(User.email).do_update(User.age);
    let changed = db.execute(upsert.filter(User.age.lt(excluded(User.age))).filter(User.name.ne("Carol"))).await?;

    let ages = db.fetch_all(select(User.age).order_by(User.name)).await?;
    assert_eq!((changed, ages), (1, vec![Some(30), Some(28), None]));
    Ok(())
}

pub async fn many_rows_are_upserted_in_a_few_statements(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.execute(insert(users(500))).await?;
    let rows: Vec<User> = users(1_003).into_iter().map(|row| User { age: Some(1), ..row }).collect();
    db.log.take();

    let changed = db.execute(insert(rows.clone()).on_conflict(User.email).do_update(User.age)).await?;
    let sent = db.log.take();
    let left_alone = db.execute(insert(rows).on_conflict(User.email).do_nothing()).await?;

    assert_eq!((changed, left_alone, people_count(db).await?), (1_003, 0, 1_003));
    assert_eq!(sent.iter().map(|logged| logged.rows_affected).sum::<u64>(), 1_003);
    assert!(sent.len() <= 23, "{} statements", sent.len());
    assert_eq!(db.fetch_scalar(select(count(User.age))).await?, 1_003);
    Ok(())
}

pub async fn many_upserts_stand_or_fall_together(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut rows = users(120);
    db.execute(insert(rows.clone())).await?;
    rows.iter_mut().for_each(|row| row.age = Some(1));
    rows[119].age = Some(-1);

    let error = refused(db.execute(insert(rows).on_conflict(User.email).do_update(User.age)).await)?;

    assert_eq!(error.kind(), "CheckViolation", "{error}");
    assert_eq!(db.fetch_scalar(select(count(User.age))).await?, 0);
    Ok(())
}

pub async fn a_conflict_of_several_columns_is_found(db: &TestDb) -> TestResult {
    db.create_all(schema![Item]).await?;
    let item = |size: &str, stock| Item::builder().name("shirt").size(size).stock(stock);
    db.execute(insert([item("M", 1), item("L", 1)])).await?;

    let upsert = insert([item("L", 5), item("XL", 7)]).on_conflict((Item.size, Item.name)).do_update(());
    db.execute(upsert.set(Item.stock, Item.stock + excluded(Item.stock))).await?;

    let stock = db.fetch_all(select((Item.size, Item.stock)).order_by(Item.stock)).await?;
    assert_eq!(stock, [("M", 1), ("L", 6), ("XL", 7)].map(|(size, stock)| (size.to_string(), stock)));
    Ok(())
}

pub async fn upserted_rows_come_back_and_those_left_alone_do_not(db: &TestDb) -> TestResult {
    people(db).await?;
    let rows = || ["Alice", "Dora", "Bob"].map(|name| User { age: Some(28), ..user(name) });
    let upsert = insert(rows()).on_conflict(User.email).do_update(User.age);

    let updated = db.fetch_all(upsert.clone().returning((User.name, User.age))).await?;
    let filtered = db.fetch_all(upsert.filter(User.name.eq("Bob")).returning(User.name)).await?;
    let emma = insert([user("Emma"), user("Alice")]).on_conflict_do_nothing();
    let inserted = db.fetch_all(emma.returning(User.name)).await?;

    assert_eq!(updated, ["Alice", "Dora", "Bob"].map(|name| (name.to_string(), Some(28))));
    assert_eq!((filtered, inserted), (vec!["Bob".to_string()], vec!["Emma".to_string()]));
    Ok(())
}

pub async fn a_conflict_that_no_constraint_can_have_is_refused(db: &TestDb) -> TestResult {
    people(db).await?;

    let name = refused(db.execute(insert(user("Dora")).on_conflict(User.name).do_nothing()).await)?;
    let both = insert(user("Dora")).on_conflict((User.id, User.email)).do_update(User.name);
    let both = refused(db.execute(both).await)?;

    assert!(matches!(name, Error::Statement(_)) && name.to_string().contains("`User` is on `name`"), "{name}");
    assert!(matches!(both, Error::Statement(_)) && both.to_string().contains("`id, email`"), "{both}");
    assert!(nothing_was_sent(db));
    Ok(())
}
