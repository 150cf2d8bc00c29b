//! Which columns are at fault. The server names the constraint, and quotes its columns in a text for people.
//!
//! The text may be in the server's language, so only what stands in its parentheses is read, and never the values.

use std::ops::Range;

use orm_core::ast::{Expr, Statement};
use orm_core::error::{Context, Error};
use orm_core::meta::TableMeta;
use orm_core::schema::naming;
use orm_core::types::{BindSink, ColumnType};
use orm_core::value::{Value, ValueRef};
use tokio_postgres::error::DbError;

use crate::statement::Failed;

/// The columns of a unique constraint or index, or of an exclusion constraint.
pub(crate) fn unique(server: &DbError) -> Vec<String> {
    server.detail().map(key_columns).unwrap_or_default()
}

/// The columns of a foreign key. The text is of the key's own columns if a child is written, and of its parent's if the
/// parent goes; then only the name of the constraint can tell.
pub(crate) fn foreign_key(server: &DbError, failed: &Failed<'_>) -> Vec<String> {
    let (Some(table), Some(name)) = (server.table(), server.constraint()) else { return Vec::new() };
    let quoted = server.detail().map(key_columns).unwrap_or_default();
    if name.starts_with(&naming::foreign_key(table, &quoted, "")) || inserts_into(failed, table) {
        return quoted;
    }
    let column = failed.table().and_then(|parent| column_in_name(name, table, parent));
    column.map(str::to_owned).into_iter().collect()
}

fn inserts_into(failed: &Failed<'_>, table: &str) -> bool {
    matches!(failed.statement, Some(Statement::Insert(chunk)) if chunk.table.name == table)
}

/// `shelf` in `fk_book_shelf_shelf`, of the tables `book` and `shelf`.
fn column_in_name<'a>(name: &'a str, table: &str, parent: &str) -> Option<&'a str> {
    let rest = name.strip_prefix("fk_")?.strip_prefix(table)?.strip_prefix('_')?;
    rest.strip_suffix(parent)?.strip_suffix('_')
}

/// The column of a check whose name says it.
pub(crate) fn check(server: &DbError, failed: &Failed<'_>) -> Vec<String> {
    let (Some(table), Some(name)) = (server.table(), server.constraint()) else { return Vec::new() };
    let columns = columns_of(failed.statement);
    let of = |column: &&str| {
        let plain = naming::check(table, Some(column), 0);
        name == plain || name.strip_prefix(&plain).is_some_and(is_suffix)
    };
    columns.iter().copied().find(of).map(str::to_owned).into_iter().collect()
}

/// The column whose text is too long for it: the server tells the length and keeps the name to itself, so the values are
/// measured. Of an expression's value nothing is known here.
pub(crate) fn too_long(statement: Option<Statement<'_>>) -> Vec<String> {
    let column = match statement {
        Some(Statement::Insert(chunk)) => {
            let given = Limit::of(chunk.table, chunk.columns.iter());
            longer(given, chunk.start..chunk.end, |row, column, text| chunk.rows.bind(row, &[column], text))
        }
        Some(Statement::UpdateRows(chunk)) => {
            let given = Limit::of(chunk.table, chunk.columns.iter());
            longer(given, chunk.start..chunk.end, |row, column, text| chunk.rows.bind(row, &[column], text))
        }
        Some(Statement::Update(update)) => update.set.iter().find_map(|set| {
            let Expr::Bind(Value::Text(text)) = &set.value else { return None };
            let limit = Limit::of(update.table.meta, [set.column]).next()?;
            (text.chars().count() > limit.length).then_some(limit.name)
        }),
        _ => None,
    };
    column.map(str::to_owned).into_iter().collect()
}

/// How long a column's texts may be.
struct Limit {
    column: u16,
    name: &'static str,
    length: usize,
}

impl Limit {
    fn of(table: &'static TableMeta, columns: impl IntoIterator<Item = u16>) -> impl Iterator<Item = Limit> + Clone {
        let columns: Vec<u16> = columns.into_iter().collect();
        columns.into_iter().filter_map(|column| {
            let meta = table.columns.get(usize::from(column))?;
            let ColumnType::Text { max_length: Some(length) } = meta.column_type else { return None };
            Some(Limit { column, name: meta.name, length: usize::try_from(length).ok()? })
        })
    }
}

/// The first column with a text that is longer than it takes.
fn longer(
    limits: impl Iterator<Item = Limit> + Clone,
    mut rows: Range<usize>,
    bind: impl Fn(usize, u16, &mut dyn BindSink) -> Result<(), Error>,
) -> Option<&'static str> {
    rows.find_map(|row| {
        limits.clone().find_map(|limit| {
            let mut text = Length(0);
            let bound = bind(row, limit.column, &mut text);
            (bound.is_ok() && text.0 > limit.length).then_some(limit.name)
        })
    })
}

/// Measures a text, and forgets it.
struct Length(usize);

impl BindSink for Length {
    fn bind(&mut self, value: ValueRef<'_>) -> Result<(), Error> {
        if let ValueRef::Text(text) = value {
            self.0 = text.chars().count();
        }
        Ok(())
    }
}

/// What may follow the column in a check's name.
fn is_suffix(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text == "_length" || text == "_values" || text.strip_prefix('_').is_some_and(number)
}

/// The columns of the table that is written.
fn columns_of(statement: Option<Statement<'_>>) -> Vec<&'static str> {
    let table = match statement {
        Some(Statement::Insert(chunk)) => chunk.table,
        Some(Statement::Update(update)) => update.table.meta,
        Some(Statement::UpdateRows(chunk)) => chunk.table,
        _ => return Vec::new(),
    };
    table.columns.iter().map(|column| column.name).collect()
}

/// `Key (name, "odd ""one""")=(..) already exists.` has two columns; of expressions nothing is said.
fn key_columns(detail: &str) -> Vec<String> {
    let Some((_, mut rest)) = detail.split_once('(') else { return Vec::new() };
    let mut columns = Vec::new();
    loop {
        let (name, after) = first_name(rest);
        columns.push(name);
        match after.strip_prefix(", ") {
            Some(next) => rest = next,
            None if after.starts_with(")=(") => return columns,
            None => return Vec::new(),
        }
    }
}

/// The name with which a list begins, and what follows it.
fn first_name(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (name, after) = text.split_at(text.find([',', ')', '(']).unwrap_or(text.len()));
        return (name.to_owned(), after);
    };
    let mut name = String::new();
    let mut letters = quoted.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '"' && letters.next_if(|(_, next)| *next == '"').is_none() {
            return (name, quoted.get(at + 1..).unwrap_or_default());
        }
        name.push(letter);
    }
    (name, "")
}

/// `item` of `relation "item" does not exist`.
pub(crate) fn quoted(message: &str) -> Option<String> {
    let (_, rest) = message.split_once('"')?;
    let (name, _) = rest.rsplit_once('"')?;
    Some(name.to_owned())
}

/// Table and column of `column post.body does not exist`, or of `column "body" of relation "post" does not exist`.
pub(crate) fn column(message: &str, context: &mut Context) {
    let Some(place) = message.strip_prefix("column ").and_then(|rest| rest.strip_suffix(" does not exist")) else {
        return;
    };
    let (column, table) = match place.split_once(" of relation ") {
        Some((column, table)) => (column, Some(table)),
        None => match place.rsplit_once('.') {
            Some((table, column)) => (column, Some(table)),
            None => (place, None),
        },
    };
    let plain = |name: &str| name.trim_matches('"').to_owned();
    context.columns = vec![plain(column)];
    context.table = table.map(plain).or(context.table.take());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_and_values_are_not() {
        assert_eq!(key_columns("Key (email)=(a, b) already exists."), ["email"]);
        assert_eq!(key_columns("Schl\u{fc}ssel (a, \"b \"\"c\"\", (d\")=(1, 2, 3) existiert."), ["a", "b \"c\", (d"]);
        assert_eq!(key_columns("Key (lower(email))=(x) already exists."), [""; 0]);
        assert_eq!(key_columns("no key"), [""; 0]);
    }

    #[test]
    fn a_missing_column_is_found_in_what_the_server_says() {
        let found = |message: &str| {
            let mut context = Context::default();
            column(message, &mut context);
            (context.table, context.columns)
        };
        assert_eq!(found("column post.body does not exist"), (Some("post".into()), vec!["body".into()]));
        assert_eq!(found("column \"body\" of relation \"post\" does not exist").1, ["body"]);
        assert_eq!(found("column \"body\" does not exist"), (None, vec!["body".into()]));
        assert_eq!(found("something else"), (None, vec![]));
    }

    #[test]
    fn the_name_of_a_key_tells_its_column() {
        assert_eq!(column_in_name("fk_book_shelf_shelf", "book", "shelf"), Some("shelf"));
        assert_eq!(column_in_name("my_key", "book", "shelf"), None);
    }
}
