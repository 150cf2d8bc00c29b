//! The unit of work: in which order rows are inserted, and how keys reach those that need them.
