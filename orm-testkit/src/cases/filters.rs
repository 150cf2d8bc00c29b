//! Global filters, and the guard against statements that are sent once a row.

use orm::engine::NPlusOne;
use orm::prelude::*;

use crate::expect::refused;
use crate::models::{Post, User, people};
use crate::{TestDb, TestResult};

pub async fn a_global_filter_applies_to_selects_and_is_lifted_by_a_statement(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = db.with_filter(Post, Post.views.ge(5));
    let titles = select(Post.title).order_by(Post.id);

    assert_eq!(read.fetch_all(&titles).await?, ["Hello", "Joins"]);
    assert_eq!(read.fetch_scalar(select(Post).count()).await?, 2);
    assert_eq!(read.fetch_all(titles.clone().without_filters()).await?.len(), 3);
    assert_eq!(read.fetch_all(titles.clone().without_filters_of(Post)).await?.len(), 3);
    assert_eq!(read.fetch_all(titles.clone().without_filters_of(User)).await?.len(), 2);
    assert_eq!(db.fetch_all(titles).await?.len(), 3);
    Ok(())
}

pub async fn a_global_filter_applies_to_get(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = db.with_filter(Post, Post.views.ge(5));

    assert!(read.get(Post, 1).await?.is_some());
    assert!(read.get(Post, 3).await?.is_none());
    let mut session = Session::new(&read);
    assert!(session.get(Post, 3).await?.is_none());
    Ok(())
}

pub async fn a_global_filter_on_a_joined_table_keeps_the_rows_of_an_outer_join(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = db.with_filter(Post, Post.views.ge(5));

    let counts = select((User.name, count(Post.id))).left_join(User.posts).group_by(User.id).order_by(User.name);
    let expected = [("Alice".to_owned(), 2), ("Bob".to_owned(), 0), ("Carol".to_owned(), 0)];
    assert_eq!(read.fetch_all(counts).await?, expected);
    let inner = select(User.name).join(User.posts).distinct();
    assert_eq!(read.fetch_all(inner).await?, ["Alice"]);
    let p = Post.alias("p");
    assert_eq!(read.fetch_all(select(p.title).order_by(p.id)).await?, ["Hello", "Joins"]);
    Ok(())
}

pub async fn a_global_filter_applies_to_what_is_related(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = db.with_filter(Post, Post.views.ge(5));
    let posts = |rows: Vec<(User, Vec<Post>)>| rows.into_iter().map(|(_, posts)| posts.len()).collect::<Vec<_>>();
    let users = select(User).order_by(User.id).with(User.posts);

    assert_eq!(posts(read.fetch_all(&users).await?), [2, 0, 0]);
    assert_eq!(posts(read.fetch_all(users.without_filters()).await?), [2, 1, 0]);
    assert_eq!(read.fetch_all(select(User.name).filter(User.posts.any(Post.id.gt(0)))).await?, ["Alice"]);

    let mut session = Session::new(db);
    session.filter(Post, Post.views.ge(5));
    let bob = session.get_one(User, 2).await?;
    session.load(&[bob], User.posts).await?;
    assert_eq!(session.related(bob, User.posts)?.len(), 0);
    Ok(())
}

pub async fn a_global_filter_applies_to_updates_and_deletes_with_conditions(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = db.with_filter(Post, Post.views.ge(5));

    assert_eq!(read.execute(update(Post).set(Post.title, "x").all_rows()).await?, 2);
    let mut session = Session::new(&read);
    assert_eq!(session.query(Post).filter(Post.id.ge(2)).delete().await?, 1);
    session.commit().await?;
    assert_eq!(read.execute(delete(Post).all_rows()).await?, 1);
    assert_eq!(db.fetch_all(select(Post.title)).await?, ["Replies"]);
    assert_eq!(read.execute(delete(Post).all_rows().without_filters()).await?, 1);
    Ok(())
}

pub async fn a_session_writes_by_key_whatever_the_filters(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let first = session.get_one(Post, 1).await?;
    session.filter(Post, Post.views.lt(5));
    session[first].views = 99;
    session.commit().await?;
    assert_eq!(db.fetch_scalar(select(Post.views).filter(Post.id.eq(1))).await?, 99);
    Ok(())
}

pub async fn a_line_that_reads_once_a_row_is_refused_where_asked(db: &TestDb) -> TestResult {
    people(db).await?;
    let strict = db.with_n_plus_one(NPlusOne::Error(2));
    db.log.take();
    let mut last = Ok(Vec::new());
    for author in 1..=3 {
        last = strict.fetch_all(select(Post).filter(Post.author_id.eq(author))).await;
    }
    let error = refused(last)?;
    assert_eq!(error.kind(), "NPlusOne");
    assert!(error.to_string().contains(file!()), "{error}");
    assert_eq!(db.log.take().len(), 2);

    let mut session = Session::new(&strict);
    let users = session.query(User).all().await?;
    session.load(&users, User.posts).await?;
    assert_eq!(session.related(users[0], User.posts)?.len(), 2);
    Ok(())
}
