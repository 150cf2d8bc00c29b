//! Each state of the server that a program can do something about is an error of its own.

use orm::Error;
use orm::error::Context;
use orm::prelude::*;

use crate::database::{open, open_with};

fn context(error: &Error) -> &Context {
    error.context().expect("a context")
}

#[tokio::test]
async fn a_row_in_the_way_by_an_exclude_constraint_is_named() {
    let db = open().await;
    db.execute(sql!("CREATE TABLE room (number int, CONSTRAINT taken EXCLUDE USING btree (number WITH =))"))
        .await
        .expect("a table");
    db.execute(sql!("INSERT INTO room VALUES (1)")).await.expect("a row");

    let error = db.execute(sql!("INSERT INTO room VALUES (1)")).await.expect_err("taken");

    assert!(matches!(error, Error::ExclusionViolation { .. }), "{error:?}");
    assert_eq!(context(&error).constraint.as_deref(), Some("taken"));
    assert_eq!(context(&error).sqlstate.as_deref(), Some("23P01"));
}

#[tokio::test]
async fn a_statement_that_runs_too_long_is_stopped_and_the_connection_goes_on() {
    let db = open_with("statement_timeout=50", |builder| builder.pool_size(1).max_overflow(0)).await;

    let error = db.execute(sql!("SELECT pg_sleep(60)")).await.expect_err("too long");

    assert!(matches!(error, Error::StatementTimeout { .. }), "{error:?}");
    assert!(error.to_string().contains("`statement_timeout`"), "{error}");
    assert_eq!(db.fetch_one(select(value(7))).await.expect("a row"), 7);
}

#[tokio::test]
async fn what_the_user_may_not_do_is_told() {
    let db = open_with("options=-c%20role%3Dpg_monitor", |builder| builder).await;

    let error = db.execute(sql!("SELECT * FROM pg_authid")).await.expect_err("not allowed");

    assert!(matches!(error, Error::PermissionDenied { .. }), "{error:?}");
}

#[tokio::test]
async fn a_syntax_error_says_where() {
    let db = open().await;

    let error = db.execute(sql!("SELECT 1 FORM t")).await.expect_err("no SQL");

    assert!(matches!(error, Error::Database { .. }), "{error:?}");
    assert_eq!(context(&error).hint.as_deref(), Some("at `t`"));
}

#[tokio::test]
async fn a_text_that_is_no_number_is_not_shown() {
    let db = open().await;
    let secret = || value("hunter2".to_owned()).cast::<i64>();

    let error = db.fetch_one(select(secret())).await.expect_err("no number");

    assert!(matches!(error, Error::Database { .. }), "{error:?}");
    let printed = format!("{error} {error:#} {error:?}");
    assert!(!printed.contains("hunter2"), "{printed}");
    assert!(printed.contains("invalid input syntax for type bigint"), "{printed}");
}

#[tokio::test]
async fn a_connection_that_the_server_ends_is_lost_and_replaced() {
    let db = open_with("", |builder| builder.pool_size(1).max_overflow(0)).await;

    let error = db.execute(sql!("SELECT pg_terminate_backend(pg_backend_pid())")).await.expect_err("it is gone");

    assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    assert_eq!(db.fetch_one(select(value(7))).await.expect("a new connection"), 7);
}

#[tokio::test]
async fn whether_a_commit_that_broke_off_came_through_is_not_known() {
    let db = open().await;
    for text in [
        sql!("CREATE TABLE t (a int)"),
        sql!(
            "CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'"
        ),
        sql!(
            "CREATE CONSTRAINT TRIGGER break_off AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION break_off()"
        ),
    ] {
        db.execute(text).await.expect("a trigger");
    }
    let mut tx = db.begin().await.expect("a transaction");
    tx.execute(sql!("INSERT INTO t VALUES (1)")).await.expect("a row");

    let error = tx.commit().await.expect_err("it broke off");

    assert!(matches!(error, Error::CommitUnknown { .. }), "{error:?}");
    assert!(!error.is_retryable());
    assert_eq!(db.fetch_one(select(value(7))).await.expect("a new connection"), 7);
}

#[tokio::test]
async fn each_state_of_the_server_is_one_of_our_errors() {
    let db = open().await;
    let expected = [
        ("08000", "ConnectionLost"),
        ("08006", "ConnectionLost"),
        ("22001", "CheckViolation"),
        ("23001", "ForeignKeyViolation"),
        ("23502", "NotNullViolation"),
        ("23503", "ForeignKeyViolation"),
        ("23505", "UniqueViolation"),
        ("23514", "CheckViolation"),
        ("23P01", "ExclusionViolation"),
        ("25006", "ReadOnly"),
        ("40001", "Serialization"),
        ("40P01", "Deadlock"),
        ("42501", "PermissionDenied"),
        ("42703", "UndefinedColumn"),
        ("42P01", "UndefinedTable"),
        ("53300", "TooManyConnections"),
        ("55P03", "LockTimeout"),
        ("57014", "StatementTimeout"),
        ("57P01", "ConnectionLost"),
        ("57P02", "ConnectionLost"),
        ("57P03", "ConnectionLost"),
        ("XX001", "Corrupt"),
        ("XX002", "Corrupt"),
        ("53100", "Database"),
        ("P0001", "Database"),
    ];
    db.execute(sql!(
        "CREATE FUNCTION fail(state text) RETURNS int LANGUAGE plpgsql AS \
         'BEGIN RAISE EXCEPTION USING ERRCODE = state, MESSAGE = ''as asked'', SCHEMA = ''s'', TABLE = ''thing'', \
          COLUMN = ''size'', CONSTRAINT = ''ck_thing''; END'"
    ))
    .await
    .expect("a function");

    for (state, kind) in expected {
        let error = db.fetch_one(sql!("SELECT fail({})", state).rows::<i32>()).await.expect_err(state);

        assert_eq!(error.kind(), kind, "{state}: {error:?}");
        let context = context(&error);
        assert_eq!(context.sqlstate.as_deref(), Some(state));
        assert_eq!((context.constraint.as_deref(), error.context().is_some()), (Some("ck_thing"), true), "{state}");
        if kind != "UndefinedTable" && kind != "UndefinedColumn" {
            assert_eq!(context.table.as_deref(), Some("thing"), "{state}");
        }
        assert_eq!(error.is_retryable(), ["Serialization", "Deadlock", "LockTimeout"].contains(&kind), "{state}");
    }
}

#[tokio::test]
async fn a_table_or_column_that_is_missing_hints_at_a_migration() {
    let db = open().await;
    db.execute(sql!("CREATE TABLE item (id bigint)")).await.expect("a table");

    let table = db.execute(sql!("SELECT * FROM nothing")).await.expect_err("no such table");
    let column = db.execute(sql!("SELECT item.size FROM item")).await.expect_err("no such column");
    let schema = db.execute(sql!("SELECT * FROM nowhere.nothing")).await.expect_err("no such schema");

    assert!(matches!(&table, Error::UndefinedTable { .. }) && table.to_string().contains("`nothing`"), "{table}");
    assert!(matches!(&column, Error::UndefinedColumn { .. }) && column.to_string().contains("`item.size`"), "{column}");
    for error in [&table, &column] {
        assert!(error.to_string().contains("migration"), "{error}");
    }
    assert!(matches!(&schema, Error::UndefinedTable { .. }), "{schema:?}");
}

#[tokio::test]
async fn a_lock_that_is_not_given_says_how_it_can_be_waited_for() {
    let db = open().await;
    db.execute(sql!("CREATE TABLE item (id bigint)")).await.expect("a table");
    let mut holder = db.begin().await.expect("a transaction");
    holder.execute(sql!("LOCK TABLE item")).await.expect("a lock");

    let mut tx = db.begin().await.expect("a transaction");
    let error = tx.execute(sql!("LOCK TABLE item NOWAIT")).await.expect_err("it is locked");

    assert!(matches!(error, Error::LockTimeout { .. }), "{error:?}");
    assert!(error.to_string().starts_with("no lock in time"), "{error}");
    assert!(error.to_string().contains("`lock_timeout`"), "{error}");
}

#[tokio::test]
async fn a_connection_that_idled_in_its_transaction_for_too_long_is_lost() {
    let query = "options=-c%20idle_in_transaction_session_timeout%3D50";
    let db = open_with(query, |builder| builder.pool_size(1).max_overflow(0)).await;
    let mut tx = db.begin().await.expect("a transaction");
    let pid = tx.fetch_one(sql!("SELECT pg_backend_pid()").rows::<i32>()).await.expect("a number");
    until_it_is_gone(pid).await;

    let error = tx.execute(sql!("SELECT 1")).await.expect_err("the server hung up");
    drop(tx);

    assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    assert_eq!(db.fetch_one(select(value(7))).await.expect("a new connection"), 7);
}

/// Waits until the server has hung up on a connection.
async fn until_it_is_gone(pid: i32) {
    let observer = open().await;
    let start = std::time::Instant::now();
    let there = || sql!("SELECT count(*) FROM pg_stat_activity WHERE pid = {}", pid).rows::<i64>();
    while observer.fetch_one(there()).await.expect("a count") > 0 {
        assert!(start.elapsed() < std::time::Duration::from_secs(60), "it is still there");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
