//! A transaction that lost to another one is run again; one that failed otherwise is not.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use orm::Error;
use orm::prelude::*;

use crate::expect::refused;
use crate::models::{Number, User, numbers, user};
use crate::{Lacks, TestDb, TestResult};

/// Sees one state of the database, and loses to whoever changes what it has read.
fn serializable() -> TransactionOptions {
    TransactionOptions::new().deferred().isolation(Isolation::Serializable)
}

/// Does not wait long between attempts, and has enough of them.
fn quick() -> Retry {
    let delay = Duration::from_millis(1);
    Retry::new().transaction(serializable()).attempts(200).first_delay(delay).max_delay(delay * 20)
}

async fn age(db: &mut impl Executor) -> orm::Result<Option<i32>> {
    db.fetch_scalar(select(User.age).filter(User.name.eq("Alice"))).await
}

async fn set_age(db: &mut impl Executor, age: i32) -> orm::Result<u64> {
    db.execute(update(User).set(User.age, age).filter(User.name.eq("Alice"))).await
}

/// Alice, who is one year old.
async fn alice(db: &TestDb) -> orm::Result<()> {
    db.create_all(schema![User]).await?;
    db.execute(insert(user("Alice"))).await?;
    set_age(&mut &db.engine, 1).await.map(drop)
}

/// What another transaction does meanwhile. It writes another value than is there: SQLite takes the same for no change.
async fn grow_older(db: &mut impl Executor) -> orm::Result<u64> {
    db.execute(update(User).set(User.age, User.age + 10).all_rows()).await
}

/// Makes `tx`, which has read, lose: another transaction writes what it read, and it writes after that.
async fn lose(db: &TestDb, tx: &mut Transaction) -> orm::Result<u64> {
    if db.lacks(Lacks::ReadingBesideAWriter) {
        // The other one can commit only when this one has ended.
        let mut other = db.begin().await?;
        grow_older(&mut other).await?;
        return set_age(tx, 2).await;
    }
    grow_older(&mut &db.engine).await?;
    set_age(tx, 2).await
}

pub async fn what_lost_is_run_again_and_sees_the_new_state(db: &TestDb) -> TestResult {
    alice(db).await?;
    let attempts = AtomicU32::new(0);

    let seen = db
        .retry(quick(), async |tx| {
            let seen = age(tx).await?;
            if attempts.fetch_add(1, Ordering::Relaxed) < 2 {
                lose(db, tx).await?;
            }
            set_age(tx, seen.unwrap_or_default() + 1).await?;
            Ok::<_, Error>(seen)
        })
        .await?;

    assert_eq!(attempts.into_inner(), 3);
    assert_eq!(age(&mut &db.engine).await?, seen.map(|age| age + 1));
    Ok(())
}

pub async fn an_error_of_the_programs_own_does_not_hide_what_lost(db: &TestDb) -> TestResult {
    #[derive(Debug)]
    struct Opaque;
    impl From<Error> for Opaque {
        fn from(_error: Error) -> Self {
            Opaque
        }
    }
    alice(db).await?;
    let attempts = AtomicU32::new(0);

    let result = db
        .retry(quick(), async |tx| {
            age(tx).await?;
            match attempts.fetch_add(1, Ordering::Relaxed) {
                0 => lose(db, tx).await.map_err(|_error| Opaque),
                _ => Err(Opaque),
            }
        })
        .await;

    // The second attempt lost to nobody: its error is final.
    assert!(matches!(result, Err(Opaque)));
    assert_eq!(attempts.into_inner(), 2);
    Ok(())
}

pub async fn what_failed_otherwise_is_not_run_again(db: &TestDb) -> TestResult {
    numbers(db, 3).await?;
    let attempts = AtomicU32::new(0);

    let error = refused(
        db.retry(quick(), async |tx| {
            attempts.fetch_add(1, Ordering::Relaxed);
            tx.execute(delete(Number).all_rows()).await?;
            tx.fetch_scalar(select(Number.value)).await
        })
        .await,
    )?;

    assert_eq!((error.kind(), attempts.into_inner()), ("NoRow", 1));
    assert_eq!(db.fetch_scalar(select(count(Number.value))).await?, 3);
    Ok(())
}

pub async fn after_the_last_attempt_its_error_is_given(db: &TestDb) -> TestResult {
    alice(db).await?;
    let attempts = AtomicU32::new(0);

    let error = refused(
        db.retry(quick().attempts(3), async |tx| {
            attempts.fetch_add(1, Ordering::Relaxed);
            age(tx).await?;
            lose(db, tx).await
        })
        .await,
    )?;

    assert!(error.is_retryable(), "{error:?}");
    assert_eq!(attempts.into_inner(), 3);
    assert!(db.begin().await?.commit().await.is_ok());
    Ok(())
}

pub async fn actions_of_an_attempt_that_lost_are_not_run(db: &TestDb) -> TestResult {
    alice(db).await?;
    let (attempts, (sender, actions)) = (AtomicU32::new(0), std::sync::mpsc::channel());

    db.retry(quick(), async |tx| {
        let (attempt, sender) = (attempts.fetch_add(1, Ordering::Relaxed), sender.clone());
        tx.after_commit(move || {
            let _nobody_listens = sender.send(attempt);
        });
        age(tx).await?;
        match attempt {
            0 => lose(db, tx).await,
            _ => set_age(tx, 3).await,
        }
    })
    .await?;

    drop(sender);
    assert_eq!(actions.iter().collect::<Vec<_>>(), [1]);
    Ok(())
}

pub async fn a_session_in_the_transaction_that_lost_is_run_again(db: &TestDb) -> TestResult {
    alice(db).await?;
    let attempts = AtomicU32::new(0);

    db.retry(quick(), async |tx| {
        let mut session = Session::join(tx);
        let alice = session.query(User).filter(User.name.eq("Alice")).one().await?;
        session[alice].age = Some(5);
        if attempts.fetch_add(1, Ordering::Relaxed) == 0 {
            // Whoever holds the file's lock in memory would wait for us.
            match db.lacks(Lacks::ReadingBesideAWriter) {
                true => {
                    let mut other = db.begin().await?;
                    grow_older(&mut other).await?;
                    session.commit().await?;
                }
                false => drop(grow_older(&mut &db.engine).await?),
            }
        }
        session.commit().await
    })
    .await?;

    assert_eq!(attempts.into_inner(), 2);
    assert_eq!(age(&mut &db.engine).await?, Some(5));
    Ok(())
}

/// Numbers are accounts here, 1 to 10, of which each begins with its own number in the sum.
pub async fn twenty_workers_that_move_money_keep_the_sum(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let accounts = (1..=10).map(|number| {
        let mut account = user(&number.to_string());
        account.age = Some(100);
        account
    });
    db.execute(insert(accounts.collect::<Vec<_>>())).await?;
    let lost = std::sync::Arc::new(AtomicU32::new(0));

    let workers: Vec<_> = (0..20)
        .map(|worker| {
            let (engine, lost) = (db.engine.clone(), std::sync::Arc::clone(&lost));
            tokio::spawn(async move {
                for round in 0..3 {
                    let source = (worker * 7 + round * 3) % 10 + 1;
                    let target = (source + worker + round) % 10 + 1;
                    engine
                        .retry(quick(), async |tx| {
                            lost.fetch_add(1, Ordering::Relaxed);
                            move_money(tx, &source.to_string(), &target.to_string()).await
                        })
                        .await?;
                }
                Ok::<_, Error>(())
            })
        })
        .collect();
    for worker in workers {
        worker.await??;
    }

    assert_eq!(db.fetch_scalar(select(sum(User.age))).await?, Some(1000));
    assert!(lost.load(Ordering::Relaxed) >= 60);
    Ok(())
}

/// Reads two balances and writes what it made of them: wrong, if anybody else wrote in between.
async fn move_money(tx: &mut Transaction, source: &str, target: &str) -> orm::Result<()> {
    let balance = |name: &str| select(User.age).filter(User.name.eq(name.to_owned()));
    let from = tx.fetch_scalar(balance(source)).await?.unwrap_or_default();
    tokio::task::yield_now().await;
    if source != target {
        let to = tx.fetch_scalar(balance(target)).await?.unwrap_or_default();
        let set = |name: &str, age: i32| update(User).set(User.age, age).filter(User.name.eq(name.to_owned()));
        tx.execute(set(source, from - 3)).await?;
        tokio::task::yield_now().await;
        tx.execute(set(target, to + 3)).await?;
    }
    Ok(())
}
