//! What a client of the database has to offer: one method per workload.

use anyhow::Result;

use crate::model;

/// One way to work with the database: the raw driver, a peer, or this ORM.
///
/// The value is one held connection. Each call of a method is one measured operation unless its text says otherwise. All
/// clients are run by the same loop on a current-thread runtime, on which their connections live as well.
pub(crate) trait Client: Sized + 'static {
    /// The heading of the column, and the name for `--clients`.
    const NAME: &'static str;

    type User: Into<model::User>;
    type Post: Into<model::Post>;
    type Comment: Into<model::Comment>;
    /// The type of which the client inserts many. Made from plain rows outside of the measured time.
    type NewUser: From<model::NewUser>;
    /// What each of many concurrent tasks has a copy of: a pool.
    type Pool: Clone + Send + 'static;

    /// Opens a connection. Not measured.
    async fn open(url: &str) -> Result<Self>;

    /// `SELECT id, name, hair_color FROM users`
    async fn load_users(&mut self) -> Result<Vec<Self::User>>;

    /// `SELECT users.*, posts.* FROM users LEFT JOIN posts ON posts.user_id = users.id WHERE users.hair_color = $1
    /// ORDER BY users.id DESC`
    async fn load_users_with_posts(&mut self, hair_color: &str) -> Result<Vec<(Self::User, Option<Self::Post>)>>;

    /// Users up to this key with their posts, and these with their comments.
    async fn load_trees(&mut self, last: i64) -> Result<Vec<model::Tree<Self::User, Self::Post, Self::Comment>>>;

    /// Inserts all users; the keys are not asked for.
    async fn insert_users(&mut self, users: Vec<Self::NewUser>) -> Result<()>;

    /// As [`insert_users`](Self::insert_users), of so many that other ways may be better.
    async fn insert_very_many(&mut self, users: Vec<Self::NewUser>) -> Result<()>;

    /// `SELECT id, name, hair_color FROM users WHERE id = $1`
    async fn user_by_id(&mut self, id: i64) -> Result<Self::User>;

    /// `UPDATE users SET name = $2 WHERE id = $1`, committed at once.
    async fn rename_user(&mut self, id: i64, name: &str) -> Result<()>;

    /// One transaction: reads all users into structs, and gives the first, third, .. of them the name.
    async fn rename_every_other(&mut self, name: &str) -> Result<()>;

    /// One transaction: inserts users, their posts, and the comments on these.
    async fn insert_graph(&mut self, graph: Vec<model::NewTree>) -> Result<()>;

    /// Opens a pool of `size` connections. Not measured.
    async fn open_pool(url: &str, size: usize) -> Result<Self::Pool>;

    /// [`user_by_id`](Self::user_by_id) in one of many tasks on a multi-thread runtime.
    fn user_by_id_from_pool(pool: &Self::Pool, id: i64) -> impl Future<Output = Result<Self::User>> + Send;
}
