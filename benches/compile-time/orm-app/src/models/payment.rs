use orm::prelude::*;

use super::order::Order;

const PAGE_SIZE: u64 = 20;

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "payments")]
pub struct Payment {
    #[model(primary_key)]
    pub id: i64,
    #[model(belongs_to(order: Order), index)]
    pub order_id: i64,
    pub provider: String,
    pub reference: Option<String>,
    pub amount: f64,
    pub fee: Option<f64>,
    pub is_refunded: bool,
    pub paid_at: i64,
    pub attempts: i32,
    pub error: Option<String>,
}

pub async fn add(db: &Engine, new: impl InsertRow<Model = Payment>) -> orm::Result<Payment> {
    db.fetch_one(insert(new).returning(Payment)).await
}

pub async fn page(db: &Engine, provider: &str, amount: f64) -> orm::Result<Vec<Payment>> {
    let query = select(Payment)
        .filter(Payment.provider.eq(provider))
        .filter(Payment.amount.ge(amount))
        .order_by(Payment.id.desc())
        .limit(PAGE_SIZE);
    db.fetch_all(query).await
}

pub async fn change(db: &Engine, id: i64, provider: &str, is_refunded: bool) -> orm::Result<u64> {
    let change = update(Payment)
        .set(Payment.provider, provider)
        .set(Payment.is_refunded, is_refunded)
        .filter(Payment.id.eq(id));
    db.execute(change).await
}

pub async fn with_order(db: &Engine, provider: &str) -> orm::Result<Vec<(Payment, Order)>> {
    let query = select((Payment, Order))
        .join(Payment.order)
        .filter(Payment.provider.eq(provider))
        .order_by(Order.number);
    db.fetch_all(query).await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &Engine, parent: i64) -> orm::Result<i64> {
    let new = Payment::builder()
        .order_id(parent)
        .provider("sample".to_owned())
        .reference(Some("sample".to_owned()))
        .amount(2.5)
        .fee(Some(2.5))
        .is_refunded(false)
        .paid_at(1_000)
        .attempts(10)
        .error(Some("sample".to_owned()));
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 2.5).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_order(db, "changed").await?.len(), 1);
    Ok(id)
}
