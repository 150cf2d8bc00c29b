//! Changing rows.

use orm::Error;
use orm::error::ValueError;
use orm::prelude::*;

use crate::expect::{nothing_was_sent, refused};
use crate::models::{Item, Kinds, Post, Tag, User, kinds, people};
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
