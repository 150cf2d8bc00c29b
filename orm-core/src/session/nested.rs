//! What ends by itself: savepoints, sessions within a transaction, and times without a flush before queries.

use std::ops::{Deref, DerefMut};
use std::panic::Location;

use super::flush::Attempt;
use super::line::{Line, Status};
use super::{Level, Session};
use crate::engine::Transaction;
use crate::engine::link::Ending;
use crate::error::{Error, Result};

/// A savepoint of a session, which it leads to. Dropping it without [`commit`](Nested::commit) undoes what was done
/// since, in the database and in the session's objects, and nothing before.
#[derive(Debug)]
#[must_use = "dropping it at once keeps nothing of what follows"]
pub struct Nested<'s> {
    session: &'s mut Session,
    depth: u32,
}

impl Session {
    /// Flushes and sets a savepoint.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// # let mut session = Session::new(&engine);
    /// let alice = session.add(User::builder().name("Alice").email("a@example.com"));
    /// let mut savepoint = session.begin_nested().await?;
    /// savepoint[alice].name = "Bob".into();
    /// savepoint.rollback().await?;
    /// assert_eq!(session[alice].name, "Alice");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the flush and of setting the savepoint.
    pub async fn begin_nested(&mut self) -> Result<Nested<'_>> {
        self.flush().await?;
        self.open(None).await?;
        let attempt = Attempt::new(self, "begin_nested");
        let entered = match attempt.session.line.link() {
            Some(link) => link.enter(&Default::default()).await,
            None => Err(Error::TransactionEnded),
        };
        attempt.over();
        let depth = entered?;
        let writes = self.written();
        let outer = self.arenas.iter_mut().map(super::arena::Arena::begin_level).collect();
        self.levels.push(Level { depth, outer, writes });
        Ok(Nested { session: self, depth })
    }

    /// Undoes savepoints from `depth` on, in memory.
    pub(super) fn undo_levels(&mut self, depth: u32) {
        while let Some(level) = self.levels.pop_if(|level| level.depth >= depth) {
            self.arenas.iter_mut().for_each(|arena| arena.undo_level(level.writes));
            self.end_level(&level);
        }
    }

    fn end_level(&mut self, level: &Level) {
        for (number, arena) in self.arenas.iter_mut().enumerate() {
            arena.end_level(level.outer.get(number).copied().unwrap_or_default());
        }
    }

    /// Turns the flush before queries off, until what this gives is dropped.
    pub fn no_autoflush(&mut self) -> NoAutoflush<'_> {
        let before = std::mem::replace(&mut self.autoflush, false);
        NoAutoflush { session: self, before }
    }

    /// Whether a query that reads a table with changes flushes first. It does by default.
    pub fn set_autoflush(&mut self, autoflush: bool) {
        self.autoflush = autoflush;
    }
}

impl Nested<'_> {
    /// Flushes, and keeps the changes: they become part of what is around the savepoint.
    ///
    /// # Errors
    ///
    /// Those of the flush; the savepoint is then undone.
    pub async fn commit(mut self) -> Result<()> {
        self.session.flush().await?;
        let depth = self.depth;
        self.leave(Ending::Commit).await?;
        while let Some(level) = self.session.levels.pop_if(|level| level.depth >= depth) {
            self.session.end_level(&level);
        }
        Ok(())
    }

    /// Undoes the changes, and a flush that failed within the savepoint.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn rollback(mut self) -> Result<()> {
        let depth = self.depth;
        if !self.is_open() {
            return Ok(());
        }
        let left = self.leave(Ending::Rollback).await;
        self.session.undo_levels(depth);
        match left {
            Ok(()) => self.session.heal(),
            Err(error) => return Err(self.session.lost(error)),
        }
        // What was dropped half-way took the whole transaction with it.
        self.session.check()
    }

    /// Ends the savepoint in the database.
    async fn leave(&mut self, ending: Ending) -> Result<()> {
        let (during, depth) = (if matches!(ending, Ending::Commit) { "release" } else { "rollback_to" }, self.depth);
        let attempt = Attempt::new(self.session, during);
        let left = match attempt.session.line.link().filter(|link| link.depth >= depth) {
            Some(link) => link.leave(depth, ending).await,
            None => Ok(()),
        };
        attempt.over();
        left
    }

    fn is_open(&self) -> bool {
        self.session.levels.iter().any(|level| level.depth == self.depth)
    }
}

impl Session {
    /// A failed flush is over once the savepoint around it is undone.
    fn heal(&mut self) {
        if matches!(self.line.status(), Status::Aborted(_)) {
            self.line.set_status(Status::Ready);
        }
    }
}

impl Drop for Nested<'_> {
    fn drop(&mut self) {
        if !self.is_open() {
            return;
        }
        let depth = self.depth;
        self.session.undo_levels(depth);
        self.session.heal();
        if let Some(link) = self.session.line.link() {
            link.abandon(depth);
        }
    }
}

impl Deref for Nested<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session
    }
}

impl DerefMut for Nested<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        self.session
    }
}

/// A session within a transaction of the program's, which gets its connection back when this is dropped. What was not
/// committed by then is undone.
#[derive(Debug)]
#[must_use = "dropping it at once does nothing"]
pub struct Joined<'t> {
    transaction: &'t mut Transaction,
    session: Session,
}

impl<'t> Joined<'t> {
    #[track_caller]
    pub(super) fn new(transaction: &'t mut Transaction) -> Self {
        let link = transaction.take_link();
        let session = Session::on(Line::joined(link, Location::caller()));
        Joined { transaction, session }
    }
}

impl Drop for Joined<'_> {
    fn drop(&mut self) {
        if let Some(link) = self.session.line.give_back() {
            self.transaction.put_back(link);
        }
    }
}

impl Deref for Joined<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for Joined<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

/// A session that does not flush before queries, until this is dropped.
#[derive(Debug)]
#[must_use = "dropping it at once turns the flush before queries on again"]
pub struct NoAutoflush<'s> {
    session: &'s mut Session,
    before: bool,
}

impl Drop for NoAutoflush<'_> {
    fn drop(&mut self) {
        self.session.autoflush = self.before;
    }
}

impl Deref for NoAutoflush<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session
    }
}

impl DerefMut for NoAutoflush<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        self.session
    }
}
