//! [`boxed`]: large values that are not moved.

/// A value in an allocation of its own, made where it is to be: to move a large one takes longer than to allocate it.
///
/// ```
/// let large = orm_core::boxed(|| [7_u8; 1000]);
/// assert_eq!(large.len(), 1000);
/// ```
#[inline]
pub fn boxed<T>(make: impl FnOnce() -> T) -> Box<T> {
    Box::write(Box::new_uninit(), make())
}
