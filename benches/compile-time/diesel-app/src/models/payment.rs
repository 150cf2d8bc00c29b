use diesel::{insert_into, prelude::*, update};

use crate::{
    models::order::Order,
    schema::{orders, payments},
};

const PAGE_SIZE: i64 = 20;

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = payments)]
pub struct Payment {
    pub id: i64,
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

#[derive(Debug, Clone, PartialEq, Insertable)]
#[diesel(table_name = payments)]
pub struct NewPayment {
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

pub fn add(connection: &mut SqliteConnection, new: &NewPayment) -> QueryResult<Payment> {
    insert_into(payments::table)
        .values(new)
        .returning(Payment::as_returning())
        .get_result(connection)
}

pub fn page(connection: &mut SqliteConnection, provider: &str, amount: f64) -> QueryResult<Vec<Payment>> {
    payments::table
        .filter(payments::provider.eq(provider))
        .filter(payments::amount.ge(amount))
        .order(payments::id.desc())
        .limit(PAGE_SIZE)
        .select(Payment::as_select())
        .load(connection)
}

pub fn change(
    connection: &mut SqliteConnection,
    id: i64,
    provider: &str,
    is_refunded: bool,
) -> QueryResult<usize> {
    update(payments::table.find(id))
        .set((
            payments::provider.eq(provider),
            payments::is_refunded.eq(is_refunded),
        ))
        .execute(connection)
}

pub fn with_order(connection: &mut SqliteConnection, provider: &str) -> QueryResult<Vec<(Payment, Order)>> {
    payments::table
        .inner_join(orders::table)
        .filter(payments::provider.eq(provider))
        .order(orders::number.asc())
        .select((Payment::as_select(), Order::as_select()))
        .load(connection)
}

/// Uses everything above once, and returns the key of the new row.
pub fn visit(connection: &mut SqliteConnection, parent: i64) -> QueryResult<i64> {
    let new = NewPayment {
        order_id: parent,
        provider: "sample".to_owned(),
        reference: Some("sample".to_owned()),
        amount: 2.5,
        fee: Some(2.5),
        is_refunded: false,
        paid_at: 1_000,
        attempts: 10,
        error: Some("sample".to_owned()),
    };
    let id = add(connection, &new)?.id;
    assert_eq!(page(connection, "sample", 2.5)?.len(), 1);
    assert_eq!(change(connection, id, "changed", true)?, 1);
    assert_eq!(with_order(connection, "changed")?.len(), 1);
    Ok(id)
}
