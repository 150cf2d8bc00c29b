use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr};

use super::post;

const PAGE_SIZE: u64 = 20;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "comments")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub post_id: i64,
    pub text: String,
    pub author: String,
    pub likes: i32,
    pub is_spam: bool,
    pub sentiment: Option<f64>,
    pub replies: i64,
    pub address: Option<String>,
    pub is_edited: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "post::Entity", from = "Column::PostId", to = "post::Column::Id")]
    Post,
}

impl Related<post::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Post.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

pub async fn add(db: &DatabaseConnection, new: ActiveModel) -> Result<Model, DbErr> {
    new.insert(db).await
}

pub async fn page(db: &DatabaseConnection, text: &str, likes: i32) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Text.eq(text))
        .filter(Column::Likes.gte(likes))
        .order_by_desc(Column::Id)
        .limit(PAGE_SIZE)
        .all(db)
        .await
}

pub async fn change(db: &DatabaseConnection, id: i64, text: &str, is_spam: bool) -> Result<u64, DbErr> {
    let result = Entity::update_many()
        .col_expr(Column::Text, Expr::value(text))
        .col_expr(Column::IsSpam, Expr::value(is_spam))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(result.rows_affected)
}

pub async fn with_post(
    db: &DatabaseConnection,
    text: &str,
) -> Result<Vec<(Model, Option<post::Model>)>, DbErr> {
    Entity::find()
        .find_also_related(post::Entity)
        .filter(Column::Text.eq(text))
        .order_by_asc(post::Column::Title)
        .all(db)
        .await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &DatabaseConnection, parent: i64) -> Result<i64, DbErr> {
    let new = ActiveModel {
        post_id: Set(parent),
        text: Set("sample".to_owned()),
        author: Set("sample".to_owned()),
        likes: Set(10),
        is_spam: Set(false),
        sentiment: Set(Some(2.5)),
        replies: Set(1_000),
        address: Set(Some("sample".to_owned())),
        is_edited: Set(false),
        ..Default::default()
    };
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 10).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_post(db, "changed").await?.len(), 1);
    Ok(id)
}
