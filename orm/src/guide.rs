//! The guide in `docs/guide/`, whose examples run with the other doc examples: one module a chapter.

#![cfg(all(feature = "derive", feature = "sqlite", feature = "json", feature = "uuid"))]

#[doc = include_str!("../../docs/guide/README.md")]
mod contents {}

#[doc = include_str!("../../docs/guide/models.md")]
mod models {}

#[doc = include_str!("../../docs/guide/queries.md")]
mod queries {}

#[doc = include_str!("../../docs/guide/writing.md")]
mod writing {}

#[doc = include_str!("../../docs/guide/relations.md")]
mod relations {}

#[doc = include_str!("../../docs/guide/session.md")]
mod session {}

#[doc = include_str!("../../docs/guide/running.md")]
mod running {}

#[doc = include_str!("../../docs/guide/errors.md")]
mod errors {}

#[doc = include_str!("../../docs/guide/sqlite.md")]
mod sqlite {}

#[doc = include_str!("../../docs/guide/postgres.md")]
mod postgres {}

#[doc = include_str!("../../docs/guide/portable.md")]
mod portable {}

#[doc = include_str!("../../docs/guide/testing.md")]
mod testing {}
