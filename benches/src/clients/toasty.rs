//! Toasty, as its guide shows it: relations by `include`, rows that are changed saved one by one.
//!
//! It has no joins into pairs, no text to show and no structs of some columns, so w2, w8 and w13 are not for it.

use std::path::Path;

use anyhow::{Context, Result};
use toasty::{
    Db, Deferred,
    schema::Model,
    stmt::{CreateMany, IntoInsert},
};

use crate::{
    case::{Case, Operation},
    client::{Client, Place},
    model,
};

// Keys are unsigned here: to include what is related by a signed key panics in 0.11.
#[derive(Debug, toasty::Model)]
#[table = "users"]
pub(crate) struct User {
    #[key]
    #[auto]
    id: u64,
    name: String,
    hair_color: Option<String>,
    #[has_many]
    posts: Deferred<Vec<Post>>,
}

#[derive(Debug, toasty::Model)]
#[table = "posts"]
pub(crate) struct Post {
    #[key]
    #[auto]
    id: u64,
    #[index]
    user_id: u64,
    #[belongs_to(key = user_id, references = id)]
    user: Deferred<User>,
    title: String,
    body: Option<String>,
    #[has_many]
    comments: Deferred<Vec<Comment>>,
}

#[derive(Debug, toasty::Model)]
#[table = "comments"]
pub(crate) struct Comment {
    #[key]
    #[auto]
    id: u64,
    #[index]
    post_id: u64,
    #[belongs_to(key = post_id, references = id)]
    post: Deferred<Post>,
    text: String,
}

/// A key as the other clients have it.
fn signed(key: u64) -> i64 {
    i64::try_from(key).expect("the database made the key")
}

fn unsigned(key: i64) -> u64 {
    u64::try_from(key).expect("keys begin at one")
}

impl From<User> for model::User {
    fn from(user: User) -> Self {
        Self { id: signed(user.id), name: user.name, hair_color: user.hair_color }
    }
}

impl From<Post> for model::Post {
    fn from(post: Post) -> Self {
        Self { id: signed(post.id), user_id: signed(post.user_id), title: post.title, body: post.body }
    }
}

impl From<Comment> for model::Comment {
    fn from(comment: Comment) -> Self {
        Self { id: signed(comment.id), post_id: signed(comment.post_id), text: comment.text }
    }
}

pub(crate) struct Toasty {
    db: Db,
}

impl Client for Toasty {
    const NAME: &'static str = "toasty";

    type User = User;
    type Post = Post;
    type NewUser = model::NewUser;
    type Shape = (String, i64);
    type Tree = User;
    type Task = Db;

    /// The time of its includes grows faster than the rows: so many trees would take hours.
    fn does(case: &Case) -> bool {
        match case.operation {
            Operation::Join | Operation::Render | Operation::Shapes => false,
            Operation::Trees => case.rows <= 100,
            // All rows are one statement, with more binds than SQLite takes.
            Operation::Insert => case.rows <= 1_000,
            _ => true,
        }
    }

    async fn open(place: &Place) -> Result<Self> {
        let url = match place {
            Place::Memory => "sqlite::memory:".to_owned(),
            Place::File(path) => url(path)?,
        };
        let mut toasty = Self { db: connect(&url, 1).await? };
        toasty.execute("PRAGMA foreign_keys = ON").await?;
        if let Place::File(_) = place {
            toasty::sql::query("PRAGMA journal_mode = wal").exec(&mut toasty.db).await?;
            toasty.execute("PRAGMA synchronous = normal").await?;
        }
        Ok(toasty)
    }

    async fn execute(&mut self, sql: &'static str) -> Result<()> {
        toasty::sql::statement(sql).exec(&mut self.db).await?;
        Ok(())
    }

    async fn load_users(&mut self) -> Result<Vec<User>> {
        Ok(User::all().exec(&mut self.db).await?)
    }

    async fn load_users_with_posts(&mut self, _hair_color: &str) -> Result<Vec<(User, Option<Post>)>> {
        anyhow::bail!("Toasty loads no pairs")
    }

    async fn load_trees(&mut self, last: i64) -> Result<Vec<User>> {
        let users = User::filter(User::fields().id().le(unsigned(last)));
        Ok(users.include(User::fields().posts().comments()).exec(&mut self.db).await?)
    }

    fn plain_tree(tree: User) -> model::Tree {
        let posts = tree.posts.get().iter().map(|post| {
            let comments = post.comments.get().iter();
            let comment =
                |it: &Comment| model::Comment { id: signed(it.id), post_id: signed(it.post_id), text: it.text.clone() };
            let (id, user_id) = (signed(post.id), signed(post.user_id));
            let plain = model::Post { id, user_id, title: post.title.clone(), body: post.body.clone() };
            (plain, comments.map(comment).collect())
        });
        let posts = posts.collect();
        model::Tree { user: tree.into(), posts }
    }

    async fn insert_users(&mut self, users: &mut Vec<model::NewUser>) -> Result<()> {
        let rows = users.drain(..).map(|user| User::create().name(user.name).hair_color(user.hair_color));
        create_all(rows).exec(&mut self.db).await?;
        Ok(())
    }

    async fn user_by_id(&mut self, id: i64) -> Result<User> {
        Ok(User::get_by_id(&mut self.db, &unsigned(id)).await?)
    }

    async fn rename_user(&mut self, id: i64, name: &str) -> Result<()> {
        User::update_by_id(unsigned(id)).name(name).exec(&mut self.db).await?;
        Ok(())
    }

    async fn load_tuples(&mut self) -> Result<Vec<(String, i64)>> {
        let rows = User::all().select((User::fields().name(), User::fields().id())).exec(&mut self.db).await?;
        Ok(rows.into_iter().map(|(name, id)| (name, signed(id))).collect())
    }

    async fn load_shapes(&mut self) -> Result<Vec<(String, i64)>> {
        anyhow::bail!("Toasty loads columns as tuples only")
    }

    async fn load_into_session(&mut self) -> Result<usize> {
        Ok(std::hint::black_box(self.load_users().await?).len())
    }

    async fn rename_every_other(&mut self, name: &str) -> Result<()> {
        let mut transaction = self.db.transaction().await?;
        let mut users = User::all().exec(&mut transaction).await?;
        for user in users.iter_mut().step_by(2) {
            user.update().name(name).exec(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Level by level: given nested, its create takes longer.
    async fn insert_graph(&mut self, graph: Vec<model::NewTree>) -> Result<()> {
        let mut transaction = self.db.transaction().await?;
        let (mut authors, mut their_posts) = (Vec::new(), Vec::new());
        for model::NewTree { user, posts } in graph {
            authors.push(User::create().name(user.name).hair_color(user.hair_color));
            their_posts.push(posts);
        }
        let authors = create_all(authors).exec(&mut transaction).await?;
        let (mut posts, mut their_comments) = (Vec::new(), Vec::new());
        for (author, theirs) in authors.iter().zip(their_posts) {
            for model::NewPost { title, body, comments } in theirs {
                posts.push(Post::create().user_id(author.id).title(title).body(body));
                their_comments.push(comments);
            }
        }
        let posts = create_all(posts).exec(&mut transaction).await?;
        let comments = posts
            .iter()
            .zip(their_comments)
            .flat_map(|(post, texts)| texts.into_iter().map(|text| Comment::create().post_id(post.id).text(text)));
        create_all(comments).exec(&mut transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    fn render_users_with_posts(&self, _hair_color: &str) -> Result<String> {
        anyhow::bail!("Toasty shows no text of a statement")
    }

    async fn open_tasks(file: &Path, count: usize) -> Result<Vec<Db>> {
        Ok(vec![connect(&url(file)?, count).await?; count])
    }

    async fn user_by_id_in_task(db: &mut Db, id: i64) -> Result<User> {
        Ok(User::get_by_id(db, &unsigned(id)).await?)
    }
}

/// One statement of all rows.
fn create_all<M: Model>(rows: impl IntoIterator<Item = impl IntoInsert<Model = M>>) -> CreateMany<M> {
    rows.into_iter().fold(CreateMany::default(), CreateMany::item)
}

async fn connect(url: &str, connections: usize) -> Result<Db> {
    let models = toasty::models!(User, Post, Comment);
    Ok(Db::builder().models(models).max_pool_size(connections).connect(url).await?)
}

fn url(path: &Path) -> Result<String> {
    Ok(format!("sqlite:{}", path.to_str().context("a path that is UTF-8")?))
}
