//! SeaORM. Rows that are changed are saved one by one, since there is no other way.

use std::path::Path;

use anyhow::{Result, bail};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectOptions, Database, IntoActiveModel, TransactionTrait};

use crate::{
    case::{Case, Operation},
    client::{Client, Place},
    model,
};

mod users {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "users")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i64,
        pub(crate) name: String,
        pub(crate) hair_color: Option<String>,
        #[sea_orm(has_many)]
        pub(crate) posts: HasMany<super::posts::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod posts {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "posts")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i64,
        pub(crate) user_id: i64,
        pub(crate) title: String,
        pub(crate) body: Option<String>,
        #[sea_orm(belongs_to, from = "user_id", to = "id")]
        pub(crate) user: BelongsTo<super::users::Entity>,
        #[sea_orm(has_many)]
        pub(crate) comments: HasMany<super::comments::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod comments {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "comments")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i64,
        pub(crate) post_id: i64,
        pub(crate) text: String,
        #[sea_orm(belongs_to, from = "post_id", to = "id")]
        pub(crate) post: BelongsTo<super::posts::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

impl From<users::Model> for model::User {
    fn from(user: users::Model) -> Self {
        Self { id: user.id, name: user.name, hair_color: user.hair_color }
    }
}

impl From<posts::Model> for model::Post {
    fn from(post: posts::Model) -> Self {
        Self { id: post.id, user_id: post.user_id, title: post.title, body: post.body }
    }
}

impl From<comments::Model> for model::Comment {
    fn from(comment: comments::Model) -> Self {
        Self { id: comment.id, post_id: comment.post_id, text: comment.text }
    }
}

impl From<model::NewUser> for users::ActiveModel {
    fn from(user: model::NewUser) -> Self {
        Self { id: NotSet, name: Set(user.name), hair_color: Set(user.hair_color) }
    }
}

pub(crate) type LevelByLevel = SeaOrm<false>;
/// Differs in the graph only.
pub(crate) type Nested = SeaOrm<true>;

pub(crate) struct SeaOrm<const NESTED: bool> {
    connection: DatabaseConnection,
}

impl<const NESTED: bool> Client for SeaOrm<NESTED> {
    const NAME: &'static str = if NESTED { "sea-orm nested" } else { "sea-orm" };

    type User = users::Model;
    type Post = posts::Model;
    type NewUser = users::ActiveModel;
    type Shape = (String, i64);
    type Tree = model::Tree;
    type Task = DatabaseConnection;

    fn does(case: &Case) -> bool {
        !NESTED || case.operation == Operation::Graph
    }

    async fn open(place: &Place) -> Result<Self> {
        let Place::Memory = place else { return not_measured() };
        let mut options = ConnectOptions::new("sqlite::memory:");
        options.max_connections(1).sqlx_logging(false).test_before_acquire(false);
        // The database goes with its connection, which therefore has to stay.
        options.idle_timeout(None).max_lifetime(None);
        // SQLx lets connections share a database in memory, which takes time. The raw driver does not, and there is but one.
        options.map_sqlx_sqlite_opts(|options| options.foreign_keys(true).shared_cache(false));
        Ok(Self { connection: Database::connect(options).await? })
    }

    async fn execute(&mut self, sql: &'static str) -> Result<()> {
        self.connection.execute_unprepared(sql).await?;
        Ok(())
    }

    async fn load_users(&mut self) -> Result<Vec<users::Model>> {
        Ok(users::Entity::find().all(&self.connection).await?)
    }

    async fn load_trees(&mut self, last: i64) -> Result<Vec<model::Tree>> {
        let users = users::Entity::find().filter(users::Column::Id.lte(last)).all(&self.connection).await?;
        let posts = users.load_many(posts::Entity, &self.connection).await?;
        let counts: Vec<usize> = posts.iter().map(Vec::len).collect();
        let posts: Vec<posts::Model> = posts.into_iter().flatten().collect();
        let comments = posts.load_many(comments::Entity, &self.connection).await?;
        let plain = |comments: Vec<comments::Model>| comments.into_iter().map(Into::into).collect();
        let mut posts = posts.into_iter().zip(comments).map(|(post, comments)| (post.into(), plain(comments)));
        let tree = |(user, count): (users::Model, usize)| model::Tree {
            user: user.into(),
            posts: posts.by_ref().take(count).collect(),
        };
        Ok(users.into_iter().zip(counts).map(tree).collect())
    }

    fn plain_tree(tree: model::Tree) -> model::Tree {
        tree
    }

    async fn rename_every_other(&mut self, name: &str) -> Result<()> {
        let transaction = self.connection.begin().await?;
        for user in users::Entity::find().all(&transaction).await?.into_iter().step_by(2) {
            let mut user = user.into_active_model();
            user.name = Set(name.to_owned());
            // The faster form: `update` asks for the row back, which nobody needs here.
            user.update_without_returning(&transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn insert_graph(&mut self, graph: Vec<model::NewTree>) -> Result<()> {
        let transaction = self.connection.begin().await?;
        if NESTED {
            insert_nested(graph, &transaction).await?;
        } else {
            insert_level_by_level(graph, &transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn load_users_with_posts(&mut self, _hair_color: &str) -> Result<Vec<(users::Model, Option<posts::Model>)>> {
        not_measured()
    }

    async fn insert_users(&mut self, _users: &mut Vec<users::ActiveModel>) -> Result<()> {
        not_measured()
    }

    async fn user_by_id(&mut self, _id: i64) -> Result<users::Model> {
        not_measured()
    }

    async fn rename_user(&mut self, _id: i64, _name: &str) -> Result<()> {
        not_measured()
    }

    async fn load_tuples(&mut self) -> Result<Vec<(String, i64)>> {
        not_measured()
    }

    async fn load_shapes(&mut self) -> Result<Vec<(String, i64)>> {
        not_measured()
    }

    async fn load_into_session(&mut self) -> Result<usize> {
        not_measured()
    }

    fn render_users_with_posts(&self, _hair_color: &str) -> Result<String> {
        not_measured()
    }

    async fn open_tasks(_file: &Path, _count: usize) -> Result<Vec<DatabaseConnection>> {
        not_measured()
    }

    async fn user_by_id_in_task(_task: &mut DatabaseConnection, _id: i64) -> Result<users::Model> {
        not_measured()
    }
}

fn not_measured<T>() -> Result<T> {
    bail!("only the unit of work and the graph are measured here, in memory")
}

/// A statement a level: the comments have 10,000 binds, and SQLite takes 32,766.
async fn insert_level_by_level(graph: Vec<model::NewTree>, connection: &impl ConnectionTrait) -> Result<()> {
    let (users, posts): (Vec<users::ActiveModel>, Vec<_>) =
        graph.into_iter().map(|tree| (tree.user.into(), tree.posts)).unzip();
    let keys = users::Entity::insert_many(users).exec_with_returning_keys(connection).await?;
    let (mut new, mut texts) = (Vec::new(), Vec::new());
    for (user_id, posts) in keys.into_iter().zip(posts) {
        for model::NewPost { title, body, comments } in posts {
            new.push(posts::ActiveModel { id: NotSet, user_id: Set(user_id), title: Set(title), body: Set(body) });
            texts.push(comments);
        }
    }
    let keys = posts::Entity::insert_many(new).exec_with_returning_keys(connection).await?;
    let comment = |(post_id, texts): (i64, Vec<String>)| {
        texts.into_iter().map(move |text| comments::ActiveModel { id: NotSet, post_id: Set(post_id), text: Set(text) })
    };
    let comments = keys.into_iter().zip(texts).flat_map(comment);
    comments::Entity::insert_many(comments).exec_without_returning(connection).await?;
    Ok(())
}

/// A statement a row, in a savepoint of its own: that is how SeaORM saves what hangs together.
async fn insert_nested(graph: Vec<model::NewTree>, connection: &impl TransactionTrait) -> Result<()> {
    for model::NewTree { user, posts } in graph {
        let user = users::ActiveModel::builder().set_name(user.name).set_hair_color(user.hair_color);
        let user = posts.into_iter().map(nested_post).fold(user, users::ActiveModelEx::add_post);
        user.save(connection).await?;
    }
    Ok(())
}

fn nested_post(post: model::NewPost) -> posts::ActiveModelEx {
    let comments = post.comments.into_iter().map(|text| comments::ActiveModel::builder().set_text(text));
    let post = posts::ActiveModel::builder().set_title(post.title).set_body(post.body);
    comments.fold(post, posts::ActiveModelEx::add_comment)
}
