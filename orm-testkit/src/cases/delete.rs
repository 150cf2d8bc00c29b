//! Removing rows.

use orm::prelude::*;

use crate::models::{Post, PostTag, Tag, User, people, users};
use crate::{TestDb, TestResult};

async fn titles(db: &TestDb) -> orm::Result<Vec<String>> {
    db.fetch_all(select(Post.title).order_by(Post.title)).await
}

pub async fn only_rows_of_the_filter_are_deleted_and_counted(db: &TestDb) -> TestResult {
    people(db).await?;

    let deleted = db.execute(delete(Post).filter(Post.views.ge(5))).await?;

    assert_eq!((deleted, titles(db).await?), (2, vec!["Replies".to_string()]));
    Ok(())
}

pub async fn a_filter_that_fits_no_row_deletes_none(db: &TestDb) -> TestResult {
    people(db).await?;

    let deleted = db.execute(delete(Post).filter(Post.views.ge(500))).await?;

    assert_eq!((deleted, titles(db).await?.len()), (0, 3));
    Ok(())
}

pub async fn all_rows_are_deleted_when_that_is_said(db: &TestDb) -> TestResult {
    people(db).await?;

    let deleted = db.execute(delete(Post).all_rows()).await?;

    assert_eq!((deleted, titles(db).await?.len()), (3, 0));
    Ok(())
}

pub async fn excluded_rows_stay(db: &TestDb) -> TestResult {
    people(db).await?;

    let deleted = db.execute(delete(Post).filter(Post.views.gt(0)).exclude(Post.title.starts_with("J"))).await?;

    assert_eq!((deleted, titles(db).await?), (2, vec!["Joins".to_string()]));
    Ok(())
}

pub async fn deleted_rows_come_back(db: &TestDb) -> TestResult {
    people(db).await?;

    let model = db.fetch_one(delete(Post).filter(Post.title.eq("Hello")).returning(Post)).await?;
    let mut rest = db.fetch_all(delete(Post).all_rows().returning((Post.title, Post.views))).await?;
    rest.sort();

    assert_eq!((model.title.as_str(), model.views), ("Hello", 10));
    assert_eq!(rest, [("Joins".to_string(), 5), ("Replies".to_string(), 1)]);
    Ok(())
}

pub async fn a_delete_may_ask_about_a_relation(db: &TestDb) -> TestResult {
    people(db).await?;

    let silent = db.execute(delete(User).filter(User.posts.none(true))).await?;
    let tagged = db.execute(delete(Post).filter(Post.tags.any(Tag.name.eq("rust")))).await?;

    assert_eq!((silent, tagged), (1, 1));
    assert_eq!(db.fetch_all(select(User.name).order_by(User.name)).await?, ["Alice", "Bob"]);
    assert_eq!(titles(db).await?, ["Joins", "Replies"]);
    Ok(())
}

pub async fn a_delete_may_filter_by_a_subquery(db: &TestDb) -> TestResult {
    people(db).await?;
    let alices = select(User.id).filter(User.name.eq("Alice"));

    let deleted = db.execute(delete(Post).filter(Post.author_id.in_(alices))).await?;

    assert_eq!((deleted, titles(db).await?), (2, vec!["Replies".to_string()]));
    Ok(())
}

pub async fn a_row_is_deleted_by_its_composite_key(db: &TestDb) -> TestResult {
    people(db).await?;
    let post = db.fetch_scalar(select(Post.id).filter(Post.title.eq("Hello"))).await?;

    let deleted = db.execute(delete(PostTag).filter(PostTag.post_id.eq(post)).filter(PostTag.tag.eq("sql"))).await?;

    assert_eq!(deleted, 1);
    assert_eq!(db.fetch_scalar(select(count_all()).from(PostTag)).await?, 2);
    Ok(())
}

// Rows by their keys.

pub async fn structs_delete_the_rows_of_their_keys(db: &TestDb) -> TestResult {
    people(db).await?;
    let posts = db.fetch_all(select(Post).order_by(Post.title)).await?;

    let one = db.execute(delete_rows(posts[0].clone())).await?;
    let rest = db.execute(delete_rows(posts)).await?;

    assert_eq!((one, rest, titles(db).await?), (1, 2, vec![]));
    Ok(())
}

pub async fn structs_of_composite_keys_delete_their_rows(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut pairs = db.fetch_all(select(PostTag).order_by((PostTag.post_id, PostTag.tag))).await?;
    let kept = pairs.remove(0);

    let deleted = db.execute(delete_rows(pairs)).await?;

    assert_eq!((deleted, db.fetch_all(select(PostTag)).await?), (2, vec![kept.clone()]));
    assert_eq!(db.execute(delete_rows(kept)).await?, 1);
    Ok(())
}

pub async fn a_thousand_structs_are_a_few_deletes(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let rows = db.fetch_all(insert(users(1_003)).returning(User)).await?;
    db.log.take();

    let deleted = db.execute(delete_rows(rows)).await?;

    let sent = db.log.take_sql();
    assert_eq!(deleted, 1_003);
    assert!(sent.len() <= 22, "{} statements", sent.len());
    Ok(())
}
