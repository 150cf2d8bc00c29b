//! What is left in a transaction while somebody else has its connection.

use std::future::ready;

use super::TransactionOptions;
use crate::ast::Statement;
use crate::driver::{BoxFuture, Connection, Done, RowSink, RowStream, Running, Streaming};
use crate::error::{Error, Result};

/// In the place of a connection. Whatever is asked of it ends in [`Error::TransactionEnded`].
///
/// It has no size, so boxing it allocates nothing.
#[derive(Debug)]
pub(super) struct Gone;

fn gone<'a, T: Send + 'a>() -> BoxFuture<'a, Result<T>> {
    Box::pin(ready(Err(Error::TransactionEnded)))
}

impl Connection for Gone {
    fn run<'a>(&'a mut self, _statement: Statement<'a>, _sink: &'a mut dyn RowSink) -> Running<'a> {
        Running::over(Err(Error::TransactionEnded))
    }

    fn explain<'a>(&'a mut self, _statement: Statement<'a>, _sink: &'a mut dyn RowSink) -> BoxFuture<'a, Result<Done>> {
        gone()
    }

    fn stream<'a>(
        &'a mut self,
        _statement: Statement<'a>,
        _how: Streaming,
    ) -> BoxFuture<'a, Result<Box<dyn RowStream + 'a>>> {
        gone()
    }

    fn begin<'a>(&'a mut self, _options: &'a TransactionOptions) -> BoxFuture<'a, Result<()>> {
        gone()
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<()>> {
        gone()
    }

    fn rollback(&mut self) -> BoxFuture<'_, Result<()>> {
        gone()
    }

    fn savepoint(&mut self, _depth: u32) -> BoxFuture<'_, Result<()>> {
        gone()
    }

    fn release(&mut self, _depth: u32) -> BoxFuture<'_, Result<()>> {
        gone()
    }

    fn rollback_to(&mut self, _depth: u32) -> BoxFuture<'_, Result<()>> {
        gone()
    }

    /// Whoever has the connection gives it back to the pool, which rolls back.
    fn abandon(&mut self, _depth: u32) {}
}
