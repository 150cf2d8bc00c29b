use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr};

use super::category;

const PAGE_SIZE: u64 = 20;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "products")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub category_id: i64,
    pub name: String,
    pub sku: String,
    pub price: f64,
    pub stock: i32,
    pub is_active: bool,
    pub weight: Option<f64>,
    pub description: Option<String>,
    pub sold: i64,
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

pub async fn page(db: &DatabaseConnection, name: &str, price: f64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Name.eq(name))
        .filter(Column::Price.gte(price))
        .order_by_desc(Column::Id)
        .limit(PAGE_SIZE)
        .all(db)
        .await
}

pub async fn change(db: &DatabaseConnection, id: i64, name: &str, is_active: bool) -> Result<u64, DbErr> {
    let result = Entity::update_many()
        .col_expr(Column::Name, Expr::value(name))
        .col_expr(Column::IsActive, Expr::value(is_active))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(result.rows_affected)
}

pub async fn with_category(
    db: &DatabaseConnection,
    name: &str,
) -> Result<Vec<(Model, Option<category::Model>)>, DbErr> {
    Entity::find()
        .find_also_related(category::Entity)
        .filter(Column::Name.eq(name))
        .order_by_asc(category::Column::Title)
        .all(db)
        .await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &DatabaseConnection, parent: i64) -> Result<i64, DbErr> {
    let new = ActiveModel {
        category_id: Set(parent),
        name: Set("sample".to_owned()),
        sku: Set("sample".to_owned()),
        price: Set(2.5),
        stock: Set(10),
        is_active: Set(false),
        weight: Set(Some(2.5)),
        description: Set(Some("sample".to_owned())),
        sold: Set(1_000),
        ..Default::default()
    };
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 2.5).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_category(db, "changed").await?.len(), 1);
    Ok(id)
}
