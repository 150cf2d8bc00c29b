//! The rows of one model as the structs they are, and all that needs to know their type.
//!
//! Whatever can be said without the type is said in [`Arena`](super::arena::Arena), once for all models.

use std::any::Any;

use hashbrown::DefaultHashBuilder;

use super::{Object, keys};
use crate::ast::ColumnSet;
use crate::driver::Row;
use crate::error::{Error, Result};
use crate::types::BindSink;
use crate::value::ValueRef;

/// Where a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// In its slot: what the program sees.
    Now(u32),
    /// Put aside under a number: what it was.
    Kept(u32),
}

/// The rows of a model, the model forgotten.
pub(super) trait Values: Send + Sync {
    /// Gives the value of a column.
    fn bind(&self, at: At, column: u16, sink: &mut dyn BindSink) -> Result<()>;
    /// Gives the values of columns, one after the other.
    fn bind_all(&self, at: At, columns: &[u16], sink: &mut dyn BindSink) -> Result<()>;
    /// Whether a column is this integer.
    fn is_integer(&self, at: At, column: u16, integer: i64) -> bool;
    /// The hash of columns.
    fn hash(&self, builder: &DefaultHashBuilder, at: At, columns: &[u16]) -> Result<u32>;
    /// Adds the columns in which two rows differ, but for those that the database or the flush makes.
    fn differences(&self, left: At, right: At, columns: &mut ColumnSet) -> Result<()>;
    /// Sets a column to a value of the database.
    fn assign(&mut self, slot: u32, column: u16, value: ValueRef<'_>) -> Result<()>;
    /// Whether a column has a default for updates.
    fn has_update_defaults(&self) -> bool;
    /// Sets the columns that have a default for updates.
    fn set_update_defaults(&mut self, slot: u32);
    /// Reads a row into a slot, the next new one or one that is there.
    fn decode(&mut self, slot: u32, row: &dyn Row) -> Result<()>;
    /// Puts a copy of a row aside.
    fn keep(&mut self, slot: u32) -> u32;
    /// Puts a kept row back.
    fn restore(&mut self, slot: u32, kept: u32);
    /// Drops a kept row.
    fn forget(&mut self, kept: u32);
    /// Drops the row in a slot.
    fn empty(&mut self, slot: u32);
    /// Drops all rows.
    fn clear(&mut self);
    /// What they take, dropped or not, beside what they own.
    fn bytes(&self) -> usize;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// Rows of a chunk. Chunks never move, so growing copies nothing and wastes at most one chunk.
const CHUNK: usize = 256;

/// The rows of `T`.
pub(super) struct Rows<T> {
    chunks: Vec<Vec<Option<T>>>,
    /// Chunks that were emptied. The one to be used next is the last.
    spare: Vec<Vec<Option<T>>>,
    kept: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Rows { chunks: Vec::new(), spare: Vec::new(), kept: Vec::new(), free: Vec::new() }
    }
}

impl<T> Rows<T> {
    #[inline]
    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        let slot = slot as usize;
        self.chunks.get(slot / CHUNK)?.get(slot % CHUNK)?.as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.place(slot)?.as_mut()
    }

    #[inline]
    fn place(&mut self, slot: u32) -> Option<&mut Option<T>> {
        let slot = slot as usize;
        self.chunks.get_mut(slot / CHUNK)?.get_mut(slot % CHUNK)
    }

    /// Puts a row into a slot: the next new one, or one that is there.
    #[inline]
    pub(super) fn put(&mut self, slot: u32, row: T) {
        if let Some(place) = self.place(slot) {
            *place = Some(row);
            return;
        }
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(Some(row)),
            full => {
                // The first grows with its rows, for most sessions have a handful.
                let room = if full.is_some() { CHUNK } else { 1 };
                let mut chunk = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(room));
                chunk.push(Some(row));
                self.chunks.push(chunk);
            }
        }
    }

    pub(super) fn take(&mut self, slot: u32) -> Option<T> {
        self.place(slot)?.take()
    }

    /// Several rows at once; none if one is missing or comes twice.
    pub(super) fn pick<const N: usize>(&mut self, slots: [u32; N]) -> Option<[&mut T; N]> {
        let mut order: [usize; N] = std::array::from_fn(|index| index);
        order.sort_unstable_by_key(|index| slots.get(*index).copied());
        let mut picked: [Option<&mut T>; N] = std::array::from_fn(|_| None);
        let mut chunks = self.chunks.iter_mut().enumerate();
        let (mut chunk, mut first, mut rest): (usize, usize, &mut [Option<T>]) = (usize::MAX, 0, &mut []);
        for index in order {
            let slot = *slots.get(index)? as usize;
            if slot / CHUNK != chunk {
                let (number, found) = chunks.find(|(number, _)| *number == slot / CHUNK)?;
                (chunk, first, rest) = (number, number * CHUNK, found.as_mut_slice());
            }
            // What was picked lies before `rest`, so a row that comes twice is not found.
            let (_, from) = std::mem::take(&mut rest).split_at_mut_checked(slot.checked_sub(first)?)?;
            let (row, after) = from.split_first_mut()?;
            (first, rest) = (slot + 1, after);
            *picked.get_mut(index)? = row.as_mut();
        }
        if picked.iter().any(Option::is_none) {
            return None;
        }
        let mut picked = picked.into_iter().flatten();
        let mut rows: Vec<&mut T> = Vec::with_capacity(N);
        rows.extend(&mut picked);
        rows.try_into().ok()
    }

    fn kept(&self, kept: u32) -> Option<&T> {
        self.kept.get(kept as usize)?.as_ref()
    }

    /// A row that was put aside.
    pub(super) fn take_kept(&mut self, kept: u32) -> Option<T> {
        let row = self.kept.get_mut(kept as usize)?.take()?;
        self.free.push(kept);
        Some(row)
    }

    pub(super) fn at(&self, at: At) -> Option<&T> {
        match at {
            At::Now(slot) => self.get(slot),
            At::Kept(kept) => self.kept(kept),
        }
    }
}

impl<T: Object> Values for Rows<T> {
    fn bind(&self, at: At, column: u16, sink: &mut dyn BindSink) -> Result<()> {
        match self.at(at) {
            Some(row) => row.bind(column, sink),
            None => Err(gone()),
        }
    }

    fn bind_all(&self, at: At, columns: &[u16], sink: &mut dyn BindSink) -> Result<()> {
        match self.at(at) {
            Some(row) => columns.iter().try_for_each(|column| row.bind(*column, sink)),
            None => Err(gone()),
        }
    }

    fn is_integer(&self, at: At, column: u16, integer: i64) -> bool {
        self.at(at).is_some_and(|row| keys::is_integer_in(row, column, integer))
    }

    fn hash(&self, builder: &DefaultHashBuilder, at: At, columns: &[u16]) -> Result<u32> {
        match self.at(at) {
            Some(row) => keys::hash_in(builder, row, columns),
            None => Err(gone()),
        }
    }

    fn differences(&self, left: At, right: At, columns: &mut ColumnSet) -> Result<()> {
        let (Some(left), Some(right)) = (self.at(left), self.at(right)) else { return Err(gone()) };
        for (index, column) in (0..).zip(T::TABLE.columns) {
            let own = column.computed.is_none() && T::TABLE.version != Some(index);
            if own && !keys::same_in(left, right, index)? {
                columns.insert(index);
            }
        }
        Ok(())
    }

    fn assign(&mut self, slot: u32, column: u16, value: ValueRef<'_>) -> Result<()> {
        match self.get_mut(slot) {
            Some(row) => row.assign(column, value),
            None => Err(gone()),
        }
    }

    fn has_update_defaults(&self) -> bool {
        T::HAS_UPDATE_DEFAULTS
    }

    fn set_update_defaults(&mut self, slot: u32) {
        if let Some(row) = self.get_mut(slot) {
            row.set_update_defaults();
        }
    }

    fn decode(&mut self, slot: u32, row: &dyn Row) -> Result<()> {
        self.put(slot, T::decode(row, 0)?);
        Ok(())
    }

    fn keep(&mut self, slot: u32) -> u32 {
        let row = self.get(slot).cloned();
        match self.free.pop() {
            Some(kept) => {
                if let Some(place) = self.kept.get_mut(kept as usize) {
                    *place = row;
                }
                kept
            }
            None => {
                self.kept.push(row);
                u32::try_from(self.kept.len() - 1).unwrap_or(u32::MAX)
            }
        }
    }

    fn restore(&mut self, slot: u32, kept: u32) {
        if let Some(row) = self.take_kept(kept) {
            self.put(slot, row);
        }
    }

    fn forget(&mut self, kept: u32) {
        drop(self.take_kept(kept));
    }

    fn empty(&mut self, slot: u32) {
        drop(self.take(slot));
    }

    fn clear(&mut self) {
        self.chunks.iter_mut().for_each(Vec::clear);
        // In the order in which they were used: the first may have little room.
        self.spare.extend(self.chunks.drain(..).rev());
        self.kept.clear();
        self.free.clear();
    }

    fn bytes(&self) -> usize {
        let chunks = self.chunks.iter().chain(&self.spare).map(Vec::capacity).sum::<usize>();
        (chunks + self.kept.capacity()) * size_of::<Option<T>>() + self.free.capacity() * size_of::<u32>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// Only a mistake of the session's own leads here.
#[cold]
fn gone() -> Error {
    Error::Statement("the session has lost a row: please report this".into())
}
