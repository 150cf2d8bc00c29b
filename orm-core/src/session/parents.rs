//! Keys by handle: `Post::builder().author(alice)`, `session.set(post, Post.author, alice)`.

use smallvec::SmallVec;

use super::arena::{Arena, Parent, Place, Slot};
use super::handle::AnyRef;
use super::keys;
use super::new_row::Parents;
use super::rows::At;
use super::{Object, Ref, Session, detached};
use crate::error::{Error, Result};
use crate::relation::{Relation, kind};
use crate::value::Value;

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
    /// Those whose key is to come.
    pub(super) missing: SmallVec<[Parent; 1]>,
}

impl<'a> Found<'a> {
    pub(super) fn new(session: &'a Session) -> Self {
        Found { session, missing: SmallVec::new() }
    }
}

impl Parents for Found<'_> {
    fn key(&mut self, foreign_key: u16, parent: AnyRef) -> Result<Option<Value>> {
        match self.session.link_to(foreign_key, parent)? {
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
    Key(Value),
    /// The other has no key yet.
    Waits(Parent),
}

/// What stands for a key that is not known yet.
fn placeholder(arena: &Arena, column: u16) -> Value {
    match arena.meta.column(column) {
        Some(column) if !column.nullable => keys::placeholder(column.column_type),
        _ => Value::Null,
    }
}

/// An object's key, unless it is still to be made, or to be filled in.
fn known_key(arena: &Arena, slot: u32) -> Result<Option<Value>> {
    let [column] = arena.meta.primary_key else {
        return Err(Error::Statement(format!("`{}` has a key of several columns: give them", arena.meta.model)));
    };
    let waits = arena.slot_state(slot) == Slot::Pending
        && (!arena.given(slot).contains(*column)
            || arena.note(slot).is_some_and(|note| {
                note.parents.iter().any(|parent| arena.key_column(parent.foreign_key) == Some(*column))
            }));
    if waits { Ok(None) } else { keys::value(arena.values.as_ref(), At::Now(slot), *column).map(Some) }
}

impl Session {
    fn arena_of(&self, handle: AnyRef) -> Result<(u16, &Arena)> {
        let found = (0..).zip(&self.arenas).find(|(_, arena)| arena.model == handle.model);
        match found {
            Some((number, arena)) if handle.session == self.id && arena.is_here(handle.slot, handle.generation) => {
                Ok((number, arena))
            }
            Some((_, arena)) => Err(Error::Detached { model: arena.meta.model }),
            None => Err(Error::Detached { model: "parent" }),
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
        let foreign_key = foreign_key(relation)?;
        let link = match parent.into_parent() {
            Some(parent) => Some(self.link_to(foreign_key, parent.into())?),
            None => None,
        };
        let arena = self.arena_mut::<T>();
        let Some(column) = arena.key_column(foreign_key) else { return Ok(()) };
        arena.touch(handle.slot);
        let (key, waits) = match link {
            None => (Value::Null, None),
            Some(Link::Key(key)) => (key, None),
            Some(Link::Waits(parent)) => (placeholder(arena, column), Some(parent)),
        };
        let value = key.borrowed().map_err(|source| Error::Bind { place: "a key".into(), source })?;
        arena.values.assign(handle.slot, column, value)?;
        if let Some(note) = arena.note_mut(handle.slot) {
            note.parents.retain(|parent| parent.foreign_key != foreign_key);
            note.parents.extend(waits);
        }
        if waits.is_none() && arena.slot_state(handle.slot) == Slot::Pending {
            let mut columns = arena.given(handle.slot);
            columns.insert(column);
            arena.give(handle.slot, columns);
        }
        Ok(())
    }

    fn link_to(&self, foreign_key: u16, parent: AnyRef) -> Result<Link> {
        let (number, arena) = self.arena_of(parent)?;
        let (slot, generation) = (parent.slot, parent.generation);
        let place = Place { arena: number, slot };
        Ok(match known_key(arena, slot)? {
            Some(key) => Link::Key(key),
            None => Link::Waits(Parent { foreign_key, place, generation }),
        })
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
        let foreign_key = foreign_key(relation)?;
        let (Some(arena), Some(parents)) = (self.arena::<T>(), self.arena::<P>()) else { return Ok(None) };
        let Some(column) = arena.key_column(foreign_key) else { return Ok(None) };
        let linked = arena
            .note(handle.slot)
            .and_then(|note| note.parents.iter().find(|parent| parent.foreign_key == foreign_key).copied());
        let values = arena.values.as_ref();
        if let Some(parent) = linked
            && keys::is_unset(values, At::Now(handle.slot), column)
        {
            let here = parents.is_here(parent.place.slot, parent.generation);
            return Ok(here.then(|| Ref::new(self.id, parent.place.slot, parent.generation)));
        }
        let key = keys::value(values, At::Now(handle.slot), column)?;
        Ok(parents.find_now(&[key]).map(|slot| self.handle(parents, slot)))
    }
}

fn foreign_key<T, P, Kind: kind::OwnKey>(relation: Relation<T, P, Kind>) -> Result<u16> {
    relation.foreign_key().ok_or_else(|| Error::Statement("the relation has no foreign key of its own".into()))
}
