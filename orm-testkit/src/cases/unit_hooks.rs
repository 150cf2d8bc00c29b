//! The unit of work: code of the program's that a session runs.

use std::sync::{Arc, Mutex, PoisonError};

use orm::Error;
use orm::prelude::*;

use crate::expect::refused;
use crate::models::{Tag, User, keyed, people, user};
use crate::{TestDb, TestResult};

pub async fn validation_gathers_every_mistake_and_sends_nothing(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.hook(Hooks::new().validate(|user: &User, violations| {
        if user.name.is_empty() {
            violations.add(User.name, "is empty");
        }
        if user.age.is_some_and(|age| age < 0) {
            violations.add(User.age, "is negative");
        }
    }));
    let bob = session.get_one(User, 2).await?;
    session.add(User { age: Some(-1), ..keyed(8, "") });
    session[bob].name = String::new();
    db.log.take();

    let error = refused(session.commit().await)?;

    let Error::Invalid(violations) = &error else { return Err(error.into()) };
    assert_eq!(violations.iter().map(|one| one.column).collect::<Vec<_>>(), [Some("name"), Some("age"), Some("name")]);
    assert!(db.log.take().is_empty());
    session[bob].name = "Bob".into();
    session.flush().await.err().ok_or("the other one is still wrong")?;
    Ok(())
}

pub async fn hooks_write_an_audit_log_in_the_same_transaction(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.hook(Hooks::new().before_flush(|session| {
        for changed in session.dirty(User) {
            for change in session.changes(changed)? {
                session.add(Tag { name: format!("{} of {}", change.column, session[changed].id) });
            }
        }
        Ok(())
    }));
    let bob = session.get_one(User, 2).await?;
    session[bob].age = Some(1);
    session.commit().await?;
    assert_eq!(db.fetch_scalar(select(count_all()).from(Tag).filter(Tag.name.eq("age of 2"))).await?, 1);
    Ok(())
}

pub async fn hooks_on_rows_run_in_order_and_may_change_them(db: &TestDb) -> TestResult {
    people(db).await?;
    let told = Arc::new(Mutex::new(Vec::new()));
    let say = |what: &'static str| {
        let told = Arc::clone(&told);
        move || told.lock().unwrap_or_else(PoisonError::into_inner).push(what)
    };
    let (inserted, updated, deleted) = (say("inserted"), say("updated"), say("deleted"));
    let (committed, undone) = (say("committed"), say("undone"));
    let mut session = Session::new(db);
    session.hook(
        Hooks::new()
            .before_insert(|user: &mut User| {
                user.email = user.email.to_uppercase();
                Ok(())
            })
            .after_insert(move |user: &User| {
                assert_ne!(user.id, 0);
                inserted();
                Ok(())
            })
            .after_update(move |_: &User, changes| {
                assert_eq!(changes.len(), 1);
                updated();
                Ok(())
            })
            .after_delete(move |_: &User| {
                deleted();
                Ok(())
            })
            .after_commit(move |_| committed())
            .after_rollback(move |_| undone()),
    );
    let dora = session.add(user("Dora"));
    session.commit().await?;
    session[dora].age = Some(1);
    session.flush().await?;
    session.delete(dora)?;
    session.flush().await?;
    session.rollback().await?;

    assert_eq!(session[dora].email, "DORA@EXAMPLE.COM");
    let told = std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
    assert_eq!(told, ["inserted", "committed", "updated", "deleted", "undone"]);
    Ok(())
}

pub async fn w106_hooks_that_never_end_are_stopped_after_a_hundred_rounds(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.hook(Hooks::new().after_flush(|session| {
        let next = 1000 + i64::try_from(session.len()).unwrap_or_default();
        session.add(keyed(next, &format!("new {next}")));
        Ok(())
    }));
    session.add(keyed(9, "Dora"));

    let error = refused(session.commit().await)?;

    assert!(matches!(error, Error::Statement(_)) && error.to_string().contains("100"), "{error}");
    session.rollback().await?;
    assert_eq!(db.fetch_scalar(select(count_all()).from(User)).await?, 3);
    Ok(())
}

pub async fn w106_hooks_of_engine_and_session_run_in_order(db: &TestDb) -> TestResult {
    let told = Arc::new(Mutex::new(Vec::new()));
    let say = |what: &'static str| {
        let told = Arc::clone(&told);
        move || told.lock().unwrap_or_else(PoisonError::into_inner).push(what)
    };
    let (engine, before, flushed) = (say("engine: before flush"), say("before flush"), say("after flush"));
    let (commit, committed) = (say("before commit"), say("after commit"));
    let hooks = Hooks::new().before_flush(move |_| {
        engine();
        Ok(())
    });
    let db = &db.another(|builder| builder.hooks(hooks)).await;
    people(db).await?;
    let mut session = Session::new(db);
    let of_session = Hooks::new()
        .before_commit(move |_| {
            commit();
            Ok(())
        })
        .before_flush(move |_| {
            before();
            Ok(())
        })
        .after_flush(move |_| {
            flushed();
            Ok(())
        })
        .after_commit(move |_| committed());
    session.hook(of_session);
    session.add(keyed(9, "Dora"));
    session.commit().await?;
    let told = std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
    assert_eq!(told, ["before commit", "engine: before flush", "before flush", "after flush", "after commit"]);
    Ok(())
}

pub async fn every_moment_has_its_hook(db: &TestDb) -> TestResult {
    let told = Arc::new(Mutex::new(Vec::new()));
    let say = |what: &'static str| {
        let told = Arc::clone(&told);
        move || {
            told.lock().unwrap_or_else(PoisonError::into_inner).push(what);
            Ok(())
        }
    };
    let (load, loaded) = (say("before load"), say("after load"));
    let (insert, inserted) = (say("before insert"), say("after insert"));
    let (update, updated) = (say("before update"), say("after update"));
    let (delete, deleted) = (say("before delete"), say("after delete"));
    let (rollback, undone) = (say("before rollback"), say("after rollback"));
    let hooks = Hooks::new()
        .before_load::<User>(load)
        .after_load(move |_: &User| loaded())
        .before_insert(move |_: &mut User| insert())
        .after_insert(move |_: &User| inserted())
        .before_update(move |_: &mut User, _| update())
        .after_update(move |_: &User, _| updated())
        .before_delete(move |_: &User| delete())
        .after_delete(move |_: &User| deleted())
        .before_rollback(move |_| rollback())
        .after_rollback(move |_| drop::<orm::Result<()>>(undone()));
    let db = &db.another(|builder| builder.hooks(hooks)).await;
    people(db).await?;
    let mut session = Session::new(db);
    let take = || std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));

    let (bob, carol) = (session.get_one(User, 2).await?, session.get_one(User, 3).await?);
    assert_eq!(take(), ["before load", "after load", "before load", "after load"]);
    session.query(Tag).all().await?;
    session.get_one(User, 2).await?;
    assert!(take().is_empty(), "of another model, and of what is here");

    session.add(user("Dora"));
    session[bob].age = Some(1);
    session.delete(carol)?;
    session.flush().await?;
    let before = ["before insert", "before update", "before delete"];
    let after = ["after insert", "after update", "after delete"];
    assert_eq!(take(), [before, after].concat());
    session.rollback().await?;
    assert_eq!(take(), ["before rollback", "after rollback"]);
    Ok(())
}

pub async fn an_error_of_a_hook_after_the_rows_undoes_the_flush(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.hook(Hooks::new().after_insert(|user: &User| match user.name.as_str() {
        "Nobody" => Err(Error::Statement("nobody is not welcome".into())),
        _ => Ok(()),
    }));
    let nobody = session.add(user("Nobody"));

    let error = refused(session.flush().await)?;
    assert!(error.to_string().contains("not welcome"), "{error}");
    assert!(matches!(session.commit().await, Err(Error::Aborted { cause }) if cause.contains("not welcome")));
    session.rollback().await?;
    assert_eq!(session.state(nobody), State::Transient);
    assert_eq!(db.fetch_scalar(select(count_all()).from(User)).await?, 3);
    Ok(())
}

pub async fn a_hook_before_a_load_may_refuse_it(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.hook(Hooks::new().before_load::<User>(|| Err(Error::Statement("users are not for you".into()))));
    db.log.take();

    assert!(refused(session.get(User, 1).await)?.to_string().contains("not for you"));
    assert!(refused(session.query(User).all().await)?.to_string().contains("not for you"));
    assert!(db.log.take().is_empty());
    assert_eq!(session.query(Tag).count().await?, 2);
    Ok(())
}

pub async fn w106_what_hooks_add_after_a_flush_is_written_by_the_same_commit(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.hook(Hooks::new().after_flush(|session| {
        // One more each time, until there are three.
        let new = session.rows(User).filter(|(_, row)| row.id >= 1000).count();
        if new < 3 {
            session.add(keyed(1000 + i64::try_from(new).unwrap_or_default(), &format!("new {new}")));
        }
        Ok(())
    }));
    session.add(keyed(9, "Dora"));

    session.commit().await?;

    assert!(!session.is_dirty());
    assert_eq!(db.fetch_all(select(User.id).filter(User.id.ge(9)).order_by(User.id)).await?, [9, 1000, 1001, 1002]);
    Ok(())
}

pub async fn hooks_of_an_engine_are_those_of_all_its_sessions_and_a_sessions_its_own(db: &TestDb) -> TestResult {
    let hooks = Hooks::new().before_insert(|user: &mut User| {
        user.nickname = Some("engine".into());
        Ok(())
    });
    let db = &db.another(|builder| builder.hooks(hooks)).await;
    people(db).await?;
    let (mut first, mut second) = (Session::new(db), Session::new(db));
    // The engine's come first.
    first.hook(Hooks::new().before_insert(|user: &mut User| {
        user.nickname = user.nickname.take().map(|name| name + " and session");
        Ok(())
    }));
    let one = first.add(user("One"));
    first.commit().await?;
    let two = second.add(user("Two"));
    second.commit().await?;

    assert_eq!(first[one].nickname.as_deref(), Some("engine and session"));
    assert_eq!(second[two].nickname.as_deref(), Some("engine"));
    let mut tx = db.begin().await?;
    let mut joined = Session::join(&mut tx);
    let three = joined.add(user("Three"));
    joined.commit().await?;
    assert_eq!(joined[three].nickname.as_deref(), Some("engine"));
    Ok(())
}
