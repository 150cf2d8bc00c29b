//! The unit of work: deleting objects, and what becomes of those that belonged to them.
//!
//! w028, w032: nothing is lazy and nothing expires, so nothing is read for a delete; w027 and w033 count it.
//! w031: a child that is let go always loses its key, or is deleted as an orphan: no rule leaves it as it was.

use orm::Error;
use orm::prelude::*;

use crate::expect::refused;
use crate::models::{Post, PostTag, Profile, Tag, User, keyed, people};
use crate::{TestDb, TestResult};

/// An animal, which nobody gives away by deleting its owner.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Pet {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// Whose it is.
    #[model(belongs_to(owner: User))]
    pub owner_id: Option<i64>,
    /// Who may not be deleted either.
    #[model(belongs_to(vet: User), on_delete = restrict)]
    pub vet_id: Option<i64>,
}

/// A branch, which falls with the one that it grows on.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Branch {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// What it grows on.
    #[model(belongs_to(stem: Branch), on_delete = cascade)]
    pub stem_id: Option<i64>,
}

/// Two users and a pet, saved.
async fn zoo(db: &TestDb) -> orm::Result<(Session, [Ref<User>; 2], Ref<Pet>)> {
    db.create_all(schema![User, Pet]).await?;
    let mut session = Session::new(db);
    let owner = session.add(keyed(1, "Owner"));
    let vet = session.add(keyed(2, "Vet"));
    let pet = session.add(Pet { id: 1, owner_id: Some(1), vet_id: Some(2) });
    session.commit().await?;
    db.log.take();
    Ok((session, [owner, vet], pet))
}

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

pub async fn w026_children_are_deleted_first_and_in_one_batch(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.query(User).filter(User.name.eq("Alice")).one().await?;
    let id = session[alice].id;
    let posts = session.query(Post).filter(Post.author_id.eq(id)).all().await?;
    session.delete(alice)?;
    for post in &posts {
        session.delete(*post)?;
    }
    db.log.take();

    session.commit().await?;

    let sent = db.log.take();
    let sent: Vec<_> = sent.iter().map(|one| (one.sql.contains(r#"FROM "post""#), one.rows_affected)).collect();
    assert_eq!(sent, [(true, 2), (false, 1)]);
    Ok(())
}

pub async fn w027_children_without_a_rule_are_left_alone_and_the_database_refuses(db: &TestDb) -> TestResult {
    let (mut session, [owner, _], pet) = zoo(db).await?;
    session.delete(owner)?;

    let error = refused(session.commit().await)?;

    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error}");
    assert!(error.to_string().contains("`User(1)`"), "{error}");
    assert!(db.log.take().iter().all(|one| one.operation == "DELETE"), "no key was set to NULL");
    session.rollback().await?;
    assert_eq!((session.state(owner), session[pet].owner_id), (State::Persistent, Some(1)));
    Ok(())
}

pub async fn w030_a_restricted_parent_is_refused_and_stays(db: &TestDb) -> TestResult {
    let (mut session, [_, vet], pet) = zoo(db).await?;
    session.delete(vet)?;

    let error = refused(session.commit().await)?;

    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error}");
    session.rollback().await?;
    assert_eq!(session.state(vet), State::Persistent);
    session.delete(vet)?;
    session.delete(pet)?;
    session.commit().await?;
    assert_eq!(db.fetch_all(select(User.id)).await?, [1], "with its child it goes");
    Ok(())
}

pub async fn w033_a_child_is_deleted_without_a_look_at_its_parent(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let posts = session.query(Post).all().await?;
    for post in &posts {
        session.delete(*post)?;
    }
    db.log.take();

    session.commit().await?;

    // One batch, which is sent as statements of two rows and one where there are no texts for any number of rows.
    let sent: Vec<_> = db.log.take().iter().map(|one| (one.operation, one.rows_affected)).collect();
    assert!(matches!(sent[..], [("DELETE", 3)] | [("DELETE", 2), ("DELETE", 1)]), "{sent:?}");
    Ok(())
}

pub async fn w034_a_child_is_let_go_before_its_parent_is_deleted(db: &TestDb) -> TestResult {
    let (mut session, users, pet) = zoo(db).await?;
    session[pet].owner_id = None;
    session[pet].vet_id = None;
    users.into_iter().try_for_each(|user| session.delete(user))?;

    session.commit().await?;

    let sent: Vec<_> = db.log.take().iter().map(|one| (one.operation, one.rows_affected)).collect();
    assert_eq!(sent, [("UPDATE", 1), ("DELETE", 2)]);
    assert_eq!((session.state(pet), session.len()), (State::Persistent, 1));
    Ok(())
}

pub async fn w040_rows_that_fall_with_each_other_are_deleted_all_the_same(db: &TestDb) -> TestResult {
    db.create_all(schema![Branch]).await?;
    let mut session = Session::new(db);
    let stem = session.add(Branch { id: 1, stem_id: None });
    let twigs = session.add_all([2, 3].map(|id| Branch { id, stem_id: Some(1) }));
    let leaf = session.add(Branch { id: 4, stem_id: Some(3) });
    session.commit().await?;

    session.delete(stem)?;
    session.delete(twigs[0])?;
    session.commit().await?;

    assert!(session.is_empty());
    assert_eq!(session.state(leaf), State::Detached);
    assert_eq!(db.fetch_scalar(select(count_all()).from(Branch)).await?, 0);
    Ok(())
}

pub async fn w042_a_deleted_object_stays_until_the_commit(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut session = Session::new(db);
    let one = session.add(keyed(1, "One"));
    session.commit().await?;

    session.delete(one)?;
    assert_eq!(session.state(one), State::Deleted);
    session.flush().await?;
    assert_eq!((session.state(one), session[one].name.as_str()), (State::Deleted, "One"));
    assert_eq!(session.get(User, 1).await?, None);
    session.commit().await?;

    assert_eq!((session.state(one), session.contains(one)), (State::Detached, false));
    assert!(matches!(refused(session.try_index(one))?, Error::Detached { .. }));
    Ok(())
}

pub async fn w043_the_key_that_the_database_has_is_deleted(db: &TestDb) -> TestResult {
    db.create_all(schema![User, Profile, Post, Tag, PostTag]).await?;
    let mut session = Session::new(db);
    let one = session.add(keyed(1, "One"));
    let two = session.add(keyed(2, "Two"));
    let first = session.add(Post { id: 1, author_id: 1, title: "a".into(), views: 0 });
    let second = session.add(Post { id: 2, author_id: 2, title: "b".into(), views: 0 });
    session.commit().await?;
    session[one].id = 2;
    session.delete(one)?;

    session.flush().await?;

    assert_eq!((session.state(first), session.state(second)), (State::Deleted, State::Persistent));
    assert_eq!(session.get(User, 2).await?, Some(two));
    session.rollback().await?;
    assert_eq!((session[one].id, session.state(first)), (1, State::Persistent));
    session[one].id = 2;
    session.delete(one)?;
    session.commit().await?;
    assert_eq!(db.fetch_all(select(User.id)).await?, [2]);
    assert_eq!(db.fetch_all(select(Post.id)).await?, [2]);
    Ok(())
}

pub async fn what_a_delete_took_along_returns_with_its_savepoint(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.query(User).filter(User.name.eq("Alice")).one().await?;
    let workers = session.query(User).filter(User.manager_id.is_not_null()).all().await?;
    let id = session[alice].id;
    let posts = session.query(Post).filter(Post.author_id.eq(id)).all().await?;
    let first = session[posts[0]].id;
    let tags = session.query(PostTag).filter(PostTag.post_id.eq(first)).all().await?;
    session[posts[0]].title = "before".into();

    let mut savepoint = session.begin_nested().await?;
    savepoint[posts[0]].title = "within".into();
    savepoint.delete(alice)?;
    savepoint.flush().await?;
    assert!(posts.iter().all(|post| savepoint.state(*post) == State::Deleted));
    assert!(tags.iter().all(|tag| savepoint.state(*tag) == State::Deleted), "those of the children fall, too");
    assert!(workers.iter().all(|worker| savepoint[*worker].manager_id.is_none()));
    savepoint.rollback().await?;

    assert_eq!(session.state(alice), State::Persistent);
    assert!(posts.iter().all(|post| session.state(*post) == State::Persistent));
    assert!(tags.len() == 2 && tags.iter().all(|tag| session.state(*tag) == State::Persistent));
    assert!(workers.iter().all(|worker| session[*worker].manager_id == Some(id)));
    assert_eq!(session[posts[0]].title, "before");
    db.log.take();
    assert_eq!(session.get(Post, first).await?, Some(posts[0]));
    assert!(db.log.take().is_empty(), "it is found by its key again");
    session.commit().await?;
    let stored = db.fetch_one(select((Post.title, Post.author_id)).filter(Post.id.eq(first))).await?;
    assert_eq!(stored, ("before".to_owned(), id));
    Ok(())
}

pub async fn a_delete_in_a_kept_savepoint_is_undone_by_the_transaction(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.query(User).filter(User.name.eq("Alice")).one().await?;
    let workers = session.query(User).filter(User.manager_id.is_not_null()).all().await?;
    let posts = session.query(Post).all().await?;
    let id = session[alice].id;

    let mut savepoint = session.begin_nested().await?;
    savepoint.delete(alice)?;
    savepoint.commit().await?;
    assert_eq!(session.state(alice), State::Deleted);
    session.rollback().await?;

    assert_eq!(session.state(alice), State::Persistent);
    assert!(posts.iter().all(|post| session.state(*post) == State::Persistent));
    assert!(workers.iter().all(|worker| session[*worker].manager_id == Some(id)));
    assert_eq!(db.fetch_scalar(select(count_all()).from(Post)).await?, 3);
    Ok(())
}

pub async fn changed_and_new_children_fall_with_their_parent(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.query(User).filter(User.name.eq("Alice")).one().await?;
    let post = session.query(Post).filter(Post.title.eq("Hello")).one().await?;
    let new = session.add(Post::builder().title("New").author(alice));
    session[post].title = "Changed".into();
    session.delete(alice)?;

    session.flush().await?;
    assert_eq!((session.state(post), session.state(new)), (State::Deleted, State::Deleted));
    session.rollback().await?;

    assert_eq!((session.state(post), session[post].title.as_str()), (State::Persistent, "Hello"));
    assert_eq!(session.state(new), State::Transient);
    Ok(())
}

pub async fn a_row_that_is_gone_cannot_be_deleted(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut session = Session::new(db);
    let one = session.add(keyed(1, "One"));
    session.commit().await?;
    db.execute(delete(User).filter(User.id.eq(1))).await?;
    session.delete(one)?;

    let error = refused(session.commit().await)?;

    assert!(matches!(&error, Error::StaleObject { object, found: None, .. } if object == "`User(1)`"), "{error}");
    Ok(())
}
