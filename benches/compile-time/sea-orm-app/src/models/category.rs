use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr};

use super::user;

const PAGE_SIZE: u64 = 20;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "categories")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_id: i64,
    pub title: String,
    pub slug: String,
    pub position: i32,
    pub is_public: bool,
    pub weight: f64,
    pub description: Option<String>,
    pub post_count: i64,
    pub color: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "user::Entity", from = "Column::UserId", to = "user::Column::Id")]
    User,
}

impl Related<user::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::User.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

pub async fn add(db: &DatabaseConnection, new: ActiveModel) -> Result<Model, DbErr> {
    new.insert(db).await
}

pub async fn page(db: &DatabaseConnection, title: &str, position: i32) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Title.eq(title))
        .filter(Column::Position.gte(position))
        .order_by_desc(Column::Id)
        .limit(PAGE_SIZE)
        .all(db)
        .await
}

pub async fn change(db: &DatabaseConnection, id: i64, title: &str, is_public: bool) -> Result<u64, DbErr> {
    let result = Entity::update_many()
        .col_expr(Column::Title, Expr::value(title))
        .col_expr(Column::IsPublic, Expr::value(is_public))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(result.rows_affected)
}

pub async fn with_user(
    db: &DatabaseConnection,
    title: &str,
) -> Result<Vec<(Model, Option<user::Model>)>, DbErr> {
    Entity::find()
        .find_also_related(user::Entity)
        .filter(Column::Title.eq(title))
        .order_by_asc(user::Column::Name)
        .all(db)
        .await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &DatabaseConnection, parent: i64) -> Result<i64, DbErr> {
    let new = ActiveModel {
        user_id: Set(parent),
        title: Set("sample".to_owned()),
        slug: Set("sample".to_owned()),
        position: Set(10),
        is_public: Set(false),
        weight: Set(2.5),
        description: Set(Some("sample".to_owned())),
        post_count: Set(1_000),
        color: Set(Some("sample".to_owned())),
        ..Default::default()
    };
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 10).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_user(db, "changed").await?.len(), 1);
    Ok(id)
}
