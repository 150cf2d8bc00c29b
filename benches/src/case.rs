//! What is measured: an operation on a number of rows, in memory or on a file.

use std::fmt;

use crate::model;

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    /// What `--only` picks it by.
    pub(crate) id: &'static str,
    pub(crate) operation: Operation,
    /// Rows read or written by one operation.
    pub(crate) rows: usize,
    pub(crate) storage: Storage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// All users into structs.
    Load,
    /// Users left join posts, filtered and ordered, into pairs.
    Join,
    /// Users in one transaction, keys made by the database.
    Insert,
    /// Users with their posts, and these with their comments, as a tree.
    Trees,
    /// One user by key, out of [`USERS_TO_PICK_FROM`].
    Get,
    /// One column of one user by key, in autocommit mode.
    Update,
    /// The SQL text of [`Operation::Join`], never run.
    Render,
    /// All users into a session, where there is one.
    SessionLoad,
    /// Two columns of all users, as tuples.
    Tuples,
    /// Two columns of all users, as structs that have no others.
    Shapes,
    /// One transaction: all users are read, and every other one gets a new name.
    UnitOfWork,
    /// One transaction: a hundred users, their posts and the comments on these; the database makes all keys.
    Graph,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    Memory,
    File,
}

/// The size of the table in which single users are looked up.
pub(crate) const USERS_TO_PICK_FROM: usize = 10_000;

/// The id of the concurrent workload, which `crowd.rs` measures.
pub(crate) const CROWD: &str = "c16";

/// The id of what only a session does, which `session.rs` measures.
pub(crate) const SESSION: &str = "session";

/// The cases in the order of the table.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |id, operation, storage, sizes: &[usize]| {
        cases.extend(sizes.iter().map(|&rows| Case { id, operation, rows, storage }));
    };
    add("w1", Operation::Load, Storage::Memory, &[1, 10, 100, 1_000, 10_000]);
    add("w2", Operation::Join, Storage::Memory, &[100, 1_000, 10_000]);
    add("w3", Operation::Insert, Storage::Memory, &[1, 10, 25, 100, 1_000]);
    add("w4", Operation::Trees, Storage::Memory, &[1, 10, 100, 2_000]);
    add("w5", Operation::Get, Storage::Memory, &[1]);
    add("w5", Operation::Get, Storage::File, &[1]);
    add("w6", Operation::Update, Storage::Memory, &[1]);
    add("w6", Operation::Update, Storage::File, &[1]);
    add("w7", Operation::UnitOfWork, Storage::Memory, &[1_000]);
    add("w8", Operation::Render, Storage::Memory, &[1]);
    add("w9", Operation::Graph, Storage::Memory, &[model::GRAPH_ROWS]);
    add("w9", Operation::Graph, Storage::File, &[model::GRAPH_ROWS]);
    add("w10", Operation::Insert, Storage::Memory, &[100_000]);
    add("w11", Operation::SessionLoad, Storage::Memory, &[100, 1_000, 10_000]);
    add("w12", Operation::Tuples, Storage::Memory, &[1_000]);
    add("w13", Operation::Shapes, Storage::Memory, &[1_000]);
    cases
}

impl Case {
    /// The statements that fill a new database for this case.
    pub(crate) fn seed(&self) -> Vec<&'static str> {
        let mut statements = model::SCHEMA.to_vec();
        match self.operation {
            Operation::Load
            | Operation::SessionLoad
            | Operation::UnitOfWork
            | Operation::Tuples
            | Operation::Shapes => {
                statements.push(model::seed_users(self.rows));
            }
            Operation::Join => {
                statements.push(model::seed_users(model::users_for_joined_rows(self.rows)));
                statements.push(model::SEED_POSTS);
            }
            Operation::Trees => {
                statements.push(model::seed_users(self.rows));
                statements.extend([model::SEED_TREE_POSTS, model::SEED_TREE_COMMENTS]);
            }
            Operation::Get | Operation::Update => statements.push(model::seed_users(USERS_TO_PICK_FROM)),
            Operation::Insert | Operation::Graph | Operation::Render => {}
        }
        statements
    }

    /// The key of the last user that is read as a tree.
    pub(crate) fn last_user(&self) -> i64 {
        i64::try_from(self.rows).expect("there are fewer users than i64::MAX")
    }

    /// Whether the raw driver does comparable work. It renders nothing: its SQL is a constant.
    pub(crate) fn has_baseline(&self) -> bool {
        self.operation != Operation::Render
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = match self.operation {
            Operation::Load => "load",
            Operation::Join => "join",
            Operation::Insert => "insert",
            Operation::Trees => "trees",
            Operation::Get => "get",
            Operation::Update => "update",
            Operation::Render => "render join",
            Operation::SessionLoad => "session load",
            Operation::Tuples => "tuples",
            Operation::Shapes => "shapes",
            Operation::UnitOfWork => "unit of work",
            Operation::Graph => "graph",
        };
        let storage = match self.storage {
            Storage::Memory => "",
            Storage::File => ", file",
        };
        write!(f, "{} {operation}{storage}", self.id)
    }
}

/// A key that hops over the table, so that neighbours in time are not neighbours on a page.
pub(crate) fn picked_key(turn: usize) -> i64 {
    let key = turn.wrapping_mul(7_919) % USERS_TO_PICK_FROM + 1;
    i64::try_from(key).expect("the table has far fewer rows than i64::MAX")
}
