//! From PostgreSQL's errors to ours. Nothing else in this crate looks at a state.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use orm_core::error::{BoxError, Context, Error};
use tokio_postgres::error::{DbError, ErrorPosition, Severity, SqlState};

use crate::connect::{Fault, Problem, Unreached, Way};
use crate::options::{Options, SslMode};
use crate::statement::Failed;
use crate::tls::{IS_BUILT_IN, fault};
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
    match error.as_db_error() {
        Some(server) => is_fatal(server) || ends_the_connection(server.code()),
        None => error.is_closed() || error.source().is_some_and(|source| source.is::<io::Error>()),
    }
}

/// Whether the server has closed the connection with these words.
fn is_fatal(server: &DbError) -> bool {
    matches!(server.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
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

/// Whether a write was refused since the server, or the transaction, only reads.
pub(crate) fn is_read_only(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
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
        SqlState::STRING_DATA_RIGHT_TRUNCATION => {
            context.columns = violation::too_long(failed.statement);
            Error::CheckViolation { context, source }
        }
        SqlState::EXCLUSION_VIOLATION => {
            context.columns = violation::unique(server);
            Error::ExclusionViolation { context, source }
        }
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
        ref state if is_fatal(server) || ends_the_connection(state) => Error::ConnectionLost { context, source },
        _ => Error::Database { context, source },
    }
}

fn hint(server: &DbError, failed: &Failed<'_>) -> Option<String> {
    let hint = match *server.code() {
        SqlState::UNDEFINED_TABLE => "the database does not have it: run `create_all`, or a migration is missing",
        SqlState::UNDEFINED_COLUMN => "the database does not have it: a migration may be missing",
        SqlState::STRING_DATA_RIGHT_TRUNCATION => "a text is longer than its column allows",
        SqlState::LOCK_NOT_AVAILABLE => "another transaction holds the lock for longer than `lock_timeout`",
        SqlState::QUERY_CANCELED => "it ran longer than `statement_timeout`, or an administrator stopped it",
        SqlState::READ_ONLY_SQL_TRANSACTION => "the transaction or the database is read-only",
        SqlState::UNDEFINED_OBJECT if is_of_a_prepared_transaction(failed) => {
            "there is no prepared transaction of this name: has it ended already?"
        }
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE if is_of_a_prepared_transaction(failed) => {
            "set the server's max_prepared_transactions to the most that there may be"
        }
        SqlState::CONNECTION_FAILURE => "is it still there? if an answer may take that long, raise `socket_timeout`",
        SqlState::TOO_MANY_CONNECTIONS => "lower pool_size and max_overflow, or raise the server's max_connections",
        SqlState::FEATURE_NOT_SUPPORTED if is_of_another_table(server) => {
            "a table has changed since the statement was prepared: run the transaction again"
        }
        SqlState::INVALID_SQL_STATEMENT_NAME => {
            "the server has forgotten what was prepared, or a proxy leads to another connection: run the transaction again"
        }
        SqlState::GENERATED_ALWAYS => "the database makes the key: leave it out",
        SqlState::SYNTAX_ERROR => return the_text_at(server, failed.sql),
        _ => return None,
    };
    Some(hint.into())
}

fn is_of_a_prepared_transaction(failed: &Failed<'_>) -> bool {
    failed.statement.is_none() && failed.sql.contains("PREPARE")
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

/// The error of what makes changes lasting. If the connection broke meanwhile, nobody knows whether it did.
pub(crate) fn commit(error: tokio_postgres::Error, sql: &str, if_lost: &str) -> Error {
    let failed = Failed::control(sql);
    if !is_lost(&error) {
        return describe(error, &failed);
    }
    let mut context = context(&failed);
    context.hint = Some(if_lost.to_owned()).filter(|hint| !hint.is_empty());
    let source = match error.as_db_error() {
        Some(server) => ServerError::new(server, false).into(),
        None => error.into(),
    };
    Error::CommitUnknown { context, source }
}

/// The connection is gone.
pub(crate) fn lost() -> Error {
    let context = Box::new(Context { hint: Some("take another one".into()), ..Context::default() });
    Error::ConnectionLost { context, source: "the connection is closed".into() }
}

/// The error of connecting, when no server could be had.
pub(crate) fn connect(mut unreached: Vec<Unreached>, options: &Options) -> Error {
    let hints: Vec<String> = unreached.iter().map(|server| server.problem.hint(options)).collect();
    let hint = match &hints[..] {
        [only] => only.clone(),
        all => {
            let servers = unreached.iter().zip(all).map(|(one, hint)| format!("{}: {hint}", one.server));
            servers.collect::<Vec<_>>().join("; ")
        }
    };
    match unreached.pop().map(|last| last.problem) {
        Some(Problem::Refused { error, .. }) if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) => {
            describe(error, &Failed::control(""))
        }
        Some(problem) => Error::Connect { target: options.target(), hint, source: problem.into_source() },
        None => Error::Connect { target: options.target(), hint, source: "no server is named".into() },
    }
}

/// The server that a connection leads to could not be asked to stop what runs there.
pub(crate) fn unreachable(problem: Problem, way: &Way) -> Error {
    let (target, hint) = (way.options().target(), problem.hint(way.options()));
    Error::Connect { target, hint, source: problem.into_source() }
}

/// Whether connecting may succeed later, though nobody does anything about it.
pub(crate) fn may_pass(error: &Error) -> bool {
    match error {
        Error::Connect { source, .. } => match source.downcast_ref::<ServerError>() {
            Some(server) => server.state == SqlState::CANNOT_CONNECT_NOW.code(),
            None => true,
        },
        Error::TooManyConnections { .. } | Error::ConnectionLost { .. } => true,
        _ => false,
    }
}

impl Problem {
    /// What to do.
    fn hint(&self, options: &Options) -> String {
        match self {
            Problem::Name(_) => "no address is known for this host: is its name right?".into(),
            Problem::Socket(_) => "is the server running, and does it listen there?".into(),
            Problem::Silence(waited) => format!("no answer within {waited:.1?}: raise `connect_timeout` in the URL"),
            Problem::NoTls => "the server has no TLS, which `sslmode` asks for: turn on its `ssl`".into(),
            Problem::Handshake(error) => fault(error).map_or("TLS could not be agreed on", Fault::hint).into(),
            Problem::Refused { error, secured } => refused(error, *secured, options),
            Problem::Unsuitable(reason) => (*reason).into(),
        }
    }

    fn into_source(self) -> BoxError {
        match self {
            Problem::Name(error) | Problem::Socket(error) | Problem::Handshake(error) => error.into(),
            Problem::Silence(_) => io::Error::from(io::ErrorKind::TimedOut).into(),
            Problem::NoTls => "the server refused TLS".into(),
            Problem::Unsuitable(_) => "no server is as `target_session_attrs` asks".into(),
            Problem::Refused { error, .. } => match error.as_db_error() {
                Some(server) => ServerError::new(server, false).into(),
                None => error.into(),
            },
        }
    }
}

impl Fault {
    fn hint(self) -> &'static str {
        match self {
            Fault::OtherHost => {
                "the server's certificate is for another host: connect by a name that is in it, or see who answers there"
            }
            Fault::NotTrusted => "the server's certificate is not signed by any in `sslrootcert`",
            Fault::OutOfTime => "the server's certificate has expired, or is not valid yet",
            Fault::Old => {
                "the server's certificate is of an old kind: make it one of version 3 (X.509), with extensions"
            }
            Fault::Ours => "the server does not take our certificate: see `sslcert` and `sslkey`",
        }
    }
}

fn refused(error: &tokio_postgres::Error, secured: bool, options: &Options) -> String {
    let Some(state) = error.code() else { return without_a_word(error).into() };
    match *state {
        SqlState::INVALID_PASSWORD => "the password is wrong, or missing".into(),
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION if !secured && options.tls.mode == SslMode::Disable => {
            "the server does not let this user in, or not without TLS, which `sslmode=disable` forbids".into()
        }
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION if !IS_BUILT_IN => {
            "the server does not let this user in, or not without TLS, for which this build lacks the feature \
             `postgres-tls`"
                .into()
        }
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION => "the server does not let this user in".into(),
        SqlState::INVALID_CATALOG_NAME => format!("there is no database `{}`: create it", options.namespace()),
        SqlState::CANNOT_CONNECT_NOW => "the server is starting or stopping: try again".into(),
        SqlState::TOO_MANY_CONNECTIONS => "the server takes no more connections".into(),
        // What a proxy says that takes no settings of its clients.
        SqlState::PROTOCOL_VIOLATION if options.has_settings() => {
            "a proxy may take no settings: set `search_path`, `statement_timeout` and the like for the user, by \
             `ALTER ROLE .. SET ..`, and leave them out of the URL"
                .into()
        }
        _ => "the server refused".into(),
    }
}

/// What tokio-postgres itself found while it said who we are.
fn without_a_word(error: &tokio_postgres::Error) -> &'static str {
    let source = error.source();
    if let Some(error) = source.and_then(|source| source.downcast_ref::<io::Error>()) {
        // A certificate of ours is refused only after the handshake.
        return fault(error).map_or("is the server running, and is it PostgreSQL?", Fault::hint);
    }
    match source.map(ToString::to_string).unwrap_or_default().as_str() {
        "password missing" => "the server asks for a password, and the URL has none",
        "server did not use channel binding" => {
            "`channel_binding=require`, and the server cannot bind the password to its certificate"
        }
        _ => "is the server running, and is it PostgreSQL?",
    }
}
