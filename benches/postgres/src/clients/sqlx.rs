//! SQLx: SQL by hand, and its builder of many rows.

use anyhow::Result;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{ConnectOptions, Connection, FromRow, PgConnection, PgPool, Postgres, QueryBuilder, Row};

use crate::client::Client;
use crate::model::{self, NewTree, NewUser, grouped};

const LOAD_USERS: &str = "SELECT id, name, hair_color FROM users";
const LOAD_USERS_WITH_POSTS: &str = "SELECT users.id, users.name, users.hair_color, posts.id, posts.user_id, posts.title, posts.body \
     FROM users LEFT JOIN posts ON posts.user_id = users.id WHERE users.hair_color = $1 ORDER BY users.id DESC";
const LOAD_USERS_UP_TO: &str = "SELECT id, name, hair_color FROM users WHERE id <= $1";
const LOAD_POSTS_OF: &str = "SELECT id, user_id, title, body FROM posts WHERE user_id = ANY($1)";
const LOAD_COMMENTS_ON: &str = "SELECT id, post_id, text FROM comments WHERE post_id = ANY($1)";
const USER_BY_ID: &str = "SELECT id, name, hair_color FROM users WHERE id = $1";
const RENAME_USER: &str = "UPDATE users SET name = $2 WHERE id = $1";

/// PostgreSQL takes as many values in a statement.
const MOST_BINDS: usize = 65_535;

pub(crate) struct User(model::User);

pub(crate) struct Post(model::Post);

pub(crate) struct Comment(model::Comment);

pub(crate) struct Pair(model::User, Option<model::Post>);

impl From<User> for model::User {
    fn from(user: User) -> Self {
        user.0
    }
}

impl From<Post> for model::Post {
    fn from(post: Post) -> Self {
        post.0
    }
}

impl From<Comment> for model::Comment {
    fn from(comment: Comment) -> Self {
        comment.0
    }
}

impl FromRow<'_, PgRow> for Post {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let (id, user_id) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Self(model::Post { id, user_id, title: row.try_get(2)?, body: row.try_get(3)? }))
    }
}

impl FromRow<'_, PgRow> for Comment {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self(model::Comment { id: row.try_get(0)?, post_id: row.try_get(1)?, text: row.try_get(2)? }))
    }
}

impl FromRow<'_, PgRow> for User {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self(model::User { id: row.try_get(0)?, name: row.try_get(1)?, hair_color: row.try_get(2)? }))
    }
}

impl FromRow<'_, PgRow> for Pair {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let User(user) = User::from_row(row)?;
        let post = match row.try_get(3)? {
            Some(id) => {
                Some(model::Post { id, user_id: row.try_get(4)?, title: row.try_get(5)?, body: row.try_get(6)? })
            }
            None => None,
        };
        Ok(Self(user, post))
    }
}

pub(crate) struct Sqlx {
    connection: PgConnection,
}

impl Client for Sqlx {
    const NAME: &'static str = "sqlx";

    type User = User;
    type Post = Post;
    type Comment = Comment;
    type NewUser = NewUser;
    type Pool = PgPool;

    async fn open(url: &str) -> Result<Self> {
        let connection = url.parse::<PgConnectOptions>()?.disable_statement_logging().connect().await?;
        Ok(Self { connection })
    }

    async fn load_users(&mut self) -> Result<Vec<User>> {
        Ok(sqlx::query_as(LOAD_USERS).fetch_all(&mut self.connection).await?)
    }

    async fn load_users_with_posts(&mut self, hair_color: &str) -> Result<Vec<(User, Option<Post>)>> {
        let query = sqlx::query_as(LOAD_USERS_WITH_POSTS).bind(hair_color);
        let pairs: Vec<Pair> = query.fetch_all(&mut self.connection).await?;
        Ok(pairs.into_iter().map(|Pair(user, post)| (User(user), post.map(Post))).collect())
    }

    async fn load_trees(&mut self, last: i64) -> Result<Vec<model::Tree<User, Post, Comment>>> {
        let users: Vec<User> = sqlx::query_as(LOAD_USERS_UP_TO).bind(last).fetch_all(&mut self.connection).await?;
        let users_keys: Vec<i64> = users.iter().map(|User(user)| user.id).collect();
        let posts: Vec<Post> = sqlx::query_as(LOAD_POSTS_OF).bind(&users_keys).fetch_all(&mut self.connection).await?;
        let posts_keys: Vec<i64> = posts.iter().map(|Post(post)| post.id).collect();
        let comments = sqlx::query_as(LOAD_COMMENTS_ON).bind(&posts_keys).fetch_all(&mut self.connection).await?;
        let comments = grouped(comments, &posts_keys, |Comment(comment)| comment.post_id);
        let posts = posts.into_iter().zip(comments).collect();
        let posts = grouped(posts, &users_keys, |(Post(post), _comments): &(Post, _)| post.user_id);
        Ok(users.into_iter().zip(posts).collect())
    }

    async fn insert_users(&mut self, users: Vec<NewUser>) -> Result<()> {
        insert_users(&users).build().execute(&mut self.connection).await?;
        Ok(())
    }

    async fn insert_very_many(&mut self, users: Vec<NewUser>) -> Result<()> {
        let mut transaction = self.connection.begin().await?;
        for chunk in users.chunks(MOST_BINDS / 2) {
            insert_users(chunk).build().execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn user_by_id(&mut self, id: i64) -> Result<User> {
        Ok(sqlx::query_as(USER_BY_ID).bind(id).fetch_one(&mut self.connection).await?)
    }

    async fn rename_user(&mut self, id: i64, name: &str) -> Result<()> {
        sqlx::query(RENAME_USER).bind(id).bind(name).execute(&mut self.connection).await?;
        Ok(())
    }

    async fn rename_every_other(&mut self, name: &str) -> Result<()> {
        let mut transaction = self.connection.begin().await?;
        let mut users: Vec<User> = sqlx::query_as(LOAD_USERS).fetch_all(&mut *transaction).await?;
        for User(user) in users.iter_mut().step_by(2) {
            user.name = name.to_owned();
            sqlx::query(RENAME_USER).bind(user.id).bind(&user.name).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn insert_graph(&mut self, graph: Vec<NewTree>) -> Result<()> {
        let mut transaction = self.connection.begin().await?;
        let users: Vec<NewUser> = graph.iter().map(|tree| tree.user.clone()).collect();
        let mut insert = insert_users(&users);
        let keys: Vec<i64> = insert.push(" RETURNING id").build_query_scalar().fetch_all(&mut *transaction).await?;

        let posts: Vec<_> =
            keys.iter().zip(&graph).flat_map(|(id, tree)| tree.posts.iter().map(move |post| (*id, post))).collect();
        let mut insert = QueryBuilder::<Postgres>::new("INSERT INTO posts (user_id, title, body) ");
        insert.push_values(&posts, |mut row, (user_id, post)| {
            row.push_bind(user_id).push_bind(&post.title).push_bind(&post.body);
        });
        let keys: Vec<i64> = insert.push(" RETURNING id").build_query_scalar().fetch_all(&mut *transaction).await?;

        let comments =
            keys.iter().zip(&posts).flat_map(|(id, (_, post))| post.comments.iter().map(move |text| (*id, text)));
        let mut insert = QueryBuilder::<Postgres>::new("INSERT INTO comments (post_id, text) ");
        insert.push_values(comments, |mut row, (post_id, text)| {
            row.push_bind(post_id).push_bind(text);
        });
        insert.build().execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn open_pool(url: &str, size: usize) -> Result<PgPool> {
        let size = u32::try_from(size)?;
        let options = url.parse::<PgConnectOptions>()?.disable_statement_logging();
        Ok(PgPoolOptions::new().max_connections(size).test_before_acquire(false).connect_with(options).await?)
    }

    async fn user_by_id_from_pool(pool: &PgPool, id: i64) -> Result<User> {
        Ok(sqlx::query_as(USER_BY_ID).bind(id).fetch_one(pool).await?)
    }
}

fn insert_users(users: &[NewUser]) -> QueryBuilder<Postgres> {
    let mut insert = QueryBuilder::new("INSERT INTO users (name, hair_color) ");
    insert.push_values(users, |mut row, user| {
        row.push_bind(user.name.clone()).push_bind(user.hair_color.clone());
    });
    insert
}
