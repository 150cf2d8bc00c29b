//! The unit of work: in which order rows are inserted, and how keys reach those that need them.
//!
//! w002: a child cannot point at a parent that was not added, since there is no handle before.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta};
use orm::Error;
use orm::prelude::*;

use crate::expect::{is_about_now, refused};
use crate::models::{Item, ItemId, Post, PostTag, Profile, Tag, User, keyed, people};
use crate::{Logged, TestDb, TestResult};

/// What somebody says about a post.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Comment {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// What it is about.
    #[model(belongs_to(post: Post), on_delete = cascade)]
    pub post_id: i64,
}

/// Somebody who plays.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Player {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// The best of the balls.
    #[model(belongs_to(favorite: Ball))]
    pub favorite_id: Option<i64>,
    /// The next best.
    #[model(belongs_to(second: Ball))]
    pub second_id: Option<i64>,
    /// The one after that.
    #[model(belongs_to(third: Ball))]
    pub third_id: Option<i64>,
}

/// Something to play with.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Ball {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// Whose it is.
    #[model(belongs_to(owner: Player))]
    pub owner_id: i64,
}

/// One half, which cannot be without the other.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Chicken {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// Where it came from.
    #[model(belongs_to(shell: Egg))]
    pub shell_id: i64,
}

/// The other half.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Egg {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// Who laid it.
    #[model(belongs_to(hen: Chicken))]
    pub hen_id: i64,
}

/// What was sent since the last look, as operation and table.
fn sent(db: &TestDb) -> Vec<String> {
    let table = |sql: &str| sql.split('"').nth(1).unwrap_or_default().to_owned();
    db.log.take().iter().map(|one| format!("{} {}", one.operation, table(&one.sql))).collect()
}

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

    // One batch, which is sent as statements of two rows and one where there are no texts for any number of rows.
    let sent: Vec<_> = db.log.take().iter().map(|one| one.rows_affected).collect();
    assert!(matches!(sent[..], [3] | [2, 1]), "{sent:?}");
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
    // Three rows are sent as statements of two rows and one where there are no texts for any number of rows.
    assert!(matches!(sent[..], [1, 3, 2] | [1, 2, 1, 2]), "{sent:?}");
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

    // Fifty rows are a statement, or more.
    let sent = db.log.take();
    assert!(sent.len() <= 2 + 20, "{}", sent.len());
    assert_eq!(sent.iter().map(|one| one.rows_affected).sum::<u64>(), 1_100);
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

pub async fn w006_a_new_child_does_not_write_its_parent(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.query(User).filter(User.name.eq("Bob")).one().await?;
    db.log.take();
    let dora = session.add(User::builder().name("Dora").email("d@example.com").manager(bob));

    session.commit().await?;

    assert_eq!(sent(db), ["INSERT users"]);
    assert_eq!(session[dora].manager_id, Some(session[bob].id));
    Ok(())
}

pub async fn w007_rows_are_inserted_in_the_order_of_their_coming(db: &TestDb) -> TestResult {
    tables(db).await?;
    let mut session = Session::new(db);
    let names = ["u4", "u5", "u3", "u1", "u2"];
    let added = session.add_all(names.map(|name| User::builder().name(name).email(format!("{name}@example.com"))));

    session.commit().await?;

    assert_eq!(db.fetch_all(select(User.name).order_by(User.id)).await?, names);
    assert!(added.iter().zip(names).all(|(handle, name)| session[*handle].name == name));
    assert!(added.is_sorted_by_key(|handle| session[*handle].id));
    Ok(())
}

pub async fn w010_a_circle_of_two_tables_is_broken_and_deleted_again(db: &TestDb) -> TestResult {
    db.create_all(schema![Player, Ball]).await?;
    let mut session = Session::new(db);
    let player = session.add(Player::builder());
    let ball = session.add(Ball::builder().owner(player));
    session.set(player, Player.favorite, ball)?;
    db.log.take();

    session.commit().await?;

    assert_eq!(sent(db), ["INSERT player", "INSERT ball", "UPDATE player"]);
    assert_eq!(session[player].favorite_id, Some(session[ball].id));
    let stored = db.fetch_one(select(Player.favorite_id)).await?;
    assert_eq!(stored, Some(session[ball].id));

    session.delete(player)?;
    session.delete(ball)?;
    db.log.take();
    session.commit().await?;

    assert_eq!(sent(db), ["UPDATE player", "DELETE ball", "DELETE player"]);
    assert_eq!(db.fetch_scalar(select(count_all()).from(Player)).await?, 0);
    Ok(())
}

pub async fn w011_three_keys_that_must_wait_are_one_update(db: &TestDb) -> TestResult {
    db.create_all(schema![Player, Ball]).await?;
    let mut session = Session::new(db);
    let player = session.add(Player::builder());
    let balls = session.add_all([Ball::builder().owner(player), Ball::builder().owner(player)]);
    let last = session.add(Ball::builder().owner(player));
    session.set(player, Player.favorite, balls[0])?;
    session.set(player, Player.second, balls[1])?;
    session.set(player, Player.third, last)?;
    db.log.take();

    session.commit().await?;

    let log = db.log.take();
    let updates: Vec<_> = log.iter().filter(|one| one.operation == "UPDATE").collect();
    assert_eq!((updates.len(), updates.first().map(|one| one.rows_affected)), (1, Some(1)), "{log:?}");
    let stored = db.fetch_one(select((Player.favorite_id, Player.second_id, Player.third_id))).await?;
    assert_eq!(stored, (Some(session[balls[0]].id), Some(session[balls[1]].id), Some(session[last].id)));
    Ok(())
}

pub async fn w012_two_tables_of_a_circle_in_one_direction_are_plain(db: &TestDb) -> TestResult {
    db.create_all(schema![Player, Ball]).await?;
    let mut session = Session::new(db);
    let player = session.add(Player::builder());
    session.add_all([Ball::builder().owner(player), Ball::builder().owner(player)]);
    db.log.take();

    session.commit().await?;

    assert!(db.log.take().iter().all(|one| one.operation == "INSERT"));
    assert_eq!(db.fetch_all(select(Ball.owner_id)).await?, [session[player].id; 2]);
    Ok(())
}

pub async fn w013_a_circle_that_nothing_breaks_is_an_error_and_nothing_is_sent(db: &TestDb) -> TestResult {
    let mut session = Session::new(db);
    let chicken = session.add(Chicken { id: 1, shell_id: 2 });
    let egg = session.add(Egg { id: 2, hen_id: 1 });

    let error = refused(session.flush().await)?;

    let Error::FlushCycle { objects } = &error else { return Err(error.into()) };
    let named = |name: &str| objects.iter().any(|object| object.contains(name));
    assert!(named("Chicken(1)") && named("Egg(2)"), "{objects:?}");
    assert!(db.log.take().is_empty());
    assert_eq!((session.state(chicken), session.state(egg)), (State::Pending, State::Pending));
    Ok(())
}

pub async fn w014_a_child_changes_hands_between_insert_and_delete(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let post = session.query(Post).filter(Post.title.eq("Replies")).one().await?;
    let old = session.parent(post, Post.author)?;
    assert_eq!(old, None, "nothing is loaded for it");
    let author = session[post].author_id;
    let old = session.get_one(User, author).await?;
    let new = session.add(User::builder().name("New").email("new@example.com"));
    session.set(post, Post.author, new)?;
    session.delete(old)?;
    db.log.take();

    session.commit().await?;

    assert_eq!(sent(db), ["INSERT users", "UPDATE post", "DELETE users"]);
    assert_eq!((session.state(post), session[post].author_id), (State::Persistent, session[new].id));
    Ok(())
}

pub async fn three_levels_by_handle_are_one_batch_a_table(db: &TestDb) -> TestResult {
    db.create_all(schema![User, Profile, Post, Tag, PostTag, Comment]).await?;
    let mut session = Session::new(db);
    for user in 0..100 {
        let author = session.add(User::builder().name("n").email(format!("{user}@example.com")));
        for _ in 0..10 {
            let post = session.add(Post::builder().title("t").author(author));
            session.add_all((0..5).map(|_| Comment::builder().post(post)));
        }
    }
    db.log.take();

    session.commit().await?;

    let log = db.log.take();
    assert!(log.iter().all(|one| one.operation == "INSERT" && one.rows_affected >= 50));
    // Fifty rows are a statement, or more, and no table's turn comes twice.
    let table = |one: &Logged| {
        ["users", "post", "comment"].into_iter().find(|table| one.sql.contains(&format!("INTO \"{table}\" ")))
    };
    let mut batches: Vec<(Option<&str>, u64)> = Vec::new();
    for one in &log {
        match batches.last_mut() {
            Some((last, rows)) if *last == table(one) => *rows += one.rows_affected,
            _ => batches.push((table(one), one.rows_affected)),
        }
    }
    assert_eq!(batches, [(Some("users"), 100), (Some("post"), 1_000), (Some("comment"), 5_000)]);
    let every = session.rows(Comment).all(|(comment, row)| {
        session.parent(comment, Comment.post).is_ok_and(|post| post.is_some_and(|post| session[post].id == row.post_id))
    });
    assert!(every && session.rows(Comment).count() == 5000);
    let posts = select(Comment.post_id).group_by(Comment.post_id).having(count_all().eq(5));
    assert_eq!(db.fetch_all(posts).await?.len(), 1000);
    Ok(())
}

pub async fn a_pending_parents_key_arrives_with_the_flush(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let post = session.query(Post).filter(Post.title.eq("Replies")).one().await?;
    let before = session[post].author_id;
    let new = session.add(User::builder().name("New").email("new@example.com"));
    session.set(post, Post.author, new)?;

    assert_eq!(session.parent(post, Post.author)?, Some(new));
    assert!(session.is_modified(post));
    session.flush().await?;
    assert_eq!(session[post].author_id, session[new].id);
    session.rollback().await?;

    assert_eq!((session[post].author_id, session.state(new)), (before, State::Transient));
    assert!(!session.is_modified(post));
    Ok(())
}

pub async fn a_parent_that_left_is_replaced_by_a_key(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let gone = session.add(User::builder().name("Gone").email("gone@example.com"));
    let post = session.add(Post::builder().title("One").author(gone));
    session.expunge(gone);
    refused(session.flush().await)?;
    let bob = session.no_autoflush().query(User).filter(User.name.eq("Bob")).one().await?;
    session.set(post, Post.author, bob)?;

    session.commit().await?;

    assert_eq!(session[post].author_id, session[bob].id);
    Ok(())
}

pub async fn a_handle_of_another_session_panics_where_no_error_is_given(db: &TestDb) -> TestResult {
    tables(db).await?;
    let mut other = Session::new(db);
    let alice = other.add(User::builder().name("Alice").email("a@example.com"));
    let mut session = Session::new(db);
    let bob = session.add(User::builder().name("Bob").email("b@example.com"));
    let post = session.add(Post::builder().title("One").author(bob));

    let added = catch_unwind(AssertUnwindSafe(|| session.add(Post::builder().title("Two").author(alice))));

    assert!(added.is_err());
    assert!(matches!(refused(session.set(post, Post.author, alice))?, Error::Detached { .. }));
    assert_eq!(session.parent(post, Post.author)?, Some(bob));
    session.commit().await?;
    assert_eq!(db.fetch_all(select(Post.title)).await?, ["One"]);
    Ok(())
}

pub async fn a_session_knows_nothing_of_those_before_it(db: &TestDb) -> TestResult {
    tables(db).await?;
    let mut before = Session::new(db);
    let [alice, bob] =
        ["Alice", "Bob"].map(|name| before.add(User::builder().name(name).email(format!("{name}@example.com"))));
    before.commit().await?;
    before[alice].name = "Ann".into();
    before.delete(bob)?;
    before.add(User::builder().name("Carol").email("c@example.com"));
    drop(before);

    let mut session = Session::new(db);
    let dan = session.add(User::builder().name("Dan").email("d@example.com"));

    assert_eq!((session.len(), session.pending(User), session.dirty(User).len()), (1, vec![dan], 0));
    assert!([alice, bob].iter().all(|gone| *gone != dan && session.state(*gone) == State::Detached));
    assert!(matches!(refused(session.try_index(alice))?, Error::Detached { .. }));
    session.commit().await?;
    assert_eq!(db.fetch_all(select(User.name).order_by(User.id)).await?, ["Alice", "Bob", "Dan"]);
    session.clear();
    assert_eq!((session.state(dan), session.len()), (State::Detached, 0));
    assert_eq!(session.query(User).order_by(User.id).all().await?.len(), 3);
    Ok(())
}

pub async fn w007_hooks_on_rows_run_in_the_order_of_their_coming(db: &TestDb) -> TestResult {
    tables(db).await?;
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let mut session = Session::new(db);
    session.hook(Hooks::new().after_insert(move |user: &User| {
        heard.lock().unwrap_or_else(PoisonError::into_inner).push(user.name.clone());
        Ok(())
    }));
    let names = ["u4", "u5", "u3", "u1", "u2"];
    session.add_all(names.map(|name| User::builder().name(name).email(format!("{name}@example.com"))));

    session.flush().await?;

    assert_eq!(*told.lock().unwrap_or_else(PoisonError::into_inner), names);
    Ok(())
}

pub async fn what_a_new_row_is_given_after_it_was_added_is_inserted(db: &TestDb) -> TestResult {
    db.create_all(schema![Item]).await?;
    let mut session = Session::new(db);
    session.hook(Hooks::new().before_insert(|item: &mut Item| {
        if item.name == "third" {
            item.since = DateTime::UNIX_EPOCH + TimeDelta::days(3);
        }
        Ok(())
    }));
    let first = session.add(Item::builder().name("first"));
    let items = session.add_all(["second", "third", "last"].map(|name| Item::builder().name(name)));
    session[first].since = DateTime::UNIX_EPOCH + TimeDelta::days(1);
    session[items[0]].id = ItemId(70);
    session[items[2]].stock = 7;

    session.commit().await?;

    let stored = db.fetch_all(select(Item).order_by(Item.name)).await?;
    let [one, last, second, third] = stored.as_slice() else { return Err("not all are there".into()) };
    assert_eq!(one.since, DateTime::UNIX_EPOCH + TimeDelta::days(1));
    assert_eq!((second.id, third.since), (ItemId(70), DateTime::UNIX_EPOCH + TimeDelta::days(3)));
    assert!(is_about_now(second.since) && is_about_now(last.since), "what was not set is the database's affair");
    assert_eq!(last.stock, 7);
    assert_eq!((&session[first], &session[items[0]], &session[items[1]]), (one, second, third));
    Ok(())
}

pub async fn what_a_new_row_is_given_by_a_relation_stays_when_other_columns_are_set(db: &TestDb) -> TestResult {
    db.create_all(schema![Item]).await?;
    let mut session = Session::new(db);
    let whole = session.add(Item::builder().name("whole"));
    let part = session.add(Item::builder().name("part").whole(whole));
    session[part].since = DateTime::UNIX_EPOCH;
    let nobody = session.add(Item::builder().name("nobody"));
    session[nobody].since = DateTime::UNIX_EPOCH;
    session.expunge(nobody);
    session.commit().await?;
    assert_eq!(session[part].whole_id, Some(session[whole].id));
    assert_eq!(db.fetch_scalar(select(count_all()).from(Item)).await?, 2);
    Ok(())
}
