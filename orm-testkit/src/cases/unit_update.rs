//! The unit of work: what counts as a change, and what is written of it.
