//! The unit of work: statements for many rows that keep the identity map right.
