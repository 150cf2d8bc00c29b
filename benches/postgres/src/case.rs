//! What is measured: an operation on a number of rows.

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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// All users into structs.
    Load,
    /// Users left join posts, filtered and ordered, into pairs.
    Join,
    /// Users, keys made by the database, nothing returned.
    Insert,
    /// Users with their posts, and these with their comments, as a tree.
    Trees,
    /// One user by key, out of [`USERS_TO_PICK_FROM`].
    Get,
    /// One column of one user by key, committed at once.
    Update,
    /// One transaction: all users are read, and every other one gets a new name.
    UnitOfWork,
    /// One transaction: users, their posts and the comments on these; the database makes all keys.
    Graph,
    /// As [`Operation::Insert`], by what a client's users call for very many rows.
    Bulk,
}

/// The size of the table in which single users are looked up.
pub(crate) const USERS_TO_PICK_FROM: usize = 10_000;

/// The id of the concurrent workload, which `crowd.rs` measures.
pub(crate) const CROWD: &str = "c16";

/// The cases in the order of the table.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |id, operation, sizes: &[usize]| {
        cases.extend(sizes.iter().map(|&rows| Case { id, operation, rows }));
    };
    add("w1", Operation::Load, &[1, 10, 100, 1_000, 10_000]);
    add("w2", Operation::Join, &[100, 1_000, 10_000]);
    add("w3", Operation::Insert, &[1, 10, 100, 1_000]);
    add("w4", Operation::Trees, &[1, 10, 100, 2_000]);
    add("w5", Operation::Get, &[1]);
    add("w6", Operation::Update, &[1]);
    add("w7", Operation::UnitOfWork, &[1_000]);
    add("w9", Operation::Graph, &[model::GRAPH_ROWS]);
    add("w10", Operation::Bulk, &[100_000]);
    cases
}

impl Case {
    /// The statements that fill new tables for this case.
    pub(crate) fn seed(&self) -> Vec<String> {
        let mut statements = match self.operation {
            Operation::Load | Operation::UnitOfWork => vec![model::seed_users(self.rows)],
            Operation::Join => {
                vec![model::seed_users(model::users_for_joined_rows(self.rows)), model::SEED_POSTS.to_owned()]
            }
            Operation::Trees => {
                let trees = [model::SEED_TREE_POSTS, model::SEED_TREE_COMMENTS].map(str::to_owned);
                std::iter::once(model::seed_users(self.rows)).chain(trees).collect()
            }
            Operation::Get | Operation::Update => vec![model::seed_users(USERS_TO_PICK_FROM)],
            Operation::Insert | Operation::Graph | Operation::Bulk => Vec::new(),
        };
        statements.push("ANALYZE users, posts, comments".to_owned());
        statements
    }

    /// Whether the tables are filled anew before each sample.
    pub(crate) fn begins_anew(&self) -> bool {
        match self.operation {
            Operation::Insert | Operation::UnitOfWork | Operation::Graph | Operation::Bulk => true,
            Operation::Load | Operation::Join | Operation::Trees | Operation::Get | Operation::Update => false,
        }
    }

    /// The key of the last user that is read as a tree.
    pub(crate) fn last_user(&self) -> i64 {
        i64::try_from(self.rows).expect("there are fewer users than i64::MAX")
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = match self.operation {
            Operation::Load => "load",
            Operation::Join => "join",
            Operation::Insert | Operation::Bulk => "insert",
            Operation::Trees => "trees",
            Operation::Get => "get",
            Operation::Update => "update",
            Operation::UnitOfWork => "unit of work",
            Operation::Graph => "graph",
        };
        write!(f, "{} {operation}", self.id)
    }
}

/// A key that hops over the table, so that neighbours in time are not neighbours on a page.
pub(crate) fn picked_key(turn: usize) -> i64 {
    let key = turn.wrapping_mul(7_919) % USERS_TO_PICK_FROM + 1;
    i64::try_from(key).expect("the table has far fewer rows than i64::MAX")
}
