//! rusqlite by hand: the baseline. Statements are prepared once per connection, rows are decoded by position.

use std::{collections::HashMap, path::Path};

use anyhow::Result;
use rusqlite::{Connection, Row};

use crate::{
    client::{Client, Place},
    model::{Comment, NewTree, NewUser, Post, Tree, User},
};

const LOAD_USERS: &str = "SELECT id, name, hair_color FROM users";
const LOAD_NAMES: &str = "SELECT name, id FROM users";
const LOAD_USERS_WITH_POSTS: &str = "SELECT users.id, users.name, users.hair_color, posts.id, posts.user_id, posts.title, posts.body \
     FROM users LEFT JOIN posts ON posts.user_id = users.id WHERE users.hair_color = ?1 ORDER BY users.id DESC";
const LOAD_USERS_UP_TO: &str = "SELECT id, name, hair_color FROM users WHERE id <= ?1";
const LOAD_POSTS_OF: &str = "SELECT id, user_id, title, body FROM posts WHERE user_id IN";
const LOAD_COMMENTS_ON: &str = "SELECT id, post_id, text FROM comments WHERE post_id IN";
const INSERT_USER: &str = "INSERT INTO users (name, hair_color) VALUES (?1, ?2)";
const INSERT_POST: &str = "INSERT INTO posts (user_id, title, body) VALUES (?1, ?2, ?3)";
const INSERT_COMMENT: &str = "INSERT INTO comments (post_id, text) VALUES (?1, ?2)";
const USER_BY_ID: &str = "SELECT id, name, hair_color FROM users WHERE id = ?1";
const RENAME_USER: &str = "UPDATE users SET name = ?2 WHERE id = ?1";

pub(crate) struct Raw {
    connection: Connection,
}

pub(crate) struct Shape {
    name: String,
    id: i64,
}

impl From<Shape> for (String, i64) {
    fn from(shape: Shape) -> Self {
        (shape.name, shape.id)
    }
}

impl Client for Raw {
    const NAME: &'static str = "raw";

    type User = User;
    type Post = Post;
    type NewUser = NewUser;
    type Shape = Shape;
    type Tree = Tree;
    type Task = Connection;

    async fn open(place: &Place) -> Result<Self> {
        let connection = match place {
            Place::Memory => in_memory()?,
            Place::File(path) => on_file(path)?,
        };
        Ok(Self { connection })
    }

    async fn execute(&mut self, sql: &'static str) -> Result<()> {
        self.connection.execute(sql, ())?;
        Ok(())
    }

    async fn load_users(&mut self) -> Result<Vec<User>> {
        let mut statement = self.connection.prepare_cached(LOAD_USERS)?;
        let users = statement.query_map((), user)?.collect::<Result<_, _>>()?;
        Ok(users)
    }

    async fn load_users_with_posts(&mut self, hair_color: &str) -> Result<Vec<(User, Option<Post>)>> {
        let mut statement = self.connection.prepare_cached(LOAD_USERS_WITH_POSTS)?;
        let rows = statement.query_map([hair_color], user_with_post)?.collect::<Result<_, _>>()?;
        Ok(rows)
    }

    async fn load_trees(&mut self, last: i64) -> Result<Vec<Tree>> {
        let mut statement = self.connection.prepare_cached(LOAD_USERS_UP_TO)?;
        let users = statement.query_map([last], user)?.collect::<Result<Vec<_>, _>>()?;
        let users_keys: Vec<i64> = users.iter().map(|user| user.id).collect();
        let posts = children(&self.connection, LOAD_POSTS_OF, &users_keys, post)?;
        let posts_keys: Vec<i64> = posts.iter().map(|post| post.id).collect();
        let comments = children(&self.connection, LOAD_COMMENTS_ON, &posts_keys, comment)?;

        let comments = grouped(comments, &posts_keys, |comment| comment.post_id);
        let posts = posts.into_iter().zip(comments).collect();
        let posts = grouped(posts, &users_keys, |(post, _comments)| post.user_id);
        Ok(users.into_iter().zip(posts).map(|(user, posts)| Tree { user, posts }).collect())
    }

    fn plain_tree(tree: Tree) -> Tree {
        tree
    }

    async fn insert_users(&mut self, users: &mut Vec<NewUser>) -> Result<()> {
        let transaction = self.connection.transaction()?;
        let mut statement = transaction.prepare_cached(INSERT_USER)?;
        for user in users {
            statement.execute((&user.name, &user.hair_color))?;
        }
        drop(statement);
        transaction.commit()?;
        Ok(())
    }

    async fn user_by_id(&mut self, id: i64) -> Result<User> {
        user_by_id(&self.connection, id)
    }

    async fn rename_user(&mut self, id: i64, name: &str) -> Result<()> {
        self.connection.prepare_cached(RENAME_USER)?.execute((id, name))?;
        Ok(())
    }

    async fn load_tuples(&mut self) -> Result<Vec<(String, i64)>> {
        let mut statement = self.connection.prepare_cached(LOAD_NAMES)?;
        let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    async fn load_shapes(&mut self) -> Result<Vec<Shape>> {
        let mut statement = self.connection.prepare_cached(LOAD_NAMES)?;
        let rows = statement.query_map((), |row| Ok(Shape { name: row.get(0)?, id: row.get(1)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    async fn load_into_session(&mut self) -> Result<usize> {
        Ok(std::hint::black_box(self.load_users().await?).len())
    }

    async fn rename_every_other(&mut self, name: &str) -> Result<()> {
        let transaction = self.connection.transaction()?;
        let mut users = transaction.prepare_cached(LOAD_USERS)?.query_map((), user)?.collect::<Result<Vec<_>, _>>()?;
        let mut rename = transaction.prepare_cached(RENAME_USER)?;
        for user in users.iter_mut().step_by(2) {
            user.name = name.to_owned();
            rename.execute((user.id, &user.name))?;
        }
        drop(rename);
        transaction.commit()?;
        Ok(())
    }

    /// Level by level, so that the children's structs know their keys.
    async fn insert_graph(&mut self, graph: Vec<NewTree>) -> Result<()> {
        let transaction = self.connection.transaction()?;
        let (mut posts, mut comments) = (Vec::new(), Vec::new());
        let mut insert = transaction.prepare_cached(INSERT_USER)?;
        for tree in graph {
            insert.execute((&tree.user.name, &tree.user.hair_color))?;
            let user_id = transaction.last_insert_rowid();
            posts.extend(tree.posts.into_iter().map(|post| (user_id, post)));
        }
        drop(insert);
        let mut insert = transaction.prepare_cached(INSERT_POST)?;
        for (user_id, post) in posts {
            insert.execute((user_id, &post.title, &post.body))?;
            let post_id = transaction.last_insert_rowid();
            comments.extend(post.comments.into_iter().map(|text| (post_id, text)));
        }
        drop(insert);
        let mut insert = transaction.prepare_cached(INSERT_COMMENT)?;
        for comment in comments {
            insert.execute(comment)?;
        }
        drop(insert);
        transaction.commit()?;
        Ok(())
    }

    fn render_users_with_posts(&self, _hair_color: &str) -> Result<String> {
        Ok(LOAD_USERS_WITH_POSTS.to_owned())
    }

    async fn open_tasks(file: &Path, count: usize) -> Result<Vec<Connection>> {
        (0..count).map(|_| on_file(file)).collect()
    }

    async fn user_by_id_in_task(connection: &mut Connection, id: i64) -> Result<User> {
        user_by_id(connection, id)
    }
}

fn in_memory() -> Result<Connection> {
    let connection = Connection::open_in_memory()?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

fn on_file(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    Ok(connection)
}

fn user_by_id(connection: &Connection, id: i64) -> Result<User> {
    Ok(connection.prepare_cached(USER_BY_ID)?.query_row([id], user)?)
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User { id: row.get(0)?, name: row.get(1)?, hair_color: row.get(2)? })
}

fn user_with_post(row: &Row<'_>) -> rusqlite::Result<(User, Option<Post>)> {
    let post = match row.get(3)? {
        Some(id) => Some(Post { id, user_id: row.get(4)?, title: row.get(5)?, body: row.get(6)? }),
        None => None,
    };
    Ok((user(row)?, post))
}

fn post(row: &Row<'_>) -> rusqlite::Result<Post> {
    Ok(Post { id: row.get(0)?, user_id: row.get(1)?, title: row.get(2)?, body: row.get(3)? })
}

fn comment(row: &Row<'_>) -> rusqlite::Result<Comment> {
    Ok(Comment { id: row.get(0)?, post_id: row.get(1)?, text: row.get(2)? })
}

/// The rows that belong to one of these keys. Of more keys than SQLite has binds there would have to be several statements.
fn children<T>(
    connection: &Connection,
    select: &str,
    keys: &[i64],
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut sql = format!("{select} ({}", "?,".repeat(keys.len()));
    sql.pop();
    sql.push(')');
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(rusqlite::params_from_iter(keys), read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The rows of each key.
fn grouped<T>(rows: Vec<T>, keys: &[i64], key: fn(&T) -> i64) -> Vec<Vec<T>> {
    let places: HashMap<i64, usize> = keys.iter().enumerate().map(|(place, key)| (*key, place)).collect();
    let mut groups: Vec<Vec<T>> = keys.iter().map(|_| Vec::new()).collect();
    for row in rows {
        if let Some(place) = places.get(&key(&row)) {
            groups[*place].push(row);
        }
    }
    groups
}
