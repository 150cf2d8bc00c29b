//! Keys by handle: `Post::builder().author(alice)`, `session.set(post, Post.author, alice)`.

use smallvec::SmallVec;

use super::arena::{Arena, Awaited, Parent, Place, Slot};
use super::handle::AnyRef;
use super::keys;
use super::new_row::{KeyPart, Parents};
use super::rows::At;
use super::{Object, Ref, Session, detached};
use crate::error::{Error, Result};
use crate::meta::{ForeignKeyMeta, TableMeta};
use crate::model::KeyValues;
use crate::relation::{Relation, kind};
use crate::value::{Value, ValueRef};

/// What [`Session::set`] takes for a relation of this kind to `P`: a handle, and `None` where the key may be NULL.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the `{P}` of this relation",
    label = "expected `Ref<{P}>`",
    note = "`None` is for a relation whose key is an `Option`; a required one always has a parent"
)]
pub trait ParentOf<P, Kind> {
    /// The handle, if there is to be a parent.
    fn into_parent(self) -> Option<Ref<P>>;
}

#[diagnostic::do_not_recommend]
impl<P, Kind: kind::OwnKey> ParentOf<P, Kind> for Ref<P> {
    fn into_parent(self) -> Option<Ref<P>> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl<P> ParentOf<P, kind::MaybeBelongsTo> for Option<Ref<P>> {
    fn into_parent(self) -> Option<Ref<P>> {
        self
    }
}

/// Looks up the parents of a new row.
pub(super) struct Found<'a> {
    session: &'a Session,
    /// Of the new row.
    table: &'static TableMeta,
    /// Those whose key is to come.
    missing: &'a mut Awaited,
}

impl<'a> Found<'a> {
    pub(super) fn new(session: &'a Session, table: &'static TableMeta, missing: &'a mut Awaited) -> Self {
        Found { session, table, missing }
    }
}

impl Parents for Found<'_> {
    fn key(&mut self, part: KeyPart, parent: &AnyRef) -> Result<Option<Value>> {
        let KeyPart { foreign_key, part } = part;
        let key = self.table.foreign_keys.get(usize::from(foreign_key));
        let columns = key.and_then(|key| key.pairs().nth(usize::from(part))).ok_or_else(no_key)?;
        match self.session.link_to(foreign_key, columns, parent)? {
            Link::Nobody => Ok(None),
            Link::Key(key) => Ok(Some(key)),
            Link::Waits(parent) => {
                self.missing.push(parent);
                Ok(None)
            }
        }
    }
}

/// How an object belongs to another one.
enum Link {
    /// To nobody: the column is NULL, if it can be.
    Nobody,
    Key(Value),
    /// The other has no key yet.
    Waits(Parent),
}

/// What stands for a key that is not known yet.
fn placeholder(arena: &Arena, column: u16) -> ValueRef<'static> {
    match arena.meta.column(column) {
        Some(column) if !column.nullable => keys::placeholder(column.column_type),
        _ => ValueRef::Null,
    }
}

/// Whether an object's value of a column is still to be made, or to be filled in.
fn is_made_later(arena: &Arena, slot: u32, column: u16) -> bool {
    if let Some((shape, waits)) = arena.unaltered(slot) {
        return !arena.shape_has(shape, column) || waits.iter().any(|parent| parent.column == column);
    }
    arena.slot_state(slot) == Slot::Pending && (!arena.gives(slot, column) || arena.is_linked(slot, column))
}

impl Session {
    #[inline]
    fn arena_of(&self, handle: &AnyRef) -> Result<(u16, &Arena)> {
        let found = (0..).zip(&self.arenas).find(|(_, arena)| arena.model == handle.model);
        match found {
            Some((number, arena)) if handle.session == self.id && arena.is_here(handle.slot, handle.generation) => {
                Ok((number, arena))
            }
            other => Err(not_here(other.map(|(_, arena)| arena))),
        }
    }

    /// Makes an object belong to another one, or to none where the key may be NULL. If the other has no key yet, the
    /// next flush fills it in.
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
    /// session.set(post, Post.author, bob)?;
    /// assert_eq!(session.parent(post, Post.author)?, Some(bob));
    /// session.commit().await?;
    /// assert_eq!(session[post].author_id, session[bob].id);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Detached`] if one of them is not in this session.
    pub fn set<T: Object, P: Object, Kind: kind::OwnKey>(
        &mut self,
        handle: Ref<T>,
        relation: Relation<T, P, Kind>,
        parent: impl ParentOf<P, Kind>,
    ) -> Result<()> {
        self.place(handle).ok_or_else(detached::<T>)?;
        let number = relation.foreign_key().ok_or_else(no_key)?;
        self.set_key(handle, number, parent.into_parent().map(AnyRef::from))
    }

    /// Sets a foreign key of an object to another one's, or to NULL.
    pub(super) fn set_key<T: Object>(&mut self, handle: Ref<T>, number: u16, parent: Option<AnyRef>) -> Result<()> {
        let links = self.links(number, foreign_key::<T>(number)?, parent)?;
        let arena = self.arena_mut::<T>();
        arena.touch(handle.slot());
        let followed = links.into_iter().try_for_each(|(column, link)| follow_link(arena, handle.slot(), column, link));
        arena.rekin(handle.slot());
        followed
    }

    /// The columns of a foreign key that a parent sets, and to what. Without a parent those that may be NULL are.
    fn links(
        &self,
        number: u16,
        key: &'static ForeignKeyMeta,
        parent: Option<AnyRef>,
    ) -> Result<SmallVec<[(u16, Link); 1]>> {
        let mut links = SmallVec::new();
        for columns in key.pairs() {
            let link = match &parent {
                Some(parent) => self.link_to(number, columns, parent)?,
                None => Link::Nobody,
            };
            links.push((columns.0, link));
        }
        Ok(links)
    }

    /// How a column of a foreign key gets its value from a parent's, which is the other one of the two.
    #[inline]
    fn link_to(&self, foreign_key: u16, (column, referenced): (u16, u16), parent: &AnyRef) -> Result<Link> {
        let (number, arena) = self.arena_of(parent)?;
        let (slot, generation) = (parent.slot, parent.generation);
        let place = Place { arena: number, slot };
        if is_made_later(arena, slot, referenced) {
            return Ok(Link::Waits(Parent { foreign_key, column, place, generation }));
        }
        keys::value(arena.values.as_ref(), At::Now(slot), referenced).map(Link::Key)
    }

    /// The object that another one belongs to, if it is in the session. Nothing is loaded for it.
    ///
    /// # Errors
    ///
    /// [`Error::Detached`] if the object itself is not in this session.
    pub fn parent<T: Object, P: Object, Kind: kind::OwnKey>(
        &self,
        handle: Ref<T>,
        relation: Relation<T, P, Kind>,
    ) -> Result<Option<Ref<P>>> {
        self.place(handle).ok_or_else(detached::<T>)?;
        self.parent_of(handle, relation.foreign_key().ok_or_else(no_key)?)
    }

    /// The object that another one, which is here, belongs to by a foreign key.
    pub(super) fn parent_of<T: Object, P: Object>(&self, handle: Ref<T>, number: u16) -> Result<Option<Ref<P>>> {
        let key = foreign_key::<T>(number)?;
        let (Some(arena), Some(parents)) = (self.arena::<T>(), self.arena::<P>()) else { return Ok(None) };
        let values = arena.values.as_ref();
        let waits = |parent: &&Parent| {
            parent.foreign_key == number && keys::is_unset(values, At::Now(handle.slot()), parent.column)
        };
        if let Some(parent) = arena.waits_for(handle.slot()).iter().find(waits) {
            let here = parents.is_here(parent.place.slot, parent.generation);
            return Ok(here.then(|| Ref::new(self.id, parent.place.slot, parent.generation)));
        }
        let held: KeyValues = key
            .columns
            .iter()
            .map(|column| keys::value(values, At::Now(handle.slot()), *column))
            .collect::<Result<_>>()?;
        if held.contains(&Value::Null) {
            return Ok(None);
        }
        Ok(parents.find_now(key.referenced(), &held).map(|slot| self.handle(parents, slot)))
    }

    /// Whether an object belongs to another one by a foreign key, be that one here or not.
    pub(super) fn holds_key<T: Object>(&self, handle: Ref<T>, number: u16) -> Result<bool> {
        let key = foreign_key::<T>(number)?;
        let Some(arena) = self.arena::<T>() else { return Ok(false) };
        Ok(!key.columns.iter().any(|column| keys::is_null(arena.values.as_ref(), At::Now(handle.slot()), *column)))
    }
}

/// Sets a column of a foreign key to what it is linked to. What it waited for before is forgotten.
fn follow_link(arena: &mut Arena, slot: u32, column: u16, link: Link) -> Result<()> {
    let (value, waits) = match &link {
        Link::Nobody if arena.meta.column(column).is_some_and(|column| !column.nullable) => return Ok(()),
        Link::Nobody => (ValueRef::Null, None),
        Link::Key(key) => (key.borrowed().map_err(keys::unbindable)?, None),
        Link::Waits(parent) => (placeholder(arena, column), Some(*parent)),
    };
    arena.values.assign(slot, column, value)?;
    let mut parents = Awaited::from_slice(arena.waits_for(slot));
    parents.retain(|parent| parent.column != column);
    parents.extend(waits);
    arena.set_parents(slot, &parents);
    if waits.is_none() && arena.slot_state(slot) == Slot::Pending {
        let mut columns = arena.given(slot);
        columns.insert(column);
        arena.give(slot, columns);
    }
    Ok(())
}

fn foreign_key<T: Object>(number: u16) -> Result<&'static ForeignKeyMeta> {
    T::TABLE.foreign_keys.get(usize::from(number)).ok_or_else(no_key)
}

#[cold]
fn not_here(arena: Option<&Arena>) -> Error {
    Error::Detached { model: arena.map_or("parent", |arena| arena.meta.model) }
}

#[cold]
fn no_key() -> Error {
    Error::Statement("the relation has no foreign key of its own".into())
}
