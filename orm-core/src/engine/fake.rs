//! A driver that runs nothing and remembers what it was told, for the tests of this folder.

use std::future::ready;
use std::panic::Location;
use std::sync::{Arc, Mutex};

use super::link::Link;
use super::{Engine, EngineOptions, Transaction, TransactionOptions};
use crate::ast::Statement;
use crate::compile::fixtures::{LITE, Numbered};
use crate::dialect::{Dialect, Features};
use crate::driver::{BoxFuture, Caller, Connection, Done, Driver, RowSink, RowStream, Running, Streaming};
use crate::error::{Binds, Error, Result};
use crate::pool::PoolState;

/// What was told, and what will not succeed.
#[derive(Debug, Clone, Default)]
pub(super) struct Told(Arc<Mutex<(Vec<String>, Vec<&'static str>)>>);

impl Told {
    /// What was told since this was last asked.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no panic").0)
    }

    /// Has `what` fail from now on.
    pub(super) fn refuse(&self, what: &'static str) {
        self.0.lock().expect("no panic").1.push(what);
    }

    fn hear(&self, what: impl Into<String>) -> Result<()> {
        let (mut told, what) = (self.0.lock().expect("no panic"), what.into());
        let refused = told.1.contains(&what.as_str());
        told.0.push(what);
        if refused { Err(Error::TransactionEnded) } else { Ok(()) }
    }

    fn later(&self, what: impl Into<String>) -> BoxFuture<'static, Result<()>> {
        Box::pin(ready(self.hear(what)))
    }
}

/// A transaction of a fake, and what the fake is told.
pub(super) async fn transaction() -> (Transaction, Told) {
    let (engine, told) = engine();
    let link = Link::open(engine, Location::caller()).await.expect("a connection");
    (Transaction::begin(link, &TransactionOptions::new()).await.expect("a transaction"), told)
}

pub(super) fn engine() -> (Engine, Told) {
    let told = Told::default();
    (Engine::from_driver(Box::new(Fake(told.clone(), LITE)), EngineOptions::default()), told)
}

#[derive(Debug)]
struct Fake(Told, Numbered);

impl Driver for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn namespace(&self) -> &str {
        "nowhere"
    }

    fn features(&self) -> &Features {
        self.1.features()
    }

    fn acquire<'a>(&'a self, _caller: Caller) -> BoxFuture<'a, Result<Box<dyn Connection>>> {
        Box::pin(ready(Ok(Box::new(FakeConnection(self.0.clone())) as _)))
    }

    fn pool_state(&self) -> PoolState {
        PoolState::default()
    }

    fn text(&self, statement: Statement<'_>) -> Result<(String, Binds)> {
        Ok((statement.operation().to_owned(), Binds::None))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}

#[derive(Debug)]
struct FakeConnection(Told);

impl Connection for FakeConnection {
    fn run<'a>(&'a mut self, statement: Statement<'a>, _sink: &'a mut dyn RowSink) -> Running<'a> {
        Running::over(self.0.hear(statement.operation()).map(|()| Done::default()))
    }

    fn explain<'a>(&'a mut self, _statement: Statement<'a>, _sink: &'a mut dyn RowSink) -> BoxFuture<'a, Result<Done>> {
        Box::pin(ready(self.0.hear("EXPLAIN").map(|()| Done::default())))
    }

    fn stream<'a>(
        &'a mut self,
        statement: Statement<'a>,
        _how: Streaming,
    ) -> BoxFuture<'a, Result<Box<dyn RowStream + 'a>>> {
        Box::pin(ready(self.0.hear(statement.operation()).map(|()| Box::new(Nothing) as _)))
    }

    fn begin<'a>(&'a mut self, _options: &'a TransactionOptions) -> BoxFuture<'a, Result<()>> {
        self.0.later("begin")
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<()>> {
        self.0.later("commit")
    }

    fn rollback(&mut self) -> BoxFuture<'_, Result<()>> {
        self.0.later("rollback")
    }

    fn savepoint(&mut self, depth: u32) -> BoxFuture<'_, Result<()>> {
        self.0.later(format!("savepoint {depth}"))
    }

    fn release(&mut self, depth: u32) -> BoxFuture<'_, Result<()>> {
        self.0.later(format!("release {depth}"))
    }

    fn rollback_to(&mut self, depth: u32) -> BoxFuture<'_, Result<()>> {
        self.0.later(format!("rollback to {depth}"))
    }

    fn abandon(&mut self, depth: u32) {
        self.0.hear(format!("abandon {depth}")).expect("it cannot fail");
    }
}

/// The rows of whatever is streamed.
struct Nothing;

impl RowStream for Nothing {
    fn next_chunk<'a>(&'a mut self, _sink: &'a mut dyn RowSink) -> BoxFuture<'a, Result<bool>> {
        Box::pin(ready(Ok(false)))
    }
}
