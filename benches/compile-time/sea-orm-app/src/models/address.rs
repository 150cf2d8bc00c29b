use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr};

use super::user;

const PAGE_SIZE: u64 = 20;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "addresses")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_id: i64,
    pub street: String,
    pub city: String,
    pub postal_code: Option<String>,
    pub floor: Option<i32>,
    pub is_primary: bool,
    pub latitude: f64,
    pub longitude: f64,
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

pub async fn page(db: &DatabaseConnection, street: &str, latitude: f64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Street.eq(street))
        .filter(Column::Latitude.gte(latitude))
        .order_by_desc(Column::Id)
        .limit(PAGE_SIZE)
        .all(db)
        .await
}

pub async fn change(db: &DatabaseConnection, id: i64, street: &str, is_primary: bool) -> Result<u64, DbErr> {
    let result = Entity::update_many()
        .col_expr(Column::Street, Expr::value(street))
        .col_expr(Column::IsPrimary, Expr::value(is_primary))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(result.rows_affected)
}

pub async fn with_user(
    db: &DatabaseConnection,
    street: &str,
) -> Result<Vec<(Model, Option<user::Model>)>, DbErr> {
    Entity::find()
        .find_also_related(user::Entity)
        .filter(Column::Street.eq(street))
        .order_by_asc(user::Column::Name)
        .all(db)
        .await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &DatabaseConnection, parent: i64) -> Result<i64, DbErr> {
    let new = ActiveModel {
        user_id: Set(parent),
        street: Set("sample".to_owned()),
        city: Set("sample".to_owned()),
        postal_code: Set(Some("sample".to_owned())),
        floor: Set(Some(10)),
        is_primary: Set(false),
        latitude: Set(2.5),
        longitude: Set(2.5),
        note: Set(Some("sample".to_owned())),
        ..Default::default()
    };
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 2.5).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_user(db, "changed").await?.len(), 1);
    Ok(id)
}
