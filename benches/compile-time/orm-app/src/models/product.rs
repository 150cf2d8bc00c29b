use orm::prelude::*;

use super::category::Category;

const PAGE_SIZE: u64 = 20;

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "products")]
pub struct Product {
    #[model(primary_key)]
    pub id: i64,
    #[model(belongs_to(category: Category), index)]
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

pub async fn add(db: &Engine, new: impl InsertRow<Model = Product>) -> orm::Result<Product> {
    db.fetch_one(insert(new).returning(Product)).await
}

pub async fn page(db: &Engine, name: &str, price: f64) -> orm::Result<Vec<Product>> {
    let query = select(Product)
        .filter(Product.name.eq(name))
        .filter(Product.price.ge(price))
        .order_by(Product.id.desc())
        .limit(PAGE_SIZE);
    db.fetch_all(query).await
}

pub async fn change(db: &Engine, id: i64, name: &str, is_active: bool) -> orm::Result<u64> {
    let change = update(Product)
        .set(Product.name, name)
        .set(Product.is_active, is_active)
        .filter(Product.id.eq(id));
    db.execute(change).await
}

pub async fn with_category(db: &Engine, name: &str) -> orm::Result<Vec<(Product, Category)>> {
    let query = select((Product, Category))
        .join(Product.category)
        .filter(Product.name.eq(name))
        .order_by(Category.title);
    db.fetch_all(query).await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &Engine, parent: i64) -> orm::Result<i64> {
    let new = Product::builder()
        .category_id(parent)
        .name("sample".to_owned())
        .sku("sample".to_owned())
        .price(2.5)
        .stock(10)
        .is_active(false)
        .weight(Some(2.5))
        .description(Some("sample".to_owned()))
        .sold(1_000);
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 2.5).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_category(db, "changed").await?.len(), 1);
    Ok(id)
}
