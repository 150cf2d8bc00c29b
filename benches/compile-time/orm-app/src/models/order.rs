use orm::prelude::*;

use super::user::User;

const PAGE_SIZE: u64 = 20;

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "orders")]
pub struct Order {
    #[model(primary_key)]
    pub id: i64,
    #[model(belongs_to(user: User), index)]
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

pub async fn add(db: &Engine, new: impl InsertRow<Model = Order>) -> orm::Result<Order> {
    db.fetch_one(insert(new).returning(Order)).await
}

pub async fn page(db: &Engine, number: &str, total: f64) -> orm::Result<Vec<Order>> {
    let query = select(Order)
        .filter(Order.number.eq(number))
        .filter(Order.total.ge(total))
        .order_by(Order.id.desc())
        .limit(PAGE_SIZE);
    db.fetch_all(query).await
}

pub async fn change(db: &Engine, id: i64, number: &str, is_paid: bool) -> orm::Result<u64> {
    let change = update(Order)
        .set(Order.number, number)
        .set(Order.is_paid, is_paid)
        .filter(Order.id.eq(id));
    db.execute(change).await
}

pub async fn with_user(db: &Engine, number: &str) -> orm::Result<Vec<(Order, User)>> {
    let query = select((Order, User))
        .join(Order.user)
        .filter(Order.number.eq(number))
        .order_by(User.name);
    db.fetch_all(query).await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &Engine, parent: i64) -> orm::Result<i64> {
    let new = Order::builder()
        .user_id(parent)
        .number("sample".to_owned())
        .status("sample".to_owned())
        .total(2.5)
        .item_count(10)
        .is_paid(false)
        .placed_at(1_000)
        .shipped_at(Some(1_000))
        .note(Some("sample".to_owned()));
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 2.5).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_user(db, "changed").await?.len(), 1);
    Ok(id)
}
