//! All or nothing: guards and closures, savepoints, and futures that are dropped half-way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orm::Error;
use orm::prelude::*;

use crate::expect::{eventually, polled, refused};
use crate::models::{Number, User, numbers, user, users};
use crate::{Lacks, TestDb, TestResult};

async fn names(db: &Engine) -> orm::Result<Vec<String>> {
    db.fetch_all(select(User.name).order_by(User.name)).await
}

/// A database with one connection, for which nobody waits long.
async fn one_connection(db: &TestDb) -> orm::Result<TestDb> {
    let timeout = Duration::from_millis(500);
    let db = db.another(|builder| builder.pool_size(1).max_overflow(0).pool_timeout(timeout)).await;
    db.create_all(schema![User]).await?;
    Ok(db)
}

// Guards.

pub async fn what_is_committed_lasts(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    let mut tx = db.begin().await?;
    tx.execute(insert(user("Alice"))).await?;
    tx.execute(insert(user("Bob"))).await?;
    tx.commit().await?;

    assert_eq!(names(db).await?, ["Alice", "Bob"]);
    Ok(())
}

pub async fn what_is_rolled_back_is_undone(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.execute(insert(user("Alice"))).await?;

    let mut tx = db.begin().await?;
    tx.execute(insert(user("Bob"))).await?;
    tx.execute(delete(User).filter(User.name.eq("Alice"))).await?;
    tx.rollback().await?;

    assert_eq!(names(db).await?, ["Alice"]);
    Ok(())
}

pub async fn a_transaction_that_is_dropped_is_undone(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;

    let mut tx = db.begin().await?;
    tx.execute(insert(user("Alice"))).await?;
    drop(tx);

    assert_eq!(names(&db).await?, [""; 0]);
    Ok(())
}

pub async fn a_transaction_sees_its_own_changes(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut tx = db.begin().await?;

    let id = tx.fetch_one(insert(user("Alice")).returning(User.id)).await?;
    tx.execute(update(User).set(User.age, 5).filter(User.id.eq(id))).await?;
    let seen = tx.get(User, id).await?;

    assert_eq!(seen.and_then(|user| user.age), Some(5));
    Ok(())
}

pub async fn others_see_the_state_from_before_until_it_is_committed(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.execute(insert(user("Alice"))).await?;

    let mut tx = db.begin().await?;
    tx.execute(insert(user("Bob"))).await?;
    tx.execute(update(User).set(User.name, "Alicia").filter(User.name.eq("Alice"))).await?;
    let engine = db.engine.clone();
    let reader = tokio::spawn(async move { names(&engine).await });
    let seen = if db.lacks(Lacks::ReadingBesideAWriter) {
        tx.commit().await?;
        reader.await??
    } else {
        let seen = reader.await??;
        tx.commit().await?;
        seen
    };

    let (before, after) = (vec!["Alice".to_string()], vec!["Alicia".to_string(), "Bob".to_string()]);
    assert_eq!(seen, if db.lacks(Lacks::ReadingBesideAWriter) { after.clone() } else { before });
    assert_eq!(names(db).await?, after);
    Ok(())
}

pub async fn a_kept_connection_has_one_transaction_after_the_other(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;
    let mut connection = db.connection().await?;

    let mut tx = connection.begin().await?;
    tx.execute(insert(user("Alice"))).await?;
    tx.commit().await?;
    let mut tx = connection.begin().await?;
    tx.execute(insert(user("Bob"))).await?;
    drop(tx);
    connection.execute(insert(user("Carol"))).await?;
    connection.transaction(async |tx| tx.execute(insert(user("Dora"))).await).await?;
    drop(connection);

    assert_eq!(names(&db).await?, ["Alice", "Carol", "Dora"]);
    Ok(())
}

pub async fn an_isolation_level_can_be_asked_for(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let levels =
        [Isolation::ReadUncommitted, Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable];

    for (number, level) in levels.into_iter().enumerate() {
        let mut tx = db.begin_with(TransactionOptions::new().isolation(level)).await?;
        tx.execute(insert(user(&format!("{number}")))).await?;
        tx.commit().await?;
    }

    assert_eq!(names(db).await?, ["0", "1", "2", "3"]);
    Ok(())
}

// Read-only.

pub async fn a_read_only_transaction_reads(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.execute(insert(user("Alice"))).await?;

    let mut tx = db.begin_with(TransactionOptions::new().read_only()).await?;
    let count = tx.fetch_scalar(select(count(User.id))).await?;
    tx.commit().await?;

    assert_eq!(count, 1);
    Ok(())
}

pub async fn a_read_only_transaction_refuses_every_write(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.execute(insert(user("Alice"))).await?;
    let read_only = || db.begin_with(TransactionOptions::new().read_only());

    let inserted = refused(read_only().await?.execute(insert(user("Bob"))).await)?;
    let updated = refused(read_only().await?.execute(update(User).set(User.age, 1).all_rows()).await)?;
    let deleted = refused(read_only().await?.execute(delete(User).all_rows()).await)?;

    for error in [inserted, updated, deleted] {
        assert!(matches!(error, Error::ReadOnly { .. }), "{error:?}");
    }
    assert_eq!(db.fetch_all(select(User.age)).await?, [None]);
    Ok(())
}

pub async fn a_connection_can_write_again_after_a_read_only_transaction(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;

    let mut tx = db.begin_with(TransactionOptions::new().read_only()).await?;
    refused(tx.execute(insert(user("Alice"))).await)?;
    drop(tx);
    let tx = db.begin_with(TransactionOptions::new().read_only()).await?;
    tx.commit().await?;
    db.execute(insert(user("Bob"))).await?;

    assert_eq!(names(&db).await?, ["Bob"]);
    Ok(())
}

pub async fn a_reader_keeps_no_writer_waiting(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut reader = db.begin_with(TransactionOptions::new().read_only()).await?;

    let mut writer = db.begin().await?;
    writer.execute(insert(user("Alice"))).await?;
    writer.commit().await?;
    reader.fetch_scalar(select(count(User.id))).await?;
    reader.commit().await?;

    assert_eq!(names(db).await?, ["Alice"]);
    Ok(())
}

// Deferred: the lock comes with the first write. Both need one state of the database for all that they read, which not
// every backend gives without being asked.

fn deferred() -> TransactionOptions {
    TransactionOptions::new().deferred().isolation(Isolation::RepeatableRead)
}

async fn age(db: &mut impl Executor) -> orm::Result<Option<i32>> {
    db.fetch_scalar(select(User.age).filter(User.name.eq("Alice"))).await
}

async fn set_age(db: &mut impl Executor, age: i32) -> orm::Result<u64> {
    db.execute(update(User).set(User.age, age).filter(User.name.eq("Alice"))).await
}

pub async fn a_deferred_transaction_that_only_reads_keeps_no_writer_waiting(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.execute(insert(user("Alice"))).await?;

    let mut reader = db.begin_with(deferred()).await?;
    let before = names(db).await?;
    let mut writer = db.begin().await?;
    writer.execute(insert(user("Bob"))).await?;
    writer.commit().await?;
    reader.fetch_scalar(select(count(User.id))).await?;
    reader.commit().await?;

    assert_eq!((before.len(), names(db).await?.len()), (1, 2));
    Ok(())
}

pub async fn a_deferred_transaction_sees_one_state(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.execute(insert(user("Alice"))).await?;

    let mut reader = db.begin_with(deferred()).await?;
    let mut seen = vec![age(&mut reader).await?];
    let engine = db.engine.clone();
    let mut writer = Box::pin(async move { set_age(&mut &engine, 5).await });
    // What is written beside a reader may have to wait for its end.
    let written = match db.lacks(Lacks::ReadingBesideAWriter) {
        true => polled(20, writer.as_mut()).await,
        false => Some(writer.as_mut().await),
    };
    seen.push(age(&mut reader).await?);
    reader.commit().await?;
    let written = match written {
        Some(written) => written?,
        None => writer.await?,
    };

    assert_eq!((seen, written), (vec![None, None], 1));
    assert_eq!(age(&mut &db.engine).await?, Some(5));
    Ok(())
}

pub async fn the_first_write_of_a_deferred_transaction_keeps_the_next_writer_waiting(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.execute(insert(user("Alice"))).await?;

    let mut first = db.begin_with(deferred()).await?;
    let mut seen = vec![age(&mut first).await?];
    set_age(&mut first, 1).await?;
    let mut second = Box::pin(db.execute(update(User).set(User.age, User.age + 10).all_rows()));
    assert!(polled(20, second.as_mut()).await.is_none(), "the second writer did not wait");
    set_age(&mut first, 2).await?;
    seen.push(age(&mut first).await?);
    first.commit().await?;

    assert_eq!((seen, second.await?), (vec![None, Some(2)], 1));
    assert_eq!(age(&mut &db.engine).await?, Some(12));
    Ok(())
}

pub async fn a_deferred_transaction_waits_for_its_turn_to_write(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.execute(insert(user("Alice"))).await?;

    let mut first = db.begin().await?;
    set_age(&mut first, 1).await?;
    let mut second = db.begin_with(TransactionOptions::new().deferred()).await?;
    let mut write = Box::pin(set_age(&mut second, 2));
    assert!(polled(20, write.as_mut()).await.is_none(), "it did not wait");
    first.commit().await?;
    write.await?;
    second.commit().await?;

    assert_eq!(age(&mut &db.engine).await?, Some(2));
    Ok(())
}

pub async fn what_a_deferred_transaction_read_cannot_be_changed_behind_its_back(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.execute(insert(user("Alice"))).await?;

    let (mut first, mut second) = (db.begin_with(deferred()).await?, db.begin_with(deferred()).await?);
    let read = (age(&mut first).await?, age(&mut second).await?);
    set_age(&mut first, 1).await?;
    let late = if db.lacks(Lacks::ReadingBesideAWriter) {
        // The first can commit only when the second has ended.
        let late = refused(set_age(&mut second, 2).await)?;
        drop(second);
        first.commit().await?;
        late
    } else {
        first.commit().await?;
        refused(set_age(&mut second, 2).await)?
    };

    assert_eq!(read, (None, None));
    assert!(matches!(late, Error::Serialization { .. }), "{late:?}");
    assert!(late.is_retryable());
    assert_eq!(age(&mut &db.engine).await?, Some(1));
    Ok(())
}

pub async fn a_deferred_transaction_that_came_too_late_succeeds_when_it_is_run_again(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.execute(insert(user("Alice"))).await?;
    let mut tasks = Vec::new();
    for _ in 0..10 {
        let engine = db.engine.clone();
        tasks.push(tokio::spawn(async move {
            loop {
                let mut tx = engine.begin_with(deferred()).await?;
                let one_more = age(&mut tx).await?.unwrap_or_default() + 1;
                tokio::task::yield_now().await;
                match set_age(&mut tx, one_more).await {
                    Ok(_) => return tx.commit().await,
                    Err(Error::Serialization { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }));
    }

    for task in tasks {
        task.await??;
    }

    assert_eq!(age(&mut &db.engine).await?, Some(10));
    Ok(())
}

pub async fn a_deferred_transaction_may_begin_with_a_savepoint(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    let mut tx = db.begin_with(deferred()).await?;
    let mut savepoint = tx.savepoint().await?;
    savepoint.execute(insert(user("Undone"))).await?;
    savepoint.rollback().await?;
    tx.execute(insert(user("Alice"))).await?;
    let mut savepoint = tx.savepoint().await?;
    savepoint.execute(insert(users(120))).await?;
    drop(savepoint);
    let inside = tx.fetch_all(select(User.name)).await?;
    tx.commit().await?;
    // Its right to write is given back.
    db.execute(insert(user("Bob"))).await?;

    assert_eq!(inside, ["Alice"]);
    assert_eq!(names(db).await?, ["Alice", "Bob"]);
    Ok(())
}

pub async fn a_deferred_transaction_ends_as_it_is_told(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;

    for round in 0..6 {
        let mut tx = db.begin_with(deferred()).await?;
        tx.fetch_all(select(User.name)).await?;
        if round % 2 == 1 {
            tx.execute(insert(user(&format!("of {round}")))).await?;
        }
        match round / 2 {
            0 => tx.commit().await?,
            1 => tx.rollback().await?,
            _ => drop(tx),
        }
        is_clean(&db, round).await?;
    }

    let kept = select(User.name).filter(User.name.starts_with("of"));
    assert_eq!(db.fetch_all(kept).await?, ["of 1"]);
    Ok(())
}

pub async fn a_deferred_transaction_that_is_read_only_refuses_every_write(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    let mut tx = db.begin_with(deferred().read_only()).await?;
    let error = refused(tx.execute(insert(user("Alice"))).await)?;
    drop(tx);

    assert!(matches!(error, Error::ReadOnly { .. }), "{error:?}");
    assert_eq!(names(db).await?, [""; 0]);
    Ok(())
}

// Savepoints.

pub async fn an_inner_rollback_undoes_the_inner_changes_only(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    let mut tx = db.begin().await?;
    tx.execute(insert(user("Before"))).await?;
    let mut savepoint = tx.savepoint().await?;
    savepoint.execute(insert(user("Inside"))).await?;
    savepoint.rollback().await?;
    tx.execute(insert(user("After"))).await?;
    tx.commit().await?;

    assert_eq!(names(db).await?, ["After", "Before"]);
    Ok(())
}

pub async fn a_savepoint_that_is_dropped_is_undone(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    let mut tx = db.begin().await?;
    tx.execute(insert(user("Before"))).await?;
    let mut savepoint = tx.savepoint().await?;
    savepoint.execute(insert(user("Inside"))).await?;
    drop(savepoint);
    tx.commit().await?;

    assert_eq!(names(db).await?, ["Before"]);
    Ok(())
}

pub async fn an_inner_commit_falls_with_the_outer_rollback(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    let mut tx = db.begin().await?;
    let mut savepoint = tx.savepoint().await?;
    savepoint.execute(insert(user("Inside"))).await?;
    savepoint.commit().await?;
    let inside = tx.fetch_scalar(select(count(User.id))).await?;
    tx.rollback().await?;

    assert_eq!((inside, names(db).await?.len()), (1, 0));
    Ok(())
}

pub async fn savepoints_nest_three_deep(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    let mut one = db.begin().await?;
    one.execute(insert(user("1"))).await?;
    let mut two = one.savepoint().await?;
    two.execute(insert(user("2"))).await?;
    let mut three = two.savepoint().await?;
    three.execute(insert(user("3"))).await?;
    let mut four = three.savepoint().await?;
    four.execute(insert(user("4"))).await?;
    four.commit().await?;
    three.rollback().await?;
    let mut again = two.savepoint().await?;
    again.execute(insert(user("5"))).await?;
    again.commit().await?;
    two.commit().await?;
    one.commit().await?;

    assert_eq!(names(db).await?, ["1", "2", "5"]);
    Ok(())
}

pub async fn an_error_in_a_savepoint_leaves_the_transaction_usable(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    let mut tx = db.begin().await?;
    tx.execute(insert(user("Alice"))).await?;
    let mut savepoint = tx.savepoint().await?;
    let error = refused(savepoint.execute(insert(user("Alice"))).await)?;
    savepoint.rollback().await?;
    tx.execute(insert(user("Bob"))).await?;
    tx.commit().await?;

    assert_eq!(error.kind(), "UniqueViolation");
    assert_eq!(names(db).await?, ["Alice", "Bob"]);
    Ok(())
}

// Closures.

pub async fn a_closure_that_gives_ok_is_committed(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    let id = db.transaction(async |tx| tx.fetch_one(insert(user("Alice")).returning(User.id)).await).await?;

    assert!(db.get(User, id).await?.is_some());
    Ok(())
}

pub async fn a_closure_that_gives_an_error_is_undone(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    let result: orm::Result<()> = db
        .transaction(async |tx| {
            tx.execute(insert(user("Alice"))).await?;
            Err(Error::NoRow)
        })
        .await;

    assert!(matches!(result, Err(Error::NoRow)));
    assert_eq!(names(db).await?, [""; 0]);
    Ok(())
}

pub async fn a_closure_may_have_an_error_of_its_own(db: &TestDb) -> TestResult {
    #[derive(Debug)]
    enum Refusal {
        TooPoor,
        Database(Error),
    }
    impl From<Error> for Refusal {
        fn from(error: Error) -> Self {
            Refusal::Database(error)
        }
    }
    db.create_all(schema![User]).await?;
    db.execute(insert(user("Alice"))).await?;

    let own: Result<(), Refusal> = db
        .transaction(async |tx| {
            tx.execute(delete(User).all_rows()).await?;
            Err(Refusal::TooPoor)
        })
        .await;
    let databases: Result<u64, Refusal> = db.transaction(async |tx| Ok(tx.execute(insert(user("Alice"))).await?)).await;

    assert!(matches!(own, Err(Refusal::TooPoor)));
    assert!(matches!(&databases, Err(Refusal::Database(error)) if error.kind() == "UniqueViolation"), "{databases:?}");
    assert_eq!(names(db).await?, ["Alice"]);
    Ok(())
}

pub async fn a_closure_that_panics_is_undone(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;
    let engine = db.engine.clone();

    let task = tokio::spawn(async move {
        engine
            .transaction(async |tx| {
                tx.execute(insert(user("Alice"))).await?;
                if tx.fetch_scalar(select(count(User.id))).await? == 1 {
                    // A panic that prints nothing.
                    std::panic::resume_unwind(Box::new("the closure gave up"));
                }
                Ok::<_, Error>(())
            })
            .await
    });

    assert!(task.await.is_err_and(|error| error.is_panic()));
    assert_eq!(names(&db).await?, [""; 0]);
    Ok(())
}

pub async fn closures_nest(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    db.transaction(async |tx| {
        tx.execute(insert(user("Outside"))).await?;
        let failed: orm::Result<()> = tx
            .transaction(async |inner| {
                inner.execute(insert(user("Failed"))).await?;
                Err(Error::NoRow)
            })
            .await;
        assert!(matches!(failed, Err(Error::NoRow)));
        tx.transaction(async |inner| {
            inner.execute(insert(user("Inside"))).await?;
            inner.transaction(async |innermost| innermost.execute(insert(user("Innermost"))).await).await
        })
        .await
    })
    .await?;

    assert_eq!(names(db).await?, ["Innermost", "Inside", "Outside"]);
    Ok(())
}

pub async fn closures_with_captures_by_reference_run_on_another_task(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let engine = db.engine.clone();

    let task = tokio::spawn(async move {
        let (outer, inner) = (String::from("Outer"), String::from("Inner"));
        let mut inserted = 0;
        engine
            .transaction(async |tx| {
                inserted += tx.execute(insert(user(&outer))).await?;
                tx.transaction(async |tx| {
                    inserted += tx.execute(insert(user(&inner))).await?;
                    Ok::<_, Error>(())
                })
                .await
            })
            .await?;
        Ok::<_, Error>((inserted, outer, inner))
    });

    assert_eq!(task.await??, (2, "Outer".to_string(), "Inner".to_string()));
    assert_eq!(names(db).await?, ["Inner", "Outer"]);
    Ok(())
}

// After the commit.

/// What was done after commits, in order.
#[derive(Clone, Default)]
struct Deeds(Arc<Mutex<Vec<&'static str>>>);

impl Deeds {
    /// Something to do.
    fn deed(&self, name: &'static str) -> impl FnOnce() + Send + 'static {
        let deeds = self.clone();
        move || deeds.0.lock().unwrap_or_else(PoisonError::into_inner).push(name)
    }

    /// What was done since this was last asked.
    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many are done, or may still be.
    fn left(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

pub async fn actions_run_once_and_in_order_when_the_transaction_is_committed(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let deeds = Deeds::default();

    let mut tx = db.begin().await?;
    tx.after_commit(deeds.deed("first"));
    tx.execute(insert(user("Alice"))).await?;
    tx.after_commit(deeds.deed("second"));
    let before = deeds.take();
    tx.commit().await?;
    let after = deeds.take();
    db.transaction(async |tx| tx.execute(insert(user("Bob"))).await).await?;

    assert_eq!((before, after, deeds.take()), (vec![], vec!["first", "second"], vec![]));
    assert_eq!(names(db).await?, ["Alice", "Bob"]);
    Ok(())
}

pub async fn no_action_runs_after_a_rollback_a_drop_or_an_error(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let deeds = Deeds::default();

    let mut tx = db.begin().await?;
    tx.after_commit(deeds.deed("rolled back"));
    tx.rollback().await?;
    let mut tx = db.begin().await?;
    tx.after_commit(deeds.deed("dropped"));
    drop(tx);
    let failed: orm::Result<()> = db
        .transaction(async |tx| {
            tx.after_commit(deeds.deed("failed"));
            Err(Error::NoRow)
        })
        .await;
    db.execute(insert(user("Alice"))).await?;

    assert!(failed.is_err());
    assert_eq!((deeds.take(), deeds.left()), (vec![], 0));
    Ok(())
}

pub async fn no_action_runs_after_a_commit_that_fails(db: &TestDb) -> TestResult {
    db.execute(sql!("CREATE TABLE parent (id BIGINT PRIMARY KEY)")).await?;
    let child = sql!("CREATE TABLE child (parent BIGINT REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)");
    db.execute(child).await?;
    let deeds = Deeds::default();

    let mut tx = db.begin().await?;
    tx.execute(sql!("INSERT INTO child VALUES (7)")).await?;
    tx.after_commit(deeds.deed("failed"));
    let error = refused(tx.commit().await)?;

    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error:?}");
    assert_eq!((deeds.take(), deeds.left()), (vec![], 0));
    Ok(())
}

pub async fn actions_of_a_savepoint_go_with_it_when_it_is_undone(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let deeds = Deeds::default();

    let mut tx = db.begin().await?;
    tx.after_commit(deeds.deed("outside, before"));
    let mut kept = tx.savepoint().await?;
    kept.after_commit(deeds.deed("kept"));
    let mut undone = kept.savepoint().await?;
    undone.after_commit(deeds.deed("rolled back"));
    let mut innermost = undone.savepoint().await?;
    innermost.after_commit(deeds.deed("kept in what is rolled back"));
    innermost.commit().await?;
    undone.rollback().await?;
    kept.after_commit(deeds.deed("kept as well"));
    kept.commit().await?;
    let mut dropped = tx.savepoint().await?;
    dropped.after_commit(deeds.deed("dropped"));
    drop(dropped);
    let failed: orm::Result<()> = tx
        .transaction(async |tx| {
            tx.after_commit(deeds.deed("failed"));
            Err(Error::NoRow)
        })
        .await;
    tx.after_commit(deeds.deed("outside, after"));
    let before = deeds.take();
    tx.commit().await?;

    assert!(failed.is_err());
    assert_eq!((before.len(), deeds.take()), (0, vec!["outside, before", "kept", "kept as well", "outside, after"]));
    Ok(())
}

pub async fn actions_on_a_kept_connection_run_with_their_own_transaction(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;
    let deeds = Deeds::default();
    let mut connection = db.connection().await?;

    let mut tx = connection.begin().await?;
    tx.after_commit(deeds.deed("undone"));
    tx.rollback().await?;
    let mut tx = connection.begin().await?;
    tx.after_commit(deeds.deed("done"));
    tx.commit().await?;
    let first = deeds.take();
    connection.execute(insert(users(120))).await?;
    connection.transaction(async |tx| tx.execute(insert(user("Alice"))).await).await?;

    assert_eq!((first, deeds.take()), (vec!["done"], vec![]));
    Ok(())
}

pub async fn an_action_may_have_a_task_write(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let (sender, receiver) = tokio::sync::oneshot::channel();

    let mut tx = db.begin().await?;
    tx.execute(insert(user("Alice"))).await?;
    let engine = db.engine.clone();
    tx.after_commit(move || {
        let task = tokio::spawn(async move {
            engine.execute(insert(user("Bob"))).await?;
            names(&engine).await
        });
        drop(sender.send(task));
    });
    tx.commit().await?;

    assert_eq!(receiver.await?.await??, ["Alice", "Bob"]);
    Ok(())
}

pub async fn an_action_that_panics_keeps_no_other_from_running(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;
    let deeds = Deeds::default();
    let mut connection = db.connection().await?;

    let (first, last) = (deeds.deed("first"), deeds.deed("last"));
    let task = tokio::spawn(async move {
        let mut tx = connection.begin().await?;
        tx.execute(insert(user("Alice"))).await?;
        tx.after_commit(first);
        // Panics that print nothing.
        tx.after_commit(|| std::panic::resume_unwind(Box::new("the first panic")));
        tx.after_commit(|| std::panic::resume_unwind(Box::new("the second panic")));
        tx.after_commit(last);
        tx.commit().await
    });
    let panic = task.await.err().and_then(|error| error.try_into_panic().ok());

    assert_eq!(panic.and_then(|panic| panic.downcast_ref::<&str>().copied()), Some("the first panic"));
    assert_eq!(deeds.take(), ["first", "last"]);
    assert_eq!(names(&db).await?, ["Alice"]);
    is_clean(&db, 0).await
}

pub async fn actions_run_at_most_once_though_the_commit_is_dropped_half_way(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;

    for round in 1..=20 {
        let deeds = Deeds::default();
        let mut tx = db.begin().await?;
        tx.execute(insert(user(&format!("half {round}")))).await?;
        tx.after_commit(deeds.deed("done"));
        let committed = polled(round, tx.commit()).await.transpose()?.is_some();
        assert_eq!((deeds.take().len(), deeds.left()), (usize::from(committed), 0));
        is_clean(&db, round).await?;
    }
    Ok(())
}

// Functions over anything that runs statements.

async fn add(db: &mut impl Executor, name: &str) -> orm::Result<i64> {
    db.execute(insert(user(name))).await?;
    let id = db.fetch_one(select(User.id).filter(User.name.eq(name))).await?;
    Ok(db.get(User, id).await?.map_or(0, |user| user.id))
}

pub async fn a_function_runs_on_engine_connection_and_transaction(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    let on_engine = add(&mut &db.engine, "Engine").await?;
    let mut connection = db.connection().await?;
    let on_connection = add(&mut connection, "Connection").await?;
    let mut tx = connection.begin().await?;
    let on_transaction = add(&mut tx, "Transaction").await?;
    let mut savepoint = tx.savepoint().await?;
    add(&mut savepoint, "Savepoint").await?;
    savepoint.commit().await?;
    tx.commit().await?;

    assert!(on_engine != on_connection && on_connection != on_transaction);
    assert_eq!(names(db).await?, ["Connection", "Engine", "Savepoint", "Transaction"]);
    Ok(())
}

pub async fn a_function_over_an_executor_runs_on_another_task(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let engine = db.engine.clone();

    let task = tokio::spawn(async move {
        add(&mut &engine, "Engine").await?;
        engine.transaction(async |tx| add(tx, "Transaction").await).await
    });

    assert!(task.await?? > 0);
    assert_eq!(names(db).await?, ["Engine", "Transaction"]);
    Ok(())
}

// Side by side.

pub async fn writers_wait_for_each_other(db: &TestDb) -> TestResult {
    numbers(db, 1).await?;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let engine = db.engine.clone();
            tokio::spawn(async move {
                engine
                    .transaction(async |tx| {
                        tx.execute(update(Number).set(Number.value, Number.value + 1).all_rows()).await?;
                        tokio::task::yield_now().await;
                        tx.execute(update(Number).set(Number.value, Number.value + 1).all_rows()).await
                    })
                    .await
            })
        })
        .collect();

    for task in tasks {
        task.await??;
    }

    assert_eq!(db.fetch_scalar(select(Number.value)).await?, 41);
    Ok(())
}

pub async fn a_writer_that_gives_up_waiting_lets_the_next_one_in(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut first = db.begin().await?;
    first.execute(insert(user("First"))).await?;

    for times in 1..=3 {
        let waiting = async { db.begin().await?.execute(insert(user("Waiting"))).await };
        polled(times, waiting).await;
    }
    first.commit().await?;
    db.execute(insert(user("Next"))).await?;

    assert_eq!(names(db).await?, ["First", "Next"]);
    Ok(())
}

// Futures that are dropped half-way. `polled` polls a future a number of times, and drops it.

/// That the only connection of a pool is clean: nothing of before is open on it.
async fn is_clean(db: &TestDb, round: usize) -> TestResult {
    let name = |what: &str| format!("{what} {round}");
    db.execute(insert(user(&name("alone")))).await?;
    let mut tx = db.begin().await?;
    tx.execute(insert(user(&name("undone")))).await?;
    tx.rollback().await?;
    let mut tx = db.begin().await?;
    tx.execute(insert(user(&name("kept")))).await?;
    tx.commit().await?;
    let written = [name("alone"), name("kept"), name("undone")];
    let found = db.fetch_all(select(User.name).filter(User.name.in_(&written[..])).order_by(User.name)).await?;
    assert_eq!(found, [name("alone"), name("kept")]);
    Ok(())
}

pub async fn a_transaction_dropped_at_any_point_leaves_the_connection_clean(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;

    for round in 1..=20 {
        let whole = async {
            let mut tx = db.begin().await?;
            tokio::task::yield_now().await;
            tx.execute(insert(user(&format!("half {round}")))).await?;
            tokio::task::yield_now().await;
            let mut savepoint = tx.savepoint().await?;
            tokio::task::yield_now().await;
            savepoint.execute(insert(users(60))).await?;
            savepoint.rollback().await?;
            tokio::task::yield_now().await;
            tx.commit().await
        };
        if polled(round, whole).await.transpose()?.is_none() {
            eventually("the connection is back", || db.pool_state().in_use == 0).await?;
        }
        is_clean(&db, round).await?;
    }
    Ok(())
}

pub async fn a_begin_dropped_half_way_leaves_the_connection_clean(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;

    for round in 1..=20 {
        polled(round, db.begin()).await.transpose()?;
        is_clean(&db, round).await?;
    }
    Ok(())
}

pub async fn a_statement_dropped_half_way_leaves_the_connection_clean(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;

    for round in 1..=20 {
        let many: Vec<User> = (0..120).map(|number| user(&format!("many {round} {number}"))).collect();
        polled(round, db.execute(insert(many))).await.transpose()?;
        polled(round, db.fetch_all(select(User))).await.transpose()?;
        is_clean(&db, round).await?;
    }

    let many = db.fetch_scalar(select(count(User.id)).filter(User.name.starts_with("many"))).await?;
    assert_eq!(many % 120, 0, "{many} rows are not whole statements");
    Ok(())
}

pub async fn a_commit_dropped_half_way_leaves_the_connection_clean(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;

    for round in 1..=20 {
        let mut tx = db.begin().await?;
        tx.execute(insert(user(&format!("half {round}")))).await?;
        polled(round, tx.commit()).await.transpose()?;
        is_clean(&db, round).await?;
    }
    Ok(())
}

pub async fn a_first_write_dropped_half_way_leaves_the_connection_clean(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;

    for round in 1..=20 {
        let mut tx = db.begin_with(deferred()).await?;
        tx.fetch_all(select(User.name)).await?;
        polled(round, tx.execute(insert(user(&format!("half {round}"))))).await.transpose()?;
        drop(tx);
        is_clean(&db, round).await?;
    }
    Ok(())
}

pub async fn a_first_write_dropped_while_it_waits_lets_the_next_one_in(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.execute(insert(user("Alice"))).await?;

    for round in 1..=20 {
        let mut holder = db.begin().await?;
        set_age(&mut holder, 0).await?;
        let mut tx = db.begin_with(deferred()).await?;
        assert!(polled(round, set_age(&mut tx, 1)).await.is_none(), "it did not wait");
        match round % 2 {
            0 => tx.rollback().await?,
            _ => drop(tx),
        }
        holder.commit().await?;
        is_clean(db, round).await?;
    }

    eventually("all connections are back", || db.pool_state().in_use == 0).await?;
    assert_eq!(age(&mut &db.engine).await?, Some(0));
    Ok(())
}

pub async fn a_savepoint_dropped_half_way_leaves_the_transaction_as_it_was(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;
    let mut tx = db.begin().await?;

    for round in 1..=20 {
        let inside = async {
            let mut savepoint = tx.savepoint().await?;
            tokio::task::yield_now().await;
            savepoint.execute(insert(user(&format!("inside {round}")))).await?;
            tokio::task::yield_now().await;
            savepoint.rollback().await
        };
        polled(round, inside).await.transpose()?;
        tx.execute(insert(user(&format!("outside {round}")))).await?;
    }
    tx.commit().await?;

    let names = names(&db).await?;
    assert!(names.len() == 20 && names.iter().all(|name| name.starts_with("outside")), "{names:?}");
    Ok(())
}

pub async fn a_closure_dropped_half_way_is_undone(db: &TestDb) -> TestResult {
    let db = one_connection(db).await?;

    for round in 1..=20 {
        let forever = db.transaction(async |tx| {
            tx.execute(insert(user("Never"))).await?;
            std::future::pending::<orm::Result<()>>().await
        });
        assert!(polled(round, forever).await.is_none());
        is_clean(&db, round).await?;
    }

    assert_eq!(db.fetch_scalar(select(count(User.id)).filter(User.name.eq("Never"))).await?, 0);
    Ok(())
}
