use orm::prelude::*;

use super::product::Product;

const PAGE_SIZE: u64 = 20;

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "reviews")]
pub struct Review {
    #[model(primary_key)]
    pub id: i64,
    #[model(belongs_to(product: Product), index)]
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

pub async fn add(db: &Engine, new: impl InsertRow<Model = Review>) -> orm::Result<Review> {
    db.fetch_one(insert(new).returning(Review)).await
}

pub async fn page(db: &Engine, headline: &str, stars: i32) -> orm::Result<Vec<Review>> {
    let query = select(Review)
        .filter(Review.headline.eq(headline))
        .filter(Review.stars.ge(stars))
        .order_by(Review.id.desc())
        .limit(PAGE_SIZE);
    db.fetch_all(query).await
}

pub async fn change(db: &Engine, id: i64, headline: &str, is_verified: bool) -> orm::Result<u64> {
    let change = update(Review)
        .set(Review.headline, headline)
        .set(Review.is_verified, is_verified)
        .filter(Review.id.eq(id));
    db.execute(change).await
}

pub async fn with_product(db: &Engine, headline: &str) -> orm::Result<Vec<(Review, Product)>> {
    let query = select((Review, Product))
        .join(Review.product)
        .filter(Review.headline.eq(headline))
        .order_by(Product.name);
    db.fetch_all(query).await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &Engine, parent: i64) -> orm::Result<i64> {
    let new = Review::builder()
        .product_id(parent)
        .headline("sample".to_owned())
        .body(Some("sample".to_owned()))
        .stars(10)
        .is_verified(false)
        .helpful(1_000)
        .reviewer("sample".to_owned())
        .score(Some(2.5))
        .reply(Some("sample".to_owned()));
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 10).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_product(db, "changed").await?.len(), 1);
    Ok(id)
}
