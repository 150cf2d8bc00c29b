//! The unit of work: values that the database makes.
//!
//! w083: what comes back is fixed, and there is no switch for it: what the database makes of an insert, and what it
//! computes of an update.

use orm::prelude::*;

use crate::models::{Item, people, user};
use crate::{TestDb, TestResult};

pub async fn w081_keys_and_defaults_of_many_rows_come_back_with_the_insert(db: &TestDb) -> TestResult {
    db.create_all(schema![Item]).await?;
    let mut session = Session::new(db);
    let items = session.add_all((0..5).map(|number| Item::builder().name(format!("item {number}"))));
    db.log.take();

    session.flush().await?;

    assert_eq!(db.log.take().iter().filter(|one| one.rows_affected > 0).count(), 1);
    for (number, item) in (0..).zip(&items) {
        let row = &session[*item];
        assert!(row.id.0 > 0 && crate::expect::is_about_now(row.since));
        assert_eq!((row.name.clone(), row.size.as_str(), row.stock), (format!("item {number}"), "M", 1));
    }
    assert!(db.log.take().is_empty());
    assert!(items.iter().all(|item| !session.is_modified(*item)));
    Ok(())
}

pub async fn w085_a_column_that_was_never_set_is_none_without_a_statement(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let dora = session.add(user("Dora"));
    session.flush().await?;
    db.log.take();

    assert_eq!((session[dora].age, session[dora].nickname.as_deref()), (None, None));
    assert!(db.log.take().is_empty());
    Ok(())
}
