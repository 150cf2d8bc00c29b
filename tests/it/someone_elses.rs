//! A database that somebody else made: what does not fit the models is an error that says where, and never a guess.

use chrono::NaiveDate;
use orm::Error;
use orm::error::ValueError;
use orm::prelude::*;

use crate::support::{Database, TestResult};

#[derive(Debug, PartialEq, Model)]
struct Person {
    #[model(primary_key, natural)]
    id: i64,
    name: String,
    age: Option<i8>,
    #[model(column = "is staff")]
    staff: bool,
    born: Option<NaiveDate>,
    role: Option<Role>,
}

#[derive(Debug, Clone, Copy, PartialEq, DbEnum)]
enum Role {
    Admin,
    Guest,
}

/// A table whose columns hold whatever is put into them.
async fn database() -> orm::Result<Database> {
    let db = Database::new().await?;
    db.execute(sql!("CREATE TABLE person (id, name, age, \"is staff\", born, role)")).await?;
    Ok(db)
}

/// The error of reading a row with these values.
async fn refusal(row: orm::query::Sql) -> Result<(String, ValueError), Box<dyn std::error::Error>> {
    let db = database().await?;
    db.execute(row).await?;
    match db.fetch_all(select(Person)).await.expect_err("the row does not fit") {
        Error::Decode { column, source } => Ok((column, source)),
        other => Err(other.into()),
    }
}

#[tokio::test]
async fn a_row_that_fits_is_read_whatever_the_columns_are_declared_as() -> TestResult {
    let db = database().await?;

    db.execute(sql!("INSERT INTO person VALUES (7, 'Ann', 41, 1, '1983-02-28', 'guest')")).await?;

    let expected = Person {
        id: 7,
        name: "Ann".into(),
        age: Some(41),
        staff: true,
        born: NaiveDate::from_ymd_opt(1983, 2, 28),
        role: Some(Role::Guest),
    };
    assert_eq!(db.fetch_one(select(Person)).await?, expected);
    Ok(())
}

#[tokio::test]
async fn a_value_of_another_type_names_the_column_and_both_types() -> TestResult {
    let (column, source) = refusal(sql!("INSERT INTO person VALUES (1, 'Ann', 'old', 0, NULL, NULL)")).await?;

    assert_eq!(column, "person.age");
    assert!(matches!(source, ValueError::Mismatch { expected: "i8", .. }), "{source:?}");
    assert!(source.to_string().contains("text"), "{source}");
    Ok(())
}

#[tokio::test]
async fn a_null_in_a_plain_field_says_what_the_field_should_be() -> TestResult {
    let (column, source) = refusal(sql!("INSERT INTO person VALUES (1, NULL, NULL, 0, NULL, NULL)")).await?;

    assert_eq!(column, "person.name");
    assert_eq!(source, ValueError::Null { expected: "String" });
    assert!(source.to_string().contains("make the field an `Option`"), "{source}");
    Ok(())
}

#[tokio::test]
async fn a_number_out_of_range_is_not_cut() -> TestResult {
    let (column, source) = refusal(sql!("INSERT INTO person VALUES (1, 'Ann', 300, 0, NULL, NULL)")).await?;

    assert_eq!((column.as_str(), source), ("person.age", ValueError::OutOfRange { target: "i8" }));
    Ok(())
}

#[tokio::test]
async fn a_truth_value_is_0_or_1() -> TestResult {
    let (column, source) = refusal(sql!("INSERT INTO person VALUES (1, 'Ann', NULL, 2, NULL, NULL)")).await?;

    assert_eq!((column.as_str(), source), ("person.is staff", ValueError::OutOfRange { target: "bool" }));
    Ok(())
}

#[tokio::test]
async fn a_date_that_does_not_exist_is_no_other_date() -> TestResult {
    let (column, source) = refusal(sql!("INSERT INTO person VALUES (1, 'Ann', NULL, 0, '2023-02-29', NULL)")).await?;

    assert_eq!(column, "person.born");
    assert!(matches!(source, ValueError::Malformed { .. }), "{source:?}");
    Ok(())
}

#[tokio::test]
async fn a_word_that_is_no_variant_is_shown_beside_those_that_are() -> TestResult {
    let (column, source) = refusal(sql!("INSERT INTO person VALUES (1, 'Ann', NULL, 0, NULL, 'root')")).await?;

    assert_eq!(column, "person.role");
    assert!(matches!(&source, ValueError::UnknownVariant { value, .. } if value == "root"), "{source:?}");
    assert!(source.to_string().contains("`admin`, `guest`"), "{source}");
    Ok(())
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_refused() -> TestResult {
    let (column, source) =
        refusal(sql!("INSERT INTO person VALUES (1, CAST(x'41ff' AS TEXT), NULL, 0, NULL, NULL)")).await?;

    assert_eq!((column.as_str(), source), ("person.name", ValueError::Utf8));
    Ok(())
}

#[tokio::test]
async fn a_missing_table_is_named() -> TestResult {
    let db = Database::new().await?;

    let read = db.fetch_all(select(Person)).await.expect_err("no table");
    let written = db.execute(delete(Person).all_rows()).await.expect_err("no table");

    for error in [read, written] {
        assert!(matches!(error, Error::UndefinedTable { .. }), "{error:?}");
        assert_eq!(error.context().and_then(|context| context.table.as_deref()), Some("person"));
        assert!(error.to_string().contains("create_all"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_missing_column_is_named() -> TestResult {
    let db = Database::new().await?;
    db.execute(sql!("CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT)")).await?;

    let row = Person { id: 1, name: "Ann".into(), age: None, staff: false, born: None, role: None };
    let read = db.fetch_all(select(Person.age)).await.expect_err("no column");
    let written = db.execute(insert(row)).await.expect_err("no column");

    for error in [read, written] {
        assert!(matches!(error, Error::UndefinedColumn { .. }), "{error:?}");
        let context = error.context().expect("the database said so");
        assert_eq!((context.table.as_deref(), context.columns.as_slice()), (Some("person"), &["age".to_owned()][..]));
    }
    Ok(())
}

#[tokio::test]
async fn a_statement_by_hand_is_read_by_position() -> TestResult {
    let db = database().await?;
    db.execute(sql!("INSERT INTO person VALUES ({}, {}, NULL, 0, NULL, NULL)", 1, "Ann")).await?;

    let row = db.fetch_one(sql!("SELECT id, upper(name) FROM person").rows::<(i64, String)>()).await?;
    let swapped = db.fetch_one(sql!("SELECT name, id FROM person").rows::<(i64, String)>()).await;
    let narrow = db.fetch_one(sql!("SELECT id FROM person").rows::<(i64, String)>()).await;

    assert_eq!(row, (1, "ANN".to_owned()));
    assert!(
        matches!(&swapped, Err(Error::Decode { column, source: ValueError::Mismatch { .. } }) if column == "name"),
        "{swapped:?}"
    );
    assert!(matches!(&narrow, Err(Error::Decode { source: ValueError::NoColumn { width: 1 }, .. })), "{narrow:?}");
    Ok(())
}

#[tokio::test]
async fn a_view_is_read_like_a_table() -> TestResult {
    let db = Database::new().await?;
    db.execute(sql!(
        "CREATE VIEW person AS SELECT 1 AS id, 'Ann' AS name, NULL AS age, 1 AS \"is staff\", NULL AS born, 'admin' AS role"
    ))
    .await?;

    let admins = select(Person.name).filter(Person.role.eq(Role::Admin)).filter(Person.staff);
    assert_eq!(db.fetch_all(admins).await?, ["Ann"]);
    Ok(())
}

#[tokio::test]
async fn a_mistake_in_sql_by_hand_is_shown_where_it_is() -> TestResult {
    let db = database().await?;

    let error = db.execute(sql!("DELETE FROM person WHERE id == = 1")).await.expect_err("no SQL");

    assert!(matches!(error, Error::Database { .. }), "{error:?}");
    assert!(error.to_string().contains("= 1"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_no_database_is_found_when_it_is_opened() -> TestResult {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("letter.db");
    std::fs::write(&file, "Dear Sir or Madam, this is a letter and not a database. ".repeat(40))?;

    let error = orm::connect(crate::support::url(&file)).await.expect_err("a letter");

    assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains("is not a SQLite database"), "{error}");
    assert!(std::fs::read_to_string(&file)?.starts_with("Dear"));
    Ok(())
}
