//! The unit of work: deleting objects, and what becomes of those that belonged to them.

use orm::prelude::*;

use crate::models::{Post, PostTag, Profile, Tag, User, keyed, people};
use crate::{TestDb, TestResult};

pub async fn w029_the_database_deletes_children_and_their_objects_follow(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let posts = session.query(Post).all().await?;
    let author = session[posts[0]].author_id;
    let user = session.get_one(User, author).await?;
    db.log.take();

    session.delete(user)?;
    session.flush().await?;

    assert_eq!(db.log.take().len(), 1);
    for post in &posts {
        let expected = if session[*post].author_id == author { State::Deleted } else { State::Persistent };
        assert_eq!(session.state(*post), expected);
    }
    session.rollback().await?;
    assert!(posts.iter().all(|post| session.state(*post) == State::Persistent));
    assert_eq!(session.get(User, author).await?, Some(user));
    Ok(())
}

pub async fn w036_a_key_that_is_set_to_null_is_null_in_memory(db: &TestDb) -> TestResult {
    db.create_all(schema![User, Profile, Post, Tag, PostTag]).await?;
    let mut session = Session::new(db);
    let boss = session.add(keyed(1, "Boss"));
    let worker = session.add(keyed(2, "Worker"));
    session.set(worker, User.manager, boss)?;
    session.commit().await?;
    assert_eq!(session[worker].manager_id, Some(1));

    session.delete(boss)?;
    session.flush().await?;
    assert_eq!(session[worker].manager_id, None);
    session.rollback().await?;
    assert_eq!(session[worker].manager_id, Some(1));

    session.delete(boss)?;
    session.commit().await?;
    assert_eq!((session[worker].manager_id, session.state(boss)), (None, State::Detached));
    assert_eq!(db.fetch_all(select(User.manager_id)).await?, [None]);
    Ok(())
}

pub async fn w037_a_child_that_moves_survives_its_old_parent(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let post = session.query(Post).order_by(Post.id).first().await?.ok_or("no post")?;
    let old = session.get_one(User, session[post].author_id).await?;
    let old_id = session[old].id;
    let new = session.query(User).exclude(User.id.eq(old_id)).first().await?.ok_or("no other user")?;

    session.set(post, Post.author, new)?;
    session.delete(old)?;
    session.commit().await?;

    let kept = db.fetch_scalar(select(Post.author_id).filter(Post.id.eq(session[post].id))).await?;
    assert_eq!((session.state(post), kept), (State::Persistent, session[new].id));
    Ok(())
}

pub async fn w039_deleting_twice_is_deleting_once(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.query(User).filter(User.name.eq("Bob")).one().await?;
    session.delete(bob)?;
    session.flush().await?;
    session.delete(bob)?;
    db.log.take();

    session.commit().await?;

    assert!(db.log.take().is_empty());
    assert_eq!(db.fetch_scalar(select(count_all()).from(User).filter(User.name.eq("Bob"))).await?, 0);
    Ok(())
}

pub async fn w041_a_pending_object_that_is_deleted_just_leaves(db: &TestDb) -> TestResult {
    let mut session = Session::new(db);
    let alice = session.add(User::builder().name("Alice").email("a@example.com"));

    session.delete(alice)?;

    assert_eq!(session.state(alice), State::Transient);
    session.commit().await?;
    assert!(db.log.take().is_empty());
    Ok(())
}

pub async fn w073_a_key_that_is_used_again_is_an_update(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut session = Session::new(db);
    let old = session.add(keyed(1, "Old"));
    session.commit().await?;
    db.log.take();

    session.delete(old)?;
    let new = session.add(keyed(1, "New"));
    session.commit().await?;

    let operations: Vec<_> = db.log.take().iter().map(|one| one.operation).collect();
    assert_eq!(operations, ["UPDATE"]);
    assert_eq!((session.state(old), session.get(User, 1).await?), (State::Detached, Some(new)));
    assert_eq!(db.fetch_all(select(User.name)).await?, ["New"]);
    Ok(())
}

pub async fn w079_a_unique_value_is_free_once_its_row_is_deleted(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut session = Session::new(db);
    let old = session.add(keyed(1, "Same"));
    session.commit().await?;

    session.delete(old)?;
    session.add(keyed(2, "Same"));
    session.commit().await?;

    assert_eq!(db.fetch_all(select(User.id)).await?, [2]);
    Ok(())
}
