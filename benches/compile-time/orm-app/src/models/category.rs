use orm::prelude::*;

use super::user::User;

const PAGE_SIZE: u64 = 20;

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "categories")]
pub struct Category {
    #[model(primary_key)]
    pub id: i64,
    #[model(belongs_to(user: User), index)]
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

pub async fn add(db: &Engine, new: impl InsertRow<Model = Category>) -> orm::Result<Category> {
    db.fetch_one(insert(new).returning(Category)).await
}

pub async fn page(db: &Engine, title: &str, position: i32) -> orm::Result<Vec<Category>> {
    let query = select(Category)
        .filter(Category.title.eq(title))
        .filter(Category.position.ge(position))
        .order_by(Category.id.desc())
        .limit(PAGE_SIZE);
    db.fetch_all(query).await
}

pub async fn change(db: &Engine, id: i64, title: &str, is_public: bool) -> orm::Result<u64> {
    let change = update(Category)
        .set(Category.title, title)
        .set(Category.is_public, is_public)
        .filter(Category.id.eq(id));
    db.execute(change).await
}

pub async fn with_user(db: &Engine, title: &str) -> orm::Result<Vec<(Category, User)>> {
    let query = select((Category, User))
        .join(Category.user)
        .filter(Category.title.eq(title))
        .order_by(User.name);
    db.fetch_all(query).await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &Engine, parent: i64) -> orm::Result<i64> {
    let new = Category::builder()
        .user_id(parent)
        .title("sample".to_owned())
        .slug("sample".to_owned())
        .position(10)
        .is_public(false)
        .weight(2.5)
        .description(Some("sample".to_owned()))
        .post_count(1_000)
        .color(Some("sample".to_owned()));
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 10).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_user(db, "changed").await?.len(), 1);
    Ok(id)
}
