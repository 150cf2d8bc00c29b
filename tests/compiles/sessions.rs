//! Sessions that are handed on, held over awaits, and spawned.

use orm::docs::*;
use orm::prelude::*;

/// A new database in memory.
async fn engine() -> orm::Result<Engine> {
    let engine = orm::connect("sqlite::memory:").await?;
    engine.create_all(schema![User, Post]).await?;
    Ok(engine)
}

async fn sign_up(session: &mut Session, name: &str) -> orm::Result<Ref<User>> {
    let user = session.add(User::builder().name(name).email(format!("{name}@example.com")));
    session.flush().await?;
    Ok(user)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_held_over_awaits_in_a_spawned_task() {
    let task = tokio::spawn(async {
        let mut session = Session::new(&engine().await?);
        let alice = sign_up(&mut session, "alice").await?;
        tokio::task::yield_now().await;
        session[alice].age = Some(33);
        let name = session[alice].name.as_str();
        assert_eq!(name, "alice");
        session.commit().await?;
        session.query(User).filter(User.age.eq(33)).count().await
    });
    assert_eq!(task.await.unwrap().unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn savepoints_nest_in_a_spawned_task_and_go_where_a_session_goes() {
    let task = tokio::spawn(async {
        let mut session = Session::new(&engine().await?);
        let mut outer = session.begin_nested().await?;
        let alice = sign_up(&mut outer, "alice").await?;
        let mut inner = outer.begin_nested().await?;
        sign_up(&mut inner, "bob").await?;
        tokio::task::yield_now().await;
        inner.rollback().await?;
        outer.commit().await?;
        session.commit().await?;
        assert_eq!(session.state(alice), State::Persistent);
        session.query(User).count().await
    });
    assert_eq!(task.await.unwrap().unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_comes_back_from_the_task_that_it_was_given_to() -> orm::Result<()> {
    let session = Session::new(&engine().await?);
    let task = tokio::spawn(async move {
        let mut session = session;
        let alice = sign_up(&mut session, "alice").await?;
        orm::Result::Ok((session, alice))
    });
    let (mut session, alice) = task.await.unwrap()?;
    session.commit().await?;
    assert_eq!(session[alice].id, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_with_hooks_joins_a_transaction_in_a_spawned_task() {
    let suffix = String::from("!");
    let task = tokio::spawn(async {
        let engine = engine().await?;
        let mut tx = engine.begin().await?;
        let mut session = Session::join(&mut tx);
        session.hook(
            Hooks::new()
                .before_insert(move |user: &mut User| {
                    user.name.push_str(&suffix);
                    Ok(())
                })
                .before_flush(|session| {
                    for new in session.pending(User) {
                        session[new].age = Some(1);
                    }
                    Ok(())
                }),
        );
        sign_up(&mut session, "alice").await?;
        session.commit().await?;
        drop(session);
        tx.commit().await?;
        engine.fetch_one(select((User.name, User.age))).await
    });
    assert_eq!(task.await.unwrap().unwrap(), ("alice!".to_string(), Some(1)));
}
