//! The unit of work: a session owns rows, knows each by its key, notices what changes, and writes it in as few
//! statements as it takes.
//!
//! ```text
//! add, get, query ──> Ref<T>, a Copy handle          session[r] is the row
//!        │
//!        ▼
//! Arena (one a model)    rows as plain structs; of a touched one what it was; the identity map
//!        │  flush
//!        ▼
//! plan::collect          net changes, no I/O
//! plan::Plan             an order that every constraint accepts, no I/O
//!        │  one statement for many rows of a step
//!        ▼
//! flush                  binds from the arena, runs, writes keys and server-made values back
//! ```
//!
//! What happened is kept in an undo log: a savepoint is a place in it, so memory goes back exactly as the database does.

mod arena;
mod cascade;
mod find;
mod flush;
mod handle;
mod hooks;
mod job;
mod keys;
mod kin;
mod line;
mod load;
mod loading;
mod nested;
mod new_row;
mod parents;
mod plan;
mod relations;
mod rows;
mod spare;

use std::any::TypeId;
use std::ops::{Index, IndexMut};
use std::panic::Location;
use std::sync::Arc;

pub use find::{Find, Findable};
pub(crate) use handle::SessionId;
pub use handle::{AnyRef, Ref};
pub use hooks::{Hooks, Violations};
pub use load::Get;
pub use loading::{SessionLoad, SessionLoads};
pub use nested::{Joined, Nested, NoAutoflush};
pub use new_row::{
    Children, KeyPart, NestedRow, New, NewRow, ParentKey, Parents, bind_parent_key, built, key_not_given,
    optional_parent, parent_key,
};
pub use parents::ParentOf;
pub use relations::{Gathered, Linkable, Nest, Unlinkable};

pub(crate) use spare::Spare;

use crate::engine::after_commit::Action;
use crate::engine::{Engine, Transaction, TransactionOptions};
use crate::error::{Error, Result};
use crate::expr::{Column, Condition, Expression};
use crate::model::{Entity, Model};
use crate::types::{Assign, SqlType};
use crate::value::Value;
use arena::{Arena, Clock, Parent, Slot};
use line::{Line, Status};
use load::Wanted;
use relations::Loaded;
use rows::At;

/// A model that a session can hold.
#[diagnostic::on_unimplemented(
    message = "a session cannot hold `{Self}`",
    label = "not a model that is `Clone`",
    note = "a session keeps a copy of a row that is changed: add `#[derive(Clone, Model)]`"
)]
pub trait Object: Model + Clone {}

#[diagnostic::do_not_recommend]
impl<T: Model + Clone> Object for T {}

/// What an object is to a session. The session alone knows: nothing is guessed from the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Not in the session, and never saved by it: it was added, and then deleted, expunged or rolled back.
    Transient,
    /// Added; the next flush inserts it.
    Pending,
    /// The database has it.
    Persistent,
    /// Marked as deleted, or deleted by a flush; a rollback brings it back.
    Deleted,
    /// No longer in the session.
    Detached,
}

/// A column of an object that differs from what the database has.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The column's name in the database.
    pub column: &'static str,
    /// What the database has.
    pub old: Value,
    /// What the next flush writes.
    pub new: Value,
}

/// A unit of work: it owns rows, tracks their changes, and writes them together.
///
/// [`Session::add`] and the queries give handles, [`Ref`]; `session[handle]` is the row, a plain struct. What is changed
/// through it is found by itself and written by the next [`flush`](Session::flush), which [`commit`](Session::commit)
/// begins with. The session takes a connection and begins a transaction when it first needs one, and gives the
/// connection back when it commits or rolls back.
///
/// ```
/// # use orm::{prelude::*, docs::*};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
/// # let engine = orm::connect("sqlite::memory:").await?;
/// # engine.create_all(schema![User, Post]).await?;
/// let mut session = Session::new(&engine);
/// let alice = session.add(User::builder().name("Alice").email("a@example.com"));
/// session.add(Post::builder().title("Hello").author(alice));
/// session.commit().await?;
/// assert_eq!(session[alice].id, 1);
///
/// session[alice].nickname = Some("al".into());
/// assert_eq!(session.preview()?, [r#"UPDATE "users" SET "nickname" = ?1 WHERE "users"."id" = ?2"#]);
/// session.commit().await?;
/// # Ok(()) }
/// ```
///
/// A transaction that only reads takes no lock. The first flush that writes takes it: if another transaction has
/// written since this one first read, that flush is [`Error::Serialization`] where the database keeps what was read
/// (SQLite). [`Session::begin`] takes the lock at once.
pub struct Session {
    id: SessionId,
    line: Line,
    arenas: Vec<Arena>,
    levels: Vec<Level>,
    /// What the connection had written when the transaction began.
    writes: u64,
    clock: Clock,
    /// The relations that are known as a whole.
    loaded: Loaded,
    hooks: Vec<Arc<Hooks>>,
    /// What is to be done after a commit, until there is a transaction that can be told.
    actions: Vec<Action>,
    autoflush: bool,
    /// What the last get is to ask for.
    wanted: Option<Wanted>,
}

/// A savepoint.
#[derive(Debug)]
struct Level {
    depth: u32,
    /// Where the level around it begins in the undo log of each arena.
    outer: Vec<usize>,
    /// How often the transaction had written when it began.
    writes: u32,
}

impl Session {
    /// A session of its own, which takes a connection when it first needs one.
    #[must_use]
    #[track_caller]
    pub fn new(engine: &Engine) -> Session {
        Session::with_options(engine, TransactionOptions::new().deferred())
    }

    /// The same with options for its transactions: `TransactionOptions::new()` takes the write lock at once,
    /// `.read_only()` never does.
    #[must_use]
    #[track_caller]
    pub fn with_options(engine: &Engine, options: TransactionOptions) -> Session {
        Session::on(Line::new(engine.clone(), options, Location::caller()))
    }

    /// A session within a transaction that is open, until what this gives is dropped. Its commit keeps what it did as
    /// a part of that transaction; its rollback undoes no more than what it did.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// let mut tx = engine.begin().await?;
    /// let mut session = Session::join(&mut tx);
    /// session.add(User::builder().name("Alice").email("a@example.com"));
    /// session.commit().await?;
    /// drop(session);
    /// tx.commit().await?;
    /// # Ok(()) }
    /// ```
    pub fn join(transaction: &mut Transaction) -> Joined<'_> {
        Joined::new(transaction)
    }

    fn on(line: Line) -> Session {
        let hooks = line.engine().hooks().cloned().into_iter().collect();
        let arenas = line.engine().spare().list();
        let id = SessionId::next();
        Session {
            id,
            line,
            arenas,
            levels: Vec::new(),
            writes: 0,
            clock: Clock { now: 0, doubt: 0 },
            loaded: Loaded::default(),
            hooks,
            actions: Vec::new(),
            autoflush: true,
            wanted: None,
        }
    }

    /// Has something done once the outermost commit has succeeded: in order, once, and not at all if the transaction, or
    /// the savepoint that is open now, is undone.
    pub fn after_commit(&mut self, action: impl FnOnce() + Send + 'static) {
        match self.line.link() {
            Some(link) => link.after_commit(Box::new(action)),
            None => self.actions.push(Box::new(action)),
        }
    }

    /// Adds hooks to those of the engine.
    pub fn hook(&mut self, hooks: Hooks) {
        self.hooks.push(Arc::new(hooks));
    }

    /// Adds a condition on a model that every statement of the session gets from now on. See
    /// [`EngineBuilder::filter`](crate::engine::EngineBuilder::filter).
    ///
    /// Objects that are here stay, and are found by `get` without a statement; what the session writes, it writes by keys,
    /// whatever the filters say.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// # engine.execute(insert([7, 8].map(|n| User::builder().name("A").email(format!("{n}@example.com")).age(n)))).await?;
    /// let mut session = Session::new(&engine);
    /// session.filter(User, User.age.eq(7));
    /// assert_eq!(session.query(User).count().await?, 1);
    /// assert_eq!(session.query(User).without_filters().count().await?, 2);
    /// # Ok(()) }
    /// ```
    pub fn filter<E: Entity>(&mut self, _entity: E, condition: impl Condition) {
        self.line.filter(E::Model::TABLE, condition.into_condition());
    }

    /// Adds a new row: a model's struct, or a builder with every required field set. The next flush inserts it.
    ///
    /// # Panics
    ///
    /// If the builder was given the handle of an object that is not in this session. [`Session::try_add`] gives an
    /// error instead.
    #[track_caller]
    #[expect(clippy::panic, reason = "as indexing does; `try_add` does not")]
    pub fn add<R: NewRow<Model: Object>>(&mut self, row: R) -> Ref<R::Model> {
        match self.insert_pending(row) {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// Adds several new rows.
    ///
    /// # Panics
    ///
    /// As [`Session::add`].
    #[track_caller]
    pub fn add_all<R: NewRow<Model: Object>>(&mut self, rows: impl IntoIterator<Item = R>) -> Vec<Ref<R::Model>> {
        rows.into_iter().map(|row| self.add(row)).collect()
    }

    /// Adds a new row, unless the session has an object with its key.
    ///
    /// # Errors
    ///
    /// [`Error::IdentityConflict`]; [`Error::Detached`] for a parent that is not in this session.
    pub fn try_add<R: NewRow<Model: Object>>(&mut self, row: R) -> Result<Ref<R::Model>> {
        let handle = self.insert_pending(row)?;
        let arena = self.arena_mut::<R::Model>();
        let given = arena.given(handle.slot());
        let known = arena.meta.primary_key.iter().all(|column| given.contains(*column));
        if known && let Some(other) = arena.find_row(At::Now(handle.slot()))? {
            let object = plan::describe(arena, other);
            arena.expunge(handle.slot());
            return Err(Error::IdentityConflict { object });
        }
        Ok(handle)
    }

    /// Takes in a row that the database has as it is, without asking for it: one that was read elsewhere, or by an
    /// earlier session. What is changed from now on is written.
    ///
    /// # Errors
    ///
    /// [`Error::IdentityConflict`] if the session has an object with its key; [`Session::merge`] copies onto that.
    pub fn attach<T: Object>(&mut self, row: T) -> Result<Ref<T>> {
        let id = self.id;
        let arena = self.arena_mut::<T>();
        let slot = arena.next_slot();
        put(arena, slot, row);
        match arena.find_row(At::Now(slot)) {
            Ok(None) => {}
            other => {
                let object = other.map(|known| known.map(|known| plan::describe(arena, known)));
                arena.discard(slot);
                let object = object?.unwrap_or_default();
                return Err(Error::IdentityConflict { object });
            }
        }
        let generation = arena.attach(slot)?;
        Ok(Ref::new(id, slot, generation))
    }

    /// The state of the object that a handle stands for.
    #[must_use]
    pub fn state<T: Object>(&self, handle: Ref<T>) -> State {
        if handle.session != self.id {
            return State::Detached;
        }
        let slot = self.arena::<T>().map(|arena| arena.state(handle.slot(), handle.generation()));
        match slot.unwrap_or(Slot::Empty(State::Detached)) {
            Slot::Empty(state) => state,
            Slot::Pending => State::Pending,
            Slot::Persistent => State::Persistent,
            Slot::Deleting | Slot::Deleted => State::Deleted,
        }
    }

    /// Whether the object is in the session.
    #[must_use]
    pub fn contains<T: Object>(&self, handle: Ref<T>) -> bool {
        self.place(handle).is_some()
    }

    /// The row, or an error that says that it is not here.
    ///
    /// # Errors
    ///
    /// [`Error::Detached`].
    pub fn try_index<T: Object>(&self, handle: Ref<T>) -> Result<&T> {
        self.row(handle).ok_or_else(detached::<T>)
    }

    /// The row to be changed, or an error that says that it is not here.
    ///
    /// # Errors
    ///
    /// [`Error::Detached`].
    pub fn try_index_mut<T: Object>(&mut self, handle: Ref<T>) -> Result<&mut T> {
        self.row_mut(handle).ok_or_else(detached::<T>)
    }

    /// Several rows of a model to be changed at once.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # let mut session = Session::new(&engine);
    /// let a = session.add(User::builder().name("A").email("a@example.com"));
    /// let b = session.add(User::builder().name("B").email("b@example.com"));
    /// let [one, other] = session.pick_mut([a, b]);
    /// std::mem::swap(&mut one.email, &mut other.email);
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// If one of them is not in the session, or comes twice.
    #[track_caller]
    #[expect(clippy::panic, reason = "as indexing does; `try_pick_mut` does not")]
    pub fn pick_mut<T: Object, const N: usize>(&mut self, handles: [Ref<T>; N]) -> [&mut T; N] {
        match self.try_pick_mut(handles) {
            Ok(rows) => rows,
            Err(error) => panic!("{error}"),
        }
    }

    /// Several rows of a model to be changed at once, or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Detached`] if one of them is not in the session; [`Error::Statement`] if one comes twice.
    pub fn try_pick_mut<T: Object, const N: usize>(&mut self, handles: [Ref<T>; N]) -> Result<[&mut T; N]> {
        if handles.iter().any(|handle| self.place(*handle).is_none()) {
            return Err(detached::<T>());
        }
        let arena = self.arena_mut::<T>();
        handles.iter().for_each(|handle| arena.touch(handle.slot()));
        arena.lend_all(&handles.map(|handle| handle.slot()));
        let rows = arena.rows_mut::<T>().and_then(|rows| rows.pick(handles.map(|handle| handle.slot())));
        rows.ok_or_else(|| Error::Statement("a row cannot be picked twice at once".into()))
    }

    /// Takes the row out of the session, which forgets it; nothing of it is written any more.
    ///
    /// # Errors
    ///
    /// [`Error::Detached`].
    pub fn take<T: Object>(&mut self, handle: Ref<T>) -> Result<T> {
        self.place(handle).ok_or_else(detached::<T>)?;
        let arena = self.arena_mut::<T>();
        let row = arena.rows::<T>().and_then(|rows| rows.get(handle.slot())).cloned();
        arena.expunge(handle.slot());
        row.ok_or_else(detached::<T>)
    }

    /// Lets the object go: nothing of it is written any more, and the row in the database stays.
    pub fn expunge<T: Object>(&mut self, handle: Ref<T>) {
        if self.place(handle).is_some() {
            self.arena_mut::<T>().expunge(handle.slot());
        }
    }

    /// Lets all objects go, and with them all changes that were not flushed. Handles from before are void.
    pub fn clear(&mut self) {
        self.line.engine().spare().keep(std::mem::take(&mut self.arenas));
        self.loaded.clear();
        self.levels.iter_mut().for_each(|level| level.outer.clear());
        // Arenas that come later know the new number only.
        self.id = SessionId::next();
    }

    /// Marks an object as deleted; the next flush deletes its row. A pending object just leaves.
    ///
    /// Deleting an object that is deleted does nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Detached`].
    pub fn delete<T: Object>(&mut self, handle: Ref<T>) -> Result<()> {
        self.place(handle).ok_or_else(detached::<T>)?;
        self.arena_mut::<T>().delete(handle.slot());
        Ok(())
    }

    /// Handles of all objects of a model, oldest slots first.
    pub fn handles<E: Entity<Model: Object>>(&self, _model: E) -> Vec<Ref<E::Model>> {
        self.which::<E::Model>(|_| true)
    }

    /// Handles of the objects that the next flush inserts.
    pub fn pending<E: Entity<Model: Object>>(&self, _model: E) -> Vec<Ref<E::Model>> {
        let Some(arena) = self.arena::<E::Model>() else { return Vec::new() };
        let pending = arena.pending.iter().copied().filter(|slot| arena.slot_state(*slot) == Slot::Pending);
        pending.map(|slot| self.handle(arena, slot)).collect()
    }

    /// Handles of the objects that differ from what the database has.
    pub fn dirty<E: Entity<Model: Object>>(&self, _model: E) -> Vec<Ref<E::Model>> {
        let Some(arena) = self.arena::<E::Model>() else { return Vec::new() };
        let dirty = arena.touched.iter().copied().filter(|slot| {
            arena.slot_state(*slot) == Slot::Persistent && arena.changed(*slot).is_ok_and(|columns| !columns.is_empty())
        });
        dirty.map(|slot| self.handle(arena, slot)).collect()
    }

    /// Handles of the objects that are marked as deleted, or were deleted in this transaction.
    pub fn deleted<E: Entity<Model: Object>>(&self, _model: E) -> Vec<Ref<E::Model>> {
        self.which::<E::Model>(|state| matches!(state, Slot::Deleting | Slot::Deleted))
    }

    /// Handles and rows of all objects of a model.
    pub fn rows<E: Entity<Model: Object>>(&self, _model: E) -> impl Iterator<Item = (Ref<E::Model>, &E::Model)> {
        let arena = self.arena::<E::Model>();
        arena.into_iter().flat_map(move |arena| {
            let rows = arena.rows::<E::Model>();
            arena.slots().filter_map(move |slot| Some((self.handle(arena, slot), rows?.get(slot)?)))
        })
    }

    fn which<T: Object>(&self, wanted: impl Fn(Slot) -> bool) -> Vec<Ref<T>> {
        let Some(arena) = self.arena::<T>() else { return Vec::new() };
        let slots = arena.slots().filter(|slot| wanted(arena.slot_state(*slot)));
        slots.map(|slot| self.handle(arena, slot)).collect()
    }

    /// How many objects the session holds, of all models.
    #[must_use]
    pub fn len(&self) -> usize {
        self.arenas.iter().map(Arena::len).sum()
    }

    /// Whether the session holds no object.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the object differs from what the database has. It never asks the database.
    #[must_use]
    pub fn is_modified<T: Object>(&self, handle: Ref<T>) -> bool {
        match self.state(handle) {
            State::Pending => true,
            State::Persistent => self.arena::<T>().is_some_and(|arena| {
                let expressions = !arena.expressions(handle.slot()).is_empty();
                expressions || arena.changed(handle.slot()).is_ok_and(|columns| !columns.is_empty())
            }),
            State::Deleted | State::Transient | State::Detached => false,
        }
    }

    /// Whether the next flush has something to write.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.arenas.iter().any(Arena::is_dirty) && plan::collect(&self.arenas).map_or(true, |ops| !ops.is_empty())
    }

    /// The columns in which an object differs from what the database has, with both values. A pending object has
    /// none: all of it is new.
    ///
    /// # Errors
    ///
    /// [`Error::Detached`]; [`Error::Bind`] for a value that no column can hold.
    pub fn changes<T: Object>(&self, handle: Ref<T>) -> Result<Vec<Change>> {
        self.place(handle).ok_or_else(detached::<T>)?;
        let Some(arena) = self.arena::<T>() else { return Ok(Vec::new()) };
        changes(arena, handle.slot())
    }

    /// Sets a column to an expression over the row's values in the database, in the next flush; the value that it then
    /// has is read back.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// # let mut session = Session::new(&engine);
    /// let al = session.add(User::builder().name("Al").email("a@example.com").age(41));
    /// session.commit().await?;
    /// session.set_expr(al, User.age, User.age + 1)?;
    /// session.commit().await?;
    /// assert_eq!(session[al].age, Some(42));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Detached`].
    pub fn set_expr<T, C, E>(&mut self, handle: Ref<T>, column: Column<T, C>, value: E) -> Result<()>
    where
        T: Object,
        C: SqlType,
        E: Expression + Assign<C::Plain, C::Nullness>,
    {
        self.place(handle).ok_or_else(detached::<T>)?;
        let column = column.reference().index;
        let value = value.into_assigned();
        let arena = self.arena_mut::<T>();
        // A row with an expression is looked at by the next flush, like one that was changed.
        arena.touch(handle.slot());
        arena.set_expression(handle.slot(), crate::ast::Assignment { column, value });
        Ok(())
    }

    #[inline]
    fn insert_pending<R: NewRow<Model: Object>>(&mut self, row: R) -> Result<Ref<R::Model>> {
        let mut missing = arena::Awaited::new();
        let new = row.into_new(&mut parents::Found::new(self, R::Model::TABLE, &mut missing))?;
        self.place_new(new, &missing)
    }

    /// Adds a row that belongs to others by these foreign keys.
    fn add_nested<R: NestedRow<Model: Object>>(&mut self, row: R, keys: &[(u16, AnyRef)]) -> Result<Ref<R::Model>> {
        let mut missing = arena::Awaited::new();
        let new = row.into_nested(keys, &mut parents::Found::new(self, R::Model::TABLE, &mut missing))?;
        self.place_new(new, &missing)
    }

    #[inline]
    fn place_new<T: Object>(&mut self, new: New<T>, parents: &[Parent]) -> Result<Ref<T>> {
        let New { row, columns, children } = new;
        let id = self.id;
        let arena = self.arena_mut::<T>();
        let slot = arena.next_slot();
        put(arena, slot, row);
        let linked = !parents.is_empty();
        let generation = arena.add(slot, columns, parents);
        if linked {
            arena.rekin(slot);
        }
        let handle = Ref::new(id, slot, generation);
        if let Err(error) = children.add_to(self, handle.into()) {
            self.arena_mut::<T>().expunge(slot);
            return Err(error);
        }
        Ok(handle)
    }

    fn arena<T: Object>(&self) -> Option<&Arena> {
        let model = TypeId::of::<T>();
        self.arenas.iter().find(|arena| arena.model == model)
    }

    fn arena_number<T: Object>(&mut self) -> usize {
        let model = TypeId::of::<T>();
        match self.arenas.iter().position(|arena| arena.model == model) {
            Some(number) => number,
            None => {
                self.arenas.push(self.new_arena::<T>());
                self.arenas.len() - 1
            }
        }
    }

    fn new_arena<T: Object>(&self) -> Arena {
        match self.line.engine().spare().arena(TypeId::of::<T>()) {
            Some(arena) => arena.of(self.id, self.clock),
            None => Arena::new::<T>(self.id, self.clock),
        }
    }

    #[expect(clippy::indexing_slicing, reason = "it was just found or made")]
    fn arena_mut<T: Object>(&mut self) -> &mut Arena {
        let number = self.arena_number::<T>();
        &mut self.arenas[number]
    }

    fn handle<T>(&self, arena: &Arena, slot: u32) -> Ref<T> {
        Ref::new(self.id, slot, arena.generation(slot))
    }

    /// The slot of an object that is here.
    fn place<T: Object>(&self, handle: Ref<T>) -> Option<u32> {
        let here = handle.session == self.id && self.arena::<T>()?.is_here(handle.slot(), handle.generation());
        here.then_some(handle.slot())
    }

    fn row<T: Object>(&self, handle: Ref<T>) -> Option<&T> {
        if handle.session != self.id {
            return None;
        }
        let arena = self.arena::<T>()?;
        if !arena.is_here(handle.slot(), handle.generation()) {
            return None;
        }
        arena.rows::<T>()?.get(handle.slot())
    }

    fn row_mut<T: Object>(&mut self, handle: Ref<T>) -> Option<&mut T> {
        self.place(handle)?;
        let arena = self.arena_mut::<T>();
        arena.touch(handle.slot());
        arena.lend(handle.slot());
        arena.rows_mut::<T>()?.get_mut(handle.slot())
    }
}

#[inline]
fn put<T: Object>(arena: &mut Arena, slot: u32, row: T) {
    if let Some(rows) = arena.rows_mut::<T>() {
        rows.put(slot, row);
    }
}

/// The columns of a row that differ from what the database has.
fn changes(arena: &Arena, slot: u32) -> Result<Vec<Change>> {
    let (values, stored) = (arena.values.as_ref(), arena.stored(slot));
    let change = |column| {
        let name = arena.meta.column(column).map_or("?", |column| column.name);
        let (old, new) = (keys::value(values, stored, column)?, keys::value(values, At::Now(slot), column)?);
        Ok(Change { column: name, old, new })
    };
    arena.changed(slot)?.iter().map(change).collect()
}

#[cold]
fn detached<T: Model>() -> Error {
    Error::Detached { model: T::TABLE.model }
}

/// The row of a handle.
///
/// # Panics
///
/// If the object is not in the session: it left, or the handle is another session's. [`Session::try_index`] gives an
/// error instead.
impl<T: Object> Index<Ref<T>> for Session {
    type Output = T;

    #[track_caller]
    #[inline]
    fn index(&self, handle: Ref<T>) -> &T {
        match self.row(handle) {
            Some(row) => row,
            None => missing::<T>(),
        }
    }
}

/// The row of a handle, to be changed: the session keeps a copy of it as it was, the first time since the last flush.
///
/// # Panics
///
/// As for [`Index`]. [`Session::try_index_mut`] gives an error instead.
impl<T: Object> IndexMut<Ref<T>> for Session {
    #[track_caller]
    fn index_mut(&mut self, handle: Ref<T>) -> &mut T {
        match self.row_mut(handle) {
            Some(row) => row,
            None => missing::<T>(),
        }
    }
}

#[cold]
#[track_caller]
#[expect(clippy::panic, reason = "as indexing does; the `try_` forms do not")]
fn missing<T: Model>() -> ! {
    panic!("{}", detached::<T>())
}

impl Drop for Session {
    fn drop(&mut self) {
        self.line.engine().spare().keep(std::mem::take(&mut self.arenas));
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let objects = self.arenas.iter().map(|arena| (arena.meta.model, arena.len()));
        f.debug_struct("Session")
            .field("status", self.line.status())
            .field("savepoints", &self.levels.len())
            .field("objects", &objects.collect::<Vec<_>>())
            .finish()
    }
}

impl Session {
    /// Refuses to go on where a flush failed or was dropped.
    #[inline]
    fn check(&self) -> Result<()> {
        if matches!(self.line.status(), Status::Ready) { Ok(()) } else { self.refuse() }
    }

    #[cold]
    fn refuse(&self) -> Result<()> {
        match self.line.status() {
            Status::Ready => Ok(()),
            Status::Aborted(cause) => Err(Error::Aborted { cause: cause.clone() }),
            Status::Interrupted(during) => Err(Error::Interrupted { during }),
        }
    }
}
