//! The identity map: which object has which key.
//!
//! Keys that the database counts come by the thousand, one after the other, for rows that came one after the other as
//! well. Of such a run it is enough to know where it begins: nothing is hashed, and no table grows. All other objects are
//! entered one by one.

use hashbrown::hash_table::Entry;

use super::{Arena, Slot, stored_in};
use crate::driver::Row;
use crate::error::Result;
use crate::session::keys;
use crate::session::rows::At;
use crate::types::ColumnType;
use crate::value::{Value, ValueRef};

/// An identity map with so many objects grows by more than twice: to enter all anew each time takes as long as to enter
/// them once.
const LARGE: usize = 224;

/// So many rows a run are worth it: a search among runs takes longer than to look up a hash.
const WORTH_A_RUN: usize = 8;

/// A key of one integer column, as it stands in a row of the database.
#[derive(Debug, Clone, Copy)]
pub(in crate::session) struct ReadKey {
    pub(super) key: i64,
    pub(super) hash: u32,
}

/// An object that is here.
#[derive(Debug, Clone, Copy)]
pub(in crate::session) struct Here {
    pub(in crate::session) slot: u32,
    pub(in crate::session) generation: u32,
}

/// Rows one after the other, with keys one after the other: as many from `slot` on as from `key` on.
///
/// Whatever happens to an object, the run stays: so one that is found by it is looked at, whether it is there and has
/// the key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    key: i64,
    slot: u32,
    len: u32,
}

impl Run {
    /// The key that comes next. There is none after the largest.
    fn end(&self) -> Option<i64> {
        self.key.checked_add(i64::from(self.len))
    }

    fn slots(&self) -> std::ops::Range<u32> {
        self.slot..self.slot.saturating_add(self.len)
    }
}

impl Arena {
    /// The object with this key.
    pub(in crate::session) fn find(&self, key: &[Value]) -> Option<u32> {
        if let [Value::Int(key)] = key {
            return self.find_integer(*key);
        }
        let hash = keys::hash_values(&self.hasher, key).ok()?;
        let matches = |at| keys::row_is(self.values.as_ref(), at, self.meta.primary_key, key);
        self.look_up(hash, matches)
    }

    /// What is known of the object with this key, which is one integer.
    pub(in crate::session) fn known_integer(&self, key: i64) -> Option<Option<Here>> {
        self.known(self.find_integer(key)?)
    }

    /// What is known of an object: where it is, or that it is gone. None if only the database knows.
    #[inline]
    pub(in crate::session) fn known(&self, slot: u32) -> Option<Option<Here>> {
        if self.is_doubtful(slot) && self.is_outdated(slot) {
            return None;
        }
        let here = self.slot_state(slot) == Slot::Persistent;
        Some(here.then(|| Here { slot, generation: self.generation(slot) }))
    }

    /// The object with this key, which is one integer.
    #[inline]
    pub(in crate::session) fn find_integer(&self, key: i64) -> Option<u32> {
        self.find_read(self.integer_key(key))
    }

    /// A key that was looked for in vain, if that means that no object has it, and not that one is in doubt.
    pub(in crate::session) fn absent(&self, key: &[Value]) -> Option<ReadKey> {
        match key {
            [Value::Int(key)] if self.clock.doubt == 0 => Some(self.integer_key(*key)),
            _ => None,
        }
    }

    fn integer_key(&self, key: i64) -> ReadKey {
        ReadKey { key, hash: keys::hash_integer(&self.hasher, key) }
    }

    /// The object that the database has these values of in `columns`, which are unique. Where they are not the primary
    /// key, every object is looked at.
    pub(in crate::session) fn find_by(&self, columns: &[u16], values: &[Value]) -> Option<u32> {
        if columns == self.meta.primary_key {
            return self.find(values);
        }
        let stored = |slot: &u32| matches!(self.slot_state(*slot), Slot::Persistent | Slot::Deleting);
        let is = |slot: &u32| keys::row_is(self.values.as_ref(), self.stored(*slot), columns, values);
        self.slots().filter(stored).find(is)
    }

    /// The object whose key is that of a row.
    pub(in crate::session) fn find_row(&self, row: At) -> Result<Option<u32>> {
        let hash = keys::hash_row(&self.hasher, self.values.as_ref(), row, self.meta.primary_key)?;
        Ok(self.find_hashed(hash, row))
    }

    fn find_hashed(&self, hash: u32, row: At) -> Option<u32> {
        let values = self.values.as_ref();
        let same =
            |at| self.meta.primary_key.iter().all(|column| matches!(keys::same(values, row, at, *column), Ok(true)));
        self.look_up(hash, same).or_else(|| self.find_row_in_run(row))
    }

    fn look_up(&self, hash: u32, matches: impl Fn(At) -> bool) -> Option<u32> {
        let found = self.index.find(spread(hash), |slot| {
            self.heads.get(*slot as usize).is_some_and(|head| head.hash == hash) && matches(self.stored(*slot))
        });
        found.copied()
    }

    /// The key that a row of the database has, where that can be said without reading the row.
    pub(super) fn read_key(&self, row: &dyn Row) -> Option<ReadKey> {
        let [column] = *self.meta.primary_key else { return None };
        let meta = self.meta.column(column)?;
        if !matches!(meta.column_type, ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64) {
            return None;
        }
        let Ok(ValueRef::Int(key)) = row.get(usize::from(column)) else { return None };
        Some(self.integer_key(key))
    }

    /// Whether a row's whole key is this one, as the model reads it.
    pub(super) fn has_key(&self, at: At, key: i64) -> bool {
        let [column] = self.meta.primary_key else { return false };
        self.values.is_integer(at, *column, key)
    }

    pub(super) fn find_read(&self, key: ReadKey) -> Option<u32> {
        self.look_up(key.hash, |at| self.has_key(at, key.key)).or_else(|| self.search_runs(key.key))
    }

    /// The object of a run that has this key.
    fn search_runs(&self, key: i64) -> Option<u32> {
        let after = self.runs.partition_point(|run| run.key <= key);
        let run = self.runs.get(after.checked_sub(1)?)?;
        let distance = u32::try_from(key.checked_sub(run.key)?).ok().filter(|distance| *distance < run.len)?;
        let slot = run.slot.checked_add(distance)?;
        let stored = matches!(self.slot_state(slot), Slot::Persistent | Slot::Deleting);
        (stored && self.has_key(self.stored(slot), key)).then_some(slot)
    }

    /// The object of a run that has the key of a row.
    #[inline]
    fn find_row_in_run(&self, row: At) -> Option<u32> {
        if self.runs.is_empty() { None } else { self.search_runs_for(row) }
    }

    fn search_runs_for(&self, row: At) -> Option<u32> {
        let [column] = self.meta.primary_key else { return None };
        match keys::value(self.values.as_ref(), row, *column) {
            Ok(Value::Int(key)) => self.search_runs(key),
            _ => None,
        }
    }

    /// Notes the key that the database made for a row of the flush that is being written.
    #[inline]
    pub(in crate::session) fn was_made(&mut self, slot: u32, key: i64) {
        match self.made.last_mut() {
            Some(run) if run.slots().end == slot && run.end() == Some(key) => run.len += 1,
            _ => self.made.push(Run { key, slot, len: 1 }),
        }
    }

    /// Forgets the keys that a flush has made which did not come to its end.
    pub(in crate::session) fn forget_made(&mut self) {
        self.made.clear();
    }

    /// The rows whose keys were made one after the other are inserted: enters them, unless an object may have one of those
    /// keys. Gives how many.
    pub(in crate::session) fn enter_made(&mut self) -> usize {
        let mut made = std::mem::take(&mut self.made);
        let rows = made.iter().map(|run| run.len as usize).sum();
        let entered = if self.takes(&made, rows) { rows } else { 0 };
        for run in made.drain(..).take(entered) {
            run.slots().for_each(|slot| self.is_inserted(slot));
            match self.runs.last_mut() {
                Some(last) if last.slots().end == run.slot && last.end() == Some(run.key) => last.len += run.len,
                _ => self.runs.push(run),
            }
        }
        self.made = made;
        entered
    }

    /// Whether runs are worth it for so many rows, and are all that is to be known of them: keys above all others, that the
    /// rows have as they were made.
    fn takes(&self, made: &[Run], rows: usize) -> bool {
        let mut before = self.runs.last();
        let mut is_next = |run| before.replace(run).is_none_or(|before| before.end().is_some_and(|end| end <= run.key));
        let has_keys = |run: &Run| {
            let last = run.key.checked_add(i64::from(run.len) - 1);
            let ends = run.slots().next().zip(run.slots().next_back()).zip(last);
            ends.is_some_and(|((first_slot, last_slot), last)| {
                self.has_key(At::Now(first_slot), run.key) && self.has_key(At::Now(last_slot), last)
            })
        };
        made.len() * WORTH_A_RUN <= rows
            && self.index.is_empty()
            && made.iter().all(|run| is_next(run) && has_keys(run))
    }

    /// Enters an object by the key that the database has for it.
    pub(in crate::session) fn enter(&mut self, slot: u32) -> Result<()> {
        let hash = keys::hash_row(&self.hasher, self.values.as_ref(), self.stored(slot), self.meta.primary_key)?;
        self.enter_by(hash, slot);
        Ok(())
    }

    /// Enters a slot by the key of the row in it, unless there is an object with that key, which it gives. The slot is
    /// still to be told its hash.
    #[inline]
    pub(super) fn enter_unless_known(&mut self, hash: u32, slot: u32) -> Option<u32> {
        if let Some(known) = self.find_row_in_run(At::Now(slot)) {
            return Some(known);
        }
        let Arena { index, heads, notes, values, meta, .. } = self;
        let hash_of = |slot: u32| heads.get(slot as usize).map_or(0, |head| head.hash);
        let same = |other: &u32| {
            let stored = stored_in(heads, notes, *other);
            let same = |column: &u16| matches!(keys::same(values.as_ref(), At::Now(slot), stored, *column), Ok(true));
            hash_of(*other) == hash && meta.primary_key.iter().all(same)
        };
        if index.len() == index.capacity() && index.len() >= LARGE {
            index.reserve(index.len() * 3, |other| spread(hash_of(*other)));
        }
        match index.entry(spread(hash), same, |other| spread(hash_of(*other))) {
            Entry::Occupied(known) => Some(*known.get()),
            Entry::Vacant(place) => {
                place.insert(slot);
                None
            }
        }
    }

    #[inline]
    pub(super) fn set_hash(&mut self, slot: u32, hash: u32) {
        if let Some(head) = self.heads.get_mut(slot as usize) {
            head.hash = hash;
        }
    }

    pub(super) fn enter_by(&mut self, hash: u32, slot: u32) {
        self.set_hash(slot, hash);
        let heads = &self.heads;
        let hash_of = |slot: &u32| spread(heads.get(*slot as usize).map_or(0, |head| head.hash));
        self.index.insert_unique(spread(hash), slot, hash_of);
    }

    /// Takes an object out of the identity map, if it is in it.
    pub(in crate::session) fn leave(&mut self, slot: u32) {
        let hash = self.heads.get(slot as usize).map_or(0, |head| head.hash);
        if let Ok(entry) = self.index.find_entry(spread(hash), |other| *other == slot) {
            entry.remove();
        }
    }

    /// So many rows are going to be entered.
    pub(in crate::session) fn make_room(&mut self, rows: usize) {
        let heads = &self.heads;
        self.index.reserve(rows, |slot| spread(heads.get(*slot as usize).map_or(0, |head| head.hash)));
    }
}

/// The identity map looks at the upper bits of a hash, too.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
