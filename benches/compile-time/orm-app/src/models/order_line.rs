use orm::prelude::*;

use super::order::Order;

const PAGE_SIZE: u64 = 20;

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "order_lines")]
pub struct OrderLine {
    #[model(primary_key)]
    pub id: i64,
    #[model(belongs_to(order: Order), index)]
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

pub async fn add(db: &Engine, new: impl InsertRow<Model = OrderLine>) -> orm::Result<OrderLine> {
    db.fetch_one(insert(new).returning(OrderLine)).await
}

pub async fn page(db: &Engine, product: &str, quantity: i32) -> orm::Result<Vec<OrderLine>> {
    let query = select(OrderLine)
        .filter(OrderLine.product.eq(product))
        .filter(OrderLine.quantity.ge(quantity))
        .order_by(OrderLine.id.desc())
        .limit(PAGE_SIZE);
    db.fetch_all(query).await
}

pub async fn change(db: &Engine, id: i64, product: &str, is_gift: bool) -> orm::Result<u64> {
    let change = update(OrderLine)
        .set(OrderLine.product, product)
        .set(OrderLine.is_gift, is_gift)
        .filter(OrderLine.id.eq(id));
    db.execute(change).await
}

pub async fn with_order(db: &Engine, product: &str) -> orm::Result<Vec<(OrderLine, Order)>> {
    let query = select((OrderLine, Order))
        .join(OrderLine.order)
        .filter(OrderLine.product.eq(product))
        .order_by(Order.number);
    db.fetch_all(query).await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &Engine, parent: i64) -> orm::Result<i64> {
    let new = OrderLine::builder()
        .order_id(parent)
        .product("sample".to_owned())
        .quantity(10)
        .price(2.5)
        .discount(Some(2.5))
        .is_gift(false)
        .weight(1_000)
        .message(Some("sample".to_owned()))
        .sku("sample".to_owned());
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 10).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_order(db, "changed").await?.len(), 1);
    Ok(id)
}
