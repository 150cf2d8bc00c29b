//! From PostgreSQL's errors to ours. Nothing else in this crate looks at a state.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use orm_core::error::{BoxError, Context, Error};
use tokio_postgres::error::{DbError, ErrorPosition, SqlState};

use crate::options::Options;
use crate::statement::Failed;
use crate::violation;

/// What the server said. Its detail, which quotes rows, is there only if values may be shown.
#[derive(Debug)]
struct ServerError {
    state: String,
    message: String,
    detail: Option<String>,
}

impl ServerError {
    fn new(error: &DbError, show: bool) -> Self {
        let (state, message) = (error.code().code().to_owned(), error.message());
        // The class of values that do not fit: `invalid input syntax for type integer: "..."`.
        let quotes = state.starts_with("22") && !show;
        let message = match message.split_once(": \"") {
            Some((what, _value)) if quotes => what.to_owned(),
            _ => message.to_owned(),
        };
        let detail = error.detail().filter(|_| show).map(str::to_owned);
        ServerError { state, message, detail }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.state)?;
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl StdError for ServerError {}

/// The error of a statement.
pub(crate) fn describe(error: tokio_postgres::Error, failed: &Failed<'_>) -> Error {
    match error.as_db_error() {
        Some(server) => by_state(server, failed),
        None => without_state(error, failed),
    }
}

/// What tokio-postgres itself found: mostly that the connection is gone.
fn without_state(error: tokio_postgres::Error, failed: &Failed<'_>) -> Error {
    let context = context(failed);
    match is_lost(&error) {
        true => Error::ConnectionLost { context, source: error.into() },
        false => Error::Database { context, source: error.into() },
    }
}

/// Whether the connection is gone.
pub(crate) fn is_lost(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(state) => ends_the_connection(state),
        None => error.is_closed() || error.source().is_some_and(|source| source.is::<io::Error>()),
    }
}

fn ends_the_connection(state: &SqlState) -> bool {
    let stopped = [&SqlState::ADMIN_SHUTDOWN, &SqlState::CRASH_SHUTDOWN, &SqlState::CANNOT_CONNECT_NOW];
    stopped.contains(&state) || state.code().starts_with("08") || state.code() == "57P05" || state.code() == "25P03"
}

/// Whether a prepared statement has to be prepared again: a table is not what it was, or the server forgot it.
pub(crate) fn is_stale(error: &tokio_postgres::Error) -> bool {
    let Some(server) = error.as_db_error() else { return false };
    match *server.code() {
        SqlState::INVALID_SQL_STATEMENT_NAME => true,
        SqlState::FEATURE_NOT_SUPPORTED => is_of_another_table(server),
        _ => false,
    }
}

/// Whether the server does not have a prepared statement any more.
pub(crate) fn is_forgotten(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::INVALID_SQL_STATEMENT_NAME)
}

/// Whether a prepared statement would give other columns than it was prepared for.
fn is_of_another_table(server: &DbError) -> bool {
    server.routine() == Some("RevalidateCachedQuery")
}

/// Whether the server was asked to stop it.
pub(crate) fn is_stopped(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::QUERY_CANCELED)
}

/// Whether the transaction failed earlier.
pub(crate) fn is_failed_transaction(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION)
}

fn by_state(server: &DbError, failed: &Failed<'_>) -> Error {
    let source: BoxError = ServerError::new(server, failed.show).into();
    let mut context = context(failed);
    context.sqlstate = Some(server.code().code().to_owned());
    context.table = server.table().map(str::to_owned).or(context.table);
    context.columns.extend(server.column().map(str::to_owned));
    context.constraint = server.constraint().map(str::to_owned);
    context.hint = hint(server, failed);
    match *server.code() {
        SqlState::UNIQUE_VIOLATION => {
            context.columns = violation::unique(server);
            Error::UniqueViolation { context, source }
        }
        SqlState::FOREIGN_KEY_VIOLATION | SqlState::RESTRICT_VIOLATION => {
            context.columns = violation::foreign_key(server, failed);
            Error::ForeignKeyViolation { context, source }
        }
        SqlState::NOT_NULL_VIOLATION => Error::NotNullViolation { context, source },
        SqlState::CHECK_VIOLATION => {
            context.columns = violation::check(server, failed);
            Error::CheckViolation { context, source }
        }
        // A text that is too long for its column: other databases have a CHECK for it.
        SqlState::STRING_DATA_RIGHT_TRUNCATION => Error::CheckViolation { context, source },
        SqlState::EXCLUSION_VIOLATION => Error::ExclusionViolation { context, source },
        SqlState::T_R_SERIALIZATION_FAILURE => Error::Serialization { context, source },
        SqlState::T_R_DEADLOCK_DETECTED => Error::Deadlock { context, source },
        SqlState::LOCK_NOT_AVAILABLE => Error::LockTimeout { waited: Duration::ZERO, context, source },
        SqlState::QUERY_CANCELED => Error::StatementTimeout { context, source },
        SqlState::READ_ONLY_SQL_TRANSACTION => Error::ReadOnly { context, source },
        SqlState::INSUFFICIENT_PRIVILEGE => Error::PermissionDenied { context, source },
        SqlState::TOO_MANY_CONNECTIONS => Error::TooManyConnections { context, source },
        SqlState::IN_FAILED_SQL_TRANSACTION => Error::TransactionFailed { context, source },
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Error::Corrupt { context, source },
        SqlState::UNDEFINED_TABLE => {
            context.table = violation::quoted(server.message()).or(context.table);
            Error::UndefinedTable { context, source }
        }
        SqlState::UNDEFINED_COLUMN => {
            violation::column(server.message(), &mut context);
            Error::UndefinedColumn { context, source }
        }
        ref state if ends_the_connection(state) => Error::ConnectionLost { context, source },
        _ => Error::Database { context, source },
    }
}

fn hint(server: &DbError, failed: &Failed<'_>) -> Option<String> {
    let hint = match *server.code() {
        SqlState::UNDEFINED_TABLE => "the database does not have it: run `create_all`, or a migration is missing",
        SqlState::UNDEFINED_COLUMN => "the database does not have it: a migration may be missing",
        SqlState::STRING_DATA_RIGHT_TRUNCATION => "a text is longer than its column allows",
        SqlState::LOCK_NOT_AVAILABLE => "another transaction holds the lock for longer than `lock_timeout`",
        SqlState::QUERY_CANCELED => "it ran longer than `statement_timeout`, or was cancelled",
        SqlState::READ_ONLY_SQL_TRANSACTION => "the transaction or the database is read-only",
        SqlState::TOO_MANY_CONNECTIONS => "lower pool_size and max_overflow, or raise the server's max_connections",
        SqlState::FEATURE_NOT_SUPPORTED if is_of_another_table(server) => {
            "a table has changed since the statement was prepared: run the transaction again"
        }
        SqlState::SYNTAX_ERROR => return the_text_at(server, failed.sql),
        _ => return None,
    };
    Some(hint.into())
}

/// The text that the server did not understand.
fn the_text_at(server: &DbError, sql: &str) -> Option<String> {
    let Some(ErrorPosition::Original(position)) = server.position() else { return None };
    let start = usize::try_from(*position).ok()?.checked_sub(1)?;
    let near: String =
        sql.chars().skip(start).take(40).map(|letter| if letter == '\n' { ' ' } else { letter }).collect();
    Some(format!("at `{}`", near.trim_end()))
}

fn context(failed: &Failed<'_>) -> Box<Context> {
    let table = failed.table().map(str::to_owned);
    Box::new(Context { sql: failed.sql.into(), binds: failed.binds.clone(), table, ..Context::default() })
}

/// The connection broke while a commit was under way.
pub(crate) fn commit_unknown(error: tokio_postgres::Error, failed: &Failed<'_>) -> Error {
    let source = match error.as_db_error() {
        Some(server) => ServerError::new(server, false).into(),
        None => error.into(),
    };
    Error::CommitUnknown { context: context(failed), source }
}

/// The connection is gone.
pub(crate) fn lost() -> Error {
    let context = Box::new(Context { hint: Some("take another one".into()), ..Context::default() });
    Error::ConnectionLost { context, source: "the connection is closed".into() }
}

/// The error of opening a connection.
pub(crate) fn connect(error: tokio_postgres::Error, options: &Options) -> Error {
    if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) {
        return describe(error, &Failed::control(""));
    }
    let hint = match error.as_db_error().map(DbError::code) {
        Some(&SqlState::INVALID_PASSWORD) => "the password is wrong".into(),
        Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => "the server does not let this user in".into(),
        Some(&SqlState::INVALID_CATALOG_NAME) => format!("there is no database `{}`: create it", options.namespace()),
        Some(&SqlState::CANNOT_CONNECT_NOW) => "the server is starting or stopping: try again".into(),
        Some(_) => "the server refused".into(),
        None => "is the server running, and does it listen there?".into(),
    };
    let source = match error.as_db_error() {
        Some(server) => ServerError::new(server, false).into(),
        None => error.into(),
    };
    Error::Connect { target: options.target(), hint, source }
}

/// The server did not answer in time.
pub(crate) fn connect_timeout(options: &Options) -> Error {
    let hint = format!("no answer within {:.1?}: raise `connect_timeout` in the URL", options.connect_timeout);
    Error::Connect { target: options.target(), hint, source: io::Error::from(io::ErrorKind::TimedOut).into() }
}
