//! Relations of objects: which they are, and how they are changed.
//!
//! ```text
//! session.related(alice, User.posts)         the objects whose key is Alice's, as it is in memory now
//! session.link(alice, User.posts, post)      sets the key of the post
//! session.unlink(alice, User.posts, post)    sets it to NULL, or deletes an orphan
//! session.link(post, Post.tags, tag)         adds a row to the table between
//! ```
//!
//! A collection is a view of the keys, so both sides of a relation agree at once. Whether it is whole is known of objects
//! that this session added, and of those whose relation was loaded; of others it is an error to ask.

use std::any::TypeId;
use std::collections::HashMap;

use super::arena::{Arena, Place, Slot};
use super::new_row::{NestedRow, NewRow};
use super::{AnyRef, Object, Ref, Session, detached, kin};
use crate::ast::Lifted;
use crate::error::{Error, Result};
use crate::relation::{Relation, Route, kind};

/// The relations that are known as a whole.
#[derive(Debug, Default)]
pub(super) struct Loaded(HashMap<Known, HashMap<(u32, u32), Whole>>);

/// A relation: the model whose rows have the keys, and which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Known {
    pub(super) holder: TypeId,
    pub(super) foreign_key: u16,
}

/// All related objects of an object, when they were loaded.
#[derive(Debug)]
struct Whole {
    view: View,
    /// Slots of those that have the key, in the order in which they were loaded.
    order: Vec<u32>,
    /// How many objects had left by then: if one has left since, it may be one of these.
    departures: u32,
}

/// What is seen of the database: all, but for what global filters hide.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View {
    /// The transaction that looks.
    pub(super) clock: u16,
    /// How many filters there are; none is ever taken away.
    pub(super) filters: usize,
    /// Those of them that do not apply.
    pub(super) lifted: Lifted,
}

impl Loaded {
    /// Notes that these are all.
    pub(super) fn insert(
        &mut self,
        relation: Known,
        parent: (u32, u32),
        order: Vec<u32>,
        (departures, view): (u32, View),
    ) {
        self.0.entry(relation).or_default().insert(parent, Whole { view, order, departures });
    }

    /// Whether they were loaded in this transaction, and no less would be hidden now.
    pub(super) fn is_fresh(&self, relation: Known, parent: (u32, u32), (departures, view): (u32, &View)) -> bool {
        let whole = self.0.get(&relation).and_then(|parents| parents.get(&parent));
        whole.is_some_and(|whole| whole.departures == departures && whole.view == *view)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn get(&self, relation: Known, parent: (u32, u32), departures: u32) -> Option<&[u32]> {
        let whole = self.0.get(&relation)?.get(&parent)?;
        (whole.departures == departures).then_some(&whole.order)
    }
}

/// Finds a model's arena, or makes one.
pub(super) type ArenaOf = fn(&mut Session) -> usize;

/// What [`Session::related`] gives for a kind of relation: handles of all related objects, or of the one there is.
pub trait Gathered: kind::Loads + Sized {
    /// `Vec<Ref<T>>`, `Option<Ref<T>>`, `Ref<T>`.
    type Handles<T>;

    /// The model whose rows have the keys.
    #[doc(hidden)]
    fn holder<F: Object, T: Object>() -> TypeId;

    /// The arena of the table between, if there is one.
    #[doc(hidden)]
    fn between() -> Option<ArenaOf> {
        None
    }

    /// Finds them.
    #[doc(hidden)]
    fn gathered<F: Object, T: Object>(
        session: &Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
    ) -> Result<Self::Handles<T>>;
}

/// A relation by which objects can be linked.
#[diagnostic::on_unimplemented(
    message = "objects cannot be linked by this relation",
    label = "its rows between need more than the two keys",
    note = "add the row between as an object of its own: `session.add(Between::builder()..)`"
)]
pub trait Linkable: Gathered {
    /// Links two objects.
    #[doc(hidden)]
    fn link<F: Object, T: Object>(
        session: &mut Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
        to: Ref<T>,
    ) -> Result<()>;
}

/// A relation whose objects can be let go.
#[diagnostic::on_unimplemented(
    message = "a row always has a `{Self}`",
    label = "the key is required, so there is nothing to unlink",
    note = "`session.set(row, relation, other)` gives it another one; `session.delete(row)` deletes it"
)]
pub trait Unlinkable: Linkable {
    /// Unlinks two objects.
    #[doc(hidden)]
    fn unlink<F: Object, T: Object>(
        session: &mut Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
        to: Ref<T>,
    ) -> Result<()>;
}

impl Session {
    /// The related objects of an object, as they are in memory: linked and unlinked ones, pending ones too. Nothing is asked
    /// of the database.
    ///
    /// Those that were loaded come in the order in which they were; what came later stands at the end.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// # let alice = engine.fetch_one(insert(User::builder().name("Alice").email("a")).returning(User)).await?;
    /// # engine.execute(insert(Post::builder().title("Hello").author_id(alice.id))).await?;
    /// let mut session = Session::new(&engine);
    /// let alice = session.query(User).with(User.posts).one().await?;
    /// let new = session.add(Post::builder().title("New").author(alice));
    /// let titles: Vec<_> = session.related(alice, User.posts)?.into_iter().map(|post| &session[post].title).collect();
    /// assert_eq!(titles, ["Hello", "New"]);
    /// assert_eq!(session.related(new, Post.author)?, alice);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotLoaded`] if the session does not know all of them: it names the call that loads them.
    /// [`Error::Detached`].
    pub fn related<F: Object, T: Object, Kind: Gathered>(
        &self,
        handle: Ref<F>,
        relation: Relation<F, T, Kind>,
    ) -> Result<Kind::Handles<T>> {
        self.place(handle).ok_or_else(detached::<F>)?;
        Kind::gathered(self, handle, relation)
    }

    /// Makes two objects related: sets the key of the one that has it, or adds a row to the table between. Linking what is
    /// linked does nothing. Of a one-to-one relation the other object that was there is let go.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// # let mut session = Session::new(&engine);
    /// let alice = session.add(User::builder().name("Alice").email("a@example.com"));
    /// let bob = session.add(User::builder().name("Bob").email("b@example.com"));
    /// let post = session.add(Post::builder().title("Hello").author(alice));
    /// session.link(bob, User.posts, post)?;
    /// assert_eq!(session.related(alice, User.posts)?, []);
    /// assert_eq!(session.related(bob, User.posts)?, [post]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Detached`]; [`Error::NotLoaded`] for a one-to-one relation whose other object is not known.
    pub fn link<F: Object, T: Object, Kind: Linkable>(
        &mut self,
        handle: Ref<F>,
        relation: Relation<F, T, Kind>,
        other: Ref<T>,
    ) -> Result<()> {
        self.place(handle).ok_or_else(detached::<F>)?;
        self.place(other).ok_or_else(detached::<T>)?;
        Kind::link(self, handle, relation, other)
    }

    /// Makes two objects unrelated: sets the key to NULL, or deletes the row of the table between. An orphan, whose key says
    /// `delete_orphans`, is deleted, unless it is linked to another one before the next flush.
    ///
    /// # Errors
    ///
    /// [`Error::Detached`]; [`Error::NotLoaded`] if the row of the table between is not known;
    /// [`Error::Statement`] if the key cannot be NULL and no orphan is to be deleted.
    pub fn unlink<F: Object, T: Object, Kind: Unlinkable>(
        &mut self,
        handle: Ref<F>,
        relation: Relation<F, T, Kind>,
        other: Ref<T>,
    ) -> Result<()> {
        self.place(handle).ok_or_else(detached::<F>)?;
        self.place(other).ok_or_else(detached::<T>)?;
        Kind::unlink(self, handle, relation, other)
    }

    /// Makes these the related objects, and no others: links those that are not, and unlinks those that are to be no more.
    ///
    /// # Errors
    ///
    /// As [`Session::related`], [`Session::link`] and [`Session::unlink`].
    pub fn replace<F: Object, T: Object, Kind: Unlinkable + Gathered<Handles<T> = Vec<Ref<T>>>>(
        &mut self,
        handle: Ref<F>,
        relation: Relation<F, T, Kind>,
        others: impl IntoIterator<Item = Ref<T>>,
    ) -> Result<()> {
        let now = self.related(handle, relation)?;
        let wanted: Vec<Ref<T>> = others.into_iter().collect();
        for gone in now.iter().filter(|other| !wanted.contains(other)) {
            self.unlink(handle, relation, *gone)?;
        }
        wanted.into_iter().filter(|other| !now.contains(other)).try_for_each(|other| self.link(handle, relation, other))
    }

    fn number_of<T: Object>(&self) -> Option<usize> {
        let model = TypeId::of::<T>();
        self.arenas.iter().position(|arena| arena.model == model)
    }

    /// The objects that have an object's key, if all of them are known.
    fn holders<F: Object, H: Object>(&self, parent: Ref<F>, foreign_key: u16, name: &'static str) -> Result<Vec<u32>> {
        let unknown = || Error::NotLoaded { model: F::TABLE.model, relation: name };
        let parents = self.number_of::<F>().ok_or_else(unknown)?;
        let Some(parent_arena) = self.arenas.get(parents) else { return Err(unknown()) };
        let known = Known { holder: TypeId::of::<H>(), foreign_key };
        let holders = self.arena::<H>();
        let departures = holders.map_or(0, Arena::departures);
        let order = match self.loaded.get(known, (parent.slot(), parent.generation()), departures) {
            Some(order) => order,
            // Nobody else can have rows that belong to what is only here.
            None if parent_arena.is_born(parent.slot()) => &[],
            None => return Err(unknown()),
        };
        let Some(holders) = holders else { return Ok(Vec::new()) };
        let place = Place { arena: u16::try_from(parents).unwrap_or(u16::MAX), slot: parent.slot() };
        let mut found = kin::children(holders, foreign_key, parent_arena, place);
        if !order.is_empty() {
            let position: HashMap<u32, usize> = order.iter().copied().zip(0..).collect();
            found.sort_by_key(|slot| position.get(slot).copied().unwrap_or(usize::MAX));
        }
        Ok(found)
    }

    /// The objects that have an object's key, as far as they are known.
    fn known_holders<F: Object, H: Object>(&self, parent: Ref<F>, foreign_key: u16) -> Vec<u32> {
        let (Some(parents), Some(holders)) = (self.number_of::<F>(), self.arena::<H>()) else { return Vec::new() };
        let Some(parent_arena) = self.arenas.get(parents) else { return Vec::new() };
        let place = Place { arena: u16::try_from(parents).unwrap_or(u16::MAX), slot: parent.slot() };
        kin::children(holders, foreign_key, parent_arena, place)
    }

    fn handles_of<T: Object>(&self, slots: &[u32]) -> Vec<Ref<T>> {
        let arena = self.arena::<T>();
        arena.map(|arena| slots.iter().map(|slot| self.handle(arena, *slot)).collect()).unwrap_or_default()
    }

    /// Sets a key of an object to another one's. One that was let go returns.
    fn give_parent<T: Object>(&mut self, child: Ref<T>, foreign_key: u16, parent: AnyRef) -> Result<()> {
        let arena = self.arena_mut::<T>();
        if arena.slot_state(child.slot()) == Slot::Deleting {
            arena.undelete(child.slot());
        }
        self.set_key::<T>(child, foreign_key, Some(parent))
    }

    /// Lets an object go, if it belongs to the other one.
    fn let_go<F: Object, T: Object>(
        &mut self,
        from: Ref<F>,
        child: Ref<T>,
        foreign_key: u16,
        name: &'static str,
    ) -> Result<()> {
        match self.known_holders::<F, T>(from, foreign_key).contains(&child.slot()) {
            true => self.orphan(child, foreign_key, name),
            false => Ok(()),
        }
    }

    /// Lets an object go that belonged to another one.
    fn orphan<T: Object>(&mut self, child: Ref<T>, foreign_key: u16, name: &'static str) -> Result<()> {
        let Some(key) = T::TABLE.foreign_keys.get(usize::from(foreign_key)) else { return Ok(()) };
        if key.delete_orphans {
            return self.delete(child);
        }
        if !key.columns.iter().any(|column| T::TABLE.column(*column).is_some_and(|column| column.nullable)) {
            let column =
                key.columns.first().and_then(|column| T::TABLE.column(*column)).map_or("?", |column| column.field);
            let model = T::TABLE.model;
            return Err(Error::Statement(format!(
                "a `{model}` cannot be unlinked from `{name}`: `{model}.{column}` must have a value. Link it to another \
                 row, delete it, or write `delete_orphans` beside its `belongs_to`"
            )));
        }
        self.set_key::<T>(child, foreign_key, None)
    }
}

impl Gathered for kind::HasMany {
    type Handles<T> = Vec<Ref<T>>;

    fn holder<F: Object, T: Object>() -> TypeId {
        TypeId::of::<T>()
    }

    fn gathered<F: Object, T: Object>(
        session: &Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
    ) -> Result<Vec<Ref<T>>> {
        let key = theirs(relation.route())?;
        Ok(session.handles_of(&session.holders::<F, T>(from, key, relation.name())?))
    }
}

impl Linkable for kind::HasMany {
    fn link<F: Object, T: Object>(
        session: &mut Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
        to: Ref<T>,
    ) -> Result<()> {
        session.give_parent(to, theirs(relation.route())?, from.into())
    }
}

impl Unlinkable for kind::HasMany {
    fn unlink<F: Object, T: Object>(
        session: &mut Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
        to: Ref<T>,
    ) -> Result<()> {
        session.let_go(from, to, theirs(relation.route())?, relation.name())
    }
}

impl Gathered for kind::HasOne {
    type Handles<T> = Option<Ref<T>>;

    fn holder<F: Object, T: Object>() -> TypeId {
        TypeId::of::<T>()
    }

    fn gathered<F: Object, T: Object>(
        session: &Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
    ) -> Result<Option<Ref<T>>> {
        let key = theirs(relation.route())?;
        Ok(session.handles_of(&session.holders::<F, T>(from, key, relation.name())?).pop())
    }
}

impl Linkable for kind::HasOne {
    fn link<F: Object, T: Object>(
        session: &mut Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
        to: Ref<T>,
    ) -> Result<()> {
        let key = theirs(relation.route())?;
        if let Some(other) = session.related(from, relation)?.filter(|other| *other != to) {
            session.orphan(other, key, relation.name())?;
        }
        session.give_parent(to, key, from.into())
    }
}

impl Unlinkable for kind::HasOne {
    fn unlink<F: Object, T: Object>(
        session: &mut Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
        to: Ref<T>,
    ) -> Result<()> {
        session.let_go(from, to, theirs(relation.route())?, relation.name())
    }
}

impl Gathered for kind::BelongsTo {
    type Handles<T> = Ref<T>;

    fn holder<F: Object, T: Object>() -> TypeId {
        TypeId::of::<F>()
    }

    fn gathered<F: Object, T: Object>(
        session: &Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
    ) -> Result<Ref<T>> {
        let unknown = || Error::NotLoaded { model: F::TABLE.model, relation: relation.name() };
        session.parent(from, relation)?.ok_or_else(unknown)
    }
}

impl Linkable for kind::BelongsTo {
    fn link<F: Object, T: Object>(
        session: &mut Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
        to: Ref<T>,
    ) -> Result<()> {
        session.give_parent(from, own(relation.route())?, to.into())
    }
}

impl Gathered for kind::MaybeBelongsTo {
    type Handles<T> = Option<Ref<T>>;

    fn holder<F: Object, T: Object>() -> TypeId {
        TypeId::of::<F>()
    }

    fn gathered<F: Object, T: Object>(
        session: &Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
    ) -> Result<Option<Ref<T>>> {
        let parent = session.parent(from, relation)?;
        match parent {
            None if session.holds_key(from, own(relation.route())?)? => {
                Err(Error::NotLoaded { model: F::TABLE.model, relation: relation.name() })
            }
            parent => Ok(parent),
        }
    }
}

impl Linkable for kind::MaybeBelongsTo {
    fn link<F: Object, T: Object>(
        session: &mut Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
        to: Ref<T>,
    ) -> Result<()> {
        session.give_parent(from, own(relation.route())?, to.into())
    }
}

impl Unlinkable for kind::MaybeBelongsTo {
    fn unlink<F: Object, T: Object>(
        session: &mut Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
        to: Ref<T>,
    ) -> Result<()> {
        match session.parent(from, relation)? == Some(to) {
            true => session.orphan(from, own(relation.route())?, relation.name()),
            false => Ok(()),
        }
    }
}

impl<B: Object> Gathered for kind::ManyToMany<B> {
    type Handles<T> = Vec<Ref<T>>;

    fn holder<F: Object, T: Object>() -> TypeId {
        TypeId::of::<B>()
    }

    fn between() -> Option<ArenaOf> {
        Some(Session::arena_number::<B>)
    }

    fn gathered<F: Object, T: Object>(
        session: &Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
    ) -> Result<Vec<Ref<T>>> {
        let (to_own, to_theirs) = between(relation.route())?;
        let mut found = Vec::new();
        for slot in session.holders::<F, B>(from, to_own, relation.name())? {
            found.extend(session.parent_by::<B, T>(slot, to_theirs)?);
        }
        Ok(found)
    }
}

impl<B: Object> Linkable for kind::ManyToMany<B>
where
    B::Builder: NestedRow<Model = B>,
{
    fn link<F: Object, T: Object>(
        session: &mut Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
        to: Ref<T>,
    ) -> Result<()> {
        let (to_own, to_theirs) = between(relation.route())?;
        if session.row_between::<F, T, B>(from, to, to_own, to_theirs).is_some() {
            return Ok(());
        }
        if let Some(slot) = session.unlinked_between::<F, T, B>(from, to, to_own, to_theirs)? {
            session.arena_mut::<B>().undelete(slot);
            return Ok(());
        }
        session.add_nested(B::builder(), &[(to_own, from.into()), (to_theirs, to.into())]).map(drop)
    }
}

impl<B: Object> Unlinkable for kind::ManyToMany<B>
where
    B::Builder: NestedRow<Model = B>,
{
    fn unlink<F: Object, T: Object>(
        session: &mut Session,
        from: Ref<F>,
        relation: Relation<F, T, Self>,
        to: Ref<T>,
    ) -> Result<()> {
        let (to_own, to_theirs) = between(relation.route())?;
        match session.row_between::<F, T, B>(from, to, to_own, to_theirs) {
            Some(slot) => {
                session.arena_mut::<B>().delete(slot);
                Ok(())
            }
            // If all are known, there is none to delete.
            None => session.holders::<F, B>(from, to_own, relation.name()).map(drop),
        }
    }
}

impl Session {
    /// The row of a table between that links two objects, as far as it is known.
    fn row_between<F: Object, T: Object, B: Object>(
        &self,
        from: Ref<F>,
        to: Ref<T>,
        to_own: u16,
        to_theirs: u16,
    ) -> Option<u32> {
        let theirs = self.known_holders::<T, B>(to, to_theirs);
        self.known_holders::<F, B>(from, to_own).into_iter().find(|slot| theirs.contains(slot))
    }

    /// The row of a table between that linked two objects, and that the next flush would delete.
    fn unlinked_between<F: Object, T: Object, B: Object>(
        &self,
        from: Ref<F>,
        to: Ref<T>,
        to_own: u16,
        to_theirs: u16,
    ) -> Result<Option<u32>> {
        let Some(arena) = self.arena::<B>() else { return Ok(None) };
        for slot in arena.deleting.iter().copied().filter(|slot| arena.slot_state(*slot) == Slot::Deleting) {
            let links = self.parent_by::<B, F>(slot, to_own)? == Some(from)
                && self.parent_by::<B, T>(slot, to_theirs)? == Some(to);
            if links {
                return Ok(Some(slot));
            }
        }
        Ok(None)
    }

    fn parent_by<T: Object, P: Object>(&self, slot: u32, foreign_key: u16) -> Result<Option<Ref<P>>> {
        let Some(arena) = self.arena::<T>() else { return Ok(None) };
        self.parent_of::<T, P>(self.handle(arena, slot), foreign_key)
    }
}

/// What a new row can bring along by a relation: rows that are new themselves, or objects that are there.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be brought along as a `{To}`",
    label = "expected a builder of `{To}`, or the handle of one",
    note = "every required field of the builder must be set, but for the key that is filled in"
)]
pub trait Nest<From, To, Kind>: Send + Sync + 'static {
    /// Adds it, as one that belongs to `parent`.
    #[doc(hidden)]
    fn nest(self, session: &mut Session, parent: Ref<From>, relation: Relation<From, To, Kind>) -> Result<()>;
}

#[diagnostic::do_not_recommend]
impl<From: Object, To: Object, R: NestedRow<Model = To>> Nest<From, To, kind::HasMany> for R {
    fn nest(self, session: &mut Session, parent: Ref<From>, relation: Relation<From, To, kind::HasMany>) -> Result<()> {
        session.add_nested(self, &[(theirs(relation.route())?, parent.into())]).map(drop)
    }
}

#[diagnostic::do_not_recommend]
impl<From: Object, To: Object, R: NestedRow<Model = To>> Nest<From, To, kind::HasOne> for R {
    fn nest(self, session: &mut Session, parent: Ref<From>, relation: Relation<From, To, kind::HasOne>) -> Result<()> {
        session.add_nested(self, &[(theirs(relation.route())?, parent.into())]).map(drop)
    }
}

#[diagnostic::do_not_recommend]
impl<From: Object, To: Object, B: Object, R: NewRow<Model = To> + Sync> Nest<From, To, kind::ManyToMany<B>> for R
where
    B::Builder: NestedRow<Model = B>,
{
    fn nest(
        self,
        session: &mut Session,
        parent: Ref<From>,
        relation: Relation<From, To, kind::ManyToMany<B>>,
    ) -> Result<()> {
        let other = session.insert_pending(self)?;
        session.link(parent, relation, other)
    }
}

#[diagnostic::do_not_recommend]
impl<From: Object, To: Object, Kind: Linkable> Nest<From, To, Kind> for Ref<To> {
    fn nest(self, session: &mut Session, parent: Ref<From>, relation: Relation<From, To, Kind>) -> Result<()> {
        session.link(parent, relation, self)
    }
}

fn own(route: Route) -> Result<u16> {
    match route {
        Route::Own(key) => Ok(key),
        Route::Theirs(_) | Route::Through { .. } => Err(no_route()),
    }
}

fn theirs(route: Route) -> Result<u16> {
    match route {
        Route::Theirs(key) => Ok(key),
        Route::Own(_) | Route::Through { .. } => Err(no_route()),
    }
}

fn between(route: Route) -> Result<(u16, u16)> {
    match route {
        Route::Through { from, to, .. } => Ok((from, to)),
        Route::Own(_) | Route::Theirs(_) => Err(no_route()),
    }
}

/// The derive makes relations, and gives each the route of its kind.
#[cold]
fn no_route() -> Error {
    Error::Statement("the relation leads another way than its kind says".into())
}
