//! The guide, whose examples run with the other doc examples.
