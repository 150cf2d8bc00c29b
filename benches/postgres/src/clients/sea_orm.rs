//! SeaORM. Rows that are changed are saved one by one, since there is no other way.

use anyhow::{Context, Result};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, IntoActiveModel, LoaderTrait, QueryOrder, TransactionTrait,
};

use crate::client::Client;
use crate::model;

/// PostgreSQL takes as many values in a statement.
const MOST_BINDS: usize = 65_535;

pub(crate) mod users {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "users")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i64,
        #[sea_orm(column_type = "Text")]
        pub(crate) name: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) hair_color: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {
        #[sea_orm(has_many = "super::posts::Entity")]
        Posts,
    }

    impl Related<super::posts::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Posts.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod posts {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "posts")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i64,
        pub(crate) user_id: i64,
        #[sea_orm(column_type = "Text")]
        pub(crate) title: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub(crate) body: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {
        #[sea_orm(belongs_to = "super::users::Entity", from = "Column::UserId", to = "super::users::Column::Id")]
        Users,
        #[sea_orm(has_many = "super::comments::Entity")]
        Comments,
    }

    impl Related<super::users::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Users.def()
        }
    }

    impl Related<super::comments::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Comments.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod comments {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "comments")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i64,
        pub(crate) post_id: i64,
        #[sea_orm(column_type = "Text")]
        pub(crate) text: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {
        #[sea_orm(belongs_to = "super::posts::Entity", from = "Column::PostId", to = "super::posts::Column::Id")]
        Posts,
    }

    impl Related<super::posts::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Posts.def()
        }
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

pub(crate) struct SeaOrm {
    connection: DatabaseConnection,
}

impl Client for SeaOrm {
    const NAME: &'static str = "sea-orm";

    type User = users::Model;
    type Post = posts::Model;
    type Comment = comments::Model;
    type NewUser = users::ActiveModel;
    type Pool = DatabaseConnection;

    async fn open(url: &str) -> Result<Self> {
        Ok(Self { connection: pool(url, 1).await? })
    }

    async fn load_users(&mut self) -> Result<Vec<users::Model>> {
        Ok(users::Entity::find().all(&self.connection).await?)
    }

    async fn load_users_with_posts(&mut self, hair_color: &str) -> Result<Vec<(users::Model, Option<posts::Model>)>> {
        let query = users::Entity::find()
            .find_also_related(posts::Entity)
            .filter(users::Column::HairColor.eq(hair_color))
            .order_by_desc(users::Column::Id);
        Ok(query.all(&self.connection).await?)
    }

    async fn load_trees(&mut self, last: i64) -> Result<Vec<model::Tree<users::Model, posts::Model, comments::Model>>> {
        let users = users::Entity::find().filter(users::Column::Id.lte(last)).all(&self.connection).await?;
        let posts = users.load_many(posts::Entity, &self.connection).await?;
        let counts: Vec<usize> = posts.iter().map(Vec::len).collect();
        let posts: Vec<posts::Model> = posts.into_iter().flatten().collect();
        let comments = posts.load_many(comments::Entity, &self.connection).await?;
        let mut posts = posts.into_iter().zip(comments);
        let posts_of = |(user, count)| (user, posts.by_ref().take(count).collect());
        Ok(users.into_iter().zip(counts).map(posts_of).collect())
    }

    async fn insert_users(&mut self, users: Vec<users::ActiveModel>) -> Result<()> {
        users::Entity::insert_many(users).exec_without_returning(&self.connection).await?;
        Ok(())
    }

    async fn insert_very_many(&mut self, mut users: Vec<users::ActiveModel>) -> Result<()> {
        let transaction = self.connection.begin().await?;
        while !users.is_empty() {
            let rest = users.split_off(users.len().min(MOST_BINDS / 2));
            users::Entity::insert_many(users).exec_without_returning(&transaction).await?;
            users = rest;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn user_by_id(&mut self, id: i64) -> Result<users::Model> {
        users::Entity::find_by_id(id).one(&self.connection).await?.context("the user is there")
    }

    async fn rename_user(&mut self, id: i64, name: &str) -> Result<()> {
        let query = users::Entity::update_many()
            .col_expr(users::Column::Name, Expr::value(name))
            .filter(users::Column::Id.eq(id));
        query.exec(&self.connection).await?;
        Ok(())
    }

    async fn rename_every_other(&mut self, name: &str) -> Result<()> {
        let transaction = self.connection.begin().await?;
        for user in users::Entity::find().all(&transaction).await?.into_iter().step_by(2) {
            let mut user = user.into_active_model();
            user.name = Set(name.to_owned());
            user.update(&transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn insert_graph(&mut self, graph: Vec<model::NewTree>) -> Result<()> {
        let transaction = self.connection.begin().await?;
        let (users, posts): (Vec<users::ActiveModel>, Vec<_>) =
            graph.into_iter().map(|tree| (tree.user.into(), tree.posts)).unzip();
        let keys = users::Entity::insert_many(users).exec_with_returning_keys(&transaction).await?;
        let (mut new, mut texts) = (Vec::new(), Vec::new());
        for (user_id, posts) in keys.into_iter().zip(posts) {
            for model::NewPost { title, body, comments } in posts {
                new.push(posts::ActiveModel { id: NotSet, user_id: Set(user_id), title: Set(title), body: Set(body) });
                texts.push(comments);
            }
        }
        let keys = posts::Entity::insert_many(new).exec_with_returning_keys(&transaction).await?;
        let comment = |(post_id, texts): (i64, Vec<String>)| {
            texts.into_iter().map(move |text| comments::ActiveModel {
                id: NotSet,
                post_id: Set(post_id),
                text: Set(text),
            })
        };
        let comments = keys.into_iter().zip(texts).flat_map(comment);
        comments::Entity::insert_many(comments).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn open_pool(url: &str, size: usize) -> Result<DatabaseConnection> {
        pool(url, u32::try_from(size)?).await
    }

    async fn user_by_id_from_pool(pool: &DatabaseConnection, id: i64) -> Result<users::Model> {
        users::Entity::find_by_id(id).one(pool).await?.context("the user is there")
    }
}

async fn pool(url: &str, size: u32) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(size).sqlx_logging(false).test_before_acquire(false);
    Ok(Database::connect(options).await?)
}
