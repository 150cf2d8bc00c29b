//! Errors name the table, the columns and the constraint, and what to do.

use orm_core::ast::{Delete, InsertChunk, Lifted, RowSource, Statement, TableRef, Update};
use orm_core::driver::{Connection, NoRows};
use orm_core::error::{Error, Result};
use orm_core::types::{BindSink, ColumnType};
use orm_core::value::ValueRef;

use crate::database::{connect, context, execute, hint, open, open_with, raw, run};

const TABLES: [&str; 8] = [
    r#"CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(9) NOT NULL, tenant, role TEXT,
       CONSTRAINT "uq_users_email" UNIQUE ("email"), CONSTRAINT "uq_two" UNIQUE (tenant, role),
       CONSTRAINT "ck_users_email_length" CHECK (length("email") <= 9),
       CONSTRAINT "ck_users_role_values" CHECK (role IN ('admin', 'guest')),
       CONSTRAINT "ck_users_1" CHECK (tenant <> role), CHECK (id < 1000))"#,
    "CREATE TABLE word (text, number, UNIQUE (number))",
    "CREATE UNIQUE INDEX ix_word_lower ON word (lower(text))",
    r#"CREATE TABLE "po.st" (id INTEGER PRIMARY KEY, "user.id" NOT NULL,
       CONSTRAINT "fk_post_user" FOREIGN KEY ("user.id") REFERENCES users ("id"))"#,
    "CREATE TABLE tag (name TEXT CONSTRAINT pk_tag PRIMARY KEY)",
    "CREATE TABLE post_tag (post REFERENCES \"po.st\", tag CONSTRAINT fk_tag REFERENCES tag ON DELETE CASCADE, \
     PRIMARY KEY (post, tag)) WITHOUT ROWID",
    "CREATE TABLE log (tag CONSTRAINT fk_log_tag REFERENCES tag ON DELETE RESTRICT)",
    "CREATE UNIQUE INDEX ix_post_user ON \"po.st\" (\"user.id\")",
];

async fn connection_with_tables() -> (Box<dyn orm_core::driver::Driver>, Box<dyn Connection>) {
    let driver = open("sqlite::memory:").await.expect("a database");
    let mut connection = connect(&*driver).await;
    for table in TABLES {
        execute(&mut *connection, table).await.expect(table);
    }
    for row in [
        "INSERT INTO users VALUES (1, 'a@b', 'acme', 'admin')",
        "INSERT INTO \"po.st\" VALUES (1, 1)",
        "INSERT INTO tag VALUES ('rust')",
        "INSERT INTO post_tag VALUES (1, 'rust')",
        "INSERT INTO log VALUES ('rust')",
    ] {
        execute(&mut *connection, row).await.expect(row);
    }
    (driver, connection)
}

async fn failure(text: &'static str) -> Error {
    let (_driver, mut connection) = connection_with_tables().await;
    execute(&mut *connection, text).await.expect_err(text)
}

#[track_caller]
fn place(error: &Error) -> (Option<&str>, Vec<&str>, Option<&str>) {
    let context = context(error);
    let columns = context.columns.iter().map(String::as_str).collect();
    (context.table.as_deref(), columns, context.constraint.as_deref())
}

#[tokio::test]
async fn a_unique_violation_names_table_columns_and_constraint() {
    for (text, expected) in [
        ("INSERT INTO users VALUES (2, 'a@b', 1, NULL)", (Some("users"), vec!["email"], Some("uq_users_email"))),
        ("INSERT INTO users VALUES (2, 'c', 'acme', 'admin')", (Some("users"), vec!["tenant", "role"], Some("uq_two"))),
        ("INSERT INTO word VALUES ('a', 1), ('b', 1)", (Some("word"), vec!["number"], None)),
        ("INSERT INTO users VALUES (1, 'c', 'other', 'guest')", (Some("users"), vec!["id"], None)),
        ("INSERT INTO \"po.st\" VALUES (2, 1)", (Some("po.st"), vec!["user.id"], Some("ix_post_user"))),
        ("INSERT INTO tag VALUES ('rust')", (Some("tag"), vec!["name"], Some("pk_tag"))),
        ("INSERT INTO post_tag VALUES (1, 'rust')", (Some("post_tag"), vec!["post", "tag"], None)),
        ("INSERT INTO word VALUES ('a', 1), ('A', 2)", (Some("word"), vec![], Some("ix_word_lower"))),
    ] {
        let error = failure(text).await;
        assert!(matches!(error, Error::UniqueViolation { .. }), "{text}: {error}");
        assert_eq!(place(&error), expected, "{text}");
    }
}

#[tokio::test]
async fn a_not_null_violation_names_the_column() {
    let error = failure("INSERT INTO users (id) VALUES (2)").await;
    assert!(matches!(error, Error::NotNullViolation { .. }), "{error}");
    assert_eq!(place(&error), (Some("users"), vec!["email"], None));
    let error = failure("UPDATE \"po.st\" SET \"user.id\" = NULL").await;
    assert_eq!(place(&error), (Some("po.st"), vec!["user.id"], None));
}

#[tokio::test]
async fn a_check_violation_names_the_constraint_and_the_column_it_speaks_of() {
    for (text, columns, constraint, says) in [
        (
            "INSERT INTO users VALUES (2, 'longer than nine', 1, NULL)",
            vec!["email"],
            Some("ck_users_email_length"),
            "longer",
        ),
        ("INSERT INTO users VALUES (2, 'c', 1, 'boss')", vec!["role"], Some("ck_users_role_values"), "enum"),
        ("INSERT INTO users VALUES (2, 'c', 'guest', 'guest')", vec![], Some("ck_users_1"), ""),
        ("INSERT INTO users VALUES (2000, 'c', 1, NULL)", vec![], None, "id < 1000"),
    ] {
        let error = failure(text).await;
        assert!(matches!(error, Error::CheckViolation { .. }), "{text}: {error}");
        assert_eq!(place(&error), (constraint.map(|_| "users"), columns, constraint), "{text}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn what_the_database_does_not_have_is_named() {
    let error = failure("SELECT * FROM missing").await;
    assert!(matches!(error, Error::UndefinedTable { .. }), "{error}");
    assert_eq!(place(&error).0, Some("missing"));
    assert!(hint(&error).contains("create_all"), "{error}");

    for text in [
        "SELECT users.nick FROM users",
        "SELECT \"nick\" FROM users",
        "UPDATE users SET nick = 1",
        "INSERT INTO users (nick) VALUES (1)",
    ] {
        let error = failure(text).await;
        assert!(matches!(error, Error::UndefinedColumn { .. }), "{error}");
        assert_eq!(place(&error).1, ["nick"], "{text}");
        assert!(hint(&error).contains("migration"), "{error}");
    }
}

#[tokio::test]
async fn a_mistake_in_the_text_is_shown() {
    let error = failure("SELECT id FORM users").await;
    assert!(matches!(error, Error::Database { .. }), "{error}");
    assert_eq!(hint(&error), "at `users`");
    for (text, says) in [("", "no statement"), ("SELECT 1; SELECT 2", "one statement")] {
        let error = failure(text).await;
        assert!(matches!(error, Error::Database { .. }) && hint(&error).contains(says), "{error}");
    }
}

#[tokio::test]
async fn binds_are_hidden_unless_the_engine_shows_them() {
    for (show, expected) in [(false, "[1 value hidden]"), (true, "[\"secret\"]")] {
        let driver = open_with("sqlite::memory:", |options| options.show_binds = show).await.expect("a database");
        let insert = raw("INSERT INTO missing SELECT ", [orm_core::value::Value::Text("secret".into())]);
        let error = run(&mut *connect(&*driver).await, &insert).await.expect_err("no table");
        assert_eq!(context(&error).binds.to_string(), expected);
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!(format!("{error:?}").contains("secret"), show);
    }
}

/// The statements below say which table they are about, as those of models do.
mod models {
    use super::*;
    use orm_core::meta::{ColumnMeta, TableMeta};

    macro_rules! table {
        ($name:ident, $table:literal, [$($column:literal),+]) => {
            pub(super) static $name: TableMeta = TableMeta {
                name: $table,
                model: $table,
                columns: &[$(ColumnMeta::new($column, $column, ColumnType::Int64, false)),+],
                primary_key: &[0],
                ..TableMeta::EMPTY
            };
        };
    }

    table!(USERS, "users", ["id"]);
    table!(POST, "po.st", ["id", "user.id"]);
    table!(POST_TAG, "post_tag", ["post", "tag"]);
    table!(TAG, "tag", ["name"]);

    /// One row of integers.
    #[derive(Debug)]
    pub(super) struct Integers(pub(super) Vec<i64>);

    impl RowSource for Integers {
        fn len(&self) -> usize {
            1
        }

        fn columns(&self, _row: usize) -> orm_core::ast::ColumnSet {
            orm_core::ast::ColumnSet::first(self.0.len())
        }

        fn bind(&self, _row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
            columns.iter().try_for_each(|column| sink.bind(ValueRef::Int(self.0[usize::from(*column)])))
        }
    }
}

async fn insert(table: &'static orm_core::meta::TableMeta, row: Vec<i64>) -> Error {
    let (_driver, mut connection) = connection_with_tables().await;
    let rows = models::Integers(row);
    let chunk =
        InsertChunk { table, rows: &rows, columns: rows.columns(0), conflict: None, returning: &[], start: 0, end: 1 };
    connection.run(Statement::Insert(chunk), &mut NoRows).await.expect_err("a broken key")
}

async fn delete(table: &'static orm_core::meta::TableMeta) -> Error {
    let (_driver, mut connection) = connection_with_tables().await;
    let delete = Delete {
        table: TableRef { meta: table, alias: None },
        filter: vec![],
        returning: vec![],
        lifted: Lifted::None,
    };
    connection.run(Statement::Delete(&delete), &mut NoRows).await.expect_err("rows that point at it")
}

#[tokio::test]
async fn a_key_that_points_at_no_row_is_named() {
    let error = insert(&models::POST, vec![2, 99]).await;
    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error}");
    assert_eq!(place(&error), (Some("po.st"), vec!["user.id"], Some("fk_post_user")));
    assert!(hint(&error).contains("at `users` points at a row that does not exist"), "{error}");
}

#[tokio::test]
async fn of_several_keys_the_one_that_points_at_no_row_is_named() {
    let error = insert(&models::POST_TAG, vec![1, 99]).await;
    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error}");
    assert_eq!(place(&error), (Some("post_tag"), vec!["tag"], Some("fk_tag")));
    let error = insert(&models::POST_TAG, vec![99, 99]).await;
    assert_eq!(place(&error), (Some("post_tag"), vec![], None));
    assert!(hint(&error).contains("`post_tag.post` at `po.st`"), "{error}");
    assert!(hint(&error).contains("`post_tag.tag` at `tag`"), "{error}");
}

#[tokio::test]
async fn what_holds_back_a_delete_is_named() {
    let error = delete(&models::USERS).await;
    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error}");
    assert_eq!(place(&error), (Some("po.st"), vec!["user.id"], Some("fk_post_user")));
    assert!(hint(&error).contains("rows still point at this one"), "{error}");

    let error = delete(&models::POST).await;
    assert_eq!(place(&error), (Some("post_tag"), vec!["post"], None));
    // A key that restricts, beside one that goes along.
    let error = delete(&models::TAG).await;
    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error}");
    assert_eq!(place(&error), (Some("log"), vec!["tag"], Some("fk_log_tag")));
}

#[tokio::test]
async fn what_holds_back_an_update_is_named() {
    let (_driver, mut connection) = connection_with_tables().await;
    let id = orm_core::ast::Assignment { column: 0, value: orm_core::ast::Expr::Bind(orm_core::value::Value::Int(5)) };
    let update = Update {
        table: TableRef { meta: &models::TAG, alias: None },
        set: [id].into_iter().collect(),
        filter: Default::default(),
        returning: vec![],
        lifted: Lifted::None,
    };
    let error = connection.run(Statement::Update(&update), &mut NoRows).await.expect_err("rows point at it");
    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error}");
    assert_eq!(place(&error), (Some("tag"), vec![], None));
    assert!(hint(&error).contains("`post_tag.tag`") && hint(&error).contains("`log.tag`"), "{error}");
}

#[tokio::test]
async fn a_broken_key_in_a_text_by_hand_is_told_without_a_place() {
    let error = failure("INSERT INTO \"po.st\" VALUES (2, 99)").await;
    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error}");
    assert_eq!(place(&error), (None, vec![], None));
}
