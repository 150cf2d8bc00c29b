use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr};

const PAGE_SIZE: u64 = 20;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub name: String,
    pub email: String,
    pub hair_color: Option<String>,
    pub age: i32,
    pub is_admin: bool,
    pub score: f64,
    pub bio: Option<String>,
    pub logins: i64,
    pub height: Option<f64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub async fn add(db: &DatabaseConnection, new: ActiveModel) -> Result<Model, DbErr> {
    new.insert(db).await
}

pub async fn page(db: &DatabaseConnection, name: &str, age: i32) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Name.eq(name))
        .filter(Column::Age.gte(age))
        .order_by_desc(Column::Id)
        .limit(PAGE_SIZE)
        .all(db)
        .await
}

pub async fn change(db: &DatabaseConnection, id: i64, name: &str, is_admin: bool) -> Result<u64, DbErr> {
    let result = Entity::update_many()
        .col_expr(Column::Name, Expr::value(name))
        .col_expr(Column::IsAdmin, Expr::value(is_admin))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(result.rows_affected)
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &DatabaseConnection, _parent: i64) -> Result<i64, DbErr> {
    let new = ActiveModel {
        name: Set("sample".to_owned()),
        email: Set("sample".to_owned()),
        hair_color: Set(Some("sample".to_owned())),
        age: Set(10),
        is_admin: Set(false),
        score: Set(2.5),
        bio: Set(Some("sample".to_owned())),
        logins: Set(1_000),
        height: Set(Some(2.5)),
        ..Default::default()
    };
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 10).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    Ok(id)
}
