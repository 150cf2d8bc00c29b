//! The rows and tables of all workloads. Clients have their own structs and turn them into these when results are compared.

/// A row of `users`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) hair_color: Option<String>,
}

/// A row of `posts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Post {
    pub(crate) id: i64,
    pub(crate) user_id: i64,
    pub(crate) title: String,
    pub(crate) body: Option<String>,
}

/// A user whose key the database will make.
#[derive(Debug, Clone)]
pub(crate) struct NewUser {
    pub(crate) name: String,
    pub(crate) hair_color: Option<String>,
}

/// A row of `comments`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comment {
    pub(crate) id: i64,
    pub(crate) post_id: i64,
    pub(crate) text: String,
}

/// A user with all that is below them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) user: User,
    pub(crate) posts: Vec<(Post, Vec<Comment>)>,
}

impl Tree {
    /// With the user.
    pub(crate) fn rows(&self) -> usize {
        1 + self.posts.iter().map(|(_post, comments)| 1 + comments.len()).sum::<usize>()
    }

    /// The order of posts and comments is nobody's promise.
    pub(crate) fn sort(&mut self) {
        self.posts.sort_by_key(|(post, _comments)| post.id);
        self.posts.iter_mut().for_each(|(_post, comments)| comments.sort_by_key(|comment| comment.id));
    }
}

/// A user with all that is to be saved with them. No key is known.
#[derive(Debug)]
pub(crate) struct NewTree {
    pub(crate) user: NewUser,
    pub(crate) posts: Vec<NewPost>,
}

#[derive(Debug)]
pub(crate) struct NewPost {
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    pub(crate) comments: Vec<String>,
}

const GRAPH_USERS: usize = 100;
const POSTS_OF_A_USER: usize = 10;
const COMMENTS_ON_A_POST: usize = 5;
/// All rows of a graph.
pub(crate) const GRAPH_ROWS: usize = GRAPH_USERS * (1 + POSTS_OF_A_USER * (1 + COMMENTS_ON_A_POST));

/// [`GRAPH_USERS`] users with their posts and comments.
pub(crate) fn graph() -> Vec<NewTree> {
    let comments = |post| (0..COMMENTS_ON_A_POST).map(|number| format!("Comment {number} on post {post}")).collect();
    let post = |number: usize| NewPost {
        title: format!("Post number {number}"),
        body: number.is_multiple_of(2).then(|| "A body of some forty letters, no more.".to_owned()),
        comments: comments(number),
    };
    let user = |_| NewUser { name: "The author".to_owned(), hair_color: Some(WANTED_HAIR_COLOR.to_owned()) };
    (0..GRAPH_USERS)
        .map(|number| NewTree { user: user(number), posts: (0..POSTS_OF_A_USER).map(post).collect() })
        .collect()
}

const HAIR_COLORS: [Option<&str>; 4] = [None, Some("brown"), Some("black"), Some("red")];

/// The hair color the join filters by: one user in four has it.
pub(crate) const WANTED_HAIR_COLOR: &str = "brown";

impl NewUser {
    /// The same user for the same number, with the same share of NULLs as [`seed_users`].
    pub(crate) fn numbered(number: usize) -> Self {
        Self {
            name: format!("User number {number}"),
            hair_color: HAIR_COLORS[number % HAIR_COLORS.len()].map(str::to_owned),
        }
    }
}

/// Creates the tables.
pub(crate) const SCHEMA: &[&str] = &[
    "CREATE TABLE users (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        hair_color TEXT
    )",
    "CREATE TABLE posts (
        id INTEGER PRIMARY KEY,
        user_id INTEGER NOT NULL REFERENCES users (id),
        title TEXT NOT NULL,
        body TEXT
    )",
    "CREATE INDEX posts_user_id ON posts (user_id)",
    "CREATE TABLE comments (
        id INTEGER PRIMARY KEY,
        post_id INTEGER NOT NULL REFERENCES posts (id),
        text TEXT NOT NULL
    )",
    "CREATE INDEX comments_post_id ON comments (post_id)",
];

/// Empties `users` between two insert samples.
pub(crate) const DELETE_USERS: &[&str] = &["DELETE FROM users"];

/// Empties all tables between two samples of graphs.
pub(crate) const DELETE_GRAPH: &[&str] = &["DELETE FROM comments", "DELETE FROM posts", "DELETE FROM users"];

/// Fills `users` with the keys 1 to `count`.
pub(crate) fn seed_users(count: usize) -> &'static str {
    let sql = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
         INSERT INTO users (id, name, hair_color)
         SELECT n, 'User number ' || n, CASE n % 4 WHEN 1 THEN 'brown' WHEN 2 THEN 'black' WHEN 3 THEN 'red' END
         FROM numbers"
    );
    // Clients may ask for SQL that is known to be the program's own. A run seeds a few dozen databases, so the leak is small.
    sql.leak()
}

/// Gives the users of each hair color 0, 2, 3, 4, 0, 2, ... posts: ten joined rows for each four users.
pub(crate) const SEED_POSTS: &str = "INSERT INTO posts (user_id, title, body)
     SELECT users.id, 'Post ' || numbers.column1 || ' of ' || users.name,
            CASE numbers.column1 % 2 WHEN 1 THEN 'A body of some forty letters, no more.' END
     FROM users CROSS JOIN (VALUES (1), (2), (3), (4)) AS numbers
     WHERE users.id / 4 % 4 > 0 AND numbers.column1 <= users.id / 4 % 4 + 1
     ORDER BY users.id, numbers.column1";

/// Gives each user ten posts.
pub(crate) const SEED_TREE_POSTS: &str =
    "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10)
     INSERT INTO posts (user_id, title, body)
     SELECT users.id, 'Post ' || n || ' of ' || users.name,
            CASE n % 2 WHEN 1 THEN 'A body of some forty letters, no more.' END
     FROM users CROSS JOIN numbers
     ORDER BY users.id, n";

/// Gives each post ten comments.
pub(crate) const SEED_TREE_COMMENTS: &str =
    "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10)
     INSERT INTO comments (post_id, text)
     SELECT posts.id, 'Comment ' || n || ' on post ' || posts.id
     FROM posts CROSS JOIN numbers
     ORDER BY posts.id, n";

/// How many users make `rows` rows of [`WANTED_HAIR_COLOR`] when joined with their posts.
pub(crate) fn users_for_joined_rows(rows: usize) -> usize {
    rows * 16 / 10
}
