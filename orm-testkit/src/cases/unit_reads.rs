//! The unit of work: what a read does to objects that are there, in one transaction and in the next, and what a conflict
//! with another writer does to what was read.

use std::time::Duration;

use orm::Error;
use orm::prelude::*;

use crate::expect::{nothing_was_sent, refused};
use crate::models::{Post, User, keyed, people};
use crate::{Lacks, TestDb, TestResult};

/// A session whose transactions see one state of the database, also where that must be asked for.
fn careful(db: &TestDb) -> Session {
    Session::with_options(db, TransactionOptions::new().deferred().isolation(Isolation::RepeatableRead))
}

async fn set_age(db: &TestDb, id: i64, age: i32) -> TestResult {
    db.execute(update(User).set(User.age, age).filter(User.id.eq(id))).await?;
    Ok(())
}

pub async fn a_later_transaction_reads_objects_as_they_are_then(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.get_one(User, 2).await?;
    session.commit().await?;
    set_age(db, 2, 99).await?;
    db.log.take();

    assert_eq!(session.get(User, 2).await?, Some(bob));
    assert!(db.log.take().is_empty(), "what is here is not asked for");
    assert_ne!(session[bob].age, Some(99));

    assert_eq!(session.query(User).filter(User.id.eq(2)).one().await?, bob);
    assert_eq!((session[bob].age, session.is_modified(bob)), (Some(99), false));
    session.rollback().await?;
    assert_eq!(session[bob].age, Some(99), "what was read is true also after a rollback");
    Ok(())
}

pub async fn a_change_is_not_overwritten_by_a_later_read(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.get_one(User, 2).await?;
    session.commit().await?;
    set_age(db, 2, 99).await?;

    session[bob].name = "Robert".into();
    session.no_autoflush().query(User).all().await?;
    assert_eq!((session[bob].name.as_str(), session.is_modified(bob)), ("Robert", true));
    assert_ne!(session[bob].age, Some(99), "a row is taken as a whole or not at all");
    session.commit().await?;
    assert_eq!(db.fetch_one(select((User.name, User.age)).filter(User.id.eq(2))).await?, ("Robert".into(), Some(99)));
    Ok(())
}

pub async fn one_transaction_sees_a_row_as_it_read_it_first(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.get_one(User, 2).await?;
    let before = session[bob].age;
    session.execute(update(User).set(User.age, 99).filter(User.id.eq(2))).await?;

    session.query(User).all().await?;
    assert_eq!(session[bob].age, before);
    session.query(User).populate_existing().all().await?;
    assert_eq!(session[bob].age, Some(99));
    session.rollback().await?;
    assert_eq!(session[bob].age, before);
    Ok(())
}

pub async fn what_is_read_again_after_a_write_is_undone_with_it(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.get_one(User, 2).await?;
    session.commit().await?;
    let before = session[bob].age;

    session.execute(update(User).set(User.age, 99).filter(User.id.eq(2))).await?;
    session.query(User).all().await?;
    assert_eq!(session[bob].age, Some(99));
    session.rollback().await?;
    assert_eq!(session[bob].age, before);
    set_age(db, 2, 77).await?;
    session.query(User).all().await?;
    assert_eq!(session[bob].age, Some(77), "it counts as read by the transaction that read it before");
    Ok(())
}

pub async fn what_was_read_after_a_write_leaves_with_it_whatever_savepoint_was_kept(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.execute(insert(keyed(9, "Dora"))).await?;
    let mut savepoint = session.begin_nested().await?;
    let dora = savepoint.get_one(User, 9).await?;
    savepoint.commit().await?;
    assert_eq!(session.state(dora), State::Persistent);

    session.rollback().await?;
    assert_eq!(session.state(dora), State::Detached);
    assert_eq!(session.get(User, 9).await?, None);
    Ok(())
}

pub async fn what_was_read_in_a_savepoint_stays_if_what_it_hangs_on_does(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.execute(insert(keyed(9, "Dora"))).await?;
    let mut savepoint = session.begin_nested().await?;
    let dora = savepoint.get_one(User, 9).await?;
    savepoint.execute(insert(keyed(10, "Emil"))).await?;
    let emil = savepoint.get_one(User, 10).await?;
    savepoint.rollback().await?;

    assert_eq!((session.state(dora), session.state(emil)), (State::Persistent, State::Detached));
    session.rollback().await?;
    assert_eq!(session.state(dora), State::Detached);
    Ok(())
}

pub async fn a_conflict_is_no_reason_to_overwrite_what_the_other_has_written(db: &TestDb) -> TestResult {
    if db.lacks(Lacks::ReadingBesideAWriter) {
        return Ok(());
    }
    people(db).await?;
    let mut session = careful(db);
    let (alice, bob) = (session.get_one(User, 1).await?, session.get_one(User, 2).await?);
    set_age(db, 2, 50).await?;
    session[bob].age = Some(1);
    let error = refused(session.flush().await)?;
    assert!(matches!(error, Error::Serialization { .. }), "{error}");
    assert_eq!(session[bob].age, Some(1), "what was to be written can still be read");
    session.rollback().await?;
    db.log.take();

    // The same again, from a value that is known to be old.
    session[bob].age = session[bob].age.map(|age| age + 1);
    let error = refused(session.commit().await)?;
    assert!(matches!(&error, Error::Outdated { object } if object == "`User(2)`"), "{error}");
    assert!(!error.is_retryable());
    assert!(nothing_was_sent(db));

    session.refresh(bob).await?;
    session[bob].age = session[bob].age.map(|age| age + 1);
    session.set_expr(alice, User.age, User.age + 1)?;
    let age = db.fetch_scalar(select(User.age).filter(User.id.eq(1))).await?;
    session.commit().await?;
    let ages = db.fetch_all(select(User.age).filter(User.id.le(2)).order_by(User.id)).await?;
    assert_eq!(ages, [age.map(|age| age + 1), Some(51)], "what the database computes is never old");
    Ok(())
}

pub async fn after_a_conflict_rows_are_read_again(db: &TestDb) -> TestResult {
    if db.lacks(Lacks::ReadingBesideAWriter) {
        return Ok(());
    }
    people(db).await?;
    let mut session = careful(db);
    let users = session.query(User).order_by(User.id).all().await?;
    let (alice, bob) = (users[0], users[1]);
    set_age(db, 1, 50).await?;
    set_age(db, 2, 60).await?;
    db.execute(delete(User).filter(User.id.eq(3))).await?;
    session[bob].age = Some(1);
    refused(session.commit().await)?;
    session.rollback().await?;
    db.log.take();

    assert_eq!(session.get(User, 1).await?, Some(alice));
    assert_eq!((session[alice].age, db.log.take().len()), (Some(50), 1));
    assert_eq!(session.get(User, 1).await?, Some(alice));
    assert!(db.log.take().is_empty(), "once is enough");
    assert_eq!((session.get(User, 3).await?, session.state(users[2])), (None, State::Detached));
    session.query(User).all().await?;
    session[bob].age = Some(2);
    session.commit().await?;
    assert_eq!(db.fetch_all(select(User.age).order_by(User.id)).await?, [Some(50), Some(2)]);
    Ok(())
}

pub async fn a_stale_object_can_be_read_again_and_changed(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let (bob, carol) = (session.get_one(User, 2).await?, session.get_one(User, 3).await?);
    session.commit().await?;
    db.execute(delete(User).filter(User.id.eq(3))).await?;
    set_age(db, 2, 50).await?;
    session[bob].age = Some(1);
    session[carol].age = Some(1);

    let error = refused(session.commit().await)?;
    assert!(matches!(&error, Error::StaleObject { object, .. } if object == "`User(3)`"), "{error}");
    session.rollback().await?;
    assert_eq!(session.get(User, 3).await?, None);
    let bob = session.get_one(User, 2).await?;
    assert_eq!(session[bob].age, Some(50));
    session[bob].age = Some(51);
    session.commit().await?;
    assert_eq!(db.fetch_scalar(select(User.age).filter(User.id.eq(2))).await?, Some(51));
    Ok(())
}

pub async fn a_flush_that_gets_no_connection_loses_nothing(db: &TestDb) -> TestResult {
    let small = db.another(|builder| builder.pool_size(1).max_overflow(0).pool_timeout(Duration::from_millis(5))).await;
    people(&small).await?;
    let mut session = Session::new(&small);
    let dora = session.add(keyed(9, "Dora"));
    let held = small.connection().await?;

    for _ in 0..2 {
        let error = refused(session.commit().await)?;
        assert!(matches!(error, Error::PoolTimeout { .. }), "{error}");
    }
    drop(held);
    assert_eq!(session.state(dora), State::Pending);
    session.commit().await?;
    assert_eq!(small.fetch_scalar(select(User.name).filter(User.id.eq(9))).await?, "Dora");
    Ok(())
}

pub async fn a_query_does_not_update_the_key_by_which_objects_are_known(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    db.log.take();
    let error = refused(session.query(User).filter(User.id.eq(2)).update(|rows| rows.set(User.id, 20)).await)?;
    assert!(error.to_string().contains("cannot update the key `users.id`"), "{error}");
    assert!(nothing_was_sent(db));
    Ok(())
}

pub async fn an_optional_parent_is_let_go_by_its_relation(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let boss = session.add(keyed(8, "Boss"));
    let bob = session.get_one(User, 2).await?;
    session.set(bob, User.manager, boss)?;
    session.commit().await?;
    assert_eq!((session[bob].manager_id, session.parent(bob, User.manager)?), (Some(8), Some(boss)));

    session.set(bob, User.manager, None)?;
    assert_eq!(session.parent(bob, User.manager)?, None);
    session.commit().await?;
    assert_eq!(db.fetch_scalar(select(User.manager_id).filter(User.id.eq(2))).await?, None);

    let new = session.add(User::builder().name("New").email("new@example.com"));
    session.set(bob, User.manager, Some(new))?;
    session.set(bob, User.manager, None)?;
    let post = session.add(Post::builder().title("Hello").author(bob));
    session.commit().await?;
    assert_eq!((session[bob].manager_id, session[post].author_id), (None, 2));
    Ok(())
}

pub async fn a_session_that_has_read_says_when_to_begin(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.get_one(User, 1).await?;
    let error = refused(session.begin().await)?;
    assert!(error.to_string().contains("call `begin` before that"), "{error}");
    Ok(())
}
