use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr};

use super::user;

const PAGE_SIZE: u64 = 20;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_id: i64,
    pub number: String,
    pub status: String,
    pub total: f64,
    pub item_count: i32,
    pub is_paid: bool,
    pub placed_at: i64,
    pub shipped_at: Option<i64>,
    pub note: Option<String>,
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

pub async fn page(db: &DatabaseConnection, number: &str, total: f64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Number.eq(number))
        .filter(Column::Total.gte(total))
        .order_by_desc(Column::Id)
        .limit(PAGE_SIZE)
        .all(db)
        .await
}

pub async fn change(db: &DatabaseConnection, id: i64, number: &str, is_paid: bool) -> Result<u64, DbErr> {
    let result = Entity::update_many()
        .col_expr(Column::Number, Expr::value(number))
        .col_expr(Column::IsPaid, Expr::value(is_paid))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(result.rows_affected)
}

pub async fn with_user(
    db: &DatabaseConnection,
    number: &str,
) -> Result<Vec<(Model, Option<user::Model>)>, DbErr> {
    Entity::find()
        .find_also_related(user::Entity)
        .filter(Column::Number.eq(number))
        .order_by_asc(user::Column::Name)
        .all(db)
        .await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &DatabaseConnection, parent: i64) -> Result<i64, DbErr> {
    let new = ActiveModel {
        user_id: Set(parent),
        number: Set("sample".to_owned()),
        status: Set("sample".to_owned()),
        total: Set(2.5),
        item_count: Set(10),
        is_paid: Set(false),
        placed_at: Set(1_000),
        shipped_at: Set(Some(1_000)),
        note: Set(Some("sample".to_owned())),
        ..Default::default()
    };
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 2.5).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_user(db, "changed").await?.len(), 1);
    Ok(id)
}
