//! Two-phase commit, where the backend can.

use orm::Error;
use orm::prelude::*;

use crate::expect::refused;
use crate::models::{User, user};
use crate::{Lacks, TestDb, TestResult};

/// A name that no other test has: they are the whole server's.
fn name(what: &str) -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{what} 'of' \\ {} {}", std::process::id(), since.as_nanos())
}

/// A transaction that has inserted Alice.
async fn alice(db: &TestDb) -> orm::Result<Transaction> {
    let mut tx = db.begin().await?;
    tx.execute(insert(user("Alice"))).await?;
    Ok(tx)
}

async fn users(db: &TestDb) -> orm::Result<i64> {
    db.fetch_scalar(select(count(User.id))).await
}

/// Whether a transaction waits for its end.
async fn is_prepared(db: &TestDb, id: &str) -> orm::Result<bool> {
    Ok(db.prepared_transactions().await?.iter().any(|prepared| prepared.id == id))
}

pub async fn what_is_prepared_is_committed_later_by_its_name(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    if db.lacks(Lacks::TwoPhaseCommit) {
        return Ok(());
    }
    let id = name("transfer");

    alice(db).await?.prepare_transaction(&id).await?;
    let seen = (users(db).await?, is_prepared(db, &id).await?);
    db.commit_prepared(&id).await?;

    assert_eq!(seen, (0, true));
    assert_eq!((users(db).await?, is_prepared(db, &id).await?), (1, false));
    Ok(())
}

pub async fn what_is_prepared_is_undone_later_by_its_name(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    if db.lacks(Lacks::TwoPhaseCommit) {
        return Ok(());
    }
    let id = name("transfer");

    alice(db).await?.prepare_transaction(&id).await?;
    db.rollback_prepared(&id).await?;

    assert_eq!((users(db).await?, is_prepared(db, &id).await?), (0, false));
    Ok(())
}

pub async fn what_is_prepared_outlives_its_engine(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    if db.lacks(Lacks::TwoPhaseCommit) {
        return Ok(());
    }
    let (id, other) = (name("transfer"), db.another(|builder| builder.pool_size(1)).await);

    alice(db).await?.prepare_transaction(&id).await?;
    db.close().await;
    other.commit_prepared(&id).await?;

    assert!(!is_prepared(&other, &id).await?);
    Ok(())
}

pub async fn a_prepared_transaction_that_has_ended_cannot_end_again(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    if db.lacks(Lacks::TwoPhaseCommit) {
        return Ok(());
    }
    let id = name("transfer");
    alice(db).await?.prepare_transaction(&id).await?;
    db.rollback_prepared(&id).await?;

    for error in [refused(db.commit_prepared(&id).await)?, refused(db.rollback_prepared(&id).await)?] {
        assert_eq!(error.kind(), "Database");
        assert!(error.to_string().contains("has it ended already?"), "{error}");
    }
    Ok(())
}

pub async fn a_name_is_given_once(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    if db.lacks(Lacks::TwoPhaseCommit) {
        return Ok(());
    }
    let id = name("transfer");
    alice(db).await?.prepare_transaction(&id).await?;

    let mut second = db.begin().await?;
    second.execute(insert(user("Bob"))).await?;
    let error = refused(second.prepare_transaction(&id).await)?;
    db.commit_prepared(&id).await?;

    assert_eq!(error.kind(), "Database");
    // What could not be prepared is undone.
    assert_eq!(db.fetch_all(select(User.name)).await?, ["Alice"]);
    Ok(())
}

pub async fn a_transaction_that_failed_cannot_be_prepared(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    if db.lacks(Lacks::TwoPhaseCommit) || !db.lacks(Lacks::GoingOnAfterAnError) {
        return Ok(());
    }
    let (id, mut tx) = (name("transfer"), alice(db).await?);
    refused(tx.execute(insert(user("Alice"))).await)?;

    let error = refused(tx.prepare_transaction(&id).await)?;

    assert!(matches!(error, Error::TransactionEnded), "{error:?}");
    assert_eq!((users(db).await?, is_prepared(db, &id).await?), (0, false));
    Ok(())
}

pub async fn what_is_to_be_done_after_the_commit_cannot_be_prepared(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    if db.lacks(Lacks::TwoPhaseCommit) {
        return Ok(());
    }
    let mut tx = alice(db).await?;
    tx.after_commit(|| {});

    let error = refused(tx.prepare_transaction(&name("transfer")).await)?;

    assert!(matches!(error, Error::Statement(_)) && error.to_string().contains("after_commit"), "{error:?}");
    assert_eq!(users(db).await?, 0);
    Ok(())
}

pub async fn a_backend_that_cannot_prepare_says_what_to_do(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    if !db.lacks(Lacks::TwoPhaseCommit) {
        return Ok(());
    }

    let errors = [
        refused(alice(db).await?.prepare_transaction("transfer").await)?,
        refused(db.commit_prepared("transfer").await)?,
        refused(db.rollback_prepared("transfer").await)?,
        refused(db.prepared_transactions().await)?,
    ];

    for error in errors {
        assert!(matches!(error, Error::Unsupported { feature: "two-phase commit", .. }), "{error:?}");
        assert!(error.to_string().contains("commit this database last"), "{error}");
    }
    assert_eq!(users(db).await?, 0);
    Ok(())
}
