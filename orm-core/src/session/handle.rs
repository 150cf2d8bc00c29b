//! Handles: a row of a session, known by where it stands in it.

use std::any::{TypeId, type_name};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which session it is, among all of the program. Never 0, so that a handle or none is as large as a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(NonZeroU64);

impl SessionId {
    /// One that no session has had.
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        SessionId(NonZeroU64::MIN.saturating_add(NEXT.fetch_add(1, Ordering::Relaxed)))
    }
}

/// A row of a session. It is `Copy`, borrows nothing, and can be sent to another thread.
///
/// A handle is good for the session that gave it, for as long as its row stays there.
///
/// Two words, which stay in registers: whatever has more is written in parts and read as a whole, for which a processor
/// waits.
pub struct Ref<T> {
    pub(crate) session: SessionId,
    /// The generation, and the slot in its lower half.
    place: u64,
    model: PhantomData<fn() -> T>,
}

impl<T> Ref<T> {
    /// The row in a slot of a session. The generation tells it from those that stood there before.
    #[inline]
    pub(crate) const fn new(session: SessionId, slot: u32, generation: u32) -> Self {
        Ref { session, place: (generation as u64) << 32 | slot as u64, model: PhantomData }
    }

    /// Where it stands in its session.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    pub(crate) const fn slot(self) -> u32 {
        self.place as u32
    }

    /// Counts the rows that stood there.
    #[inline]
    pub(crate) const fn generation(self) -> u32 {
        (self.place >> 32) as u32
    }
}

/// A [`Ref`] that has forgotten its type: of a parent, which may be a row of any model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnyRef {
    pub(crate) model: TypeId,
    pub(crate) session: SessionId,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl AnyRef {
    /// The handle of an object of this model, if it is one.
    ///
    /// ```
    /// # use orm::{prelude::*, docs::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> orm::Result<()> {
    /// # let engine = orm::connect("sqlite::memory:").await?;
    /// # engine.create_all(schema![User, Post]).await?;
    /// let mut session = Session::new(&engine);
    /// session.add(User::builder().name("A").email("same@example.com"));
    /// let other = session.add(User::builder().name("B").email("same@example.com"));
    /// let error = session.flush().await.unwrap_err();
    /// assert!(matches!(error, orm::Error::UniqueViolation { .. }));
    /// let culprit = error.context().and_then(|context| context.handle).and_then(|handle| handle.of::<User>());
    /// assert_eq!(culprit, Some(other));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn of<T: 'static>(self) -> Option<Ref<T>> {
        let AnyRef { model, session, slot, generation } = self;
        (model == TypeId::of::<T>()).then(|| Ref::new(session, slot, generation))
    }
}

impl<T: 'static> From<Ref<T>> for AnyRef {
    fn from(handle: Ref<T>) -> Self {
        let (session, slot, generation) = (handle.session, handle.slot(), handle.generation());
        AnyRef { model: TypeId::of::<T>(), session, slot, generation }
    }
}

// By hand, since a derive would ask the same of `T`.

impl<T> Clone for Ref<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ref<T> {}

impl<T> PartialEq for Ref<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.session, self.place) == (other.session, other.place)
    }
}

impl<T> Eq for Ref<T> {}

impl<T> Hash for Ref<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.session, self.place).hash(state);
    }
}

/// `Ref<User>(3)`
impl<T> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = type_name::<T>();
        let name = path.rsplit("::").next().unwrap_or(path);
        write!(f, "Ref<{name}>({})", self.slot())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Neither `Clone` nor `Send`, as far as the compiler knows.
    struct User(#[allow(dead_code, reason = "only the type matters")] std::rc::Rc<()>);

    #[test]
    fn a_handle_asks_nothing_of_its_model() {
        fn is_free<T: Send + Sync + Copy + Eq + Hash>(_: T) {}
        is_free(Ref::<User>::new(SessionId::next(), 2, 3));
    }

    /// What a get of a present object gives is moved about, and no more of it than must be.
    #[test]
    fn a_handle_or_none_is_as_large_as_a_handle() {
        assert_eq!((size_of::<Ref<User>>(), size_of::<Option<Ref<User>>>()), (16, 16));
    }

    #[test]
    fn a_handle_says_its_model_and_slot() {
        assert_eq!(format!("{:?}", Ref::<User>::new(SessionId::next(), 3, 7)), "Ref<User>(3)");
    }

    #[test]
    fn handles_differ_by_session_slot_generation_and_model() {
        let session = SessionId::next();
        let handle = Ref::<User>::new(session, 2, 3);
        for other in [Ref::new(SessionId::next(), 2, 3), Ref::new(session, 0, 3), Ref::new(session, 2, 0)] {
            assert_ne!(handle, other);
            assert_ne!(AnyRef::from(handle), AnyRef::from(other));
        }
        assert_ne!(AnyRef::from(handle), AnyRef::from(Ref::<i64>::new(session, 2, 3)));
    }
}
