//! From SQLite's errors to ours. Nothing else in this crate looks at an error code.

use std::io;
use std::path::Path;
use std::time::Duration;

use orm_core::error::{BoxError, Context, Error};
use rusqlite::{Connection, ffi};

use crate::options::{Mode, Options, Place};
use crate::statement::Work;
use crate::violation;

/// All that SQLite says of a broken foreign key.
const FOREIGN_KEY: &str = "FOREIGN KEY constraint failed";

/// What the statement does: a broken foreign key is the row's own, or another's that points at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Insert,
    Update,
    Delete,
    Commit,
    Other,
}

/// Whether another connection is in the way, so that the same may succeed later.
pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    match code(error) {
        // The transaction's view is older than what is written: only a new transaction can help.
        Some(ffi::SQLITE_BUSY_SNAPSHOT) => false,
        Some(code) => {
            matches!(code & 0xff, ffi::SQLITE_BUSY | ffi::SQLITE_PROTOCOL) || code == ffi::SQLITE_LOCKED_SHAREDCACHE
        }
        None => false,
    }
}

/// The error of a statement. Looks the place of a violated constraint up in the schema.
pub(crate) fn describe(error: rusqlite::Error, work: &dyn Work, db: &Connection) -> Error {
    let code = code(&error);
    let mut context = context(work, code);
    let message = message(&error);
    match code.unwrap_or_default() {
        // A key that restricts is checked as a trigger is.
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY | ffi::SQLITE_CONSTRAINT_TRIGGER if message == FOREIGN_KEY => {
            violation::foreign_key(db, work, &mut context);
            Error::ForeignKeyViolation { context, source: error.into() }
        }
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            violation::unique(db, message, &mut context);
            Error::UniqueViolation { context, source: error.into() }
        }
        ffi::SQLITE_CONSTRAINT_NOTNULL => {
            violation::not_null(db, message, &mut context);
            Error::NotNullViolation { context, source: error.into() }
        }
        ffi::SQLITE_CONSTRAINT_CHECK => {
            violation::check(db, message, &mut context);
            Error::CheckViolation { context, source: error.into() }
        }
        ffi::SQLITE_BUSY_SNAPSHOT => {
            context.hint = Some(
                "another transaction wrote since this one first read; one that begins with the write lock (`begin()`) \
                 is spared that"
                    .into(),
            );
            Error::Serialization { context, source: error.into() }
        }
        other => by_primary_code(error, other & 0xff, context),
    }
}

fn by_primary_code(error: rusqlite::Error, primary: i32, mut context: Box<Context>) -> Error {
    context.hint = hint(&error, primary);
    match primary {
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => {
            Error::LockTimeout { waited: Duration::ZERO, context, source: error.into() }
        }
        ffi::SQLITE_READONLY => Error::ReadOnly { context, source: error.into() },
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => Error::Corrupt { context, source: error.into() },
        ffi::SQLITE_ERROR => undefined(error, context),
        _ => Error::Database { context, source: error.into() },
    }
}

/// Tells missing tables and columns from other errors in the SQL: SQLite has one code for all of them.
fn undefined(error: rusqlite::Error, mut context: Box<Context>) -> Error {
    let message = message(&error);
    if let Some(table) = message.strip_prefix("no such table: ") {
        context.table = Some(unqualified(table).into());
        context.hint = Some("the database does not have it: run `create_all`, or a migration is missing".into());
        return Error::UndefinedTable { context, source: error.into() };
    }
    let place = match message.strip_prefix("no such column: ") {
        Some(column) => Some(column_place(column)),
        // An INSERT says it in other words.
        None => message
            .strip_prefix("table ")
            .and_then(|rest| rest.split_once(" has no column named "))
            .map(|(table, column)| (Some(table), column)),
    };
    let Some((table, column)) = place else {
        return Error::Database { context, source: error.into() };
    };
    context.table = table.map(str::to_owned).or(context.table.take());
    context.columns = vec![column.to_owned()];
    context.hint = Some("the database does not have it: a migration may be missing".into());
    Error::UndefinedColumn { context, source: error.into() }
}

/// Table and column out of `users.name`, `main.users.name`, or `"name" - should this be a string literal ..?`
fn column_place(text: &str) -> (Option<&str>, &str) {
    let text = text.split_once(" - should this be").map_or(text, |(column, _)| column);
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    match text.rsplit_once('.') {
        Some((table, column)) => (Some(unqualified(table)), column),
        None => (None, text),
    }
}

/// Without the name of the database that it is in.
fn unqualified(table: &str) -> &str {
    table.strip_prefix("main.").or(table.strip_prefix("temp.")).unwrap_or(table)
}

fn hint(error: &rusqlite::Error, primary: i32) -> Option<String> {
    if let rusqlite::Error::SqlInputError { sql, offset, .. } = error {
        return usize::try_from(*offset).ok().and_then(|offset| sql.get(offset..)).map(the_text_at);
    }
    let hint = match (error, primary) {
        (rusqlite::Error::MultipleStatement, _) => "send one statement at a time",
        (_, ffi::SQLITE_LOCKED) => "another statement of this connection is still using the table",
        (_, ffi::SQLITE_READONLY) => {
            "the file or its directory cannot be written, or the database was opened with `mode=ro`"
        }
        (_, ffi::SQLITE_CORRUPT) => {
            "restore the file from a backup; `PRAGMA integrity_check` says what is wrong with it"
        }
        (_, ffi::SQLITE_NOTADB) => "the file is not a SQLite database, or it is encrypted",
        (_, ffi::SQLITE_FULL) => "the disk is full, or a database in memory has reached its limit of 1 GB",
        (_, ffi::SQLITE_IOERR) => "the file could not be read or written: check the disk",
        (_, ffi::SQLITE_CANTOPEN) => {
            "a file next to the database could not be opened: check the directory's permissions"
        }
        (_, ffi::SQLITE_TOOBIG) => "a text or blob is longer than SQLite allows",
        (_, ffi::SQLITE_NOMEM) => "there is not enough memory",
        (_, ffi::SQLITE_INTERRUPT) => "the statement was stopped",
        (_, ffi::SQLITE_MISMATCH) => "a value that is no integer was given for an integer key",
        (_, ffi::SQLITE_RANGE) => "the statement has fewer placeholders than bound values",
        (_, ffi::SQLITE_MISUSE) => "there is no statement in the text",
        _ => return None,
    };
    Some(hint.into())
}

fn the_text_at(rest: &str) -> String {
    let near: String = rest.chars().take(40).collect();
    format!("at `{}`", near.trim_end())
}

/// A lock was not given in time.
pub(crate) fn lock_timeout(error: rusqlite::Error, work: &dyn Work, waited: Duration, in_memory: bool) -> Error {
    let mut context = context(work, code(&error));
    context.hint = Some(
        match in_memory {
            true => "beside a write transaction nobody reads a database in memory: use that transaction, or a file",
            false => "raise `busy_timeout` in the URL, or make the other transaction shorter",
        }
        .into(),
    );
    Error::LockTimeout { waited, context, source: error.into() }
}

/// A writer of this program did not let go of the lock in time.
pub(crate) fn gate_timeout(work: &dyn Work, waited: Duration) -> Error {
    let mut context = context(work, Some(ffi::SQLITE_BUSY));
    context.hint = Some(
        "another task of this program holds a write transaction; if it is this one, run the statement in that \
         transaction"
            .into(),
    );
    Error::LockTimeout { waited, context, source: failure(ffi::SQLITE_BUSY, "the write lock is held by another task") }
}

/// A transaction that has read wants to write beside another, which cannot commit before this one ends: without a
/// write-ahead log there is only one state of the database. What SQLite said of it, if it was asked.
pub(crate) fn in_the_way(busy: Option<rusqlite::Error>, work: &dyn Work) -> Error {
    let mut context = context(work, Some(ffi::SQLITE_BUSY));
    context.hint = Some(
        "another transaction writes since this one first read, and each is in the other's way; one that begins with \
         the write lock (`begin()`) is spared that"
            .into(),
    );
    let source = match busy {
        Some(error) => error.into(),
        None => failure(ffi::SQLITE_BUSY, "the write lock is held by another task"),
    };
    Error::Serialization { context, source }
}

/// A statement that writes, in a transaction that promised not to.
pub(crate) fn read_only_transaction(work: &dyn Work) -> Error {
    let mut context = context(work, Some(ffi::SQLITE_READONLY));
    context.hint = Some("the transaction was begun as read-only".into());
    Error::ReadOnly { context, source: failure(ffi::SQLITE_READONLY, "attempt to write in a read-only transaction") }
}

/// The connection is gone: its thread panicked, or the runtime shut down.
pub(crate) fn lost() -> Error {
    let context = Box::new(Context { hint: Some("take another one".into()), ..Context::default() });
    Error::ConnectionLost { context, source: failure(ffi::SQLITE_MISUSE, "the connection's thread ended") }
}

/// The error of opening a database.
pub(crate) fn connect(error: rusqlite::Error, options: &Options, waited: Duration) -> Error {
    let target = options.namespace();
    match code(&error).map(|code| code & 0xff) {
        Some(ffi::SQLITE_NOTADB | ffi::SQLITE_CORRUPT) => {
            let hint = format!("`{target}` is not a SQLite database, is damaged, or is encrypted");
            let context = Box::new(Context { code: code(&error), hint: Some(hint), ..Context::default() });
            Error::Corrupt { context, source: error.into() }
        }
        Some(ffi::SQLITE_BUSY) => {
            let hint = format!("while `{target}` was opened; raise `busy_timeout` in the URL");
            let context = Box::new(Context { code: code(&error), hint: Some(hint), ..Context::default() });
            Error::LockTimeout { waited, context, source: error.into() }
        }
        _ => {
            let hint = match &options.place {
                Place::File(path) => why_not(path, options.mode),
                Place::Memory => "there is not enough memory".into(),
            };
            Error::Connect { target, hint, source: error.into() }
        }
    }
}

/// Looks at a file that SQLite could not open, which only says that it could not.
fn why_not(path: &Path, mode: Mode) -> String {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return "it is a directory: name a file in it".into();
    }
    if !directory.is_dir() {
        return format!("the directory `{}` does not exist: create it first", directory.display());
    }
    match std::fs::File::open(path).map_err(|error| error.kind()) {
        Err(io::ErrorKind::NotFound) if mode != Mode::Create => {
            "the file does not exist: `mode=rwc` would create it".into()
        }
        Err(io::ErrorKind::PermissionDenied) => "this user may not read the file".into(),
        _ => format!("check that this user may read and write the file and its directory `{}`", directory.display()),
    }
}

fn context(work: &dyn Work, code: Option<i32>) -> Box<Context> {
    let table = work.table().map(str::to_owned);
    Box::new(Context { sql: work.sql().into(), binds: work.binds(), table, code, ..Context::default() })
}

fn failure(code: i32, message: &str) -> BoxError {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(message.into())).into()
}

fn code(error: &rusqlite::Error) -> Option<i32> {
    match error {
        rusqlite::Error::SqliteFailure(error, _) | rusqlite::Error::SqlInputError { error, .. } => {
            Some(error.extended_code)
        }
        _ => None,
    }
}

fn message(error: &rusqlite::Error) -> &str {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) | rusqlite::Error::SqlInputError { msg: message, .. } => {
            message
        }
        _ => "",
    }
}
