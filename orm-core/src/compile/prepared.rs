//! [`Prepared`]: a statement's text with its values.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Compiled;
use super::shape::Binds as Values;
use crate::ast::{DeleteChunk, InsertChunk, Statement, UpdateChunk};
use crate::error::{Binds, Result};
use crate::types::{BindSink, unbindable};
use crate::value::{Value, ValueRef};

/// A statement ready to run: its text, and its values in the order of the placeholders.
pub struct Prepared<'a> {
    compiled: Text<'a>,
    /// The values of the tree; a key's are in the statement, and rows come before these.
    values: Values<'a>,
    statement: Origin<'a>,
}

/// A statement by itself, or where somebody else keeps it: one takes a hundred bytes.
enum Origin<'a> {
    Copied(Statement<'a>),
    Kept(&'a Statement<'a>),
}

impl<'a> Deref for Origin<'a> {
    type Target = Statement<'a>;

    #[inline]
    fn deref(&self) -> &Statement<'a> {
        match self {
            Origin::Copied(statement) => statement,
            Origin::Kept(statement) => statement,
        }
    }
}

/// A text that is shared, or that somebody else keeps.
enum Text<'a> {
    Shared(Arc<Compiled>),
    Kept(&'a Arc<Compiled>),
}

impl Deref for Text<'_> {
    type Target = Arc<Compiled>;

    #[inline]
    fn deref(&self) -> &Arc<Compiled> {
        match self {
            Text::Shared(compiled) => compiled,
            Text::Kept(compiled) => compiled,
        }
    }
}

impl<'a> Prepared<'a> {
    pub(super) fn new(statement: Statement<'a>, compiled: Arc<Compiled>, values: Values<'a>) -> Self {
        Prepared { compiled: Text::Shared(compiled), values, statement: Origin::Copied(statement) }
    }

    /// With a text and a statement that somebody else keeps.
    #[inline]
    pub(super) fn beside(statement: &'a Statement<'a>, compiled: &'a Arc<Compiled>, values: Values<'a>) -> Self {
        Prepared { compiled: Text::Kept(compiled), values, statement: Origin::Kept(statement) }
    }

    /// What was prepared.
    #[must_use]
    pub fn statement(&self) -> Statement<'a> {
        *self.statement
    }
}

impl Prepared<'_> {
    /// The text as it is kept and shared: as long as a driver holds it, no other text is where this one is.
    #[must_use]
    pub fn compiled(&self) -> Arc<Compiled> {
        Arc::clone(&self.compiled)
    }

    /// The text. Equal statements give equal texts, so a driver can find its prepared statement by it.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.compiled.sql
    }

    /// Gives the values to `sink`, in the order of the placeholders, the first for placeholder 1; those of
    /// [`arrays`](Prepared::arrays) before all others, row by row.
    ///
    /// # Errors
    ///
    /// [`Error::Bind`](crate::error::Error::Bind) for a Rust value that no column can hold, and what `sink` says.
    pub fn bind<S: BindSink>(&self, sink: &mut S) -> Result<()> {
        match &*self.statement {
            // A key's values are in the order of the text.
            Statement::ByKey { key, .. } => return key.iter().try_for_each(|value| bind_value(value, sink)),
            Statement::Insert(chunk) => bind_rows(chunk, sink)?,
            Statement::UpdateRows(chunk) => bind_new_values(chunk, sink)?,
            Statement::DeleteRows(chunk) => bind_keys(chunk, sink)?,
            Statement::Select(_)
            | Statement::Table(_)
            | Statement::Update(_)
            | Statement::Delete(_)
            | Statement::Raw(_)
            | Statement::Ddl(_) => {}
        }
        match &self.compiled.order {
            None => self.values.iter().try_for_each(|value| bind_value(value, sink)),
            Some(order) => {
                order.iter().filter_map(|index| self.values.get(*index)).try_for_each(|value| bind_value(value, sink))
            }
        }
    }

    /// The arrays that the first placeholders are for, if the cells of the statement's rows are sent so: one array a
    /// column, with a value of each row.
    #[must_use]
    #[inline]
    pub fn arrays(&self) -> Option<Arrays<'_>> {
        let row = self.compiled.row.as_deref()?;
        let (columns, rows) = self.cells();
        Some(Arrays { columns, rows, row })
    }

    /// How many columns of how many rows are sent.
    fn cells(&self) -> (usize, usize) {
        match &*self.statement {
            Statement::Insert(chunk) => (chunk.columns.len(), chunk.rows().len()),
            Statement::UpdateRows(chunk) => (chunk.columns.len() + chunk.key().count(), chunk.rows().len()),
            Statement::DeleteRows(chunk) => (chunk.key().count(), chunk.rows().len()),
            Statement::ByKey { .. }
            | Statement::Select(_)
            | Statement::Table(_)
            | Statement::Update(_)
            | Statement::Delete(_)
            | Statement::Raw(_)
            | Statement::Ddl(_) => (0, 0),
        }
    }

    /// How many placeholders the text has.
    #[must_use]
    pub fn bind_count(&self) -> usize {
        if let Statement::ByKey { key, .. } = &*self.statement {
            return key.len();
        }
        let (columns, rows) = self.cells();
        let cells = if self.compiled.row.is_some() { columns } else { columns * rows };
        cells + self.compiled.order.as_ref().map_or(self.values.len(), |order| order.len())
    }

    /// The values for a log or an error: as text if `show` is true, otherwise only their number.
    #[must_use]
    pub fn binds_for_log(&self, show: bool) -> Binds {
        if !show {
            return Binds::Hidden(self.bind_count());
        }
        let mut shown = Shown(Vec::with_capacity(self.bind_count()));
        // A value that cannot be bound ends the list: running the statement reports it.
        let _reported = self.bind(&mut shown);
        if let Some(arrays) = self.arrays() {
            shown.gather(arrays);
        }
        Binds::new(shown.0.iter(), true)
    }
}

impl fmt::Debug for Prepared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("sql", &self.sql()).field("binds", &self.binds_for_log(false)).finish()
    }
}

fn bind_rows(chunk: &InsertChunk<'_>, sink: &mut dyn BindSink) -> Result<()> {
    let columns = chunk.columns.list();
    chunk.rows().try_for_each(|row| chunk.rows.bind(row, &columns, sink))
}

fn bind_new_values(chunk: &UpdateChunk<'_>, sink: &mut dyn BindSink) -> Result<()> {
    let columns = chunk.columns.list();
    let key: SmallVec<[u16; 4]> = chunk.key().collect();
    chunk.rows().try_for_each(|row| {
        chunk.rows.bind(row, &columns, sink)?;
        chunk.rows.bind_key(row, &key, sink)
    })
}

fn bind_keys(chunk: &DeleteChunk<'_>, sink: &mut dyn BindSink) -> Result<()> {
    let key: SmallVec<[u16; 4]> = chunk.key().collect();
    chunk.rows().try_for_each(|row| chunk.rows.bind_key(row, &key, sink))
}

#[inline]
fn bind_value(value: &Value, sink: &mut impl BindSink) -> Result<()> {
    match value.borrowed() {
        Ok(value) => sink.bind(value),
        Err(error) => Err(unbindable(error)),
    }
}

/// What a statement sends as arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrays<'a> {
    /// How many arrays there are.
    pub columns: usize,
    /// How many values each has.
    pub rows: usize,
    /// The text for one row by itself. Its first placeholders are for the same columns, so an array's values are of their
    /// types: the arrays themselves stand where no column says a type.
    pub row: &'a str,
}

/// Keeps what would be bound.
struct Shown(Vec<Value>);

impl Shown {
    /// Puts the cells of rows into a list for each column.
    fn gather(&mut self, arrays: Arrays<'_>) {
        let cells: Vec<Value> = self.0.drain(..self.0.len().min(arrays.columns * arrays.rows)).collect();
        let list = |column: usize| Value::List(cells.iter().skip(column).step_by(arrays.columns).cloned().collect());
        let lists: Vec<Value> = (0..arrays.columns).map(list).collect();
        self.0.splice(0..0, lists);
    }
}

impl BindSink for Shown {
    fn bind(&mut self, value: ValueRef<'_>) -> Result<()> {
        self.0.push(value.to_owned());
        Ok(())
    }
}
