//! Changing rows.

use orm::Error;
use orm::error::ValueError;
use orm::prelude::*;

use crate::expect::{nothing_was_sent, refused};
use crate::models::{Document, Item, Kinds, MaybeKinds, Post, Tag, User, kinds, maybe_kinds, people, user, users};
use crate::{TestDb, TestResult};

async fn ages(db: &TestDb) -> orm::Result<Vec<Option<i32>>> {
    db.fetch_all(select(User.age).order_by(User.name)).await
}

pub async fn only_rows_of_the_filter_are_changed_and_counted(db: &TestDb) -> TestResult {
    people(db).await?;

    let changed = db.execute(update(User).set(User.age, 40).filter(User.age.is_not_null())).await?;

    assert_eq!(changed, 2);
    assert_eq!(ages(db).await?, [Some(40), Some(40), None]);
    Ok(())
}

pub async fn a_filter_that_fits_no_row_changes_none(db: &TestDb) -> TestResult {
    people(db).await?;

    let changed = db.execute(update(User).set(User.age, 40).filter(User.name.eq("Nobody"))).await?;

    assert_eq!(changed, 0);
    Ok(())
}

pub async fn all_rows_are_changed_when_that_is_said(db: &TestDb) -> TestResult {
    people(db).await?;

    let changed = db.execute(update(User).set(User.age, 40).all_rows()).await?;

    assert_eq!((changed, ages(db).await?), (3, vec![Some(40); 3]));
    Ok(())
}

pub async fn filters_of_an_update_are_joined_by_and(db: &TestDb) -> TestResult {
    people(db).await?;
    let older = update(User).set(User.age, User.age + 1).filter(User.age.gt(20));

    let changed = db.execute(older.filter(User.name.ne("Alice")).exclude(User.name.eq("Carol"))).await?;

    assert_eq!((changed, ages(db).await?), (1, vec![Some(30), Some(26), None]));
    Ok(())
}

pub async fn an_expression_sees_the_values_from_before(db: &TestDb) -> TestResult {
    people(db).await?;

    db.execute(update(User).set(User.name, User.email).set(User.email, User.name).filter(User.name.eq("Bob"))).await?;
    db.execute(update(Post).set(Post.views, Post.views * 2 + 1).filter(Post.title.eq("Hello"))).await?;

    let swapped = db.fetch_one(select((User.name, User.email)).filter(User.email.eq("Bob"))).await?;
    assert_eq!(swapped, ("bob@example.com".to_string(), "Bob".to_string()));
    assert_eq!(db.fetch_scalar(select(Post.views).filter(Post.title.eq("Hello"))).await?, 21);
    Ok(())
}

pub async fn a_column_is_set_to_null_by_none(db: &TestDb) -> TestResult {
    people(db).await?;

    db.execute(update(User).set(User.nickname, None::<&str>).set(User.age, None::<i32>).all_rows()).await?;

    let unnamed = select(count_all()).from(User).filter(User.nickname.is_null()).filter(User.age.is_null());
    assert_eq!(db.fetch_scalar(unnamed).await?, 3);
    Ok(())
}

pub async fn a_column_is_set_to_some_value(db: &TestDb) -> TestResult {
    people(db).await?;

    db.execute(update(User).set(User.nickname, Some("bobby")).filter(User.name.eq("Bob"))).await?;

    let nickname = db.fetch_scalar(select(User.nickname).filter(User.name.eq("Bob"))).await?;
    assert_eq!(nickname.as_deref(), Some("bobby"));
    Ok(())
}

pub async fn a_column_is_set_to_a_subquery(db: &TestDb) -> TestResult {
    people(db).await?;
    let last = select(max(Post.title)).filter(Post.author_id.eq(User.id));

    db.execute(update(User).set(User.nickname, last).all_rows()).await?;

    let nicknames = db.fetch_all(select(User.nickname).order_by(User.name)).await?;
    assert_eq!(nicknames, [Some("Joins".to_string()), Some("Replies".to_string()), None]);
    Ok(())
}

pub async fn a_column_is_set_to_a_case(db: &TestDb) -> TestResult {
    people(db).await?;
    let size = case::<i64>().when(Post.views.ge(10), 3).when(Post.views.ge(5), 2).otherwise(1);

    db.execute(update(Post).set(Post.views, size).all_rows()).await?;

    assert_eq!(db.fetch_all(select(Post.views).order_by(Post.title)).await?, [3, 2, 1]);
    Ok(())
}

pub async fn the_last_set_of_a_column_wins(db: &TestDb) -> TestResult {
    people(db).await?;

    db.execute(update(User).set(User.age, 1).set(User.age, 2).filter(User.name.eq("Bob"))).await?;

    assert_eq!(ages(db).await?, [Some(30), Some(2), None]);
    Ok(())
}

pub async fn a_key_can_be_changed(db: &TestDb) -> TestResult {
    people(db).await?;

    db.execute(update(Tag).set(Tag.name, "postgres").filter(Tag.name.eq("sql"))).await?;

    assert_eq!(db.fetch_all(select(Tag.name).order_by(Tag.name)).await?, ["postgres", "rust"]);
    Ok(())
}

pub async fn updated_rows_come_back_with_their_new_values(db: &TestDb) -> TestResult {
    people(db).await?;
    let older = || update(User).set(User.age, User.age + 1).filter(User.name.eq("Bob"));

    let columns = db.fetch_all(older().returning((User.name, User.age))).await?;
    let model = db.fetch_one(older().returning(User)).await?;

    assert_eq!(columns, [("Bob".to_string(), Some(26))]);
    assert_eq!((model.name.as_str(), model.age), ("Bob", Some(27)));
    Ok(())
}

pub async fn an_update_may_ask_about_a_relation(db: &TestDb) -> TestResult {
    people(db).await?;

    let changed = db.execute(update(User).set(User.age, 99).filter(User.posts.any(Post.views.lt(5)))).await?;

    assert_eq!((changed, ages(db).await?), (1, vec![Some(30), Some(99), None]));
    Ok(())
}

pub async fn an_update_may_filter_by_a_subquery(db: &TestDb) -> TestResult {
    people(db).await?;
    let alices = select(User.id).filter(User.name.eq("Alice"));

    let changed = db.execute(update(Post).set(Post.views, 0).filter(Post.author_id.in_(alices))).await?;

    assert_eq!(changed, 2);
    Ok(())
}

pub async fn an_update_that_sets_nothing_is_refused(db: &TestDb) -> TestResult {
    people(db).await?;

    let error = refused(db.execute(update(User).all_rows()).await)?;

    assert!(matches!(&error, Error::Statement(text) if text.contains(".set(")), "{error}");
    assert!(nothing_was_sent(db));
    Ok(())
}

pub async fn an_update_that_fails_half_way_leaves_every_row_as_it_was(db: &TestDb) -> TestResult {
    db.create_all(schema![Item]).await?;
    let item = |name: &str, stock| Item::builder().name(name).stock(stock);
    db.execute(insert([item("a", 5), item("b", 1), item("c", 5)])).await?;

    let error = refused(db.execute(update(Item).set(Item.stock, Item.stock - 3).all_rows()).await)?;

    assert_eq!(error.kind(), "CheckViolation", "{error}");
    assert_eq!(db.fetch_all(select(Item.stock).order_by(Item.name)).await?, [5, 1, 5]);
    Ok(())
}

pub async fn a_value_that_no_column_can_hold_changes_nothing(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;
    db.execute(insert(kinds())).await?;
    db.log.take();

    let error = refused(db.execute(update(Kinds).set(Kinds.huge, u64::MAX).all_rows()).await)?;

    assert!(matches!(error, Error::Bind { source: ValueError::OutOfRange { .. }, .. }), "{error:?}");
    assert!(nothing_was_sent(db));
    assert_eq!(db.fetch_scalar(select(Kinds.huge)).await?, 8);
    Ok(())
}

pub async fn an_update_can_be_cloned_and_run_again(db: &TestDb) -> TestResult {
    people(db).await?;
    let birthday = update(User).set(User.age, User.age + 1).filter(User.name.eq("Bob"));

    db.execute(birthday.clone()).await?;
    db.execute(birthday).await?;

    assert_eq!(ages(db).await?, [Some(30), Some(27), None]);
    Ok(())
}

// Rows by their keys.

pub async fn structs_are_written_over_the_rows_of_their_keys(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut rows = db.fetch_all(select(User).order_by(User.name)).await?;
    // What one row gives away, the next one takes: no two ever have it.
    rows[0].name = "Anne".into();
    rows[0].nickname = None;
    rows[2].age = Some(7);

    let one = db.execute(update_rows(rows[1].clone())).await?;
    let all = db.execute(update_rows(rows.clone())).await?;

    assert_eq!((one, all), (1, 3));
    assert_eq!(db.fetch_all(select(User).order_by(User.name)).await?, rows);
    Ok(())
}

pub async fn only_the_named_columns_of_structs_are_written(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut rows = db.fetch_all(select(User).order_by(User.name)).await?;
    for (number, row) in rows.iter_mut().enumerate() {
        (row.name, row.age) = (format!("user {number}"), Some(50));
    }

    let changed = db.execute(update_rows(rows).columns(User.age)).await?;

    let read = db.fetch_all(select((User.name, User.age)).order_by(User.name)).await?;
    assert_eq!(changed, 3);
    assert_eq!(read, ["Alice", "Bob", "Carol"].map(|name| (name.to_string(), Some(50))));
    Ok(())
}

pub async fn values_of_every_type_are_written_over_many_rows(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds, MaybeKinds]).await?;
    let ids = db.fetch_all(insert([kinds(), kinds()]).returning(Kinds.id)).await?;
    let maybe_ids =
        db.fetch_all(insert([MaybeKinds::builder(), MaybeKinds::builder()]).returning(MaybeKinds.id)).await?;
    let rows: Vec<Kinds> = ids.into_iter().map(|id| Kinds { id, ..kinds() }).collect();
    let full: Vec<MaybeKinds> = maybe_ids.iter().map(|id| MaybeKinds { id: *id, ..maybe_kinds() }).collect();
    let empty = db.fetch_all(select(MaybeKinds).order_by(MaybeKinds.id)).await?;

    db.execute(update_rows(rows.clone())).await?;
    db.execute(update_rows(full.clone())).await?;

    assert_eq!(db.fetch_all(select(Kinds).order_by(Kinds.id)).await?, rows);
    assert_eq!(db.fetch_all(select(MaybeKinds).order_by(MaybeKinds.id)).await?, full);
    db.execute(update_rows([full[0].clone(), empty[1].clone()])).await?;
    assert_eq!(db.fetch_all(select(MaybeKinds).order_by(MaybeKinds.id)).await?, [full[0].clone(), empty[1].clone()]);
    Ok(())
}

pub async fn a_thousand_structs_are_a_few_updates(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut rows = db.fetch_all(insert(users(1_003)).returning(User)).await?;
    for (age, row) in (0..).zip(&mut rows) {
        row.age = Some(age);
    }
    db.log.take();

    let changed = db.execute(update_rows(rows.clone()).columns((User.age, User.nickname))).await?;

    let sent = db.log.take();
    assert_eq!(changed, 1_003);
    assert_eq!(sent.iter().map(|logged| logged.rows_affected).sum::<u64>(), 1_003);
    assert!(sent.len() <= 22, "{} statements", sent.len());
    assert_eq!(db.fetch_all(select(User).order_by(User.id)).await?, rows);
    Ok(())
}

pub async fn structs_without_a_row_change_nothing_and_are_not_counted(db: &TestDb) -> TestResult {
    people(db).await?;
    let bob = db.fetch_one(select(User).filter(User.name.eq("Bob"))).await?;
    let nobody = User { id: bob.id + 1_000, ..user("Nobody") };

    let one = db.execute(update_rows(nobody.clone())).await?;
    let both = db.execute(update_rows([nobody, User { age: Some(26), ..bob }])).await?;

    assert_eq!((one, both), (0, 1));
    assert_eq!(ages(db).await?, [Some(30), Some(26), None]);
    Ok(())
}

pub async fn updated_structs_come_back(db: &TestDb) -> TestResult {
    people(db).await?;
    let rows = db.fetch_all(select(User).order_by(User.name)).await?;
    let older: Vec<User> = rows.into_iter().map(|row| User { age: Some(40), ..row }).collect();

    let mut read = db.fetch_all(update_rows(older.clone()).returning(User)).await?;

    read.sort_by(|left, right| left.name.cmp(&right.name));
    assert_eq!(read, older);
    Ok(())
}

pub async fn updates_of_many_structs_stand_or_fall_together(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut rows = db.fetch_all(insert(users(120)).returning(User)).await?;
    for row in &mut rows {
        row.age = Some(1);
    }
    rows[119].age = Some(-1);

    let error = refused(db.execute(update_rows(rows)).await)?;

    assert_eq!(error.kind(), "CheckViolation", "{error}");
    assert_eq!(db.fetch_scalar(select(count(User.age))).await?, 0);
    Ok(())
}

pub async fn no_structs_are_no_update(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.log.take();

    let updated = db.execute(update_rows(Vec::<User>::new())).await?;
    let deleted = db.execute(delete_rows(Vec::<User>::new())).await?;

    assert_eq!((updated, deleted), (0, 0));
    assert_eq!(db.log.take(), []);
    Ok(())
}

pub async fn the_bulk_verbs_write_on_engine_and_transaction(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let inserted = db.bulk_insert(users(70)).await?;
    let rows: Vec<User> = db
        .fetch_all(select(User).order_by(User.id))
        .await?
        .into_iter()
        .map(|row| User { age: Some(1), ..row })
        .collect();

    let mut undone = db.begin().await?;
    let more = undone.bulk_insert([user("Alice"), user("Bob")]).await?;
    let changed = undone.bulk_update(rows.clone()).await?;
    undone.rollback().await?;
    let lasting = db.bulk_update(rows.clone()).await?;

    assert_eq!((inserted, more, changed, lasting), (70, 2, 70, 70));
    assert_eq!(db.fetch_all(select(User).order_by(User.id)).await?, rows);
    Ok(())
}

// Structs, new and known.

pub async fn saved_structs_are_inserted_or_updated_and_have_their_keys(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.bulk_insert(users(60)).await?;
    let mut rows = db.fetch_all(select(User).order_by(User.id)).await?;
    rows.iter_mut().for_each(|row| row.age = Some(1));
    // New ones among those that are there: each must get the key of its own row.
    (0..60).for_each(|number| rows.insert(number * 2, user(&format!("new {number}"))));
    db.log.take();

    let saved = db.bulk_save(&mut rows).await?;

    let sent = db.log.take_sql();
    // Sixty rows are a statement each, or two.
    assert!(saved == 120 && matches!(sent.len(), 2 | 4), "{sent:#?}");
    rows.sort_by_key(|row| row.id);
    assert_eq!(db.fetch_all(select(User).order_by(User.id)).await?, rows);
    Ok(())
}

pub async fn structs_that_cannot_be_saved_stay_as_they_are(db: &TestDb) -> TestResult {
    db.create_all(schema![User, Document]).await?;
    let alice = db.fetch_one(insert(user("Alice")).returning(User)).await?;
    let mut rows = [user("Bob"), User { age: Some(-1), ..alice.clone() }];
    let before = rows.clone();

    let check = refused(db.bulk_save(&mut rows).await)?;
    let document = refused(db.bulk_save(&mut [Document::builder().name("one").build()]).await)?;

    assert_eq!((check.kind(), document.kind()), ("CheckViolation", "Statement"), "{check} {document}");
    assert_eq!((rows, db.fetch_all(select(User)).await?), (before, vec![alice]));
    Ok(())
}

pub async fn structs_are_saved_within_a_transaction(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut rows = [user("Alice"), user("Bob")];

    let mut tx = db.begin().await?;
    let saved = tx.bulk_save(&mut rows).await?;
    let again = tx.bulk_save(&mut rows).await?;
    tx.commit().await?;

    assert_eq!((saved, again), (2, 2));
    assert_eq!(db.fetch_all(select(User).order_by(User.id)).await?, rows);
    assert_eq!(db.bulk_save::<User>(&mut []).await?, 0);
    Ok(())
}
