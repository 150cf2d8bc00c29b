//! The unit of work: batches, the identity map, and keys and unique values that change hands.
//!
//! w068, w069: objects do not expire, so an attribute is never read of a row that is gone; `refresh` says so.
//! w078: every key type is ordered by the coming of its objects, so none is unsortable.

use orm::Error;
use orm::prelude::*;

use crate::expect::refused;
use crate::models::{Post, PostTag, Tag, User, keyed, people, user};
use crate::{TestDb, TestResult};

fn operations(db: &TestDb) -> Vec<&'static str> {
    db.log.take().iter().filter(|one| one.rows_affected > 0 || one.rows > 0).map(|one| one.operation).collect()
}

pub async fn w063_rows_that_give_the_same_columns_are_one_batch_in_the_order_of_their_coming(
    db: &TestDb,
) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let first = session.add(User::builder().name("D").email("d@example.com"));
    session.add(User::builder().name("E").email("e@example.com").age(5));
    let last = session.add(User::builder().name("F").email("f@example.com"));
    session.add(User::builder().name("G").email("g@example.com").age(7));

    session.flush().await?;

    // Four rows are sent as statements of two where there are no texts for any number of rows.
    let sent = operations(db);
    assert!(matches!(sent[..], ["INSERT"] | ["INSERT", "INSERT"]), "{sent:?}");
    assert!(session[first].id < session[last].id);
    Ok(())
}

pub async fn w070_an_object_is_found_by_its_new_key_and_not_by_the_old(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let sql = session.get_one(Tag, "sql").await?;
    session[sql].name = "postgres".into();
    session.flush().await?;
    db.log.take();

    assert_eq!(session.get(Tag, "postgres").await?, Some(sql));
    assert!(db.log.take().is_empty());
    assert_eq!(session.get(Tag, "sql").await?, None);
    session.rollback().await?;
    assert_eq!(session.get(Tag, "sql").await?, Some(sql));
    assert_eq!(session.get(Tag, "postgres").await?, None);
    Ok(())
}

pub async fn w071_objects_follow_a_key_that_the_database_passes_on(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let sql = session.get_one(Tag, "sql").await?;
    let links = session.query(PostTag).filter(PostTag.tag.eq("sql")).all().await?;
    session[sql].name = "postgres".into();
    db.log.take();

    session.flush().await?;

    assert_eq!(operations(db), ["UPDATE"]);
    assert!(links.iter().all(|link| session[*link].tag == "postgres" && !session.is_modified(*link)));
    let post = session[links[0]].post_id;
    db.log.take();
    assert_eq!(session.get(PostTag, (post, "postgres")).await?, Some(links[0]));
    assert!(db.log.take().is_empty());
    session.rollback().await?;
    assert!(links.iter().all(|link| session[*link].tag == "sql"));
    assert_eq!(session.get(PostTag, (post, "sql")).await?, Some(links[0]));
    Ok(())
}

pub async fn w073_a_row_switch_is_undone_by_a_rollback(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.get_one(User, 2).await?;
    session.delete(bob)?;
    let other = session.add(keyed(2, "Other"));
    session.flush().await?;
    assert_eq!(session.get(User, 2).await?, Some(other));

    session.rollback().await?;

    assert_eq!((session.state(bob), session.state(other)), (State::Persistent, State::Transient));
    assert_eq!((session.get(User, 2).await?, session[bob].name.as_str()), (Some(bob), "Bob"));
    Ok(())
}

pub async fn w074_a_row_switch_writes_null_over_what_was_there(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.get_one(User, 2).await?;
    session.delete(bob)?;
    session.add(keyed(2, "Other"));
    session.commit().await?;

    let row = db.get(User, 2).await?.ok_or("the row is gone")?;
    assert_eq!((row.name.as_str(), row.age, row.manager_id), ("Other", None, None));
    Ok(())
}

pub async fn w079_a_unique_value_passes_from_one_object_to_another(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let (alice, bob) = (session.get_one(User, 1).await?, session.get_one(User, 2).await?);
    session[bob].email = "alice@example.com".into();
    session[alice].email = "new@example.com".into();
    let dora = session.add(User { email: "bob@example.com".into(), ..user("Dora") });

    session.commit().await?;

    let emails = db.fetch_all(select(User.email).order_by(User.id)).await?;
    assert_eq!(emails, ["new@example.com", "alice@example.com", "carol@example.com", "bob@example.com"]);
    assert_eq!(session[dora].id, 4);
    Ok(())
}

pub async fn w080_a_swap_of_unique_values_that_cannot_be_null_is_an_error_that_can_be_mended(
    db: &TestDb,
) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let (alice, bob) = (session.get_one(User, 1).await?, session.get_one(User, 2).await?);
    session[alice].email = "bob@example.com".into();
    session[bob].email = "alice@example.com".into();
    db.log.take();

    let error = refused(session.flush().await)?;
    let Error::FlushCycle { objects } = &error else { return Err(error.into()) };
    let named = |name: &str| objects.iter().any(|object| object.contains(name) && object.contains("`email`"));
    assert!(named("User(1)") && named("User(2)"), "{objects:?}");
    assert!(db.log.take().is_empty());
    // Nothing is lost: a third value breaks the circle.
    session[alice].email = "third@example.com".into();
    session.flush().await?;
    session[alice].email = "bob@example.com".into();
    session.commit().await?;
    let emails = db.fetch_all(select(User.email).filter(User.id.le(2)).order_by(User.id)).await?;
    assert_eq!(emails, ["bob@example.com", "alice@example.com"]);
    Ok(())
}

pub async fn a_row_that_is_read_again_and_then_changed_is_written_once(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.get_one(User, 2).await?;
    session[bob].age = Some(1);
    session.refresh(bob).await?;
    session[bob].age = Some(2);
    assert_eq!(session.dirty(User), [bob]);
    db.log.take();

    session.flush().await?;

    assert_eq!(operations(db), ["UPDATE"]);
    assert_eq!(session.fetch_scalar(select(User.age).filter(User.id.eq(2))).await?, Some(2));
    Ok(())
}

pub async fn w067_an_object_that_was_deleted_is_not_got(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let carol = session.get_one(User, 3).await?;
    session.delete(carol)?;
    assert_eq!(session.get(User, 3).await?, None);
    session.rollback().await?;
    assert_eq!(session.get(User, 3).await?, Some(carol));
    let error = refused(session.get_one(User, 77).await)?;
    assert!(matches!(error, Error::NoRow), "{error}");
    Ok(())
}

pub async fn w063_an_expression_is_a_statement_of_its_own_and_the_others_stay_together(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let made = session.add_all(["D", "E"].map(|name| User { age: Some(1), ..user(name) }));
    let given = session.add_all([50, 51, 52].map(|id| User { age: Some(1), ..keyed(id, &format!("k{id}")) }));
    session.set_expr(given[1], User.age, User.age + 1)?;
    session.set_expr(made[1], User.age, User.age + 2)?;

    session.flush().await?;

    let sent: Vec<_> = db.log.take().iter().map(|one| (one.operation, one.rows_affected)).collect();
    let rows = |operation| sent.iter().filter(|one| one.0 == operation).map(|one| one.1).sum::<u64>();
    assert_eq!((rows("INSERT"), rows("UPDATE")), (5, 2), "{sent:?}");
    // Two sets of columns; one of them may take two statements.
    assert!(sent.iter().filter(|one| one.0 == "INSERT").count() <= 3, "{sent:?}");
    assert_eq!(
        [made[0], made[1], given[0], given[1]].map(|one| session[one].age),
        [Some(1), Some(3), Some(1), Some(2)]
    );
    Ok(())
}

pub async fn w071_a_key_that_is_in_use_without_a_rule_is_refused(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.get_one(User, 1).await?;
    let posts = session.query(Post).filter(Post.author_id.eq(1)).all().await?;
    session[alice].id = 100;

    let error = refused(session.flush().await)?;
    assert!(matches!(&error, Error::ForeignKeyViolation { .. }), "{error}");
    assert!(error.to_string().contains("`User(1)`"), "{error}");
    session.rollback().await?;

    // No order does it either: the new key is not there before the old one is gone.
    session[alice].id = 100;
    posts.iter().for_each(|post| session[*post].author_id = 100);
    let error = refused(session.flush().await)?;
    assert!(matches!(&error, Error::FlushCycle { .. }), "{error}");
    session.rollback().await?;
    assert_eq!((session[alice].id, session[posts[0]].author_id), (1, 1));
    Ok(())
}

/// So many new users that their keys are made in a row.
const MANY: usize = 20;

fn add_many(session: &mut Session, tag: &str) -> Vec<Ref<User>> {
    let user = |n: usize| User::builder().name(format!("{tag} {n}")).email(format!("{tag}{n}@example.com"));
    (0..MANY).map(|n| session.add(user(n))).collect()
}

/// Each object is found by its key, and nothing is sent for it.
async fn are_found(db: &TestDb, session: &mut Session, users: &[Ref<User>]) -> TestResult {
    db.log.take();
    for user in users {
        let key = session[*user].id;
        assert_eq!(session.get(User, key).await?, Some(*user), "{key}");
    }
    assert!(db.log.take().is_empty());
    Ok(())
}

pub async fn rows_whose_keys_were_made_in_a_row_are_found_by_them(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let first = add_many(&mut session, "a");
    session.flush().await?;
    are_found(db, &mut session, &first).await?;
    let second = add_many(&mut session, "b");
    session.flush().await?;
    are_found(db, &mut session, &[&first[..], &second].concat()).await?;

    let alice = session.get_one(User, 1).await?;
    assert_eq!(session[alice].name, "Alice");
    let above = session[second[MANY - 1]].id + 1;
    assert_eq!((session.get(User, above).await?, session.get(User, 0).await?), (None, None));
    let third = add_many(&mut session, "c");
    session.commit().await?;
    are_found(db, &mut session, &[&first[..], &second, &third, &[alice]].concat()).await?;
    // What is read again are the same objects.
    let mut read = session.query(User).filter(User.name.like("b %")).order_by(User.id).all().await?;
    assert_eq!(read, second);
    read = session.query(User).filter(User.id.gt(above - 1)).order_by(User.id).all().await?;
    assert_eq!(read, third);
    Ok(())
}

pub async fn rows_whose_keys_were_made_in_a_row_change_one_by_one(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let users = add_many(&mut session, "a");
    session.commit().await?;
    let keys: Vec<i64> = users.iter().map(|user| session[*user].id).collect();

    session.delete(users[3])?;
    session[users[5]].id = 1_000;
    session.expunge(users[7]);
    session.flush().await?;
    let others: Vec<_> = users.iter().enumerate().filter(|(n, _)| ![3, 7].contains(n)).map(|(_, user)| *user).collect();
    are_found(db, &mut session, &others).await?;
    assert_eq!((session.get(User, keys[3]).await?, session.get(User, keys[5]).await?), (None, None));
    let again = session.get_one(User, keys[7]).await?;
    assert_ne!(again, users[7]);

    session.rollback().await?;
    let back: Vec<_> = users.iter().enumerate().filter(|(n, _)| *n != 7).map(|(_, user)| *user).collect();
    are_found(db, &mut session, &back).await?;
    assert_eq!((session[users[5]].id, session.get(User, 1_000).await?), (keys[5], None));
    // An object with the key of one that is here is refused as ever.
    assert!(matches!(session.try_add(keyed(keys[2], "Twin")), Err(Error::IdentityConflict { .. })));
    Ok(())
}

pub async fn rows_whose_keys_were_made_in_a_row_leave_with_their_savepoint(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let outer = add_many(&mut session, "a");
    let mut nested = session.begin_nested().await?;
    let inner = add_many(&mut nested, "b");
    nested.flush().await?;
    let keys: Vec<i64> = inner.iter().map(|user| nested[*user].id).collect();
    nested.rollback().await?;

    assert!(inner.iter().all(|user| session.state(*user) == State::Transient));
    for key in keys {
        assert_eq!(session.get(User, key).await?, None);
    }
    are_found(db, &mut session, &outer).await?;
    // Where keys are used again, they are those of other objects now.
    let after = add_many(&mut session, "c");
    session.commit().await?;
    are_found(db, &mut session, &[outer, after].concat()).await
}

pub async fn a_made_key_that_was_an_object_s_before_is_the_new_object_s(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let users = add_many(&mut session, "a");
    session.commit().await?;
    let gone = session[users[MANY - 1]].id;
    db.execute(delete(User).filter(User.id.eq(gone))).await?;

    let after = add_many(&mut session, "b");
    session.flush().await?;
    are_found(db, &mut session, &after).await?;
    are_found(db, &mut session, &users[..MANY - 1]).await?;
    let used_again = session[after[0]].id == gone;
    assert_eq!(session.state(users[MANY - 1]) == State::Deleted, used_again);
    Ok(())
}

pub async fn all_that_was_added_leaves_with_the_transaction(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let mut users = add_many(&mut session, "a");
    session.expunge(users[4]);
    // The place of one that left is taken by another.
    users[4] = session.add(user("Dora"));
    let tag = session.add(Tag { name: "new".into() });
    users.extend(add_many(&mut session, "b"));
    session.flush().await?;
    session.delete(users[9])?;
    session.flush().await?;
    users.push(session.add(user("Erin")));

    session.rollback().await?;

    assert!(users.iter().all(|user| session.state(*user) == State::Transient));
    assert_eq!((session.state(tag), session.len()), (State::Transient, 0));
    assert_eq!(db.fetch_scalar(select(count(User.id))).await?, 3);
    Ok(())
}
