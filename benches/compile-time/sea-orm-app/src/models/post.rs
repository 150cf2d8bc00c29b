use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr};

use super::category;

const PAGE_SIZE: u64 = 20;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "posts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub category_id: i64,
    pub title: String,
    pub body: Option<String>,
    pub views: i64,
    pub rating: f64,
    pub is_published: bool,
    pub language: String,
    pub words: i32,
    pub summary: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "category::Entity",
        from = "Column::CategoryId",
        to = "category::Column::Id"
    )]
    Category,
}

impl Related<category::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Category.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

pub async fn add(db: &DatabaseConnection, new: ActiveModel) -> Result<Model, DbErr> {
    new.insert(db).await
}

pub async fn page(db: &DatabaseConnection, title: &str, rating: f64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Title.eq(title))
        .filter(Column::Rating.gte(rating))
        .order_by_desc(Column::Id)
        .limit(PAGE_SIZE)
        .all(db)
        .await
}

pub async fn change(db: &DatabaseConnection, id: i64, title: &str, is_published: bool) -> Result<u64, DbErr> {
    let result = Entity::update_many()
        .col_expr(Column::Title, Expr::value(title))
        .col_expr(Column::IsPublished, Expr::value(is_published))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(result.rows_affected)
}

pub async fn with_category(
    db: &DatabaseConnection,
    title: &str,
) -> Result<Vec<(Model, Option<category::Model>)>, DbErr> {
    Entity::find()
        .find_also_related(category::Entity)
        .filter(Column::Title.eq(title))
        .order_by_asc(category::Column::Title)
        .all(db)
        .await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &DatabaseConnection, parent: i64) -> Result<i64, DbErr> {
    let new = ActiveModel {
        category_id: Set(parent),
        title: Set("sample".to_owned()),
        body: Set(Some("sample".to_owned())),
        views: Set(1_000),
        rating: Set(2.5),
        is_published: Set(false),
        language: Set("sample".to_owned()),
        words: Set(10),
        summary: Set(Some("sample".to_owned())),
        ..Default::default()
    };
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 2.5).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_category(db, "changed").await?.len(), 1);
    Ok(id)
}
