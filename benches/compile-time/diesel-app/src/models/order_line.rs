use diesel::{insert_into, prelude::*, update};

use crate::{
    models::order::Order,
    schema::{order_lines, orders},
};

const PAGE_SIZE: i64 = 20;

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = order_lines)]
pub struct OrderLine {
    pub id: i64,
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

#[derive(Debug, Clone, PartialEq, Insertable)]
#[diesel(table_name = order_lines)]
pub struct NewOrderLine {
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

pub fn add(connection: &mut SqliteConnection, new: &NewOrderLine) -> QueryResult<OrderLine> {
    insert_into(order_lines::table)
        .values(new)
        .returning(OrderLine::as_returning())
        .get_result(connection)
}

pub fn page(connection: &mut SqliteConnection, product: &str, quantity: i32) -> QueryResult<Vec<OrderLine>> {
    order_lines::table
        .filter(order_lines::product.eq(product))
        .filter(order_lines::quantity.ge(quantity))
        .order(order_lines::id.desc())
        .limit(PAGE_SIZE)
        .select(OrderLine::as_select())
        .load(connection)
}

pub fn change(
    connection: &mut SqliteConnection,
    id: i64,
    product: &str,
    is_gift: bool,
) -> QueryResult<usize> {
    update(order_lines::table.find(id))
        .set((order_lines::product.eq(product), order_lines::is_gift.eq(is_gift)))
        .execute(connection)
}

pub fn with_order(connection: &mut SqliteConnection, product: &str) -> QueryResult<Vec<(OrderLine, Order)>> {
    order_lines::table
        .inner_join(orders::table)
        .filter(order_lines::product.eq(product))
        .order(orders::number.asc())
        .select((OrderLine::as_select(), Order::as_select()))
        .load(connection)
}

/// Uses everything above once, and returns the key of the new row.
pub fn visit(connection: &mut SqliteConnection, parent: i64) -> QueryResult<i64> {
    let new = NewOrderLine {
        order_id: parent,
        product: "sample".to_owned(),
        quantity: 10,
        price: 2.5,
        discount: Some(2.5),
        is_gift: false,
        weight: 1_000,
        message: Some("sample".to_owned()),
        sku: "sample".to_owned(),
    };
    let id = add(connection, &new)?.id;
    assert_eq!(page(connection, "sample", 10)?.len(), 1);
    assert_eq!(change(connection, id, "changed", true)?, 1);
    assert_eq!(with_order(connection, "changed")?.len(), 1);
    Ok(id)
}
