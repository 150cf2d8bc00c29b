//! The unit of work: flush, commit, rollback, savepoints, and what happens when they fail or are dropped.

use std::sync::{Arc, Mutex, PoisonError};

use orm::Error;
use orm::prelude::*;

use crate::expect::{eventually, polled, refused};
use crate::models::{Post, Tag, User, keyed, people};
use crate::{Lacks, TestDb, TestResult};

pub async fn w097_a_query_sees_what_was_added(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let dora = session.add(keyed(9, "Dora"));

    let tags = session.query(Tag).all().await?;
    assert_eq!((tags.len(), session.state(dora)), (2, State::Pending), "another table needs no flush");
    assert_eq!(session.query(User).filter(User.name.eq("Dora")).all().await?, [dora]);
    if !db.lacks(Lacks::ReadingBesideAWriter) {
        let others = select(count_all()).from(User).filter(User.name.eq("Dora"));
        assert_eq!(db.fetch_scalar(others).await?, 0, "nobody else sees it before the commit");
    }
    session.rollback().await?;
    assert_eq!(session.state(dora), State::Transient);
    Ok(())
}

pub async fn w099_no_autoflush_ends_by_itself(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.add(keyed(9, "Dora"));
    let found = session.no_autoflush().query(User).filter(User.name.eq("Dora")).all().await?;
    assert!(found.is_empty());
    assert_eq!(session.query(User).filter(User.name.eq("Dora")).all().await?.len(), 1);
    Ok(())
}

pub async fn w100_rollback_gives_back_what_was(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let (alice, bob) = (session.get_one(User, 1).await?, session.get_one(User, 2).await?);
    session[alice].name = "A".into();
    let dora = session.add(keyed(9, "Dora"));
    session.flush().await?;
    session[alice].name = "B".into();
    session.delete(bob)?;
    session.flush().await?;

    session.rollback().await?;

    assert_eq!((session[alice].name.as_str(), session[bob].name.as_str()), ("Alice", "Bob"));
    assert_eq!((session.state(dora), session.state(bob)), (State::Transient, State::Persistent));
    assert!(!session.is_dirty());
    session[bob].age = Some(1);
    session.commit().await?;
    assert_eq!(db.fetch_scalar(select(User.age).filter(User.id.eq(2))).await?, Some(1));
    Ok(())
}

pub async fn w101_a_savepoint_undoes_what_came_after_it(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.get_one(User, 1).await?;
    session[alice].name = "Outer".into();
    let mut savepoint = session.begin_nested().await?;
    savepoint[alice].name = "Inner".into();
    let dora = savepoint.add(keyed(9, "Dora"));
    savepoint.flush().await?;
    let mut deeper = savepoint.begin_nested().await?;
    deeper[alice].name = "Deeper".into();
    deeper.commit().await?;
    assert_eq!(savepoint[alice].name, "Deeper");
    savepoint.rollback().await?;

    assert_eq!((session[alice].name.as_str(), session.state(dora)), ("Outer", State::Transient));
    session.commit().await?;
    assert_eq!(db.fetch_all(select(User.name).order_by(User.id)).await?, ["Outer", "Bob", "Carol"]);
    Ok(())
}

pub async fn a_savepoint_that_is_dropped_is_undone(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.get_one(User, 1).await?;
    {
        let mut savepoint = session.begin_nested().await?;
        savepoint[alice].name = "Inner".into();
        savepoint.flush().await?;
    }
    assert_eq!(session[alice].name, "Alice");
    session.commit().await?;
    assert_eq!(db.fetch_scalar(select(User.name).filter(User.id.eq(1))).await?, "Alice");
    Ok(())
}

pub async fn w105_a_failed_flush_names_the_object_and_is_over_with_a_rollback(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let new = session.add_all((10..70).map(|id| keyed(id, &format!("new {id}"))));
    session[new[40]].email = "bob@example.com".into();

    let error = refused(session.commit().await)?;

    let context = error.context().ok_or("no context")?;
    assert!(matches!(error, Error::UniqueViolation { .. }), "{error}");
    assert_eq!(context.columns, ["email"]);
    assert_eq!((context.table.as_deref(), context.constraint.as_deref()), (Some("users"), Some("uq_users_email")));
    assert!(error.to_string().contains("`User(50)`"), "{error}");
    let blamed = context.handle.and_then(|handle| handle.of::<User>());
    // To find it, the rows of the statement are sent again one by one.
    assert_eq!(blamed, Some(new[40]));
    for _ in 0..5 {
        assert!(matches!(session.flush().await, Err(Error::Aborted { cause }) if cause.contains("email")));
        assert!(matches!(session.get(User, 1).await, Err(Error::Aborted { .. })));
    }
    assert_eq!(session[new[40]].email, "bob@example.com");
    session.rollback().await?;
    assert!(session.is_empty());
    assert_eq!(session.query(User).count().await?, 3);
    Ok(())
}

pub async fn w105_a_failed_flush_in_a_savepoint_loses_no_more_than_that(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.get_one(User, 1).await?;
    session[alice].name = "Outer".into();
    let mut savepoint = session.begin_nested().await?;
    savepoint[alice].email = "bob@example.com".into();
    assert!(matches!(savepoint.flush().await, Err(Error::UniqueViolation { .. })));
    savepoint.rollback().await?;

    assert_eq!((session[alice].name.as_str(), session[alice].email.as_str()), ("Outer", "alice@example.com"));
    session.commit().await?;
    assert_eq!(db.fetch_scalar(select(User.name).filter(User.id.eq(1))).await?, "Outer");
    Ok(())
}

pub async fn a_session_joins_a_transaction(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut tx = db.begin().await?;
    tx.execute(update(User).set(User.age, 1).filter(User.id.eq(1))).await?;
    {
        let mut session = Session::join(&mut tx);
        let alice = session.get_one(User, 1).await?;
        assert_eq!(session[alice].age, Some(1));
        session[alice].name = "Joined".into();
        session.commit().await?;
        session[alice].name = "Undone".into();
        session.rollback().await?;
        session[alice].name = "Dropped".into();
        session.flush().await?;
    }
    let inside = tx.fetch_one(select((User.name, User.age)).filter(User.id.eq(1))).await?;
    assert_eq!(inside, ("Joined".to_string(), Some(1)));
    tx.rollback().await?;
    assert_eq!(db.fetch_scalar(select(User.name).filter(User.id.eq(1))).await?, "Alice");
    Ok(())
}

/// How often a future is polled before it is dropped: every number at first, and ever fewer of the many that a server
/// takes.
fn more_polls(polls: usize) -> usize {
    polls + 1 + polls.saturating_sub(60) / 8
}

/// A session with a change, three new rows, and nothing flushed.
async fn with_changes(db: &TestDb, round: i64) -> orm::Result<(Session, Ref<User>)> {
    let mut session = Session::new(db);
    let alice = session.get_one(User, 1).await?;
    session[alice].age = Some(1000 + i32::try_from(round).unwrap_or_default());
    session.add_all((0..3).map(|number| keyed(1000 * (round + 1) + number, &format!("p {round} {number}"))));
    Ok((session, alice))
}

/// Whether all of a round is in the database: some of it must never be.
async fn is_kept(db: &TestDb, round: i64) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
    let new = User.id.between(1000 * (round + 1), 1000 * (round + 1) + 2);
    let kept = db.fetch_scalar(select(count_all()).from(User).filter(new)).await?;
    let age = db.fetch_scalar(select(User.age).filter(User.id.eq(1))).await?;
    let changed = age.map(i64::from) == Some(1000 + round);
    match (kept, changed) {
        (3, true) => Ok(true),
        (0, false) => Ok(false),
        _ => Err(format!("round {round}: {kept} of three new rows, and {age:?}").into()),
    }
}

pub async fn a_commit_that_is_dropped_leaves_all_or_nothing(db: &TestDb) -> TestResult {
    let db = &db.another(|builder| builder.offload(true)).await;
    people(db).await?;
    let (mut polls, mut round, mut ended) = (0, 0, false);
    while !ended {
        let (mut session, _) = with_changes(db, round).await?;
        ended = polled(polls, session.commit()).await.transpose()?.is_some();
        if !ended {
            let after = session.flush().await;
            assert!(matches!(after, Ok(()) | Err(Error::Interrupted { .. })), "{polls}: {after:?}");
        }
        session.rollback().await?;
        drop(session);
        // A thread or a server that still had the connection brings it back, and then it is known what came through.
        eventually("the connection is back", || db.pool_state().in_use == 0).await?;
        let kept = is_kept(db, round).await?;
        assert!(kept || !ended, "{polls}: it came to its end");
        (polls, round) = (more_polls(polls), round + 1);
    }
    Ok(())
}

pub async fn a_flush_that_is_dropped_leaves_nothing_or_can_go_on(db: &TestDb) -> TestResult {
    let db = &db.another(|builder| builder.offload(true)).await;
    people(db).await?;
    let (mut polls, mut round, mut ended) = (0, 0, false);
    while !ended {
        let (mut session, alice) = with_changes(db, round).await?;
        let before = db.fetch_scalar(select(User.age).filter(User.id.eq(1))).await?;
        ended = polled(polls, session.flush()).await.transpose()?.is_some();
        let interrupted = !ended && matches!(session.flush().await, Err(Error::Interrupted { .. }));
        if interrupted {
            // Nothing goes on until that is known, and what was to be written can be read.
            assert!(matches!(session.commit().await, Err(Error::Interrupted { during: "flush" })), "{polls}");
            assert!(matches!(session.get(User, 2).await, Err(Error::Interrupted { .. })), "{polls}");
            assert_eq!(session[alice].age.map(i64::from), Some(1000 + round), "{polls}");
            session.rollback().await?;
            assert_eq!((session[alice].age, session.pending(User).len()), (before, 0), "{polls}");
        }
        session.commit().await?;
        drop(session);
        eventually("the connection is back", || db.pool_state().in_use == 0).await?;
        assert_eq!(is_kept(db, round).await?, !interrupted, "{polls}");
        (polls, round) = (more_polls(polls), round + 1);
    }
    Ok(())
}

pub async fn core_statements_of_a_session_see_its_changes(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.get_one(User, 2).await?;
    session[bob].name = "Rob".into();
    let names = session.fetch_all(select(User.name).join(User.posts).filter(Post.views.eq(1))).await?;
    assert_eq!(names, ["Rob"]);
    session.rollback().await?;
    assert_eq!(session[bob].name, "Bob");
    Ok(())
}

/// Runs a session's work with its future dropped after each number of polls, until one comes to its end.
/// `committed` says that it makes its change lasting.
macro_rules! dropped_after_every_poll {
    ($db:expr, $work:expr) => {{
        let db = &$db.another(|builder| builder.offload(true)).await;
        people(db).await?;
        let (mut ended, mut polls) = (false, 0);
        // Every number of polls at first, and ever fewer of the many that a server takes.
        while polls < 1_000_000 {
            polls += 1 + polls / 8;
            let mut session = Session::new(db);
            let alice = session.get_one(User, 1).await?;
            session[alice].name = "Outer".into();
            session.flush().await?;
            ended = polled(polls, $work(&mut session, alice)).await.transpose()?.is_some();
            if !ended {
                let after = session.flush().await;
                assert!(matches!(after, Ok(()) | Err(Error::Interrupted { .. })), "{polls}: {after:?}");
                let interrupted = after.is_err();
                if !interrupted {
                    assert_eq!(session[alice].name, "Outer", "{polls}");
                    let stored = session.fetch_scalar(select(User.name).filter(User.id.eq(1))).await?;
                    assert_eq!(stored, "Outer", "{polls}: memory and database differ");
                    session.commit().await?;
                    assert_eq!(db.fetch_scalar(select(User.name).filter(User.id.eq(1))).await?, "Outer", "{polls}");
                    session[alice].name = "Alice".into();
                    session.commit().await?;
                }
            }
            session.rollback().await?;
            assert_eq!(session[alice].name, "Alice", "{polls}");
            drop(session);
            eventually("the connection is back", || db.pool_state().in_use == 0).await?;
            assert_eq!(db.fetch_scalar(select(User.name).filter(User.id.eq(1))).await?, "Alice", "{polls}");
            if ended {
                break;
            }
        }
        assert!(ended, "it never came to its end");
    }};
}

async fn set_a_savepoint(session: &mut Session, _: Ref<User>) -> orm::Result<()> {
    session.begin_nested().await.map(drop)
}

async fn undo_a_savepoint(session: &mut Session, alice: Ref<User>) -> orm::Result<()> {
    let mut savepoint = session.begin_nested().await?;
    savepoint[alice].name = "Inner".into();
    savepoint.flush().await?;
    savepoint.rollback().await
}

async fn keep_a_savepoint(session: &mut Session, alice: Ref<User>) -> orm::Result<()> {
    let mut savepoint = session.begin_nested().await?;
    savepoint[alice].name = "Inner".into();
    savepoint.commit().await
}

pub async fn a_begin_nested_that_is_dropped_leaves_what_was(db: &TestDb) -> TestResult {
    dropped_after_every_poll!(db, set_a_savepoint);
    Ok(())
}

pub async fn the_rollback_of_a_savepoint_that_is_dropped_leaves_nothing_of_it(db: &TestDb) -> TestResult {
    dropped_after_every_poll!(db, undo_a_savepoint);
    Ok(())
}

pub async fn the_commit_of_a_savepoint_that_is_dropped_leaves_nothing_of_it(db: &TestDb) -> TestResult {
    dropped_after_every_poll!(db, keep_a_savepoint);
    Ok(())
}

pub async fn a_rollback_that_is_dropped_leaves_nothing(db: &TestDb) -> TestResult {
    dropped_after_every_poll!(db, undo_all);
    Ok(())
}

async fn undo_all(session: &mut Session, _: Ref<User>) -> orm::Result<()> {
    session.rollback().await
}

pub async fn w099_no_autoflush_ends_when_what_it_runs_fails(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.add(keyed(9, "Dora"));
    let missing = session.no_autoflush().query(User).filter(User.name.eq("Dora")).one().await;
    assert!(matches!(missing, Err(Error::NoRow)));
    drop(session.no_autoflush().no_autoflush());
    assert_eq!(session.query(User).count().await?, 4);
    Ok(())
}

pub async fn w104_what_an_inner_savepoint_kept_is_undone_by_the_outer_one(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let (alice, bob) = (session.get_one(User, 1).await?, session.get_one(User, 2).await?);
    let mut outer = session.begin_nested().await?;
    outer[alice].name = "One".into();
    let mut inner = outer.begin_nested().await?;
    inner[alice].name = "Two".into();
    inner.delete(bob)?;
    let dora = inner.add(keyed(9, "Dora"));
    inner.commit().await?;
    outer.rollback().await?;

    assert_eq!((session[alice].name.as_str(), session.state(bob)), ("Alice", State::Persistent));
    assert_eq!((session.state(dora), session.is_dirty()), (State::Transient, false));
    session.commit().await?;
    assert_eq!(db.fetch_all(select(User.name).order_by(User.id)).await?, ["Alice", "Bob", "Carol"]);
    Ok(())
}

pub async fn w103_what_came_before_a_savepoint_belongs_to_what_is_around_it(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let dora = session.add(keyed(9, "Dora"));
    drop(session.begin_nested().await?);
    assert_eq!(session.state(dora), State::Persistent);
    session.commit().await?;
    assert_eq!(db.fetch_scalar(select(User.name).filter(User.id.eq(9))).await?, "Dora");
    Ok(())
}

pub async fn actions_for_after_a_commit_run_once_and_not_for_what_was_undone(db: &TestDb) -> TestResult {
    people(db).await?;
    let told = Arc::new(Mutex::new(Vec::new()));
    let say = |what: &'static str| {
        let told = Arc::clone(&told);
        move || told.lock().unwrap_or_else(PoisonError::into_inner).push(what)
    };
    let mut session = Session::new(db);
    session.after_commit(say("undone"));
    session.rollback().await?;
    session.after_commit(say("first"));
    let mut savepoint = session.begin_nested().await?;
    savepoint.after_commit(say("inner"));
    savepoint.rollback().await?;
    session.after_commit(say("last"));
    session.commit().await?;
    session.commit().await?;
    assert_eq!(*told.lock().unwrap_or_else(PoisonError::into_inner), ["first", "last"]);
    Ok(())
}

pub async fn w097_a_delete_is_flushed_before_a_query_of_a_table_that_it_cascades_into(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.get_one(User, 1).await?;
    session.delete(alice)?;
    db.log.take();
    assert_eq!(session.query(Tag).count().await?, 2);
    assert_eq!(db.log.take().iter().filter(|one| one.operation == "DELETE").count(), 0);

    assert_eq!(session.query(Post).count().await?, 1);

    assert_eq!(db.log.take().iter().filter(|one| one.operation == "DELETE").count(), 1);
    Ok(())
}

pub async fn a_session_that_begins_takes_the_lock_at_once_and_only_once(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.begin().await?;
    assert!(matches!(session.begin().await, Err(Error::Statement(_))));
    let bob = session.get_one(User, 2).await?;
    session[bob].age = Some(1);
    session.commit().await?;
    assert_eq!(db.pool_state().in_use, 0);
    session.begin().await?;
    session.rollback().await?;
    assert_eq!(session[bob].age, Some(1));
    Ok(())
}

pub async fn w105_what_was_written_before_a_failure_is_undone_with_it(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let (bob, carol) = (session.get_one(User, 2).await?, session.get_one(User, 3).await?);
    session[bob].age = Some(77);
    let dora = session.add(User::builder().name("Dora").email("d@example.com"));
    let posts = session.add_all((0..3).map(|number| Post::builder().title(format!("p {number}")).author(dora)));
    session.delete(carol)?;
    // Everything else is written by then.
    session.add(Post::builder().title("nowhere").author_id(4711));

    let error = refused(session.commit().await)?;

    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error}");
    assert_eq!((session[bob].age, session[dora].name.as_str()), (Some(77), "Dora"), "it can still be read");
    session.rollback().await?;
    assert_eq!((session[bob].age, session.state(carol)), (Some(25), State::Persistent));
    assert!(posts.iter().all(|post| session.state(*post) == State::Transient));
    assert_eq!(session.state(dora), State::Transient);
    assert_eq!(db.fetch_all(select(User.name).order_by(User.id)).await?, ["Alice", "Bob", "Carol"]);
    assert_eq!(db.fetch_scalar(select(count_all()).from(Post)).await?, 3);
    Ok(())
}

pub async fn actions_of_a_joined_session_wait_for_the_outermost_commit(db: &TestDb) -> TestResult {
    people(db).await?;
    let told = Arc::new(Mutex::new(Vec::new()));
    let say = |what: &'static str| {
        let told = Arc::clone(&told);
        move || told.lock().unwrap_or_else(PoisonError::into_inner).push(what)
    };
    let heard = || std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
    for kept in [false, true] {
        let mut tx = db.begin().await?;
        {
            let mut session = Session::join(&mut tx);
            session.after_commit(say("joined"));
            session.add(keyed(9, "Dora"));
            session.commit().await?;
        }
        assert!(heard().is_empty(), "the transaction is still open");
        if kept {
            tx.commit().await?
        } else {
            tx.rollback().await?
        }
        assert_eq!(heard(), ["joined"].iter().copied().filter(|_| kept).collect::<Vec<_>>());
    }
    Ok(())
}

pub async fn an_update_by_a_condition_that_is_dropped_leaves_memory_as_the_database_is(db: &TestDb) -> TestResult {
    let db = &db.another(|builder| builder.offload(true)).await;
    people(db).await?;
    let (mut polls, mut ended) = (0, false);
    while !ended {
        let mut session = Session::new(db);
        let alice = session.get_one(User, 1).await?;
        let birthdays = session.query(User).filter(User.id.eq(1)).update(|rows| rows.set(User.age, User.age + 1));
        ended = polled(polls, birthdays).await.transpose()?.is_some();

        // Either the session goes on, and knows what the database has, or the transaction is lost.
        if let Ok(age) = session.fetch_scalar(select(User.age).filter(User.id.eq(1))).await {
            assert_eq!(session[alice].age, age, "{polls}");
        } else {
            assert!(!ended, "{polls}");
        }
        session.rollback().await?;
        assert_eq!(session[alice].age, Some(30), "{polls}");
        drop(session);
        eventually("the connection is back", || db.pool_state().in_use == 0).await?;
        assert_eq!(db.fetch_scalar(select(User.age).filter(User.id.eq(1))).await?, Some(30), "{polls}");
        polls = more_polls(polls);
    }
    Ok(())
}
