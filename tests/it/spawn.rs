//! Transactions in spawned tasks: closures that borrow what is around them compile there, and hold what they promise.

use std::sync::Arc;

use orm::Error;
use orm::prelude::*;

use crate::support::{Database, TestResult};

#[derive(Debug, Clone, PartialEq, Model)]
struct Account {
    #[model(primary_key, natural)]
    id: i64,
    #[model(check = "balance >= 0")]
    balance: i64,
}

async fn bank() -> orm::Result<Database> {
    let db = Database::new().await?;
    db.create_all(schema![Account]).await?;
    db.execute(insert([Account { id: 1, balance: 100 }, Account { id: 2, balance: 0 }])).await?;
    Ok(db)
}

async fn balances(db: &Engine) -> orm::Result<Vec<i64>> {
    db.fetch_all(select(Account.balance).order_by(Account.id)).await
}

async fn transfer(db: &mut impl Executor, from: i64, to: i64, amount: i64) -> orm::Result<u64> {
    db.execute(update(Account).set(Account.balance, Account.balance + amount).filter(Account.id.eq(to))).await?;
    db.execute(update(Account).set(Account.balance, Account.balance - amount).filter(Account.id.eq(from))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closure_borrows_from_its_task() -> TestResult {
    let db = bank().await?;
    let engine = Engine::clone(&db);

    let task = tokio::spawn(async move {
        let amounts = vec![10, 20, 30];
        let mut moved = 0;
        engine
            .transaction(async |tx| {
                for amount in &amounts {
                    transfer(tx, 1, 2, *amount).await?;
                    moved += amount;
                }
                Ok::<_, Error>(())
            })
            .await?;
        Ok::<_, Error>((moved, amounts.len()))
    });

    assert_eq!(task.await??, (60, 3));
    assert_eq!(balances(&db).await?, [40, 60]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn savepoints_nest_and_borrow_too() -> TestResult {
    let db = bank().await?;
    let engine = Arc::new(Engine::clone(&db));

    let task = tokio::spawn(async move {
        let amount = 30;
        engine
            .transaction(async |tx| {
                transfer(tx, 1, 2, amount).await?;
                // More than there is: this savepoint is undone, and the transaction goes on.
                let refused = tx.transaction(async |savepoint| transfer(savepoint, 1, 2, amount * 10).await).await;
                let kept = tx
                    .transaction(async |outer| {
                        transfer(outer, 2, 1, 1).await?;
                        outer.transaction(async |inner| transfer(inner, 2, 1, amount / 10).await).await
                    })
                    .await;
                Ok::<_, Error>((refused.map_err(|error| error.kind()), kept.is_ok()))
            })
            .await
    });

    assert_eq!(task.await??, (Err("CheckViolation"), true));
    assert_eq!(balances(&db).await?, [74, 26]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_moves_between_threads() -> TestResult {
    let db = bank().await?;

    let mut tx = db.begin().await?;
    let tx = tokio::spawn(async move {
        transfer(&mut tx, 1, 2, 5).await?;
        Ok::<_, Error>(tx)
    })
    .await??;
    tokio::spawn(tx.commit()).await??;

    assert_eq!(balances(&db).await?, [95, 5]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closure_gives_its_own_error_and_undoes_everything() -> TestResult {
    #[derive(Debug)]
    enum Refused {
        Poor { balance: i64 },
        Database(#[expect(dead_code, reason = "shown by the assertion")] Error),
    }
    impl From<Error> for Refused {
        fn from(error: Error) -> Self {
            Refused::Database(error)
        }
    }
    let db = bank().await?;
    let engine = Engine::clone(&db);

    let task = tokio::spawn(async move {
        engine
            .transaction(async |tx| {
                transfer(tx, 1, 2, 90).await?;
                let balance = tx.fetch_scalar(select(Account.balance).filter(Account.id.eq(1))).await?;
                if balance < 50 { Err(Refused::Poor { balance }) } else { Ok(()) }
            })
            .await
    });

    let refused = task.await?;
    assert!(matches!(refused, Err(Refused::Poor { balance: 10 })), "{refused:?}");
    assert_eq!(balances(&db).await?, [100, 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_runs_can_be_spawned() -> TestResult {
    let db = bank().await?;
    let engine = Engine::clone(&db);

    let task = tokio::spawn(async move {
        let mut connection = engine.connection().await?;
        connection.transaction(async |tx| transfer(tx, 1, 2, 1).await).await?;
        let mut rows = connection.stream(select(Account).order_by(Account.id));
        let mut accounts = Vec::new();
        while let Some(account) = rows.next().await {
            accounts.push(account?);
        }
        drop(rows);
        let one = connection.get(Account, 1).await?;
        let all = Executor::fetch_all(&mut &engine, select(Account).order_by(Account.id)).await?;
        Ok::<_, Error>((accounts, one, all))
    });

    let expected = [Account { id: 1, balance: 99 }, Account { id: 2, balance: 1 }];
    let (streamed, one, all) = task.await??;
    assert_eq!(streamed, expected);
    assert_eq!(one, Some(expected[0].clone()));
    assert_eq!(all, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn money_is_neither_made_nor_lost_by_many_tasks() -> TestResult {
    let db = bank().await?;

    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let engine = Engine::clone(&db);
            let (from, to) = if number % 2 == 0 { (1, 2) } else { (2, 1) };
            tokio::spawn(async move { engine.transaction(async |tx| transfer(tx, from, to, 7).await).await })
        })
        .collect();
    for task in tasks {
        match task.await? {
            Ok(_) | Err(Error::CheckViolation { .. }) => {}
            Err(other) => return Err(other.into()),
        }
    }

    assert_eq!(balances(&db).await?.iter().sum::<i64>(), 100);
    Ok(())
}
