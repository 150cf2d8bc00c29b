//! [`Queries`]: queries that are sent together.

use super::{Command, Decoder, Query};
use crate::driver::{Flow, Row, RowSink};
use crate::error::{Error, Result};

/// Queries that do not need each other's answers: a tuple of up to 16. See
/// [`Engine::pipeline`](crate::engine::Engine::pipeline).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tuple of queries",
    label = "expected a tuple of statements that give rows",
    note = "a single one is `(query,)`, or a `fetch_all`; `.returning(..)` gives rows of an `insert`, `update` or `delete`"
)]
pub trait Queries: Send + Sync {
    /// The rows of each query.
    type Rows;
    #[doc(hidden)]
    type Sinks: Send;

    #[doc(hidden)]
    fn sinks(&self) -> Result<Self::Sinks>;

    #[doc(hidden)]
    fn parts<'a>(&'a self, sinks: &'a mut Self::Sinks) -> Vec<(Command<'a>, &'a mut dyn RowSink)>;

    #[doc(hidden)]
    fn rows(sinks: Self::Sinks) -> Self::Rows;
}

/// The rows of one query.
#[doc(hidden)]
#[derive(Debug)]
pub struct Answer<T> {
    decoder: Decoder<T>,
    pub(super) rows: Vec<T>,
}

impl<T> Answer<T> {
    pub(super) fn of<Q: Query<Row = T>>(query: &Q) -> Result<Self> {
        if query.loader().is_some() {
            return Err(Error::Statement(
                "a query with related rows takes several statements, which need each other's answers: fetch it by itself"
                    .into(),
            ));
        }
        Ok(Answer { decoder: query.decoder(), rows: Vec::new() })
    }
}

impl<T: Send + 'static> RowSink for Answer<T> {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        self.rows.push(self.decoder.decode(row)?);
        Ok(Flow::Continue)
    }
}
