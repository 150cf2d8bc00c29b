//! What the tests share: opening databases, and running text on them.

use std::panic::Location;
use std::path::Path;

use orm_core::ast::{Expr, Raw, RawPart, Statement};
use orm_core::driver::{Backend, Connection, Done, Driver, Flow, NoRows, Row, RowSink, RowStream, Streaming};
use orm_core::engine::EngineOptions;
use orm_core::error::{Context, Error, Result};
use orm_core::value::Value;
use orm_sqlite::Sqlite;
use tempfile::TempDir;

/// A directory with a database file, and drivers on it.
pub(crate) struct TestFile {
    pub(crate) directory: TempDir,
}

impl TestFile {
    pub(crate) fn new() -> Self {
        TestFile { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("test.db")
    }

    pub(crate) fn url(&self, query: &str) -> String {
        url(&self.path(), query)
    }

    pub(crate) async fn open(&self, query: &str) -> Box<dyn Driver> {
        open(&self.url(query)).await.expect("an open database")
    }

    /// A connection without anything of ours.
    pub(crate) fn bare(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).expect("a bare connection")
    }
}

pub(crate) fn url(path: &Path, query: &str) -> String {
    format!("sqlite://{}{query}", path.display())
}

pub(crate) async fn open(url: &str) -> Result<Box<dyn Driver>> {
    open_with(url, |_| {}).await
}

pub(crate) async fn open_with(url: &str, configure: impl FnOnce(&mut EngineOptions)) -> Result<Box<dyn Driver>> {
    let mut options = EngineOptions::default();
    configure(&mut options);
    Sqlite.open(url, &options).await
}

/// A database in memory with a table `t (id, name)`, in which `count` rows are.
pub(crate) async fn memory_with_rows(count: usize) -> Box<dyn Driver> {
    let driver = open("sqlite::memory:").await.expect("a database in memory");
    fill(&mut *connect(&*driver).await, count).await;
    driver
}

pub(crate) async fn fill(connection: &mut dyn Connection, count: usize) {
    execute(connection, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)").await.expect("a table");
    let rows = raw(
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) \
         INSERT INTO t SELECT x, 'name ' || x FROM c LIMIT ",
        [Value::Int(i64::try_from(count).expect("a number"))],
    );
    run(connection, &rows).await.expect("rows");
}

#[track_caller]
pub(crate) fn connect(driver: &dyn Driver) -> impl Future<Output = Box<dyn Connection>> + Send + '_ {
    let caller = Location::caller();
    async move { driver.acquire(caller).await.expect("a connection") }
}

/// Text, and after it the binds with commas between.
pub(crate) fn raw(text: &'static str, binds: impl IntoIterator<Item = Value>) -> Raw {
    let mut parts = vec![RawPart::Text(text)];
    for (number, bind) in binds.into_iter().enumerate() {
        parts.push(RawPart::Text(if number == 0 { "" } else { ", " }));
        parts.push(RawPart::Expr(Expr::Bind(bind)));
    }
    Raw { parts }
}

pub(crate) async fn run(connection: &mut dyn Connection, raw: &Raw) -> Result<Done> {
    connection.run(Statement::Raw(raw), &mut NoRows).await
}

pub(crate) async fn execute(connection: &mut dyn Connection, text: &'static str) -> Result<Done> {
    run(connection, &raw(text, [])).await
}

pub(crate) async fn fetch(connection: &mut dyn Connection, text: &'static str) -> Result<Vec<Vec<Value>>> {
    let mut rows = Rows::default();
    connection.run(Statement::Raw(&raw(text, [])), &mut rows).await?;
    Ok(rows.0)
}

/// The first column of the first row, an integer.
pub(crate) async fn number(connection: &mut dyn Connection, text: &'static str) -> Result<i64> {
    let rows = fetch(connection, text).await?;
    match rows.first().and_then(|row| row.first()) {
        Some(Value::Int(number)) => Ok(*number),
        other => panic!("{text} gave {other:?}"),
    }
}

pub(crate) async fn stream<'a>(connection: &'a mut dyn Connection, raw: &'a Raw) -> Result<Box<dyn RowStream + 'a>> {
    connection.stream(Statement::Raw(raw), Streaming::default()).await
}

/// The context of an error that reached the database.
#[track_caller]
pub(crate) fn context(error: &Error) -> &Context {
    error.context().unwrap_or_else(|| panic!("no context in {error}"))
}

#[track_caller]
pub(crate) fn hint(error: &Error) -> &str {
    context(error).hint.as_deref().unwrap_or_else(|| panic!("no hint in {error}"))
}

/// Keeps copies of the rows.
#[derive(Default)]
pub(crate) struct Rows(pub(crate) Vec<Vec<Value>>);

impl RowSink for Rows {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        let values = (0..row.width()).map(|index| row.get(index).map(|value| value.to_owned()));
        let values: Result<Vec<_>, _> = values.collect();
        self.0.push(values.map_err(|source| Error::Decode { column: "a column".into(), source })?);
        Ok(Flow::Continue)
    }
}
