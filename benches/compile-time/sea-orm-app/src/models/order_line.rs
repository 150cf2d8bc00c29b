use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr};

use super::order;

const PAGE_SIZE: u64 = 20;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "order_lines")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub order_id: i64,
    pub product: String,
    pub quantity: i32,
    pub price: f64,
    pub discount: Option<f64>,
    pub is_gift: bool,
    pub weight: i64,
    pub message: Option<String>,
    pub sku: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "order::Entity",
        from = "Column::OrderId",
        to = "order::Column::Id"
    )]
    Order,
}

impl Related<order::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Order.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

pub async fn add(db: &DatabaseConnection, new: ActiveModel) -> Result<Model, DbErr> {
    new.insert(db).await
}

pub async fn page(db: &DatabaseConnection, product: &str, quantity: i32) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Product.eq(product))
        .filter(Column::Quantity.gte(quantity))
        .order_by_desc(Column::Id)
        .limit(PAGE_SIZE)
        .all(db)
        .await
}

pub async fn change(db: &DatabaseConnection, id: i64, product: &str, is_gift: bool) -> Result<u64, DbErr> {
    let result = Entity::update_many()
        .col_expr(Column::Product, Expr::value(product))
        .col_expr(Column::IsGift, Expr::value(is_gift))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(result.rows_affected)
}

pub async fn with_order(
    db: &DatabaseConnection,
    product: &str,
) -> Result<Vec<(Model, Option<order::Model>)>, DbErr> {
    Entity::find()
        .find_also_related(order::Entity)
        .filter(Column::Product.eq(product))
        .order_by_asc(order::Column::Number)
        .all(db)
        .await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &DatabaseConnection, parent: i64) -> Result<i64, DbErr> {
    let new = ActiveModel {
        order_id: Set(parent),
        product: Set("sample".to_owned()),
        quantity: Set(10),
        price: Set(2.5),
        discount: Set(Some(2.5)),
        is_gift: Set(false),
        weight: Set(1_000),
        message: Set(Some("sample".to_owned())),
        sku: Set("sample".to_owned()),
        ..Default::default()
    };
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 10).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_order(db, "changed").await?.len(), 1);
    Ok(id)
}
