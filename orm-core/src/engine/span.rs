//! A `tracing` span for each statement, with the names of OpenTelemetry's database conventions
//! (<https://opentelemetry.io/docs/specs/semconv/database/database-spans/>). Bound values are never in it.

use tracing::field::Empty;
use tracing::{Instrument, Level};

use crate::ast::Statement;
use crate::driver::{Done, Driver};
use crate::error::Result;

pub(super) struct Span(tracing::Span);

impl Span {
    pub(super) fn enabled() -> bool {
        tracing::enabled!(target: "orm", Level::INFO)
    }

    pub(super) fn open(driver: &dyn Driver, statement: Statement<'_>, sql: &str) -> Self {
        let name = match statement.table() {
            Some(table) => format!("{} {table}", statement.operation()),
            None => statement.operation().to_owned(),
        };
        let span = tracing::info_span!(
            target: "orm",
            "statement",
            otel.name = name,
            otel.kind = "client",
            db.system.name = driver.name(),
            db.namespace = driver.namespace(),
            db.operation.name = statement.operation(),
            db.collection.name = statement.table(),
            db.query.text = sql,
            db.response.returned_rows = Empty,
            db.response.status_code = Empty,
            error.type = Empty,
        );
        Span(span)
    }

    pub(super) async fn around<F: Future>(&self, future: F) -> F::Output {
        future.instrument(self.0.clone()).await
    }

    pub(super) fn close(&self, result: &Result<Done>, rows: u64) {
        match result {
            Ok(_) => {
                self.0.record("db.response.returned_rows", rows);
            }
            Err(error) => {
                let context = error.context();
                let code = context.and_then(|context| context.code).map(|code| code.to_string());
                if let Some(code) = context.and_then(|context| context.sqlstate.clone()).or(code) {
                    self.0.record("db.response.status_code", code);
                }
                self.0.record("error.type", error.kind());
            }
        }
    }
}
