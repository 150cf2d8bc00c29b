//! The rows of a flush as a graph: which must be written before which, and where a circle can be broken.
//!
//! An edge says that one operation comes before another: a key must be there before it is used, rows that use a key go
//! before it does, a unique value is given up before it is taken. A circle is broken where a column may be NULL: the
//! row is written with NULL there and gets its value in an UPDATE of its own, or the value is given up early.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use super::keyed::{Book, Claim, Claims, uniques};
use super::{Kind, Op, Place, Step, Tables, Written, describe, order};
use crate::error::{Error, Result};
use crate::meta::{Deferrable, ForeignKeyMeta, OnAction};
use crate::session::arena::Arena;
use crate::session::rows::At;

/// `before` comes before `after`.
#[derive(Debug, Clone, Copy)]
struct Edge {
    before: u32,
    after: u32,
    why: Why,
    /// Whether one statement can do both, if `before` stands first in it.
    together: bool,
    /// Whether the database minds the order only when the transaction commits.
    deferred: bool,
    gone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// `after` uses the key that `before` makes, in this column.
    Key(u16),
    /// `before` no longer uses, in this column, the key that `after` takes away.
    Use(u16),
    /// `before` is to use, in this column, the key that `after` takes away: nothing breaks that.
    Doomed(u16),
    /// `after` takes the unique value that `before` gives up: the number of the constraint.
    Unique(u16),
    /// Parts of one row.
    Part,
}

/// The steps of a flush, row by row where that is needed. Adds the operations that break circles.
pub(super) fn steps(arenas: &[Arena], tables: &Tables, ops: &mut Vec<Op>) -> Result<Vec<Step>> {
    let mut graph = Graph::new(arenas, ops)?;
    graph.connect(tables)?;
    graph.order(tables)
}

struct Graph<'a> {
    arenas: &'a [Arena],
    ops: &'a mut Vec<Op>,
    edges: Vec<Edge>,
    /// For each operation: the edges that lead from it, and to it.
    out: Vec<Vec<u32>>,
    into: Vec<Vec<u32>>,
    done: Vec<bool>,
    /// Whether an operation stands in a step, or in line for one.
    queued: Vec<bool>,
    /// Operations that were added to break circles: by the row's operation, the column, and whether it comes first.
    parts: HashMap<(u32, u16, bool), u32>,
    claims: Claims,
}

/// The tag of columns that foreign keys point at: the first are those of the primary key. Unique constraints are
/// numbered from the other end.
const KEYS: u16 = u16::MAX;

type Turn = (Kind, u16, u16, [u64; 4], u32);

impl<'a> Graph<'a> {
    fn new(arenas: &'a [Arena], ops: &'a mut Vec<Op>) -> Result<Self> {
        let claims = Claims::uniques(arenas, ops)?;
        let empty = vec![Vec::new(); ops.len()];
        let done = vec![false; ops.len()];
        let (edges, parts) = (Vec::new(), HashMap::new());
        Ok(Graph { arenas, out: empty.clone(), into: empty, queued: done.clone(), done, ops, edges, parts, claims })
    }

    fn edge(&mut self, before: u32, after: u32, why: Why, together: bool) {
        let number = u32::try_from(self.edges.len()).unwrap_or(u32::MAX);
        self.edges.push(Edge { before, after, why, together, deferred: false, gone: false });
        if let Some(out) = self.out.get_mut(before as usize) {
            out.push(number);
        }
        if let Some(into) = self.into.get_mut(after as usize) {
            into.push(number);
        }
    }

    fn arena(&self, op: &Op) -> Option<&'a Arena> {
        self.arenas.get(usize::from(op.place.arena))
    }

    fn op(&self, number: u32) -> Option<&Op> {
        self.ops.get(number as usize)
    }

    /// Draws every edge.
    fn connect(&mut self, tables: &Tables) -> Result<()> {
        let (mut makers, mut takers) = (Book::default(), Book::default());
        let mut inserts: HashMap<Place, u32> = HashMap::new();
        for (number, op) in (0_u32..).zip(self.ops.iter()) {
            let Some(arena) = self.arena(op) else { continue };
            let (table, slot) = (op.place.arena, op.place.slot);
            if op.kind == Kind::Insert && op.whole {
                inserts.insert(op.place, number);
            }
            for (target, columns) in tables.targets(table) {
                let claim = |at| Claim { tag: (table, KEYS - target), arena: table, at, columns };
                let rekeyed = op.kind == Kind::Update && columns.iter().any(|column| op.columns.contains(*column));
                let given = |column: &u16| op.columns.contains(*column) && !arena.is_linked(slot, *column);
                if rekeyed || (op.kind == Kind::Insert && columns.iter().all(given)) {
                    makers.note(self.arenas, number, claim(At::Now(slot)))?;
                }
                if rekeyed || op.kind == Kind::Delete {
                    takers.note(self.arenas, number, claim(arena.stored(op.base)))?;
                }
            }
        }
        for number in (0_u32..).take(self.ops.len()) {
            let Some(op) = self.op(number).cloned() else { continue };
            if op.whole {
                self.connect_keys(tables, number, &op, &inserts, (&makers, &takers))?;
                self.connect_uniques(number, &op)?;
            } else if let Some(insert) = inserts.get(&op.place) {
                self.edge(*insert, number, Why::Part, false);
            }
        }
        Ok(())
    }

    fn connect_keys(
        &mut self,
        tables: &Tables,
        number: u32,
        op: &Op,
        inserts: &HashMap<Place, u32>,
        (makers, takers): (&Book, &Book),
    ) -> Result<()> {
        let Some(arena) = self.arena(op) else { return Ok(()) };
        for (key_number, key) in (0_u16..).zip(arena.meta.foreign_keys) {
            let Some(parent) = tables.parent(op.place.arena, usize::from(key_number)) else { continue };
            let Some(parents) = self.arenas.get(usize::from(parent)) else { continue };
            let tag = (parent, KEYS - tables.target(parent, key.referenced()));
            let claim = |at| Claim { tag, arena: op.place.arena, at, columns: key.columns };
            let Some(column) = self.column_to_break(number, key.columns) else { continue };
            let written = key.columns.iter().any(|column| op.columns.contains(*column));
            let waits_for = arena.waits_for(op.place.slot);
            let linked = waits_for.iter().find(|link| link.foreign_key == key_number).map(|link| link.place);
            if op.kind != Kind::Delete && written {
                if let Some(maker) = linked.and_then(|place| inserts.get(&place)) {
                    self.edge(*maker, number, Why::Key(column), false);
                } else if linked.is_none() {
                    let new = claim(At::Now(op.place.slot));
                    if let Some(maker) = self.find(makers, new, (parents, key.referenced()), false)? {
                        let both = self.op(maker).is_some_and(|maker| maker.kind == op.kind && op.kind == Kind::Insert);
                        if maker != number {
                            self.edge(maker, number, Why::Key(column), both && maker < number);
                            self.may_wait(key);
                        }
                    } else if let Some(taker) = self.find(takers, new, (parents, key.referenced()), true)? {
                        // The row is to fall, or to be let go, with the one that it belongs to.
                        self.edge(number, taker, Why::Doomed(column), false);
                    }
                }
            }
            // Where the database changes a row's key with its parent's, the row could not be found by it afterwards.
            let moves = key.on_update == OnAction::Cascade
                && key.columns.iter().any(|column| arena.meta.primary_key.contains(column));
            let used = op.kind == Kind::Delete || (op.kind == Kind::Update && (moves || written));
            if used {
                let old = claim(arena.stored(op.base));
                if let Some(taker) = self.find(takers, old, (parents, key.referenced()), true)? {
                    let both = self.op(taker).is_some_and(|taker| taker.kind == op.kind && op.kind == Kind::Delete);
                    if taker != number {
                        self.edge(number, taker, Why::Use(column), both && key.on_delete == OnAction::NoAction);
                        self.may_wait(key);
                    }
                }
            }
        }
        Ok(())
    }

    /// The last edge is of a foreign key, and of rows whose values are known.
    fn may_wait(&mut self, key: &ForeignKeyMeta) {
        // Any other action than to refuse is taken at once.
        let deferred = key.deferrable == Deferrable::InitiallyDeferred && key.on_delete == OnAction::NoAction;
        if let Some(edge) = self.edges.last_mut() {
            edge.deferred = deferred;
        }
    }

    /// The operation that makes, or takes away, the key that a row's column holds.
    fn find(
        &self,
        book: &Book,
        claim: Claim<'_>,
        (parents, columns): (&Arena, &'static [u16]),
        old: bool,
    ) -> Result<Option<u32>> {
        if book.is_empty() || claim.has_null(self.arenas) {
            return Ok(None);
        }
        let agrees = |candidate: &&u32| {
            let Some(op) = self.op(**candidate) else { return false };
            let at = if old { parents.stored(op.base) } else { At::Now(op.place.slot) };
            let theirs = Claim { tag: claim.tag, arena: op.place.arena, at, columns };
            claim.agrees(&theirs, self.arenas)
        };
        Ok(book.candidates(self.arenas, claim)?.iter().find(agrees).copied())
    }

    fn connect_uniques(&mut self, number: u32, op: &Op) -> Result<()> {
        let table = op.place.arena;
        for (constraint, columns) in Claims::takes(self.arenas, op) {
            let claim = Claim { tag: (table, constraint), arena: table, at: At::Now(op.place.slot), columns };
            if let Some(giver) = self.claims.giver(self.arenas, self.ops, number, claim)? {
                self.edge(giver, number, Why::Unique(constraint), false);
            }
        }
        Ok(())
    }

    fn turn(&self, tables: &Tables, number: u32) -> Option<Turn> {
        let op = self.op(number)?;
        // A row with expressions has a statement of its own.
        let alone = if op.expressions { number + 2 } else { u32::from(!op.whole) };
        Some((op.kind, order(tables, op.kind, op.place.arena), op.place.arena, op.columns.set().words(), alone))
    }

    fn is_ready(&self, number: u32) -> bool {
        let open = |edge: &u32| {
            let Some(edge) = self.edges.get(*edge as usize) else { return false };
            !edge.gone && !self.is_done(edge.before)
        };
        !self.is_done(number) && !self.into.get(number as usize).is_some_and(|into| into.iter().any(open))
    }

    fn is_done(&self, number: u32) -> bool {
        self.done.get(number as usize).copied().unwrap_or(true)
    }

    fn set_done(&mut self, number: u32) {
        if let Some(done) = self.done.get_mut(number as usize) {
            *done = true;
        }
    }

    /// Emits what is ready, rows of one kind together, until nothing is left. Breaks a circle where nothing is ready.
    fn order(mut self, tables: &Tables) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        let mut ready: BTreeMap<Turn, Vec<u32>> = BTreeMap::new();
        let (mut first, mut eased) = (0, Vec::new());
        self.gather(tables, 0..u32::try_from(self.ops.len()).unwrap_or(u32::MAX), &mut ready);
        loop {
            if let Some((turn, rows)) = ready.pop_first() {
                let rows = self.emit(tables, turn, rows, &mut ready);
                if self.joins(steps.last(), &rows) {
                    steps.last_mut().into_iter().for_each(|last| self.join(last, &rows));
                } else if let Some(op) = rows.first().and_then(|first| self.op(*first)) {
                    steps.push(Step::of(op, rows));
                }
                continue;
            }
            while (first as usize) < self.ops.len() && self.is_done(first) {
                first += 1;
            }
            // Circles mostly hang together: the next one is looked for where the last one was.
            let stuck = eased.iter().copied().find(|number| !self.is_done(*number)).unwrap_or(first);
            if self.is_done(stuck) {
                break;
            }
            let before = u32::try_from(self.ops.len()).unwrap_or(u32::MAX);
            eased = self.break_circle(stuck)?;
            let after = u32::try_from(self.ops.len()).unwrap_or(u32::MAX);
            self.gather(tables, (before..after).chain(eased.iter().copied()), &mut ready);
        }
        Ok(steps)
    }

    /// Whether parts of rows can be written with other parts of the same rows, which were to be written just before.
    fn joins(&self, last: Option<&Step>, rows: &[u32]) -> bool {
        let late = |number: &u32| self.op(*number).filter(|op| !op.whole && !op.expressions && !op.columns.has_nulls());
        let waits = |before: &u32| {
            let out = self.out.get(*before as usize).into_iter().flatten();
            out.filter_map(|edge| self.edges.get(*edge as usize)).any(|edge| !edge.gone && rows.contains(&edge.after))
        };
        last.is_some_and(|last| {
            let alike = |(one, other): (&u32, &u32)| match (late(one), late(other)) {
                (Some(one), Some(other)) => one.place == other.place,
                _ => false,
            };
            last.ops.len() == rows.len() && last.ops.iter().zip(rows).all(alike) && !last.ops.iter().any(waits)
        })
    }

    /// Writes the columns of parts with those of a step. The parts are then in no step of their own.
    fn join(&mut self, last: &mut Step, rows: &[u32]) {
        for (into, from) in last.ops.iter().zip(rows) {
            let columns = self.op(*from).map(|op| op.columns.set()).unwrap_or_default();
            if let Some(op) = self.ops.get_mut(*into as usize) {
                columns.iter().for_each(|column| op.columns.insert(column));
            }
            columns.iter().for_each(|column| last.columns.insert(column));
        }
    }

    fn gather(
        &mut self,
        tables: &Tables,
        numbers: impl IntoIterator<Item = u32>,
        ready: &mut BTreeMap<Turn, Vec<u32>>,
    ) {
        for number in numbers {
            if self.is_ready(number)
                && let Some(turn) = self.turn(tables, number)
                && self.queue(number)
            {
                ready.entry(turn).or_default().push(number);
            }
        }
    }

    /// Puts an operation in line; false if it is in one already.
    fn queue(&mut self, number: u32) -> bool {
        self.queued.get_mut(number as usize).is_some_and(|queued| !std::mem::replace(queued, true))
    }

    /// The rows of one step: those that are ready, and those that are once the rows before them in the step are done.
    fn emit(
        &mut self,
        tables: &Tables,
        turn: Turn,
        mut rows: Vec<u32>,
        ready: &mut BTreeMap<Turn, Vec<u32>>,
    ) -> Vec<u32> {
        let (mut later, mut at) = (Vec::new(), 0);
        let mut step: HashSet<u32> = rows.iter().copied().collect();
        while let Some(number) = rows.get(at).copied() {
            at += 1;
            for edge in self.out.get(number as usize).cloned().unwrap_or_default() {
                let Some(edge) = self.edges.get(edge as usize).copied().filter(|edge| !edge.gone) else { continue };
                let joins = edge.together && self.turn(tables, edge.after) == Some(turn);
                if joins && self.fits(edge.after, &step) && self.queue(edge.after) {
                    step.insert(edge.after);
                    rows.push(edge.after);
                }
                later.push(edge.after);
            }
        }
        rows.iter().for_each(|row| self.set_done(*row));
        // Only now is known what waited for several of these rows.
        later.sort_unstable();
        later.dedup();
        self.gather(tables, later, ready);
        rows
    }

    /// Whether all that a row waits for is done, or stands in this step in a way that one statement can carry.
    fn fits(&self, number: u32, step: &HashSet<u32>) -> bool {
        self.into.get(number as usize).into_iter().flatten().all(|edge| match self.edges.get(*edge as usize) {
            Some(edge) => edge.gone || self.is_done(edge.before) || (edge.together && step.contains(&edge.before)),
            None => true,
        })
    }

    /// Breaks the circle that keeps an operation from being ready. Gives the operations that may be ready now.
    fn break_circle(&mut self, stuck: u32) -> Result<Vec<u32>> {
        let circle = self.circle(stuck);
        let mut best: Option<(u32, Break)> = None;
        for number in &circle {
            let Some(edge) = self.edges.get(*number as usize).copied() else { continue };
            if let Some(found) = self.way_to_break(edge) {
                let cheaper = best.is_none_or(|(_, other)| found.cost() < other.cost());
                if cheaper {
                    best = Some((*number, found));
                }
            }
        }
        match best {
            Some((edge, way)) => Ok(self.apply(edge, way)),
            None => Err(self.unbreakable(&circle)),
        }
    }

    /// The edges of a circle that is found by going back from an operation.
    fn circle(&self, start: u32) -> Vec<u32> {
        let (mut path, mut seen) = (Vec::new(), HashMap::new());
        let mut at = start;
        loop {
            if let Some(begin) = seen.insert(at, path.len()) {
                return path.split_off(begin);
            }
            let open = self.into.get(at as usize).into_iter().flatten().copied().find(|edge| {
                self.edges.get(*edge as usize).is_some_and(|edge| !edge.gone && !self.is_done(edge.before))
            });
            let Some((number, edge)) = open.and_then(|edge| Some((edge, self.edges.get(edge as usize)?))) else {
                return path;
            };
            path.push(number);
            at = edge.before;
        }
    }

    fn may_be_null(&self, number: u32, column: u16) -> bool {
        let meta = self.op(number).and_then(|op| self.arena(op)).map(|arena| arena.meta);
        meta.is_some_and(|meta| {
            meta.column(column).is_some_and(|it| it.nullable && it.computed.is_none())
                && !meta.primary_key.contains(&column)
        })
    }

    /// Whether an operation can leave a column to another one, and write NULL for now.
    fn can_part_with(&self, number: u32, column: u16) -> bool {
        let written = |op: &Op| op.kind == Kind::Delete || op.columns.contains(column);
        self.op(number).is_some_and(written) && self.may_be_null(number, column)
    }

    /// The column of a foreign key at which a circle is broken, if at any: while it is NULL, the key says nothing.
    fn column_to_break(&self, number: u32, columns: &[u16]) -> Option<u16> {
        let can = |column: &&u16| self.can_part_with(number, **column);
        let waits = |column: &&u16| {
            self.op(number)
                .and_then(|op| Some((op, self.arena(op)?)))
                .is_some_and(|(op, arena)| arena.is_linked(op.place.slot, **column))
        };
        let mut waiting = columns.iter().filter(waits);
        let found = match (waiting.next(), waiting.next()) {
            (None, _) => columns.iter().find(can).or(columns.first()),
            // It is what must come later. Two of them cannot be put off together.
            (Some(only), None) => Some(only),
            (Some(first), Some(second)) => [first, second].into_iter().find(|column| !can(column)).or(Some(first)),
        };
        found.copied()
    }

    /// The column of a unique constraint that may be NULL.
    fn nullable_of(&self, number: u32, constraint: u16) -> Option<u16> {
        let arena = self.op(number).and_then(|op| self.arena(op))?;
        let (_, columns) = uniques(arena.meta).find(|(index, _)| *index == constraint)?;
        columns.iter().copied().find(|column| self.may_be_null(number, *column))
    }

    fn way_to_break(&self, edge: Edge) -> Option<Break> {
        if edge.deferred {
            return Some(Break::Deferred);
        }
        match edge.why {
            Why::Key(column) if self.can_part_with(edge.after, column) => Some(Break::Later(column)),
            Why::Use(column) if self.can_part_with(edge.before, column) => Some(Break::Early(column)),
            Why::Unique(constraint) => {
                let taker = self.nullable_of(edge.after, constraint).map(Break::Later);
                taker.or_else(|| self.nullable_of(edge.before, constraint).map(Break::Early))
            }
            Why::Key(_) | Why::Use(_) | Why::Doomed(_) | Why::Part => None,
        }
    }

    fn apply(&mut self, number: u32, way: Break) -> Vec<u32> {
        let Some(edge) = self.edges.get(number as usize).copied() else { return Vec::new() };
        if let Some(edge) = self.edges.get_mut(number as usize) {
            edge.gone = true;
        }
        match way {
            Break::Deferred => {}
            Break::Later(column) => {
                let part = self.part(edge.after, column, false);
                self.edge(edge.before, part, edge.why, false);
            }
            Break::Early(column) => {
                let part = self.part(edge.before, column, true);
                self.edge(part, edge.after, edge.why, false);
            }
        }
        vec![edge.before, edge.after]
    }

    /// The operation that sets a single column of a row before (to NULL) or after its own operation.
    fn part(&mut self, whole: u32, column: u16, early: bool) -> u32 {
        if let Some(part) = self.parts.get(&(whole, column, early)) {
            return *part;
        }
        let number = u32::try_from(self.ops.len()).unwrap_or(u32::MAX);
        let Some(op) = self.op(whole) else { return number };
        let mut columns = Written::default();
        columns.insert(column);
        if early {
            columns.insert_null(column);
        }
        let base = if early { op.base } else { op.place.slot };
        self.ops.push(Op { place: op.place, kind: Kind::Update, columns, base, whole: false, expressions: false });
        self.out.push(Vec::new());
        self.into.push(Vec::new());
        self.done.push(false);
        self.queued.push(false);
        self.parts.insert((whole, column, early), number);
        if early {
            self.edge(number, whole, Why::Part, false);
        } else {
            if let Some(op) = self.ops.get_mut(whole as usize) {
                op.columns.insert_null(column);
            }
            self.edge(whole, number, Why::Part, false);
        }
        number
    }

    #[cold]
    fn unbreakable(&self, circle: &[u32]) -> Error {
        let mut objects: Vec<String> = Vec::new();
        for edge in circle.iter().filter_map(|edge| self.edges.get(*edge as usize)) {
            if let Some((op, arena)) = self.op(edge.after).and_then(|op| Some((op, self.arena(op)?))) {
                let columns = match edge.why {
                    Why::Key(column) | Why::Use(column) | Why::Doomed(column) => column_name(arena, column),
                    Why::Unique(constraint) => uniques(arena.meta)
                        .find(|(index, _)| *index == constraint)
                        .map(|(_, columns)| {
                            columns.iter().map(|column| column_name(arena, *column)).collect::<Vec<_>>()
                        })
                        .unwrap_or_default()
                        .join(", "),
                    Why::Part => continue,
                };
                objects.push(format!("{} by `{columns}`", describe(arena, op.base)));
            }
        }
        Error::FlushCycle { objects }
    }
}

fn column_name(arena: &Arena, column: u16) -> String {
    arena.meta.column(column).map_or("?", |column| column.name).to_owned()
}

/// How an edge can be got rid of.
#[derive(Debug, Clone, Copy)]
enum Break {
    /// It is left out: the database minds it only when the transaction commits.
    Deferred,
    /// The later row is written with NULL in this column, and gets its value afterwards.
    Later(u16),
    /// The earlier row gives up this column's value ahead of time.
    Early(u16),
}

impl Break {
    fn cost(self) -> u8 {
        match self {
            Break::Deferred => 0,
            Break::Later(_) => 1,
            Break::Early(_) => 2,
        }
    }
}
