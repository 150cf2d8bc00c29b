//! One statement, its text in every dialect.
#![expect(clippy::panic, reason = "a check that fails should fail loudly")]

use orm::docs::dialect;
use orm::prelude::*;
use orm::schema::Schema;
use sqlparser::dialect::SQLiteDialect;
use sqlparser::parser::Parser;

/// The texts that are expected of a statement: one field for each dialect, so that none can be left out.
pub(crate) struct Sql {
    pub(crate) sqlite: &'static str,
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
    let Sql { sqlite } = expected;
    assert_eq!(text(statement), sqlite);
    parses(sqlite);
}

/// Asserts the statements that create a schema.
#[track_caller]
pub(crate) fn check_schema(schema: &Schema, expected: &[Sql]) {
    let created = schema.create_all();
    let texts: Vec<String> = created.iter().map(text).collect();
    let sqlite: Vec<&str> = expected.iter().map(|Sql { sqlite }| *sqlite).collect();
    assert_eq!(texts, sqlite);
    sqlite.into_iter().for_each(parses);
}

/// Asserts that a statement is refused in every dialect, and what is said.
#[track_caller]
pub(crate) fn refused(statement: impl Runnable, message: &str) {
    match statement.to_sql(dialect::sqlite()) {
        Ok(sql) => panic!("it was compiled: {sql}"),
        Err(error) => assert_eq!(error.to_string(), message),
    }
}

/// The text of a statement for SQLite.
#[track_caller]
pub(crate) fn text(statement: &impl Runnable) -> String {
    match statement.to_sql(dialect::sqlite()) {
        Ok(sql) => sql,
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn parses(sqlite: &str) {
    if let Err(error) = Parser::parse_sql(&SQLiteDialect {}, sqlite) {
        panic!("{error}: {sqlite}");
    }
}
