//! The unit of work: in which order rows are inserted, and how keys reach those that need them.

use orm::Error;
use orm::prelude::*;

use crate::expect::refused;
use crate::models::{Post, PostTag, Profile, Tag, User, keyed};
use crate::{TestDb, TestResult};

async fn tables(db: &TestDb) -> TestResult {
    db.create_all(schema![User, Profile, Post, Tag, PostTag]).await?;
    db.log.take();
    Ok(())
}

pub async fn w001_parents_are_inserted_first_and_children_in_one_batch(db: &TestDb) -> TestResult {
    tables(db).await?;
    let mut session = Session::new(db);
    let alice = session.add(User::builder().name("Alice").email("a@example.com"));
    let first = session.add(Post::builder().title("One").author(alice));
    let second = session.add(Post::builder().title("Two").author(alice));

    session.flush().await?;

    let sent: Vec<_> = db.log.take().into_iter().map(|one| (one.operation, one.rows_affected)).collect();
    assert_eq!(sent, [("INSERT", 1), ("INSERT", 2)]);
    let id = session[alice].id;
    assert_eq!((session[first].author_id, session[second].author_id), (id, id));
    assert!(session[first].id < session[second].id);
    session.commit().await?;
    let stored = db.fetch_all(select(Post.title).filter(Post.author_id.eq(id)).order_by(Post.id)).await?;
    assert_eq!(stored, ["One", "Two"]);
    Ok(())
}

pub async fn w003_raw_keys_are_enough_to_know_the_order(db: &TestDb) -> TestResult {
    tables(db).await?;
    let mut session = Session::new(db);
    let post = session.add(Post { id: 1, author_id: 1, title: "One".into(), views: 0 });
    let alice = session.add(keyed(1, "Alice"));
    session.commit().await?;

    session.delete(alice)?;
    session.delete(post)?;
    session.commit().await?;

    let deletes = db.log.take().into_iter().filter(|one| one.operation == "DELETE");
    let deletes: Vec<_> = deletes.map(|one| one.sql.contains(r#"FROM "post""#)).collect();
    assert_eq!(deletes, [true, false]);
    Ok(())
}

pub async fn w004_a_tree_of_raw_keys_is_one_batch(db: &TestDb) -> TestResult {
    tables(db).await?;
    let mut session = Session::new(db);
    for (id, manager) in [(1, None), (2, Some(1)), (3, Some(2))] {
        session.add(User { manager_id: manager, ..keyed(id, &format!("u{id}")) });
    }

    session.commit().await?;

    // One batch, which is sent as statements of two rows and one.
    assert_eq!(db.log.take().iter().map(|one| one.rows_affected).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(db.fetch_all(select(User.manager_id).order_by(User.id)).await?, [None, Some(1), Some(2)]);
    Ok(())
}

pub async fn w005_a_tree_of_new_keys_is_a_batch_for_each_depth(db: &TestDb) -> TestResult {
    tables(db).await?;
    let mut session = Session::new(db);
    let person = |name: &str| User::builder().name(name).email(format!("{name}@example.com"));
    let top = session.add(person("top"));
    let middle = session.add_all(["a", "b", "c"].map(|name| person(name).manager(top)));
    let low = session.add_all(["d", "e"].map(|name| person(name).manager(middle[1])));

    session.commit().await?;

    let sent: Vec<_> = db.log.take().iter().map(|one| one.rows_affected).collect();
    // Three rows are sent as statements of two rows and one.
    assert_eq!(sent, [1, 2, 1, 2]);
    assert_eq!(session[low[1]].manager_id, Some(session[middle[1]].id));
    Ok(())
}

pub async fn w010_a_circle_is_broken_at_a_key_that_may_be_null(db: &TestDb) -> TestResult {
    tables(db).await?;
    let mut session = Session::new(db);
    let one = session.add(User::builder().name("One").email("1@example.com"));
    let other = session.add(User::builder().name("Other").email("2@example.com").manager(one));
    session.set(one, User.manager, other)?;

    session.commit().await?;

    let operations: Vec<_> = db.log.take().iter().map(|one| one.operation).collect();
    assert_eq!(operations, ["INSERT", "INSERT", "UPDATE"]);
    assert_eq!(session[one].manager_id, Some(session[other].id));
    assert_eq!(session[other].manager_id, Some(session[one].id));
    let stored = db.fetch_all(select(User.manager_id).order_by(User.id)).await?;
    assert_eq!(stored, [session[one].manager_id, session[other].manager_id]);
    Ok(())
}

pub async fn a_graph_is_a_batch_a_table(db: &TestDb) -> TestResult {
    tables(db).await?;
    let mut session = Session::new(db);
    for user in 0..100 {
        let author = session.add(User::builder().name("n").email(format!("{user}@example.com")));
        for _ in 0..10 {
            session.add(Post::builder().title("t").author(author));
        }
    }

    session.commit().await?;

    // Fifty rows are a statement.
    assert_eq!(db.log.take().len(), 2 + 20);
    let wrong = select(count_all()).from(Post).filter(Post.author_id.not_in(select(User.id)));
    assert_eq!(db.fetch_scalar(wrong).await?, 0);
    Ok(())
}

pub async fn a_key_that_is_set_after_a_handle_wins(db: &TestDb) -> TestResult {
    tables(db).await?;
    let mut session = Session::new(db);
    session.add(keyed(7, "Seven"));
    let alice = session.add(User::builder().name("Alice").email("a@example.com"));
    let post = session.add(Post::builder().title("One").author(alice));
    assert_eq!(session.parent(post, Post.author)?, Some(alice));
    session[post].author_id = 7;

    session.commit().await?;

    assert_eq!(session[post].author_id, 7);
    assert_eq!(db.fetch_scalar(select(Post.author_id)).await?, 7);
    Ok(())
}

pub async fn a_parent_that_left_is_an_error_and_nothing_is_sent(db: &TestDb) -> TestResult {
    tables(db).await?;
    let mut session = Session::new(db);
    let alice = session.add(User::builder().name("Alice").email("a@example.com"));
    session.add(Post::builder().title("One").author(alice));
    session.expunge(alice);

    let error = refused(session.flush().await)?;

    assert!(matches!(&error, Error::Statement(text) if text.contains("left the session")), "{error}");
    assert!(db.log.take().is_empty());
    Ok(())
}

pub async fn a_parent_of_another_session_is_refused(db: &TestDb) -> TestResult {
    tables(db).await?;
    let mut other = Session::new(db);
    let alice = other.add(User::builder().name("Alice").email("a@example.com"));
    let mut session = Session::new(db);

    let error = refused(session.try_add(Post::builder().title("One").author(alice)))?;

    assert!(matches!(error, Error::Detached { .. }), "{error}");
    assert!(session.is_empty());
    Ok(())
}
