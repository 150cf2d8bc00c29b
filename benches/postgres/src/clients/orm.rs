//! This ORM, as its users write it.

use anyhow::{Context, Result};
use orm::prelude::*;

use crate::client::Client;
use crate::model;

#[derive(Debug, Clone, Model)]
#[model(table = "users", has_many(posts: Post.user_id))]
pub(crate) struct User {
    #[model(primary_key)]
    id: i64,
    name: String,
    hair_color: Option<String>,
}

#[derive(Debug, Clone, Model)]
#[model(table = "posts", has_many(comments: Comment.post_id))]
pub(crate) struct Post {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(user: User), index)]
    user_id: i64,
    title: String,
    body: Option<String>,
}

#[derive(Debug, Clone, Model)]
#[model(table = "comments")]
pub(crate) struct Comment {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(post: Post), index)]
    post_id: i64,
    text: String,
}

impl From<User> for model::User {
    fn from(user: User) -> Self {
        Self { id: user.id, name: user.name, hair_color: user.hair_color }
    }
}

impl From<Post> for model::Post {
    fn from(post: Post) -> Self {
        Self { id: post.id, user_id: post.user_id, title: post.title, body: post.body }
    }
}

impl From<Comment> for model::Comment {
    fn from(comment: Comment) -> Self {
        Self { id: comment.id, post_id: comment.post_id, text: comment.text }
    }
}

impl From<model::NewUser> for User {
    fn from(user: model::NewUser) -> Self {
        Self { id: 0, name: user.name, hair_color: user.hair_color }
    }
}

pub(crate) struct Orm {
    engine: Engine,
    /// The engine's only one: none while a session needs it.
    connection: Option<Connection>,
}

/// The engine's connection. No function, for that would be a future of its own around each call.
macro_rules! connection {
    ($orm:expr) => {
        match &mut $orm.connection {
            Some(connection) => connection,
            none => none.insert($orm.engine.connection().await?),
        }
    };
}

impl Client for Orm {
    const NAME: &'static str = "orm";

    type User = User;
    type Post = Post;
    type Comment = Comment;
    type NewUser = User;
    type Pool = Engine;

    async fn open(url: &str) -> Result<Self> {
        let engine = Engine::builder(url).pool_size(1).max_overflow(0).connect().await?;
        Ok(Self { engine, connection: None })
    }

    async fn load_users(&mut self) -> Result<Vec<User>> {
        Ok(connection!(self).fetch_all(select(User)).await?)
    }

    async fn load_users_with_posts(&mut self, hair_color: &str) -> Result<Vec<(User, Option<Post>)>> {
        let users_with_posts = select((User, Post.optional()))
            .left_join(User.posts)
            .filter(User.hair_color.eq(hair_color))
            .order_by(User.id.desc());
        Ok(connection!(self).fetch_all(users_with_posts).await?)
    }

    async fn load_trees(&mut self, last: i64) -> Result<Vec<model::Tree<User, Post, Comment>>> {
        let trees = select(User).filter(User.id.le(last)).with(User.posts.with(Post.comments));
        Ok(connection!(self).fetch_all(trees).await?)
    }

    async fn insert_users(&mut self, users: Vec<User>) -> Result<()> {
        connection!(self).execute(insert(users)).await?;
        Ok(())
    }

    async fn insert_very_many(&mut self, users: Vec<User>) -> Result<()> {
        connection!(self).bulk_insert(users).await?;
        Ok(())
    }

    async fn user_by_id(&mut self, id: i64) -> Result<User> {
        connection!(self).get(User, id).await?.context("the user is there")
    }

    async fn rename_user(&mut self, id: i64, name: &str) -> Result<()> {
        connection!(self).execute(update(User).set(User.name, name).filter(User.id.eq(id))).await?;
        Ok(())
    }

    async fn rename_every_other(&mut self, name: &str) -> Result<()> {
        let mut session = self.session();
        for user in session.query(User).all().await?.into_iter().step_by(2) {
            session[user].name = name.to_owned();
        }
        session.commit().await?;
        Ok(())
    }

    async fn insert_graph(&mut self, graph: Vec<model::NewTree>) -> Result<()> {
        let mut session = self.session();
        for model::NewTree { user, posts } in graph {
            let user = session.add(User::from(user));
            for model::NewPost { title, body, comments } in posts {
                let post = session.add(Post::builder().user(user).title(title).body(body));
                for text in comments {
                    session.add(Comment::builder().post(post).text(text));
                }
            }
        }
        session.commit().await?;
        Ok(())
    }

    async fn open_pool(url: &str, size: usize) -> Result<Engine> {
        let size = u32::try_from(size).context("a number of connections")?;
        Ok(Engine::builder(url).pool_size(size).max_overflow(0).connect().await?)
    }

    async fn user_by_id_from_pool(engine: &Engine, id: i64) -> Result<User> {
        engine.get(User, id).await?.context("the user is there")
    }
}

impl Orm {
    fn session(&mut self) -> Session {
        self.connection = None;
        Session::new(&self.engine)
    }
}
