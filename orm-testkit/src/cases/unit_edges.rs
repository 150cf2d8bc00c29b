//! The unit of work: what is seldom met.
//!
//! w065: no database here gives rows in another order than it was sent them; a driver that does is in the tests of the
//! whole (`tests/it/returning.rs`).
//! w076: no column of a key can be NULL: the derive refuses an `Option`.
//! w077: a key that the database makes comes back with its row, and a row that does not come back is w064.
//! w092: a row that is merged has no children with it.
//! w094: a plain struct is not dirty; what it differs in is found when it is merged.
//! w096: objects stay until they are expunged or the session ends; Core and streams read rows that nobody keeps.
//! w107: a hook on a row gets that row and nothing else.

use orm::Error;
use orm::prelude::*;

use super::unit_update::Page;
use crate::expect::{nothing_was_sent, refused};
use crate::models::{Post, Tag, User, keyed, people, user};
use crate::{TestDb, TestResult};

/// A place at a table, which may have nobody's name on it.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Seat {
    /// The number.
    #[model(primary_key)]
    pub id: i64,
    /// Whose it is.
    #[model(unique)]
    pub guest: Option<String>,
}

/// A line of a bill.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Line {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// How many.
    pub count: i64,
    /// What one costs.
    pub price: i64,
    /// What all cost.
    #[model(computed = "count * price")]
    pub total: i64,
}

fn seat(id: i64, guest: &str) -> Seat {
    Seat { id, guest: Some(guest.into()) }
}

/// Has the table take no row of this name, without a word.
async fn turn_nobody_away(db: &TestDb) -> TestResult {
    if db.backend() == "sqlite" {
        let trigger = sql!(
            "CREATE TRIGGER nobody BEFORE INSERT ON users WHEN new.name = 'Nobody' BEGIN SELECT RAISE(IGNORE); END"
        );
        db.execute(trigger).await?;
        return Ok(());
    }
    db.execute(sql!(
        "CREATE FUNCTION nobody() RETURNS trigger LANGUAGE plpgsql
         AS 'BEGIN IF NEW.name = ''Nobody'' THEN RETURN NULL; END IF; RETURN NEW; END'"
    ))
    .await?;
    db.execute(sql!("CREATE TRIGGER nobody BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION nobody()")).await?;
    Ok(())
}

pub async fn w064_a_statement_that_gives_fewer_rows_than_it_was_sent_is_undone(db: &TestDb) -> TestResult {
    people(db).await?;
    turn_nobody_away(db).await?;
    for names in [["Dora", "Nobody"].as_slice(), &["Nobody"]] {
        let mut session = Session::new(db);
        let new = session.add_all(names.iter().map(|name| user(name)));

        let error = refused(session.commit().await)?;

        let (sent, taken) = (names.len() as u64, names.len() as u64 - 1);
        assert!(
            matches!(&error, Error::RowCount { table: "users", expected, found } if (*expected, *found) == (sent, taken)),
            "{error}"
        );
        assert!(matches!(session.flush().await, Err(Error::Aborted { .. })));
        session.rollback().await?;
        assert!(new.iter().all(|one| session.state(*one) == State::Transient));
    }
    assert_eq!(db.fetch_scalar(select(count_all()).from(User)).await?, 3);
    Ok(())
}

pub async fn w072_keys_that_trade_places_are_refused_and_a_free_one_breaks_the_circle(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let (one, other) = (session.add(Tag { name: "one".into() }), session.add(Tag { name: "other".into() }));
    session.commit().await?;
    session[one].name = "other".into();
    session[other].name = "one".into();
    db.log.take();

    let error = refused(session.flush().await)?;
    assert!(matches!(&error, Error::FlushCycle { objects } if objects.len() >= 2), "{error}");
    assert!(nothing_was_sent(db));

    // One after the other, they pass each other.
    session[other].name = "third".into();
    session.flush().await?;
    session[other].name = "one".into();
    session.commit().await?;
    assert_eq!(session.get(Tag, "one").await?, Some(other));
    assert_eq!(session.get(Tag, "other").await?, Some(one));
    assert_eq!(session.get(Tag, "third").await?, None);
    Ok(())
}

pub async fn w080_a_swap_of_unique_values_that_can_be_null_takes_one_statement_more(db: &TestDb) -> TestResult {
    db.create_all(schema![Seat]).await?;
    let mut session = Session::new(db);
    let (first, second) = (session.add(seat(1, "Alice")), session.add(seat(2, "Bob")));
    session.commit().await?;
    let [one, other] = session.pick_mut([first, second]);
    std::mem::swap(&mut one.guest, &mut other.guest);
    db.log.take();

    session.commit().await?;

    let sent = db.log.take();
    assert_eq!(sent.iter().map(|one| one.rows_affected).sum::<u64>(), 3, "one is let go of first");
    let rows = db.fetch_all(select(Seat).order_by(Seat.id)).await?;
    assert_eq!(rows, [seat(1, "Bob"), seat(2, "Alice")]);
    assert_eq!((&session[first], &session[second]), (&rows[0], &rows[1]));
    Ok(())
}

pub async fn w082_nothing_comes_back_that_nobody_has_to_be_told(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.add_all(["one", "two"].map(|name| Tag { name: name.into() }));
    let bob = session.get_one(User, 2).await?;
    session[bob].age = Some(1);
    db.log.take();

    session.commit().await?;

    let sent = db.log.take();
    assert_eq!(sent.iter().map(|one| one.operation).collect::<Vec<_>>(), ["INSERT", "UPDATE"]);
    assert!(sent.iter().all(|one| !one.sql.contains("RETURNING")), "{sent:?}");
    Ok(())
}

pub async fn w084_computed_columns_come_back_with_the_rows(db: &TestDb) -> TestResult {
    db.create_all(schema![Line]).await?;
    let mut session = Session::new(db);
    let lines = session.add_all((1..3).map(|count| Line { id: count, count, price: 5, total: 0 }));
    db.log.take();

    session.flush().await?;
    assert_eq!(db.log.take().len(), 1);
    assert_eq!((session[lines[0]].total, session[lines[1]].total), (5, 10));

    session[lines[0]].price = 7;
    session[lines[1]].price = 8;
    session.commit().await?;
    assert_eq!(db.log.take().len(), 1);
    assert_eq!((session[lines[0]].total, session[lines[1]].total), (7, 16));
    assert!(lines.iter().all(|line| !session.is_modified(*line)));
    Ok(())
}

pub async fn w087_a_handle_is_good_for_the_session_that_gave_it(db: &TestDb) -> TestResult {
    people(db).await?;
    let (mut session, mut other) = (Session::new(db), Session::new(db));
    let alice = session.get_one(User, 1).await?;

    assert!(!other.contains(alice) && other.state(alice) == State::Detached);
    assert!(matches!(other.delete(alice), Err(Error::Detached { model: "User" })));
    let post = Post::builder().title("Hello").author(alice);
    assert!(matches!(other.try_add(post), Err(Error::Detached { .. })));
    assert!(other.is_empty());
    // The row itself is anybody's.
    let copy = session[alice].clone();
    let theirs = other.attach(copy)?;
    assert_eq!((other[theirs].name.as_str(), other.is_modified(theirs)), ("Alice", false));
    Ok(())
}

pub async fn w088_a_second_copy_of_an_object_is_refused(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.get_one(User, 1).await?;
    let copy = User { name: "Copy".into(), ..session[alice].clone() };

    let error = refused(session.attach(copy.clone()))?;
    assert!(matches!(&error, Error::IdentityConflict { object } if object == "`User(1)`"), "{error}");
    assert_eq!((session[alice].name.as_str(), session.len()), ("Alice", 1));

    assert_eq!(session.merge(copy).await?, alice);
    assert_eq!((session[alice].name.as_str(), session.is_modified(alice)), ("Copy", true));
    Ok(())
}

pub async fn w090_a_row_that_is_taken_out_can_be_added_as_a_new_one(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.get_one(User, 1).await?;
    let row = session.take(alice)?;
    assert_eq!(session.state(alice), State::Detached);

    let twin = session.add(User { id: 0, email: "twin@example.com".into(), ..row });
    session.commit().await?;
    assert_eq!((session[twin].id, session[twin].name.as_str()), (4, "Alice"));
    assert_eq!(db.fetch_scalar(select(count_all()).from(User)).await?, 4);
    Ok(())
}

pub async fn w095_a_row_of_another_version_is_not_merged(db: &TestDb) -> TestResult {
    db.create_all(schema![Page]).await?;
    let mut session = Session::new(db);
    let page = session.add(Page { id: 1, text: "a".into(), version: 0 });
    session.commit().await?;
    session[page].text = "b".into();
    session.commit().await?;

    let error = refused(session.merge(Page { id: 1, text: "c".into(), version: 1 }).await)?;
    let Error::StaleObject { object, expected, found } = &error else { return Err(error.into()) };
    assert_eq!((object.as_str(), *expected, *found), ("`Page(1)`", Some(1), Some(2)));
    assert_eq!((session[page].text.as_str(), session.is_modified(page)), ("b", false));

    assert_eq!(session.merge(Page { id: 1, text: "d".into(), version: 0 }).await?, page, "none is any");
    session.commit().await?;
    assert_eq!((session[page].text.as_str(), session[page].version), ("d", 3));
    Ok(())
}

pub async fn w098_an_error_of_a_flush_before_a_query_says_so(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.add(User { email: "bob@example.com".into(), ..keyed(9, "Dora") });

    let error = refused(session.query(User).all().await)?;
    assert!(matches!(error, Error::UniqueViolation { .. }), "{error}");
    assert!(error.to_string().contains("flushed before a query"), "{error}");
    session.rollback().await?;

    session.add(User { email: "bob@example.com".into(), ..keyed(9, "Dora") });
    let error = refused(session.flush().await)?;
    assert!(!error.to_string().contains("before a query"), "{error}");
    Ok(())
}
