//! The unit of work: the states of objects, handles, and what takes rows in and out.
