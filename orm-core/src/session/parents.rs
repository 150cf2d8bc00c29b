//! Keys by handle: `Post::builder().author(alice)`, `session.set(post, Post.author, alice)`.

use smallvec::SmallVec;

use super::arena::{Arena, Parent, Place, Slot};
use super::handle::AnyRef;
use super::keys;
use super::new_row::Parents;
use super::rows::At;
use super::{Object, Ref, Session, detached};
use crate::error::{Error, Result};
use crate::relation::BelongsTo;
use crate::value::{Value, ValueRef};

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
        let (number, arena) = self.session.arena_of(parent)?;
        let (slot, generation) = (parent.slot, parent.generation);
        if let Some(key) = known_key(arena, slot)? {
            return Ok(Some(key));
        }
        self.missing.push(Parent { foreign_key, place: Place { arena: number, slot }, generation });
        Ok(None)
    }
}

/// An object's key, unless it is still to be made, or to be filled in.
fn known_key(arena: &Arena, slot: u32) -> Result<Option<Value>> {
    let [column] = arena.meta.primary_key else {
        return Err(Error::Statement(format!("`{}` has a key of several columns: give them", arena.meta.model)));
    };
    let waits = arena.slot_state(slot) == Slot::Pending
        && arena.note(slot).is_some_and(|note| {
            let filled = note.parents.iter().any(|parent| arena.key_column(parent.foreign_key) == Some(*column));
            filled || !note.columns.contains(*column)
        });
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

    /// Makes an object belong to another one. If that one has no key yet, the next flush fills it in.
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
    pub fn set<T: Object, P: Object>(
        &mut self,
        handle: Ref<T>,
        relation: BelongsTo<T, P>,
        parent: Ref<P>,
    ) -> Result<()> {
        self.place(handle).ok_or_else(detached::<T>)?;
        let foreign_key = foreign_key(relation)?;
        let (number, parents) = self.arena_of(parent.into())?;
        let key = known_key(parents, parent.slot)?;
        let place = Place { arena: number, slot: parent.slot };
        let arena = self.arena_mut::<T>();
        let Some(column) = arena.key_column(foreign_key) else { return Ok(()) };
        arena.touch(handle.slot);
        let value = match &key {
            Some(key) => key.borrowed().map_err(|source| Error::Bind { place: "a key".into(), source })?,
            None if arena.meta.column(column).is_some_and(|column| column.nullable) => ValueRef::Null,
            None => ValueRef::Int(0),
        };
        arena.values.assign(handle.slot, column, value)?;
        if let Some(note) = arena.note_mut(handle.slot) {
            note.parents.retain(|parent| parent.foreign_key != foreign_key);
            if key.is_none() {
                note.parents.push(Parent { foreign_key, place, generation: parent.generation });
            } else {
                note.columns.insert(column);
            }
        }
        Ok(())
    }

    /// The object that another one belongs to, if it is in the session. Nothing is loaded for it.
    ///
    /// # Errors
    ///
    /// [`Error::Detached`] if the object itself is not in this session.
    pub fn parent<T: Object, P: Object>(&self, handle: Ref<T>, relation: BelongsTo<T, P>) -> Result<Option<Ref<P>>> {
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

fn foreign_key<T, P>(relation: BelongsTo<T, P>) -> Result<u16> {
    relation.foreign_key().ok_or_else(|| Error::Statement("the relation has no foreign key of its own".into()))
}
