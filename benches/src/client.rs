//! What a client of the database has to offer: one method per workload.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{case::Case, model};

/// Where a client opens its database.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A database in memory that only this client sees.
    Memory,
    /// A file, to be opened in WAL mode with `synchronous = NORMAL`; it may not exist yet.
    File(PathBuf),
}

/// One way to work with the database: the raw driver, a peer, or this ORM.
///
/// The value is one held connection with foreign keys enforced. Each call of a method is one measured operation unless its
/// text says otherwise. Methods are async for the clients that are; all clients are run by the same loop on a
/// current-thread runtime, and a method that never waits costs its caller nothing.
pub(crate) trait Client: Sized + 'static {
    /// The heading of the column, and the name for `--clients`.
    const NAME: &'static str;

    type User: Into<model::User>;
    type Post: Into<model::Post>;
    /// The type of which the client inserts many. Made from plain rows outside of the measured time.
    type NewUser: From<model::NewUser>;
    /// A struct of a user's name and key.
    type Shape: Into<(String, i64)>;
    /// A user with their posts, and the comments on these.
    type Tree;
    /// What one of many concurrent tasks holds: a connection of its own, or a handle to a pool.
    type Task: Send + 'static;

    /// Whether the client has an answer to the case.
    fn does(_case: &Case) -> bool {
        true
    }

    /// Opens a connection. Not measured.
    async fn open(place: &Place) -> Result<Self>;

    /// Runs one statement without results. Not measured.
    async fn execute(&mut self, sql: &'static str) -> Result<()>;

    /// `SELECT id, name, hair_color FROM users`
    async fn load_users(&mut self) -> Result<Vec<Self::User>>;

    /// `SELECT users.*, posts.* FROM users LEFT JOIN posts ON posts.user_id = users.id WHERE users.hair_color = ?1
    /// ORDER BY users.id DESC`
    async fn load_users_with_posts(&mut self, hair_color: &str) -> Result<Vec<(Self::User, Option<Self::Post>)>>;

    /// Users up to this key with their posts, and these with their comments.
    async fn load_trees(&mut self, last: i64) -> Result<Vec<Self::Tree>>;

    /// A tree to be compared with the others'. Not measured.
    fn plain_tree(tree: Self::Tree) -> model::Tree;

    /// Inserts all users in one transaction. A client that takes rows by value drains them; what is left is dropped outside
    /// of the measured time.
    async fn insert_users(&mut self, users: &mut Vec<Self::NewUser>) -> Result<()>;

    /// `SELECT id, name, hair_color FROM users WHERE id = ?1`
    async fn user_by_id(&mut self, id: i64) -> Result<Self::User>;

    /// `UPDATE users SET name = ?2 WHERE id = ?1`, committed at once.
    async fn rename_user(&mut self, id: i64, name: &str) -> Result<()>;

    /// `SELECT name, id FROM users`
    async fn load_tuples(&mut self) -> Result<Vec<(String, i64)>>;

    /// The same into structs.
    async fn load_shapes(&mut self) -> Result<Vec<Self::Shape>>;

    /// All users, kept in a session by the clients that have one. Gives their number.
    async fn load_into_session(&mut self) -> Result<usize>;

    /// One transaction: reads all users into structs, and gives the first, third, .. of them the name.
    async fn rename_every_other(&mut self, name: &str) -> Result<()>;

    /// One transaction: inserts users, their posts, and the comments on these. What is left of the rows is dropped within
    /// the measured time by everyone.
    async fn insert_graph(&mut self, graph: Vec<model::NewTree>) -> Result<()>;

    /// Builds the statement of [`load_users_with_posts`](Self::load_users_with_posts) and returns its text.
    fn render_users_with_posts(&self, hair_color: &str) -> Result<String>;

    /// Opens what `count` concurrent tasks need to read the file. Not measured.
    async fn open_tasks(file: &Path, count: usize) -> Result<Vec<Self::Task>>;

    /// [`user_by_id`](Self::user_by_id) in one of many tasks on a multi-thread runtime.
    fn user_by_id_in_task(task: &mut Self::Task, id: i64) -> impl Future<Output = Result<Self::User>> + Send;
}
