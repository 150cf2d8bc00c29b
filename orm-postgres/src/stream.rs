//! Rows a chunk at a time, in bounded memory.
//!
//! A query is read through a cursor of the server, which lives in a transaction: the caller's, or one of its own. Very many
//! rows are copied, in such a transaction as well. Other statements have run when their first row comes, and their rows
//! are taken as they come.

use std::pin::Pin;

use futures_util::TryStreamExt;
use orm_core::ast::{RawPart, Statement};
use orm_core::compile::{Prepared, copy_out};
use orm_core::driver::{BoxFuture, Flow, RowSink, RowStream, Streaming};
use orm_core::error::Result;

use crate::connection::{Failure, PostgresConnection};
use crate::copy_out::CopyOut;
use crate::error;
use crate::live::{Live, Transaction};
use crate::readable;
use crate::row::PostgresRow;
use crate::statement::Failed;

/// The rows of a running statement.
pub(crate) struct PostgresStream<'a> {
    connection: &'a mut PostgresConnection,
    prepared: Prepared<'a>,
    how: Streaming,
    /// What the server was told, if the rows are copied.
    sql: Option<String>,
    source: Source,
}

enum Source {
    /// A cursor, which is read by this statement.
    Cursor { name: String, fetch: tokio_postgres::Statement, own_transaction: bool },
    /// A copy.
    Copy { rows: Box<CopyOut>, own_transaction: bool },
    /// The answer to a statement that is no query.
    Rows(Pin<Box<tokio_postgres::RowStream>>),
    /// There are no more.
    End,
}

impl<'a> PostgresStream<'a> {
    /// Runs the statement.
    pub(crate) async fn start(
        connection: &'a mut PostgresConnection,
        statement: Statement<'a>,
        how: Streaming,
    ) -> Result<Self> {
        let prepared = connection.compile(statement)?;
        let show = connection.show_binds();
        let live = connection.live()?;
        live.stale = false;
        let started = match is_query(statement) {
            true => match open(live, &prepared, how).await {
                // Its own transaction is over, and what was stale is prepared anew.
                Err(_) if live.transaction.is_none() && std::mem::take(&mut live.stale) => {
                    open(live, &prepared, how).await
                }
                opened => opened,
            },
            false => send(live, &prepared).await,
        };
        let source = started.map_err(|failure| live.tell(failure.describe(&Failed::of(&prepared, show))))?;
        let sql = matches!(source, Source::Copy { .. }).then(|| copy_out(prepared.sql()));
        Ok(PostgresStream { connection, prepared, how, sql, source })
    }

    async fn push_chunk(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        let show = self.connection.show_binds();
        let (live, most) = (self.connection.live()?, self.how.rows());
        let pushed = match &mut self.source {
            Source::Cursor { fetch, .. } => fetch_chunk(live, fetch, most, sink).await,
            Source::Copy { rows, .. } => rows.push(live, most, sink).await,
            Source::Rows(rows) => take_chunk(live, rows, most, sink).await,
            Source::End => return Ok(false),
        };
        match pushed {
            Ok(true) => Ok(true),
            Ok(false) => self.end().await.map(|()| false),
            Err(failure) => {
                self.abandon();
                let error = failure.describe(&Failed::of(&self.prepared, show));
                Err(self.connection.live()?.tell(error))
            }
        }
    }

    /// There are no more rows, or nobody wants them.
    async fn end(&mut self) -> Result<()> {
        let live = self.connection.live()?;
        match &self.source {
            // There are more, which are not waited for.
            Source::Copy { rows, .. } if !rows.is_over() => {
                self.abandon();
                return Ok(());
            }
            Source::Cursor { own_transaction: true, .. } | Source::Copy { own_transaction: true, .. } => {
                live.run_control("COMMIT").await?;
                live.transaction = None;
            }
            Source::Cursor { name, .. } => live.run_control(&format!("CLOSE {name}")).await?,
            Source::Copy { .. } | Source::Rows(_) | Source::End => {}
        }
        self.source = Source::End;
        Ok(())
    }

    /// Closes the cursor without waiting.
    fn abandon(&mut self) {
        let source = std::mem::replace(&mut self.source, Source::End);
        let Ok(live) = self.connection.live() else { return };
        match source {
            Source::Cursor { own_transaction: true, .. } | Source::Copy { own_transaction: true, .. } => {
                live.roll_back();
            }
            // A failed transaction has closed it.
            Source::Cursor { name, .. } if live.transaction != Some(Transaction::Failed) => {
                live.send(&format!("CLOSE {name}"));
            }
            Source::Cursor { .. } | Source::Copy { .. } | Source::Rows(_) | Source::End => {}
        }
    }
}

impl RowStream for PostgresStream<'_> {
    fn sql(&self) -> Option<&str> {
        self.sql.as_deref()
    }

    fn next_chunk<'a>(&'a mut self, sink: &'a mut dyn RowSink) -> BoxFuture<'a, Result<bool>> {
        match (&self.source, self.connection.live().map(|live| live.attendance(false))) {
            // What comes by itself is read by the connection's task meanwhile.
            (Source::Copy { .. }, _) | (_, Err(_)) => Box::pin(self.push_chunk(sink)),
            (_, Ok(attendance)) => Box::pin(attendance.to(self.push_chunk(sink))),
        }
    }
}

impl Drop for PostgresStream<'_> {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// Whether there can be a cursor for a statement, or a copy of its rows.
fn is_query(statement: Statement<'_>) -> bool {
    match statement {
        Statement::Select(_) | Statement::Table(_) | Statement::ByKey { .. } => true,
        // `WITH` may hold a statement that writes.
        Statement::Raw(raw) => match raw.parts.first() {
            Some(RawPart::Text(text)) => {
                let word = text.split_whitespace().next().unwrap_or_default();
                ["select", "values", "table"].iter().any(|known| word.eq_ignore_ascii_case(known))
            }
            _ => false,
        },
        Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_)
        | Statement::UpdateRows(_)
        | Statement::DeleteRows(_)
        | Statement::Ddl(_) => false,
    }
}

/// Opens a cursor, or begins a copy.
async fn open(live: &mut Live, prepared: &Prepared<'_>, how: Streaming) -> Result<Source, Failure> {
    let own_transaction = live.transaction.is_none();
    let mut opening = Opening { live, own_transaction, how, open: false };
    if own_transaction {
        opening.live.transaction = Some(Transaction::Good);
        opening.live.control("BEGIN").await?;
    }
    let source = match how {
        Streaming::Chunks(_) => {
            let name = opening.name();
            let fetch = opening.declare(&name, prepared).await?;
            Source::Cursor { name, fetch, own_transaction }
        }
        Streaming::Copy => {
            let rows = Box::new(CopyOut::begin(opening.live, prepared).await?);
            Source::Copy { rows, own_transaction }
        }
    };
    opening.open = true;
    Ok(source)
}

/// A cursor or a copy that is being opened. If that fails, or its future is dropped, its own transaction is undone; in
/// another's a cursor may be there, so its name is not used again.
struct Opening<'a> {
    live: &'a mut Live,
    own_transaction: bool,
    how: Streaming,
    open: bool,
}

impl Opening<'_> {
    fn name(&self) -> String {
        match self.live.doubtful_cursors {
            0 => "orm_stream".into(),
            number => format!("orm_stream_{number}"),
        }
    }

    async fn declare(&mut self, name: &str, prepared: &Prepared<'_>) -> Result<tokio_postgres::Statement, Failure> {
        let fetch = self.declare_for(name, prepared.sql(), prepared).await?;
        let Some(readable) = readable::with_texts(prepared.sql(), fetch.columns()) else { return Ok(fetch) };
        self.live.control(&format!("CLOSE {name}")).await?;
        self.declare_for(name, &readable, prepared).await
    }

    async fn declare_for(
        &mut self,
        name: &str,
        query: &str,
        values: &Prepared<'_>,
    ) -> Result<tokio_postgres::Statement, Failure> {
        let live = &mut *self.live;
        let sql = format!("DECLARE {name} NO SCROLL CURSOR FOR {query}");
        let declare = match live.statements.find(&sql) {
            Some(declare) => declare,
            None => live.prepare(&sql, values).await?,
        };
        live.bound.take(values, declare.params())?;
        let mut rows = Box::pin(live.send_statement(&declare).await?);
        let ended = rows.try_next().await;
        live.arrive(ended.as_ref().err());
        if matches!(&ended, Err(error) if error::is_stale(error)) {
            live.statements.forget(&sql);
        }
        ended?;
        // Not kept: it has the columns of this cursor.
        live.prepare_once(&format!("FETCH FORWARD {} FROM {name}", self.how.rows()), &[]).await
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        match (self.open, self.own_transaction) {
            (true, _) => {}
            (false, true) => self.live.roll_back(),
            (false, false) if self.how == Streaming::Copy => {}
            (false, false) => self.live.doubtful_cursors += 1,
        }
    }
}

async fn send(live: &mut Live, prepared: &Prepared<'_>) -> Result<Source, Failure> {
    let statement = match live.statements.find(prepared.sql()) {
        Some(statement) => statement,
        None => live.prepare(prepared.sql(), prepared).await?,
    };
    live.bound.take(prepared, statement.params())?;
    Ok(Source::Rows(Box::pin(live.send_statement(&statement).await?)))
}

/// Pushes the rows of one FETCH; false if they were the last ones, or nobody wants more.
async fn fetch_chunk(
    live: &mut Live,
    fetch: &tokio_postgres::Statement,
    most: usize,
    sink: &mut dyn RowSink,
) -> Result<bool, Failure> {
    live.depart();
    let fetched = live.client.query_raw(fetch, std::iter::empty::<i32>()).await;
    if let Err(error) = &fetched {
        live.arrive(Some(error));
    }
    let mut rows = Box::pin(fetched?);
    let (mut count, mut given) = (0, Ok(Flow::Continue));
    loop {
        match rows.try_next().await {
            // A chunk is short: its rest is read, so that the answer has come.
            Ok(Some(_)) if !matches!(given, Ok(Flow::Continue)) => {}
            Ok(Some(row)) => {
                count += 1;
                given = sink.row(&PostgresRow(&row));
            }
            Ok(None) => break live.arrive(None),
            Err(error) => {
                live.arrive(Some(&error));
                return Err(error.into());
            }
        }
    }
    Ok(given? == Flow::Continue && count == most)
}

/// Pushes as many rows as a chunk has; false if they were the last ones. They are read to the end even if nobody wants
/// more: what wrote them is waited for.
async fn take_chunk(
    live: &mut Live,
    rows: &mut Pin<Box<tokio_postgres::RowStream>>,
    most: usize,
    sink: &mut dyn RowSink,
) -> Result<bool, Failure> {
    let (mut count, mut given) = (0, Ok(Flow::Continue));
    while count < most || !matches!(given, Ok(Flow::Continue)) {
        match rows.try_next().await {
            Ok(Some(_)) if !matches!(given, Ok(Flow::Continue)) => {}
            Ok(Some(row)) => {
                count += 1;
                given = sink.row(&PostgresRow(&row));
            }
            Ok(None) => {
                live.arrive(None);
                given?;
                return Ok(false);
            }
            Err(error) => {
                live.arrive(Some(&error));
                return Err(error.into());
            }
        }
    }
    Ok(true)
}
