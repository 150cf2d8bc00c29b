//! What a session knows of one model's objects: their states, their keys, and how to undo what happened to them.
//!
//! Of an object that nobody touched there is its row, a [`Head`] and a place in the identity map. Everything else is
//! in a [`Note`], which exists from the first touch to the end of the transaction: so a flush, a commit and a rollback
//! cost what was touched, not what was loaded.

use std::any::TypeId;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use smallvec::SmallVec;

use super::keys;
use super::kin::Kin;
use super::rows::{At, Rows, Values};
use super::{Object, State};
use crate::ast::{Assignment, ColumnSet};
use crate::driver::Row;
use crate::error::Result;
use crate::meta::TableMeta;
use crate::model::KeyValues;
use crate::types::ColumnType;
use crate::value::{Value, ValueRef};

/// The objects of one model.
pub(super) struct Arena {
    pub(super) model: TypeId,
    /// The session's number.
    pub(super) session: u64,
    pub(super) clock: Clock,
    pub(super) meta: &'static TableMeta,
    pub(super) values: Box<dyn Values>,
    heads: Vec<Head>,
    free: Vec<u32>,
    notes: Vec<Note>,
    free_notes: Vec<u32>,
    /// The different sets of columns that pending rows give, few as they are.
    shapes: Vec<ColumnSet>,
    /// Of pending rows that leave a default to the database, and were touched: what they were, by their slots.
    drafts: HashMap<u32, u32>,
    /// The identity map: slots by the key that the database has for them.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Slots of pending objects in the order of their coming.
    pub(super) pending: Vec<u32>,
    /// Slots of rows of which a copy was put aside since the last flush.
    pub(super) touched: Vec<u32>,
    /// Slots of objects that the next flush deletes.
    pub(super) deleting: Vec<u32>,
    /// An empty list, for the slots that the next statement finds.
    pub(super) found: Vec<u32>,
    undo: Vec<Undo>,
    /// Where the innermost level begins in `undo`.
    mark: usize,
    /// How many objects there are.
    len: usize,
    /// Who belongs to whom, by the foreign keys that somebody asked for.
    pub(super) kin: Vec<Kin>,
    /// Rows that the program has in its hands: what they belong to may have changed since.
    pub(super) lent: SmallVec<[u32; 1]>,
    /// How many objects of the database's have left.
    departures: u32,
    /// Whether the program had a pending row in its hands since the last flush, or an object has left: only then may
    /// keys that are to be filled in have been set otherwise, or come to nothing.
    unsettled: bool,
}

/// What is known of every slot.
#[derive(Debug, Clone, Copy)]
struct Head {
    /// Counts the objects that were in the slot.
    generation: u32,
    /// The number of its note, counted from 1; 0 is none.
    note: u32,
    /// The hash of its key in the identity map.
    hash: u32,
    state: Slot,
    origin: Origin,
    /// The transaction that read or wrote it last.
    read: u16,
}

/// Who made an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Others have, or may have given it something since.
    Others,
    /// The session itself, which has the whole of it.
    Session,
    /// The same, and the program had it in its hands before it was inserted.
    Program,
}

/// The transactions of a session, counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// The transaction that is open, or else the last one.
    pub(super) now: u16,
    /// What was read before this one is known to be doubtful.
    pub(super) doubt: u16,
}

/// The state of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// Empty. The object that was in it last is now this.
    Empty(State),
    Pending,
    Persistent,
    /// To be deleted by the next flush.
    Deleting,
    /// Deleted by a flush, until the transaction ends.
    Deleted,
}

/// An identity map with so many objects grows by more than twice: to enter all anew each time takes as long as to enter
/// them once.
const LARGE: usize = 224;

/// How many shapes are looked at before one more is noted.
const RECENT_SHAPES: usize = 8;

/// What is known of an object that is not as it was loaded.
#[derive(Debug, Default)]
pub(super) struct Note {
    /// The row as the database has it, put aside at the first touch since the last flush.
    pub(super) base: Option<u32>,
    /// Keys to be filled in from objects that have none yet.
    pub(super) parents: SmallVec<[Parent; 1]>,
    /// Columns to be set to expressions.
    pub(super) expressions: Rarely<Assignment>,
    /// The columns that a pending row gives: their place among the shapes.
    shape: u32,
    /// Its last entry in the undo log, counted from 1; 0 is none.
    logged: u32,
}

impl Note {
    /// Forgets what was to be written beside the row itself.
    fn clear(&mut self) {
        self.parents.clear();
        self.expressions.clear();
    }
}

/// A list that is mostly empty, and then takes no more than a word.
#[derive(Debug)]
pub(super) struct Rarely<T>(#[expect(clippy::box_collection, reason = "a `Vec` has three words")] Option<Box<Vec<T>>>);

impl<T> Default for Rarely<T> {
    fn default() -> Self {
        Rarely(None)
    }
}

impl<T> Rarely<T> {
    pub(super) fn push(&mut self, value: T) {
        self.0.get_or_insert_default().push(value);
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        if let Some(list) = &mut self.0 {
            list.retain(keep);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0 = None;
    }
}

impl<T> std::ops::Deref for Rarely<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.0.as_ref().map_or(&[], |list| list)
    }
}

/// An object of some arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) arena: u16,
    pub(super) slot: u32,
}

/// A key to be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) foreign_key: u16,
    /// Which column of the foreign key waits.
    pub(super) column: u16,
    pub(super) place: Place,
    pub(super) generation: u32,
}

/// A key of one integer column, as it stands in a row of the database.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadKey {
    column: u16,
    key: i64,
    hash: u32,
}

/// How rows are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Also objects that were read in this transaction, or that the program has changed, are overwritten.
    pub(super) refresh: bool,
    /// Something was written in this transaction: what is read may be undone with it.
    pub(super) late: bool,
}

/// What happened, for the way back.
#[derive(Debug, Clone, Copy)]
struct Undo {
    slot: u32,
    generation: u32,
    what: Happened,
}

#[derive(Debug, Clone, Copy)]
enum Happened {
    /// It was added: on the way back it leaves, as if it had never been saved.
    Added,
    /// It was read after so many writes of the transaction: it leaves on the way back beyond the last of them, for what
    /// was read may be undone.
    Came { writes: u32 },
    /// Its row was read anew; it was read last by this transaction before.
    Read { before: u16 },
    /// Its row was another one, which is kept. `before` is the object's entry before this one.
    Changed { kept: u32, before: u32 },
    /// It was marked as deleted.
    Deleted,
}

#[inline]
fn note_in<'a>(heads: &[Head], notes: &'a [Note], slot: u32) -> Option<&'a Note> {
    let number = heads.get(slot as usize)?.note;
    notes.get(number.checked_sub(1)? as usize)
}

/// Where the row of a slot is as the database has it.
#[inline]
fn stored_in(heads: &[Head], notes: &[Note], slot: u32) -> At {
    match note_in(heads, notes, slot).and_then(|note| note.base) {
        Some(kept) => At::Kept(kept),
        None => At::Now(slot),
    }
}

impl Arena {
    pub(super) fn new<T: Object>(session: u64, clock: Clock) -> Self {
        Arena {
            model: TypeId::of::<T>(),
            session,
            clock,
            meta: T::TABLE,
            values: Box::new(Rows::<T>::default()),
            heads: Vec::new(),
            free: Vec::new(),
            notes: Vec::new(),
            free_notes: Vec::new(),
            shapes: Vec::new(),
            drafts: HashMap::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            pending: Vec::new(),
            touched: Vec::new(),
            deleting: Vec::new(),
            found: Vec::new(),
            undo: Vec::new(),
            mark: 0,
            len: 0,
            kin: Vec::new(),
            lent: SmallVec::new(),
            departures: 0,
            unsettled: false,
        }
    }

    /// Lets all objects go, for a session to come. The lists keep their room.
    pub(super) fn clear(&mut self) {
        // All by their names, so that none that is added can be forgotten.
        let Arena {
            model: _,
            session: _,
            clock: _,
            meta: _,
            hasher: _,
            values,
            heads,
            free,
            notes,
            free_notes,
            shapes,
            drafts,
            index,
            pending,
            touched,
            deleting,
            found,
            undo,
            mark,
            len,
            kin,
            lent,
            departures,
            unsettled,
        } = self;
        values.clear();
        index.clear();
        drafts.clear();
        [free, pending, touched, deleting, found].into_iter().for_each(Vec::clear);
        heads.clear();
        // Notes that were all given back are empty, and need not be made again.
        if free_notes.len() < notes.len() {
            free_notes.clear();
            notes.clear();
        }
        shapes.clear();
        undo.clear();
        kin.clear();
        lent.clear();
        (*mark, *len, *departures, *unsettled) = (0, 0, 0, false);
    }

    /// The same arena, which is empty, for a session that begins.
    pub(super) fn of(self, session: u64, clock: Clock) -> Self {
        Arena { session, clock, ..self }
    }

    /// What its lists take, or nearly.
    pub(super) fn bytes(&self) -> usize {
        let slot = size_of::<Head>() + 6 * size_of::<u32>();
        let parents = self.notes.iter().map(|note| &note.parents).filter(|parents| parents.spilled());
        let parents = parents.map(SmallVec::capacity).sum::<usize>() * size_of::<Parent>();
        let notes = self.notes.capacity() * size_of::<Note>() + parents;
        let lists = notes + self.undo.capacity() * size_of::<Undo>();
        size_of::<Arena>() + self.heads.capacity() * slot + lists + self.index.capacity() * 10 + self.values.bytes()
    }

    pub(super) fn rows<T: Object>(&self) -> Option<&Rows<T>> {
        self.values.as_any().downcast_ref()
    }

    pub(super) fn rows_mut<T: Object>(&mut self) -> Option<&mut Rows<T>> {
        self.values.as_any_mut().downcast_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The state of the object that a handle stands for. Of one that left it is known as long as its slot is empty.
    pub(super) fn state(&self, slot: u32, generation: u32) -> Slot {
        match self.heads.get(slot as usize) {
            Some(head) if head.generation == generation => head.state,
            Some(head) if head.generation == generation.wrapping_add(1) => match head.state {
                Slot::Empty(state) => Slot::Empty(state),
                _ => Slot::Empty(State::Detached),
            },
            _ => Slot::Empty(State::Detached),
        }
    }

    #[inline]
    pub(super) fn is_here(&self, slot: u32, generation: u32) -> bool {
        matches!(self.heads.get(slot as usize), Some(head) if head.generation == generation && !matches!(head.state, Slot::Empty(_)))
    }

    pub(super) fn generation(&self, slot: u32) -> u32 {
        self.heads.get(slot as usize).map_or(0, |head| head.generation)
    }

    /// The state of a slot, whoever is in it.
    pub(super) fn slot_state(&self, slot: u32) -> Slot {
        self.heads.get(slot as usize).map_or(Slot::Empty(State::Detached), |head| head.state)
    }

    fn set_state(&mut self, slot: u32, state: Slot) {
        if let Some(head) = self.heads.get_mut(slot as usize) {
            head.state = state;
        }
        self.rekin(slot);
    }

    /// Whether the session added the object itself, so that nobody else can have given it anything.
    pub(super) fn is_born(&self, slot: u32) -> bool {
        self.heads.get(slot as usize).is_some_and(|head| head.origin != Origin::Others)
    }

    /// How many objects of the database's have left since the session began.
    pub(super) fn departures(&self) -> u32 {
        self.departures
    }

    /// What was known to be all may be so no more.
    pub(super) fn depart(&mut self) {
        self.departures = self.departures.wrapping_add(1);
        for head in self.heads.iter_mut().filter(|head| head.state != Slot::Pending) {
            head.origin = Origin::Others;
        }
    }

    /// Whether an object may be another than the one that was added. Of one that is not, much need not be looked up.
    #[inline]
    pub(super) fn is_altered(&self, slot: u32) -> bool {
        let Some(head) = self.heads.get(slot as usize) else { return true };
        head.state != Slot::Pending || head.origin != Origin::Session
    }

    fn set_read(&mut self, slot: u32, transaction: u16) {
        if let Some(head) = self.heads.get_mut(slot as usize) {
            head.read = transaction;
        }
    }

    /// Whether the row was read, or written, before there was a conflict with someone else, and not since.
    pub(super) fn is_doubtful(&self, slot: u32) -> bool {
        self.heads.get(slot as usize).is_some_and(|head| head.read < self.clock.doubt)
    }

    /// Whether a row that is read now is newer than the one that is here, and nothing of it would be lost.
    pub(super) fn is_outdated(&self, slot: u32) -> bool {
        let Some(head) = self.heads.get(slot as usize) else { return false };
        let unread = head.read != self.clock.now && head.state == Slot::Persistent;
        unread && self.note(slot).is_none_or(|note| note.base.is_none())
    }

    /// Transactions are counted anew.
    pub(super) fn recount(&mut self, from: Clock, to: Clock) {
        for head in &mut self.heads {
            head.read = if head.read < from.doubt { 0 } else { 1 };
        }
        self.clock = to;
    }

    /// The slots with an object, in order.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        (0..).zip(&self.heads).filter(|(_, head)| !matches!(head.state, Slot::Empty(_))).map(|(slot, _)| slot)
    }

    /// The slot that the next object gets.
    pub(super) fn next_slot(&self) -> u32 {
        self.free.last().copied().unwrap_or_else(|| u32::try_from(self.heads.len()).unwrap_or(u32::MAX))
    }

    /// Puts an object into a slot: the next one.
    #[inline]
    fn occupy(&mut self, slot: u32, state: Slot) {
        let origin = if state == Slot::Pending { Origin::Session } else { Origin::Others };
        let read = self.clock.now;
        if self.free.last() == Some(&slot) {
            self.free.pop();
            if let Some(head) = self.heads.get_mut(slot as usize) {
                (head.state, head.origin, head.read) = (state, origin, read);
            }
        } else {
            self.heads.push(Head { generation: 0, note: 0, hash: 0, state, origin, read });
        }
        self.len += 1;
        self.rekin(slot);
    }

    /// The object leaves, and its row with it.
    fn vacate(&mut self, slot: u32, left: State) {
        self.unsettled = true;
        // Whoever gets the slot next must not be found in the lists of this one.
        let touched = self.note(slot).is_some_and(|note| note.base.is_some());
        let deleted = self.slot_state(slot) == Slot::Deleted;
        match self.slot_state(slot) {
            Slot::Pending => strike(&mut self.pending, slot),
            Slot::Deleting => strike(&mut self.deleting, slot),
            Slot::Persistent | Slot::Deleted | Slot::Empty(_) => {}
        }
        if touched {
            strike(&mut self.touched, slot);
        }
        self.release_note(slot);
        self.release_draft(slot);
        self.values.empty(slot);
        if let Some(head) = self.heads.get_mut(slot as usize) {
            head.generation = head.generation.wrapping_add(1);
            head.state = Slot::Empty(left);
            self.free.push(slot);
            self.len -= 1;
        }
        if left == State::Detached && !deleted {
            self.departures = self.departures.wrapping_add(1);
        }
        self.rekin(slot);
    }

    // Notes.

    pub(super) fn note(&self, slot: u32) -> Option<&Note> {
        note_in(&self.heads, &self.notes, slot)
    }

    /// The keys that are to be filled in into a row.
    #[inline]
    pub(super) fn waits_for(&self, slot: u32) -> &[Parent] {
        self.note(slot).map_or(&[], |note| &note.parents)
    }

    pub(super) fn note_mut(&mut self, slot: u32) -> Option<&mut Note> {
        if self.heads.get(slot as usize)?.note == 0 {
            return self.new_note(slot);
        }
        self.known_note(slot)
    }

    /// An empty note, of a slot of which nothing was noted yet.
    #[inline]
    fn new_note(&mut self, slot: u32) -> Option<&mut Note> {
        let head = self.heads.get_mut(slot as usize)?;
        let number = match self.free_notes.pop() {
            Some(number) => number,
            None => {
                self.notes.push(Note::default());
                u32::try_from(self.notes.len()).unwrap_or(u32::MAX)
            }
        };
        head.note = number;
        self.notes.get_mut(number.checked_sub(1)? as usize)
    }

    /// The note that there is.
    #[inline]
    fn known_note(&mut self, slot: u32) -> Option<&mut Note> {
        let number = self.heads.get(slot as usize)?.note;
        self.notes.get_mut(number.checked_sub(1)? as usize)
    }

    /// The columns that a pending row gives: those that it was added with, and those that were set since.
    #[inline]
    pub(super) fn given(&self, slot: u32) -> ColumnSet {
        let mut given = self.shape(slot).copied().unwrap_or_default();
        if !self.is_altered(slot) {
            return given;
        }
        if let Some(key) = self.meta.generated.filter(|key| self.was_set(slot, *key)) {
            given.insert(key);
        }
        if self.drafts.contains_key(&slot) {
            self.defaults().filter(|column| self.was_set(slot, *column)).for_each(|column| given.insert(column));
        }
        given
    }

    /// Whether a pending row gives a column.
    pub(super) fn gives(&self, slot: u32, column: u16) -> bool {
        self.shape(slot).is_some_and(|shape| shape.contains(column)) || self.was_set(slot, column)
    }

    /// Whether a column that the database makes, or knows a default of, was set in a pending row since it was added.
    fn was_set(&self, slot: u32, column: u16) -> bool {
        if !self.is_altered(slot) {
            return false;
        }
        let values = self.values.as_ref();
        if self.meta.generated == Some(column) && !keys::is_unset(values, At::Now(slot), column) {
            return true;
        }
        let Some(draft) = self.drafts.get(&slot) else { return false };
        // One that cannot be bound is found when it is sent.
        self.has_default(column) && !matches!(keys::same(values, At::Kept(*draft), At::Now(slot), column), Ok(true))
    }

    #[inline]
    fn shape(&self, slot: u32) -> Option<&ColumnSet> {
        self.shapes.get(self.note(slot)?.shape as usize)
    }

    /// The columns whose default the database knows.
    fn defaults(&self) -> impl Iterator<Item = u16> + use<> {
        (0..).zip(self.meta.columns).filter(|(_, column)| column.default_sql.is_some()).map(|(index, _)| index)
    }

    fn has_default(&self, column: u16) -> bool {
        self.meta.column(column).is_some_and(|column| column.default_sql.is_some())
    }

    /// The program gets a pending row into its hands. It is put aside if it leaves a default to the database: only so is
    /// it known whether that is to stay.
    fn alter(&mut self, slot: u32) {
        self.unsettled = true;
        if let Some(head) = self.heads.get_mut(slot as usize) {
            head.origin = Origin::Program;
        }
        let given = |column| self.shape(slot).is_some_and(|shape| shape.contains(column));
        if self.drafts.contains_key(&slot) || self.defaults().all(given) {
            return;
        }
        let kept = self.values.keep(slot);
        self.drafts.insert(slot, kept);
    }

    fn release_draft(&mut self, slot: u32) {
        if !self.drafts.is_empty()
            && let Some(kept) = self.drafts.remove(&slot)
        {
            self.values.forget(kept);
        }
    }

    /// Says which columns a pending row gives.
    pub(super) fn give(&mut self, slot: u32, columns: ColumnSet) {
        let shape = self.shape_of(columns);
        if let Some(note) = self.note_mut(slot) {
            note.shape = shape;
        }
    }

    /// The place of a set of columns among the shapes.
    #[inline]
    fn shape_of(&mut self, columns: ColumnSet) -> u32 {
        // Rows that come together are mostly alike.
        let recent = self.shapes.len().saturating_sub(RECENT_SHAPES);
        let known = self.shapes.iter().skip(recent).rposition(|shape| *shape == columns);
        let shape = known.map_or(self.shapes.len(), |at| recent + at);
        if known.is_none() {
            self.shapes.push(columns);
        }
        u32::try_from(shape).unwrap_or(u32::MAX)
    }

    fn release_note(&mut self, slot: u32) {
        let Some(head) = self.heads.get_mut(slot as usize) else { return };
        let number = std::mem::take(&mut head.note);
        let Some(note) = number.checked_sub(1).and_then(|index| self.notes.get_mut(index as usize)) else { return };
        note.clear();
        (note.shape, note.logged) = (0, 0);
        if let Some(kept) = note.base.take() {
            self.values.forget(kept);
        }
        self.free_notes.push(number);
    }

    // Rows.

    /// Where the row is as the database has it.
    #[inline]
    pub(super) fn stored(&self, slot: u32) -> At {
        stored_in(&self.heads, &self.notes, slot)
    }

    /// Puts the row aside before it is changed, unless it was since the last flush.
    pub(super) fn touch(&mut self, slot: u32) {
        if self.slot_state(slot) == Slot::Pending {
            return self.alter(slot);
        }
        let touched = self.note(slot).is_some_and(|note| note.base.is_some());
        if touched || !matches!(self.slot_state(slot), Slot::Persistent | Slot::Deleting | Slot::Deleted) {
            return;
        }
        let kept = self.values.keep(slot);
        if let Some(note) = self.note_mut(slot) {
            note.base = Some(kept);
        }
        self.touched.push(slot);
    }

    /// The columns in which a row differs from what the database has.
    ///
    /// # Errors
    ///
    /// [`Error::Bind`](crate::Error::Bind) if no column can hold a value.
    pub(super) fn changed(&self, slot: u32) -> Result<ColumnSet> {
        let mut columns = ColumnSet::default();
        let Some(note) = self.note(slot) else { return Ok(columns) };
        if let Some(kept) = note.base {
            self.differences(At::Kept(kept), At::Now(slot), &mut columns)?;
        }
        for parent in &note.parents {
            // Else a key was set since, which counts.
            if keys::is_unset(self.values.as_ref(), At::Now(slot), parent.column) {
                columns.insert(parent.column);
            }
        }
        Ok(columns)
    }

    /// Adds the columns in which two rows differ. Computed ones are the database's affair, and the version is the
    /// flush's.
    pub(super) fn differences(&self, left: At, right: At, columns: &mut ColumnSet) -> Result<()> {
        self.values.differences(left, right, columns)
    }

    /// Whether a column is a key that an object without one is going to fill in.
    pub(super) fn is_linked(&self, slot: u32, column: u16) -> bool {
        self.waits_for(slot).iter().any(|parent| parent.column == column)
    }

    // The identity map.

    /// The object with this key.
    pub(super) fn find(&self, key: &[Value]) -> Option<u32> {
        if let [Value::Int(key)] = key {
            return self.find_integer(*key);
        }
        let hash = keys::hash_values(&self.hasher, key).ok()?;
        let matches = |at| keys::row_is(self.values.as_ref(), at, self.meta.primary_key, key);
        self.look_up(hash, matches)
    }

    /// The object with this key, which is one integer.
    pub(super) fn find_integer(&self, key: i64) -> Option<u32> {
        let [column] = *self.meta.primary_key else { return None };
        let hash = keys::hash_integer(&self.hasher, key);
        self.find_read(ReadKey { column, key, hash })
    }

    /// A key that was looked for in vain, if that means that no object has it, and not that one is in doubt.
    pub(super) fn absent(&self, key: &[Value]) -> Option<ReadKey> {
        match (key, self.meta.primary_key) {
            ([Value::Int(key)], [column]) if self.clock.doubt == 0 => {
                Some(ReadKey { column: *column, key: *key, hash: keys::hash_integer(&self.hasher, *key) })
            }
            _ => None,
        }
    }

    /// The object that the database has these values of in `columns`, which are unique. Where they are not the primary
    /// key, every object is looked at.
    pub(super) fn find_by(&self, columns: &[u16], values: &[Value]) -> Option<u32> {
        if columns == self.meta.primary_key {
            return self.find(values);
        }
        let stored = |slot: &u32| matches!(self.slot_state(*slot), Slot::Persistent | Slot::Deleting);
        let is = |slot: &u32| keys::row_is(self.values.as_ref(), self.stored(*slot), columns, values);
        self.slots().filter(stored).find(is)
    }

    /// The object whose key is that of a row.
    pub(super) fn find_row(&self, row: At) -> Result<Option<u32>> {
        let hash = keys::hash_row(&self.hasher, self.values.as_ref(), row, self.meta.primary_key)?;
        Ok(self.find_hashed(hash, row))
    }

    fn find_hashed(&self, hash: u32, row: At) -> Option<u32> {
        let values = self.values.as_ref();
        let same =
            |at| self.meta.primary_key.iter().all(|column| matches!(keys::same(values, row, at, *column), Ok(true)));
        self.look_up(hash, same)
    }

    fn look_up(&self, hash: u32, matches: impl Fn(At) -> bool) -> Option<u32> {
        let found = self.index.find(spread(hash), |slot| {
            self.heads.get(*slot as usize).is_some_and(|head| head.hash == hash) && matches(self.stored(*slot))
        });
        found.copied()
    }

    /// The key that a row of the database has, where that can be said without reading the row.
    fn read_key(&self, row: &dyn Row) -> Option<ReadKey> {
        let [column] = *self.meta.primary_key else { return None };
        let meta = self.meta.column(column)?;
        if !matches!(meta.column_type, ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64) {
            return None;
        }
        let Ok(ValueRef::Int(key)) = row.get(usize::from(column)) else { return None };
        Some(ReadKey { column, key, hash: keys::hash_integer(&self.hasher, key) })
    }

    /// Whether a row has this key, as the model reads it.
    fn has_key(&self, at: At, ReadKey { column, key, .. }: ReadKey) -> bool {
        keys::column_is(self.values.as_ref(), at, column, ValueRef::Int(key))
    }

    fn find_read(&self, key: ReadKey) -> Option<u32> {
        self.look_up(key.hash, |at| self.has_key(at, key))
    }

    /// Enters an object by the key that the database has for it.
    pub(super) fn enter(&mut self, slot: u32) -> Result<()> {
        let hash = keys::hash_row(&self.hasher, self.values.as_ref(), self.stored(slot), self.meta.primary_key)?;
        self.enter_by(hash, slot);
        Ok(())
    }

    /// Enters a slot by the key of the row in it, unless there is an object with that key, which it gives. The slot is
    /// still to be told its hash.
    fn enter_unless_known(&mut self, hash: u32, slot: u32) -> Option<u32> {
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

    fn set_hash(&mut self, slot: u32, hash: u32) {
        if let Some(head) = self.heads.get_mut(slot as usize) {
            head.hash = hash;
        }
    }

    fn enter_by(&mut self, hash: u32, slot: u32) {
        self.set_hash(slot, hash);
        let heads = &self.heads;
        let hash_of = |slot: &u32| spread(heads.get(*slot as usize).map_or(0, |head| head.hash));
        self.index.insert_unique(spread(hash), slot, hash_of);
    }

    /// Takes an object out of the identity map, if it is in it.
    pub(super) fn leave(&mut self, slot: u32) {
        let hash = self.heads.get(slot as usize).map_or(0, |head| head.hash);
        if let Ok(entry) = self.index.find_entry(spread(hash), |other| *other == slot) {
            entry.remove();
        }
    }

    // What happens to objects.

    /// A new object, whose row was put into `slot`, and the keys that are to be filled in.
    pub(super) fn add(&mut self, slot: u32, columns: ColumnSet, parents: SmallVec<[Parent; 1]>) -> u32 {
        self.occupy(slot, Slot::Pending);
        self.pending.push(slot);
        let shape = self.shape_of(columns);
        if let Some(note) = self.new_note(slot) {
            note.shape = shape;
            note.parents = parents;
        }
        let generation = self.generation(slot);
        self.undo.push(Undo { slot, generation, what: Happened::Added });
        generation
    }

    /// An object of the database's, whose row was put into `slot`, which is the next one.
    pub(super) fn attach(&mut self, slot: u32) -> Result<u32> {
        self.occupy(slot, Slot::Persistent);
        self.enter(slot)?;
        Ok(self.generation(slot))
    }

    /// Reads a row of the database: the object that has its key, or a new one. Says whether it is new.
    ///
    /// The row was asked for by the key `absent`, if there is one, and no object has it.
    pub(super) fn read(&mut self, row: &dyn Row, how: Reading, absent: Option<ReadKey>) -> Result<(u32, bool)> {
        let key = absent.or_else(|| self.read_key(row));
        if absent.is_none()
            && let Some(slot) = key.and_then(|key| self.find_read(key))
        {
            self.read_again(slot, row, how)?;
            return Ok((slot, false));
        }
        let slot = self.next_slot();
        self.values.decode(slot, row)?;
        if let Some(key) = key.filter(|key| self.has_key(At::Now(slot), *key)) {
            // Looked for already, and not found.
            self.occupy(slot, Slot::Persistent);
            self.enter_by(key.hash, slot);
            return Ok((slot, true));
        }
        self.place_read(slot, row, how)
    }

    /// As [`read`](Arena::read), where rows are mostly new: for them it is quicker to read the row first.
    pub(super) fn read_new(&mut self, row: &dyn Row, how: Reading) -> Result<(u32, bool)> {
        let slot = self.next_slot();
        self.values.decode(slot, row)?;
        self.place_read(slot, row, how)
    }

    /// Takes in a row that was read into the next slot, unless there is an object with its key.
    fn place_read(&mut self, slot: u32, row: &dyn Row, how: Reading) -> Result<(u32, bool)> {
        let hash = keys::hash_row(&self.hasher, self.values.as_ref(), At::Now(slot), self.meta.primary_key)?;
        if let Some(known) = self.enter_unless_known(hash, slot) {
            self.values.empty(slot);
            self.read_again(known, row, how)?;
            return Ok((known, false));
        }
        self.occupy(slot, Slot::Persistent);
        self.set_hash(slot, hash);
        Ok((slot, true))
    }

    /// The row of an object that is here was read. It stays as it is, unless it is to be refreshed or was not read in
    /// this transaction.
    fn read_again(&mut self, slot: u32, row: &dyn Row, how: Reading) -> Result<()> {
        if how.refresh {
            return self.overwrite(slot, row);
        }
        if !self.is_outdated(slot) {
            return Ok(());
        }
        if how.late {
            return self.overwrite(slot, row);
        }
        // What was read now is true also if the transaction is undone.
        self.values.decode(slot, row)?;
        self.rekin(slot);
        self.set_read(slot, self.clock.now);
        Ok(())
    }

    /// Reads a row of the database that may be one of the objects here, and gives that object.
    pub(super) fn read_known(&mut self, row: &dyn Row, refresh: bool) -> Result<Option<u32>> {
        let slot = self.next_slot();
        let known = match self.read_key(row).and_then(|key| self.find_read(key)) {
            Some(known) => Some(known),
            None => {
                self.values.decode(slot, row)?;
                let known = self.find_row(At::Now(slot));
                self.discard(slot);
                known?
            }
        };
        if let Some(known) = known.filter(|_| refresh) {
            self.overwrite(known, row)?;
        }
        Ok(known)
    }

    /// Drops a row that was put into the next slot, and that is no object.
    pub(super) fn discard(&mut self, slot: u32) {
        self.values.empty(slot);
    }

    /// The values of a row's key.
    pub(super) fn key_values(&self, at: At) -> Result<KeyValues> {
        self.meta.primary_key.iter().map(|column| keys::value(self.values.as_ref(), at, *column)).collect()
    }

    /// A row's version, if the model has one.
    pub(super) fn version(&self, at: At) -> Result<Option<i64>> {
        let Some(column) = self.meta.version else { return Ok(None) };
        match keys::value(self.values.as_ref(), at, column)? {
            Value::Int(version) => Ok(Some(version)),
            _ => Ok(None),
        }
    }

    /// The columns that a whole struct gives: all but those that the database makes.
    pub(super) fn given_by_struct(&self, slot: u32) -> ColumnSet {
        let mut columns = ColumnSet::first(self.meta.columns.len());
        for (index, column) in (0..).zip(self.meta.columns) {
            let unmade =
                self.meta.generated == Some(index) && keys::is_unset(self.values.as_ref(), At::Now(slot), index);
            if unmade || column.computed.is_some() {
                columns.remove(index);
            }
        }
        columns
    }

    /// The object that has these values in unique columns as it is in memory: also a pending one that was given them.
    pub(super) fn find_now(&self, columns: &[u16], values: &[Value]) -> Option<u32> {
        let is = |slot: &u32| keys::row_is(self.values.as_ref(), At::Now(*slot), columns, values);
        let pending = || self.pending.iter().copied().filter(|slot| self.slot_state(*slot) == Slot::Pending).find(is);
        self.find_by(columns, values).or_else(pending)
    }

    /// Sets a column of an object as the database has done by itself.
    pub(super) fn follow(&mut self, slot: u32, column: u16, value: ValueRef<'_>) -> Result<()> {
        let kept = self.values.keep(slot);
        self.values.assign(slot, column, value)?;
        self.rekin(slot);
        self.log_changed(slot, kept);
        if self.meta.primary_key.contains(&column) {
            // The column is a part of its own key as well.
            self.leave(slot);
            self.enter(slot)?;
        }
        Ok(())
    }

    /// What hashes its keys.
    pub(super) fn hasher(&self) -> &DefaultHashBuilder {
        &self.hasher
    }

    /// Replaces an object's row by what the database has now. Changes that were not flushed are lost.
    pub(super) fn overwrite(&mut self, slot: u32, row: &dyn Row) -> Result<()> {
        // The next touch lists the slot again, and a row that is listed twice would be written twice.
        if self.note(slot).is_some_and(|note| note.base.is_some()) {
            strike(&mut self.touched, slot);
        }
        self.unkeep(slot);
        let kept = self.values.keep(slot);
        self.leave(slot);
        let read = self.values.decode(slot, row);
        if let Err(error) = read {
            self.values.forget(kept);
            self.enter(slot)?;
            return Err(error);
        }
        self.enter(slot)?;
        self.rekin(slot);
        self.log_changed(slot, kept);
        self.log_read(slot);
        Ok(())
    }

    /// The row is known as it is in this transaction.
    fn log_read(&mut self, slot: u32) {
        let before = self.heads.get(slot as usize).map_or(0, |head| head.read);
        if before != self.clock.now {
            self.log(slot, Happened::Read { before });
            self.set_read(slot, self.clock.now);
        }
    }

    /// Puts back what was not flushed.
    fn unkeep(&mut self, slot: u32) {
        let Some(number) = self.heads.get(slot as usize).map(|head| head.note) else { return };
        let Some(note) = number.checked_sub(1).and_then(|index| self.notes.get_mut(index as usize)) else { return };
        note.clear();
        if let Some(kept) = note.base.take() {
            self.values.restore(slot, kept);
        }
        self.rekin(slot);
    }

    /// Keeps a row for the way back, unless the innermost level has one of the object already.
    fn log_changed(&mut self, slot: u32, kept: u32) {
        let (mark, entry) = (self.mark, u32::try_from(self.undo.len() + 1).unwrap_or(u32::MAX));
        let Some(note) = self.note_mut(slot) else { return };
        if note.logged as usize > mark {
            self.values.forget(kept);
            return;
        }
        let before = std::mem::replace(&mut note.logged, entry);
        self.log(slot, Happened::Changed { kept, before });
    }

    fn log(&mut self, slot: u32, what: Happened) {
        let generation = self.generation(slot);
        self.undo.push(Undo { slot, generation, what });
    }

    /// Notes that an object was read after so many writes of the transaction.
    pub(super) fn log_came(&mut self, slot: u32, writes: u32) {
        self.log(slot, Happened::Came { writes });
    }

    /// Marks an object to be deleted by the next flush; a pending one just leaves.
    pub(super) fn delete(&mut self, slot: u32) {
        match self.slot_state(slot) {
            Slot::Pending => self.vacate(slot, State::Transient),
            Slot::Persistent => {
                self.set_state(slot, Slot::Deleting);
                self.deleting.push(slot);
                self.log(slot, Happened::Deleted);
            }
            Slot::Deleting | Slot::Deleted | Slot::Empty(_) => {}
        }
    }

    /// Takes back that an object is to be deleted.
    pub(super) fn undelete(&mut self, slot: u32) {
        if self.slot_state(slot) == Slot::Deleting {
            strike(&mut self.deleting, slot);
            self.set_state(slot, Slot::Persistent);
        }
    }

    /// Notes that the database has no such row any more.
    pub(super) fn was_deleted(&mut self, slot: u32) {
        self.leave(slot);
        // It is the row that the database had, under whose key its children are looked for.
        self.unkeep(slot);
        if self.slot_state(slot) == Slot::Persistent {
            self.log(slot, Happened::Deleted);
        }
        self.set_state(slot, Slot::Deleted);
    }

    /// Lets an object go, whatever its state. Nothing brings it back.
    pub(super) fn expunge(&mut self, slot: u32) {
        let left = match self.slot_state(slot) {
            Slot::Pending => State::Transient,
            Slot::Persistent | Slot::Deleting => {
                self.leave(slot);
                State::Detached
            }
            Slot::Deleted => State::Detached,
            Slot::Empty(_) => return,
        };
        self.vacate(slot, left);
    }

    /// So many rows are going to be entered.
    pub(super) fn make_room(&mut self, rows: usize) {
        let heads = &self.heads;
        self.index.reserve(rows, |slot| spread(heads.get(*slot as usize).map_or(0, |head| head.hash)));
    }

    /// A pending row was inserted. If another object had its key, that one's row was gone, unknown to us: gives it.
    pub(super) fn was_inserted(&mut self, slot: u32) -> Result<Option<u32>> {
        let hash = keys::hash_row(&self.hasher, self.values.as_ref(), At::Now(slot), self.meta.primary_key)?;
        let other = self.enter_unless_known(hash, slot);
        if let Some(other) = other {
            self.was_deleted(other);
            self.enter_by(hash, slot);
        }
        let now = self.clock.now;
        if let Some(head) = self.heads.get_mut(slot as usize) {
            (head.state, head.read, head.hash) = (Slot::Persistent, now, hash);
        }
        self.settle(slot);
        self.release_draft(slot);
        Ok(other)
    }

    /// A changed row was updated: the database has it as it is now, perhaps under another key.
    pub(super) fn was_updated(&mut self, slot: u32, rekeyed: bool) -> Result<()> {
        let Some(kept) = self.known_note(slot).and_then(|note| note.base.take()) else {
            self.settle(slot);
            return Ok(());
        };
        self.log_changed(slot, kept);
        self.log_read(slot);
        self.settle(slot);
        if rekeyed {
            self.leave(slot);
            self.enter(slot)?;
        }
        Ok(())
    }

    /// A touched row turned out to be as it was.
    pub(super) fn was_unchanged(&mut self, slot: u32) {
        if let Some(kept) = self.known_note(slot).and_then(|note| note.base.take()) {
            self.values.forget(kept);
        }
    }

    fn settle(&mut self, slot: u32) {
        if let Some(note) = self.known_note(slot) {
            note.clear();
        }
        self.rekin(slot);
    }

    /// Gives new rows their first version.
    pub(super) fn begin_versions(&mut self) -> Result<()> {
        let Some(version) = self.meta.version else { return Ok(()) };
        for slot in &self.pending {
            let new = self.heads.get(*slot as usize).is_some_and(|head| head.state == Slot::Pending);
            if new && keys::is_unset(self.values.as_ref(), At::Now(*slot), version) {
                self.values.assign(*slot, version, ValueRef::Int(1))?;
            }
        }
        Ok(())
    }

    /// Puts back what the program has set of what is not its own, and would be taken for the database's.
    pub(super) fn restore_made(&mut self) -> Result<()> {
        if self.made().next().is_none() {
            return Ok(());
        }
        self.touched.clone().into_iter().try_for_each(|slot| self.copy_made(self.stored(slot), slot))
    }

    /// Copies the version and the computed columns of a row as the database has it.
    pub(super) fn copy_made(&mut self, from: At, slot: u32) -> Result<()> {
        for column in self.made() {
            let value = keys::value(self.values.as_ref(), from, column)?;
            let value = value.borrowed().map_err(|source| crate::Error::Bind { place: "a value".into(), source })?;
            self.values.assign(slot, column, value)?;
        }
        Ok(())
    }

    /// The columns that are no program's affair.
    fn made(&self) -> impl Iterator<Item = u16> + use<> {
        let meta = self.meta;
        let made = move |(index, computed): &(u16, bool)| *computed || meta.version == Some(*index);
        (0..).zip(meta.columns.iter().map(|column| column.computed.is_some())).filter(made).map(|(index, _)| index)
    }

    /// Sets the defaults for updates of changed rows. What the program has set itself stays.
    pub(super) fn set_update_defaults(&mut self) -> Result<()> {
        if !self.values.has_update_defaults() {
            return Ok(());
        }
        for slot in self.touched.clone() {
            let expressions = self.note(slot).is_some_and(|note| !note.expressions.is_empty());
            let changed = if self.slot_state(slot) == Slot::Persistent { self.changed(slot)? } else { continue };
            if changed.is_empty() && !expressions {
                continue;
            }
            let before = self.values.keep(slot);
            self.values.set_update_defaults(slot);
            for column in changed.iter() {
                if !keys::same(self.values.as_ref(), At::Kept(before), At::Now(slot), column)? {
                    let own = keys::value(self.values.as_ref(), At::Kept(before), column)?;
                    let own =
                        own.borrowed().map_err(|source| crate::Error::Bind { place: "a value".into(), source })?;
                    self.values.assign(slot, column, own)?;
                }
            }
            self.values.forget(before);
        }
        Ok(())
    }

    /// A copy of a row in the next slot, to be discarded.
    pub(super) fn scratch(&mut self, slot: u32) -> u32 {
        let (kept, scratch) = (self.values.keep(slot), self.next_slot());
        self.values.restore(scratch, kept);
        scratch
    }

    /// Whether keys that are to be filled in need a look. Those of rows that were touched always do.
    pub(super) fn is_unsettled(&self) -> bool {
        self.unsettled || !self.touched.is_empty()
    }

    /// Whether a flush could have something to do.
    pub(super) fn is_dirty(&self) -> bool {
        !(self.pending.is_empty() && self.touched.is_empty() && self.deleting.is_empty())
    }

    /// Everything that was to be written is.
    pub(super) fn flushed(&mut self) {
        self.unsettled = false;
        self.pending.clear();
        self.shapes.clear();
        self.deleting.clear();
        let mut touched = std::mem::take(&mut self.touched);
        touched.drain(..).for_each(|slot| self.was_unchanged(slot));
        self.touched = touched;
    }

    // The way back.

    /// Begins a level. Gives what ends it.
    pub(super) fn begin_level(&mut self) -> usize {
        std::mem::replace(&mut self.mark, self.undo.len())
    }

    /// Ends a level whose changes now belong to the one around it, which begins at `outer`.
    pub(super) fn end_level(&mut self, outer: usize) {
        self.mark = outer;
    }

    /// Undoes the innermost level in memory. It began after so many writes of the transaction.
    pub(super) fn undo_level(&mut self, before: u32) {
        for slot in std::mem::take(&mut self.touched) {
            self.unkeep(slot);
        }
        let mut kept = Vec::new();
        while self.undo.len() > self.mark {
            let Some(entry) = self.undo.pop() else { break };
            match entry.what {
                // What it may hang on was written before this level: it is the affair of a level around it.
                Happened::Came { writes } if writes <= before => kept.push(entry),
                _ => self.undo_one(entry),
            }
        }
        self.undo.extend(kept);
        let heads = &self.heads;
        let is = |slot: &u32, state: Slot| heads.get(*slot as usize).is_some_and(|head| head.state == state);
        self.pending.retain(|slot| is(slot, Slot::Pending));
        self.deleting.retain(|slot| is(slot, Slot::Deleting));
    }

    fn undo_one(&mut self, Undo { slot, generation, what }: Undo) {
        let here = self.is_here(slot, generation);
        match what {
            Happened::Added if here => {
                self.leave(slot);
                self.vacate(slot, State::Transient);
            }
            Happened::Came { .. } if here => {
                self.leave(slot);
                self.vacate(slot, State::Detached);
            }
            Happened::Changed { kept, before } if here => {
                self.leave(slot);
                self.values.restore(slot, kept);
                self.rekin(slot);
                if let Some(note) = self.note_mut(slot) {
                    note.logged = before;
                }
                if self.slot_state(slot) != Slot::Deleted {
                    // A row that was in the identity map before can be entered again.
                    drop(self.enter(slot));
                }
            }
            Happened::Deleted if here => {
                if self.slot_state(slot) == Slot::Deleted {
                    drop(self.enter(slot));
                }
                self.set_state(slot, Slot::Persistent);
            }
            Happened::Read { before } if here => self.set_read(slot, before),
            Happened::Changed { kept, .. } => self.values.forget(kept),
            Happened::Added | Happened::Came { .. } | Happened::Read { .. } | Happened::Deleted => {}
        }
    }

    /// The transaction is over, and what it did is lasting.
    pub(super) fn committed(&mut self) {
        let mut undo = std::mem::take(&mut self.undo);
        for entry in undo.drain(..) {
            match entry.what {
                Happened::Changed { kept, .. } => self.values.forget(kept),
                Happened::Deleted if self.is_here(entry.slot, entry.generation) => {
                    if self.slot_state(entry.slot) == Slot::Deleted {
                        self.vacate(entry.slot, State::Detached);
                    }
                }
                Happened::Added | Happened::Came { .. } | Happened::Read { .. } | Happened::Deleted => {}
            }
            if self.is_here(entry.slot, entry.generation) {
                self.tidy(entry.slot);
            }
        }
        self.undo = undo;
        self.mark = 0;
    }

    /// Gives a note back if nothing is in it that is still needed.
    fn tidy(&mut self, slot: u32) {
        let Some(note) = self.known_note(slot) else { return };
        note.logged = 0;
        let idle = note.base.is_none() && note.parents.is_empty() && note.expressions.is_empty();
        if idle && self.slot_state(slot) != Slot::Pending {
            self.release_note(slot);
        }
    }

    /// The transaction is over, and nothing of it is left.
    pub(super) fn rolled_back(&mut self) {
        self.mark = 0;
        self.undo_level(0);
    }
}

/// Takes a slot out of a list, which mostly ends with it.
fn strike(list: &mut Vec<u32>, slot: u32) {
    if let Some(at) = list.iter().rposition(|other| *other == slot) {
        list.remove(at);
    }
}

/// The identity map looks at the upper bits of a hash, too.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
