//! Very many rows: copied into the table where that means the same, inserted otherwise.

use std::sync::Arc;

use super::TransactionOptions;
use super::executor::Lent;
use super::link::{Ending, Link, Observed, Together};
use crate::ast::{Insert, InsertChunk, RowSource, Statement};
use crate::driver::{CopyIn, Done, NoRows};
use crate::error::Result;
use crate::meta::TableMeta;
use crate::model::{InsertRow, Model};
use crate::query::{Command, InsertRows};

/// How many rows of an iterator are in memory at once.
const ROWS_AT_ONCE: usize = 1_000;

/// Gives the next rows, and none when there are no more.
type Next<'a> = dyn FnMut() -> Option<Arc<dyn RowSource>> + Send + 'a;

/// Copies the rows of an iterator, a few at a time.
pub(super) async fn copy<'a, I>(lent: Lent<'a>, rows: I) -> Result<u64>
where
    I: Iterator<Item: InsertRow> + Send,
{
    let mut rows = rows;
    let mut next = || {
        let some: Vec<I::Item> = rows.by_ref().take(ROWS_AT_ONCE).collect();
        (!some.is_empty()).then(|| some.into_source())
    };
    let mut link = lent.get().await?;
    let table = <I::Item as InsertRow>::Model::TABLE;
    let done = link.copy(table, &mut next).await;
    Ok(link.noted(done)?.rows_affected)
}

impl Link {
    /// Whether an `INSERT` is one of so many rows that they are copied.
    pub(super) fn copies(&self, insert: &Insert) -> bool {
        let from = self.engine.driver().features().copy_rows;
        from.is_some_and(|from| insert.rows.len() >= from) && insert.conflict.is_none() && insert.returning.is_empty()
    }

    /// Copies the rows of an `INSERT`.
    pub(super) async fn run_copy(&mut self, insert: &Insert) -> Result<Done> {
        let mut rows = Some(Arc::clone(&insert.rows));
        self.copy(insert.table, &mut || rows.take()).await
    }

    /// Writes all rows, or none.
    async fn copy(&mut self, table: &'static TableMeta, next: &mut Next<'_>) -> Result<Done> {
        let Some(first) = next() else { return Ok(Done::default()) };
        match self.try_copy(table, Arc::clone(&first), next).await {
            // Nothing was taken of `next` yet: what is prepared is needed before any row.
            Err(_) if self.depth == 0 && self.connection.take_stale() => self.try_copy(table, first, next).await,
            result => result,
        }
    }

    async fn try_copy(
        &mut self,
        table: &'static TableMeta,
        first: Arc<dyn RowSource>,
        next: &mut Next<'_>,
    ) -> Result<Done> {
        let depth = self.enter(&TransactionOptions::new()).await?;
        let together = Together { link: self, depth };
        let (mut rows, mut rows_affected) = (Some(first), 0);
        while let Some(these) = rows {
            let written;
            (written, rows) = together.link.copy_alike(table, these, next).await?;
            rows_affected += written;
        }
        together.link.leave(depth, Ending::Commit).await?;
        Ok(Done { rows_affected })
    }

    /// Writes these rows and those after them that give the same columns. Gives how many, and the rows that come next.
    async fn copy_alike(
        &mut self,
        table: &'static TableMeta,
        rows: Arc<dyn RowSource>,
        next: &mut Next<'_>,
    ) -> Result<(u64, Option<Arc<dyn RowSource>>)> {
        let engine = self.engine.clone();
        let columns = rows.columns(0);
        let chunk =
            InsertChunk { table, rows: rows.as_ref(), columns, conflict: None, returning: &[], start: 0, end: 1 };
        // What is wrong with the statement is said by the `INSERT`.
        if are_alike(rows.as_ref()) && !columns.is_empty() && engine.driver().text(Statement::Insert(chunk)).is_ok() {
            self.count(Statement::Insert(chunk));
            let is_observed = self.is_observed();
            if let Some(mut copy) = self.connection.copy_in(chunk).await? {
                let observed = is_observed.then(|| Observed::of(&engine, Statement::Insert(chunk), copy.sql()));
                let (done, following) = match send(copy.as_mut(), rows.as_ref(), next).await {
                    Ok((done, following)) => (Ok(done), following),
                    Err(error) => (Err(error), None),
                };
                let done = match observed {
                    Some(observed) => observed.report(&engine, 0, done)?,
                    None => done?,
                };
                return Ok((done.rows_affected, following));
            }
        }
        let insert = Insert { table, rows, conflict: None, returning: Vec::new() };
        Ok((self.run_all(Command::Insert(&insert), &mut NoRows).await?.rows_affected, next()))
    }
}

/// Sends rows, and more as long as they give the same columns.
async fn send(
    copy: &mut dyn CopyIn,
    rows: &dyn RowSource,
    next: &mut Next<'_>,
) -> Result<(Done, Option<Arc<dyn RowSource>>)> {
    let columns = rows.columns(0);
    copy.send(rows).await?;
    let mut following = next();
    while let Some(more) = following.take_if(|more| more.columns(0) == columns && are_alike(more.as_ref())) {
        copy.send(more.as_ref()).await?;
        following = next();
    }
    Ok((copy.finish().await?, following))
}

fn are_alike(rows: &dyn RowSource) -> bool {
    rows.alike(0, rows.len()) == rows.len()
}
