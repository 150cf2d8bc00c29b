//! [`Rows`]: a stream of rows in bounded memory.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;

use super::executor::{Lent, fetch};
use super::link::Link;
use crate::driver::{BoxFuture, Flow, Row, RowSink};
use crate::error::{Error, Result};
use crate::query::{Decoder, Loader, Query};

/// The rows of a running statement, one after the other, in bounded memory: a few hundred are read ahead.
///
/// It is a `futures` [`Stream`], and has a [`next`](Rows::next) of its own. Nothing is sent before the first row is
/// asked for. Dropping it ends the statement.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// # let engine = orm::connect("sqlite::memory:").await?;
/// # engine.create_all(schema![User, Post]).await?;
/// let mut names = engine.stream(select(User.name).order_by(User.name));
/// while let Some(name) = names.next().await {
///     println!("{}", name?);
/// }
/// # Ok(()) }
/// ```
pub struct Rows<'a, T> {
    /// Reads chunk after chunk into `chunk`; pending, without having asked to be woken, whenever it is filled.
    reader: Option<BoxFuture<'a, Result<()>>>,
    chunk: Arc<Mutex<VecDeque<T>>>,
    /// Why the reader stopped: told after the rows that it had read.
    error: Option<Error>,
}

impl<'a, T: Send + 'static> Rows<'a, T> {
    pub(super) fn new<Q: Query<Row = T> + 'a>(lent: Lent<'a>, query: Q) -> Self {
        let chunk = Arc::new(Mutex::new(VecDeque::new()));
        let mut sink = Fill { decoder: query.decoder(), chunk: Arc::clone(&chunk) };
        let filled = Arc::clone(&chunk);
        let reader = Box::pin(async move {
            let mut link = lent.get().await?;
            link.watch(query.command())?;
            if query.loader().is_some() {
                return stream_related(&mut link, &query, &filled).await;
            }
            // Nobody wakes a pause, so there must be a row for which the stream returns.
            let is_filled = move || !filled.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
            let streamed = link.stream(query.command(), &mut sink, &is_filled).await;
            link.noted(streamed)
        });
        Rows { reader: Some(reader), chunk, error: None }
    }

    /// The next row; none after the last one. After an error there are no more.
    pub async fn next(&mut self) -> Option<Result<T>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl<T: Send + 'static> Stream for Rows<'_, T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        loop {
            if let Some(row) = self.chunk.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
                return Poll::Ready(Some(Ok(row)));
            }
            let Some(reader) = self.reader.as_mut() else { return Poll::Ready(self.error.take().map(Err)) };
            let polled = reader.as_mut().poll(context);
            let filled = !self.chunk.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
            match polled {
                Poll::Ready(ended) => (self.reader, self.error) = (None, ended.err()),
                Poll::Pending if filled => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<T> fmt::Debug for Rows<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("done", &self.reader.is_none()).finish_non_exhaustive()
    }
}

/// Rows whose relations are loaded together.
const LOADED_TOGETHER: usize = 500;

/// Reads the rows of the statement itself, and what is related to them by a few hundred of them at a time: that takes other
/// statements on the same connection.
async fn stream_related<Q: Query>(link: &mut Link, query: &Q, filled: &Mutex<VecDeque<Q::Row>>) -> Result<()> {
    let mut sink = Spool { query, loaders: VecDeque::new(), rows: LOADED_TOGETHER };
    link.stream(query.command(), &mut sink, &|| false).await?;
    for loader in sink.loaders {
        let rows = fetch::load_related(link, loader, &fetch::lifted(query.command())).await?;
        filled.lock().unwrap_or_else(PoisonError::into_inner).extend(rows);
        Pause::default().await;
    }
    Ok(())
}

/// Gives rows to loaders, so many to each.
struct Spool<'a, Q: Query> {
    query: &'a Q,
    loaders: VecDeque<Box<dyn Loader<Q::Row>>>,
    /// How many the last one has.
    rows: usize,
}

impl<Q: Query> RowSink for Spool<'_, Q> {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        if self.rows == LOADED_TOGETHER {
            self.loaders.extend(self.query.loader());
            self.rows = 0;
        }
        self.rows += 1;
        self.loaders.back_mut().map_or(Ok(Flow::Continue), |loader| loader.row(row))
    }
}

/// Puts rows where the stream finds them.
struct Fill<T> {
    decoder: Decoder<T>,
    chunk: Arc<Mutex<VecDeque<T>>>,
}

impl<T: Send + 'static> RowSink for Fill<T> {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        let row = self.decoder.decode(row)?;
        self.chunk.lock().unwrap_or_else(PoisonError::into_inner).push_back(row);
        Ok(Flow::Continue)
    }
}

/// Hands over to the stream once. Nobody is woken: the stream polls again when it needs more.
#[derive(Default)]
pub(super) struct Pause {
    paused: bool,
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.paused, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}
