use orm::prelude::*;

use super::category::Category;

const PAGE_SIZE: u64 = 20;

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "posts")]
pub struct Post {
    #[model(primary_key)]
    pub id: i64,
    #[model(belongs_to(category: Category), index)]
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

pub async fn add(db: &Engine, new: impl InsertRow<Model = Post>) -> orm::Result<Post> {
    db.fetch_one(insert(new).returning(Post)).await
}

pub async fn page(db: &Engine, title: &str, rating: f64) -> orm::Result<Vec<Post>> {
    let query = select(Post)
        .filter(Post.title.eq(title))
        .filter(Post.rating.ge(rating))
        .order_by(Post.id.desc())
        .limit(PAGE_SIZE);
    db.fetch_all(query).await
}

pub async fn change(db: &Engine, id: i64, title: &str, is_published: bool) -> orm::Result<u64> {
    let change = update(Post)
        .set(Post.title, title)
        .set(Post.is_published, is_published)
        .filter(Post.id.eq(id));
    db.execute(change).await
}

pub async fn with_category(db: &Engine, title: &str) -> orm::Result<Vec<(Post, Category)>> {
    let query = select((Post, Category))
        .join(Post.category)
        .filter(Post.title.eq(title))
        .order_by(Category.title);
    db.fetch_all(query).await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &Engine, parent: i64) -> orm::Result<i64> {
    let new = Post::builder()
        .category_id(parent)
        .title("sample".to_owned())
        .body(Some("sample".to_owned()))
        .views(1_000)
        .rating(2.5)
        .is_published(false)
        .language("sample".to_owned())
        .words(10)
        .summary(Some("sample".to_owned()));
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 2.5).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_category(db, "changed").await?.len(), 1);
    Ok(id)
}
