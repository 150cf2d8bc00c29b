//! Who belongs to whom: objects by what they hold in a foreign key.
//!
//! The column is the only truth. An index of it is made when somebody first asks for the rows of a relation, and follows
//! every change from then on; a row that the program has in its hands is looked at itself.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::arena::{Arena, Place, Slot};
use super::keys;
use super::rows::At;
use crate::meta::ForeignKeyMeta;

/// The objects of an arena by one of its foreign keys.
#[derive(Debug)]
pub(super) struct Kin {
    foreign_key: u16,
    groups: HashMap<Group, SmallVec<[u32; 2]>>,
    /// The group of each slot.
    of: Vec<Group>,
}

/// Objects that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Group {
    /// They belong to nobody, or are no objects any more.
    #[default]
    Nobody,
    /// They hold a key with this hash.
    Key(u32),
    /// They belong to an object that has no key yet.
    Waiting(Place, u32),
}

impl Kin {
    fn put(&mut self, slot: u32, group: Group) {
        let index = slot as usize;
        if self.of.len() <= index {
            self.of.resize(index + 1, Group::Nobody);
        }
        let Some(place) = self.of.get_mut(index) else { return };
        let before = std::mem::replace(place, group);
        if before == group {
            return;
        }
        if let Some(slots) = self.groups.get_mut(&before) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.groups.remove(&before);
            }
        }
        if group != Group::Nobody {
            let slots = self.groups.entry(group).or_default();
            let at = slots.partition_point(|other| *other < slot);
            slots.insert(at, slot);
        }
    }
}

impl Arena {
    /// To whom an object belongs by a foreign key.
    fn group(&self, slot: u32, foreign_key: u16) -> Group {
        if !matches!(self.slot_state(slot), Slot::Pending | Slot::Persistent) {
            return Group::Nobody;
        }
        let Some(key) = self.meta.foreign_keys.get(usize::from(foreign_key)) else { return Group::Nobody };
        let (values, at) = (self.values.as_ref(), At::Now(slot));
        let waits = self.waits_for(slot).iter().find(|parent| parent.foreign_key == foreign_key);
        if let Some(parent) = waits
            && key.columns.iter().any(|column| keys::is_unset(values, at, *column))
        {
            return Group::Waiting(parent.place, parent.generation);
        }
        if key.columns.iter().any(|column| keys::is_null(values, at, *column)) {
            return Group::Nobody;
        }
        keys::hash_row(self.hasher(), values, at, key.columns).map_or(Group::Nobody, Group::Key)
    }

    /// Keeps an index of a foreign key from now on.
    pub(super) fn watch(&mut self, foreign_key: u16) {
        if self.kin.iter().any(|kin| kin.foreign_key == foreign_key) {
            return;
        }
        let mut kin = Kin { foreign_key, groups: HashMap::new(), of: Vec::new() };
        let slots: Vec<u32> = self.slots().collect();
        slots.into_iter().for_each(|slot| kin.put(slot, self.group(slot, foreign_key)));
        self.kin.push(kin);
    }

    /// An object may belong to others than before.
    #[inline]
    pub(super) fn rekin(&mut self, slot: u32) {
        if !self.kin.is_empty() {
            self.rekin_all(slot);
        }
    }

    fn rekin_all(&mut self, slot: u32) {
        let mut all = std::mem::take(&mut self.kin);
        for kin in &mut all {
            let group = self.group(slot, kin.foreign_key);
            kin.put(slot, group);
        }
        self.kin = all;
    }

    /// The program gets a row into its hands: what it does to it is seen when it has let go of it.
    #[inline]
    pub(super) fn lend(&mut self, slot: u32) {
        if !self.kin.is_empty() && self.lent.last() != Some(&slot) {
            for before in std::mem::take(&mut self.lent) {
                self.rekin_all(before);
            }
            self.lent.push(slot);
        }
    }

    /// The program gets several rows at once.
    pub(super) fn lend_all(&mut self, slots: &[u32]) {
        if let [first, rest @ ..] = slots {
            self.lend(*first);
            if !self.kin.is_empty() {
                self.lent.extend_from_slice(rest);
            }
        }
    }

    /// The objects that belong to one of these groups by a foreign key, in the order of their slots.
    pub(super) fn kin_of(&self, foreign_key: u16, groups: &[Group]) -> Vec<u32> {
        let mut found: Vec<u32> = match self.kin.iter().find(|kin| kin.foreign_key == foreign_key) {
            Some(kin) => {
                let known = groups.iter().filter_map(|group| kin.groups.get(group)).flatten().copied();
                let known = known.filter(|slot| !self.lent.contains(slot));
                let lent = self.lent.iter().copied().filter(|slot| groups.contains(&self.group(*slot, foreign_key)));
                known.chain(lent).collect()
            }
            None => self.slots().filter(|slot| groups.contains(&self.group(*slot, foreign_key))).collect(),
        };
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The objects that belong to one of another arena by a foreign key, whether it has a key yet or not.
pub(super) fn children(arena: &Arena, foreign_key: u16, parents: &Arena, parent: Place) -> Vec<u32> {
    let Some(key) = arena.meta.foreign_keys.get(usize::from(foreign_key)) else { return Vec::new() };
    let at = parents.stored(parent.slot);
    let waiting = Group::Waiting(parent, parents.generation(parent.slot));
    let hash = keys::hash_row(arena.hasher(), parents.values.as_ref(), at, key.referenced());
    let groups = [waiting, hash.map_or(Group::Nobody, Group::Key)];
    let is_kin = |slot: &u32| arena.group(*slot, foreign_key) == waiting || holds(arena, *slot, key, parents, at);
    arena.kin_of(foreign_key, &groups).into_iter().filter(is_kin).collect()
}

/// Whether an object holds, in a foreign key, the values of a row of another table. NULL is nobody's, and what stands for
/// a key that has not been made neither.
fn holds(arena: &Arena, slot: u32, key: &ForeignKeyMeta, parents: &Arena, parent: At) -> bool {
    let (own, theirs) = (arena.values.as_ref(), parents.values.as_ref());
    key.pairs().all(|(column, referenced)| {
        keys::same_across((own, At::Now(slot), column), (theirs, parent, referenced))
            && !keys::is_null(own, At::Now(slot), column)
    })
}
