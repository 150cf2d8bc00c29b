//! Notes on objects that are not as they were loaded, and what they point at.
//!
//! A note has nothing of its own that must be dropped: to make one is to write it, and to forget all is to forget how
//! many there are. New rows come by the thousand, and each has one.

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::Parent;
use crate::ast::Assignment;

/// What is known of an object that is not as it was loaded.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::session) struct Note {
    /// The row as the database has it, put aside at the first touch since the last flush.
    pub(in crate::session) base: Option<u32>,
    /// Keys to be filled in from objects that have none yet: their place among all of these.
    waits: Span,
    /// The columns that a pending row gives: their place among the shapes.
    pub(super) shape: u32,
    /// Its last entry in the undo log, counted from 1; 0 is none.
    pub(super) logged: u32,
}

#[derive(Debug, Default, Clone, Copy)]
struct Span {
    start: u32,
    len: u32,
}

/// The notes of an arena. They are numbered from 1; 0 is none.
#[derive(Debug, Default)]
pub(super) struct Notes {
    list: Vec<Note>,
    free: Vec<u32>,
    /// The keys to be filled in, those of an object side by side. Objects of one parent share them.
    parents: Vec<Parent>,
    /// Columns to be set to expressions, by the slots of objects.
    expressions: HashMap<u32, Vec<Assignment>>,
}

impl Notes {
    pub(super) fn clear(&mut self) {
        let Notes { list, free, parents, expressions } = self;
        list.clear();
        free.clear();
        parents.clear();
        expressions.clear();
    }

    /// What they take, or nearly.
    pub(super) fn bytes(&self) -> usize {
        self.list.capacity() * size_of::<Note>() + self.parents.capacity() * size_of::<Parent>()
    }

    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&Note> {
        self.list.get(number.checked_sub(1)? as usize)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Note> {
        self.list.get_mut(number.checked_sub(1)? as usize)
    }

    /// Makes a note. Gives its number.
    #[inline]
    pub(super) fn add(&mut self, note: Note) -> u32 {
        if let Some(number) = self.free.pop() {
            if let Some(place) = self.get_mut(number) {
                *place = note;
            }
            return number;
        }
        self.list.push(note);
        u32::try_from(self.list.len()).unwrap_or(u32::MAX)
    }

    /// A note of a new row, which gives these columns and waits for these keys.
    #[inline]
    pub(super) fn of_new_row(&mut self, shape: u32, parents: &[Parent]) -> u32 {
        let waits = self.span(parents);
        self.add(Note { shape, waits, ..Note::default() })
    }

    /// Takes a note back, which is in use no more. Gives the row that was put aside.
    pub(super) fn give_back(&mut self, number: u32) -> Option<u32> {
        let base = self.get_mut(number)?.base.take();
        self.free.push(number);
        base
    }

    /// The keys that a note's object waits for.
    #[inline]
    pub(super) fn parents(&self, note: &Note) -> &[Parent] {
        let (start, len) = (note.waits.start as usize, note.waits.len as usize);
        self.parents.get(start..start + len).unwrap_or_default()
    }

    /// Has a note's object wait for these keys, and no others.
    pub(super) fn set_parents(&mut self, number: u32, parents: &[Parent]) {
        let waits = self.span(parents);
        if let Some(note) = self.get_mut(number) {
            note.waits = waits;
        }
    }

    fn span(&mut self, parents: &[Parent]) -> Span {
        let [.., last] = parents else { return Span::default() };
        // Rows of one parent mostly come one after the other.
        let known = parents.len() == 1 && self.parents.last() == Some(last);
        if !known {
            self.parents.extend_from_slice(parents);
        }
        let len = u32::try_from(parents.len()).unwrap_or(u32::MAX);
        Span { start: u32::try_from(self.parents.len()).unwrap_or(u32::MAX).saturating_sub(len), len }
    }

    /// No object waits for a key any more.
    pub(super) fn nobody_waits(&mut self) {
        debug_assert!(self.list.iter().all(|note| note.waits.len == 0), "an object waits for a key after a flush");
        self.parents.clear();
    }

    /// The columns of an object that are to be set to expressions.
    pub(super) fn expressions(&self, slot: u32) -> &[Assignment] {
        if self.expressions.is_empty() {
            return &[];
        }
        self.expressions.get(&slot).map_or(&[], Vec::as_slice)
    }

    /// Sets a column of an object to an expression.
    pub(super) fn set_expression(&mut self, slot: u32, assignment: Assignment) {
        let list = self.expressions.entry(slot).or_default();
        list.retain(|other| other.column != assignment.column);
        list.push(assignment);
    }

    /// Forgets what was to be written to an object beside the row itself.
    #[inline]
    pub(super) fn settle(&mut self, number: u32, slot: u32) {
        if let Some(note) = self.get_mut(number) {
            note.waits.len = 0;
        }
        if !self.expressions.is_empty() {
            self.expressions.remove(&slot);
        }
    }
}

/// Keys that a row waits for: mostly one.
pub(in crate::session) type Awaited = SmallVec<[Parent; 1]>;
