//! The engine: an open database with its pool, from which everything is run.
//!
//! ```text
//! Engine ── connection() ──> Connection ─┐
//!   │                                    ├─ fetch_all, fetch_one, .. (trait Executor)
//!   └────── begin() ───────> Transaction ┘
//! ```
//!
//! An engine is cheap to clone; clones share the pool. Its own `fetch_all` and the like take a connection from the
//! pool for the one statement.

pub(crate) mod after_commit;
mod builder;
mod cancel;
mod connection;
mod copy;
mod echo;
pub(crate) mod executor;
#[cfg(test)]
mod fake;
mod gone;
pub(crate) mod link;
mod n_plus_one;
mod options;
mod recording;
mod retry;
mod rows;
mod save;
#[cfg(feature = "tracing")]
mod span;
#[cfg(not(feature = "tracing"))]
#[path = "no_span.rs"]
mod span;
mod transaction;
mod two_phase;
mod versions;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

pub use builder::EngineBuilder;
pub use cancel::CancelHandle;
pub use connection::Connection;
pub use echo::StatementEvent;
pub use executor::{Executor, Lent};
pub use n_plus_one::NPlusOne;
pub use options::{EngineOptions, Isolation, Listener, TransactionOptions};
pub use recording::Recording;
pub use retry::{Repeatable, Retry};
pub use rows::Rows;
pub use transaction::{Scope, Transaction};
pub use two_phase::PreparedTransaction;

use crate::ast::{self, Statement};
use crate::driver::{Caller, Driver, Streaming};
use crate::error::{Error, Result};
use crate::expr::Condition;
use crate::meta::TableMeta;
use crate::model::{Entity, InsertRow, Model};
use crate::pool::PoolState;
use crate::query::{
    FilteredStatement, Filters, InsertRows, ModelRows, Queries, Query, Runnable, by_key, insert, update_rows,
};
use crate::schema::Schema;
use crate::session::{Hooks, Spare};
use crate::types::{IntoKey, ScalarRow};
use executor::fetch;
use link::Link;
use n_plus_one::Watch;
use recording::Recorder;
use span::Span;

/// An open database with its pool of connections.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// let engine = orm::connect("sqlite::memory:").await?;
/// engine.create_all(schema![User, Post]).await?;
/// engine.execute(insert(User::builder().name("Alice").email("a@example.com"))).await?;
/// let names = engine.fetch_all(select(User.name)).await?;
/// assert_eq!(names, ["Alice"]);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    /// Shared by the engines that were made from each other.
    driver: Arc<dyn Driver>,
    recorder: Arc<Recorder>,
    spare: Arc<Spare>,
    options: EngineOptions,
    /// Counts what is read too often, all over the engine.
    watch: Option<Arc<Watch>>,
}

impl Engine {
    /// An engine over an open driver. Programs use `orm::connect` or `Engine::builder`; this is for backend writers.
    #[must_use]
    pub fn from_driver(driver: Box<dyn Driver>, options: EngineOptions) -> Self {
        let driver = Arc::from(driver);
        Engine(Arc::new(Inner { driver, recorder: Arc::default(), spare: Arc::default(), options, watch: None }))
    }

    /// The same engine, with the same pool, whose statements get one more condition: for one request, say, that of its
    /// tenant. See [`EngineBuilder::filter`].
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// # engine.execute(insert([7, 8].map(|n| User::builder().name("A").email(format!("{n}@example.com")).age(n)))).await?;
    /// let seven = engine.with_filter(User, User.age.eq(7));
    /// assert_eq!(seven.fetch_all(select(User.email)).await?, ["7@example.com"]);
    /// assert_eq!(engine.fetch_all(select(User.email)).await?.len(), 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_filter<E: Entity>(&self, _entity: E, condition: impl Condition) -> Engine {
        self.filtered(E::Model::TABLE, condition.into_condition())
    }

    pub(crate) fn filtered(&self, table: &'static TableMeta, condition: ast::Expr) -> Engine {
        let mut options = self.0.options.clone();
        options.filters.add(table, condition);
        self.with(options, self.0.watch.clone())
    }

    /// The same engine, with the same pool, that looks for lines which send a statement a row, in all that it runs until it
    /// is dropped: for one request, or one test. See [`EngineBuilder::n_plus_one`].
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # use orm::engine::NPlusOne;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// let strict = engine.with_n_plus_one(NPlusOne::Error(1));
    /// let mut found = Ok(None);
    /// for id in 1..=2 {
    ///     found = strict.get(User, id).await;
    /// }
    /// assert_eq!(found.unwrap_err().kind(), "NPlusOne");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_n_plus_one(&self, limit: NPlusOne) -> Engine {
        self.with(self.0.options.clone(), Some(Arc::new(Watch::new(limit))))
    }

    /// An engine made from this one.
    fn with(&self, options: EngineOptions, watch: Option<Arc<Watch>>) -> Engine {
        let Inner { driver, recorder, spare, .. } = self.0.as_ref();
        let (driver, recorder, spare) = (Arc::clone(driver), Arc::clone(recorder), Arc::clone(spare));
        Engine(Arc::new(Inner { driver, recorder, spare, options, watch }))
    }

    /// What is lent to sessions.
    pub(crate) fn spare(&self) -> &Spare {
        &self.0.spare
    }

    /// What counts for a connection that is taken now.
    fn watch(&self) -> Option<Arc<Watch>> {
        let own = || self.options().n_plus_one.map(|limit| Arc::new(Watch::new(limit)));
        self.0.watch.clone().or_else(own)
    }

    /// Whether statements that read too often are looked for.
    fn is_watched(&self) -> bool {
        self.0.watch.is_some() || self.options().n_plus_one.is_some()
    }

    /// Whether somebody is told of statements.
    #[inline]
    fn is_observed(&self) -> bool {
        !self.options().listeners.is_empty() || self.recorder().is_active() || Span::enabled()
    }

    fn recorder(&self) -> &Arc<Recorder> {
        &self.0.recorder
    }

    /// Takes a connection from the pool and keeps it until it is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::PoolTimeout`] if none comes free in time, [`Error::Connect`] if a new one cannot be opened.
    #[track_caller]
    pub fn connection(&self) -> impl Future<Output = Result<Connection>> + Send + use<> {
        let (engine, caller) = (self.clone(), Location::caller());
        async move { Ok(Connection::new(Link::open(engine, caller).await?)) }
    }

    /// Begins a transaction that may write. Dropping it rolls it back.
    ///
    /// # Errors
    ///
    /// As [`Engine::connection`]; [`Error::LockTimeout`] if another writer does not finish in time.
    #[track_caller]
    pub fn begin(&self) -> impl Future<Output = Result<Transaction>> + Send + use<> {
        self.begin_with(TransactionOptions::new())
    }

    /// Begins a transaction.
    ///
    /// # Errors
    ///
    /// As [`Engine::begin`].
    #[track_caller]
    pub fn begin_with(&self, options: TransactionOptions) -> impl Future<Output = Result<Transaction>> + Send + use<> {
        let (engine, caller) = (self.clone(), Location::caller());
        async move { Transaction::begin(Link::open(engine, caller).await?, &options).await }
    }

    /// Runs `body` in a transaction: committed if it gives `Ok`, rolled back if it gives `Err`, panics, or is dropped
    /// half-way.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// engine.transaction(async |tx| {
    ///     tx.execute(insert(User::builder().name("Alice").email("a@example.com"))).await?;
    ///     tx.execute(insert(User::builder().name("Bob").email("b@example.com"))).await
    /// }).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// What `body` gives, and the errors of beginning and committing.
    pub async fn transaction<T, E, F>(&self, body: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut Transaction) -> Result<T, E>,
        E: From<Error>,
    {
        let mut transaction = self.begin().await?;
        let value = body(&mut transaction).await?;
        transaction.commit().await?;
        Ok(value)
    }

    /// All rows.
    ///
    /// # Errors
    ///
    /// Any of [`Error`]; nothing is sent if the statement cannot be built.
    #[track_caller]
    pub fn fetch_all<Q: Query>(&self, query: Q) -> impl Future<Output = Result<Vec<Q::Row>>> + Send + use<'_, Q> {
        fetch::all(self.link(Location::caller()), query)
    }

    /// The only row.
    ///
    /// # Errors
    ///
    /// [`Error::NoRow`], [`Error::MoreThanOneRow`].
    #[track_caller]
    pub fn fetch_one<Q: Query>(&self, query: Q) -> impl Future<Output = Result<Q::Row>> + Send + use<'_, Q> {
        fetch::one(self.link(Location::caller()), query)
    }

    /// The only row, or none.
    ///
    /// # Errors
    ///
    /// [`Error::MoreThanOneRow`].
    #[track_caller]
    pub fn fetch_optional<Q: Query>(
        &self,
        query: Q,
    ) -> impl Future<Output = Result<Option<Q::Row>>> + Send + use<'_, Q> {
        fetch::optional(self.link(Location::caller()), query)
    }

    /// The only column of the only row.
    ///
    /// # Errors
    ///
    /// [`Error::NoRow`], [`Error::MoreThanOneRow`].
    #[track_caller]
    pub fn fetch_scalar<Q: Query<Row: ScalarRow>>(
        &self,
        query: Q,
    ) -> impl Future<Output = Result<Q::Row>> + Send + use<'_, Q> {
        fetch::one(self.link(Location::caller()), query)
    }

    /// The row with this primary key, or none. One statement, whose text is known ahead. PostgreSQL is asked for the rows of
    /// several callers at once, if they ask at the same moment.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// let nobody = engine.get(User, 7).await?;
    /// assert!(nobody.is_none());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// Any of [`Error`]; a missing row is none.
    #[track_caller]
    pub fn get<E: Entity, K: IntoKey<<E::Model as Model>::Key>>(
        &self,
        entity: E,
        key: K,
    ) -> impl Future<Output = Result<Option<E::Model>>> + Send + use<'_, E, K> {
        fetch::optional(self.link(Location::caller()), by_key(entity, key))
    }

    /// Runs a statement and gives the number of rows it inserted, updated or deleted.
    ///
    /// # Errors
    ///
    /// Any of [`Error`]; a statement that fails leaves nothing behind.
    #[track_caller]
    pub fn execute<R: Runnable>(&self, statement: R) -> impl Future<Output = Result<u64>> + Send + use<'_, R> {
        fetch::execute(self.link(Location::caller()), statement)
    }

    /// Inserts rows and gives their number, at the driver's speed: `execute` of [`insert`](crate::query::insert()), with
    /// no identity map and nothing written back. However many there are, they stand or fall together.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// // INSERT INTO "users" ("name", "email", "nickname", "age", "manager_id") VALUES (?1, ?2, ?3, ?4, ?5), ..
    /// let users = (1..=1000).map(|n| User::builder().name(format!("No. {n}")).email(format!("{n}@example.com")));
    /// assert_eq!(engine.bulk_insert(users.collect::<Vec<_>>()).await?, 1000);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Engine::execute`].
    #[track_caller]
    pub fn bulk_insert<R: InsertRows>(&self, rows: R) -> impl Future<Output = Result<u64>> + Send + use<'_, R> {
        fetch::execute(self.link(Location::caller()), insert(rows))
    }

    /// Inserts the rows of an iterator, however many, in bounded memory, and gives their number. They are taken from it a
    /// thousand at a time, and stand or fall together: within one transaction, or a savepoint of the one that is open.
    ///
    /// PostgreSQL takes them by `COPY`, unless the table has rules or row security, a key that is always generated is
    /// given, or a column has a type that is not the server's own; then, and elsewhere, they are sent as `INSERT`s.
    /// [`bulk_insert`](Engine::bulk_insert) of rows that are in memory already is as fast.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// let lines = "Alice,a@example.com\nBob,b@example.com".lines();
    /// let users = lines.filter_map(|line| line.split_once(',')).map(|(name, email)| User::builder().name(name).email(email));
    /// assert_eq!(engine.bulk_copy(users).await?, 2);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Engine::execute`].
    #[track_caller]
    pub fn bulk_copy<I>(&self, rows: I) -> impl Future<Output = Result<u64>> + Send + use<'_, I>
    where
        I: IntoIterator<Item: InsertRow, IntoIter: Send>,
    {
        copy::copy(self.link(Location::caller()), rows.into_iter())
    }

    /// Writes structs over the rows of their keys, all columns but the key, and gives the number of those rows:
    /// `execute` of [`update_rows`](crate::query::update_rows()), which can also write some columns only.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// # engine.bulk_insert(["Alice", "Bob"].map(|name| User::builder().name(name).email(name))).await?;
    /// let mut users: Vec<User> = engine.fetch_all(select(User)).await?;
    /// for user in &mut users {
    ///     user.age = Some(30);
    /// }
    /// // UPDATE "users" SET "name" = "new"."column1", .. FROM (VALUES (?1, ?2, ?3, ?4, ?5, ?6), ..) AS "new"
    /// // WHERE "users"."id" = "new"."column6"
    /// assert_eq!(engine.bulk_update(users).await?, 2);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Engine::execute`].
    #[track_caller]
    pub fn bulk_update<R: ModelRows>(&self, rows: R) -> impl Future<Output = Result<u64>> + Send + use<'_, R> {
        fetch::execute(self.link(Location::caller()), update_rows(rows))
    }

    /// Inserts the structs whose key is still 0, and writes the others over the rows of their keys, all in one
    /// transaction. New structs then have the keys that the database made. Gives the number of rows inserted and
    /// updated: one whose row is gone is not counted.
    ///
    /// An `INSERT` and an `UPDATE` for many rows each. There is no identity map, and all columns are written,
    /// changed or not.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// # engine.bulk_insert(User::builder().name("Alice").email("a@example.com")).await?;
    /// let mut users: Vec<User> = engine.fetch_all(select(User)).await?;
    /// users[0].age = Some(30);
    /// users.push(User::builder().name("Bob").email("b@example.com").build());
    /// // INSERT INTO "users" ("name", "email", "nickname", "age", "manager_id") VALUES (?1, ?2, ?3, ?4, ?5)
    /// // RETURNING "users"."id"
    /// // UPDATE "users" SET "name" = ?1, .. WHERE "users"."id" = ?6
    /// assert_eq!(engine.bulk_save(&mut users).await?, 2);
    /// assert_eq!(users[1].id, 2);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Statement`] for a model whose key the database does not make, and those of [`Engine::execute`]; nothing
    /// is kept then, and no struct is changed.
    #[track_caller]
    pub fn bulk_save<'a, T>(&'a self, rows: &'a mut [T]) -> impl Future<Output = Result<u64>> + Send + use<'a, T>
    where
        T: Model + InsertRow<Model = T>,
    {
        save::save(self.link(Location::caller()), rows)
    }

    /// All rows of several queries that do not need each other's answers, a `Vec` for each. To a database at the other end
    /// of a network they are sent together, and it answers one after the other: that takes one way there and back in all.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// # engine.bulk_insert(["Alice", "Bob"].map(|name| User::builder().name(name).email(name))).await?;
    /// let (users, posts) = engine.pipeline((select(User), select(count(Post.id)))).await?;
    /// assert_eq!((users.len(), posts), (2, vec![0]));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// That of the first query that failed. Outside of a transaction each stands for itself, so what the others wrote
    /// stays. [`Error::Statement`] for a query with related rows, and for more rows than one statement takes.
    #[track_caller]
    pub fn pipeline<Q: Queries>(&self, queries: Q) -> impl Future<Output = Result<Q::Rows>> + Send + use<'_, Q> {
        fetch::pipeline(self.link(Location::caller()), queries)
    }

    /// The rows one after the other, in bounded memory. See [`Rows`].
    #[track_caller]
    pub fn stream<Q: Query + 'static>(&self, query: Q) -> Rows<'static, Q::Row> {
        Rows::new(self.link(Location::caller()), query, Streaming::default())
    }

    /// Very many rows one after the other, in bounded memory, by the database's own way to copy them: the counterpart of
    /// [`bulk_copy`](Engine::bulk_copy). They are the rows that [`stream`](Engine::stream) gives, typed as there.
    ///
    /// PostgreSQL sends them by binary `COPY`: all by one order, while a stream asks for each chunk. 100,000 small rows took a
    /// quarter to three quarters of a stream's time (`benches/README.md`). But the server is busy
    /// with it until the last row is taken, and its `statement_timeout` counts the time that the program needs. `COPY` takes no
    /// bound values: they stand in its text, as literals that the server reads as it would read the values, and can
    /// be seen in its log and in `pg_stat_activity`. What is told of the statement here has placeholders. Statements that
    /// write, and those that begin with `WITH` and are written by hand, are streamed, as are all on SQLite.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// # engine.bulk_insert(["Alice", "Bob"].map(|name| User::builder().name(name).email(name))).await?;
    /// let mut file = String::new();
    /// let mut users = engine.copy_out(select((User.id, User.name)).order_by(User.id));
    /// while let Some((id, name)) = users.next().await.transpose()? {
    ///     file += &format!("{id},{name}\n");
    /// }
    /// assert_eq!(file, "1,Alice\n2,Bob\n");
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn copy_out<Q: Query + 'static>(&self, query: Q) -> Rows<'static, Q::Row> {
        Rows::new(self.link(Location::caller()), query, Streaming::Copy)
    }

    /// The database's plan for a statement, which is not run.
    ///
    /// # Errors
    ///
    /// Those of compiling the statement.
    #[track_caller]
    pub fn explain<R: Runnable>(&self, statement: R) -> impl Future<Output = Result<String>> + Send + use<'_, R> {
        fetch::explain(self.link(Location::caller()), statement)
    }

    /// The text that would be sent for a statement.
    ///
    /// # Errors
    ///
    /// Those of compiling the statement.
    pub fn sql(&self, statement: impl Runnable) -> Result<String> {
        let statements = statement.command().statements(self.driver().features())?;
        let text = |one| {
            let filtered = self.apply_filters(one);
            let one = filtered.as_ref().map_or(one, FilteredStatement::statement);
            Ok(self.driver().text(one)?.0)
        };
        let texts: Result<Vec<String>> = statements.map(text).collect();
        Ok(texts?.join(";\n"))
    }

    /// Creates the tables and indexes that are missing, parents first, all in one transaction; and before them the
    /// schemas, enums and sequences that they need. A word that an enum of the database lacks is added to it.
    ///
    /// Existing tables are left as they are; changing them is what migrations are for.
    ///
    /// # Errors
    ///
    /// [`Error::Identifier`] for a name that the database cannot have, and the database's own.
    #[track_caller]
    pub fn create_all(&self, schema: Schema) -> impl Future<Output = Result<()>> + Send + use<> {
        let features = self.driver().features();
        let mut statements = if features.native_enums { schema.create_types() } else { Vec::new() };
        statements.extend(match features.keys_need_tables {
            true => schema.create_all_with_keys_last(),
            false => schema.create_all(),
        });
        self.run_ddl(statements, Location::caller())
    }

    /// Drops the tables that are there, children first, with their sequences and enums, all in one transaction. Schemas
    /// stay.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignKeyViolation`] if a table that is not in `schema` still points at one that is.
    #[track_caller]
    pub fn drop_all(&self, schema: Schema) -> impl Future<Output = Result<()>> + Send + use<> {
        let features = self.driver().features();
        let mut statements = match features.keys_need_tables {
            true => schema.drop_all_with_keys_first(),
            false => schema.drop_all(),
        };
        statements.extend(if features.native_enums { schema.drop_types() } else { Vec::new() });
        self.run_ddl(statements, Location::caller())
    }

    fn run_ddl(
        &self,
        statements: Vec<crate::schema::ddl::Ddl>,
        caller: Caller,
    ) -> impl Future<Output = Result<()>> + Send + use<> {
        let engine = self.clone();
        async move {
            let link = Link::open(engine, caller).await?;
            let mut transaction = Transaction::begin(link, &TransactionOptions::new()).await?;
            for statement in &statements {
                transaction.execute(statement).await?;
            }
            transaction.commit().await
        }
    }

    /// The pool as it is now.
    #[must_use]
    pub fn pool_state(&self) -> PoolState {
        self.driver().pool_state()
    }

    /// The backend's name: `sqlite`, `postgresql`.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        self.driver().name()
    }

    /// Closes the idle connections now and the others when they come back. Whoever asks for one from now on gets
    /// [`Error::Closed`].
    pub async fn close(&self) {
        self.driver().close().await;
    }

    pub(crate) fn hooks(&self) -> Option<&Arc<Hooks>> {
        self.options().hooks.as_ref()
    }

    /// The open database, for backends: what only one of them can do is found behind it.
    #[must_use]
    pub fn driver(&self) -> &dyn Driver {
        self.0.driver.as_ref()
    }

    /// The statement with the engine's filters; none if it is to run as it is.
    #[inline]
    fn apply_filters(&self, statement: Statement<'_>) -> Option<FilteredStatement> {
        if self.filters().is_empty() { None } else { self.filters().apply(statement) }
    }

    /// The conditions that statements get.
    pub(crate) fn filters(&self) -> &Filters {
        &self.options().filters
    }

    fn options(&self) -> &EngineOptions {
        &self.0.options
    }

    pub(crate) fn link(&self, caller: Caller) -> Lent<'static> {
        Lent::of(self.clone(), caller)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("backend", &self.driver().name())
            .field("namespace", &self.driver().namespace())
            .field("pool", &self.driver().pool_state())
            .finish()
    }
}
