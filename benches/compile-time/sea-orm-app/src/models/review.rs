use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr};

use super::product;

const PAGE_SIZE: u64 = 20;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "reviews")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub product_id: i64,
    pub headline: String,
    pub body: Option<String>,
    pub stars: i32,
    pub is_verified: bool,
    pub helpful: i64,
    pub reviewer: String,
    pub score: Option<f64>,
    pub reply: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "product::Entity",
        from = "Column::ProductId",
        to = "product::Column::Id"
    )]
    Product,
}

impl Related<product::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Product.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

pub async fn add(db: &DatabaseConnection, new: ActiveModel) -> Result<Model, DbErr> {
    new.insert(db).await
}

pub async fn page(db: &DatabaseConnection, headline: &str, stars: i32) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Headline.eq(headline))
        .filter(Column::Stars.gte(stars))
        .order_by_desc(Column::Id)
        .limit(PAGE_SIZE)
        .all(db)
        .await
}

pub async fn change(
    db: &DatabaseConnection,
    id: i64,
    headline: &str,
    is_verified: bool,
) -> Result<u64, DbErr> {
    let result = Entity::update_many()
        .col_expr(Column::Headline, Expr::value(headline))
        .col_expr(Column::IsVerified, Expr::value(is_verified))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(result.rows_affected)
}

pub async fn with_product(
    db: &DatabaseConnection,
    headline: &str,
) -> Result<Vec<(Model, Option<product::Model>)>, DbErr> {
    Entity::find()
        .find_also_related(product::Entity)
        .filter(Column::Headline.eq(headline))
        .order_by_asc(product::Column::Name)
        .all(db)
        .await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &DatabaseConnection, parent: i64) -> Result<i64, DbErr> {
    let new = ActiveModel {
        product_id: Set(parent),
        headline: Set("sample".to_owned()),
        body: Set(Some("sample".to_owned())),
        stars: Set(10),
        is_verified: Set(false),
        helpful: Set(1_000),
        reviewer: Set("sample".to_owned()),
        score: Set(Some(2.5)),
        reply: Set(Some("sample".to_owned())),
        ..Default::default()
    };
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 10).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_product(db, "changed").await?.len(), 1);
    Ok(id)
}
