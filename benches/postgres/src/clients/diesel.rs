//! Diesel by diesel-async. Rows that are changed are saved one by one, since there is no other way.

use anyhow::Result;
use diesel::prelude::*;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

use crate::client::Client;
use crate::model;

diesel::table! {
    users {
        id -> BigInt,
        name -> Text,
        hair_color -> Nullable<Text>,
    }
}

diesel::table! {
    posts {
        id -> BigInt,
        user_id -> BigInt,
        title -> Text,
        body -> Nullable<Text>,
    }
}

diesel::table! {
    comments {
        id -> BigInt,
        post_id -> BigInt,
        text -> Text,
    }
}

diesel::joinable!(posts -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(users, posts, comments);

/// PostgreSQL takes as many values in a statement.
const MOST_BINDS: usize = 65_535;

#[derive(Queryable, Selectable, Identifiable)]
#[diesel(table_name = users)]
pub(crate) struct User {
    id: i64,
    name: String,
    hair_color: Option<String>,
}

#[derive(Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = posts, belongs_to(User))]
pub(crate) struct Post {
    id: i64,
    user_id: i64,
    title: String,
    body: Option<String>,
}

#[derive(Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = comments, belongs_to(Post))]
pub(crate) struct Comment {
    id: i64,
    post_id: i64,
    text: String,
}

#[derive(Insertable)]
#[diesel(table_name = users)]
#[diesel(treat_none_as_default_value = false)]
pub(crate) struct NewUser {
    name: String,
    hair_color: Option<String>,
}

#[derive(Insertable)]
#[diesel(table_name = posts)]
#[diesel(treat_none_as_default_value = false)]
struct NewPost {
    user_id: i64,
    title: String,
    body: Option<String>,
}

#[derive(Insertable)]
#[diesel(table_name = comments)]
struct NewComment {
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

impl From<model::NewUser> for NewUser {
    fn from(user: model::NewUser) -> Self {
        Self { name: user.name, hair_color: user.hair_color }
    }
}

pub(crate) struct Diesel {
    connection: AsyncPgConnection,
}

impl Client for Diesel {
    const NAME: &'static str = "diesel-async";

    type User = User;
    type Post = Post;
    type Comment = Comment;
    type NewUser = NewUser;
    type Pool = Pool<AsyncPgConnection>;

    async fn open(url: &str) -> Result<Self> {
        Ok(Self { connection: AsyncPgConnection::establish(url).await? })
    }

    async fn load_users(&mut self) -> Result<Vec<User>> {
        Ok(users::table.select(User::as_select()).load(&mut self.connection).await?)
    }

    async fn load_users_with_posts(&mut self, hair_color: &str) -> Result<Vec<(User, Option<Post>)>> {
        let statement = users::table
            .left_join(posts::table)
            .filter(users::hair_color.eq(hair_color))
            .order(users::id.desc())
            .select((User::as_select(), Option::<Post>::as_select()));
        Ok(statement.load(&mut self.connection).await?)
    }

    async fn load_trees(&mut self, last: i64) -> Result<Vec<model::Tree<User, Post, Comment>>> {
        let connection = &mut self.connection;
        let users: Vec<User> =
            users::table.filter(users::id.le(last)).select(User::as_select()).load(connection).await?;
        let posts: Vec<Post> = Post::belonging_to(&users).select(Post::as_select()).load(connection).await?;
        let comments: Vec<Comment> =
            Comment::belonging_to(&posts).select(Comment::as_select()).load(connection).await?;
        let comments = comments.grouped_by(&posts);
        let posts = posts.into_iter().zip(comments).grouped_by(&users);
        Ok(users.into_iter().zip(posts).collect())
    }

    async fn insert_users(&mut self, users: Vec<NewUser>) -> Result<()> {
        diesel::insert_into(users::table).values(users).execute(&mut self.connection).await?;
        Ok(())
    }

    async fn insert_very_many(&mut self, users: Vec<NewUser>) -> Result<()> {
        self.connection
            .transaction(async |connection| {
                for chunk in users.chunks(MOST_BINDS / 2) {
                    diesel::insert_into(users::table).values(chunk).execute(connection).await?;
                }
                diesel::QueryResult::Ok(())
            })
            .await?;
        Ok(())
    }

    async fn user_by_id(&mut self, id: i64) -> Result<User> {
        Ok(users::table.find(id).select(User::as_select()).get_result(&mut self.connection).await?)
    }

    async fn rename_user(&mut self, id: i64, name: &str) -> Result<()> {
        diesel::update(users::table.find(id)).set(users::name.eq(name)).execute(&mut self.connection).await?;
        Ok(())
    }

    async fn rename_every_other(&mut self, name: &str) -> Result<()> {
        self.connection
            .transaction(async |connection| {
                let mut loaded: Vec<User> = users::table.select(User::as_select()).load(connection).await?;
                for user in loaded.iter_mut().step_by(2) {
                    user.name = name.to_owned();
                    let renamed = diesel::update(users::table.find(user.id)).set(users::name.eq(&user.name));
                    renamed.execute(connection).await?;
                }
                diesel::QueryResult::Ok(())
            })
            .await?;
        Ok(())
    }

    async fn insert_graph(&mut self, graph: Vec<model::NewTree>) -> Result<()> {
        self.connection.transaction(async |connection| insert_levels(connection, graph).await).await?;
        Ok(())
    }

    async fn open_pool(url: &str, size: usize) -> Result<Self::Pool> {
        let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(url);
        Ok(Pool::builder(manager).max_size(size).build()?)
    }

    async fn user_by_id_from_pool(pool: &Self::Pool, id: i64) -> Result<User> {
        let mut connection = pool.get().await?;
        Ok(users::table.find(id).select(User::as_select()).get_result(&mut connection).await?)
    }
}

async fn insert_levels(connection: &mut AsyncPgConnection, graph: Vec<model::NewTree>) -> diesel::QueryResult<()> {
    let (users, posts): (Vec<NewUser>, Vec<_>) =
        graph.into_iter().map(|tree| (NewUser::from(tree.user), tree.posts)).unzip();
    let keys: Vec<i64> =
        diesel::insert_into(users::table).values(users).returning(users::id).get_results(connection).await?;
    let (mut new, mut texts) = (Vec::new(), Vec::new());
    for (user_id, posts) in keys.into_iter().zip(posts) {
        for model::NewPost { title, body, comments } in posts {
            new.push(NewPost { user_id, title, body });
            texts.push(comments);
        }
    }
    let keys: Vec<i64> =
        diesel::insert_into(posts::table).values(new).returning(posts::id).get_results(connection).await?;
    let comments = keys.into_iter().zip(texts);
    let comments: Vec<NewComment> =
        comments.flat_map(|(post_id, texts)| texts.into_iter().map(move |text| NewComment { post_id, text })).collect();
    diesel::insert_into(comments::table).values(comments).execute(connection).await?;
    Ok(())
}
