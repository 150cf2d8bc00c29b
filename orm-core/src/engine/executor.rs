//! [`Executor`]: what can run statements.

use std::fmt;
use std::panic::Location;

use super::Engine;
use super::copy::copy;
use super::link::{Link, LinkGuard, run_along};
use super::rows::Rows;
use super::save::save;
use crate::driver::{BoxFuture, Caller, Streaming};
use crate::error::Result;
use crate::model::{Entity, InsertRow, Model};
use crate::query::{Command, InsertRows, ModelRows, Queries, Query, Runnable, by_key, insert, update_rows};
use crate::types::{IntoKey, ScalarRow};

/// Runs statements: [`Connection`](super::Connection), [`Transaction`](super::Transaction) and `&Engine`.
///
/// Take `&mut impl Executor` in a function that should work inside and outside of a transaction:
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// async fn user_count(db: &mut impl Executor) -> orm::Result<i64> {
///     db.fetch_scalar(select(count(User.id))).await
/// }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// # let engine = orm::connect("sqlite::memory:").await?;
/// # engine.create_all(schema![User, Post]).await?;
/// let outside = user_count(&mut &engine).await?;
/// let inside = engine.transaction(async |tx| user_count(tx).await).await?;
/// assert_eq!(outside, inside);
/// # Ok(()) }
/// ```
///
/// Dropping the future of any of these methods half-way leaves the connection clean, or throws it away.
pub trait Executor: Send {
    #[doc(hidden)]
    fn link(&mut self, caller: Caller) -> Lent<'_>;

    /// All rows.
    ///
    /// # Errors
    ///
    /// Any of [`Error`](crate::Error); nothing is sent if the statement cannot be built.
    #[track_caller]
    fn fetch_all<Q: Query>(&mut self, query: Q) -> impl Future<Output = Result<Vec<Q::Row>>> + Send {
        fetch::all(self.link(Location::caller()), query)
    }

    /// The only row.
    ///
    /// # Errors
    ///
    /// [`Error::NoRow`](crate::Error::NoRow), [`Error::MoreThanOneRow`](crate::Error::MoreThanOneRow).
    #[track_caller]
    fn fetch_one<Q: Query>(&mut self, query: Q) -> impl Future<Output = Result<Q::Row>> + Send {
        fetch::one(self.link(Location::caller()), query)
    }

    /// The only row, or none.
    ///
    /// # Errors
    ///
    /// [`Error::MoreThanOneRow`](crate::Error::MoreThanOneRow).
    #[track_caller]
    fn fetch_optional<Q: Query>(&mut self, query: Q) -> impl Future<Output = Result<Option<Q::Row>>> + Send {
        fetch::optional(self.link(Location::caller()), query)
    }

    /// The only column of the only row.
    ///
    /// # Errors
    ///
    /// [`Error::NoRow`](crate::Error::NoRow), [`Error::MoreThanOneRow`](crate::Error::MoreThanOneRow).
    #[track_caller]
    fn fetch_scalar<Q: Query<Row: ScalarRow>>(&mut self, query: Q) -> impl Future<Output = Result<Q::Row>> + Send {
        fetch::one(self.link(Location::caller()), query)
    }

    /// The row with this primary key, or none. One statement, whose text is known ahead.
    ///
    /// # Errors
    ///
    /// Any of [`Error`](crate::Error); a missing row is none.
    #[track_caller]
    fn get<E: Entity, K: IntoKey<<E::Model as Model>::Key>>(
        &mut self,
        entity: E,
        key: K,
    ) -> impl Future<Output = Result<Option<E::Model>>> + Send {
        fetch::optional(self.link(Location::caller()), by_key(entity, key))
    }

    /// Runs a statement and gives the number of rows it inserted, updated or deleted.
    ///
    /// # Errors
    ///
    /// Any of [`Error`](crate::Error); a statement that fails leaves nothing behind.
    #[track_caller]
    fn execute<R: Runnable>(&mut self, statement: R) -> impl Future<Output = Result<u64>> + Send {
        fetch::execute(self.link(Location::caller()), statement)
    }

    /// Inserts rows and gives their number. See [`Engine::bulk_insert`].
    ///
    /// # Errors
    ///
    /// As [`Executor::execute`].
    #[track_caller]
    fn bulk_insert<R: InsertRows>(&mut self, rows: R) -> impl Future<Output = Result<u64>> + Send {
        let statement = insert(rows);
        fetch::execute(self.link(Location::caller()), statement)
    }

    /// Inserts the rows of an iterator, in bounded memory, and gives their number. See [`Engine::bulk_copy`].
    ///
    /// # Errors
    ///
    /// As [`Executor::execute`].
    #[track_caller]
    fn bulk_copy<I>(&mut self, rows: I) -> impl Future<Output = Result<u64>> + Send
    where
        I: IntoIterator<Item: InsertRow, IntoIter: Send>,
    {
        copy(self.link(Location::caller()), rows.into_iter())
    }

    /// Writes structs over the rows of their keys, and gives the number of those rows. See [`Engine::bulk_update`].
    ///
    /// # Errors
    ///
    /// As [`Executor::execute`].
    #[track_caller]
    fn bulk_update<R: ModelRows>(&mut self, rows: R) -> impl Future<Output = Result<u64>> + Send {
        let statement = update_rows(rows);
        fetch::execute(self.link(Location::caller()), statement)
    }

    /// Inserts the structs whose key is still 0, and writes the others over the rows of their keys. See
    /// [`Engine::bulk_save`].
    ///
    /// # Errors
    ///
    /// As [`Engine::bulk_save`].
    #[track_caller]
    fn bulk_save<T: Model + InsertRow<Model = T>>(
        &mut self,
        rows: &mut [T],
    ) -> impl Future<Output = Result<u64>> + Send {
        save(self.link(Location::caller()), rows)
    }

    /// All rows of several queries, which are sent together. See [`Engine::pipeline`].
    ///
    /// # Errors
    ///
    /// As [`Engine::pipeline`].
    #[track_caller]
    fn pipeline<Q: Queries>(&mut self, queries: Q) -> impl Future<Output = Result<Q::Rows>> + Send {
        fetch::pipeline(self.link(Location::caller()), queries)
    }

    /// The rows one after the other, in bounded memory. See [`Rows`].
    #[track_caller]
    fn stream<'a, Q: Query + 'a>(&'a mut self, query: Q) -> Rows<'a, Q::Row> {
        Rows::new(self.link(Location::caller()), query, Streaming::default())
    }

    /// Very many rows one after the other, by the database's own way to copy them. See [`Engine::copy_out`].
    #[track_caller]
    fn copy_out<'a, Q: Query + 'a>(&'a mut self, query: Q) -> Rows<'a, Q::Row> {
        Rows::new(self.link(Location::caller()), query, Streaming::Copy)
    }

    /// The database's plan for a statement, which is not run.
    ///
    /// # Errors
    ///
    /// Those of compiling the statement.
    #[track_caller]
    fn explain<R: Runnable>(&mut self, statement: R) -> impl Future<Output = Result<String>> + Send {
        fetch::explain(self.link(Location::caller()), statement)
    }
}

/// A connection for a statement, or the way to one.
#[doc(hidden)]
pub struct Lent<'a>(Way<'a>);

enum Way<'a> {
    /// It is at hand: no future is made for what need not wait.
    Here(&'a mut Link),
    /// One of the engine's.
    Of(Engine, Caller),
    /// One of the engine's, of which none is at hand.
    Awaited(Engine, Caller),
    /// Something is to be done before.
    Later(BoxFuture<'a, Result<&'a mut Link>>),
}

impl<'a> Lent<'a> {
    #[inline]
    pub(crate) fn here(link: &'a mut Link, caller: Caller) -> Self {
        link.caller = caller;
        Lent(Way::Here(link))
    }

    pub(crate) fn of(engine: Engine, caller: Caller) -> Self {
        Lent(Way::Of(engine, caller))
    }

    pub(crate) fn later(link: impl Future<Output = Result<&'a mut Link>> + Send + 'a) -> Self {
        Lent(Way::Later(Box::pin(link)))
    }

    /// The connection, if there is nothing to wait for: then no future is polled for it.
    #[inline]
    fn at_hand(self) -> Result<LinkGuard<'a>, Self> {
        match self.0 {
            Way::Here(link) => Ok(LinkGuard::Borrowed(link)),
            way => way.at_hand(),
        }
    }

    /// The engine, if any of its connections will do and none is taken yet.
    #[inline]
    fn engine(&self) -> Option<&Engine> {
        match &self.0 {
            Way::Of(engine, _) => Some(engine),
            _ => None,
        }
    }

    /// Waits for the connection.
    pub(crate) async fn get(self) -> Result<LinkGuard<'a>> {
        Ok(match self.0 {
            Way::Here(link) => LinkGuard::Borrowed(link),
            Way::Of(engine, caller) => LinkGuard::Owned(Box::new(Link::open(engine, caller).await?)),
            Way::Awaited(engine, caller) => LinkGuard::Owned(Box::new(Link::wait_for(engine, caller).await?)),
            Way::Later(link) => LinkGuard::Borrowed(link.await?),
        })
    }
}

impl<'a> Way<'a> {
    fn at_hand(self) -> Result<LinkGuard<'a>, Lent<'a>> {
        match self {
            Way::Here(link) => Ok(LinkGuard::Borrowed(link)),
            Way::Of(engine, caller) => match Link::at_hand(engine, caller) {
                Ok(link) => Ok(LinkGuard::Owned(Box::new(link))),
                Err(engine) => Err(Lent(Way::Awaited(engine, caller))),
            },
            way @ (Way::Awaited(..) | Way::Later(_)) => Err(Lent(way)),
        }
    }
}

impl fmt::Debug for Lent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lent")
    }
}

impl Executor for &Engine {
    fn link(&mut self, caller: Caller) -> Lent<'_> {
        Lent::of((*self).clone(), caller)
    }
}

/// What the methods do, once for engine, connection and transaction.
#[expect(clippy::manual_async_fn, reason = "a future of `async fn` has room for each argument twice, and is moved")]
pub(crate) mod fetch {
    use super::{Command, Lent, Link, Queries, Query, Result, Runnable, run_along};
    use crate::ast::{Lifted, Statement};
    use crate::driver::{Flow, NoRows, Row, RowSink, Running};
    use crate::error::Error;
    use crate::query::{Decoder, FilteredStatement, Loader};

    pub(crate) fn all<'a, Q: Query>(lent: Lent<'a>, query: Q) -> impl Future<Output = Result<Vec<Q::Row>>> + Send {
        async move {
            let mut link = match lent.at_hand() {
                Ok(link) => link,
                Err(lent) => lent.get().await?,
            };
            if link.watches() {
                link.watch(query.command())?;
            }
            if let Some(loader) = query.loader() {
                return Box::pin(load(&mut link, query.command(), loader, None)).await;
            }
            let mut sink = Collect { decoder: query.decoder(), rows: Vec::new() };
            match link.run(query.command(), &mut sink) {
                // Most have run by now, so there is nothing to await.
                Running::Over(Some(Ok(_done))) => {}
                running => {
                    let outcome = running.outcome().await;
                    link.noted_outcome(outcome)?;
                }
            }
            Ok(sink.rows)
        }
    }

    pub(crate) fn optional<'a, Q: Query>(
        lent: Lent<'a>,
        query: Q,
    ) -> impl Future<Output = Result<Option<Q::Row>>> + Send {
        async move {
            // With a sink of its own: one that both ways had would be copied on the way that most take.
            if let (Some(engine), Command::One(statement)) = (lent.engine(), query.command()) {
                let mut sink = Single { decoder: query.decoder(), row: None, unique: query.is_unique() };
                let was_run = match run_along(engine, statement, &mut sink) {
                    Some(running) => running.await?,
                    None => false,
                };
                if was_run {
                    return Ok(sink.row);
                }
            }
            let mut link = match lent.at_hand() {
                Ok(link) => link,
                Err(lent) => lent.get().await?,
            };
            if link.watches() {
                link.watch(query.command())?;
            }
            if let Some(loader) = query.loader() {
                let most = Some(u32::from(!query.is_unique()) + 1);
                let mut rows = Box::pin(load(&mut link, query.command(), loader, most)).await?;
                return if rows.len() > 1 { Err(Error::MoreThanOneRow) } else { Ok(rows.pop()) };
            }
            let mut sink = Single { decoder: query.decoder(), row: None, unique: query.is_unique() };
            match link.run(query.command(), &mut sink) {
                Running::Over(Some(Ok(_done))) => {}
                running => {
                    let outcome = running.outcome().await;
                    link.noted_outcome(outcome)?;
                }
            }
            Ok(sink.row)
        }
    }

    /// Runs a statement and those that load what is related to its rows; of the first one so many rows at most.
    pub(crate) async fn load<T>(
        link: &mut Link,
        command: Command<'_>,
        mut loader: Box<dyn Loader<T>>,
        most: Option<u32>,
    ) -> Result<Vec<T>> {
        let done = match most {
            None => link.run(command, &mut *loader).await,
            Some(rows) => link.run(command, &mut First { rows, of: &mut *loader }).await,
        };
        link.noted(done)?;
        load_related(link, loader, &lifted(command)).await
    }

    /// The filters that are lifted from a statement, and so from what is loaded with its rows.
    pub(crate) fn lifted(command: Command<'_>) -> Lifted {
        match command {
            Command::One(Statement::Select(select)) => select.lifted.clone(),
            _ => Lifted::None,
        }
    }

    /// Runs the statements that load what is related to the rows that a loader has.
    pub(crate) async fn load_related<T>(
        link: &mut Link,
        mut loader: Box<dyn Loader<T>>,
        lifted: &Lifted,
    ) -> Result<Vec<T>> {
        let engine = link.engine.clone();
        while let Some(mut select) = loader.next(engine.driver().features())? {
            select.lifted.merge(lifted);
            let done = link.run(Command::One(Statement::Select(&select)), loader.related()).await;
            link.noted(done)?;
        }
        loader.finish()
    }

    /// The first rows of a statement, for another sink.
    struct First<'a> {
        rows: u32,
        of: &'a mut dyn RowSink,
    }

    impl RowSink for First<'_> {
        fn row(&mut self, row: &dyn Row) -> Result<Flow> {
            let flow = self.of.row(row)?;
            self.rows = self.rows.saturating_sub(1);
            Ok(if self.rows == 0 { Flow::Stop } else { flow })
        }
    }

    pub(crate) async fn pipeline<'a, Q: Queries>(lent: Lent<'a>, queries: Q) -> Result<Q::Rows> {
        let mut sinks = queries.sinks()?;
        lent.get().await?.run_many(queries.parts(&mut sinks)).await?;
        Ok(Q::rows(sinks))
    }

    pub(crate) async fn one<'a, Q: Query>(lent: Lent<'a>, query: Q) -> Result<Q::Row> {
        optional(lent, query).await?.ok_or(Error::NoRow)
    }

    pub(crate) fn execute<'a, R: Runnable>(lent: Lent<'a>, statement: R) -> impl Future<Output = Result<u64>> + Send {
        async move {
            let mut link = match lent.at_hand() {
                Ok(link) => link,
                Err(lent) => lent.get().await?,
            };
            let mut sink = NoRows;
            match link.run(statement.command(), &mut sink) {
                Running::Over(Some(Ok(done))) => Ok(done.rows_affected),
                running => {
                    let outcome = running.outcome().await;
                    Ok(link.noted_outcome(outcome)?.rows_affected)
                }
            }
        }
    }

    pub(crate) async fn explain<'a, R: Runnable>(lent: Lent<'a>, statement: R) -> Result<String> {
        let (mut link, mut sink) = (lent.get().await?, Lines(Vec::new()));
        let engine = link.engine.clone();
        let command: Command<'_> = statement.command();
        for one in command.statements(engine.0.driver.features())? {
            let filtered = engine.apply_filters(one);
            let one = filtered.as_ref().map_or(one, FilteredStatement::statement);
            link.connection.explain(one, &mut sink).await?;
        }
        Ok(sink.0.join("\n"))
    }

    /// Every row.
    struct Collect<T> {
        decoder: Decoder<T>,
        rows: Vec<T>,
    }

    impl<T: Send + 'static> RowSink for Collect<T> {
        fn row(&mut self, row: &dyn Row) -> Result<Flow> {
            let row = self.decoder.decode(row)?;
            if self.rows.capacity() == 0 {
                // As many as a first push would, since asking ahead is cheaper. Without rows nothing is allocated.
                self.rows = Vec::with_capacity(4);
            }
            self.rows.push(row);
            Ok(Flow::Continue)
        }
    }

    /// One row; a second one is an error.
    struct Single<T> {
        decoder: Decoder<T>,
        row: Option<T>,
        /// There can be no second one, so it is not asked for.
        unique: bool,
    }

    impl<T: Send + 'static> RowSink for Single<T> {
        fn row(&mut self, row: &dyn Row) -> Result<Flow> {
            if self.row.is_some() {
                return Err(Error::MoreThanOneRow);
            }
            self.row = Some(self.decoder.decode(row)?);
            Ok(if self.unique { Flow::Stop } else { Flow::Continue })
        }
    }

    /// The lines of a plan.
    struct Lines(Vec<String>);

    impl RowSink for Lines {
        fn row(&mut self, row: &dyn Row) -> Result<Flow> {
            let last = row.width().saturating_sub(1);
            if let Ok(crate::value::ValueRef::Text(line)) = row.get(last) {
                self.0.push(line.to_owned());
            }
            Ok(Flow::Continue)
        }
    }
}
