//! What went wrong, as HTTP says it: a status, and JSON that says the same to a program.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Query;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use orm::Error;
use orm::error::Context;
use serde::Serialize;

/// The answer to a request that was not a success: `{"error": "invalid", "fields": {"title": "must not be empty"}}`.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(skip)]
    status: StatusCode,
    error: String,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<String, String>,
}

pub(crate) type Result<T> = std::result::Result<T, Problem>;

/// A body of JSON, or what is wrong with it: `let Json(new) = new?;`.
pub(crate) type Body<T> = std::result::Result<Json<T>, JsonRejection>;

/// What stands behind the `?` of a URL, or what is wrong with it.
pub(crate) type Asked<T> = std::result::Result<Query<T>, QueryRejection>;

impl Problem {
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Problem { status, error: error.into(), fields: BTreeMap::new() }
    }

    pub(crate) fn conflict(error: &str) -> Self {
        Self::new(StatusCode::CONFLICT, error)
    }

    /// A field holds what it must not.
    pub(crate) fn field(name: &str, text: &str) -> Self {
        Self::invalid([(name.to_owned(), text.to_owned())])
    }

    fn invalid(fields: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid").with(fields)
    }

    fn with(self, fields: impl IntoIterator<Item = (String, String)>) -> Self {
        Problem { fields: fields.into_iter().collect(), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(self)).into_response()
    }
}

/// The variants of the library's error are sorted by what a caller can do about them, and so are statuses.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NoRow => Self::new(StatusCode::NOT_FOUND, "not found"),
            Error::Invalid(violations) => {
                Self::invalid(violations.into_iter().map(|one| (one.column.unwrap_or("row").to_owned(), one.message)))
            }
            Error::UniqueViolation { context, .. } => {
                Self::conflict("taken").with(columns(&context, "is taken already"))
            }
            Error::ForeignKeyViolation { context, .. } => Self::invalid(columns(&context, "there is no such row")),
            Error::CheckViolation { context, .. } => Self::invalid(columns(&context, "is too long or not allowed")),
            Error::StaleObject { .. } => Self::conflict("changed by somebody else"),
            Error::PoolTimeout { .. } | Error::ConnectionLost { .. } | Error::Connect { .. } | Error::Closed => busy(),
            error if error.is_retryable() => busy(),
            error => unexpected(&error),
        }
    }
}

fn columns(context: &Context, text: &str) -> impl Iterator<Item = (String, String)> {
    context.columns.iter().map(|column| (column.clone(), text.to_owned()))
}

fn busy() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy, try again")
}

/// The log has it all; the client does not, for it may say more of the database than is good. Bound values are in neither.
#[expect(clippy::print_stderr, reason = "the log of the example")]
fn unexpected(error: &Error) -> Problem {
    eprintln!("{error:#}");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unexpected")
}

/// What axum finds wrong with a request is said as everything else is.
macro_rules! rejections {
    ($($rejection:ty),* $(,)?) => {$(
        impl From<$rejection> for Problem {
            fn from(rejection: $rejection) -> Self {
                Problem::new(rejection.status(), rejection.body_text())
            }
        }
    )*};
}

rejections!(JsonRejection, QueryRejection);
