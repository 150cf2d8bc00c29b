//! Versions: of rows that are written in bulk, and of objects in batches.
//!
//! There is one kind of version, a number that is counted up: none that the server makes or the program sets, and none
//! that a table of a base class has.

use orm::Error;
use orm::prelude::*;

use super::unit_update::Page;
use crate::expect::refused;
use crate::models::{User, keyed};
use crate::{TestDb, TestResult};

/// Pages with keys from 1 to `count`, at their first version, as they were read.
async fn pages(db: &TestDb, count: i64) -> orm::Result<Vec<Page>> {
    db.create_all(schema![Page]).await?;
    db.bulk_insert((0..count).map(|_| Page { id: 0, text: "old".into(), version: 1 }).collect::<Vec<_>>()).await?;
    let read = db.fetch_all(select(Page).order_by(Page.id)).await?;
    db.log.take();
    Ok(read)
}

fn changed(pages: &[Page]) -> Vec<Page> {
    pages.iter().map(|page| Page { text: "new".into(), ..page.clone() }).collect()
}

async fn texts_and_versions(db: &TestDb) -> orm::Result<Vec<(String, i64)>> {
    db.fetch_all(select((Page.text, Page.version)).order_by(Page.id)).await
}

/// The object that was stale, the version that was expected, and the one that was found.
fn stale(error: &Error) -> Result<(&str, Option<i64>, Option<i64>), String> {
    match error {
        Error::StaleObject { object, expected, found } => Ok((object, *expected, *found)),
        other => Err(other.to_string()),
    }
}

pub async fn bulk_update_counts_versions_up(db: &TestDb) -> TestResult {
    // One row, a few, and more than a statement takes.
    for count in [1_usize, 3, 700] {
        let db = db.another(|builder| builder).await;
        let read = pages(&db, i64::try_from(count)?).await?;

        assert_eq!(db.bulk_update(changed(&read)).await?, count as u64);

        assert_eq!(texts_and_versions(&db).await?, vec![("new".to_owned(), 2); count]);
        // What was read before is not what the rows are now.
        let error = refused(db.bulk_update(changed(&read)).await)?;
        assert_eq!(stale(&error)?, ("`Page(1)`", Some(1), Some(2)));
    }
    Ok(())
}

pub async fn bulk_update_names_a_stale_row_and_writes_none(db: &TestDb) -> TestResult {
    let read = pages(db, 300).await?;
    db.execute(update(Page).set(Page.version, 9).filter(Page.id.eq(299))).await?;

    let error = refused(db.bulk_update(changed(&read)).await)?;
    assert_eq!(stale(&error)?, ("`Page(299)`", Some(1), Some(9)));
    let error = refused(db.bulk_update(changed(&read[298..])).await)?;
    assert_eq!(stale(&error)?, ("`Page(299)`", Some(1), Some(9)));
    let error = refused(db.bulk_update(changed(&read[298..299])).await)?;
    assert_eq!(stale(&error)?, ("`Page(299)`", Some(1), Some(9)));
    assert_eq!(db.fetch_scalar(select(Page).filter(Page.text.eq("new")).count()).await?, 0);

    db.execute(delete(Page).filter(Page.id.eq(299))).await?;
    let error = refused(db.bulk_update(changed(&read)).await)?;
    assert_eq!(stale(&error)?, ("`Page(299)`", Some(1), None));
    assert!(error.is_retryable());
    Ok(())
}

pub async fn bulk_update_of_some_columns_minds_the_version_too(db: &TestDb) -> TestResult {
    let read = pages(db, 3).await?;

    let given = db.fetch_all(update_rows(changed(&read)).columns(Page.text).returning((Page.id, Page.version))).await?;
    let mut given = given;
    given.sort_unstable();
    assert_eq!(given, [(1, 2), (2, 2), (3, 2)]);
    assert_eq!(texts_and_versions(db).await?, vec![("new".to_owned(), 2); 3]);

    let error = refused(db.execute(update_rows(read[0].clone()).columns(Page.text)).await)?;
    assert_eq!(stale(&error)?, ("`Page(1)`", Some(1), Some(2)));
    Ok(())
}

pub async fn a_stale_row_of_a_bulk_update_undoes_no_more_than_the_update(db: &TestDb) -> TestResult {
    let mut read = pages(db, 2).await?;
    let mut tx = db.begin().await?;
    tx.execute(update(Page).set(Page.text, "before").filter(Page.id.eq(1))).await?;
    read[1].version = 5;

    let error = refused(tx.bulk_update(changed(&read)).await)?;
    assert_eq!(stale(&error)?, ("`Page(2)`", Some(5), Some(1)));
    read[1].version = 1;
    assert_eq!(tx.bulk_update(changed(&read[1..])).await?, 1);
    tx.commit().await?;

    assert_eq!(texts_and_versions(db).await?, [("before".to_owned(), 1), ("new".to_owned(), 2)]);
    Ok(())
}

pub async fn bulk_save_counts_versions_up_in_the_structs_as_well(db: &TestDb) -> TestResult {
    let mut rows = changed(&pages(db, 2).await?);
    rows.push(Page { id: 0, text: "new".into(), version: 1 });

    assert_eq!(db.bulk_save(&mut rows).await?, 3);
    assert_eq!(rows.iter().map(|page| (page.id, page.version)).collect::<Vec<_>>(), [(1, 2), (2, 2), (3, 1)]);
    assert_eq!(db.bulk_save(&mut rows).await?, 3, "they are as the database has them");
    assert_eq!(rows.iter().map(|page| page.version).collect::<Vec<_>>(), [3, 3, 2]);
    assert_eq!(db.fetch_all(select(Page).order_by(Page.id)).await?, rows);
    Ok(())
}

pub async fn bulk_save_names_a_stale_row_and_keeps_nothing(db: &TestDb) -> TestResult {
    let mut rows = changed(&pages(db, 3).await?);
    rows.push(Page { id: 0, text: "new".into(), version: 1 });
    db.execute(update(Page).set(Page.version, 9).filter(Page.id.eq(2))).await?;
    let before = rows.clone();

    let error = refused(db.bulk_save(&mut rows).await)?;

    assert_eq!(stale(&error)?, ("`Page(2)`", Some(1), Some(9)));
    assert_eq!(rows, before);
    let old = |version| ("old".to_owned(), version);
    assert_eq!(texts_and_versions(db).await?, [old(1), old(9), old(1)]);

    let mut session = Session::new(db);
    let error = refused(session.bulk_save(&mut rows).await)?;
    assert_eq!(stale(&error)?, ("`Page(2)`", Some(1), Some(9)));
    rows[1].version = 9;
    assert_eq!(session.bulk_save(&mut rows).await?, 4);
    session.commit().await?;
    assert_eq!(db.fetch_all(select(Page.version).order_by(Page.id)).await?, [2, 10, 2, 1]);
    Ok(())
}

pub async fn rows_with_a_version_are_not_updated_in_a_stream_or_a_pipeline(db: &TestDb) -> TestResult {
    let read = pages(db, 2).await?;
    let update = || update_rows(changed(&read)).returning(Page.id);

    let streamed = refused(db.stream(update()).next().await.ok_or("an error")?)?;
    let piped = refused(db.pipeline((update(),)).await)?;

    assert!(streamed.to_string().contains("`Page` has a version"), "{streamed}");
    assert!(piped.to_string().contains("not updated in a pipeline"), "{piped}");
    assert_eq!(texts_and_versions(db).await?, vec![("old".to_owned(), 1); 2]);
    Ok(())
}

pub async fn a_stale_row_in_a_batch_of_deletes_is_named_among_those_that_are_not(db: &TestDb) -> TestResult {
    pages(db, 40).await?;
    let mut session = Session::new(db);
    let all = session.query(Page).order_by(Page.id).all().await?;
    session.commit().await?;
    db.execute(update(Page).set(Page.version, 7).filter(Page.id.eq(30))).await?;
    all.iter().try_for_each(|page| session.delete(*page))?;

    let error = refused(session.commit().await)?;
    assert_eq!(stale(&error)?, ("`Page(30)`", Some(1), Some(7)));
    session.rollback().await?;
    assert_eq!(db.fetch_scalar(select(Page).count()).await?, 40);

    // One that is gone, within a savepoint.
    db.execute(delete(Page).filter(Page.id.eq(31))).await?;
    let mut session = Session::new(db);
    let mut rest: Vec<Ref<Page>> = Vec::new();
    for row in db.fetch_all(select(Page).filter(Page.id.ne(30)).order_by(Page.id)).await? {
        rest.push(session.attach(row)?);
    }
    rest.push(session.attach(Page { id: 31, text: "old".into(), version: 1 })?);
    let mut savepoint = session.begin_nested().await?;
    rest.iter().try_for_each(|page| savepoint.delete(*page))?;
    let error = refused(savepoint.flush().await)?;
    assert_eq!(stale(&error)?, ("`Page(31)`", Some(1), None));
    savepoint.rollback().await?;
    session.delete(rest[0])?;
    session.commit().await?;
    assert_eq!(db.fetch_scalar(select(Page).count()).await?, 38);
    Ok(())
}

pub async fn a_row_without_a_version_that_is_gone_is_not_counted_in_bulk(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.bulk_insert(vec![keyed(1, "One"), keyed(2, "Two")]).await?;
    assert_eq!(db.bulk_update(vec![keyed(1, "A"), keyed(9, "B")]).await?, 1);
    assert_eq!(db.bulk_save(&mut [keyed(2, "C"), keyed(9, "D")]).await?, 1);
    assert_eq!(db.fetch_all(select(User.name).order_by(User.id)).await?, ["A", "C"]);
    Ok(())
}
