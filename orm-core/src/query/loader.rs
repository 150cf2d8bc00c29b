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
//! A loader runs nothing: whoever drives it runs a statement, hands over each of its rows, and asks for the next
//! statement. One more for each relation, whatever the number of rows; long lists of keys that are no single bind are
//! cut.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::decoder::Decoder;
use super::with::first_of_each;
use crate::ast::{ColumnRef, Expr, Operation, Select};
use crate::dialect::{Features, ListKind};
use crate::driver::Row;
use crate::error::{Error, Result, ValueError};
use crate::model::KeyValues;
use crate::value::{Value, ValueRef};

/// Reads rows and what is related to them.
pub trait Loader<T>: Send {
    /// Takes a row of the statement that was asked for last, or of the first one.
    ///
    /// # Errors
    ///
    /// The row does not fit the Rust type.
    fn row(&mut self, row: &dyn Row) -> Result<()>;

    /// The statement to run next, if there is one, after all rows of the last one were handed over.
    ///
    /// # Errors
    ///
    /// A key that cannot be asked for.
    fn next(&mut self, features: &Features) -> Result<Option<Select>>;

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

impl<T: Send + 'static> Loader<T> for Plain<T> {
    fn row(&mut self, row: &dyn Row) -> Result<()> {
        self.rows.push(self.decoder.decode(row)?);
        Ok(())
    }

    fn next(&mut self, _features: &Features) -> Result<Option<Select>> {
        Ok(None)
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

impl<T: Send + 'static, U> Loader<U> for MappedRows<T, U> {
    fn row(&mut self, row: &dyn Row) -> Result<()> {
        self.rows.row(row)
    }

    fn next(&mut self, features: &Features) -> Result<Option<Select>> {
        self.rows.next(features)
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
        Box::new(WithRows { base, branch, append: self.append, stage: Stage::Main })
    }
}

struct WithRows<Base, Out, T> {
    base: Box<dyn Loader<Base>>,
    branch: Box<dyn Branch<Out>>,
    append: fn(Base, Out) -> T,
    stage: Stage,
}

/// Whose statement runs.
#[derive(Clone, Copy)]
enum Stage {
    Main,
    Base,
    Branch,
}

impl<Base: Send, Out: Send, T> Loader<T> for WithRows<Base, Out, T> {
    fn row(&mut self, row: &dyn Row) -> Result<()> {
        match self.stage {
            Stage::Main => {
                self.base.row(row)?;
                self.branch.main_row(row)
            }
            Stage::Base => self.base.row(row),
            Stage::Branch => self.branch.row(row),
        }
    }

    fn next(&mut self, features: &Features) -> Result<Option<Select>> {
        if !matches!(self.stage, Stage::Branch) {
            self.stage = Stage::Base;
            if let Some(next) = self.base.next(features)? {
                return Ok(Some(next));
            }
            self.stage = Stage::Branch;
        }
        self.branch.next(features)
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
    fn row(&mut self, row: &dyn Row) -> Result<()>;
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

    fn row(&mut self, row: &dyn Row) -> Result<()> {
        if self.nested {
            return self.child.row(row);
        }
        let owners = self.index.owners(row, &self.spec.theirs).map_err(|source| self.spec.key_error(source))?;
        let Some(owners) = owners else { return Err(self.spec.stranger()) };
        // Who is related to several rows is read once for each: every row owns what it has.
        for owner in owners {
            self.child.row(row)?;
            self.owners.push(owner);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<Out>> {
        (self.spec.gather)(self.child.finish()?, &self.owners, self.keys.len(), self.spec.relation)
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

    fn row(&mut self, row: &dyn Row) -> Result<()> {
        self.child.row(row)
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

/// The keys of rows, in the order of the rows; none where a part of it is NULL.
enum Keys {
    Integers(Vec<Option<i64>>),
    Any(Vec<Option<KeyValues>>),
}

impl Keys {
    fn len(&self) -> usize {
        match self {
            Keys::Integers(keys) => keys.len(),
            Keys::Any(keys) => keys.len(),
        }
    }

    fn push(&mut self, row: &dyn Row, at: &[usize]) -> Result<(), ValueError> {
        if let (Keys::Integers(keys), [only]) = (&mut *self, at) {
            match row.get(*only)? {
                ValueRef::Int(key) => {
                    keys.push(Some(key));
                    return Ok(());
                }
                ValueRef::Null => {
                    keys.push(None);
                    return Ok(());
                }
                _ => {}
            }
        }
        self.push_any(row, at)
    }

    fn push_any(&mut self, row: &dyn Row, at: &[usize]) -> Result<(), ValueError> {
        if let Keys::Integers(keys) = self {
            let keys = keys.iter().map(|key| key.map(|key| KeyValues::from_iter([Value::Int(key)])));
            *self = Keys::Any(keys.collect());
        }
        let mut key = KeyValues::new();
        for index in at {
            key.push(row.get(*index)?.to_owned());
        }
        if let Keys::Any(keys) = self {
            keys.push(Some(key).filter(|key| !key.iter().any(Value::is_null)));
        }
        Ok(())
    }
}

/// Who has a key.
enum Index {
    /// Keys with the number of their row, in order. Rows that come in the order of their keys are found at once.
    Integers { sorted: Vec<(i64, u32)>, next: usize },
    /// The keys as bytes, with the numbers of their rows; and each of them once, to be asked for.
    Any { rows: HashMap<Vec<u8>, SmallVec<[u32; 1]>>, keys: Vec<KeyValues>, bytes: Vec<u8> },
}

impl Default for Index {
    fn default() -> Self {
        Index::Integers { sorted: Vec::new(), next: 0 }
    }
}

/// Keys in one statement, where they are not a single bind.
const KEYS_A_STATEMENT: usize = 500;

impl Index {
    fn of(keys: &mut Keys) -> Self {
        match keys {
            Keys::Integers(keys) => {
                let numbered = (0_u32..).zip(keys.iter());
                let mut sorted: Vec<_> = numbered.filter_map(|(row, key)| Some(((*key)?, row))).collect();
                sorted.sort_unstable();
                Index::Integers { sorted, next: 0 }
            }
            Keys::Any(keys) => {
                let (mut rows, mut each) = (HashMap::<_, SmallVec<[u32; 1]>>::new(), Vec::new());
                for (row, key) in (0_u32..).zip(keys.iter_mut()) {
                    let Some(key) = key.take() else { continue };
                    let bytes = key_bytes(&key);
                    let numbers = rows.entry(bytes).or_default();
                    if numbers.is_empty() {
                        each.push(key);
                    }
                    numbers.push(row);
                }
                Index::Any { rows, keys: each, bytes: Vec::new() }
            }
        }
    }

    /// The condition that asks for the next keys, if there are any.
    fn condition(&self, columns: &[ColumnRef], asked: &mut usize, features: &Features) -> Option<Expr> {
        match (self, columns) {
            (Index::Integers { sorted, .. }, [column]) => {
                let rest = sorted.get(*asked..).filter(|rest| !rest.is_empty())?;
                let most = if (features.list_as_one_bind)(ListKind::Integers) { rest.len() } else { KEYS_A_STATEMENT };
                let (now, _later) = rest.split_at(most.min(rest.len()));
                *asked += now.len();
                let mut list: Vec<Value> = Vec::with_capacity(now.len());
                now.iter().for_each(|(key, _row)| match list.last() {
                    Some(Value::Int(last)) if last == key => {}
                    _ => list.push(Value::Int(*key)),
                });
                Some(in_list(*column, list))
            }
            (Index::Integers { .. }, _) => None,
            (Index::Any { keys, .. }, columns) => {
                let rest = keys.get(*asked..).filter(|rest| !rest.is_empty())?;
                let now = rest.get(..KEYS_A_STATEMENT / columns.len().max(1)).unwrap_or(rest);
                *asked += now.len();
                Some(match columns {
                    [column] => in_list(*column, now.iter().flat_map(|key| key.first()).cloned().collect()),
                    columns => Expr::Or(now.iter().map(|key| equal(columns, key)).collect()),
                })
            }
        }
    }

    /// The numbers of the rows that have the key of this one, if any has it.
    fn owners(&mut self, row: &dyn Row, at: &[usize]) -> Result<Option<Owners<'_>>, ValueError> {
        match self {
            Index::Integers { sorted, next } => {
                let key = match at {
                    [only] => row.get(*only)?,
                    _ => ValueRef::Null,
                };
                let ValueRef::Int(key) = key else { return Ok(None) };
                let key_at = |index: usize| sorted.get(index).map(|(key, _row)| *key);
                if key_at(*next) != Some(key) {
                    // Most come in order: the same key again, or the next one.
                    let after =
                        sorted.iter().skip(*next).take_while(|(other, _)| Some(*other) == key_at(*next)).count();
                    *next = match key_at(*next + after) == Some(key) {
                        true => *next + after,
                        false => sorted.partition_point(|(other, _row)| *other < key),
                    };
                }
                let found = sorted.get(*next..).unwrap_or_default();
                let same = found.iter().take_while(|(other, _row)| *other == key).count();
                Ok(found.get(..same).filter(|found| !found.is_empty()).map(Owners::Integers))
            }
            Index::Any { rows, bytes, .. } => {
                bytes.clear();
                for index in at {
                    write_key(row.get(*index)?, bytes);
                }
                Ok(rows.get(bytes).map(|rows| Owners::Any(rows)))
            }
        }
    }
}

/// Numbers of rows.
enum Owners<'a> {
    Integers(&'a [(i64, u32)]),
    Any(&'a [u32]),
}

impl Iterator for Owners<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        match self {
            Owners::Integers(rows) => {
                let ((_key, row), rest) = rows.split_first()?;
                *rows = rest;
                Some(*row)
            }
            Owners::Any(rows) => {
                let (row, rest) = rows.split_first()?;
                *rows = rest;
                Some(*row)
            }
        }
    }
}

/// The conditions that ask for these keys, each of them once: mostly a single one.
pub(crate) fn key_conditions(columns: &[ColumnRef], keys: Vec<KeyValues>, features: &Features) -> Vec<Expr> {
    let integers = |key: &KeyValues| match key.as_slice() {
        [Value::Int(key)] => Some(Some(*key)),
        _ => None,
    };
    let mut keys = match keys.iter().map(integers).collect::<Option<Vec<_>>>() {
        Some(integers) => Keys::Integers(integers),
        None => Keys::Any(keys.into_iter().map(Some).collect()),
    };
    let (index, mut asked) = (Index::of(&mut keys), 0);
    std::iter::from_fn(|| index.condition(columns, &mut asked, features)).collect()
}

/// A key as bytes that are equal where keys are.
pub(crate) fn key_bytes(key: &KeyValues) -> Vec<u8> {
    let mut bytes = Vec::new();
    key.iter().for_each(|value| value.borrowed().iter().for_each(|value| write_key(*value, &mut bytes)));
    bytes
}

fn in_list(column: ColumnRef, list: Vec<Value>) -> Expr {
    let list = Value::List(list);
    Expr::Operation(Box::new(Operation::InList { expr: Expr::Column(column), list, negated: false }))
}

/// The condition that columns have the values of a key.
pub(crate) fn equal(columns: &[ColumnRef], key: &KeyValues) -> Expr {
    let pairs = columns.iter().zip(key).map(|(column, value)| {
        let sides = (Expr::Column(*column), Expr::Bind(value.clone()));
        Expr::Binary(crate::ast::BinaryOp::Eq, Box::new(sides))
    });
    Expr::And(pairs.collect())
}

/// A value as bytes that are equal where the values are: its kind, its length where that may differ, and itself.
fn write_key(value: ValueRef<'_>, bytes: &mut Vec<u8>) {
    let mut put = |kind: u8, value: &[u8]| {
        bytes.push(kind);
        bytes.extend_from_slice(&value.len().to_le_bytes());
        bytes.extend_from_slice(value);
    };
    match value {
        ValueRef::Null | ValueRef::List(_) => put(0, &[]),
        ValueRef::Bool(value) => put(1, &[u8::from(value)]),
        ValueRef::Int(value) => put(2, &value.to_le_bytes()),
        ValueRef::Float(value) => put(3, &value.to_bits().to_le_bytes()),
        ValueRef::Text(value) => put(4, value.as_bytes()),
        ValueRef::Json(value) => put(5, value.as_bytes()),
        ValueRef::Bytes(value) => put(6, value),
        ValueRef::Date(value) => put(7, &value.to_le_bytes()),
        ValueRef::Time(value) => put(8, &value.to_le_bytes()),
        ValueRef::DateTime(value) => put(9, &value.to_le_bytes()),
        ValueRef::Timestamp(value) => put(10, &value.to_le_bytes()),
        ValueRef::Uuid(value) => put(11, &value),
        ValueRef::Decimal(value) => {
            // 1.0 and 1.00 are one key.
            let (mut mantissa, mut scale) = (value.mantissa(), value.scale());
            while scale > 0 && mantissa % 10 == 0 {
                (mantissa, scale) = (mantissa / 10, scale - 1);
            }
            put(12, &[&mantissa.to_le_bytes()[..], &scale.to_le_bytes()].concat());
        }
        ValueRef::Word(word) => put(4, word.text.as_bytes()),
        ValueRef::Inet(value) => put(13, value.to_string().as_bytes()),
        ValueRef::Interval(value) => {
            let (months, days) = (value.months.to_le_bytes(), value.days.to_le_bytes());
            put(14, &[&months[..], &days, &value.micros.to_le_bytes()].concat());
        }
        ValueRef::Array(array) => {
            put(15, &array.values.len().to_le_bytes());
            array.values.iter().for_each(|value| write_key(value.borrowed().unwrap_or(ValueRef::Null), bytes));
        }
        ValueRef::Range(range) => match range.range.bounds() {
            None => put(16, &[]),
            Some((lower, upper)) => [lower, upper].into_iter().for_each(|bound| write_bound(bound, bytes)),
        },
        // As it is sent.
        ValueRef::Encoded(_) => write_key(value.to_owned().borrowed().unwrap_or(ValueRef::Null), bytes),
    }
}

fn write_bound(bound: std::ops::Bound<&Value>, bytes: &mut Vec<u8>) {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let (kind, value) = match bound {
        Included(value) => (17, value.borrowed()),
        Excluded(value) => (18, value.borrowed()),
        Unbounded => (19, Ok(ValueRef::Null)),
    };
    bytes.push(kind);
    write_key(value.unwrap_or(ValueRef::Null), bytes);
}
