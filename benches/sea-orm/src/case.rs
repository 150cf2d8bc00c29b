//! The cases of the SQLite benchmark that are measured here.

#[path = "../../src/case.rs"]
mod sqlite;

pub(crate) use sqlite::{CROWD, Case, Operation, SESSION, Storage, USERS_TO_PICK_FROM, picked_key};

/// The unit of work and the graph, in memory.
pub(crate) fn all() -> Vec<Case> {
    let measured = |case: &Case| matches!(case.operation, Operation::UnitOfWork | Operation::Graph);
    sqlite::all().into_iter().filter(|case| measured(case) && case.storage == Storage::Memory).collect()
}
