//! The unit of work: what counts as a change, and what is written of it.

use orm::Error;
use orm::prelude::*;

use crate::expect::refused;
use crate::models::{User, keyed, people};
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
