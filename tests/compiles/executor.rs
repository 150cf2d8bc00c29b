//! Functions over anything that runs statements.

use futures_util::TryStreamExt as _;
use orm::docs::*;
use orm::prelude::*;

async fn user_count(db: &mut impl Executor) -> orm::Result<i64> {
    db.fetch_scalar(select(count(User.id))).await
}

/// A type parameter instead of `impl`, and a function that passes the executor on.
async fn add<E: Executor>(db: &mut E, name: &str) -> orm::Result<User> {
    let before = user_count(db).await?;
    let email = format!("{before}@example.com");
    db.fetch_one(insert(User::builder().name(name).email(email)).returning(User)).await
}

/// A repository that owns its executor.
struct Users<E> {
    db: E,
}

impl<E: Executor> Users<E> {
    async fn names(&mut self) -> orm::Result<Vec<String>> {
        self.db.fetch_all(select(User.name).order_by(User.id)).await
    }

    async fn lengths(&mut self) -> orm::Result<Vec<i64>> {
        self.db.stream(select(User.name.length()).order_by(User.id)).try_collect().await
    }
}

#[tokio::test]
async fn one_function_runs_on_engine_connection_and_transaction() -> orm::Result<()> {
    let engine = orm::connect("sqlite::memory:").await?;
    engine.create_all(schema![User, Post]).await?;

    add(&mut &engine, "Alice").await?;
    add(&mut engine.connection().await?, "Bob").await?;
    engine.transaction(async |tx| add(tx, "Carol").await).await?;
    let mut tx = engine.begin().await?;
    add(&mut tx, "Dan").await?;
    tx.commit().await?;

    let mut users = Users { db: &engine };
    assert_eq!(users.names().await?, ["Alice", "Bob", "Carol", "Dan"]);
    assert_eq!(users.lengths().await?, [5, 3, 5, 3]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generic_function_is_spawned() {
    let task = tokio::spawn(async {
        let engine = orm::connect("sqlite::memory:").await?;
        engine.create_all(schema![User, Post]).await?;
        let mut tx = engine.begin().await?;
        add(&mut tx, "Alice").await?;
        user_count(&mut tx).await
    });
    assert_eq!(task.await.unwrap().unwrap(), 1);
}
