//! What can go wrong, sorted by what a caller can do about it.
//!
//! Every failure that reached a database carries one [`Context`]: the place, the SQL and a hint. Bound values stay
//! hidden unless the engine was built with `show_binds(true)`.

use std::time::Duration;

use crate::pool::PoolState;
use crate::session::AnyRef;
use crate::value::Value;

/// A driver's own error, kept as the source.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a statement, a connection or a transaction failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Another row has this value in a unique column or key.
    UniqueViolation {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// A key points at no row, or rows still point at the one that goes.
    ForeignKeyViolation {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// NULL for a column that must hold a value.
    NotNullViolation {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// A row breaks a `CHECK`.
    CheckViolation {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// A row is in the way of another by an `EXCLUDE` constraint.
    ExclusionViolation {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// Another transaction changed what this one read. Run the transaction again.
    Serialization {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// Two transactions waited for each other, and this one was chosen to give way. Run it again.
    Deadlock {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// A lock was not given within the time allowed: another connection or process holds it.
    LockTimeout {
        /// How long it was waited for; zero where only the server knows.
        waited: Duration,
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// A write on a read-only database, file or transaction.
    ReadOnly {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// The connection broke. It is thrown away; a new attempt takes another one.
    ConnectionLost {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// A [`CancelHandle`](crate::engine::CancelHandle) stopped the statement.
    Cancelled {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// A statement ran longer than it may, or an administrator stopped it.
    StatementTimeout {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// The user of the database may not do this.
    PermissionDenied {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// The database takes no more connections.
    TooManyConnections {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// An earlier statement of the transaction failed, and the database refuses all others until it is rolled back, or rolled
    /// back to a savepoint.
    TransactionFailed {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// The connection broke while a transaction was being committed. Whether it was, only the database knows: look before
    /// you run it again.
    CommitUnknown {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// The database file or its content is damaged, or is not a database at all.
    Corrupt {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// A table that the database does not have.
    UndefinedTable {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// A column that the database does not have.
    UndefinedColumn {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },
    /// Anything else that the database refused.
    Database {
        /// Where.
        context: Box<Context>,
        /// What the backend said.
        source: BoxError,
    },

    /// No connection came free in time.
    PoolTimeout {
        /// How long it was waited for.
        waited: Duration,
        /// The pool as it was then.
        state: Box<PoolState>,
    },
    /// The engine was closed.
    Closed,
    /// A connection could not be opened.
    Connect {
        /// The URL without its password.
        target: String,
        /// What to do.
        hint: String,
        /// What the backend said.
        source: BoxError,
    },
    /// A URL that is not one, or that names an unknown backend or option.
    Url(String),

    /// `fetch_one` or `fetch_scalar` found no row.
    NoRow,
    /// `fetch_one`, `fetch_optional` or `fetch_scalar` found a second row.
    MoreThanOneRow,
    /// A row lacks the related row that it must have.
    NoRelated {
        /// The relation.
        relation: &'static str,
    },
    /// A session does not know all related objects of an object. Nothing was asked of the database.
    NotLoaded {
        /// The model of the object.
        model: &'static str,
        /// The relation.
        relation: &'static str,
    },
    /// A column holds what the Rust type cannot.
    Decode {
        /// The column as `table.column`, or the place of an expression.
        column: String,
        /// What does not fit.
        source: ValueError,
    },

    /// A Rust value that no column can hold. Nothing was sent.
    Bind {
        /// The column as `table.column`, or "a bound value".
        place: String,
        /// What does not fit.
        source: ValueError,
    },
    /// A column of a table that the statement does not read from. Nothing was sent.
    MissingFrom {
        /// The table, or its alias.
        table: String,
        /// The column.
        column: String,
        /// The join to add.
        hint: String,
    },
    /// More binds than the backend takes in one statement. Nothing was sent.
    TooManyBinds {
        /// How many the statement has.
        count: usize,
        /// How many are allowed.
        limit: usize,
        /// The backend.
        backend: &'static str,
    },
    /// A name that no database can have. Nothing was sent.
    Identifier {
        /// The name.
        name: String,
        /// The backend.
        backend: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The statement cannot be built: it is empty, or its parts do not fit. Nothing was sent.
    Statement(String),
    /// The backend cannot do this. Found when the statement is compiled, before anything is sent.
    Unsupported {
        /// What was asked for.
        feature: &'static str,
        /// The backend.
        backend: &'static str,
        /// What to do instead.
        hint: &'static str,
    },
    /// The transaction is over: the database ended it after an earlier failure.
    TransactionEnded,

    /// A flush of the session failed, and its transaction is lost. The session's objects can still be read;
    /// `rollback` begins anew.
    Aborted {
        /// What failed.
        cause: String,
    },
    /// The future of a flush, commit or rollback was dropped half-way. Its transaction was undone, and whether a commit
    /// came through is not known. `rollback` begins anew.
    Interrupted {
        /// What was dropped: `flush`, `commit`, `rollback`.
        during: &'static str,
    },
    /// A line of the program read the same again and again, each time for another key. It is found only by an engine that
    /// was told to look for it ([`NPlusOne`](crate::engine::NPlusOne)).
    NPlusOne {
        /// What was read: the SQL, without its bound values, or what was loaded.
        what: String,
        /// How often, this time included.
        times: u32,
        /// By which line.
        caller: &'static std::panic::Location<'static>,
    },
    /// Someone else changed or deleted the row since it was read. Nothing of the flush is kept.
    StaleObject {
        /// The object: `` `User(7)` ``.
        object: String,
        /// The version that was read, if the model has one.
        expected: Option<i64>,
        /// The version that the database has; none if the row is gone.
        found: Option<i64>,
    },
    /// An object was changed that was last read before a transaction lost to another one, which may have written it.
    /// Nothing was sent; `refresh` the object, or read it again before it is changed.
    Outdated {
        /// The object: `` `User(7)` ``.
        object: String,
    },
    /// Two objects of a session have the same key. Nothing was sent.
    IdentityConflict {
        /// The object that was there first: `` `User(7)` ``.
        object: String,
    },
    /// There is no order in which the changes could be written without breaking a constraint on the way. Nothing was
    /// sent.
    FlushCycle {
        /// The rows that wait for each other, and by which columns.
        objects: Vec<String>,
    },
    /// The database wrote another number of rows than it was given.
    RowCount {
        /// The table.
        table: &'static str,
        /// How many rows were sent.
        expected: u64,
        /// How many were written.
        found: u64,
    },
    /// A handle whose object is not in the session: it left, or is another session's.
    Detached {
        /// The model.
        model: &'static str,
    },
    /// Objects that validation refused. Nothing was sent.
    Invalid(Vec<Violation>),
}

/// What validation found wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The object: `` `User(7)` ``.
    pub object: String,
    /// The column at fault, if it is one.
    pub column: Option<&'static str>,
    /// What is wrong.
    pub message: String,
}

/// `` `User(7)`.email: not an address ``
impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.object)?;
        if let Some(column) = self.column {
            write!(f, ".{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// `{}` is one line: what, where, what to do. `{:#}` adds the SQL and the binds, a line each.
impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::UniqueViolation { context, .. } => context.describe("unique violation", "", f),
            Error::ForeignKeyViolation { context, .. } => context.describe("foreign key violation", "", f),
            Error::NotNullViolation { context, .. } => context.describe("not-null violation", "", f),
            Error::CheckViolation { context, .. } => context.describe("check violation", "", f),
            Error::ExclusionViolation { context, .. } => context.describe("exclusion violation", "", f),
            Error::Serialization { context, .. } => {
                context.describe("serialization failure", ": run the transaction again", f)
            }
            Error::Deadlock { context, .. } => context.describe("deadlock", ": run the transaction again", f),
            Error::LockTimeout { waited, context, .. } if waited.is_zero() => {
                context.describe("no lock in time", "", f)
            }
            Error::LockTimeout { waited, context, .. } => {
                context.describe(&format!("no lock within {waited:.1?}"), "", f)
            }
            Error::ReadOnly { context, .. } => context.describe("read-only", "", f),
            Error::ConnectionLost { context, .. } => context.describe("connection lost", "", f),
            Error::Cancelled { context, .. } => context.describe("the statement was cancelled", "", f),
            Error::StatementTimeout { context, .. } => context.describe("the statement was stopped", "", f),
            Error::PermissionDenied { context, .. } => context.describe("permission denied", "", f),
            Error::TooManyConnections { context, .. } => context.describe("too many connections", "", f),
            Error::TransactionFailed { context, .. } => context.describe(
                "the transaction failed earlier",
                ": roll it back, or roll back to a savepoint that was set before",
                f,
            ),
            Error::CommitUnknown { context, .. } => context.describe(
                "the connection broke during a commit",
                ": it is not known whether the changes are there, so look before running the transaction again",
                f,
            ),
            Error::Corrupt { context, .. } => context.describe("the database is damaged, or is not a database", "", f),
            Error::UndefinedTable { context, .. } => context.describe("no such table", "", f),
            Error::UndefinedColumn { context, .. } => context.describe("no such column", "", f),
            Error::Database { context, .. } => context.describe("database error", "", f),
            Error::PoolTimeout { waited, state } => write!(
                f,
                "no connection within {waited:.1?}: {state}; raise pool_size, max_overflow or pool_timeout, or hold \
                 connections for less long"
            ),
            Error::Closed => f.write_str("the engine is closed"),
            Error::Connect { target, hint, .. } => write!(f, "cannot connect to {target}: {hint}"),
            Error::Url(text) => write!(f, "invalid connection URL: {text}"),
            Error::NoRow => f.write_str("no row found: use fetch_optional where a row may be missing"),
            Error::MoreThanOneRow => {
                f.write_str("more than one row found: filter by a key, add `.limit(1)`, or use fetch_all")
            }
            Error::NoRelated { relation } => write!(
                f,
                "a row has no `{relation}`, and must have one: the row that its key points at is not there, or is hidden \
                 by a filter; `{relation}.filter(..)` reads it as an `Option`"
            ),
            Error::NotLoaded { model, relation } => write!(
                f,
                "`{model}.{relation}` of this object is not loaded: add `.with({model}.{relation})` to the query, or call \
                 `session.load(&[object], {model}.{relation})` first"
            ),
            Error::Decode { column, source } => write!(f, "column `{column}`: {source}"),
            Error::Bind { place, source } => write!(f, "{place}: {source}"),
            Error::MissingFrom { table, column, hint } => {
                write!(f, "column `{column}` is of table `{table}`, which the statement does not read from: {hint}")
            }
            Error::TooManyBinds { count, limit, backend } => {
                write!(f, "the statement has {count} binds and {backend} takes {limit}: split it, or use a subquery")
            }
            Error::Identifier { name, backend, reason } => {
                write!(f, "{name:?} cannot be a name in {backend}: {reason}")
            }
            Error::Statement(text) => f.write_str(text),
            Error::Unsupported { feature, backend, hint } => write!(f, "{backend} cannot do {feature}: {hint}"),
            Error::TransactionEnded => {
                f.write_str("the transaction was ended by the database after an earlier error; nothing of it is kept")
            }
            Error::Aborted { cause } => {
                write!(f, "the session's transaction is lost, call `rollback()` to begin anew: {cause}")
            }
            Error::Interrupted { during } => {
                write!(f, "a {during} of the session was dropped half-way, call `rollback()` to begin anew")
            }
            Error::NPlusOne { what, times, caller } => write!(
                f,
                "{caller} read the same {times} times, each time for another key: load what is related to all rows at \
                 once, by `.with(..)` on the query that gave them, or `session.load(&all, ..)`; it was {what}"
            ),
            Error::StaleObject { object, expected: Some(expected), found: Some(found) } => write!(
                f,
                "{object} was changed by someone else: version {expected} was read, the database has {found}; load it \
                 again and repeat the change"
            ),
            Error::StaleObject { object, found: None, .. } => {
                write!(f, "{object} is gone: someone else deleted its row, or changed its key")
            }
            Error::StaleObject { object, .. } => write!(f, "{object} was changed by someone else"),
            Error::Outdated { object } => write!(
                f,
                "{object} may have been changed by someone else since it was read: `refresh` it, or read it again \
                 before you change it"
            ),
            Error::IdentityConflict { object } => {
                write!(f, "the session has {object} already: change that object, or use `merge` to copy onto it")
            }
            Error::FlushCycle { objects } => write!(
                f,
                "no order of writing keeps every constraint: {}; write some of them in a flush before, or make one of \
                 the columns nullable",
                objects.join(", ")
            ),
            Error::RowCount { table, expected, found } => {
                write!(f, "`{table}` took {found} of {expected} rows: does a trigger or a rule turn some away?")
            }
            Error::Detached { model } => write!(
                f,
                "the session has no such `{model}`: the handle is another session's, or its object was expunged, \
                 rolled back or deleted"
            ),
            Error::Invalid(violations) => {
                write!(f, "{} not valid: ", if violations.len() == 1 { "an object is" } else { "objects are" })?;
                for (number, violation) in violations.iter().enumerate() {
                    write!(f, "{}{violation}", if number == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::UniqueViolation { source, .. }
            | Error::ForeignKeyViolation { source, .. }
            | Error::NotNullViolation { source, .. }
            | Error::CheckViolation { source, .. }
            | Error::ExclusionViolation { source, .. }
            | Error::Serialization { source, .. }
            | Error::Deadlock { source, .. }
            | Error::LockTimeout { source, .. }
            | Error::ReadOnly { source, .. }
            | Error::ConnectionLost { source, .. }
            | Error::Cancelled { source, .. }
            | Error::StatementTimeout { source, .. }
            | Error::PermissionDenied { source, .. }
            | Error::TooManyConnections { source, .. }
            | Error::TransactionFailed { source, .. }
            | Error::CommitUnknown { source, .. }
            | Error::Corrupt { source, .. }
            | Error::UndefinedTable { source, .. }
            | Error::UndefinedColumn { source, .. }
            | Error::Database { source, .. }
            | Error::Connect { source, .. } => Some(&**source),
            Error::Decode { source, .. } | Error::Bind { source, .. } => Some(source),
            Error::PoolTimeout { .. }
            | Error::Closed
            | Error::Url(_)
            | Error::NoRow
            | Error::MoreThanOneRow
            | Error::NoRelated { .. }
            | Error::NotLoaded { .. }
            | Error::MissingFrom { .. }
            | Error::TooManyBinds { .. }
            | Error::Identifier { .. }
            | Error::Statement(_)
            | Error::Unsupported { .. }
            | Error::TransactionEnded
            | Error::Aborted { .. }
            | Error::Interrupted { .. }
            | Error::NPlusOne { .. }
            | Error::StaleObject { .. }
            | Error::Outdated { .. }
            | Error::IdentityConflict { .. }
            | Error::FlushCycle { .. }
            | Error::RowCount { .. }
            | Error::Detached { .. }
            | Error::Invalid(_) => None,
        }
    }
}

impl Error {
    /// The place and the SQL, when the error came from a database.
    #[must_use]
    pub fn context(&self) -> Option<&Context> {
        match self {
            Error::UniqueViolation { context, .. }
            | Error::ForeignKeyViolation { context, .. }
            | Error::NotNullViolation { context, .. }
            | Error::CheckViolation { context, .. }
            | Error::ExclusionViolation { context, .. }
            | Error::Serialization { context, .. }
            | Error::Deadlock { context, .. }
            | Error::LockTimeout { context, .. }
            | Error::ReadOnly { context, .. }
            | Error::ConnectionLost { context, .. }
            | Error::Cancelled { context, .. }
            | Error::StatementTimeout { context, .. }
            | Error::PermissionDenied { context, .. }
            | Error::TooManyConnections { context, .. }
            | Error::TransactionFailed { context, .. }
            | Error::CommitUnknown { context, .. }
            | Error::Corrupt { context, .. }
            | Error::UndefinedTable { context, .. }
            | Error::UndefinedColumn { context, .. }
            | Error::Database { context, .. } => Some(context),
            _ => None,
        }
    }

    /// Where a row was refused for what is in it.
    fn violated(&mut self) -> Option<&mut Context> {
        match self {
            Error::UniqueViolation { context, .. }
            | Error::ForeignKeyViolation { context, .. }
            | Error::NotNullViolation { context, .. }
            | Error::CheckViolation { context, .. }
            | Error::ExclusionViolation { context, .. } => Some(context),
            _ => None,
        }
    }

    /// The same error, saying which object of a session it is about.
    pub(crate) fn about(mut self, object: String, handle: AnyRef) -> Self {
        if let Some(context) = self.violated() {
            context.object = Some(object);
            context.handle = Some(handle);
        }
        self
    }

    /// The same error, saying which rows hold the one that was to be deleted.
    pub(crate) fn held_by(mut self, rows: HeldBy) -> Self {
        if let Some(context) = self.violated() {
            context.held_by = Some(rows);
        }
        self
    }

    /// The same error, of a violated constraint, with one more hint.
    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        if let Some(context) = self.violated() {
            context.hint = Some(match context.hint.take() {
                Some(before) => format!("{before}; {hint}"),
                None => hint.to_owned(),
            });
        }
        self
    }

    /// Whether the database refused a row for what is in it.
    pub(crate) fn is_violation(&self) -> bool {
        matches!(
            self,
            Error::UniqueViolation { .. }
                | Error::ForeignKeyViolation { .. }
                | Error::NotNullViolation { .. }
                | Error::CheckViolation { .. }
                | Error::ExclusionViolation { .. }
        )
    }

    /// The variant's name, for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Error::UniqueViolation { .. } => "UniqueViolation",
            Error::ForeignKeyViolation { .. } => "ForeignKeyViolation",
            Error::NotNullViolation { .. } => "NotNullViolation",
            Error::CheckViolation { .. } => "CheckViolation",
            Error::ExclusionViolation { .. } => "ExclusionViolation",
            Error::Serialization { .. } => "Serialization",
            Error::Deadlock { .. } => "Deadlock",
            Error::LockTimeout { .. } => "LockTimeout",
            Error::ReadOnly { .. } => "ReadOnly",
            Error::ConnectionLost { .. } => "ConnectionLost",
            Error::Cancelled { .. } => "Cancelled",
            Error::StatementTimeout { .. } => "StatementTimeout",
            Error::PermissionDenied { .. } => "PermissionDenied",
            Error::TooManyConnections { .. } => "TooManyConnections",
            Error::TransactionFailed { .. } => "TransactionFailed",
            Error::CommitUnknown { .. } => "CommitUnknown",
            Error::Corrupt { .. } => "Corrupt",
            Error::UndefinedTable { .. } => "UndefinedTable",
            Error::UndefinedColumn { .. } => "UndefinedColumn",
            Error::Database { .. } => "Database",
            Error::PoolTimeout { .. } => "PoolTimeout",
            Error::Closed => "Closed",
            Error::Connect { .. } => "Connect",
            Error::Url(_) => "Url",
            Error::NoRow => "NoRow",
            Error::MoreThanOneRow => "MoreThanOneRow",
            Error::NoRelated { .. } => "NoRelated",
            Error::NotLoaded { .. } => "NotLoaded",
            Error::Decode { .. } => "Decode",
            Error::Bind { .. } => "Bind",
            Error::MissingFrom { .. } => "MissingFrom",
            Error::TooManyBinds { .. } => "TooManyBinds",
            Error::Identifier { .. } => "Identifier",
            Error::Statement(_) => "Statement",
            Error::Unsupported { .. } => "Unsupported",
            Error::TransactionEnded => "TransactionEnded",
            Error::Aborted { .. } => "Aborted",
            Error::Interrupted { .. } => "Interrupted",
            Error::NPlusOne { .. } => "NPlusOne",
            Error::StaleObject { .. } => "StaleObject",
            Error::Outdated { .. } => "Outdated",
            Error::IdentityConflict { .. } => "IdentityConflict",
            Error::FlushCycle { .. } => "FlushCycle",
            Error::RowCount { .. } => "RowCount",
            Error::Detached { .. } => "Detached",
            Error::Invalid(_) => "Invalid",
        }
    }

    /// Whether the same transaction, run again from its start, can be expected to succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Error::Serialization { .. }
                | Error::Deadlock { .. }
                | Error::LockTimeout { .. }
                | Error::StaleObject { .. }
        )
    }
}

/// What a person needs to find the fault.
///
/// `{}` prints the place (``on `users.email` ``) and the hint; `{:#}` adds SQL and binds, a line each.
#[derive(Default, Clone)]
pub struct Context {
    /// The statement's SQL.
    pub sql: String,
    /// The bound values, hidden unless the engine shows them.
    pub binds: Binds,
    /// The object of a session that was being written: `` `User(7)` ``, `` a new `User` ``.
    pub object: Option<String>,
    /// The handle of that object.
    pub handle: Option<AnyRef>,
    /// The rows that keep the object from being deleted, as far as they are known.
    pub held_by: Option<HeldBy>,
    /// The table at fault.
    pub table: Option<String>,
    /// The columns at fault.
    pub columns: Vec<String>,
    /// The constraint's name.
    pub constraint: Option<String>,
    /// The five letters of SQL's standard state, where the backend has one.
    pub sqlstate: Option<String>,
    /// The backend's own code.
    pub code: Option<i32>,
    /// What to do.
    pub hint: Option<String>,
}

impl Context {
    /// `what` happened, where, and what to do; with `{:#}` the statement as well.
    fn describe(&self, what: &str, advice: &str, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{what} ")?;
        self.place(f)?;
        f.write_str(advice)?;
        if f.alternate() { self.statement(f) } else { Ok(()) }
    }

    fn place(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.table, self.columns.as_slice()) {
            (Some(table), []) => write!(f, "on `{table}`")?,
            (Some(table), [column]) => write!(f, "on `{table}.{column}`")?,
            (Some(table), columns) => write!(f, "on `{table}` ({})", columns.join(", "))?,
            (None, []) => f.write_str("in the statement")?,
            (None, columns) => write!(f, "on `{}`", columns.join("`, `"))?,
        }
        if let Some(constraint) = &self.constraint {
            write!(f, " (constraint `{constraint}`)")?;
        }
        if let Some(object) = &self.object {
            write!(f, " by {object}")?;
        }
        if let Some(held_by) = &self.held_by {
            write!(f, ", held by {held_by}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, ": {hint}")?;
        }
        Ok(())
    }

    fn statement(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\n  sql: {}\n  binds: {}", self.sql, self.binds)
    }
}

impl std::fmt::Display for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.place(f)?;
        if f.alternate() { self.statement(f) } else { Ok(()) }
    }
}

/// As `{:#}`: a derived one would leak secrets into logs.
impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Context({self:#})")
    }
}

/// Rows whose keys keep another row from being deleted.
///
/// They are looked for in the session first, and then in the database.
///
/// ```
/// # use orm::prelude::*;
/// #[derive(Debug, Clone, Model)]
/// struct Shelf {
///     #[model(primary_key)]
///     id: i64,
/// }
///
/// #[derive(Debug, Clone, Model)]
/// struct Book {
///     #[model(primary_key)]
///     id: i64,
///     #[model(belongs_to(shelf: Shelf), on_delete = restrict)]
///     shelf_id: i64,
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// # let engine = orm::connect("sqlite::memory:").await?;
/// # engine.create_all(schema![Shelf, Book]).await?;
/// let mut session = Session::new(&engine);
/// let shelf = session.add(Shelf::builder());
/// session.add_all((0..7).map(|_| Book::builder().shelf(shelf)));
/// session.commit().await?;
///
/// session.delete(shelf)?;
/// // DELETE FROM "shelf" WHERE "shelf"."id" = ?1
/// let error = session.commit().await.unwrap_err();
/// let held_by = error.context().and_then(|context| context.held_by.clone());
/// let held_by = held_by.map(|held_by| held_by.to_string());
/// assert_eq!(held_by.as_deref(), Some("`Book(1)`, `Book(2)`, `Book(3)`, `Book(4)`, `Book(5)` and 2 more"));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBy {
    /// The first of them: `` `Pet(1)` ``.
    pub rows: Vec<String>,
    /// How many there are besides.
    pub more: u64,
}

/// `` `Pet(1)`, `Pet(2)` and 3 more ``
impl std::fmt::Display for HeldBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.rows.join(", "))?;
        if self.more > 0 { write!(f, " and {} more", self.more) } else { Ok(()) }
    }
}

/// The binds of a failed or logged statement.
#[derive(Default, Clone)]
pub enum Binds {
    /// Only how many there were.
    Hidden(usize),
    /// The values themselves, as text; only with `show_binds(true)`.
    Shown(Vec<String>),
    /// There were none, or nothing is known of them.
    #[default]
    None,
}

impl std::fmt::Display for Binds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Binds::None | Binds::Hidden(0) => f.write_str("[]"),
            Binds::Hidden(1) => f.write_str("[1 value hidden]"),
            Binds::Hidden(count) => write!(f, "[{count} values hidden]"),
            Binds::Shown(values) => write!(f, "[{}]", values.join(", ")),
        }
    }
}

impl std::fmt::Debug for Binds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl Binds {
    /// The values as text, or only their number.
    #[must_use]
    pub fn new<'a>(values: impl ExactSizeIterator<Item = &'a Value>, show: bool) -> Self {
        if !show {
            return Binds::Hidden(values.len());
        }
        Binds::Shown(values.map(literal).collect())
    }
}

/// A value as a person reads it in a log. It is never part of a statement.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) | Value::Time(value) | Value::DateTime(value) | Value::Timestamp(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Text(value) | Value::Json(value) => format!("{value:?}"),
        Value::Bytes(value) => format!("<{} bytes>", value.len()),
        Value::Date(value) => value.to_string(),
        Value::Uuid(value) => value.iter().map(|byte| format!("{byte:02x}")).collect(),
        Value::Decimal(value) => value.to_string(),
        Value::List(values) => format!("({})", values.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Array(array) => format!("{{{}}}", array.values.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Range(range) => {
            let shown: Result<_, std::convert::Infallible> = range.range.clone().try_map(|bound| Ok(literal(&bound)));
            shown.map(|range| range.to_string()).unwrap_or_default()
        }
        Value::Interval(interval) => interval.to_string(),
        Value::Inet(inet) => inet.to_string(),
        Value::Word(word) => format!("{:?}", word.text),
        Value::Invalid(error) => format!("<{error}>"),
    }
}

/// A value and a Rust type that do not fit each other.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ValueError {
    /// NULL for a type that is not an `Option`.
    Null {
        /// The Rust type.
        expected: &'static str,
    },
    /// Another type in the column than the model says.
    Mismatch {
        /// The Rust type.
        expected: &'static str,
        /// What the database gave.
        found: &'static str,
    },
    /// A number too small or too large.
    OutOfRange {
        /// The type or column that cannot hold it.
        target: &'static str,
    },
    /// Text of the wrong form.
    Malformed {
        /// The form it should have.
        expected: &'static str,
    },
    /// Text that is not UTF-8.
    Utf8,
    /// A stored value that no variant of the enum stands for.
    UnknownVariant {
        /// The enum.
        expected: &'static str,
        /// The value that was read.
        value: String,
        /// The variants there are.
        known: String,
    },
    /// JSON that does not fit the Rust type, or a Rust value that is not JSON.
    Json(String),
    /// A row that has fewer columns than the type reads.
    NoColumn {
        /// How many columns the row has.
        width: usize,
    },
}

impl std::fmt::Display for ValueError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ValueError::Null { expected } => write!(
                f,
                "NULL, and the Rust type is `{expected}`: make the field an `Option`, or, on the outer side of a join, \
                 select it with `.optional()`"
            ),
            ValueError::Mismatch { expected, found } => {
                write!(f, "{found} in the database, and the Rust type is `{expected}`")
            }
            ValueError::OutOfRange { target } => write!(f, "the value is out of range for {target}"),
            ValueError::Malformed { expected } => write!(f, "the value is not {expected}"),
            ValueError::Utf8 => f.write_str("the text is not UTF-8"),
            ValueError::UnknownVariant { expected, value, known } => {
                write!(f, "`{value}` is no variant of `{expected}`: it has {known}")
            }
            ValueError::Json(text) => write!(f, "json: {text}"),
            ValueError::NoColumn { width } => write!(f, "the row has no such column: it has {width}"),
        }
    }
}

impl std::error::Error for ValueError {}
