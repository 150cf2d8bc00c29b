//! The unit of work: rows that are known by handles, and what becomes one.

mod handle;
mod new_row;

pub use handle::{AnyRef, Ref};
pub use new_row::{MaybeParent, New, NewRow, ParentKey, Parents, bind_parent_key, built, optional_parent, parent_key};
