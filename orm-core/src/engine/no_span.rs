//! Without the feature `tracing` there are no spans.

use crate::ast::Statement;
use crate::driver::{Done, Driver};
use crate::error::Result;

pub(super) struct Span;

impl Span {
    pub(super) fn enabled() -> bool {
        false
    }

    pub(super) fn open(_driver: &dyn Driver, _statement: Statement<'_>, _sql: &str) -> Self {
        Span
    }

    pub(super) async fn around<F: Future>(&self, future: F) -> F::Output {
        future.await
    }

    pub(super) fn close(&self, _result: &Result<Done>, _rows: u64) {}
}
