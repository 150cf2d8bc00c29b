//! Arenas of sessions that have ended, emptied, for those that come.
//!
//! Most of what a session allocates are the lists of its arenas, which grow with its objects and are moved each time. The
//! next session mostly has as many objects of the same models, so it gets the lists as they are. No object is in them any
//! more, and a handle of the session before is none of this one's: their numbers differ.

use std::any::TypeId;
use std::sync::Mutex;

use super::arena::Arena;
use super::plan::Op;

/// So many bytes an engine keeps at most.
const MOST: usize = 4 << 20;

/// A list of so many bytes is kept.
const LARGE: usize = 32 << 10;

/// So many empty lists of arenas it keeps.
const LISTS: usize = 16;

/// What an engine keeps for sessions. Nobody waits for it: while somebody else has it in hand, there is nothing.
#[derive(Default)]
pub(crate) struct Spare(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// With their sizes; those that came last stand last.
    arenas: Vec<(Arena, usize)>,
    bytes: usize,
    /// Large enough that an allocator may tidy up to make one, and be slow with small things afterwards.
    lists: Vec<Vec<Arena>>,
    /// The operations of a large flush, emptied: so large that an allocator may ask the system for it each time.
    ops: Vec<Op>,
}

impl Spare {
    /// An empty list for arenas.
    pub(super) fn list(&self) -> Vec<Arena> {
        self.0.try_lock().ok().and_then(|mut kept| kept.lists.pop()).unwrap_or_default()
    }

    /// An empty arena of a model.
    pub(super) fn arena(&self, model: TypeId) -> Option<Arena> {
        let mut kept = self.0.try_lock().ok()?;
        let at = kept.arenas.iter().rposition(|(arena, _)| arena.model == model)?;
        let (arena, bytes) = kept.arenas.remove(at);
        kept.bytes -= bytes;
        Some(arena)
    }

    /// An empty list with room for so many operations of a flush.
    pub(super) fn ops(&self, room: usize) -> Vec<Op> {
        let large = room * size_of::<Op>() >= LARGE;
        let kept = if large { self.0.try_lock().ok().map(|mut kept| std::mem::take(&mut kept.ops)) } else { None };
        let mut ops = kept.unwrap_or_default();
        ops.reserve_exact(room);
        ops
    }

    /// Empties a list of operations, and keeps it if it is a large one.
    pub(super) fn keep_ops(&self, mut ops: Vec<Op>) {
        let bytes = ops.capacity() * size_of::<Op>();
        if (LARGE..=MOST).contains(&bytes)
            && let Ok(mut kept) = self.0.try_lock()
        {
            ops.clear();
            kept.ops = ops;
        }
    }

    /// Empties arenas, and keeps them and their list. Those that have been kept for longest make room.
    pub(super) fn keep(&self, mut arenas: Vec<Arena>) {
        if arenas.capacity() == 0 {
            return;
        }
        arenas.iter_mut().for_each(Arena::clear);
        let Ok(mut kept) = self.0.try_lock() else { return };
        for arena in arenas.drain(..) {
            let bytes = arena.bytes();
            kept.bytes += bytes;
            kept.arenas.push((arena, bytes));
        }
        if kept.lists.len() < LISTS {
            kept.lists.push(arenas);
        }
        let gone = kept.make_room();
        // Freed when nobody is kept out by it.
        drop(kept);
        drop(gone);
    }
}

impl Kept {
    fn make_room(&mut self) -> Vec<(Arena, usize)> {
        let mut gone = 0;
        while self.bytes > MOST
            && let Some((_, bytes)) = self.arenas.get(gone)
        {
            self.bytes -= bytes;
            gone += 1;
        }
        self.arenas.drain(..gone).collect()
    }
}

impl std::fmt::Debug for Spare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spare").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::ast::ColumnSet;
    use crate::session::arena::{Parent, Place};
    use crate::session::plan::tests::arenas;

    fn keep(spare: &Spare, arena: Arena) {
        spare.keep(vec![arena]);
    }

    /// An arena of so many objects without rows.
    fn filled(mut arena: Arena, objects: u32) -> Arena {
        for slot in 0..objects {
            arena.add(slot, ColumnSet::default(), &[]);
        }
        arena
    }

    #[test]
    fn an_arena_is_lent_once_and_is_empty() {
        let spare = Spare::default();
        let arena = filled(arenas().remove(0), 100);
        let (model, before) = (arena.model, arena.bytes());
        keep(&spare, arena);
        let lent = spare.arena(model);
        assert!(spare.arena(model).is_none());
        let lent = lent.map(|arena| (arena.len(), arena.next_slot(), arena.is_dirty(), arena.slots().count()));
        assert_eq!(lent, Some((0, 0, false, 0)));
        assert!(before > 100);
    }

    #[test]
    fn notes_that_are_used_again_are_empty() {
        let spare = Spare::default();
        let mut arena = filled(arenas().remove(0), 0);
        let place = Place { arena: 0, slot: 0 };
        let parent = |column| Parent { foreign_key: 0, column, place, generation: 0 };
        arena.add(0, ColumnSet::first(1), &[]);
        arena.add(1, ColumnSet::first(2), &[parent(1), parent(2)]);
        let before = arena.bytes();
        arena.expunge(0);
        arena.expunge(1);
        let model = arena.model;
        keep(&spare, arena);
        let again = spare.arena(model);
        assert!(again.as_ref().is_some_and(|arena| arena.bytes() >= before), "what notes hold is counted");
        let again = again.map(|arena| filled(arena, 2));
        let known = again.map(|arena| [0, 1].map(|slot| (arena.waits_for(slot).len(), arena.given(slot))));
        assert_eq!(known, Some([(0, ColumnSet::default()); 2]));
    }

    #[test]
    fn a_list_of_arenas_comes_back_with_its_room() {
        let spare = Spare::default();
        let arenas = arenas();
        let room = arenas.capacity();
        spare.keep(arenas);
        let list = spare.list();
        assert_eq!((list.len(), list.capacity()), (0, room));
        assert_eq!(spare.list().capacity(), 0);
    }

    #[test]
    fn the_list_of_a_large_flush_is_used_again() {
        let spare = Spare::default();
        let (large, small) = (LARGE / size_of::<Op>(), 10);
        spare.keep_ops(spare.ops(small));
        spare.keep_ops(spare.ops(2 * large));
        assert_eq!(spare.ops(small).capacity(), small);
        let again = spare.ops(large);
        assert_eq!((again.len(), again.capacity()), (0, 2 * large));
        assert_eq!(spare.ops(large).capacity(), large, "it is lent once");
        spare.keep_ops(spare.ops(MOST / size_of::<Op>() + 1));
        assert_eq!(spare.ops(large).capacity(), large, "one that is too large is not kept");
    }

    #[test]
    fn an_arena_is_of_its_model() {
        let spare = Spare::default();
        let mut arenas = arenas();
        let (first, second) = (arenas.remove(0), arenas.remove(0));
        keep(&spare, first);
        assert!(spare.arena(second.model).is_none());
    }

    #[test]
    fn what_was_kept_for_longest_makes_room() {
        let spare = Spare::default();
        let mut arenas = arenas();
        let (first, second) = (arenas.remove(0), arenas.remove(0));
        let models = (first.model, second.model);
        keep(&spare, filled(first, 20_000));
        keep(&spare, filled(second, 20_000));
        assert!(spare.arena(models.0).is_none());
        assert!(spare.arena(models.1).is_some());
    }

    #[test]
    fn an_arena_that_is_too_large_is_not_kept() {
        let spare = Spare::default();
        let arena = filled(arenas().remove(0), 60_000);
        let model = arena.model;
        keep(&spare, arena);
        assert!(spare.arena(model).is_none());
        assert_eq!(spare.0.lock().map(|kept| kept.bytes).ok(), Some(0));
    }
}
