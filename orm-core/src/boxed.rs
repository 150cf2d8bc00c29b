//! [`boxed`]: large values that are not moved.

/// A value in an allocation of its own, made where it is to be: to move a large one takes longer than to allocate it.
#[inline]
pub fn boxed<T>(make: impl FnOnce() -> T) -> Box<T> {
    Box::write(Box::new_uninit(), make())
}
