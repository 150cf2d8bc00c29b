//! [`Loader`]: from the rows of a statement, and of those that follow it, to rows with what is related to them.
//!
//! ```text
//! SELECT users ..                    row ─> base User, its key is noted
//!     next() ─> SELECT post .. WHERE author_id IN (keys)
//!                                    row ─> base Post, and whose it is
//!         next() ─> SELECT comment .. WHERE post_id IN (keys)
//! finish() ─> (User, Vec<(Post, Vec<Comment>)>)
//! ```
//!
//! A loader runs nothing: whoever drives it runs a statement, hands its rows to the sink that takes them, and asks for the
//! next statement. That sink is a part of the loader, and is found once a statement and not once a row. One more for each relation, whatever the number of rows; long lists of keys that are no single bind are
//! cut.

use std::sync::Arc;

use smallvec::SmallVec;

use super::decoder::Decoder;
use super::row_keys::{Index, Keys};
use super::with::first_of_each;
use crate::ast::{ColumnRef, Expr, Select};
use crate::dialect::Features;
use crate::driver::{Flow, Row, RowSink};
use crate::error::{Error, Result, ValueError};
use crate::value::ValueRef;

/// Reads rows and what is related to them. As a sink it takes the rows of the first statement.
pub trait Loader<T>: RowSink {
    /// The statement to run next, if there is one, after all rows of the last one were handed over.
    ///
    /// # Errors
    ///
    /// A key that cannot be asked for.
    fn next(&mut self, features: &Features) -> Result<Option<Select>>;

    /// What takes the rows of the statement that [`next`](Loader::next) gave last.
    fn related(&mut self) -> &mut dyn RowSink;

    /// The rows of the first statement, whole.
    ///
    /// # Errors
    ///
    /// [`Error::NoRelated`] if a row lacks what it must have.
    fn finish(self: Box<Self>) -> Result<Vec<T>>;
}

/// Begins loaders: what a statement knows of its rows.
pub(crate) trait Loading<T>: Send + Sync {
    fn start(&self) -> Box<dyn Loader<T>>;
}

/// How the rows of a `SELECT` are read.
pub(crate) enum Reader<T> {
    /// Each by itself.
    Plain(Decoder<T>),
    /// Together with what is related to them.
    Loading(Arc<dyn Loading<T>>),
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        match self {
            Reader::Plain(decoder) => Reader::Plain(decoder.clone()),
            Reader::Loading(loading) => Reader::Loading(Arc::clone(loading)),
        }
    }
}

impl<T: Send + 'static> Reader<T> {
    pub(crate) fn start(&self) -> Box<dyn Loader<T>> {
        match self {
            Reader::Plain(decoder) => Box::new(Plain { decoder: decoder.clone(), rows: Vec::new() }),
            Reader::Loading(loading) => loading.start(),
        }
    }

    /// The same, and what is read is converted.
    pub(crate) fn map<U: From<T> + Send + 'static>(self) -> Reader<U> {
        self.map_by(U::from)
    }

    /// The same by a function.
    pub(crate) fn map_by<U: Send + 'static>(self, convert: fn(T) -> U) -> Reader<U> {
        match self {
            Reader::Plain(decoder) => Reader::Plain(decoder.map(convert)),
            Reader::Loading(loading) => Reader::Loading(Arc::new(Mapped { loading, convert })),
        }
    }
}

/// Rows without relations.
struct Plain<T> {
    decoder: Decoder<T>,
    rows: Vec<T>,
}

impl<T: Send + 'static> RowSink for Plain<T> {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        self.rows.push(self.decoder.decode(row)?);
        Ok(Flow::Continue)
    }
}

impl<T: Send + 'static> Loader<T> for Plain<T> {
    fn next(&mut self, _features: &Features) -> Result<Option<Select>> {
        Ok(None)
    }

    fn related(&mut self) -> &mut dyn RowSink {
        self
    }

    fn finish(self: Box<Self>) -> Result<Vec<T>> {
        Ok(self.rows)
    }
}

struct Mapped<T, U> {
    loading: Arc<dyn Loading<T>>,
    convert: fn(T) -> U,
}

impl<T: Send + 'static, U: Send + 'static> Loading<U> for Mapped<T, U> {
    fn start(&self) -> Box<dyn Loader<U>> {
        Box::new(MappedRows { rows: self.loading.start(), convert: self.convert })
    }
}

struct MappedRows<T, U> {
    rows: Box<dyn Loader<T>>,
    convert: fn(T) -> U,
}

impl<T: Send + 'static, U> RowSink for MappedRows<T, U> {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        self.rows.row(row)
    }
}

impl<T: Send + 'static, U> Loader<U> for MappedRows<T, U> {
    fn next(&mut self, features: &Features) -> Result<Option<Select>> {
        self.rows.next(features)
    }

    fn related(&mut self) -> &mut dyn RowSink {
        self.rows.related()
    }

    fn finish(self: Box<Self>) -> Result<Vec<U>> {
        Ok(self.rows.finish()?.into_iter().map(self.convert).collect())
    }
}

/// Rows with one relation more than `Base` has.
pub(crate) struct With<Base, Out, T> {
    pub(crate) base: Reader<Base>,
    pub(crate) branch: Arc<dyn Branching<Out>>,
    pub(crate) append: fn(Base, Out) -> T,
}

impl<Base: Send + 'static, Out: Send + 'static, T: 'static> Loading<T> for With<Base, Out, T> {
    fn start(&self) -> Box<dyn Loader<T>> {
        let (base, branch) = (self.base.start(), self.branch.start());
        Box::new(WithRows { base, branch, append: self.append, of_branch: false })
    }
}

struct WithRows<Base, Out, T> {
    base: Box<dyn Loader<Base>>,
    branch: Box<dyn Branch<Out>>,
    append: fn(Base, Out) -> T,
    /// Whether the statements are those of the branch, and no more those of the relations that the base has.
    of_branch: bool,
}

impl<Base: Send, Out: Send, T> RowSink for WithRows<Base, Out, T> {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        self.branch.main_row(row)?;
        self.base.row(row)
    }
}

impl<Base: Send, Out: Send, T> Loader<T> for WithRows<Base, Out, T> {
    fn next(&mut self, features: &Features) -> Result<Option<Select>> {
        if !self.of_branch {
            if let Some(next) = self.base.next(features)? {
                return Ok(Some(next));
            }
            self.of_branch = true;
        }
        self.branch.next(features)
    }

    fn related(&mut self) -> &mut dyn RowSink {
        if self.of_branch { self.branch.related() } else { self.base.related() }
    }

    fn finish(self: Box<Self>) -> Result<Vec<T>> {
        let (bases, related) = (self.base.finish()?, self.branch.finish()?);
        Ok(bases.into_iter().zip(related).map(|(base, related)| (self.append)(base, related)).collect())
    }
}

/// Begins branches.
pub(crate) trait Branching<Out>: Send + Sync {
    fn start(&self) -> Box<dyn Branch<Out>>;
}

/// What is related to the rows of another statement: an `Out` for each of them.
pub(crate) trait Branch<Out>: Send {
    /// Takes a row of the other statement.
    fn main_row(&mut self, row: &dyn Row) -> Result<()>;
    fn next(&mut self, features: &Features) -> Result<Option<Select>>;
    fn related(&mut self) -> &mut dyn RowSink;
    fn finish(self: Box<Self>) -> Result<Vec<Out>>;
}

/// Puts related rows beside those that they belong to: for each row the number of the one it belongs to, and how many of
/// those there are.
pub(crate) type Gather<Row, Out> = fn(Vec<Row>, &[u32], usize, &'static str) -> Result<Vec<Out>>;

/// Positions of columns in a row.
pub(crate) type Positions = SmallVec<[usize; 1]>;

/// Related rows that a statement of their own reads.
pub(crate) struct Separate<Row, Out> {
    pub(crate) relation: &'static str,
    /// Where the rows of the other statement have what this one is asked by.
    pub(crate) own: Positions,
    /// The statement without the condition on its keys.
    pub(crate) select: Select,
    /// How many rows of each key are wanted at most.
    pub(crate) per_row: Option<u64>,
    pub(crate) reader: Reader<Row>,
    /// The columns that the keys are compared with, and where the rows have them.
    pub(crate) columns: SmallVec<[ColumnRef; 1]>,
    pub(crate) theirs: Positions,
    pub(crate) gather: Gather<Row, Out>,
}

impl<Row: Send + 'static, Out: Send + 'static> Branching<Out> for Arc<Separate<Row, Out>> {
    fn start(&self) -> Box<dyn Branch<Out>> {
        Box::new(SeparateRows {
            child: self.reader.start(),
            spec: Arc::clone(self),
            keys: Keys::Integers(Vec::new()),
            index: Index::default(),
            asked: 0,
            owners: Vec::new(),
            nested: false,
        })
    }
}

struct SeparateRows<Row, Out> {
    spec: Arc<Separate<Row, Out>>,
    keys: Keys,
    index: Index,
    /// How many of the index's keys were asked for.
    asked: usize,
    child: Box<dyn Loader<Row>>,
    /// For each related row, the number of the row that it belongs to.
    owners: Vec<u32>,
    /// Whether the related rows' own relations are being read.
    nested: bool,
}

impl<T: Send + 'static, Out: Send + 'static> Branch<Out> for SeparateRows<T, Out> {
    fn main_row(&mut self, row: &dyn Row) -> Result<()> {
        self.keys.push(row, &self.spec.own).map_err(|source| self.spec.key_error(source))
    }

    fn next(&mut self, features: &Features) -> Result<Option<Select>> {
        if self.asked == 0 {
            self.index = Index::of(&mut self.keys);
        }
        if let Some(condition) = self.index.condition(&self.spec.columns, &mut self.asked, features) {
            return Ok(Some(self.spec.statement(condition)));
        }
        self.nested = true;
        let mut nested = self.child.next(features)?;
        // What a relation lifts is lifted from what is loaded with it.
        nested.iter_mut().for_each(|select| select.lifted.merge(&self.spec.select.lifted));
        Ok(nested)
    }

    fn related(&mut self) -> &mut dyn RowSink {
        if self.nested { self.child.related() } else { self }
    }

    fn finish(self: Box<Self>) -> Result<Vec<Out>> {
        (self.spec.gather)(self.child.finish()?, &self.owners, self.keys.len(), self.spec.relation)
    }
}

impl<T: Send + 'static, Out: Send + 'static> RowSink for SeparateRows<T, Out> {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        // Nearly all rows: by one number they belong to one row.
        match self.only_owner(row) {
            Some((row, owner)) => {
                self.owners.push(owner);
                self.child.row(&row)
            }
            None => self.row_of_any(row),
        }
    }
}

impl<T: Send + 'static, Out: Send + 'static> SeparateRows<T, Out> {
    #[inline]
    fn only_owner<'a>(&mut self, row: &'a dyn Row) -> Option<(KeyedRow<'a>, u32)> {
        let (Index::Integers(index), [at]) = (&mut self.index, &*self.spec.theirs) else { return None };
        let Ok(ValueRef::Int(key)) = row.get(*at) else { return None };
        let [(_key, owner)] = index.rows_of(key) else { return None };
        Some((KeyedRow { row, at: *at, key }, *owner))
    }

    /// Who is related to several rows is read once for each: every row owns what it has.
    #[inline(never)]
    fn row_of_any(&mut self, row: &dyn Row) -> Result<Flow> {
        let owners = self.index.rows_of(row, &self.spec.theirs).map_err(|source| self.spec.key_error(source))?;
        if owners.is_empty() {
            return Err(self.spec.stranger());
        }
        for owner in owners {
            self.child.row(row)?;
            self.owners.push(owner);
        }
        Ok(Flow::Continue)
    }
}

/// A row of which the key was read already: a database is asked for nothing twice.
struct KeyedRow<'a> {
    row: &'a dyn Row,
    at: usize,
    key: i64,
}

impl Row for KeyedRow<'_> {
    fn width(&self) -> usize {
        self.row.width()
    }

    #[inline]
    fn get(&self, index: usize) -> Result<ValueRef<'_>, ValueError> {
        if index == self.at { Ok(ValueRef::Int(self.key)) } else { self.row.get(index) }
    }

    fn name(&self, index: usize) -> Option<&str> {
        self.row.name(index)
    }
}

impl<Row, Out> Separate<Row, Out> {
    fn statement(&self, condition: Expr) -> Select {
        let mut select = self.select.clone();
        select.filter.push(condition);
        match self.per_row {
            Some(rows) => first_of_each(select, &self.columns, &self.theirs, rows),
            None => select,
        }
    }

    #[cold]
    fn key_error(&self, source: ValueError) -> Error {
        Error::Decode { column: format!("the key of `{}`", self.relation), source }
    }

    #[cold]
    fn stranger(&self) -> Error {
        Error::Statement(format!(
            "`{}`: the database gave a row by a key that no row has: it compares these keys in another way, by a \
             collation perhaps",
            self.relation
        ))
    }
}

/// A related row, of which there is one at most, that is read by a join.
pub(crate) struct Joined<Row, Out> {
    pub(crate) relation: &'static str,
    /// Where its columns begin in a row, and where its key stands in it.
    pub(crate) at: usize,
    pub(crate) key: Positions,
    pub(crate) reader: Reader<Row>,
    pub(crate) gather: Gather<Row, Out>,
}

impl<Row: Send + 'static, Out: Send + 'static> Branching<Out> for Arc<Joined<Row, Out>> {
    fn start(&self) -> Box<dyn Branch<Out>> {
        Box::new(JoinedRows { child: self.reader.start(), spec: Arc::clone(self), owners: Vec::new(), count: 0 })
    }
}

struct JoinedRows<Row, Out> {
    spec: Arc<Joined<Row, Out>>,
    child: Box<dyn Loader<Row>>,
    owners: Vec<u32>,
    count: u32,
}

impl<T: Send + 'static, Out: Send + 'static> Branch<Out> for JoinedRows<T, Out> {
    fn main_row(&mut self, row: &dyn Row) -> Result<()> {
        if !self.spec.key.iter().all(|at| matches!(row.get(*at), Ok(ValueRef::Null))) {
            self.child.row(&Shifted { row, by: self.spec.at })?;
            self.owners.push(self.count);
        }
        self.count += 1;
        Ok(())
    }

    fn next(&mut self, features: &Features) -> Result<Option<Select>> {
        self.child.next(features)
    }

    fn related(&mut self) -> &mut dyn RowSink {
        self.child.related()
    }

    fn finish(self: Box<Self>) -> Result<Vec<Out>> {
        (self.spec.gather)(self.child.finish()?, &self.owners, self.count as usize, self.spec.relation)
    }
}

/// The end of a row, as a row.
pub(crate) struct Shifted<'a> {
    pub(crate) row: &'a dyn Row,
    pub(crate) by: usize,
}

impl Row for Shifted<'_> {
    fn width(&self) -> usize {
        self.row.width().saturating_sub(self.by)
    }

    #[inline]
    fn get(&self, index: usize) -> Result<ValueRef<'_>, ValueError> {
        self.row.get(index + self.by)
    }

    fn name(&self, index: usize) -> Option<&str> {
        self.row.name(index + self.by)
    }
}
