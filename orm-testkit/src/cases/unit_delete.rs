//! The unit of work: deleting objects, and what becomes of those that belonged to them.
