//! URLs with a mistake in them: each is refused before anything is opened, and says what would be right.

use orm::Error;
use orm::prelude::*;

use crate::support::{Database, TestResult, url};

async fn refusal(url: &str) -> String {
    match orm::connect(url).await {
        Err(error @ Error::Url(_)) => error.to_string(),
        other => panic!("{url}: {other:?}"),
    }
}

#[tokio::test]
async fn an_unknown_scheme_lists_the_known_ones() {
    let message = refusal("mysqlite://app.db").await;

    assert_eq!(
        message,
        r#"invalid connection URL: unknown scheme "mysqlite"; the known ones are: sqlite, postgresql, postgres"#
    );
}

#[tokio::test]
async fn a_path_without_a_scheme_says_how_to_write_it() {
    let message = refusal("app.db").await;

    assert!(message.contains("`sqlite://app.db`"), "{message}");
}

#[tokio::test]
async fn an_unknown_option_lists_the_known_ones() {
    let message = refusal("sqlite://app.db?busy_timeot=5").await;

    assert!(message.contains("there is no option `busy_timeot`; there are "), "{message}");
    for option in ["busy_timeout", "foreign_keys", "journal_mode", "mode", "synchronous"] {
        assert!(message.contains(option), "{message}");
    }
}

#[tokio::test]
async fn a_wrong_value_of_an_option_lists_the_right_ones() {
    for (query, wanted) in [
        ("journal_mode=wall", "`journal_mode` is one of delete, truncate, persist, memory, wal, off, and not `wall`"),
        ("foreign_keys=maybe", "`foreign_keys` is on or off, and not `maybe`"),
        ("cache_size=big", "`cache_size` is a number, and not `big`"),
        ("mode=rx", "`mode` is one of rwc, rw, ro, memory, and not `rx`"),
        ("busy_timeout=5s", "`busy_timeout` is a number of milliseconds, and not `5s`"),
        ("synchronous=off&synchronous=full", "`synchronous` is given twice"),
        // What is no word of the list never reaches SQLite.
        ("journal_mode=wal;DROP TABLE x", "and not `wal;drop table x`"),
    ] {
        let message = refusal(&format!("sqlite://app.db?{query}")).await;
        assert!(message.ends_with(wanted), "{message}");
    }
    assert!(!std::path::Path::new("app.db").exists());
}

#[tokio::test]
async fn a_url_that_names_no_file_is_refused() {
    for url in ["sqlite:", "sqlite://", "sqlite://?mode=rw"] {
        assert!(refusal(url).await.contains("it names no file"), "{url}");
    }
}

#[tokio::test]
async fn a_missing_directory_is_named() -> TestResult {
    let directory = tempfile::tempdir()?;
    let missing = directory.path().join("no/such");

    let error = orm::connect(url(&missing.join("app.db"))).await.expect_err("no directory");

    let Error::Connect { target, hint, .. } = &error else {
        return Err(error.into());
    };
    assert!(target.ends_with("app.db"), "{target}");
    assert_eq!(*hint, format!("the directory `{}` does not exist: create it first", missing.display()));
    Ok(())
}

#[tokio::test]
async fn a_directory_is_no_database() -> TestResult {
    let directory = tempfile::tempdir()?;

    let error = orm::connect(url(directory.path())).await.expect_err("a directory");

    assert!(matches!(&error, Error::Connect { hint, .. } if hint.starts_with("it is a directory")), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_missing_file_is_made_only_if_the_url_allows_it() -> TestResult {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("new.db");

    for mode in ["rw", "ro"] {
        let error = orm::connect(format!("{}?mode={mode}", url(&file))).await.expect_err("no file");
        assert!(matches!(&error, Error::Connect { hint, .. } if hint.contains("does not exist")), "{error}");
        assert!(!file.exists());
    }
    orm::connect(url(&file)).await?;
    assert!(file.exists());
    Ok(())
}

#[tokio::test]
async fn a_file_opened_for_reading_cannot_be_written() -> TestResult {
    let db = Database::new().await?;
    db.execute(sql!("CREATE TABLE note (id INTEGER PRIMARY KEY)")).await?;
    let file = db.directory().join("story.db");

    let reader = orm::connect(format!("{}?mode=ro", url(&file))).await?;

    assert_eq!(reader.fetch_one(sql!("SELECT count(*) FROM note").rows::<(i64,)>()).await?, (0,));
    let error = reader.execute(sql!("INSERT INTO note DEFAULT VALUES")).await.expect_err("read-only");
    assert!(matches!(error, Error::ReadOnly { .. }), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn a_name_with_every_odd_letter_is_a_file() -> TestResult {
    let directory = tempfile::tempdir()?;
    let path = directory.path().display();

    let engine = orm::connect(format!("sqlite://{path}/what%3F%20a%20näme%25.db?busy_timeout=100")).await?;
    engine.execute(sql!("CREATE TABLE note (id INTEGER PRIMARY KEY)")).await?;

    assert!(directory.path().join("what? a näme%.db").exists());
    Ok(())
}
