//! What a flush has to write, in an order that the database accepts. No statement is made here and nothing is sent.
//!
//! [`collect`] finds the net changes, [`Plan::new`] orders them. Mostly the order of the tables is enough: rows are
//! inserted parents first, then updated, then deleted children first. Only where rows of one flush depend on each other
//! in other ways (a tree, two tables that point at each other, a unique value that one row gives up and another takes)
//! is a [`graph`] of the rows drawn.

mod graph;
mod keyed;
#[cfg(test)]
pub(super) mod tests;
mod written;

use hashbrown::HashSet;
use smallvec::SmallVec;

use super::arena::{Arena, Parent, Place, Slot};
use super::keys;
use super::rows::At;
use crate::ast::ColumnSet;
use crate::error::{Error, Result};
use crate::meta::{ForeignKeyMeta, OnAction, TableMeta, describe_key};
use crate::model::KeyValues;
use crate::value::Value;
use keyed::Claims;
pub(super) use written::Written;

/// One row to be written.
#[derive(Debug, Clone)]
pub(super) struct Op {
    pub(super) place: Place,
    pub(super) kind: Kind,
    /// The columns that are given or set.
    pub(super) columns: Written,
    /// The slot of the row that the database has: another object's where a key is used again.
    pub(super) base: u32,
    /// Whether this is all that happens to the row, and not a part that was taken out to break a circle.
    pub(super) whole: bool,
    /// Whether columns are set to expressions.
    pub(super) expressions: bool,
}

/// What is done to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Insert,
    Update,
    Delete,
}

/// Rows that are written together: of one table, in one way, with the same columns.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) arena: u16,
    pub(super) kind: Kind,
    pub(super) columns: ColumnSet,
    /// Whether columns are set to expressions: then it is one row.
    pub(super) expressions: bool,
    /// Whether its operations are all that happens to their rows.
    pub(super) whole: bool,
    /// Numbers of operations, in order.
    pub(super) ops: Vec<u32>,
}

impl Step {
    fn of(op: &Op, ops: Vec<u32>) -> Self {
        let Op { place, kind, columns, expressions, whole, .. } = op;
        Step { arena: place.arena, kind: *kind, columns: columns.set(), expressions: *expressions, whole: *whole, ops }
    }

    /// Whether nothing is to be sent for it: a key is used again by an equal row.
    pub(super) fn is_empty(&self) -> bool {
        self.kind == Kind::Update && self.columns.is_empty() && !self.expressions
    }

    fn takes(&self, op: &Op) -> bool {
        let alike = self.arena == op.place.arena && self.kind == op.kind && op.columns.are(&self.columns);
        alike && self.whole == op.whole && !self.expressions && !op.expressions
    }
}

/// What a flush does.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) ops: Vec<Op>,
    pub(super) steps: Vec<Step>,
}

impl Plan {
    /// Puts the operations in order.
    ///
    /// # Errors
    ///
    /// [`Error::FlushCycle`] if there is no order in which no constraint is broken.
    pub(super) fn new(arenas: &[Arena], mut ops: Vec<Op>) -> Result<Plan> {
        let tables = Tables::new(arenas);
        let steps = if needs_graph(arenas, &tables, &ops)? {
            graph::steps(arenas, &tables, &mut ops)?
        } else {
            by_tables(&tables, &ops)
        };
        Ok(Plan { ops, steps })
    }
}

/// An object whose row is deleted, by which step of the plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deleted {
    pub(super) place: Place,
    pub(super) when: usize,
}

impl Plan {
    /// The operations in the order of writing, each with the number of its step.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (usize, &Op)> {
        let steps = self.steps.iter().enumerate();
        steps.flat_map(move |(when, step)| {
            step.ops.iter().filter_map(move |op| Some((when, self.ops.get(*op as usize)?)))
        })
    }

    /// The operations, unless all are inserts.
    pub(super) fn changes(&self) -> impl Iterator<Item = &Op> {
        let inserts = self.steps.iter().all(|step| step.kind == Kind::Insert);
        self.ops.iter().take(if inserts { 0 } else { self.ops.len() })
    }

    /// What is deleted, and when.
    pub(super) fn deletes(&self) -> Vec<Deleted> {
        let steps = self.steps.iter().enumerate().filter(|(_, step)| step.kind == Kind::Delete);
        let ops = steps.flat_map(|(when, step)| step.ops.iter().map(move |op| (when, *op)));
        let deletes = ops.filter_map(|(when, op)| Some(Deleted { place: self.ops.get(op as usize)?.place, when }));
        deletes.collect()
    }

    /// Whether a column of a row is written by a step after this one.
    pub(super) fn is_written_after(&self, place: Place, column: u16, step: usize) -> bool {
        let writes = |op: &u32| {
            let op = self.ops.get(*op as usize);
            op.is_some_and(|op| op.place == place && op.columns.contains(column) && !op.columns.is_null(column))
        };
        self.steps.iter().skip(step + 1).any(|step| step.ops.iter().any(writes))
    }
}

/// How the tables of a session's models depend on each other.
#[derive(Debug)]
pub(super) struct Tables {
    /// For each arena and foreign key of it: the arena that it points at.
    parents: Vec<Vec<Option<u16>>>,
    /// For each arena: the columns that foreign keys point at, its primary key first.
    targets: Vec<Vec<&'static [u16]>>,
    /// For each arena: those that can be reached from it by foreign keys.
    reach: Vec<Vec<bool>>,
    /// For each arena: whether one of its foreign keys leads round in a circle.
    circular: Vec<bool>,
    /// For each arena: how many tables stand above it.
    ranks: Vec<u16>,
}

impl Tables {
    fn new(arenas: &[Arena]) -> Self {
        let arena_of = |meta: &TableMeta| (0..).zip(arenas).find(|(_, arena)| *arena.meta == *meta).map(|(at, _)| at);
        let parents: Vec<Vec<Option<u16>>> = arenas
            .iter()
            .map(|arena| arena.meta.foreign_keys.iter().map(|key| arena_of((key.references)())).collect())
            .collect();
        let targets = arenas.iter().map(|arena| targets(arena.meta, arenas)).collect();
        let mut reach: Vec<Vec<bool>> = vec![vec![false; arenas.len()]; arenas.len()];
        for (from, row) in parents.iter().zip(0..).map(|(keys, from)| (from, keys)) {
            for to in row.iter().flatten() {
                mark(&mut reach, from, usize::from(*to));
            }
        }
        for middle in 0..arenas.len() {
            for from in 0..arenas.len() {
                if is(&reach, from, middle) {
                    for to in 0..arenas.len() {
                        if is(&reach, middle, to) {
                            mark(&mut reach, from, to);
                        }
                    }
                }
            }
        }
        let circular = (0..arenas.len()).map(|from| is(&reach, from, from)).collect();
        // A table stands below another if it can reach it, unless both are in one circle.
        let ranks = (0..arenas.len())
            .map(|from| {
                let above = (0..arenas.len()).filter(|to| is(&reach, from, *to) && !is(&reach, *to, from)).count();
                u16::try_from(above).unwrap_or(u16::MAX)
            })
            .collect();
        Tables { parents, targets, reach, circular, ranks }
    }

    fn parent(&self, arena: u16, foreign_key: usize) -> Option<u16> {
        self.parents.get(usize::from(arena))?.get(foreign_key).copied().flatten()
    }

    /// The columns of `arena` that foreign keys point at, numbered.
    fn targets(&self, arena: u16) -> impl Iterator<Item = (u16, &'static [u16])> + '_ {
        (0..).zip(self.targets.get(usize::from(arena)).into_iter().flatten().copied())
    }

    /// The number of some columns among them.
    fn target(&self, arena: u16, columns: &[u16]) -> u16 {
        self.targets(arena).find(|(_, target)| *target == columns).map_or(0, |(number, _)| number)
    }

    /// Whether an operation changes a value that a foreign key may hold.
    fn is_rekeyed(&self, op: &Op) -> bool {
        let changed = |(_, columns): (u16, &[u16])| columns.iter().any(|column| op.columns.contains(*column));
        op.kind == Kind::Update && self.targets(op.place.arena).any(changed)
    }

    /// Whether a foreign key of `arena` that points at `parent` is part of a circle.
    fn is_circular(&self, arena: u16, parent: u16) -> bool {
        is(&self.reach, usize::from(parent), usize::from(arena))
    }

    /// Whether any foreign key of `arena` is part of a circle.
    fn has_circle(&self, arena: u16) -> bool {
        self.circular.get(usize::from(arena)).copied().unwrap_or_default()
    }

    fn rank(&self, arena: u16) -> u16 {
        self.ranks.get(usize::from(arena)).copied().unwrap_or_default()
    }
}

/// The columns of a table that foreign keys of these tables point at, and its primary key before them.
fn targets(meta: &TableMeta, arenas: &[Arena]) -> Vec<&'static [u16]> {
    let mut targets = vec![meta.primary_key];
    let keys = arenas.iter().flat_map(|arena| arena.meta.foreign_keys);
    for columns in keys.filter(|key| *(key.references)() == *meta).map(ForeignKeyMeta::referenced) {
        if !targets.contains(&columns) {
            targets.push(columns);
        }
    }
    targets
}

fn is(reach: &[Vec<bool>], from: usize, to: usize) -> bool {
    reach.get(from).and_then(|row| row.get(to)).copied().unwrap_or_default()
}

fn mark(reach: &mut [Vec<bool>], from: usize, to: usize) {
    if let Some(cell) = reach.get_mut(from).and_then(|row| row.get_mut(to)) {
        *cell = true;
    }
}

/// The net changes of all objects.
///
/// # Errors
///
/// [`Error::IdentityConflict`] if a pending object has the key of another one, [`Error::Bind`] if no column can hold a
/// value.
pub(super) fn collect(arenas: &[Arena]) -> Result<Vec<Op>> {
    collect_into(Vec::with_capacity(most(arenas)), arenas)
}

/// How many objects may have to be written.
pub(super) fn most(arenas: &[Arena]) -> usize {
    arenas.iter().map(|arena| arena.pending.len() + arena.touched.len() + arena.deleting.len()).sum()
}

/// As [`collect`], into an empty list.
pub(super) fn collect_into(mut ops: Vec<Op>, arenas: &[Arena]) -> Result<Vec<Op>> {
    for (number, arena) in (0_u16..).zip(arenas) {
        collect_one(arenas, number, arena, &mut ops)?;
    }
    leave_to_database(arenas, &mut ops)?;
    Ok(ops)
}

fn collect_one(arenas: &[Arena], number: u16, arena: &Arena, ops: &mut Vec<Op>) -> Result<()> {
    let mut switched = HashSet::new();
    let mut before: Option<Alike> = None;
    for slot in arena.pending.iter().copied().filter(|slot| arena.slot_state(*slot) == Slot::Pending) {
        let place = Place { arena: number, slot };
        let unaltered = arena.unaltered(slot);
        if let Some(columns) = unaltered.zip(before.as_ref()).and_then(|(row, before)| before.columns(row)) {
            ops.push(Op::new(place, Kind::Insert, columns));
            continue;
        }
        let (mut columns, mut kind, mut base) = (arena.given(slot), Kind::Insert, slot);
        let has_key = knows_key(arena, slot, &columns);
        if has_key && let Some(other) = arena.find_row(At::Now(slot))? {
            let deleting = arena.slot_state(other) == Slot::Deleting;
            let moves = moves_by_itself(arenas, arena, other)?;
            if deleting && !moves {
                if !switched.insert(other) {
                    return Err(Error::IdentityConflict { object: describe(arena, other) });
                }
                (kind, base, columns) = (Kind::Update, other, ColumnSet::default());
                arena.differences(arena.stored(other), At::Now(slot), &mut columns)?;
            } else if !deleting && !moves && !is_rekeyed(arena, other, arena.meta.primary_key)? {
                return Err(Error::IdentityConflict { object: describe(arena, other) });
            }
        }
        // Looked at first, for most are given already.
        for parent in arena.waits_for(slot) {
            if !columns.contains(parent.column) {
                columns.insert(parent.column);
            }
        }
        before = unaltered.filter(|_| !has_key).map(|row| Alike::new(row, columns));
        ops.push(Op { base, ..Op::new(place, kind, columns.into()) });
        if !arena.expressions(slot).is_empty() {
            ops.push(Op { expressions: true, whole: false, ..Op::new(place, Kind::Update, Written::default()) });
        }
    }
    for slot in arena.touched.iter().copied().filter(|slot| arena.slot_state(*slot) == Slot::Persistent) {
        let columns = arena.changed(slot)?;
        let expressions = !arena.expressions(slot).is_empty();
        if !columns.is_empty() || expressions {
            let op = Op::new(Place { arena: number, slot }, Kind::Update, columns.into());
            ops.push(Op { expressions, ..op });
        }
    }
    for slot in arena.deleting.iter().copied() {
        if arena.slot_state(slot) == Slot::Deleting && !switched.contains(&slot) {
            ops.push(Op::new(Place { arena: number, slot }, Kind::Delete, Written::default()));
        }
    }
    Ok(())
}

/// Whether an object gives up the values that the database has for it in these columns.
fn is_rekeyed(arena: &Arena, slot: u32, columns: &[u16]) -> Result<bool> {
    let changed = arena.changed(slot)?;
    Ok(arena.slot_state(slot) == Slot::Persistent && columns.iter().any(|key| changed.contains(*key)))
}

/// The object that a row of the database belongs to by a foreign key.
fn parent_of(arena: &Arena, row: At, key: &ForeignKeyMeta, parents: &Arena) -> Result<Option<u32>> {
    let values = key.columns.iter().map(|column| keys::value(arena.values.as_ref(), row, *column));
    Ok(parents.find_by(key.referenced(), &values.collect::<Result<KeyValues>>()?))
}

/// Whether the database is going to change a row because it belongs to one whose key changes. Another row of the same
/// key does not want that.
fn moves_by_itself(arenas: &[Arena], arena: &Arena, slot: u32) -> Result<bool> {
    for key in arena.meta.foreign_keys.iter().filter(|key| key.on_update != OnAction::NoAction) {
        let target = (key.references)();
        let Some(parents) = arenas.iter().find(|parents| *parents.meta == *target) else { continue };
        if let Some(parent) = parent_of(arena, arena.stored(slot), key, parents)?
            && is_rekeyed(parents, parent, key.referenced())?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes out what the database does by itself: a row that the program gave its parent's new key gets it from the
/// parent's.
fn leave_to_database(arenas: &[Arena], ops: &mut [Op]) -> Result<()> {
    let mut keys = arenas.iter().flat_map(|arena| arena.meta.foreign_keys);
    if !keys.any(|key| key.on_update == OnAction::Cascade) {
        return Ok(());
    }
    let tables = Tables::new(arenas);
    if !ops.iter().any(|op| op.base == op.place.slot && tables.is_rekeyed(op)) {
        return Ok(());
    }
    for op in ops.iter_mut().filter(|op| op.kind == Kind::Update && op.base == op.place.slot) {
        let Some(arena) = arenas.get(usize::from(op.place.arena)) else { continue };
        for key in arena.meta.foreign_keys.iter().filter(|key| key.on_update == OnAction::Cascade) {
            let parents = arenas.iter().find(|parents| *parents.meta == *(key.references)());
            let moves = key.columns.iter().any(|column| op.columns.contains(*column));
            let (true, Some(parents)) = (moves, parents) else { continue };
            // While it also changes another part of a key, the row would for a moment be one that nobody asked for.
            let alone = |(_, columns): (u16, &[u16])| {
                !columns.iter().any(|column| key.columns.contains(column))
                    || !columns.iter().any(|other| !key.columns.contains(other) && op.columns.contains(*other))
            };
            let Some(parent) = parent_of(arena, arena.stored(op.base), key, parents)? else { continue };
            let now = |(own, theirs)| {
                keys::same_across(
                    (arena.values.as_ref(), At::Now(op.place.slot), own),
                    (parents.values.as_ref(), At::Now(parent), theirs),
                )
            };
            if key.pairs().all(now)
                && is_rekeyed(parents, parent, key.referenced())?
                && keyed::uniques(arena.meta).all(alone)
            {
                key.columns.iter().for_each(|column| op.columns.remove(*column));
            }
        }
    }
    Ok(())
}

/// Whether a pending row's key is known.
fn knows_key(arena: &Arena, slot: u32, columns: &ColumnSet) -> bool {
    arena.meta.primary_key.iter().all(|column| columns.contains(*column) && !arena.is_linked(slot, *column))
}

/// A new row that nobody has altered since it was added, and whose key the database makes. The next one is mostly like
/// it, and gives the same columns.
struct Alike {
    shape: u32,
    /// The columns that wait for keys.
    waits: SmallVec<[u16; 4]>,
    columns: Written,
}

impl Alike {
    fn new((shape, waits): (u32, &[Parent]), columns: ColumnSet) -> Self {
        Alike { shape, waits: waits.iter().map(|parent| parent.column).collect(), columns: columns.into() }
    }

    /// The columns of another unaltered row, if it is like this one.
    #[inline]
    fn columns(&self, (shape, waits): (u32, &[Parent])) -> Option<Written> {
        let alike = shape == self.shape && waits.iter().map(|parent| parent.column).eq(self.waits.iter().copied());
        alike.then(|| self.columns.clone())
    }
}

impl Op {
    fn new(place: Place, kind: Kind, columns: Written) -> Self {
        Op { place, kind, columns, base: place.slot, whole: true, expressions: false }
    }

    /// Whether the one before sets the same columns of the same table: then what follows from them is known.
    #[inline]
    fn updates_as(&self, before: Option<&Op>) -> bool {
        before.is_some_and(|before| {
            let kinds = (self.kind, before.kind) == (Kind::Update, Kind::Update);
            kinds && self.place.arena == before.place.arena && self.columns.are(&before.columns.set())
        })
    }
}

/// An object as messages name it: `User(7)`. Only keys that are numbers or UUIDs are shown; others may be secrets.
pub(super) fn describe(arena: &Arena, slot: u32) -> String {
    let key = arena.meta.primary_key.iter();
    let key = key.map(|column| keys::value(arena.values.as_ref(), arena.stored(slot), *column).unwrap_or(Value::Null));
    describe_key(arena.meta, key)
}

/// Whether the order of the tables is not enough.
fn needs_graph(arenas: &[Arena], tables: &Tables, ops: &[Op]) -> Result<bool> {
    let mut before = None;
    for op in ops {
        let Some(arena) = arenas.get(usize::from(op.place.arena)) else { continue };
        if op.updates_as(before.replace(op)) {
            continue;
        }
        if tables.is_rekeyed(op) || in_a_circle(arena, tables, op) {
            return Ok(true);
        }
    }
    let claims = Claims::uniques(arenas, ops)?;
    Ok(claims.are_passed_on(arenas, ops))
}

/// Whether a row holds, or held, a key that leads round in a circle of tables.
fn in_a_circle(arena: &Arena, tables: &Tables, op: &Op) -> bool {
    let values = arena.values.as_ref();
    tables.has_circle(op.place.arena)
        && arena.meta.foreign_keys.iter().enumerate().any(|(number, key)| {
            let Some(parent) = tables.parent(op.place.arena, number) else { return false };
            let (slot, mut columns) = (op.place.slot, key.columns.iter());
            tables.is_circular(op.place.arena, parent)
                && match op.kind {
                    Kind::Insert => columns
                        .all(|column| arena.is_linked(slot, *column) || !keys::is_null(values, At::Now(slot), *column)),
                    Kind::Update => columns.any(|column| op.columns.contains(*column)),
                    Kind::Delete => columns.all(|column| !keys::is_null(values, arena.stored(op.base), *column)),
                }
        })
}

/// Inserts parents first, then updates, then deletes children first; each table's rows together by their columns.
fn by_tables(tables: &Tables, ops: &[Op]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (number, op) in (0_u32..).zip(ops) {
        // Rows of a kind mostly come one after the other: the last steps are looked at first.
        let fits = |step: &&mut Step| step.takes(op);
        match steps.iter_mut().rev().find(fits) {
            Some(step) => step.ops.push(number),
            None => steps.push(Step::of(op, vec![number])),
        }
    }
    steps.sort_by_key(|step| (step.kind, order(tables, step.kind, step.arena)));
    steps
}

/// Where a table's turn comes among rows of one kind.
fn order(tables: &Tables, kind: Kind, arena: u16) -> u16 {
    match kind {
        Kind::Insert | Kind::Update => tables.rank(arena),
        Kind::Delete => u16::MAX - tables.rank(arena),
    }
}
