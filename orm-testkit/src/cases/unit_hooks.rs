//! The unit of work: code of the program's that a session runs.
