//! Transactions as closures that borrow, nest, and are spawned.

use orm::docs::*;
use orm::prelude::*;

/// A new database in memory.
async fn engine() -> orm::Result<Engine> {
    let engine = orm::connect("sqlite::memory:").await?;
    engine.create_all(schema![User, Post]).await?;
    Ok(engine)
}

#[tokio::test]
async fn a_closure_borrows_what_is_around_it() -> orm::Result<()> {
    let engine = engine().await?;
    let (name, mut keys) = (String::from("Alice"), Vec::new());
    engine
        .transaction(async |tx| {
            let user = User::builder().name(&name).email("a@example.com");
            keys.push(tx.fetch_one(insert(user).returning(User.id)).await?);
            orm::Result::Ok(())
        })
        .await?;
    assert_eq!((name.as_str(), keys.len()), ("Alice", 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closure_that_borrows_is_spawned_and_nested() {
    let task = tokio::spawn(async {
        let engine = engine().await?;
        let (outer, inner) = (String::from("outer"), String::from("inner"));
        engine
            .transaction(async |tx| {
                tx.execute(insert(User::builder().name(&outer).email(&outer))).await?;
                tx.transaction(async |tx| {
                    tx.execute(insert(User::builder().name(&inner).email(&inner))).await?;
                    tx.transaction(async |tx| tx.fetch_scalar(select(count(User.id))).await).await
                })
                .await
            })
            .await
    });
    assert_eq!(task.await.unwrap().unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_is_held_across_await_in_a_spawned_task() {
    let task = tokio::spawn(async {
        let engine = engine().await?;
        let mut tx = engine.begin().await?;
        let mut savepoint = tx.savepoint().await?;
        savepoint.execute(delete(User).all_rows()).await?;
        tokio::task::yield_now().await;
        savepoint.commit().await?;
        tx.commit().await
    });
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_transaction_begins_on_a_connection_that_is_kept() -> orm::Result<()> {
    let engine = engine().await?;
    let mut connection = engine.connection().await?;
    let users = connection.transaction(async |tx| tx.fetch_all(select(User)).await).await?;
    assert!(users.is_empty());
    connection.begin().await?.rollback().await
}

/// An application's own error.
#[derive(Debug)]
enum AppError {
    NotFound,
    Database(orm::Error),
}

impl From<orm::Error> for AppError {
    fn from(error: orm::Error) -> Self {
        AppError::Database(error)
    }
}

#[tokio::test]
async fn a_closure_gives_an_error_of_the_application() {
    let engine = engine().await.unwrap();
    let result = engine
        .transaction(async |tx| {
            let user: Option<User> = tx.get(User, 1).await?;
            user.ok_or(AppError::NotFound)
        })
        .await;
    match result {
        Err(AppError::NotFound) => {}
        Err(AppError::Database(error)) => panic!("{error}"),
        Ok(user) => panic!("{user:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retried_closure_that_borrows_or_owns_is_spawned_and_nested() {
    let task = tokio::spawn(async {
        let engine = engine().await?;
        let (borrowed, owned) = (String::from("borrowed"), String::from("owned"));
        let first = engine
            .retry(Retry::new(), async |tx| {
                tx.execute(insert(User::builder().name(&borrowed).email(&borrowed))).await?;
                tx.transaction(async |tx| {
                    tx.execute(insert(User::builder().name(&borrowed).email("nested"))).await?;
                    tokio::task::yield_now().await;
                    tx.fetch_scalar(select(count(User.id))).await
                })
                .await
            })
            .await?;
        let second = engine
            .retry(Retry::new().attempts(3), async move |tx| {
                tx.execute(insert(User::builder().name(&owned).email(owned.clone()))).await?;
                tx.fetch_scalar(select(count(User.id))).await
            })
            .await?;
        Ok::<_, orm::Error>((first, second))
    });
    assert_eq!(task.await.unwrap().unwrap(), (2, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retried_function_is_spawned() {
    async fn users(tx: &mut Transaction) -> orm::Result<i64> {
        tx.fetch_scalar(select(count(User.id))).await
    }
    let task = tokio::spawn(async { engine().await?.retry(Retry::new(), users).await });
    assert_eq!(task.await.unwrap().unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retried_closure_gives_an_error_of_the_application() {
    let task = tokio::spawn(async {
        let engine = engine().await?;
        engine
            .retry(Retry::new(), async |tx| {
                let user: Option<User> = tx.get(User, 1).await?;
                user.ok_or(AppError::NotFound)
            })
            .await
    });
    assert!(matches!(task.await.unwrap(), Err(AppError::NotFound)));
}
