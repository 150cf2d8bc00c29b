//! What a session knows of one model's objects: their states, their keys, and how to undo what happened to them.
//!
//! Of an object that nobody touched there is its row, a [`Head`] and a place in the identity map. Everything else is
//! in a [`Note`], which exists from the first touch to the end of the transaction: so a flush, a commit and a rollback
//! cost what was touched, not what was loaded.

mod identity;
mod note;
mod undo;

use std::any::TypeId;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use smallvec::SmallVec;

use super::keys;
use super::kin::Kin;
use super::rows::{At, Rows, Values};
use super::{Object, SessionId, State};
use crate::ast::{Assignment, ColumnSet};
use crate::driver::Row;
use crate::error::Result;
use crate::meta::TableMeta;
use crate::model::KeyValues;
use crate::value::{Value, ValueRef};
use identity::Run;
pub(super) use identity::{Here, ReadKey};
pub(super) use note::Awaited;
use note::{Note, Notes};
use undo::Undo;

/// The objects of one model.
pub(super) struct Arena {
    pub(super) model: TypeId,
    /// The session's number.
    pub(super) session: SessionId,
    pub(super) clock: Clock,
    pub(super) meta: &'static TableMeta,
    pub(super) values: Box<dyn Values>,
    heads: Vec<Head>,
    free: Vec<u32>,
    notes: Notes,
    /// The different sets of columns that pending rows give, few as they are.
    shapes: Vec<ColumnSet>,
    /// Of pending rows that leave a default to the database, and were touched: what they were, by their slots.
    drafts: HashMap<u32, u32>,
    /// The identity map: slots by the key that the database has for them.
    index: HashTable<u32>,
    /// The identity map of rows whose keys were made one after the other, by their keys.
    runs: Vec<Run>,
    /// Such keys, of the flush that is being written.
    made: Vec<Run>,
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

/// How many shapes are looked at before one more is noted.
const RECENT_SHAPES: usize = 8;

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

/// How rows are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Also objects that were read in this transaction, or that the program has changed, are overwritten.
    pub(super) refresh: bool,
    /// Something was written in this transaction: what is read may be undone with it.
    pub(super) late: bool,
}

#[inline]
fn note_in<'a>(heads: &[Head], notes: &'a Notes, slot: u32) -> Option<&'a Note> {
    notes.get(heads.get(slot as usize)?.note)
}

/// Where the row of a slot is as the database has it.
#[inline]
fn stored_in(heads: &[Head], notes: &Notes, slot: u32) -> At {
    match note_in(heads, notes, slot).and_then(|note| note.base) {
        Some(kept) => At::Kept(kept),
        None => At::Now(slot),
    }
}

impl Arena {
    pub(super) fn new<T: Object>(session: SessionId, clock: Clock) -> Self {
        Arena {
            model: TypeId::of::<T>(),
            session,
            clock,
            meta: T::TABLE,
            values: Box::new(Rows::<T>::default()),
            heads: Vec::new(),
            free: Vec::new(),
            notes: Notes::default(),
            shapes: Vec::new(),
            drafts: HashMap::new(),
            index: HashTable::new(),
            runs: Vec::new(),
            made: Vec::new(),
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
            shapes,
            drafts,
            index,
            runs,
            made,
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
        notes.clear();
        shapes.clear();
        [runs, made].into_iter().for_each(Vec::clear);
        undo.clear();
        kin.clear();
        lent.clear();
        (*mark, *len, *departures, *unsettled) = (0, 0, 0, false);
    }

    /// The same arena, which is empty, for a session that begins.
    pub(super) fn of(self, session: SessionId, clock: Clock) -> Self {
        Arena { session, clock, ..self }
    }

    /// What its lists take, or nearly.
    pub(super) fn bytes(&self) -> usize {
        let slot = size_of::<Head>() + 6 * size_of::<u32>();
        let lists = self.notes.bytes() + self.undo.capacity() * size_of::<Undo>();
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
    fn occupy(&mut self, slot: u32, state: Slot, note: u32) {
        let origin = if state == Slot::Pending { Origin::Session } else { Origin::Others };
        let read = self.clock.now;
        if self.free.last() == Some(&slot) {
            self.free.pop();
            if let Some(head) = self.heads.get_mut(slot as usize) {
                (head.note, head.state, head.origin, head.read) = (note, state, origin, read);
            }
        } else {
            self.heads.push(Head { generation: 0, note, hash: 0, state, origin, read });
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
        self.note(slot).map_or(&[], |note| self.notes.parents(note))
    }

    /// Has a row wait for these keys, and no others.
    pub(super) fn set_parents(&mut self, slot: u32, parents: &[Parent]) {
        if let Some(number) = self.note_number(slot) {
            self.notes.set_parents(number, parents);
        }
    }

    /// The columns of a row that are to be set to expressions.
    pub(super) fn expressions(&self, slot: u32) -> &[Assignment] {
        self.notes.expressions(slot)
    }

    /// Has the next flush set a column of a row to an expression.
    pub(super) fn set_expression(&mut self, slot: u32, assignment: Assignment) {
        self.notes.set_expression(slot, assignment);
    }

    /// The number of a slot's note, which is made if there is none.
    fn note_number(&mut self, slot: u32) -> Option<u32> {
        let head = self.heads.get_mut(slot as usize)?;
        if head.note == 0 {
            head.note = self.notes.add(Note::default());
        }
        Some(head.note)
    }

    fn note_mut(&mut self, slot: u32) -> Option<&mut Note> {
        let number = self.note_number(slot)?;
        self.notes.get_mut(number)
    }

    /// The note that there is.
    #[inline]
    fn known_note(&mut self, slot: u32) -> Option<&mut Note> {
        self.notes.get_mut(self.heads.get(slot as usize)?.note)
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

    /// The shape of a pending row and the keys that it waits for, unless it may be another than the one that was added, or
    /// columns are set to expressions.
    #[inline]
    pub(super) fn unaltered(&self, slot: u32) -> Option<(u32, &[Parent])> {
        let note = self.note(slot).filter(|_| !self.is_altered(slot) && self.expressions(slot).is_empty())?;
        Some((note.shape, self.notes.parents(note)))
    }

    /// Whether rows of a shape give a column.
    #[inline]
    pub(super) fn shape_has(&self, shape: u32, column: u16) -> bool {
        self.shapes.get(shape as usize).is_some_and(|shape| shape.contains(column))
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
        self.notes.settle(number, slot);
        if let Some(kept) = self.notes.give_back(number) {
            self.values.forget(kept);
        }
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
        for parent in self.notes.parents(note) {
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

    // What happens to objects.

    /// A new object, whose row was put into `slot`, and the keys that are to be filled in.
    pub(super) fn add(&mut self, slot: u32, columns: ColumnSet, parents: &[Parent]) -> u32 {
        let shape = self.shape_of(columns);
        let note = self.notes.of_new_row(shape, parents);
        self.occupy(slot, Slot::Pending, note);
        self.pending.push(slot);
        let generation = self.generation(slot);
        self.log_added(slot, generation);
        generation
    }

    /// An object of the database's, whose row was put into `slot`, which is the next one.
    pub(super) fn attach(&mut self, slot: u32) -> Result<u32> {
        self.occupy(slot, Slot::Persistent, 0);
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
        if let Some(key) = key.filter(|key| self.has_key(At::Now(slot), key.key)) {
            // Looked for already, and not found.
            self.occupy(slot, Slot::Persistent, 0);
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
        self.occupy(slot, Slot::Persistent, 0);
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

    /// Puts back what was not flushed.
    fn unkeep(&mut self, slot: u32) {
        let Some(number) = self.heads.get(slot as usize).map(|head| head.note) else { return };
        self.notes.settle(number, slot);
        let Some(note) = self.notes.get_mut(number) else { return };
        if let Some(kept) = note.base.take() {
            self.values.restore(slot, kept);
        }
        self.rekin(slot);
    }

    /// Marks an object to be deleted by the next flush; a pending one just leaves.
    pub(super) fn delete(&mut self, slot: u32) {
        match self.slot_state(slot) {
            Slot::Pending => self.vacate(slot, State::Transient),
            Slot::Persistent => {
                self.set_state(slot, Slot::Deleting);
                self.deleting.push(slot);
                self.log_deleted(slot);
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
            self.log_deleted(slot);
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

    /// A pending row was inserted. If another object had its key, that one's row was gone, unknown to us: gives it.
    pub(super) fn was_inserted(&mut self, slot: u32) -> Result<Option<u32>> {
        let hash = keys::hash_row(&self.hasher, self.values.as_ref(), At::Now(slot), self.meta.primary_key)?;
        let other = self.enter_unless_known(hash, slot);
        if let Some(other) = other {
            self.was_deleted(other);
            self.enter_by(hash, slot);
        }
        self.set_hash(slot, hash);
        self.is_inserted(slot);
        Ok(other)
    }

    /// A pending row is one of the database's now.
    fn is_inserted(&mut self, slot: u32) {
        let now = self.clock.now;
        if let Some(head) = self.heads.get_mut(slot as usize) {
            (head.state, head.read) = (Slot::Persistent, now);
            // As `settle` does, while the head is at hand: rows come here by the thousand.
            self.notes.settle(head.note, slot);
        }
        self.rekin(slot);
        self.release_draft(slot);
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
        if let Some(head) = self.heads.get(slot as usize) {
            self.notes.settle(head.note, slot);
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
            let expressions = !self.expressions(slot).is_empty();
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
        for slot in touched.drain(..) {
            self.was_unchanged(slot);
            self.set_parents(slot, &[]);
        }
        self.touched = touched;
        self.notes.nobody_waits();
    }
}

/// Takes a slot out of a list, which mostly ends with it.
fn strike(list: &mut Vec<u32>, slot: u32) {
    if let Some(at) = list.iter().rposition(|other| *other == slot) {
        list.remove(at);
    }
}
