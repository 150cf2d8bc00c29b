//! What happened to objects, and the way back.

use super::{Arena, Slot};
use crate::session::State;

/// What happened, for the way back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Undo {
    slot: u32,
    generation: u32,
    what: Happened,
}

#[derive(Debug, Clone, Copy)]
enum Happened {
    /// It was added, and so many objects after it in slots that nobody had before: on the way back they leave, as if they
    /// had never been saved.
    Added { more: u32 },
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

impl Undo {
    /// The slots of the objects that it is about.
    fn slots(&self) -> std::ops::Range<u32> {
        let more = if let Happened::Added { more } = self.what { more } else { 0 };
        self.slot..self.slot.saturating_add(more).saturating_add(1)
    }
}

impl Arena {
    /// Begins a level. Gives what ends it.
    pub(in crate::session) fn begin_level(&mut self) -> usize {
        std::mem::replace(&mut self.mark, self.undo.len())
    }

    /// Ends a level whose changes now belong to the one around it, which begins at `outer`.
    pub(in crate::session) fn end_level(&mut self, outer: usize) {
        self.mark = outer;
    }

    /// Undoes the innermost level in memory. It began after so many writes of the transaction.
    pub(in crate::session) fn undo_level(&mut self, before: u32) {
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

    fn undo_one(&mut self, entry: Undo) {
        let Undo { slot, generation, what } = entry;
        let here = self.is_here(slot, generation);
        match what {
            Happened::Added { .. } => {
                for slot in entry.slots().rev() {
                    if self.is_here(slot, generation) {
                        self.leave(slot);
                        self.vacate(slot, State::Transient);
                    }
                }
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
            Happened::Came { .. } | Happened::Read { .. } | Happened::Deleted => {}
        }
    }

    /// The transaction is over, and what it did is lasting.
    pub(in crate::session) fn committed(&mut self) {
        let mut undo = std::mem::take(&mut self.undo);
        for entry in undo.drain(..) {
            match entry.what {
                Happened::Changed { kept, .. } => self.values.forget(kept),
                Happened::Deleted if self.is_here(entry.slot, entry.generation) => {
                    if self.slot_state(entry.slot) == Slot::Deleted {
                        self.vacate(entry.slot, State::Detached);
                    }
                }
                Happened::Added { .. } | Happened::Came { .. } | Happened::Read { .. } | Happened::Deleted => {}
            }
            for slot in entry.slots() {
                if self.is_here(slot, entry.generation) {
                    self.tidy(slot);
                }
            }
        }
        self.undo = undo;
        self.mark = 0;
    }

    /// Gives a note back if nothing is in it that is still needed.
    fn tidy(&mut self, slot: u32) {
        let Some(note) = self.known_note(slot) else { return };
        note.logged = 0;
        let base = note.base;
        let idle = base.is_none() && self.waits_for(slot).is_empty() && self.expressions(slot).is_empty();
        if idle && self.slot_state(slot) != Slot::Pending {
            self.release_note(slot);
        }
    }

    /// The transaction is over, and nothing of it is left.
    pub(in crate::session) fn rolled_back(&mut self) {
        self.mark = 0;
        self.undo_level(0);
    }

    fn log(&mut self, slot: u32, what: Happened) {
        let generation = self.generation(slot);
        self.undo.push(Undo { slot, generation, what });
    }

    /// Notes that an object was added.
    pub(super) fn log_added(&mut self, slot: u32, generation: u32) {
        let own = self.undo.get_mut(self.mark..).and_then(<[Undo]>::last_mut);
        if let Some(Undo { slot: first, generation: 0, what: Happened::Added { more } }) = own
            && generation == 0
            && slot.checked_sub(*first) == Some(*more + 1)
        {
            *more += 1;
            return;
        }
        self.undo.push(Undo { slot, generation, what: Happened::Added { more: 0 } });
    }

    /// Notes that an object was marked as deleted, or deleted.
    pub(super) fn log_deleted(&mut self, slot: u32) {
        self.log(slot, Happened::Deleted);
    }

    /// Notes that an object was read after so many writes of the transaction.
    pub(in crate::session) fn log_came(&mut self, slot: u32, writes: u32) {
        self.log(slot, Happened::Came { writes });
    }

    /// The row is known as it is in this transaction.
    pub(super) fn log_read(&mut self, slot: u32) {
        let before = self.heads.get(slot as usize).map_or(0, |head| head.read);
        if before != self.clock.now {
            self.log(slot, Happened::Read { before });
            self.set_read(slot, self.clock.now);
        }
    }

    /// Keeps a row for the way back, unless the innermost level has one of the object already.
    pub(super) fn log_changed(&mut self, slot: u32, kept: u32) {
        let (mark, entry) = (self.mark, u32::try_from(self.undo.len() + 1).unwrap_or(u32::MAX));
        let Some(note) = self.note_mut(slot) else { return };
        if note.logged as usize > mark {
            self.values.forget(kept);
            return;
        }
        let before = std::mem::replace(&mut note.logged, entry);
        self.log(slot, Happened::Changed { kept, before });
    }
}
