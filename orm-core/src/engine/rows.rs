//! [`Rows`]: a stream of rows in bounded memory.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;

use super::executor::{Lent, fetch};
use super::link::Link;
use crate::driver::{BoxFuture, Flow, Row, RowSink, Streaming};
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
    chunk: Arc<Chunk<T>>,
    /// Why the reader stopped: told after the rows that it had read.
    error: Option<Error>,
}

impl<'a, T: Send + 'static> Rows<'a, T> {
    pub(super) fn new<Q: Query<Row = T> + 'a>(lent: Lent<'a>, query: Q, how: Streaming) -> Self {
        let chunk = Arc::new(Chunk { rows: Mutex::new(VecDeque::new()), how: Mutex::new(how) });
        let mut sink = Fill { decoder: query.decoder(), chunk: Arc::clone(&chunk) };
        let filled = Arc::clone(&chunk);
        let reader = Box::pin(async move {
            let mut link = lent.get().await?;
            link.watch(query.command())?;
            if query.loader().is_some() {
                return stream_related(&mut link, &query, &filled).await;
            }
            let how = filled.how();
            // Nobody wakes a pause, so there must be a row for which the stream returns.
            let is_filled = move || !filled.is_empty();
            let streamed = link.stream(query.command(), how, &mut sink, &is_filled).await;
            link.noted(streamed)
        });
        Rows { reader: Some(reader), chunk, error: None }
    }

    /// Reads so many rows at a time, instead of 256. More are fewer ways to a server and back, and more memory. It counts
    /// until the first row has been asked for; what is read by [`copy_out`](super::Engine::copy_out) has no chunks.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// let mut names = engine.stream(select(User.name)).chunk_size(5_000);
    /// assert!(names.next().await.is_none());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn chunk_size(self, rows: usize) -> Self {
        let mut how = self.chunk.how.lock().unwrap_or_else(PoisonError::into_inner);
        if *how != Streaming::Copy {
            *how = Streaming::Chunks(rows.max(1));
        }
        drop(how);
        self
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
            if let Some(row) = self.chunk.rows().pop_front() {
                return Poll::Ready(Some(Ok(row)));
            }
            let Some(reader) = self.reader.as_mut() else { return Poll::Ready(self.error.take().map(Err)) };
            let polled = reader.as_mut().poll(context);
            let filled = !self.chunk.is_empty();
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

/// Rows that were read and not yet asked for, and how to read more.
struct Chunk<T> {
    rows: Mutex<VecDeque<T>>,
    how: Mutex<Streaming>,
}

impl<T> Chunk<T> {
    fn rows(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.rows().is_empty()
    }

    fn how(&self) -> Streaming {
        *self.how.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rows whose relations are loaded together.
const LOADED_TOGETHER: usize = 500;

/// Reads the rows of the statement itself, and what is related to them by a few hundred of them at a time: that takes other
/// statements on the same connection.
async fn stream_related<Q: Query>(link: &mut Link, query: &Q, filled: &Chunk<Q::Row>) -> Result<()> {
    let mut sink = Spool { query, loaders: VecDeque::new(), rows: LOADED_TOGETHER };
    link.stream(query.command(), filled.how(), &mut sink, &|| false).await?;
    for loader in sink.loaders {
        let rows = fetch::load_related(link, loader, &fetch::lifted(query.command())).await?;
        filled.rows().extend(rows);
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
    chunk: Arc<Chunk<T>>,
}

impl<T: Send + 'static> RowSink for Fill<T> {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        let row = self.decoder.decode(row)?;
        self.chunk.rows().push_back(row);
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
