//! The unit of work: what counts as a change, and what is written of it.
//!
//! w020: no value expires, so none is set without having been read.

use std::sync::atomic::{AtomicI64, Ordering};

use orm::Error;
use orm::prelude::*;

use super::unit_delete::Pet;
use crate::expect::refused;
use crate::models::{Kinds, User, keyed, kinds, people};
use crate::{TestDb, TestResult};

/// A page that counts its changes.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "page")]
pub struct Page {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// What it says.
    pub text: String,
    /// How often it was changed.
    #[model(version)]
    pub version: i64,
}

/// Counts what was asked of it: no two updates get the same default.
static TICKS: AtomicI64 = AtomicI64::new(1);

fn tick() -> i64 {
    TICKS.fetch_add(1, Ordering::Relaxed)
}

/// A line that notes when it was changed.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "note_line")]
pub struct Line {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// What it says.
    pub text: String,
    /// When it was changed.
    #[model(default_on_update = tick())]
    pub changed: i64,
}

/// A session with a page that was saved.
async fn page(db: &TestDb) -> orm::Result<(Session, Ref<Page>)> {
    db.create_all(schema![Page]).await?;
    let mut session = Session::new(db);
    let page = session.add(Page { id: 1, text: "a".into(), version: 0 });
    session.commit().await?;
    db.log.take();
    Ok((session, page))
}

pub async fn w015_setting_the_same_value_sends_nothing(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.query(User).filter(User.name.eq("Bob")).one().await?;
    db.log.take();

    session[bob].name = "Bob".into();

    assert!(!session.is_modified(bob) && session.changes(bob)?.is_empty());
    session.commit().await?;
    assert!(db.log.take().is_empty());
    Ok(())
}

pub async fn w016_a_value_that_is_set_back_sends_nothing(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.query(User).filter(User.name.eq("Bob")).one().await?;
    db.log.take();
    session[bob].name = "Rob".into();
    assert!(session.is_modified(bob));
    session[bob].name = "Bob".into();

    assert!(!session.is_modified(bob) && session.dirty(User).is_empty() && session.preview()?.is_empty());
    session.commit().await?;
    assert!(db.log.take().is_empty());
    Ok(())
}

pub async fn w017_only_changed_columns_are_updated(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.query(User).filter(User.name.eq("Bob")).one().await?;
    db.log.take();
    session[bob].name = "Rob".into();
    session[bob].age = Some(3);

    session.commit().await?;

    let sent = db.log.take_sql();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].contains(r#"SET "name" = "#) && sent[0].contains(r#""age" = "#) && !sent[0].contains("email"));
    session[bob].age = Some(4);
    session.commit().await?;
    assert!(!db.log.take_sql().concat().contains("name\" ="), "the copy from before the first flush is forgotten");
    Ok(())
}

pub async fn w018_rows_with_the_same_changes_are_one_batch(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let all = session.query(User).order_by(User.id).all().await?;
    db.log.take();
    for (number, user) in all.iter().enumerate() {
        session[*user].nickname = Some(format!("n{number}"));
    }

    session.commit().await?;

    let sent = db.log.take();
    let rows: u64 = sent.iter().map(|one| one.rows_affected).sum();
    assert!(sent.len() <= 2 && rows == 3, "{sent:?}");
    let stored = db.fetch_all(select(User.nickname).order_by(User.id)).await?;
    assert_eq!(stored, ["n0", "n1", "n2"].map(|name| Some(name.to_string())));
    Ok(())
}

pub async fn w021_an_expression_is_set_by_the_database_and_read_back(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.query(User).filter(User.name.eq("Bob")).one().await?;
    let before = session[bob].age;
    session.rollback().await?;
    db.execute(update(User).set(User.age, User.age + 10).filter(User.name.eq("Bob"))).await?;
    session.set_expr(bob, User.age, User.age + 1)?;

    session.commit().await?;

    assert_eq!(session[bob].age, before.map(|age| age + 11));
    Ok(())
}

pub async fn a_version_counts_changes_and_finds_those_of_others(db: &TestDb) -> TestResult {
    db.create_all(schema![Page]).await?;
    let mut session = Session::new(db);
    let page = session.add(Page::builder().text("a"));
    session.commit().await?;
    assert_eq!(session[page].version, 1);
    session[page].text = "b".into();
    session.commit().await?;
    assert_eq!(session[page].version, 2);
    let id = session[page].id;
    db.execute(update(Page).set(Page.version, 5).filter(Page.id.eq(id))).await?;
    session[page].text = "c".into();

    let error = refused(session.commit().await)?;

    let Error::StaleObject { object, expected, found } = &error else { return Err(error.into()) };
    assert_eq!((object.as_str(), *expected, *found), ("`Page(1)`", Some(2), Some(5)));
    assert_eq!(session[page].text, "c");
    session.rollback().await?;
    assert_eq!((session[page].text.as_str(), session[page].version), ("b", 2));
    session.refresh(page).await?;
    assert_eq!(session[page].version, 5);
    Ok(())
}

pub async fn a_row_that_is_gone_is_noticed(db: &TestDb) -> TestResult {
    db.create_all(schema![Page, User]).await?;
    let mut session = Session::new(db);
    let one = session.add(keyed(1, "One"));
    let two = session.add(keyed(2, "Two"));
    session.commit().await?;
    db.execute(delete(User).filter(User.id.eq(2))).await?;
    session[one].name = "A".into();
    session[two].name = "B".into();

    let error = refused(session.commit().await)?;

    assert!(matches!(&error, Error::StaleObject { object, found: None, .. } if object == "`User(2)`"), "{error}");
    session.rollback().await?;
    assert_eq!(db.fetch_all(select(User.name)).await?, ["One"]);
    Ok(())
}

pub async fn w021_an_expression_for_a_new_row_follows_its_insert(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut session = Session::new(db);
    let one = session.add(User::builder().name("One").email("1@example.com").age(20));
    session.set_expr(one, User.age, User.age + 1)?;
    db.log.take();

    session.commit().await?;

    let operations: Vec<_> = db.log.take().iter().map(|one| one.operation).collect();
    assert_eq!(operations, ["INSERT", "UPDATE"]);
    assert_eq!(session[one].age, Some(21));
    session.commit().await?;
    assert!(db.log.take().is_empty(), "the expression is forgotten once it was set");
    Ok(())
}

pub async fn w021_the_last_expression_counts_and_is_undone_by_a_rollback(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = session.query(User).filter(User.name.eq("Bob")).one().await?;
    db.log.take();
    session.set_expr(bob, User.age, User.age + 1)?;
    session.set_expr(bob, User.age, User.age + 5)?;
    session[bob].nickname = Some("bo".into());

    session.flush().await?;
    assert_eq!(db.log.take().len(), 1);
    assert_eq!(session[bob].age, Some(30));
    session.rollback().await?;

    assert_eq!((session[bob].age, session[bob].nickname.as_deref()), (Some(25), None));
    session.set_expr(bob, User.age, User.age + 1)?;
    session.rollback().await?;
    session.commit().await?;
    assert!(!db.log.take().iter().any(|one| one.operation == "UPDATE"));
    Ok(())
}

pub async fn w022_a_key_that_is_set_to_an_expression_is_followed(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut session = Session::new(db);
    let one = session.add(keyed(1, "One"));
    session.commit().await?;
    session.set_expr(one, User.id, User.id + 100)?;

    session.flush().await?;

    assert_eq!(session[one].id, 101);
    db.log.take();
    assert_eq!(session.get(User, 101).await?, Some(one));
    assert!(db.log.take().is_empty());
    assert_eq!(session.get(User, 1).await?, None);
    session.rollback().await?;
    assert_eq!((session[one].id, session.get(User, 1).await?), (1, Some(one)));
    Ok(())
}

pub async fn w023_a_default_for_updates_is_set_with_another_column(db: &TestDb) -> TestResult {
    db.create_all(schema![Line]).await?;
    let mut session = Session::new(db);
    let line = session.add(Line { id: 1, text: "a".into(), changed: -1 });
    let other = session.add(Line { id: 2, text: "b".into(), changed: -1 });
    session.commit().await?;
    db.log.take();

    session[line].text = "a".into();
    session.commit().await?;
    assert!(db.log.take().is_empty() && session[line].changed == -1, "nothing else was changed");
    session[line].text = "c".into();
    session.commit().await?;
    let changed = session[line].changed;
    assert!(changed > 0 && db.log.take_sql().concat().contains(r#""changed" = "#));
    assert_eq!(db.fetch_one(select(Line.changed).filter(Line.id.eq(1))).await?, changed);
    session[line].text = "d".into();
    session[line].changed = -7;
    session.commit().await?;
    assert_eq!((session[line].changed, session[other].changed), (-7, -1), "what the program says counts");
    Ok(())
}

pub async fn w024_a_value_that_is_changed_in_place_is_a_change(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;
    let mut session = Session::new(db);
    let row = session.add(kinds());
    session.commit().await?;
    db.log.take();

    session[row].json.0.sizes.push(1);
    session[row].json.0.sizes.pop();
    session[row].bytes.reverse();
    session[row].bytes.reverse();
    session.commit().await?;
    assert!(db.log.take().is_empty());

    session[row].json.0.sizes.push(1);
    session.commit().await?;
    let sent = db.log.take_sql();
    assert!(sent.len() == 1 && sent[0].contains(r#"SET "json" = "#) && !sent[0].contains(r#""bytes" = "#), "{sent:?}");
    assert_eq!(db.fetch_one(select(Kinds.json)).await?.0.sizes, [1]);
    Ok(())
}

pub async fn a_version_that_was_edited_is_not_believed(db: &TestDb) -> TestResult {
    let (mut session, page) = page(db).await?;

    session[page].version = 40;
    session[page].text = "b".into();
    session.commit().await?;
    assert_eq!(session[page].version, 2);
    session[page].version = 40;
    session.commit().await?;
    assert_eq!(session[page].version, 2, "it is no change of its own");
    session[page].text = "c".into();
    session.commit().await?;

    assert_eq!(db.fetch_one(select(Page.version)).await?, 3);
    assert_eq!(session[page].version, 3);
    Ok(())
}

pub async fn a_version_counts_expressions_and_every_row_of_a_batch(db: &TestDb) -> TestResult {
    let (mut session, page) = page(db).await?;
    let others = session.add_all((2..5).map(|id| Page { id, text: "x".into(), version: 0 }));
    session.commit().await?;
    session[others[1]].text = "ahead".into();
    session.commit().await?;

    session.set_expr(page, Page.text, Page.text.concat("!"))?;
    for other in &others {
        session[*other].text.push('!');
    }
    session.commit().await?;

    assert_eq!((session[page].text.as_str(), session[page].version), ("a!", 2));
    let stored = db.fetch_all(select(Page.version).order_by(Page.id)).await?;
    assert_eq!(stored, [2, 2, 3, 2]);
    assert_eq!(others.iter().map(|other| session[*other].version).collect::<Vec<_>>(), [2, 3, 2]);
    session[page].text.push('?');
    session.commit().await?;
    assert_eq!(session[page].version, 3);
    Ok(())
}

pub async fn a_stale_row_of_a_batch_is_named(db: &TestDb) -> TestResult {
    let (mut session, page) = page(db).await?;
    let others = session.add_all((2..5).map(|id| Page { id, text: "x".into(), version: 0 }));
    session.commit().await?;
    db.execute(update(Page).set(Page.version, 9).filter(Page.id.eq(3))).await?;
    session[page].text.push('!');
    for other in &others {
        session[*other].text.push('!');
    }

    let error = refused(session.flush().await)?;

    let Error::StaleObject { object, expected, found } = &error else { return Err(error.into()) };
    assert_eq!((object.as_str(), *expected, *found), ("`Page(3)`", Some(1), Some(9)));
    session.rollback().await?;
    assert_eq!(db.fetch_all(select(Page.version).order_by(Page.id)).await?, [1, 1, 9, 1]);
    assert!(others.iter().all(|other| (session[*other].version, session[*other].text.as_str()) == (1, "x")));
    Ok(())
}

pub async fn a_stale_row_is_not_deleted(db: &TestDb) -> TestResult {
    let (mut session, page) = page(db).await?;
    let other = session.add(Page { id: 2, text: "b".into(), version: 0 });
    session.commit().await?;
    db.execute(update(Page).set(Page.version, 5).filter(Page.id.eq(2))).await?;
    session.delete(page)?;
    session.delete(other)?;

    let error = refused(session.commit().await)?;

    let Error::StaleObject { object, expected, found } = &error else { return Err(error.into()) };
    assert_eq!((object.as_str(), *expected, *found), ("`Page(2)`", Some(1), Some(5)));
    session.rollback().await?;
    assert_eq!((session.state(page), session.state(other)), (State::Persistent, State::Persistent));
    assert_eq!(db.fetch_scalar(select(count_all()).from(Page)).await?, 2);
    Ok(())
}

pub async fn a_key_that_is_used_again_goes_on_with_the_version(db: &TestDb) -> TestResult {
    let (mut session, old) = page(db).await?;
    session[old].text = "b".into();
    session.commit().await?;

    session.delete(old)?;
    let new = session.add(Page { id: 1, text: "c".into(), version: 0 });
    session.commit().await?;
    assert_eq!(session[new].version, 3);
    assert_eq!(db.fetch_one(select(Page.version)).await?, 3);

    session.delete(new)?;
    let same = session.add(Page { id: 1, text: "c".into(), version: 0 });
    session.commit().await?;
    assert_eq!(session[same].version, db.fetch_one(select(Page.version)).await?, "an equal row is not written");

    db.execute(update(Page).set(Page.version, 9).all_rows()).await?;
    session.delete(same)?;
    session.add(Page { id: 1, text: "d".into(), version: 0 });
    let error = refused(session.commit().await)?;
    assert!(matches!(error, Error::StaleObject { expected: Some(3), found: Some(9), .. }), "{error}");
    Ok(())
}

pub async fn w018_children_that_come_and_go_are_one_batch_and_their_parent_is_not_written(db: &TestDb) -> TestResult {
    db.create_all(schema![User, Pet]).await?;
    let mut session = Session::new(db);
    session.add_all([keyed(1, "One"), keyed(2, "Two")]);
    let pets = session.add_all([1, 2, 3].map(|id| Pet { id, owner_id: (id < 3).then_some(1), vet_id: None }));
    session.commit().await?;
    let (one, two) = (session.get_one(User, 1).await?, session.get_one(User, 2).await?);
    db.log.take();

    session[two].name = "Renamed".into();
    session.set(pets[2], Pet.owner, one)?;
    session.set(pets[0], Pet.owner, None)?;
    session.commit().await?;

    let sent: Vec<_> = db.log.take().into_iter().map(|one| (one.sql.contains("\"pet\""), one.rows_affected)).collect();
    let rows = |of: bool| sent.iter().filter(|(pet, _)| *pet == of).map(|(_, rows)| *rows).sum::<u64>();
    assert_eq!((rows(false), rows(true)), (1, 2), "{sent:?}");
    assert!(sent.len() <= 3 && sent[0] == (false, 1), "parents first: {sent:?}");
    let owners = db.fetch_all(select(Pet.owner_id).order_by(Pet.id)).await?;
    assert_eq!(owners, [None, Some(1), Some(1)]);
    Ok(())
}

pub async fn w035_a_parent_is_let_go_without_being_read(db: &TestDb) -> TestResult {
    db.create_all(schema![User, Pet]).await?;
    db.execute(insert(keyed(1, "One"))).await?;
    db.execute(insert(Pet { id: 1, owner_id: Some(1), vet_id: None })).await?;
    let mut session = Session::new(db);
    let pet = session.get_one(Pet, 1).await?;
    db.log.take();

    session.set(pet, Pet.owner, None)?;
    session.commit().await?;

    assert_eq!(db.log.take().iter().map(|one| one.operation).collect::<Vec<_>>(), ["UPDATE"]);
    assert_eq!(db.fetch_scalar(select(Pet.owner_id)).await?, None);
    Ok(())
}

pub async fn rows_that_are_gone_are_noticed_in_a_batch_of_deletes(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    let mut session = Session::new(db);
    let all = session.add_all((1..=4).map(|id| keyed(id, &format!("u{id}"))));
    session.commit().await?;
    db.execute(delete(User).filter(User.id.eq(2))).await?;
    all.iter().try_for_each(|one| session.delete(*one))?;

    let error = refused(session.commit().await)?;

    assert!(matches!(&error, Error::StaleObject { object, found: None, .. } if object == "`User(2)`"), "{error}");
    session.rollback().await?;
    assert!(all.iter().all(|one| session.state(*one) == State::Persistent));
    assert_eq!(db.fetch_all(select(User.id).order_by(User.id)).await?, [1, 3, 4]);
    Ok(())
}
