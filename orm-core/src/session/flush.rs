//! Running a plan: one statement for many rows of a step, and back into memory what the database made.

use std::ops::Range;

use hashbrown::HashMap;

use super::arena::{Arena, Awaited, Parent, Place, Slot};
use super::hooks::{Moment, Told};
use super::job::{Job, miscounted, write_back};
use super::line::Status;
use super::plan::{self, Deleted, Kind, Op, Plan, Step};
use super::rows::At;
use super::{Session, changes, keys};
use crate::engine::link::Ending;
use crate::error::{Error, Result};
use crate::meta::{ForeignKeyMeta, OnAction};
use crate::value::Value;

/// How often a commit flushes what hooks of the flush before have changed.
const ROUNDS: usize = 100;

impl Session {
    /// Writes all changes, in as few statements as it takes. It ends no transaction.
    ///
    /// New rows are inserted parents first, many rows a statement, and get the keys and other values that the database
    /// makes; of changed rows only the changed columns are updated; rows are deleted children first. Nothing is sent if
    /// nothing has changed.
    ///
    /// # Errors
    ///
    /// A violated constraint says which object it was. The innermost savepoint is then lost, or the transaction if there
    /// is none: until it is rolled back, everything is [`Error::Aborted`], and objects can still be read.
    /// [`Error::Invalid`], [`Error::IdentityConflict`] and [`Error::FlushCycle`] come before anything is sent, and
    /// nothing is lost. [`Error::StaleObject`] if a row was changed or deleted behind our back.
    pub async fn flush(&mut self) -> Result<()> {
        self.check()?;
        if self.hooks.is_empty() && !self.arenas.iter().any(Arena::is_dirty) {
            return Ok(());
        }
        let plan = self.prepare()?;
        if plan.ops.is_empty() {
            self.arenas.iter_mut().for_each(Arena::flushed);
            return Ok(());
        }
        let told = self.changes_to_tell(&plan)?;
        let attempt = Attempt::new(self, "flush");
        let options = attempt.session.line.write_options();
        if let Err(error) = attempt.session.open(Some(options)).await {
            // No transaction has begun, so nothing is lost.
            attempt.over();
            return Err(error);
        }
        let written = attempt.session.carry_out(&plan).await;
        attempt.over();
        if let Err(error) = written {
            return Err(self.lost(error));
        }
        // What they refuse is written already, and is undone with the flush.
        let heard = self.tell(&plan, told).and_then(|()| self.run_after_flush());
        self.line.engine().spare().keep_ops(plan.ops);
        heard.map_err(|error| self.lost(error))
    }

    /// The statements that a flush would send now. Keys that are still to be made show in none of them, since binds
    /// are not shown.
    ///
    /// # Errors
    ///
    /// As [`Session::flush`] before it sends anything.
    pub fn preview(&self) -> Result<Vec<String>> {
        let plan = Plan::new(&self.arenas, plan::collect(&self.arenas)?)?;
        let driver = self.line.engine().driver();
        let mut texts: Vec<Result<String>> = Vec::new();
        for step in plan.steps.iter().filter(|step| !step.is_empty()) {
            let Some(arena) = self.arenas.get(usize::from(step.arena)) else { continue };
            let job = Job::new(arena, &plan.ops, step, driver.features());
            for (start, end) in job.chunks(driver.features()) {
                texts.push(job.with_statement(start, end, |statement| driver.text(statement).map(|(sql, _)| sql))?);
            }
        }
        texts.into_iter().collect()
    }

    /// Begins a transaction that takes the write lock at once. A session begins by itself when it first needs the
    /// database; say this where it reads what it is going to change, and others write as well.
    ///
    /// # Errors
    ///
    /// [`Error::LockTimeout`] if another writer does not finish in time; [`Error::Statement`] if a transaction is open.
    pub async fn begin(&mut self) -> Result<()> {
        self.check()?;
        if self.line.in_transaction() {
            return Err(Error::Statement(
                "the session's transaction has begun already, with its first read or flush: call `begin` before \
                 that, or commit or roll back first"
                    .into(),
            ));
        }
        let options = self.line.write_options();
        self.open(Some(options)).await.map(drop)
    }

    /// Flushes, makes the changes lasting, and gives the connection back. The objects stay as they are; deleted ones
    /// leave.
    ///
    /// # Errors
    ///
    /// Those of [`Session::flush`] and of the commit; nothing is then kept, and [`Session::rollback`] begins anew.
    pub async fn commit(&mut self) -> Result<()> {
        self.check()?;
        self.run_before_commit()?;
        self.flush_all().await?;
        if self.line.in_transaction() {
            let attempt = Attempt::new(self, "commit");
            let ended = attempt.session.line.end(Ending::Commit).await;
            attempt.over();
            if let Err(error) = ended {
                self.line.abandon();
                return Err(self.lost(error));
            }
        }
        self.levels.clear();
        self.arenas.iter_mut().for_each(Arena::committed);
        self.actions.drain(..).for_each(|action| action());
        self.run_after_commit();
        Ok(())
    }

    /// Flushes until hooks leave nothing to be flushed.
    async fn flush_all(&mut self) -> Result<()> {
        for _ in 0..ROUNDS {
            self.flush().await?;
            if !self.arenas.iter().any(Arena::is_dirty) {
                return Ok(());
            }
        }
        Err(Error::Statement(format!(
            "hooks still change rows after {ROUNDS} flushes: one of them never comes to an end"
        )))
    }

    /// Undoes everything since the transaction began, in the database and in memory: values are as they were, what was
    /// added leaves, what was deleted returns. It also ends what [`Error::Aborted`] and [`Error::Interrupted`] speak of.
    ///
    /// After a commit that was dropped half-way nobody knows what the database has, so all objects leave. After an error
    /// that [`is_retryable`](Error::is_retryable), someone else has written: an object that was read before is read
    /// again by the next `get`, `query` or `refresh` that meets it, and a change to it is refused until then
    /// ([`Error::Outdated`]), for it would overwrite what the other has written.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionLost`]: the database has then undone the changes by itself.
    pub async fn rollback(&mut self) -> Result<()> {
        let refused = self.run_before_rollback();
        let unknown = *self.line.status() == Status::Interrupted("commit");
        let conflict = self.line.take_conflict();
        self.line.set_status(Status::Ready);
        self.actions.clear();
        self.undo_levels(0);
        self.arenas.iter_mut().for_each(Arena::rolled_back);
        self.arenas.iter_mut().for_each(Arena::committed);
        if unknown {
            self.clear();
        }
        if conflict {
            self.doubt();
        }
        let attempt = Attempt::new(self, "rollback");
        let ended = attempt.session.line.end(Ending::Rollback).await;
        attempt.over();
        self.line.abandon();
        self.run_after_rollback();
        ended.and(refused)
    }

    /// What a flush is going to do. Nothing is sent for it.
    fn prepare(&mut self) -> Result<Plan> {
        self.run_before_flush()?;
        self.fill_in()?;
        if !self.hooks.is_empty() {
            self.run_before_rows()?;
        }
        let room = self.line.engine().spare().ops(plan::most(&self.arenas));
        let ops = plan::collect_into(room, &self.arenas)?;
        if self.clock.doubt > 0 {
            self.refuse_doubtful(&ops)?;
        }
        Plan::new(&self.arenas, ops)
    }

    /// Refuses changes that were made to values which someone else may have changed.
    fn refuse_doubtful(&self, ops: &[Op]) -> Result<()> {
        for op in ops.iter().filter(|op| op.kind == Kind::Update && !op.columns.is_empty()) {
            let Some(arena) = self.arenas.get(usize::from(op.place.arena)) else { continue };
            if op.base == op.place.slot && arena.is_doubtful(op.base) {
                return Err(Error::Outdated { object: plan::describe(arena, op.base) });
            }
        }
        Ok(())
    }

    /// Sets what a flush sets by itself: first versions, and defaults of rows that are updated.
    fn fill_in(&mut self) -> Result<()> {
        let unsettled = self.arenas.iter().any(Arena::is_unsettled);
        for number in 0..self.arenas.len() {
            if unsettled {
                self.settle_parents(number)?;
            }
            let Some(arena) = self.arenas.get_mut(number) else { continue };
            arena.begin_versions()?;
            arena.restore_made()?;
            arena.set_update_defaults()?;
        }
        Ok(())
    }

    /// Forgets parents that were given by handle before the key's column was set to something else, and refuses those
    /// that have left.
    fn settle_parents(&mut self, number: usize) -> Result<()> {
        let Some(arena) = self.arenas.get(number) else { return Ok(()) };
        let mut overridden = Vec::new();
        for slot in arena.pending.iter().chain(&arena.touched).copied() {
            for parent in arena.waits_for(slot) {
                let column = parent.column;
                let here = |arena: &Arena| arena.is_here(parent.place.slot, parent.generation);
                if arena.is_altered(slot) && !keys::is_unset(arena.values.as_ref(), At::Now(slot), column) {
                    overridden.push((slot, parent.foreign_key, column));
                } else if !self.arenas.get(usize::from(parent.place.arena)).is_some_and(here) {
                    let object = plan::describe(arena, slot);
                    let column = arena.meta.column(column).map_or("?", |column| column.name);
                    return Err(Error::Statement(format!(
                        "the object that {object} was to belong to by `{column}` left the session before it was saved"
                    )));
                }
            }
        }
        let Some(arena) = self.arenas.get_mut(number) else { return Ok(()) };
        for (slot, foreign_key, column) in overridden {
            let mut parents = Awaited::from_slice(arena.waits_for(slot));
            parents.retain(|parent| (parent.foreign_key, parent.column) != (foreign_key, column));
            arena.set_parents(slot, &parents);
        }
        Ok(())
    }

    /// Runs the hooks before rows are written: validation of all of them, then those that may change them.
    fn run_before_rows(&mut self) -> Result<()> {
        let mut violations = Vec::new();
        for moment in [Moment::Validate, Moment::BeforeInsert, Moment::BeforeUpdate, Moment::BeforeDelete] {
            for number in 0..self.arenas.len() {
                if self.is_hooked(number, moment) {
                    for (slot, changes) in self.concerned(number, moment)? {
                        let told = Told { changes: &changes, violations: &mut violations };
                        self.run_row_hooks(number, slot, moment, told)?;
                    }
                }
            }
            if !violations.is_empty() {
                return Err(Error::Invalid(violations));
            }
        }
        Ok(())
    }

    /// The rows that hooks of a moment before the flush are about.
    fn concerned(&self, number: usize, moment: Moment) -> Result<Vec<(u32, Vec<super::Change>)>> {
        let Some(arena) = self.arenas.get(number) else { return Ok(Vec::new()) };
        let mut rows = Vec::new();
        let with = |slots: &[u32], state: Slot| -> Vec<u32> {
            slots.iter().copied().filter(|slot| arena.slot_state(*slot) == state).collect()
        };
        if matches!(moment, Moment::Validate | Moment::BeforeInsert) {
            rows.extend(with(&arena.pending, Slot::Pending).into_iter().map(|slot| (slot, Vec::new())));
        }
        if matches!(moment, Moment::Validate | Moment::BeforeUpdate) {
            for slot in with(&arena.touched, Slot::Persistent) {
                let changes = changes(arena, slot)?;
                if !changes.is_empty() {
                    rows.push((slot, changes));
                }
            }
        }
        if moment == Moment::BeforeDelete {
            rows.extend(with(&arena.deleting, Slot::Deleting).into_iter().map(|slot| (slot, Vec::new())));
        }
        Ok(rows)
    }

    /// What hooks after the flush are told of updated rows: once they are written it is not known any more.
    fn changes_to_tell(&self, plan: &Plan) -> Result<Vec<(u32, Vec<super::Change>)>> {
        let mut told = Vec::new();
        if self.hooks.is_empty() {
            return Ok(told);
        }
        for (number, op) in (0_u32..).zip(&plan.ops) {
            let arena = usize::from(op.place.arena);
            if op.kind == Kind::Update && op.whole && self.is_hooked(arena, Moment::AfterUpdate) {
                let changes = self.arenas.get(arena).map(|arena| changes(arena, op.place.slot));
                told.push((number, changes.transpose()?.unwrap_or_default()));
            }
        }
        Ok(told)
    }

    /// Runs the hooks after rows were written.
    fn tell(&mut self, plan: &Plan, mut updates: Vec<(u32, Vec<super::Change>)>) -> Result<()> {
        if self.hooks.is_empty() {
            return Ok(());
        }
        for (number, op) in (0_u32..).zip(&plan.ops).filter(|(_, op)| op.whole) {
            let moment = match op.kind {
                Kind::Insert => Moment::AfterInsert,
                Kind::Update => Moment::AfterUpdate,
                Kind::Delete => Moment::AfterDelete,
            };
            let arena = usize::from(op.place.arena);
            if self.is_hooked(arena, moment) {
                let changes =
                    updates.iter_mut().find(|(op, _)| *op == number).map(|(_, changes)| std::mem::take(changes));
                let (changes, violations) = (changes.unwrap_or_default(), &mut Vec::new());
                self.run_row_hooks(arena, op.place.slot, moment, Told { changes: &changes, violations })?;
            }
        }
        Ok(())
    }

    /// A flush failed: what was written is lost with the innermost savepoint or the transaction.
    pub(super) fn lost(&mut self, error: Error) -> Error {
        self.line.failed(&error);
        error
    }

    /// Writes what was planned, and has memory follow.
    async fn carry_out(&mut self, plan: &Plan) -> Result<()> {
        self.write(plan).await?;
        let defaulted = self.finish(plan)?;
        self.read_defaults(defaulted).await
    }

    /// Sends the steps.
    async fn write(&mut self, plan: &Plan) -> Result<()> {
        self.arenas.iter_mut().for_each(Arena::forget_made);
        for step in &plan.steps {
            self.write_step(plan, step).await?;
        }
        Ok(())
    }

    /// Fills in keys of objects that were inserted in the steps before, into some rows of a step.
    fn fill_in_keys(&mut self, plan: &Plan, step: &Step, rows: Range<usize>) -> Result<()> {
        let (before, rest) = self.arenas.split_at_mut(usize::from(step.arena));
        let Some((arena, after)) = rest.split_first_mut() else { return Ok(()) };
        // Those of one parent mostly come one after the other.
        let (mut last, mut key) = (None, None);
        let ops = step.ops.get(rows).unwrap_or_default();
        for op in ops.iter().filter_map(|op| plan.ops.get(*op as usize)) {
            let slot = op.place.slot;
            let mut next = 0;
            while let Some(parent) = arena.waits_for(slot).get(next).copied() {
                next += 1;
                if !op.columns.contains(parent.column) || op.columns.is_null(parent.column) {
                    continue;
                }
                if last != Some(parent) {
                    let parents = match usize::from(parent.place.arena).checked_sub(before.len()) {
                        None => before.get(usize::from(parent.place.arena)),
                        Some(0) => Some(&*arena),
                        Some(distance) => after.get(distance - 1),
                    };
                    key = key_of(arena, parent, parents)?;
                    last = Some(parent);
                }
                if let Some(key) = &key {
                    assign(arena, slot, parent.column, key)?;
                }
            }
        }
        Ok(())
    }

    async fn write_step(&mut self, plan: &Plan, step: &Step) -> Result<()> {
        let number = usize::from(step.arena);
        let Some(arena) = self.arenas.get_mut(number) else { return Err(Error::TransactionEnded) };
        if step.is_empty() {
            // The row stays as it is, and its new object has what the database made of it.
            for op in step.ops.iter().filter_map(|op| plan.ops.get(*op as usize)) {
                arena.copy_made(arena.stored(op.base), op.place.slot)?;
            }
            return Ok(());
        }
        let engine = self.line.engine().clone();
        let features = engine.driver().features();
        let chunks = Job::new(arena, &plan.ops, step, features).chunks(features);
        for (start, end) in chunks {
            // Of these rows only: what is near at hand is bound sooner.
            self.fill_in_keys(plan, step, start..end)?;
            let (Some(arena), Some(link)) = (self.arenas.get_mut(number), self.line.link()) else {
                return Err(Error::TransactionEnded);
            };
            let job = Job::new(arena, &plan.ops, step, features);
            let returned = match job.run(link, start, end).await {
                Ok(returned) if returned.affected == (end - start) as u64 => returned,
                Ok(returned) => return Err(miscounted(arena, &plan.ops, step, link, (start, end), returned).await),
                Err(error) => {
                    let error = job.blame(link, (start, end), error).await;
                    return Err(self.name_holders(step, error).await);
                }
            };
            let returning = job.returning;
            write_back(arena, &plan.ops, step, (start, end), &returning, returned)?;
        }
        Ok(())
    }

    /// Everything is written: states, keys and the undo log follow. Gives the objects that are to be read again.
    fn finish(&mut self, plan: &Plan) -> Result<Vec<Place>> {
        let followers = self.followers(plan)?;
        for op in plan.changes().filter(|op| op.whole) {
            let (number, slot) = (usize::from(op.place.arena), op.place.slot);
            let Some(arena) = self.arenas.get_mut(number) else { continue };
            match op.kind {
                Kind::Update if op.base == slot => {
                    let rekeyed = arena.meta.primary_key.iter().any(|column| op.columns.contains(*column));
                    arena.was_updated(slot, rekeyed || op.expressions)?;
                }
                Kind::Delete => arena.was_deleted(slot),
                Kind::Insert | Kind::Update => {}
            }
        }
        for (number, slot, column, key) in followers {
            if let Some(arena) = self.arenas.get_mut(number).filter(|arena| arena.slot_state(slot) == Slot::Persistent)
            {
                // What was touched and not changed has no operation: it is as the database has it, too.
                arena.was_unchanged(slot);
                arena.follow(slot, column, key.borrowed().map_err(keys::unbindable)?)?;
            }
        }
        let mut entered = 0;
        for arena in &mut self.arenas {
            let at_once = arena.enter_made();
            arena.make_room(arena.pending.len().saturating_sub(at_once));
            entered += at_once;
        }
        // Keys are entered once those that gave them up have left, and in the order of writing: a key that fell with a
        // deleted row may have been given again.
        let mut deleted = plan.deletes();
        // Mostly all were entered as runs, and none is left.
        let left = if entered == plan.ops.len() { 0 } else { plan.ops.len() };
        for (when, op) in plan.in_order().take(left).filter(|(_, op)| op.whole) {
            let Some(arena) = self.arenas.get_mut(usize::from(op.place.arena)) else { continue };
            if arena.slot_state(op.place.slot) == Slot::Persistent {
                continue;
            }
            if (op.kind == Kind::Insert || (op.kind == Kind::Update && op.base != op.place.slot))
                && let Some(other) = arena.was_inserted(op.place.slot)?
            {
                deleted.push(Deleted { place: Place { slot: other, ..op.place }, when });
            }
        }
        self.arenas.iter_mut().for_each(Arena::flushed);
        self.follow_deletes(deleted, &|place, column, when| plan.is_written_after(place, column, when))
    }

    /// The objects that belong to re-keyed ones and that the program has given no other parent, by which column, and
    /// the new key: the database gives it to them.
    fn followers(&self, plan: &Plan) -> Result<Vec<(usize, u32, u16, Value)>> {
        let mut followers = Vec::new();
        let mut keys = self.arenas.iter().flat_map(|arena| arena.meta.foreign_keys);
        if !keys.any(|key| key.on_update == OnAction::Cascade) {
            return Ok(followers);
        }
        let mut updated: HashMap<u16, Vec<&Op>> = HashMap::new();
        for op in plan.ops.iter().filter(|op| op.whole && op.kind == Kind::Update && op.base == op.place.slot) {
            updated.entry(op.place.arena).or_default().push(op);
        }
        for (number, arena) in self.arenas.iter().enumerate() {
            for key in arena.meta.foreign_keys.iter().filter(|key| key.on_update == OnAction::Cascade) {
                let target = (key.references)();
                let parents = (0..).zip(&self.arenas).find(|(_, parents)| *parents.meta == *target);
                let Some((parent, parents)) = parents else { continue };
                let changed = |op: &&&Op| key.referenced().iter().any(|column| op.columns.contains(*column));
                let rekeyed: Vec<u32> =
                    updated.get(&parent).into_iter().flatten().filter(changed).map(|op| op.place.slot).collect();
                for (slot, parent) in following(arena, key, parents, &rekeyed) {
                    for (own, theirs) in key.pairs() {
                        let value = keys::value(parents.values.as_ref(), At::Now(parent), theirs)?;
                        followers.push((number, slot, own, value));
                    }
                }
            }
        }
        Ok(followers)
    }
}

/// Whether a row holds, in a foreign key, the values of a row of another table. NULL is nobody's.
pub(super) fn holds(arena: &Arena, row: At, key: &ForeignKeyMeta, parents: &Arena, parent: At) -> bool {
    let (own, theirs) = (arena.values.as_ref(), parents.values.as_ref());
    key.pairs().all(|(column, referenced)| {
        keys::same_across((own, row, column), (theirs, parent, referenced)) && !keys::is_null(own, row, column)
    })
}

/// The objects that had the old key of a re-keyed one, and have it still, each with that one.
fn following(arena: &Arena, key: &ForeignKeyMeta, parents: &Arena, rekeyed: &[u32]) -> Vec<(u32, u32)> {
    if rekeyed.is_empty() {
        return Vec::new();
    }
    let follows = |slot: u32, parent: u32| {
        let old = parents.stored(parent);
        holds(arena, arena.stored(slot), key, parents, old) && holds(arena, At::Now(slot), key, parents, old)
    };
    let persistent = arena.slots().filter(|slot| arena.slot_state(*slot) == Slot::Persistent);
    let found =
        persistent.filter_map(|slot| Some((slot, rekeyed.iter().copied().find(|parent| follows(slot, *parent))?)));
    found.collect()
}

/// The value that an object of an arena waits for, which one of these has.
fn key_of(arena: &Arena, parent: Parent, parents: Option<&Arena>) -> Result<Option<Value>> {
    let key = arena.meta.foreign_keys.get(usize::from(parent.foreign_key));
    let pair = key.and_then(|key| key.pairs().find(|(own, _)| *own == parent.column));
    let (Some((_, theirs)), Some(parents)) = (pair, parents) else { return Ok(None) };
    keys::value(parents.values.as_ref(), At::Now(parent.place.slot), theirs).map(Some)
}

fn assign(arena: &mut Arena, slot: u32, column: u16, value: &Value) -> Result<()> {
    // Without `?`, for the value would be moved once more.
    match value.borrowed() {
        Ok(value) => arena.values.assign(slot, column, value)?,
        Err(source) => return Err(keys::unbindable(source)),
    }
    arena.rekin(slot);
    Ok(())
}

/// A part of the session's work whose future may be dropped: then the session says so, and nothing of it stays.
pub(super) struct Attempt<'s> {
    pub(super) session: &'s mut Session,
    during: &'static str,
    /// It came to an end, whatever that was.
    over: bool,
}

impl<'s> Attempt<'s> {
    pub(super) fn new(session: &'s mut Session, during: &'static str) -> Self {
        Attempt { session, during, over: false }
    }

    pub(super) fn over(mut self) {
        self.over = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.session.line.set_status(Status::Interrupted(self.during));
            self.session.line.abandon();
        }
    }
}
