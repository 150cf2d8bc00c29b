//! This ORM, as its users write it.

use std::path::Path;

use anyhow::{Context, Result};
use orm::dialect::Dialect;
use orm::prelude::*;

use crate::client::{Client, Place};
use crate::model;

#[derive(Debug, Clone, Model)]
#[model(table = "users", has_many(posts: Post.user_id))]
pub(crate) struct User {
    #[model(primary_key)]
    id: i64,
    pub(crate) name: String,
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

#[derive(Shape)]
#[shape(model = User)]
pub(crate) struct NameAndKey {
    name: String,
    id: i64,
}

impl From<NameAndKey> for (String, i64) {
    fn from(shape: NameAndKey) -> Self {
        (shape.name, shape.id)
    }
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
    /// The rows that were inserted: other clients leave theirs with the caller, who drops them outside of the measured
    /// time.
    inserted: Vec<Insert<User>>,
}

/// The connection, which is taken anew after a session. No function: others have theirs without a future around it.
macro_rules! held {
    ($client:ident) => {
        match &mut $client.connection {
            Some(held) => held,
            none => none.insert($client.engine.connection().await?),
        }
    };
}

impl Client for Orm {
    const NAME: &'static str = "orm";

    type User = User;
    type Post = Post;
    type NewUser = User;
    type Shape = NameAndKey;
    type Tree = (User, Vec<(Post, Vec<Comment>)>);
    type Task = Engine;

    async fn open(place: &Place) -> Result<Self> {
        let url = match place {
            Place::Memory => "sqlite::memory:".to_owned(),
            Place::File(path) => url(path)?,
        };
        let engine = Engine::builder(url).pool_size(1).max_overflow(0).connect().await?;
        Ok(Self { engine, connection: None, inserted: Vec::new() })
    }

    async fn execute(&mut self, sql: &'static str) -> Result<()> {
        self.inserted.clear();
        held!(self).execute(orm::query::Sql::new(sql, Vec::new())).await?;
        Ok(())
    }

    async fn load_users(&mut self) -> Result<Vec<User>> {
        Ok(held!(self).fetch_all(select(User)).await?)
    }

    async fn load_users_with_posts(&mut self, hair_color: &str) -> Result<Vec<(User, Option<Post>)>> {
        Ok(held!(self).fetch_all(users_with_posts(hair_color)).await?)
    }

    async fn load_trees(&mut self, last: i64) -> Result<Vec<Self::Tree>> {
        let trees = select(User).filter(User.id.le(last)).with(User.posts.with(Post.comments));
        Ok(held!(self).fetch_all(trees).await?)
    }

    fn plain_tree((user, posts): Self::Tree) -> model::Tree {
        let comments = |comments: Vec<Comment>| comments.into_iter().map(Into::into).collect();
        let posts = posts.into_iter().map(|(post, theirs)| (post.into(), comments(theirs))).collect();
        model::Tree { user: user.into(), posts }
    }

    async fn insert_users(&mut self, users: &mut Vec<User>) -> Result<()> {
        let statement = insert(std::mem::take(users));
        held!(self).execute(&statement).await?;
        self.inserted.push(statement);
        Ok(())
    }

    async fn user_by_id(&mut self, id: i64) -> Result<User> {
        held!(self).get(User, id).await?.context("the user is there")
    }

    async fn rename_user(&mut self, id: i64, name: &str) -> Result<()> {
        held!(self).execute(update(User).set(User.name, name).filter(User.id.eq(id))).await?;
        Ok(())
    }

    async fn load_tuples(&mut self) -> Result<Vec<(String, i64)>> {
        Ok(held!(self).fetch_all(select((User.name, User.id))).await?)
    }

    async fn load_shapes(&mut self) -> Result<Vec<NameAndKey>> {
        Ok(held!(self).fetch_all(shape::<NameAndKey>()).await?)
    }

    async fn load_into_session(&mut self) -> Result<usize> {
        let mut session = self.session();
        Ok(session.query(User).all().await?.len())
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

    fn render_users_with_posts(&self, hair_color: &str) -> Result<String> {
        let dialect: &dyn Dialect = &orm::sqlite::SqliteDialect;
        Ok(users_with_posts(hair_color).to_sql(dialect)?)
    }

    async fn open_tasks(file: &Path, count: usize) -> Result<Vec<Engine>> {
        let size = u32::try_from(count).context("a number of tasks")?;
        let engine = Engine::builder(url(file)?).pool_size(size).connect().await?;
        Ok(vec![engine; count])
    }

    async fn user_by_id_in_task(engine: &mut Engine, id: i64) -> Result<User> {
        engine.get(User, id).await?.context("the user is there")
    }
}

impl Orm {
    fn session(&mut self) -> Session {
        self.connection = None;
        Session::new(&self.engine)
    }
}

fn users_with_posts(hair_color: &str) -> Select<(User, Option<Post>)> {
    select((User, Post.optional()))
        .left_join(User.posts)
        .filter(User.hair_color.eq(hair_color))
        .order_by(User.id.desc())
}

pub(crate) fn url(path: &Path) -> Result<String> {
    Ok(format!("sqlite://{}", path.to_str().context("a path that is UTF-8")?))
}
