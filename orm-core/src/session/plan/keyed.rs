//! Values that must be unique, and who gives them up and takes them.

use std::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashMap};
use smallvec::SmallVec;

use super::{Kind, Op};
use crate::error::Result;
use crate::meta::{Deferrable, TableMeta};
use crate::session::arena::Arena;
use crate::session::keys;
use crate::session::rows::At;

/// Operations by a value: by the hash of it, so whoever looks one up compares.
#[derive(Debug, Default)]
pub(super) struct Book {
    hasher: DefaultHashBuilder,
    ops: HashMap<u64, SmallVec<[u32; 1]>>,
}

impl Book {
    /// Notes an operation under the values of a row's columns.
    pub(super) fn note(&mut self, arenas: &[Arena], op: u32, what: Claim<'_>) -> Result<()> {
        let hash = self.hash(arenas, what)?;
        self.ops.entry(hash).or_default().push(op);
        Ok(())
    }

    /// The operations that may stand under these values.
    pub(super) fn candidates(&self, arenas: &[Arena], what: Claim<'_>) -> Result<&[u32]> {
        let hash = self.hash(arenas, what)?;
        Ok(self.ops.get(&hash).map_or(&[], SmallVec::as_slice))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    fn hash(&self, arenas: &[Arena], what: Claim<'_>) -> Result<u64> {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u16(what.tag.0);
        hasher.write_u16(what.tag.1);
        if let Some(arena) = arenas.get(usize::from(what.arena)) {
            hasher.write_u32(keys::hash_row(&self.hasher, arena.values.as_ref(), what.at, what.columns)?);
        }
        Ok(hasher.finish())
    }
}

/// The values of a row's columns, and what they stand for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim<'a> {
    /// The table and the constraint.
    pub(super) tag: (u16, u16),
    /// Whose row it is.
    pub(super) arena: u16,
    pub(super) at: At,
    pub(super) columns: &'a [u16],
}

impl Claim<'_> {
    /// Whether two claims have the same values.
    pub(super) fn agrees(&self, other: &Claim<'_>, arenas: &[Arena]) -> bool {
        let (Some(left), Some(right)) = (arenas.get(usize::from(self.arena)), arenas.get(usize::from(other.arena)))
        else {
            return false;
        };
        let (left, right) = (left.values.as_ref(), right.values.as_ref());
        self.columns
            .iter()
            .zip(other.columns)
            .all(|(mine, theirs)| keys::same_across((left, self.at, *mine), (right, other.at, *theirs)))
    }

    /// Whether one of the values is NULL, which no constraint minds.
    pub(super) fn has_null(&self, arenas: &[Arena]) -> bool {
        let Some(arena) = arenas.get(usize::from(self.arena)) else { return true };
        self.columns.iter().any(|column| keys::is_null(arena.values.as_ref(), self.at, *column))
    }
}

/// The unique constraints of a table, its key the first of them. One that is checked at the end of the transaction is
/// none: its values may be given up and taken in any order. Of an index over expressions nothing is known.
pub(super) fn uniques(meta: &'static TableMeta) -> impl Iterator<Item = (u16, &'static [u16])> {
    let at_once = meta.uniques.iter().filter(|unique| unique.deferrable != Deferrable::InitiallyDeferred);
    let uniques = at_once.map(|unique| unique.columns);
    let of_columns = meta.indexes.iter().filter(|index| index.unique && index.expressions.is_empty());
    let indexes = of_columns.map(|index| index.columns);
    (0..).zip(std::iter::once(meta.primary_key).chain(uniques).chain(indexes))
}

/// How many rows of a table a flush writes.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    all: usize,
    /// Those that were there before, and may give up values.
    giving: usize,
}

fn counts(arenas: &[Arena], ops: &[Op]) -> Vec<Count> {
    let mut counts = vec![Count::default(); arenas.len()];
    for op in ops {
        if let Some(count) = counts.get_mut(usize::from(op.place.arena)) {
            count.all += 1;
            count.giving += usize::from(op.kind != Kind::Insert);
        }
    }
    counts
}

/// Who gives up which unique value in a flush.
#[derive(Debug, Default)]
pub(super) struct Claims {
    freed: Book,
}

impl Claims {
    /// Notes the values that rows give up, of tables where some row also takes one.
    pub(super) fn uniques(arenas: &[Arena], ops: &[Op]) -> Result<Self> {
        let mut claims = Claims::default();
        for ((number, arena), rows) in (0_u16..).zip(arenas).zip(counts(arenas, ops)) {
            if rows.giving == 0 || rows.all < 2 {
                continue;
            }
            let (mut before, mut given_up) = (None, false);
            for (op_number, op) in (0_u32..).zip(ops).filter(|(_, op)| op.place.arena == number) {
                if op.updates_as(before.replace(op)) && !given_up {
                    continue;
                }
                given_up = false;
                for (constraint, columns) in uniques(arena.meta) {
                    if !gives_up(op, columns) {
                        continue;
                    }
                    given_up = true;
                    let claim = Claim { tag: (number, constraint), arena: number, at: arena.stored(op.base), columns };
                    if !claim.has_null(arenas) {
                        claims.freed.note(arenas, op_number, claim)?;
                    }
                }
            }
        }
        Ok(claims)
    }

    /// The operation that gives up what `op` takes under a constraint.
    pub(super) fn giver(&self, arenas: &[Arena], ops: &[Op], op: u32, claim: Claim<'_>) -> Result<Option<u32>> {
        if self.freed.is_empty() || claim.has_null(arenas) {
            return Ok(None);
        }
        let gives = |giver: &&u32| {
            let Some(other) = ops.get(**giver as usize) else { return false };
            let Some(arena) = arenas.get(usize::from(other.place.arena)) else { return false };
            **giver != op && claim.agrees(&Claim { at: arena.stored(other.base), ..claim }, arenas)
        };
        Ok(self.freed.candidates(arenas, claim)?.iter().find(gives).copied())
    }

    /// What an operation takes: constraint and values.
    pub(super) fn takes(arenas: &[Arena], op: &Op) -> Vec<(u16, &'static [u16])> {
        let Some(arena) = arenas.get(usize::from(op.place.arena)) else { return Vec::new() };
        let taken = uniques(arena.meta).filter(|(_, columns)| match op.kind {
            Kind::Insert => {
                columns.iter().all(|column| op.columns.contains(*column) && !arena.is_linked(op.place.slot, *column))
            }
            Kind::Update => columns.iter().any(|column| op.columns.contains(*column)),
            Kind::Delete => false,
        });
        taken.collect()
    }

    /// Whether a row takes what another one gives up.
    pub(super) fn are_passed_on(&self, arenas: &[Arena], ops: &[Op]) -> bool {
        if self.freed.is_empty() {
            return false;
        }
        (0_u32..).zip(ops).any(|(number, op)| {
            Claims::takes(arenas, op).into_iter().any(|(constraint, columns)| {
                let arena = op.place.arena;
                let claim = Claim { tag: (arena, constraint), arena, at: At::Now(op.place.slot), columns };
                matches!(self.giver(arenas, ops, number, claim), Ok(Some(_)) | Err(_))
            })
        })
    }
}

/// Whether an operation gives up its row's value of these columns.
fn gives_up(op: &Op, columns: &[u16]) -> bool {
    match op.kind {
        Kind::Insert => false,
        Kind::Update => op.whole && columns.iter().any(|column| op.columns.contains(*column)),
        Kind::Delete => true,
    }
}
