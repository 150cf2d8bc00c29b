//! The unit of work: flush, commit, rollback, savepoints, and what happens when they fail or are dropped.
