//! User stories through the facade.
