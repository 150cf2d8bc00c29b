//! Diesel, in the form its guides show, or in a faster one where there is one of about the same length.

use std::path::Path;

use anyhow::Result;
use diesel::{
    connection::SimpleConnection,
    debug_query,
    dsl::AsSelect,
    insert_into,
    prelude::*,
    r2d2::{ConnectionManager, CustomizeConnection},
    sqlite::Sqlite,
    update,
};

use crate::{
    client::{Client, Place},
    model,
};

diesel::table! {
    users (id) {
        id -> BigInt,
        name -> Text,
        hair_color -> Nullable<Text>,
    }
}

diesel::table! {
    posts (id) {
        id -> BigInt,
        user_id -> BigInt,
        title -> Text,
        body -> Nullable<Text>,
    }
}

diesel::table! {
    comments (id) {
        id -> BigInt,
        post_id -> BigInt,
        text -> Text,
    }
}

diesel::joinable!(posts -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(users, posts);

#[derive(Queryable, Selectable, Identifiable)]
pub(crate) struct User {
    id: i64,
    name: String,
    hair_color: Option<String>,
}

#[derive(Queryable, Selectable, Identifiable, Associations)]
#[diesel(belongs_to(User))]
pub(crate) struct Post {
    id: i64,
    user_id: i64,
    title: String,
    body: Option<String>,
}

#[derive(Queryable, Selectable, Identifiable, Associations)]
#[diesel(belongs_to(Post))]
pub(crate) struct Comment {
    id: i64,
    post_id: i64,
    text: String,
}

// With `treat_none_as_default_value` left on, Diesel writes a slice row by row, at more than three times the raw driver's cost.
#[derive(Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub(crate) struct NewUser {
    name: String,
    hair_color: Option<String>,
}

#[derive(Insertable)]
#[diesel(table_name = posts, treat_none_as_default_value = false)]
struct NewPost {
    user_id: i64,
    title: String,
    body: Option<String>,
}

#[derive(Insertable)]
#[diesel(table_name = comments, treat_none_as_default_value = false)]
struct NewComment {
    post_id: i64,
    text: String,
}

pub(crate) struct Diesel {
    connection: SqliteConnection,
}

/// As one statement, up to the number of binds that SQLite allows.
const ROWS_PER_INSERT: usize = 32_766 / 2;

type Pool = diesel::r2d2::Pool<ConnectionManager<SqliteConnection>>;

impl Client for Diesel {
    const NAME: &'static str = "diesel";

    type User = User;
    type Post = Post;
    type NewUser = NewUser;
    type Shape = Shape;
    type Tree = (User, Vec<(Post, Vec<Comment>)>);
    type Task = Pool;

    async fn open(place: &Place) -> Result<Self> {
        let connection = match place {
            Place::Memory => in_memory()?,
            Place::File(path) => on_file(path)?,
        };
        Ok(Self { connection })
    }

    async fn execute(&mut self, sql: &'static str) -> Result<()> {
        self.connection.batch_execute(sql)?;
        Ok(())
    }

    async fn load_users(&mut self) -> Result<Vec<User>> {
        Ok(users::table.select(User::as_select()).load(&mut self.connection)?)
    }

    async fn load_users_with_posts(&mut self, hair_color: &str) -> Result<Vec<(User, Option<Post>)>> {
        Ok(users_with_posts(hair_color).load(&mut self.connection)?)
    }

    async fn load_trees(&mut self, last: i64) -> Result<Vec<Self::Tree>> {
        let connection = &mut self.connection;
        let users = users::table.filter(users::id.le(last)).select(User::as_select()).load(connection)?;
        let posts = Post::belonging_to(&users).select(Post::as_select()).load(connection)?;
        let comments = Comment::belonging_to(&posts).select(Comment::as_select()).load(connection)?;
        let comments = comments.grouped_by(&posts);
        let posts = posts.into_iter().zip(comments).grouped_by(&users);
        Ok(users.into_iter().zip(posts).collect())
    }

    fn plain_tree((user, posts): Self::Tree) -> model::Tree {
        let comments = |comments: Vec<Comment>| comments.into_iter().map(Into::into).collect();
        let posts = posts.into_iter().map(|(post, theirs)| (post.into(), comments(theirs))).collect();
        model::Tree { user: user.into(), posts }
    }

    async fn insert_users(&mut self, users: &mut Vec<NewUser>) -> Result<()> {
        self.connection.transaction(|connection| {
            let mut statements = users.chunks(ROWS_PER_INSERT);
            statements.try_for_each(|users| insert_into(users::table).values(users).execute(connection).map(drop))
        })?;
        Ok(())
    }

    async fn user_by_id(&mut self, id: i64) -> Result<User> {
        user_by_id(&mut self.connection, id)
    }

    async fn rename_user(&mut self, id: i64, name: &str) -> Result<()> {
        update(users::table.find(id)).set(users::name.eq(name)).execute(&mut self.connection)?;
        Ok(())
    }

    async fn load_tuples(&mut self) -> Result<Vec<(String, i64)>> {
        Ok(users::table.select((users::name, users::id)).load(&mut self.connection)?)
    }

    async fn load_shapes(&mut self) -> Result<Vec<Shape>> {
        Ok(users::table.select(Shape::as_select()).load(&mut self.connection)?)
    }

    async fn load_into_session(&mut self) -> Result<usize> {
        Ok(std::hint::black_box(self.load_users().await?).len())
    }

    async fn rename_every_other(&mut self, name: &str) -> Result<()> {
        self.connection.transaction(|connection| {
            let mut all = users::table.select(User::as_select()).load(connection)?;
            for user in all.iter_mut().step_by(2) {
                user.name = name.to_owned();
                update(users::table.find(user.id)).set(users::name.eq(&user.name)).execute(connection)?;
            }
            Ok(())
        })
    }

    async fn insert_graph(&mut self, graph: Vec<model::NewTree>) -> Result<()> {
        self.connection.transaction(|connection| {
            let (mut authors, mut their_posts) = (Vec::new(), Vec::new());
            for model::NewTree { user, posts } in graph {
                authors.push(NewUser::from(user));
                their_posts.push(posts);
            }
            let keys: Vec<i64> =
                insert_into(users::table).values(&authors).returning(users::id).get_results(connection)?;
            let (mut new_posts, mut their_comments) = (Vec::new(), Vec::new());
            for (user_id, posts) in keys.into_iter().zip(their_posts) {
                for model::NewPost { title, body, comments } in posts {
                    new_posts.push(NewPost { user_id, title, body });
                    their_comments.push(comments);
                }
            }
            let keys: Vec<i64> =
                insert_into(posts::table).values(&new_posts).returning(posts::id).get_results(connection)?;
            let new_comments: Vec<NewComment> = keys
                .into_iter()
                .zip(their_comments)
                .flat_map(|(post_id, comments)| comments.into_iter().map(move |text| NewComment { post_id, text }))
                .collect();
            insert_into(comments::table).values(&new_comments).execute(connection)?;
            Ok(())
        })
    }

    fn render_users_with_posts(&self, hair_color: &str) -> Result<String> {
        Ok(debug_query::<Sqlite, _>(&users_with_posts(hair_color)).to_string())
    }

    async fn open_tasks(file: &Path, count: usize) -> Result<Vec<Pool>> {
        let size = u32::try_from(count).expect("there are a few tasks");
        let pool = Pool::builder()
            .max_size(size)
            .connection_customizer(Box::new(FilePragmas))
            .build(ConnectionManager::new(file.to_string_lossy()))?;
        Ok(vec![pool; count])
    }

    async fn user_by_id_in_task(pool: &mut Pool, id: i64) -> Result<User> {
        let pool = pool.clone();
        tokio::task::spawn_blocking(move || user_by_id(&mut *pool.get()?, id)).await?
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn users_with_posts<'a>(hair_color: &'a str) -> _ {
    let columns: (AsSelect<User, Sqlite>, AsSelect<Option<Post>, Sqlite>) =
        (User::as_select(), Option::<Post>::as_select());
    users::table
        .left_join(posts::table)
        .filter(users::hair_color.eq(hair_color))
        .order(users::id.desc())
        .select(columns)
}

/// `first` is shown in the guides as well. It binds a LIMIT, for which SQLite compiles the statement anew at each call.
fn user_by_id(connection: &mut SqliteConnection, id: i64) -> Result<User> {
    Ok(users::table.find(id).select(User::as_select()).get_result(connection)?)
}

fn in_memory() -> Result<SqliteConnection> {
    let mut connection = SqliteConnection::establish(":memory:")?;
    connection.batch_execute("PRAGMA foreign_keys = ON")?;
    Ok(connection)
}

fn on_file(path: &Path) -> Result<SqliteConnection> {
    let mut connection = SqliteConnection::establish(&path.to_string_lossy())?;
    connection.batch_execute(FILE_PRAGMAS)?;
    Ok(connection)
}

const FILE_PRAGMAS: &str = "PRAGMA foreign_keys = ON; PRAGMA journal_mode = wal; PRAGMA synchronous = normal";

#[derive(Debug)]
struct FilePragmas;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for FilePragmas {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        connection.batch_execute(FILE_PRAGMAS).map_err(diesel::r2d2::Error::QueryError)
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub(crate) struct Shape {
    name: String,
    id: i64,
}

impl From<Shape> for (String, i64) {
    fn from(shape: Shape) -> Self {
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

impl From<model::NewUser> for NewUser {
    fn from(user: model::NewUser) -> Self {
        Self { name: user.name, hair_color: user.hair_color }
    }
}
