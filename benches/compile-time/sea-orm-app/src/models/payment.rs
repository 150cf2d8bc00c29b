use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr};

use super::order;

const PAGE_SIZE: u64 = 20;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "payments")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub order_id: i64,
    pub provider: String,
    pub reference: Option<String>,
    pub amount: f64,
    pub fee: Option<f64>,
    pub is_refunded: bool,
    pub paid_at: i64,
    pub attempts: i32,
    pub error: Option<String>,
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

pub async fn page(db: &DatabaseConnection, provider: &str, amount: f64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Provider.eq(provider))
        .filter(Column::Amount.gte(amount))
        .order_by_desc(Column::Id)
        .limit(PAGE_SIZE)
        .all(db)
        .await
}

pub async fn change(
    db: &DatabaseConnection,
    id: i64,
    provider: &str,
    is_refunded: bool,
) -> Result<u64, DbErr> {
    let result = Entity::update_many()
        .col_expr(Column::Provider, Expr::value(provider))
        .col_expr(Column::IsRefunded, Expr::value(is_refunded))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(result.rows_affected)
}

pub async fn with_order(
    db: &DatabaseConnection,
    provider: &str,
) -> Result<Vec<(Model, Option<order::Model>)>, DbErr> {
    Entity::find()
        .find_also_related(order::Entity)
        .filter(Column::Provider.eq(provider))
        .order_by_asc(order::Column::Number)
        .all(db)
        .await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &DatabaseConnection, parent: i64) -> Result<i64, DbErr> {
    let new = ActiveModel {
        order_id: Set(parent),
        provider: Set("sample".to_owned()),
        reference: Set(Some("sample".to_owned())),
        amount: Set(2.5),
        fee: Set(Some(2.5)),
        is_refunded: Set(false),
        paid_at: Set(1_000),
        attempts: Set(10),
        error: Set(Some("sample".to_owned())),
        ..Default::default()
    };
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 2.5).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_order(db, "changed").await?.len(), 1);
    Ok(id)
}
