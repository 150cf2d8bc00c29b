//! tokio-postgres by hand: the baseline. Statements are prepared once, rows are decoded by position, many rows are sent
//! as arrays, very many by binary COPY.

use std::pin::pin;

use anyhow::Result;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client as Connection, NoTls, Row, Statement};

use crate::client::Client;
use crate::model::{Comment, NewTree, NewUser, Post, Tree, User, grouped};

const LOAD_USERS: &str = "SELECT id, name, hair_color FROM users";
const LOAD_USERS_WITH_POSTS: &str = "SELECT users.id, users.name, users.hair_color, posts.id, posts.user_id, posts.title, posts.body \
     FROM users LEFT JOIN posts ON posts.user_id = users.id WHERE users.hair_color = $1 ORDER BY users.id DESC";
const LOAD_USERS_UP_TO: &str = "SELECT id, name, hair_color FROM users WHERE id <= $1";
const LOAD_POSTS_OF: &str = "SELECT id, user_id, title, body FROM posts WHERE user_id = ANY($1)";
const LOAD_COMMENTS_ON: &str = "SELECT id, post_id, text FROM comments WHERE post_id = ANY($1)";
const INSERT_USER: &str = "INSERT INTO users (name, hair_color) VALUES ($1, $2)";
const INSERT_USERS: &str = "INSERT INTO users (name, hair_color) SELECT * FROM unnest($1::text[], $2::text[])";
const INSERT_USERS_FOR_KEYS: &str =
    "INSERT INTO users (name, hair_color) SELECT * FROM unnest($1::text[], $2::text[]) RETURNING id";
const INSERT_POSTS_FOR_KEYS: &str = "INSERT INTO posts (user_id, title, body) \
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[]) RETURNING id";
const INSERT_COMMENTS: &str = "INSERT INTO comments (post_id, text) SELECT * FROM unnest($1::bigint[], $2::text[])";
const COPY_USERS: &str = "COPY users (name, hair_color) FROM STDIN BINARY";
const USER_BY_ID: &str = "SELECT id, name, hair_color FROM users WHERE id = $1";
const RENAME_USER: &str = "UPDATE users SET name = $2 WHERE id = $1";

pub(crate) struct Raw {
    connection: Connection,
    load_users: Statement,
    load_users_with_posts: Statement,
    load_users_up_to: Statement,
    load_posts_of: Statement,
    load_comments_on: Statement,
    insert_user: Statement,
    insert_users: Statement,
    insert_users_for_keys: Statement,
    insert_posts_for_keys: Statement,
    insert_comments: Statement,
    user_by_id: Statement,
    rename_user: Statement,
}

impl Client for Raw {
    const NAME: &'static str = "raw";

    type User = User;
    type Post = Post;
    type Comment = Comment;
    type NewUser = NewUser;
    type Pool = deadpool_postgres::Pool;

    async fn open(url: &str) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        Ok(Self {
            load_users: client.prepare(LOAD_USERS).await?,
            load_users_with_posts: client.prepare(LOAD_USERS_WITH_POSTS).await?,
            load_users_up_to: client.prepare(LOAD_USERS_UP_TO).await?,
            load_posts_of: client.prepare(LOAD_POSTS_OF).await?,
            load_comments_on: client.prepare(LOAD_COMMENTS_ON).await?,
            insert_user: client.prepare(INSERT_USER).await?,
            insert_users: client.prepare(INSERT_USERS).await?,
            insert_users_for_keys: client.prepare(INSERT_USERS_FOR_KEYS).await?,
            insert_posts_for_keys: client.prepare(INSERT_POSTS_FOR_KEYS).await?,
            insert_comments: client.prepare(INSERT_COMMENTS).await?,
            user_by_id: client.prepare(USER_BY_ID).await?,
            rename_user: client.prepare(RENAME_USER).await?,
            connection: client,
        })
    }

    async fn load_users(&mut self) -> Result<Vec<User>> {
        Ok(self.connection.query(&self.load_users, &[]).await?.iter().map(user).collect())
    }

    async fn load_users_with_posts(&mut self, hair_color: &str) -> Result<Vec<(User, Option<Post>)>> {
        let rows = self.connection.query(&self.load_users_with_posts, &[&hair_color]).await?;
        Ok(rows.iter().map(user_with_post).collect())
    }

    async fn load_trees(&mut self, last: i64) -> Result<Vec<Tree>> {
        let users = self.connection.query(&self.load_users_up_to, &[&last]).await?;
        let users: Vec<User> = users.iter().map(user).collect();
        let users_keys: Vec<i64> = users.iter().map(|user| user.id).collect();
        let posts = self.connection.query(&self.load_posts_of, &[&users_keys]).await?;
        let posts: Vec<Post> = posts.iter().map(post).collect();
        let posts_keys: Vec<i64> = posts.iter().map(|post| post.id).collect();
        let comments = self.connection.query(&self.load_comments_on, &[&posts_keys]).await?;
        let comments = grouped(comments.iter().map(comment).collect(), &posts_keys, |comment| comment.post_id);
        let posts = posts.into_iter().zip(comments).collect();
        let posts = grouped(posts, &users_keys, |(post, _comments): &(Post, _)| post.user_id);
        Ok(users.into_iter().zip(posts).collect())
    }

    async fn insert_users(&mut self, users: Vec<NewUser>) -> Result<()> {
        if let [user] = &users[..] {
            self.connection.execute(&self.insert_user, &[&user.name, &user.hair_color]).await?;
            return Ok(());
        }
        let names: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
        let hair_colors: Vec<Option<&str>> = users.iter().map(|user| user.hair_color.as_deref()).collect();
        self.connection.execute(&self.insert_users, &[&names, &hair_colors]).await?;
        Ok(())
    }

    async fn insert_very_many(&mut self, users: Vec<NewUser>) -> Result<()> {
        let sink = self.connection.copy_in(COPY_USERS).await?;
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &[Type::TEXT, Type::TEXT]));
        for user in &users {
            writer.as_mut().write(&[&user.name, &user.hair_color]).await?;
        }
        writer.finish().await?;
        Ok(())
    }

    async fn user_by_id(&mut self, id: i64) -> Result<User> {
        Ok(user(&self.connection.query_one(&self.user_by_id, &[&id]).await?))
    }

    async fn rename_user(&mut self, id: i64, name: &str) -> Result<()> {
        self.connection.execute(&self.rename_user, &[&id, &name]).await?;
        Ok(())
    }

    async fn rename_every_other(&mut self, name: &str) -> Result<()> {
        let transaction = self.connection.transaction().await?;
        let mut users: Vec<User> = transaction.query(&self.load_users, &[]).await?.iter().map(user).collect();
        for user in users.iter_mut().step_by(2) {
            user.name = name.to_owned();
            transaction.execute(&self.rename_user, &[&user.id, &user.name]).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Level by level, so that the children's structs know their keys.
    async fn insert_graph(&mut self, graph: Vec<NewTree>) -> Result<()> {
        let transaction = self.connection.transaction().await?;
        let names: Vec<&str> = graph.iter().map(|tree| tree.user.name.as_str()).collect();
        let hair_colors: Vec<Option<&str>> = graph.iter().map(|tree| tree.user.hair_color.as_deref()).collect();
        let values: [&(dyn ToSql + Sync); 2] = [&names, &hair_colors];
        let users = keys(transaction.query(&self.insert_users_for_keys, &values).await?);

        let posts: Vec<_> =
            users.iter().zip(&graph).flat_map(|(id, tree)| tree.posts.iter().map(move |post| (*id, post))).collect();
        let user_ids: Vec<i64> = posts.iter().map(|(user_id, _)| *user_id).collect();
        let titles: Vec<&str> = posts.iter().map(|(_, post)| post.title.as_str()).collect();
        let bodies: Vec<Option<&str>> = posts.iter().map(|(_, post)| post.body.as_deref()).collect();
        let values: [&(dyn ToSql + Sync); 3] = [&user_ids, &titles, &bodies];
        let post_keys = keys(transaction.query(&self.insert_posts_for_keys, &values).await?);

        let comments = || {
            post_keys.iter().zip(&posts).flat_map(|(id, (_, post))| post.comments.iter().map(move |text| (*id, text)))
        };
        let post_ids: Vec<i64> = comments().map(|(post_id, _)| post_id).collect();
        let texts: Vec<&str> = comments().map(|(_, text)| text.as_str()).collect();
        transaction.execute(&self.insert_comments, &[&post_ids, &texts]).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn open_pool(url: &str, size: usize) -> Result<deadpool_postgres::Pool> {
        let manager = deadpool_postgres::Manager::new(url.parse()?, NoTls);
        Ok(deadpool_postgres::Pool::builder(manager).max_size(size).build()?)
    }

    async fn user_by_id_from_pool(pool: &deadpool_postgres::Pool, id: i64) -> Result<User> {
        let client = pool.get().await?;
        let statement = client.prepare_cached(USER_BY_ID).await?;
        Ok(user(&client.query_one(&statement, &[&id]).await?))
    }
}

fn keys(rows: Vec<Row>) -> Vec<i64> {
    rows.iter().map(|row| row.get(0)).collect()
}

fn user(row: &Row) -> User {
    User { id: row.get(0), name: row.get(1), hair_color: row.get(2) }
}

fn post(row: &Row) -> Post {
    Post { id: row.get(0), user_id: row.get(1), title: row.get(2), body: row.get(3) }
}

fn comment(row: &Row) -> Comment {
    Comment { id: row.get(0), post_id: row.get(1), text: row.get(2) }
}

fn user_with_post(row: &Row) -> (User, Option<Post>) {
    let post =
        row.get::<_, Option<i64>>(3).map(|id| Post { id, user_id: row.get(4), title: row.get(5), body: row.get(6) });
    (user(row), post)
}
