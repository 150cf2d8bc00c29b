//! The unit of work against plain models in memory: random states and random histories.
