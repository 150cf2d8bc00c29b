//! The unit of work: statements about many rows, and what the session's objects see of them.

use orm::prelude::*;

use crate::models::{User, keyed, people, user};
use crate::{TestDb, TestResult};

pub async fn w108_what_is_pending_is_updated_by_a_condition_too(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let dora = session.add(User { age: Some(5), ..user("Dora") });

    let changed = session.query(User).filter(User.age.lt(10)).update(|rows| rows.set(User.age, 6)).await?;

    assert_eq!((changed, session[dora].age, session.is_modified(dora)), (1, Some(6), false));
    Ok(())
}

pub async fn w108_objects_that_belonged_to_deleted_rows_follow_and_return(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let (alice, bob) = (session.get_one(User, 1).await?, session.get_one(User, 2).await?);

    session.query(User).filter(User.id.eq(1)).delete().await?;
    assert_eq!((session.state(alice), session[bob].manager_id), (State::Deleted, None));
    assert!(!session.is_dirty());
    session.rollback().await?;

    assert_eq!((session.state(alice), session[bob].manager_id), (State::Persistent, Some(1)));
    assert_eq!(session.get(User, 1).await?, Some(alice));
    Ok(())
}

pub async fn w102_a_savepoint_undoes_an_update_by_a_condition(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let (alice, bob) = (session.get_one(User, 1).await?, session.get_one(User, 2).await?);
    session.query(User).filter(User.id.eq(1)).update(|rows| rows.set(User.age, 31)).await?;
    let mut savepoint = session.begin_nested().await?;
    savepoint.query(User).filter(User.id.le(2)).update(|rows| rows.set(User.age, 99)).await?;
    assert_eq!((savepoint[alice].age, savepoint[bob].age), (Some(99), Some(99)));
    savepoint.rollback().await?;

    assert_eq!((session[alice].age, session[bob].age), (Some(31), Some(25)));
    session.rollback().await?;
    assert_eq!(session[alice].age, Some(30));
    Ok(())
}

pub async fn bulk_statements_run_in_the_transaction_of_the_session(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.add(keyed(9, "Pending"));
    assert_eq!(session.bulk_insert(vec![user("Dora"), user("Emil")]).await?, 2);
    assert_eq!(session.query(User).count().await?, 6);
    let dora = session.query(User).filter(User.name.eq("Dora")).one().await?;
    let mut rows = vec![User { age: Some(1), ..session[dora].clone() }];
    assert_eq!(session.bulk_update(rows.clone()).await?, 1);
    rows.push(user("Finn"));
    assert_eq!(session.bulk_save(&mut rows).await?, 2);
    assert_ne!(rows[1].id, 0);

    session.rollback().await?;

    assert_eq!(session.state(dora), State::Detached, "it was read of a row that is undone");
    assert_eq!(db.fetch_scalar(select(count_all()).from(User)).await?, 3);
    Ok(())
}
