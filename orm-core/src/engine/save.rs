//! `bulk_save`: new structs are inserted, the others written over their rows.

use std::fmt;

use super::TransactionOptions;
use super::executor::Lent;
use super::link::{Ending, Link, Together};
use super::versions::Missed;
use crate::ast::{
    ColumnRef, ColumnSet, Expr, InsertChunk, KeyedRows, Projection, RowSource, Statement, TableRef, UpdateChunk,
};
use crate::driver::{Flow, NoRows, Row, RowSink};
use crate::error::{Error, Result};
use crate::model::{InsertRow, Model, field};
use crate::query::{ChunkSize, Command, all_but_the_key, bind_next};
use crate::types::BindSink;
use crate::value::ValueRef;

/// Saves structs in one transaction, or in a savepoint of the one that is open. They get their keys once all is kept.
pub(super) async fn save<'a, T>(lent: Lent<'a>, structs: &mut [T]) -> Result<u64>
where
    T: Model + InsertRow<Model = T>,
{
    let key = generated::<T>()?;
    let is_new = |number: &usize| structs.get(*number).is_some_and(|one| !one.columns().contains(key));
    let (new, known): (Vec<usize>, Vec<usize>) = (0..structs.len()).partition(is_new);
    if structs.is_empty() {
        return Ok(0);
    }
    let mut link = lent.get().await?;
    let depth = link.enter(&TransactionOptions::new()).await?;
    let together = Together { link: &mut link, depth };
    let keys = insert(together.link, &Chosen { structs, numbers: &new }, key).await?;
    let updated = match update(together.link, &Chosen { structs, numbers: &known }).await? {
        Ok(updated) => updated,
        Err(missed) => return Err(together.blame(missed).await),
    };
    together.link.leave(depth, Ending::Commit).await?;
    drop(together);
    for (number, made) in new.iter().zip(&keys) {
        if let Some(inserted) = structs.get_mut(*number) {
            inserted.assign(key, ValueRef::Int(*made))?;
        }
    }
    for number in known {
        if let Some(updated) = structs.get_mut(number) {
            count_up(updated)?;
        }
    }
    Ok(updated + keys.len() as u64)
}

/// The struct has the version of its row.
fn count_up<T: Model>(updated: &mut T) -> Result<()> {
    let Some(version) = T::TABLE.version else { return Ok(()) };
    let mut next = Next(0);
    bind_next(updated, &[version], &mut next)?;
    updated.assign(version, ValueRef::Int(next.0))
}

struct Next(i64);

impl BindSink for Next {
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        if let ValueRef::Int(version) = value {
            self.0 = version;
        }
        Ok(())
    }
}

/// The column of the key that the database makes.
fn generated<T: Model>() -> Result<u16> {
    let model = T::TABLE.model;
    T::TABLE.generated.ok_or_else(|| {
        Error::Statement(format!(
            "the key of `{model}` is not made by the database, so which rows are new is not known: use `insert`, \
             `update_rows`, or an `insert` with `.on_conflict(..).do_update(..)`"
        ))
    })
}

/// Inserts structs and gives the keys that were made, in their order.
async fn insert<T>(link: &mut Link, new: &Chosen<'_, T>, key: u16) -> Result<Vec<i64>>
where
    T: Model + InsertRow<Model = T>,
{
    let table = T::TABLE;
    let own = TableRef { meta: table, alias: None };
    let returning = [Projection::Expr(Expr::Column(ColumnRef { table: own, index: key }))];
    // All are alike: what makes them new is that they leave out the key.
    let columns = new.columns(0);
    let size = ChunkSize::new(link.engine.driver().features()).giving(table, columns);
    let (mut keys, mut start) = (Keys(Vec::with_capacity(new.numbers.len())), 0);
    while start < new.numbers.len() {
        let end = start + size.of(new.numbers.len() - start, table, columns.iter());
        let chunk = InsertChunk { table, rows: new, columns, conflict: None, returning: &returning, start, end };
        link.run(Command::One(Statement::Insert(chunk)), &mut keys).await?;
        // Keys are made in the order of the rows, and RETURNING gives them in any.
        keys.0.get_mut(start..).into_iter().for_each(<[i64]>::sort_unstable);
        start = end;
    }
    Ok(keys.0)
}

/// Writes structs over their rows and gives the number of these, or the rows that were not as they were read.
async fn update<'a, T: Model>(link: &mut Link, known: &'a Chosen<'_, T>) -> Result<Result<u64, Missed<'a>>> {
    let table = T::TABLE;
    let columns = all_but_the_key(table);
    let size = ChunkSize::of_updates(link.engine.driver().features());
    let (mut updated, mut start) = (0, 0);
    while start < known.numbers.len() {
        let guard = table.version;
        let sent = columns.iter().chain(table.primary_key.iter().copied()).chain(guard);
        let end = start + size.of(known.numbers.len() - start, table, sent);
        let chunk = UpdateChunk { table, columns, guard, rows: known, returning: &[], start, end };
        let done = link.run(Command::One(Statement::UpdateRows(chunk)), &mut NoRows).await?;
        if let Some(missed) = Missed::of(&chunk, done) {
            return Ok(Err(missed));
        }
        updated += done.rows_affected;
        start = end;
    }
    Ok(Ok(updated))
}

/// Some of the structs.
struct Chosen<'a, T> {
    structs: &'a [T],
    numbers: &'a [usize],
}

impl<T: Model> Chosen<'_, T> {
    fn get(&self, row: usize) -> Option<&T> {
        self.structs.get(*self.numbers.get(row)?)
    }

    fn bind_columns(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
        let Some(row) = self.get(row) else { return Ok(()) };
        columns.iter().try_for_each(|column| Model::bind(row, *column, sink))
    }
}

impl<T: Model + InsertRow<Model = T>> RowSource for Chosen<'_, T> {
    fn len(&self) -> usize {
        self.numbers.len()
    }

    fn columns(&self, row: usize) -> ColumnSet {
        self.get(row).map(InsertRow::columns).unwrap_or_default()
    }

    fn bind(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
        self.bind_columns(row, columns, sink)
    }
}

impl<T: Model> KeyedRows for Chosen<'_, T> {
    fn len(&self) -> usize {
        self.numbers.len()
    }

    fn bind_key(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
        self.bind_columns(row, columns, sink)
    }

    fn bind(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
        self.get(row).map_or(Ok(()), |row| bind_next(row, columns, sink))
    }
}

/// Without the rows, which may be secret.
impl<T> fmt::Debug for Chosen<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows", self.numbers.len())
    }
}

/// The keys that come back.
struct Keys(Vec<i64>);

impl RowSink for Keys {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        self.0.push(field(row, 0, "the generated key")?);
        Ok(Flow::Continue)
    }
}
