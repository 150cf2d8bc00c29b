//! The unit of work: values that the database makes.
