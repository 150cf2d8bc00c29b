//! Code of the program's that a session runs at certain moments.

use std::any::TypeId;
use std::fmt;

use super::arena::Arena;
use super::{Change, Object, Session};
use crate::error::{Result, Violation};
use crate::expr::Column;

/// Hooks: for an engine (`Engine::builder(..).hooks(..)`), and so for all its sessions, or for one session
/// ([`Session::hook`](super::Session::hook)).
///
/// Those on rows run within a flush and get the one row; those before it may change it or refuse it. Those on the
/// session get all of it: what they add or change is written with the same flush, or by the next round of the same
/// commit.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// let hooks = Hooks::new()
///     .before_insert(|user: &mut User| {
///         user.email = user.email.to_lowercase();
///         Ok(())
///     })
///     .validate(|user: &User, violations| {
///         if !user.email.contains('@') {
///             violations.add(User.email, "not an address");
///         }
///     });
/// let engine = Engine::builder("sqlite::memory:").hooks(hooks).connect().await?;
/// # engine.create_all(schema![User, Post]).await?;
/// let mut session = Session::new(&engine);
/// session.add(User::builder().name("Alice").email("nowhere"));
/// let error = session.commit().await.unwrap_err();
/// assert_eq!(error.to_string(), "an object is not valid: a new `User`.email: not an address");
/// # Ok(()) }
/// ```
#[derive(Default)]
pub struct Hooks {
    rows: Vec<RowHook>,
    before_flush: Vec<SessionHook>,
    after_flush: Vec<SessionHook>,
    before_commit: Vec<SessionHook>,
    after_commit: Vec<Notice>,
    before_rollback: Vec<SessionHook>,
    after_rollback: Vec<Notice>,
}

type SessionHook = Box<dyn Fn(&mut Session) -> Result<()> + Send + Sync>;
type Notice = Box<dyn Fn(&mut Session) + Send + Sync>;
type Run = Box<dyn Fn(&mut Arena, u32, &mut Told<'_>) -> Result<()> + Send + Sync>;

struct RowHook {
    model: TypeId,
    moment: Moment,
    run: Run,
}

/// When a hook on rows runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Validate,
    BeforeInsert,
    AfterInsert,
    BeforeUpdate,
    AfterUpdate,
    BeforeDelete,
    AfterDelete,
    BeforeLoad,
    AfterLoad,
}

/// What a hook on a row is told, and tells.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) changes: &'a [Change],
    pub(super) violations: &'a mut Vec<Violation>,
}

/// What validation found so far.
#[derive(Debug)]
pub struct Violations<'a> {
    object: &'a str,
    found: &'a mut Vec<Violation>,
}

impl Violations<'_> {
    /// Says that a column holds what it must not.
    pub fn add<M, T>(&mut self, column: Column<M, T>, message: impl Into<String>) {
        let (object, column) = (self.object.to_owned(), Some(column.name()));
        self.found.push(Violation { object, column, message: message.into() });
    }

    /// Says that the row as a whole is not valid.
    pub fn add_row(&mut self, message: impl Into<String>) {
        self.found.push(Violation { object: self.object.to_owned(), column: None, message: message.into() });
    }
}

impl Hooks {
    /// No hooks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at each new or changed row before a flush. All rows are looked at; if there are violations, the flush is
    /// [`Error::Invalid`](crate::Error::Invalid) with all of them, and nothing is sent.
    #[must_use]
    pub fn validate<T: Object>(self, check: impl Fn(&T, &mut Violations<'_>) + Send + Sync + 'static) -> Self {
        self.on_row::<T>(Moment::Validate, move |arena, slot, told| {
            let object = super::plan::describe(arena, slot);
            let mut violations = Violations { object: &object, found: told.violations };
            if let Some(row) = arena.rows::<T>().and_then(|rows| rows.get(slot)) {
                check(row, &mut violations);
            }
            Ok(())
        })
    }

    /// Gets each new row before it is inserted, and may change or refuse it.
    #[must_use]
    pub fn before_insert<T: Object>(self, hook: impl Fn(&mut T) -> Result<()> + Send + Sync + 'static) -> Self {
        self.on_row_mut::<T>(Moment::BeforeInsert, move |row, _| hook(row))
    }

    /// Sees each row after it was inserted, with its key.
    #[must_use]
    pub fn after_insert<T: Object>(self, hook: impl Fn(&T) -> Result<()> + Send + Sync + 'static) -> Self {
        self.on_row_mut::<T>(Moment::AfterInsert, move |row, _| hook(row))
    }

    /// Gets each changed row, and what changed, before it is updated, and may change or refuse it.
    #[must_use]
    pub fn before_update<T: Object>(
        self,
        hook: impl Fn(&mut T, &[Change]) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.on_row_mut::<T>(Moment::BeforeUpdate, move |row, told| hook(row, told.changes))
    }

    /// Sees each row, and what changed, after it was updated.
    #[must_use]
    pub fn after_update<T: Object>(self, hook: impl Fn(&T, &[Change]) -> Result<()> + Send + Sync + 'static) -> Self {
        self.on_row_mut::<T>(Moment::AfterUpdate, move |row, told| hook(row, told.changes))
    }

    /// Sees each row before it is deleted, and may refuse.
    #[must_use]
    pub fn before_delete<T: Object>(self, hook: impl Fn(&T) -> Result<()> + Send + Sync + 'static) -> Self {
        self.on_row_mut::<T>(Moment::BeforeDelete, move |row, _| hook(row))
    }

    /// Sees each row after it was deleted.
    #[must_use]
    pub fn after_delete<T: Object>(self, hook: impl Fn(&T) -> Result<()> + Send + Sync + 'static) -> Self {
        self.on_row_mut::<T>(Moment::AfterDelete, move |row, _| hook(row))
    }

    /// Runs before a session asks the database for rows of the model, and may refuse. Of what the session has already
    /// nothing is asked.
    #[must_use]
    pub fn before_load<T: Object>(self, hook: impl Fn() -> Result<()> + Send + Sync + 'static) -> Self {
        self.on_row::<T>(Moment::BeforeLoad, move |_, _, _| hook())
    }

    /// Sees each row when a session reads it for the first time.
    #[must_use]
    pub fn after_load<T: Object>(self, hook: impl Fn(&T) -> Result<()> + Send + Sync + 'static) -> Self {
        self.on_row_mut::<T>(Moment::AfterLoad, move |row, _| hook(row))
    }

    /// Gets the session before each flush.
    #[must_use]
    pub fn before_flush(mut self, hook: impl Fn(&mut Session) -> Result<()> + Send + Sync + 'static) -> Self {
        self.before_flush.push(Box::new(hook));
        self
    }

    /// Gets the session after each flush that wrote something. What it changes is written by the next one; a commit
    /// flushes until nothing is left.
    #[must_use]
    pub fn after_flush(mut self, hook: impl Fn(&mut Session) -> Result<()> + Send + Sync + 'static) -> Self {
        self.after_flush.push(Box::new(hook));
        self
    }

    /// Gets the session before each commit, and may refuse it.
    #[must_use]
    pub fn before_commit(mut self, hook: impl Fn(&mut Session) -> Result<()> + Send + Sync + 'static) -> Self {
        self.before_commit.push(Box::new(hook));
        self
    }

    /// Gets the session after each commit that succeeded.
    #[must_use]
    pub fn after_commit(mut self, hook: impl Fn(&mut Session) + Send + Sync + 'static) -> Self {
        self.after_commit.push(Box::new(hook));
        self
    }

    /// Gets the session before each rollback, as it is then. A rollback cannot be refused: an error is given once it is
    /// done.
    #[must_use]
    pub fn before_rollback(mut self, hook: impl Fn(&mut Session) -> Result<()> + Send + Sync + 'static) -> Self {
        self.before_rollback.push(Box::new(hook));
        self
    }

    /// Gets the session after each rollback.
    #[must_use]
    pub fn after_rollback(mut self, hook: impl Fn(&mut Session) + Send + Sync + 'static) -> Self {
        self.after_rollback.push(Box::new(hook));
        self
    }

    fn on_row_mut<T: Object>(
        self,
        moment: Moment,
        hook: impl Fn(&mut T, &Told<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.on_row::<T>(moment, move |arena, slot, told| {
            match arena.rows_mut::<T>().and_then(|rows| rows.get_mut(slot)) {
                Some(row) => hook(row, told),
                None => Ok(()),
            }
        })
    }

    fn on_row<T: Object>(
        mut self,
        moment: Moment,
        run: impl Fn(&mut Arena, u32, &mut Told<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.rows.push(RowHook { model: TypeId::of::<T>(), moment, run: Box::new(run) });
        self
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

impl Session {
    /// Whether there is a hook on rows of this model for the moment.
    pub(super) fn is_hooked(&self, number: usize, moment: Moment) -> bool {
        let Some(arena) = self.arenas.get(number) else { return false };
        let wanted = |hook: &RowHook| hook.model == arena.model && hook.moment == moment;
        self.hooks.iter().any(|hooks| hooks.rows.iter().any(wanted))
    }

    /// Runs the hooks on a row.
    pub(super) fn run_row_hooks(&mut self, number: usize, slot: u32, moment: Moment, mut told: Told<'_>) -> Result<()> {
        let sets = self.hooks.clone();
        let Some(arena) = self.arenas.get_mut(number) else { return Ok(()) };
        if moment == Moment::BeforeInsert {
            arena.touch(slot);
        }
        for hook in sets.iter().flat_map(|hooks| &hooks.rows) {
            if hook.model == arena.model && hook.moment == moment {
                (hook.run)(arena, slot, &mut told)?;
            }
        }
        Ok(())
    }

    /// Before rows of a model are asked for.
    pub(super) fn run_before_load(&mut self, number: usize) -> Result<()> {
        if self.hooks.is_empty() {
            return Ok(());
        }
        self.run_row_hooks(number, 0, Moment::BeforeLoad, Told { changes: &[], violations: &mut Vec::new() })
    }

    pub(super) fn loaded(&mut self, number: usize, slot: u32) -> Result<()> {
        if !self.is_hooked(number, Moment::AfterLoad) {
            return Ok(());
        }
        self.run_row_hooks(number, slot, Moment::AfterLoad, Told { changes: &[], violations: &mut Vec::new() })
    }

    pub(super) fn run_before_flush(&mut self) -> Result<()> {
        let sets = self.hooks.clone();
        sets.iter().flat_map(|hooks| &hooks.before_flush).try_for_each(|hook| hook(self))
    }

    pub(super) fn run_after_flush(&mut self) -> Result<()> {
        let sets = self.hooks.clone();
        sets.iter().flat_map(|hooks| &hooks.after_flush).try_for_each(|hook| hook(self))
    }

    pub(super) fn run_before_commit(&mut self) -> Result<()> {
        let sets = self.hooks.clone();
        sets.iter().flat_map(|hooks| &hooks.before_commit).try_for_each(|hook| hook(self))
    }

    pub(super) fn run_after_commit(&mut self) {
        let sets = self.hooks.clone();
        sets.iter().flat_map(|hooks| &hooks.after_commit).for_each(|hook| hook(self));
    }

    pub(super) fn run_before_rollback(&mut self) -> Result<()> {
        let sets = self.hooks.clone();
        sets.iter().flat_map(|hooks| &hooks.before_rollback).try_for_each(|hook| hook(self))
    }

    pub(super) fn run_after_rollback(&mut self) {
        let sets = self.hooks.clone();
        sets.iter().flat_map(|hooks| &hooks.after_rollback).for_each(|hook| hook(self));
    }
}
