//! Reading into the session: by key, by query, again.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::arena::{Arena, Clock, Here, ReadKey, Reading, Slot};
use super::cascade::of_rows;
use super::rows::At;
use super::{Object, Ref, Session, detached, put};
use crate::ast::{ColumnRef, Projection, Statement, TableRef};
use crate::driver::{BoxFuture, Caller, Flow, Row, RowSink, Running};
use crate::engine::TransactionOptions;
use crate::engine::link::Link;
use crate::error::{Error, Result};
use crate::model::{Entity, KeyValues, Model};
use crate::query::Command;
use crate::query::loader::Shifted;
use crate::query::row_keys::equal;
use crate::types::IntoKey;
use crate::value::Value;

impl Session {
    /// The object with this primary key, or none. If the session has it, nothing is asked of the database.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// # engine.execute(insert(User::builder().name("Alice").email("a@example.com"))).await?;
    /// let mut session = Session::new(&engine);
    /// let alice = session.get(User, 1).await?;
    /// assert_eq!(session.get(User, 1).await?, alice);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// Any of [`Error`]; a missing row is none.
    #[track_caller]
    #[inline]
    pub fn get<E, K>(&mut self, model: E, key: K) -> Get<'_, E::Model>
    where
        E: Entity<Model: Object>,
        K: IntoKey<<E::Model as Model>::Key>,
    {
        if let Err(error) = self.check() {
            return Get::Failed(Some(Box::new(error)));
        }
        let caller = Location::caller();
        match key.as_integer().map(|key| self.known_by(|arena| arena.known_integer(key))) {
            Some(Some(known)) => Get::Known(known),
            // It was looked for.
            Some(None) => self.get_absent(model.table_ref(), key.into_key(), caller),
            None => self.get_by(model.table_ref(), key.into_key(), caller),
        }
    }

    fn get_by<T: Object>(&mut self, table: TableRef, key: KeyValues, caller: Caller) -> Get<'_, T> {
        match self.known::<T>(&key) {
            Some(known) => Get::Known(known),
            None => self.get_absent(table, key, caller),
        }
    }

    fn get_absent<T: Object>(&mut self, table: TableRef, key: KeyValues, caller: Caller) -> Get<'_, T> {
        self.wanted = Some(Wanted { table, key, caller });
        Get::Absent(Some(self))
    }

    /// The object with a key that the identity map does not have, if the database can be asked here and now, and nothing
    /// is to be done before or after.
    fn get_at_once<T: Object>(&mut self, table: TableRef, key: &KeyValues) -> Option<Result<Option<Ref<T>>>> {
        if !self.hooks.is_empty() || self.autoflush && self.arena::<T>().is_some_and(Arena::is_dirty) {
            return None;
        }
        let (id, writes, number) = (self.id, self.written(), self.arena_number::<T>());
        let (arena, link) = (self.arenas.get_mut(number)?, self.line.link()?);
        if !link.answers_at_once() || link.watches() {
            return None;
        }
        let how = Reading { refresh: false, late: writes > 0 };
        let found = Found { slots: std::mem::take(&mut arena.found), new: Vec::new() };
        let absent = arena.absent(key);
        let mut sink = Taken { arena, fresh: false, absent, how, writes, hooked: false, found };
        let answer = match link.run(Command::One(Statement::ByKey { table, key }), &mut sink) {
            Running::Over(Some(answer)) => answer,
            // It has not run, and will be asked for in a future of its own.
            _ => return None,
        };
        let Taken { arena, found: Found { mut slots, .. }, .. } = sink;
        let slot = slots.pop();
        slots.clear();
        arena.found = slots;
        if let Err(error) = link.noted_outcome(answer) {
            return Some(Err(error));
        }
        if slot.is_none() {
            // An object that was in doubt is gone.
            arena.find(key).into_iter().for_each(|slot| arena.expunge(slot));
        }
        Some(Ok(slot.map(|slot| Ref::new(id, slot, arena.generation(slot)))))
    }

    async fn ask_for<T: Object>(&mut self, table: TableRef, key: &KeyValues, caller: Caller) -> Result<Option<Ref<T>>> {
        // What is pending may have this key.
        if self.autoflush && self.arena::<T>().is_some_and(Arena::is_dirty) {
            Box::pin(self.flush_before_query()).await?;
            if let Some(known) = self.known::<T>(key) {
                return Ok(known);
            }
        }
        let what = || format!("a `{}` by its key", T::TABLE.model);
        self.open(None).await?.watch_key(caller, what)?;
        self.fetch_key::<T>(table, key).await
    }

    /// The object with this primary key.
    ///
    /// # Errors
    ///
    /// [`Error::NoRow`] if there is none.
    #[track_caller]
    pub fn get_one<E, K>(&mut self, model: E, key: K) -> impl Future<Output = Result<Ref<E::Model>>>
    where
        E: Entity<Model: Object>,
        K: IntoKey<<E::Model as Model>::Key>,
    {
        let found = self.get(model, key);
        async move { found.await?.ok_or(Error::NoRow) }
    }

    /// The object of the identity map, or `Some(None)` if it is there and deleted.
    fn known<T: Object>(&self, key: &[Value]) -> Option<Option<Ref<T>>> {
        self.known_by(|arena| arena.known(arena.find(key)?))
    }

    #[inline]
    fn known_by<T: Object>(&self, find: impl FnOnce(&Arena) -> Option<Option<Here>>) -> Option<Option<Ref<T>>> {
        let here = find(self.arena::<T>()?)?;
        Some(here.map(|Here { slot, generation }| Ref::new(self.id, slot, generation)))
    }

    async fn fetch_key<T: Object>(&mut self, table: TableRef, key: &KeyValues) -> Result<Option<Ref<T>>> {
        let statement = Statement::ByKey { table, key };
        let found = self.read_rows::<T>(statement, false).await?.into_iter().next();
        if found.is_none() {
            // An object that was in doubt is gone.
            let arena = self.arena_mut::<T>();
            arena.find(key).into_iter().for_each(|slot| arena.expunge(slot));
        }
        Ok(found)
    }

    /// Reads an object's row again, whether or not a global filter hides it by now. Changes that were not flushed are lost.
    ///
    /// # Errors
    ///
    /// [`Error::StaleObject`] if the row is gone; [`Error::Detached`]; [`Error::Statement`] for a pending object, which
    /// has no row yet.
    pub async fn refresh<T: Object>(&mut self, handle: Ref<T>) -> Result<()> {
        self.check()?;
        self.place(handle).ok_or_else(detached::<T>)?;
        let arena = self.arena_mut::<T>();
        let object = super::plan::describe(arena, handle.slot());
        if !matches!(arena.slot_state(handle.slot()), Slot::Persistent) {
            return Err(Error::Statement(format!("{object} has no row to be read: flush first")));
        }
        let key = arena.key_values(arena.stored(handle.slot()))?;
        let table = TableRef { meta: T::TABLE, alias: None };
        let columns: Vec<ColumnRef> =
            T::TABLE.primary_key.iter().map(|index| ColumnRef { table, index: *index }).collect();
        let unfiltered = of_rows(table, vec![Projection::Table(table)], vec![equal(&columns, &key)]);
        let statement = match self.line.engine().filters().is_empty() {
            true => Statement::ByKey { table, key: &key },
            false => Statement::Select(&unfiltered),
        };
        match self.read_rows::<T>(statement, true).await?.is_empty() {
            true => Err(Error::StaleObject { object, expected: None, found: None }),
            false => Ok(()),
        }
    }

    /// Copies a row onto the object with its key, which is loaded if it is not here, and gives that object. A row
    /// without a key, or with one that the database does not have, is added as a new one.
    ///
    /// # Errors
    ///
    /// [`Error::StaleObject`] if the model has a version and the row has another one than the database. Version 0 is
    /// none, and takes the newest.
    pub async fn merge<T: Object>(&mut self, row: T) -> Result<Ref<T>> {
        self.check()?;
        let table = TableRef { meta: T::TABLE, alias: None };
        let (key, version) = {
            let arena = self.arena_mut::<T>();
            let slot = arena.next_slot();
            put(arena, slot, row.clone());
            let read = arena.key_values(At::Now(slot)).and_then(|key| Ok((key, arena.version(At::Now(slot))?)));
            arena.discard(slot);
            read?
        };
        let unmade = T::TABLE.generated.is_some() && matches!(key.as_slice(), [Value::Int(0)]);
        let known = match (unmade, self.known::<T>(&key)) {
            (true, _) => None,
            (false, Some(known)) => known,
            (false, None) => match self.pending_with_key::<T>(&key) {
                Some(pending) => Some(pending),
                None => self.fetch_key::<T>(table, &key).await?,
            },
        };
        let Some(target) = known else { return self.insert_merged(row) };
        let arena = self.arena_mut::<T>();
        let found = arena.version(arena.stored(target.slot()))?;
        if let (Some(expected), Some(found)) = (version, found)
            && expected != 0
            && expected != found
        {
            let object = super::plan::describe(arena, target.slot());
            return Err(Error::StaleObject { object, expected: Some(expected), found: Some(found) });
        }
        if let Some(place) = self.row_mut(target) {
            *place = row;
        }
        Ok(target)
    }

    fn pending_with_key<T: Object>(&self, key: &[Value]) -> Option<Ref<T>> {
        let arena = self.arena::<T>()?;
        arena.find_now(arena.meta.primary_key, key).map(|slot| self.handle(arena, slot))
    }

    fn insert_merged<T: Object>(&mut self, row: T) -> Result<Ref<T>> {
        let id = self.id;
        let arena = self.arena_mut::<T>();
        let slot = arena.next_slot();
        put(arena, slot, row);
        let columns = arena.given_by_struct(slot);
        let generation = arena.add(slot, columns, &[]);
        Ok(Ref::new(id, slot, generation))
    }

    /// Runs a statement whose rows are those of the model, and gives their objects.
    pub(super) async fn read_rows<T: Object>(
        &mut self,
        statement: Statement<'_>,
        refresh: bool,
    ) -> Result<Vec<Ref<T>>> {
        let number = self.arena_number::<T>();
        let mut slots = self.read_slots(number, statement, refresh).await?;
        let id = self.id;
        let Some(arena) = self.arenas.get_mut(number) else { return Ok(Vec::new()) };
        let handles = slots.drain(..).map(|slot| Ref::new(id, slot, arena.generation(slot))).collect();
        arena.found = slots;
        Ok(handles)
    }

    /// Runs a statement whose rows are those of an arena's model, and gives their slots.
    pub(super) async fn read_slots(
        &mut self,
        number: usize,
        statement: Statement<'_>,
        refresh: bool,
    ) -> Result<Vec<u32>> {
        self.run_before_load(number)?;
        self.open(None).await?;
        let how = Reading { refresh, late: self.written() > 0 };
        let found = self.read_into(number, statement, how).await?;
        for slot in found.new {
            self.loaded(number, slot)?;
        }
        Ok(found.slots)
    }

    /// The same of rows that are those of two models, the second after the first.
    pub(super) async fn read_pairs(
        &mut self,
        numbers: [usize; 2],
        statement: Statement<'_>,
        refresh: bool,
    ) -> Result<[Vec<u32>; 2]> {
        numbers.into_iter().try_for_each(|number| self.run_before_load(number))?;
        self.open(None).await?;
        let how = Reading { refresh, late: self.written() > 0 };
        let (hooked, writes) = (!self.hooks.is_empty(), self.written());
        let (Ok([first, second]), Some(link)) = (self.arenas.get_disjoint_mut(numbers), self.line.link()) else {
            return Err(Error::TransactionEnded);
        };
        let by = first.meta.columns.len();
        let taken = |arena| Taken { arena, fresh: false, absent: None, how, writes, hooked, found: Found::default() };
        let mut sink = Pairs { first: taken(first), second: taken(second), by };
        let read = link.run(Command::One(statement), &mut sink).await;
        link.noted(read)?;
        let found = [sink.first.found, sink.second.found];
        for (number, found) in numbers.into_iter().zip(&found) {
            for slot in &found.new {
                self.loaded(number, *slot)?;
            }
        }
        Ok(found.map(|found| found.slots))
    }

    async fn read_into(&mut self, number: usize, statement: Statement<'_>, how: Reading) -> Result<Found> {
        let hooked = !self.hooks.is_empty();
        let writes = self.written();
        let (Some(arena), Some(link)) = (self.arenas.get_mut(number), self.line.link()) else {
            return Err(Error::TransactionEnded);
        };
        let fresh = arena.len() == 0;
        let found = Found { slots: std::mem::take(&mut arena.found), new: Vec::new() };
        let mut sink = Taken { arena, fresh, absent: None, how, writes, hooked, found };
        let running = link.run(Command::One(statement), &mut sink);
        let at_once = matches!(running, Running::Over(_));
        let read = running.await;
        link.set_answers_at_once(at_once);
        link.noted(read)?;
        Ok(sink.found)
    }

    /// Begins the session's transaction, if it has not begun.
    pub(super) async fn open(&mut self, options: Option<TransactionOptions>) -> Result<&mut Link> {
        let (link, began) = self.line.begun(options).await?;
        if began {
            self.writes = link.writes();
            self.actions.drain(..).for_each(|action| link.after_commit(action));
            self.tick();
        }
        self.line.link().ok_or(Error::TransactionEnded)
    }

    /// How often the transaction has written.
    pub(super) fn written(&self) -> u32 {
        u32::try_from(self.line.writes().saturating_sub(self.writes)).unwrap_or(u32::MAX)
    }

    /// What was read so far may have been changed by someone else.
    pub(super) fn doubt(&mut self) {
        self.tick();
        self.clock.doubt = self.clock.now;
        self.arenas.iter_mut().for_each(|arena| {
            arena.clock = self.clock;
            arena.depart();
        });
    }

    /// Another transaction: what is read from now on is newer than what was read before.
    pub(super) fn tick(&mut self) {
        match self.clock.now.checked_add(1) {
            Some(now) => {
                self.clock.now = now;
                self.arenas.iter_mut().for_each(|arena| arena.clock = self.clock);
            }
            None => {
                let from = std::mem::replace(&mut self.clock, Clock { now: 2, doubt: 1 });
                self.arenas.iter_mut().for_each(|arena| arena.recount(from, self.clock));
            }
        }
    }
}

/// The future of [`Session::get`]: of an object that is here it is ready, and nothing is allocated for it.
#[must_use = "nothing is read until it is awaited"]
pub enum Get<'s, T> {
    /// What the session knows.
    #[doc(hidden)]
    Known(Option<Ref<T>>),
    /// Nothing can be asked; why is there until it is awaited.
    #[doc(hidden)]
    Failed(Option<Box<Error>>),
    /// The database is to be asked.
    #[doc(hidden)]
    Absent(Option<&'s mut Session>),
    /// The database is asked, and what it says is waited for.
    #[doc(hidden)]
    Asked(BoxFuture<'s, Result<Option<Ref<T>>>>),
}

/// What [`Get`] is to ask for. It is kept in the session, so that a get of what is here need not move the room for it.
#[derive(Debug)]
pub(super) struct Wanted {
    table: TableRef,
    key: KeyValues,
    caller: Caller,
}

impl<T: Object> Future for Get<'_, T> {
    type Output = Result<Option<Ref<T>>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Get::Known(known) => Poll::Ready(Ok(*known)),
            Get::Failed(error) => error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(*error))),
            Get::Absent(absent) => {
                let Some(session) = absent.take() else { return Poll::Pending };
                let Some(Wanted { table, key, caller }) = session.wanted.take() else { return Poll::Pending };
                if let Some(found) = session.get_at_once(table, &key) {
                    return Poll::Ready(found);
                }
                let mut asked: BoxFuture<'_, _> =
                    Box::pin(async move { session.ask_for::<T>(table, &key, caller).await });
                let polled = asked.as_mut().poll(context);
                *self = Get::Asked(asked);
                polled
            }
            Get::Asked(asked) => asked.as_mut().poll(context),
        }
    }
}

impl<T> std::fmt::Debug for Get<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Get::Known(_) => "Known",
            Get::Failed(_) => "Failed",
            Get::Absent(_) => "Absent",
            Get::Asked(_) => "Asked",
        })
    }
}

/// The objects of the rows that a statement gave.
#[derive(Debug, Default)]
struct Found {
    slots: Vec<u32>,
    /// Those that are new, if hooks are to be told of them.
    new: Vec<u32>,
}

struct Taken<'a> {
    arena: &'a mut Arena,
    /// Whether there was no object before.
    fresh: bool,
    /// A key of which it is known that no object has it.
    absent: Option<ReadKey>,
    how: Reading,
    /// How often the transaction has written.
    writes: u32,
    hooked: bool,
    found: Found,
}

/// Rows of two models.
struct Pairs<'a> {
    first: Taken<'a>,
    second: Taken<'a>,
    /// Where the second one's columns begin.
    by: usize,
}

impl RowSink for Pairs<'_> {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        self.first.row(row)?;
        self.second.row(&Shifted { row, by: self.by })
    }
}

impl RowSink for Taken<'_> {
    fn row(&mut self, row: &dyn Row) -> Result<Flow> {
        let (slot, new) = match self.fresh {
            true => self.arena.read_new(row, self.how)?,
            false => self.arena.read(row, self.how, self.absent)?,
        };
        self.found.slots.push(slot);
        if new && self.hooked {
            self.found.new.push(slot);
        }
        if new && self.how.late {
            self.arena.log_came(slot, self.writes);
        }
        Ok(Flow::Continue)
    }
}
