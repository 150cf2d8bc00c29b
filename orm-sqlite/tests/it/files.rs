//! What is wrong with a file is told when it is opened, with what to do.

use orm_core::error::Error;

use crate::database::{TestFile, connect, execute, fetch, hint, number, open, url};

async fn refusal(url: &str) -> Error {
    open(url).await.expect_err(url)
}

#[track_caller]
fn connect_hint(error: &Error) -> &str {
    match error {
        Error::Connect { hint, .. } => hint,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let file = TestFile::new();
    let error = refusal(&url(&file.directory.path().join("no/such/dir.db"), "")).await;
    assert!(connect_hint(&error).contains("no/such` does not exist"), "{error}");
    assert!(error.to_string().contains("no/such/dir.db"), "{error}");
}

#[tokio::test]
async fn a_directory_is_no_database() {
    let file = TestFile::new();
    let error = refusal(&url(file.directory.path(), "")).await;
    assert!(connect_hint(&error).contains("is a directory"), "{error}");
}

#[tokio::test]
async fn a_missing_file_is_not_made_unless_that_is_allowed() {
    let file = TestFile::new();
    for mode in ["?mode=ro", "?mode=rw"] {
        let error = refusal(&file.url(mode)).await;
        assert!(connect_hint(&error).contains("mode=rwc"), "{error}");
    }
    assert!(!file.path().exists());
    file.open("").await;
    assert!(file.path().exists());
}

#[tokio::test]
async fn a_path_through_a_file_is_told() {
    let file = TestFile::new();
    std::fs::write(file.path(), "").expect("a file");
    let error = refusal(&url(&file.path().join("inner.db"), "")).await;
    assert!(connect_hint(&error).contains("does not exist"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_may_not_be_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let file = TestFile::new();
    std::fs::write(file.path(), "").expect("a file");
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o000)).expect("permissions");
    // To root, nothing is forbidden.
    if std::fs::File::open(file.path()).is_ok() {
        return;
    }
    let error = refusal(&file.url("")).await;
    assert!(connect_hint(&error).contains("may not read"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told() {
    let file = TestFile::new();
    std::fs::write(file.path(), "This is a letter to a friend, and not a database. ".repeat(100)).expect("a file");
    for mode in ["", "?mode=ro"] {
        let error = refusal(&file.url(mode)).await;
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(hint(&error).contains("test.db` is not a SQLite database"), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_page_is_told_when_it_is_read() {
    let file = TestFile::new();
    let bare = file.bare();
    bare.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000))").expect("a table");
    drop(bare);
    let mut bytes = std::fs::read(file.path()).expect("the file");
    bytes[4096..8192].fill(0xaa);
    std::fs::write(file.path(), bytes).expect("the file");

    let driver = file.open("?mode=ro").await;
    let error = fetch(&mut *connect(&*driver).await, "SELECT * FROM t").await.expect_err("damage");

    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(hint(&error).contains("integrity_check"), "{error}");
}

#[tokio::test]
async fn a_read_only_database_is_read_and_not_written() {
    let file = TestFile::new();
    file.bare().execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)").expect("a table");

    let driver = file.open("?mode=ro").await;
    let mut connection = connect(&*driver).await;

    assert_eq!(number(&mut *connection, "SELECT x FROM t").await.expect("a row"), 1);
    for text in ["INSERT INTO t VALUES (2)", "CREATE TABLE u (x)"] {
        let error = execute(&mut *connection, text).await.expect_err(text);
        assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
        assert!(hint(&error).contains("mode=ro"), "{error}");
    }
    assert_eq!(number(&mut *connection, "SELECT x FROM t").await.expect("the lock is free"), 1);
}

#[tokio::test]
async fn an_empty_file_is_an_empty_database() {
    let file = TestFile::new();
    std::fs::write(file.path(), "").expect("a file");
    let driver = file.open("?mode=rw").await;
    assert_eq!(number(&mut *connect(&*driver).await, "SELECT count(*) FROM sqlite_schema").await.expect("a count"), 0);
}

#[tokio::test]
async fn letters_of_a_path_are_taken_as_they_are() {
    let file = TestFile::new();
    let path = file.directory.path().join("füß 100% #1?.db");
    open(&format!("sqlite://{}/f%C3%BC%C3%9F%20100%25%20#1%3F.db", file.directory.path().display()))
        .await
        .expect("a database");
    assert!(path.exists());
}

#[tokio::test]
async fn settings_are_those_of_the_url_or_good_ones() {
    let file = TestFile::new();
    let plain = file.open("").await;
    let mut connection = connect(&*plain).await;
    let expected = [("journal_mode", "wal"), ("synchronous", "1"), ("foreign_keys", "1"), ("busy_timeout", "0")];
    check_settings(&mut *connection, &expected).await;
    let like = number(&mut *connection, "SELECT 'a' LIKE 'A'").await.expect("a row");
    assert_eq!(like, 0, "LIKE tells upper from lower case");

    let other = TestFile::new();
    let query = "?journal_mode=truncate&synchronous=extra&foreign_keys=off&cache_size=-64&temp_store=memory&page_size=8192\
                 &auto_vacuum=full&application_id=77&recursive_triggers=on&mmap_size=0&wal_autocheckpoint=5&secure_delete=fast";
    let tuned = other.open(query).await;
    let expected = [
        ("journal_mode", "truncate"),
        ("synchronous", "3"),
        ("foreign_keys", "0"),
        ("cache_size", "-64"),
        ("temp_store", "2"),
        ("page_size", "8192"),
        ("auto_vacuum", "1"),
        ("application_id", "77"),
        ("recursive_triggers", "1"),
        ("wal_autocheckpoint", "5"),
        ("secure_delete", "2"),
    ];
    check_settings(&mut *connect(&*tuned).await, &expected).await;
}

async fn check_settings(connection: &mut dyn orm_core::driver::Connection, expected: &[(&'static str, &str)]) {
    for (name, value) in expected {
        let text: &'static str = format!("PRAGMA {name}").leak();
        let rows = fetch(connection, text).await.expect(text);
        let found = match &rows[0][0] {
            orm_core::value::Value::Int(number) => number.to_string(),
            orm_core::value::Value::Text(text) => text.clone(),
            other => panic!("{name} is {other:?}"),
        };
        assert_eq!(found, *value, "{name}");
    }
}

#[tokio::test]
async fn a_name_in_quotes_is_never_a_text() {
    let driver = open("sqlite::memory:").await.expect("a database");
    let mut connection = connect(&*driver).await;
    execute(&mut *connection, "CREATE TABLE t (x)").await.expect("a table");
    let error = fetch(&mut *connection, "SELECT \"nickname\" FROM t").await.expect_err("no such column");
    assert!(matches!(error, Error::UndefinedColumn { .. }), "{error}");
}

#[tokio::test]
async fn a_foreign_url_is_refused() {
    for url in ["postgres://localhost/db", "sqlite", "sqlite:", "sqlite://a?nope=1"] {
        assert!(matches!(refusal(url).await, Error::Url(_)), "{url}");
    }
}
