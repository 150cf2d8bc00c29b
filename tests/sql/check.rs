//! One statement, its text in every dialect.
#![expect(clippy::panic, reason = "a check that fails should fail loudly")]

use orm::dialect::Dialect;
use orm::docs::dialect;
use orm::prelude::*;
use orm::schema::Schema;
use sqlparser::dialect::{PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

/// The texts that are expected of a statement: one field for each dialect, so that none can be left out.
pub(crate) struct Sql {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

/// `check!(statement, sqlite: "..")` asserts the text of a statement, and that a parser of the dialect reads it.
macro_rules! check {
    ($statement:expr, $($dialect:ident: $sql:expr),+ $(,)?) => {
        $crate::check::assert_texts(&$statement, $crate::check::Sql { $($dialect: $sql),+ })
    };
}
pub(crate) use check;

#[track_caller]
pub(crate) fn assert_texts(statement: &impl Runnable, expected: Sql) {
    let Sql { sqlite, postgres } = expected;
    assert_eq!(text(statement), sqlite);
    assert_eq!(text_in(statement, dialect::postgres()), postgres);
    parses(&SQLiteDialect {}, sqlite);
    parses(&PostgreSqlDialect {}, postgres);
}

/// Asserts the statements that create a schema.
#[track_caller]
pub(crate) fn check_schema(schema: &Schema, expected: &[Sql]) {
    let created = schema.create_all();
    assert_eq!(created.len(), expected.len());
    for (statement, Sql { sqlite, postgres }) in created.iter().zip(expected) {
        assert_texts(&statement, Sql { sqlite, postgres });
    }
}

/// Asserts that a statement is refused in every dialect, and what is said of `{backend}`.
#[track_caller]
pub(crate) fn refused(statement: impl Runnable, message: &str) {
    for dialect in [dialect::sqlite(), dialect::postgres()] {
        refused_in(dialect, &statement, &message.replace("{backend}", dialect.name()));
    }
}

/// Asserts that a statement is refused in a dialect, and what is said.
#[track_caller]
pub(crate) fn refused_in(dialect: &dyn Dialect, statement: &impl Runnable, message: &str) {
    match statement.to_sql(dialect) {
        Ok(sql) => panic!("it was compiled: {sql}"),
        Err(error) => assert_eq!(error.to_string(), message),
    }
}

/// The text of a statement for SQLite.
#[track_caller]
pub(crate) fn text(statement: &impl Runnable) -> String {
    text_in(statement, dialect::sqlite())
}

/// The text of a statement in a dialect.
#[track_caller]
pub(crate) fn text_in(statement: &impl Runnable, dialect: &dyn Dialect) -> String {
    match statement.to_sql(dialect) {
        Ok(sql) => sql,
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn parses(dialect: &dyn sqlparser::dialect::Dialect, sql: &str) {
    if let Err(error) = Parser::parse_sql(dialect, sql) {
        panic!("{error}: {sql}");
    }
}
