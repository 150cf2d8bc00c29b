//! `INSERT`.

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Assignments, Expr, Projection};
use crate::error::Error;
use crate::meta::TableMeta;
use crate::types::BindSink;

/// An `INSERT` of rows.
#[derive(Debug, Clone)]
pub struct Insert {
    /// The table.
    pub table: &'static TableMeta,
    /// The rows. Shared, so that a statement stays cheap to clone.
    pub rows: Arc<dyn RowSource>,
    /// `ON CONFLICT`.
    pub conflict: Option<Box<OnConflict>>,
    /// `RETURNING`.
    pub returning: Vec<Projection>,
}

impl Insert {
    /// Whether it is of one row, which has no more columns than a statement takes binds.
    pub(crate) fn is_one_row(&self, max_binds: usize) -> bool {
        self.rows.len() == 1 && self.table.columns.len() <= max_binds
    }

    /// The first row by itself.
    pub(crate) fn first_row(&self) -> InsertChunk<'_> {
        let Insert { table, rows, conflict, returning } = self;
        let (rows, conflict) = (rows.as_ref(), conflict.as_deref());
        InsertChunk { table, rows, columns: rows.columns(0), conflict, returning, start: 0, end: 1 }
    }
}

/// What happens to a row of an `INSERT` that a row of the table is in the way of.
#[derive(Debug, Clone)]
pub struct OnConflict {
    /// The columns of a key or unique constraint. None: of any.
    pub target: ColumnSet,
    /// What happens.
    pub action: ConflictAction,
}

/// What an `INSERT` does instead.
#[derive(Debug, Clone)]
pub enum ConflictAction {
    /// `DO NOTHING`.
    Nothing,
    /// `DO UPDATE`. In it, the table under the name [`EXCLUDED`] is the row that could not be inserted.
    Update {
        /// What is set in the row that is there.
        set: Assignments,
        /// All must be true, or the row stays as it is.
        filter: Vec<Expr>,
    },
}

/// SQL's name for the row that could not be inserted.
pub const EXCLUDED: &str = "excluded";

/// Some rows of a table that one `INSERT` sends. All is borrowed, so that rows can be inserted from where they live.
#[derive(Debug, Clone, Copy)]
pub struct InsertChunk<'a> {
    /// The table.
    pub table: &'static TableMeta,
    /// The rows, of which these are some.
    pub rows: &'a dyn RowSource,
    /// The columns that these rows give; the database fills in the others.
    pub columns: ColumnSet,
    /// `ON CONFLICT`.
    pub conflict: Option<&'a OnConflict>,
    /// `RETURNING`.
    pub returning: &'a [Projection],
    /// The first row's number.
    pub start: usize,
    /// The number after the last row's.
    pub end: usize,
}

impl InsertChunk<'_> {
    /// The first of the rows, by itself.
    #[must_use]
    pub fn first(self) -> Self {
        InsertChunk { end: self.end.min(self.start + 1), ..self }
    }

    /// The numbers of the rows.
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// Rows to insert, kept as the Rust structs they are.
pub trait RowSource: std::fmt::Debug + Send + Sync {
    /// How many rows there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Which columns row number `row` gives.
    fn columns(&self, row: usize) -> ColumnSet;

    /// How many rows from `start` on give the same columns as row number `start`, which counts; none beyond `limit` is
    /// looked at.
    fn alike(&self, start: usize, limit: usize) -> usize {
        let columns = self.columns(start);
        (start + 1..limit).take_while(|row| self.columns(*row) == columns).count() + 1
    }

    /// Gives the cells of one row to `sink`, in this order. Only asked for columns in [`RowSource::columns`].
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] if no column can hold the value.
    fn bind(&self, row: usize, columns: &[u16], sink: &mut dyn BindSink) -> Result<(), Error>;
}

/// A set of columns by position. A model has at most 256.
#[derive(Debug, Clone, Copy, Eq, Hash, Default)]
#[expect(clippy::derived_hash_with_manual_eq, reason = "it says the same as a derived one")]
pub struct ColumnSet([u64; 4]);

impl PartialEq for ColumnSet {
    /// Word by word: arrays are compared where they lie, and to read a set as a whole that was just written in parts takes
    /// longer than to make it.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        (a ^ e) | (b ^ f) | (c ^ g) | (d ^ h) == 0
    }
}

impl ColumnSet {
    /// The largest number of columns.
    pub const MAX: u16 = 256;

    /// The first `count` columns.
    #[must_use]
    #[inline]
    pub fn first(count: usize) -> Self {
        let mut set = ColumnSet::default();
        for (word, bits) in set.0.iter_mut().enumerate() {
            *bits = match count.saturating_sub(word * 64) {
                0 => 0,
                rest @ 1..=63 => (1 << rest) - 1,
                _ => u64::MAX,
            };
        }
        set
    }

    /// Adds a column. Positions from [`ColumnSet::MAX`] on are left out; the derive refuses such models.
    #[inline]
    pub fn insert(&mut self, column: u16) {
        if let Some(bits) = self.0.get_mut(usize::from(column / 64)) {
            *bits |= 1 << (column % 64);
        }
    }

    /// Takes a column out.
    #[inline]
    pub fn remove(&mut self, column: u16) {
        if let Some(bits) = self.0.get_mut(usize::from(column / 64)) {
            *bits &= !(1 << (column % 64));
        }
    }

    /// Whether the column is in it.
    #[must_use]
    pub fn contains(&self, column: u16) -> bool {
        self.0.get(usize::from(column / 64)).is_some_and(|bits| bits >> (column % 64) & 1 == 1)
    }

    /// How many columns are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|bits| bits.count_ones() as usize).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }

    /// The columns in order, as a list. It is not asked first how many there are, which takes longer than to list a few.
    #[inline]
    pub(crate) fn list(self) -> SmallVec<[u16; 32]> {
        let mut list = SmallVec::new();
        self.iter().for_each(|column| list.push(column));
        list
    }

    /// The columns in order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = u16> + Clone + use<> {
        Columns { left: *self, word: 0 }
    }

    /// The set of these four words.
    #[must_use]
    #[inline]
    pub fn of_words(words: [u64; 4]) -> Self {
        ColumnSet(words)
    }

    /// The four words of the set, for a statement's shape.
    #[must_use]
    pub fn words(&self) -> [u64; 4] {
        self.0
    }
}

/// The columns of a set in order.
#[derive(Clone)]
struct Columns {
    left: ColumnSet,
    /// The words before this one are empty.
    word: u16,
}

impl Iterator for Columns {
    type Item = u16;

    #[inline]
    fn next(&mut self) -> Option<u16> {
        loop {
            let bits = self.left.0.get_mut(usize::from(self.word))?;
            if *bits != 0 {
                let column = self.word * 64 + u16::try_from(bits.trailing_zeros()).unwrap_or_default();
                // Without its lowest bit.
                *bits &= *bits - 1;
                return Some(column);
            }
            self.word += 1;
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left.len(), Some(self.left.len()))
    }

    #[inline]
    fn count(self) -> usize {
        self.left.len()
    }
}

impl FromIterator<u16> for ColumnSet {
    fn from_iter<I: IntoIterator<Item = u16>>(columns: I) -> Self {
        let mut set = ColumnSet::default();
        columns.into_iter().for_each(|column| set.insert(column));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_columns_counts_and_lists_them() {
        let mut set = ColumnSet::first(70);
        set.remove(3);
        set.insert(200);
        assert_eq!(set.len(), 70);
        assert!(set.contains(69) && !set.contains(70) && !set.contains(3) && set.contains(200));
        assert_eq!(set.iter().last(), Some(200));
        assert_eq!(ColumnSet::first(64).len(), 64);
        assert_eq!(ColumnSet::first(256).len(), 256);
    }
}
