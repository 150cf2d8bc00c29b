//! The unit of work: the states of objects, handles, and what takes rows in and out.

use orm::Error;
use orm::prelude::*;
use orm::value::Value;

use crate::expect::refused;
use crate::models::{User, keyed, people};
use crate::{TestDb, TestResult};

pub async fn w066_one_row_is_one_object_and_is_not_overwritten(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.query(User).filter(User.name.eq("Bob")).one().await?;
    session[bob].age = Some(99);
    session.set_autoflush(false);

    let again = session.query(User).filter(User.email.eq("bob@example.com")).one().await?;

    assert_eq!((again, session[bob].age), (bob, Some(99)));
    let fresh = session.query(User).filter(User.name.eq("Bob")).populate_existing().one().await?;
    assert_eq!((fresh, session[bob].age), (bob, Some(25)));
    Ok(())
}

pub async fn w067_an_object_that_is_here_is_got_without_a_statement(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.get(User, 1).await?;
    db.log.take();

    assert_eq!(session.get(User, 1).await?, alice);
    assert!(db.log.take().is_empty() && alice.is_some());
    assert_eq!(session.get(User, 77).await?, None);
    Ok(())
}

pub async fn a_handle_never_reads_another_row(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let (mut session, mut other) = (Session::new(db), Session::new(db));
    let first = session.add(keyed(1, "First"));
    session.expunge(first);
    let second = session.add(keyed(2, "Second"));
    let foreign = other.add(keyed(3, "Third"));

    for handle in [first, foreign] {
        assert!(matches!(session.try_index(handle), Err(Error::Detached { .. })));
        assert!(!session.contains(handle));
        assert!(session.try_index_mut(handle).is_err() && session.delete(handle).is_err());
    }
    assert_eq!(session[second].name, "Second");
    session.commit().await?;
    assert_eq!(db.fetch_all(select(User.name)).await?, ["Second"]);
    session.clear();
    assert!(!session.contains(second) && session.is_empty());
    Ok(())
}

pub async fn several_rows_are_changed_at_once(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let all = session.query(User).order_by(User.id).all().await?;

    let [one, other] = session.pick_mut([all[2], all[0]]);
    std::mem::swap(&mut one.age, &mut other.age);

    assert_eq!((session[all[0]].age, session[all[2]].age), (None, Some(30)));
    assert!(session.try_pick_mut([all[0], all[0]]).is_err());
    session.commit().await?;
    assert_eq!(db.fetch_all(select(User.age).order_by(User.id)).await?, [None, Some(25), Some(30)]);
    Ok(())
}

pub async fn w075_a_second_object_of_a_key_is_refused(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.get(User, 1).await?;
    assert!(matches!(session.try_add(keyed(1, "Again")), Err(Error::IdentityConflict { .. })));
    session.add(keyed(1, "Again"));
    db.log.take();

    let error = refused(session.flush().await)?;

    assert!(matches!(&error, Error::IdentityConflict { object } if object == "`User(1)`"), "{error}");
    assert!(db.log.take().is_empty());
    Ok(())
}

pub async fn w091_merge_copies_onto_the_object_of_the_key(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let edited = User { name: "Robert".into(), ..db.get(User, 2).await?.ok_or("no Bob")? };
    let bob = session.merge(edited).await?;
    let new = session.merge(crate::models::user("Dora")).await?;
    db.log.take();

    session.commit().await?;

    let operations: Vec<_> = db.log.take().iter().map(|one| one.operation).collect();
    assert_eq!(operations, ["INSERT", "UPDATE"]);
    assert_eq!((session[bob].id, session[new].id), (2, 4));
    assert_eq!(db.fetch_scalar(select(User.name).filter(User.id.eq(2))).await?, "Robert");
    Ok(())
}

pub async fn w086_a_row_that_was_read_elsewhere_can_be_attached(db: &TestDb) -> TestResult {
    people(db).await?;
    let row = db.get(User, 2).await?.ok_or("no Bob")?;
    let mut session = Session::new(db);
    let bob = session.attach(row.clone())?;
    assert!(session.attach(row).is_err());
    assert!(!session.is_modified(bob));
    db.log.take();
    session.commit().await?;
    assert!(db.log.take().is_empty(), "nothing was changed");
    session[bob].age = Some(26);
    session.commit().await?;
    let row = session.take(bob)?;
    assert_eq!((row.age, session.state(bob)), (Some(26), State::Detached));
    assert_eq!(db.fetch_scalar(select(User.age).filter(User.id.eq(2))).await?, Some(26));
    Ok(())
}

pub async fn refresh_reads_again_and_forgets_changes(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.get_one(User, 2).await?;
    session[bob].name = "Rob".into();

    session.refresh(bob).await?;

    assert_eq!((session[bob].name.as_str(), session.is_modified(bob)), ("Bob", false));
    Ok(())
}

pub async fn w108_rows_updated_or_deleted_by_a_condition_are_followed(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let (alice, bob) = (session.get_one(User, 1).await?, session.get_one(User, 2).await?);

    let changed = session.query(User).filter(User.age.gt(0)).update(|rows| rows.set(User.age, User.age + 1)).await?;
    assert_eq!((changed, session[alice].age, session[bob].age), (2, Some(31), Some(26)));
    assert!(!session.is_modified(alice));
    let gone = session.query(User).filter(User.name.eq("Bob")).delete().await?;
    assert_eq!((gone, session.state(bob)), (1, State::Deleted));

    session.rollback().await?;

    assert_eq!((session[alice].age, session[bob].age, session.state(bob)), (Some(30), Some(25), State::Persistent));
    Ok(())
}

pub async fn w089_what_was_expunged_stays_out_after_a_rollback(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let dora = session.add(keyed(9, "Dora"));
    session.flush().await?;
    session.expunge(dora);
    let emil = session.add(keyed(10, "Emil"));
    assert!(!session.contains(dora) && session[emil].name == "Emil");

    session.rollback().await?;

    assert_eq!((session.contains(dora), session.state(emil)), (false, State::Transient));
    assert!(session.is_empty());
    Ok(())
}

pub async fn w093_the_last_of_two_rows_of_a_key_that_are_merged_wins(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let first = session.merge(keyed(9, "First")).await?;
    let last = session.merge(keyed(9, "Last")).await?;
    assert_eq!(first, last);
    session.commit().await?;
    assert_eq!(db.fetch_scalar(select(User.name).filter(User.id.eq(9))).await?, "Last");
    Ok(())
}

pub async fn a_slot_that_is_used_again_is_never_read_by_an_old_handle(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let carol = session.get_one(User, 3).await?;
    session.delete(carol)?;
    session.commit().await?;
    assert_eq!(session.state(carol), State::Detached);
    let new = session.get_one(User, 2).await?;
    assert!(!session.contains(carol) && session.contains(new) && carol != new);
    assert!(session.try_index(carol).is_err() && session.take(carol).is_err() && session.changes(carol).is_err());
    assert!(session.try_pick_mut([new, carol]).is_err());
    Ok(())
}

pub async fn changes_and_preview_say_what_a_flush_writes(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.get_one(User, 2).await?;
    session[bob].age = Some(26);
    db.log.take();
    let changes = session.changes(bob)?;
    assert_eq!(changes.iter().map(|change| change.column).collect::<Vec<_>>(), ["age"]);
    assert_eq!((&changes[0].old, &changes[0].new), (&Value::Int(25), &Value::Int(26)));
    let preview = session.preview()?;
    assert!(db.log.take().is_empty());

    session.flush().await?;

    let sent: Vec<_> = db.log.take().into_iter().filter(|one| one.rows_affected > 0).map(|one| one.sql).collect();
    assert_eq!(sent, preview);
    assert!(session.preview()?.is_empty() && session.changes(bob)?.is_empty());
    Ok(())
}

pub async fn rows_are_iterated_without_those_that_left(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let all = session.query(User).order_by(User.id).all().await?;
    session.expunge(all[1]);
    let names: Vec<_> = session.rows(User).map(|(_, row)| row.name.clone()).collect();
    assert_eq!(names, ["Alice", "Carol"]);
    assert_eq!((session.handles(User), session.len()), (vec![all[0], all[2]], 2));
    Ok(())
}

pub async fn w091_merge_asks_once_for_a_key_and_not_at_all_without_one(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let source = keyed(2, "Robert");
    session.merge(source.clone()).await?;
    assert_eq!(db.log.take().iter().map(|one| one.operation).collect::<Vec<_>>(), ["SELECT"]);
    let bob = session.merge(User { age: Some(9), ..source }).await?;
    session.merge(crate::models::user("Dora")).await?;
    assert!(db.log.take().is_empty());
    assert_eq!((session[bob].age, session.pending(User).len()), (Some(9), 1));
    Ok(())
}
