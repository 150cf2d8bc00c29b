//! Rows of a `RETURNING` belong to the rows that were written, in whatever order they come.

use orm::ast::Statement;
use orm::dialect::Features;
use orm::driver::{
    Backend, BoxFuture, Caller, Connection, Done, Driver, Flow, Row, RowSink, RowStream, Running, Streaming,
};
use orm::engine::{EngineOptions, TransactionOptions};
use orm::error::{Binds, ValueError};
use orm::pool::PoolState;
use orm::prelude::*;
use orm::sqlite::Sqlite;
use orm::value::{Value, ValueRef};

#[derive(Debug, Clone, PartialEq, Model)]
struct Made {
    #[model(primary_key)]
    id: i64,
    name: String,
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Told {
    #[model(primary_key)]
    name: String,
    #[model(computed = "length(name)")]
    length: i64,
}

/// A driver that gives rows in reverse.
#[derive(Debug)]
struct Backwards<T: ?Sized>(Box<T>);

impl Driver for Backwards<dyn Driver> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn namespace(&self) -> &str {
        self.0.namespace()
    }

    fn features(&self) -> &Features {
        self.0.features()
    }

    fn acquire<'a>(&'a self, caller: Caller) -> BoxFuture<'a, orm::Result<Box<dyn Connection>>> {
        Box::pin(async move { Ok(Box::new(Backwards(self.0.acquire(caller).await?)) as _) })
    }

    fn pool_state(&self) -> PoolState {
        self.0.pool_state()
    }

    fn text(&self, statement: Statement<'_>) -> orm::Result<(String, Binds)> {
        self.0.text(statement)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.0.close()
    }
}

impl Connection for Backwards<dyn Connection> {
    fn run<'a>(&'a mut self, statement: Statement<'a>, sink: &'a mut dyn RowSink) -> Running<'a> {
        Running::waiting(move || async move {
            let mut kept = Kept(Vec::new());
            let done = self.0.run(statement, &mut kept).await?;
            for row in kept.0.iter().rev() {
                sink.row(&Again(row))?;
            }
            Ok(done)
        })
    }

    fn explain<'a>(
        &'a mut self,
        statement: Statement<'a>,
        sink: &'a mut dyn RowSink,
    ) -> BoxFuture<'a, orm::Result<Done>> {
        self.0.explain(statement, sink)
    }

    fn stream<'a>(
        &'a mut self,
        statement: Statement<'a>,
        streaming: Streaming,
    ) -> BoxFuture<'a, orm::Result<Box<dyn RowStream + 'a>>> {
        self.0.stream(statement, streaming)
    }

    fn begin<'a>(&'a mut self, options: &'a TransactionOptions) -> BoxFuture<'a, orm::Result<()>> {
        self.0.begin(options)
    }

    fn commit(&mut self) -> BoxFuture<'_, orm::Result<()>> {
        self.0.commit()
    }

    fn rollback(&mut self) -> BoxFuture<'_, orm::Result<()>> {
        self.0.rollback()
    }

    fn savepoint(&mut self, depth: u32) -> BoxFuture<'_, orm::Result<()>> {
        self.0.savepoint(depth)
    }

    fn release(&mut self, depth: u32) -> BoxFuture<'_, orm::Result<()>> {
        self.0.release(depth)
    }

    fn rollback_to(&mut self, depth: u32) -> BoxFuture<'_, orm::Result<()>> {
        self.0.rollback_to(depth)
    }

    fn abandon(&mut self, depth: u32) {
        self.0.abandon(depth);
    }
}

struct Kept(Vec<Vec<Value>>);

impl RowSink for Kept {
    fn row(&mut self, row: &dyn Row) -> orm::Result<Flow> {
        let values = (0..row.width()).map(|index| row.get(index).expect("a value").to_owned());
        self.0.push(values.collect());
        Ok(Flow::Continue)
    }
}

struct Again<'a>(&'a [Value]);

impl Row for Again<'_> {
    fn width(&self) -> usize {
        self.0.len()
    }

    fn get(&self, index: usize) -> Result<ValueRef<'_>, ValueError> {
        self.0.get(index).ok_or(ValueError::NoColumn { width: self.0.len() })?.borrowed()
    }

    fn name(&self, _index: usize) -> Option<&str> {
        None
    }
}

#[tokio::test]
async fn w065_rows_that_come_back_in_another_order_are_those_that_were_sent() {
    let options = EngineOptions::default();
    let driver = Sqlite.open("sqlite::memory:", &options).await.expect("a database");
    let db = Engine::from_driver(Box::new(Backwards(driver)), options);
    db.create_all(schema![Made, Told]).await.expect("tables");
    let mut session = Session::new(&db);
    let made = session.add_all((0..120).map(|number| Made::builder().name(format!("row {number}"))));
    let told = session.add_all((1..90).map(|number| Told { name: "x".repeat(number), length: 0 }));
    session.commit().await.expect("a commit");

    assert!(told.iter().all(|row| session[*row].length == i64::try_from(session[*row].name.len()).expect("short")));
    let rows: Vec<(i64, String)> = db.fetch_all(select((Made.id, Made.name))).await.expect("rows");
    assert_eq!(rows.len(), 120);
    let known: std::collections::HashMap<i64, String> = rows.into_iter().collect();
    assert!(made.iter().all(|row| known[&session[*row].id] == session[*row].name));
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Line {
    #[model(primary_key)]
    id: i64,
    count: i64,
    price: i64,
    #[model(computed = "count * price")]
    total: i64,
    #[model(version)]
    version: i64,
}

#[tokio::test]
async fn w065_rows_of_an_update_that_come_back_in_another_order_are_those_that_were_changed() {
    let options = EngineOptions::default();
    let driver = Sqlite.open("sqlite::memory:", &options).await.expect("a database");
    let db = Engine::from_driver(Box::new(Backwards(driver)), options);
    db.create_all(schema![Line]).await.expect("tables");
    let mut session = Session::new(&db);
    let lines = session.add_all((1..=60).map(|count| Line { id: 0, count, price: 2, total: 0, version: 0 }));
    session.commit().await.expect("a commit");
    assert!(lines.iter().all(|line| session[*line].total == 2 * session[*line].count));

    for line in &lines {
        session[*line].price = 3;
    }
    session.commit().await.expect("another commit");

    assert!(lines.iter().all(|line| session[*line].total == 3 * session[*line].count && session[*line].version == 2));
    let stored = db.fetch_all(select(Line).order_by(Line.id)).await.expect("rows");
    let is_stored = |line: &Line| stored.iter().any(|row| row == line);
    assert_eq!(stored.len(), 60);
    assert!(lines.iter().all(|line| is_stored(&session[*line])), "{stored:?}");
}
