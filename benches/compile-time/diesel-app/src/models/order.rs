use diesel::{insert_into, prelude::*, update};

use crate::{
    models::user::User,
    schema::{orders, users},
};

const PAGE_SIZE: i64 = 20;

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = orders)]
pub struct Order {
    pub id: i64,
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

#[derive(Debug, Clone, PartialEq, Insertable)]
#[diesel(table_name = orders)]
pub struct NewOrder {
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

pub fn add(connection: &mut SqliteConnection, new: &NewOrder) -> QueryResult<Order> {
    insert_into(orders::table)
        .values(new)
        .returning(Order::as_returning())
        .get_result(connection)
}

pub fn page(connection: &mut SqliteConnection, number: &str, total: f64) -> QueryResult<Vec<Order>> {
    orders::table
        .filter(orders::number.eq(number))
        .filter(orders::total.ge(total))
        .order(orders::id.desc())
        .limit(PAGE_SIZE)
        .select(Order::as_select())
        .load(connection)
}

pub fn change(connection: &mut SqliteConnection, id: i64, number: &str, is_paid: bool) -> QueryResult<usize> {
    update(orders::table.find(id))
        .set((orders::number.eq(number), orders::is_paid.eq(is_paid)))
        .execute(connection)
}

pub fn with_user(connection: &mut SqliteConnection, number: &str) -> QueryResult<Vec<(Order, User)>> {
    orders::table
        .inner_join(users::table)
        .filter(orders::number.eq(number))
        .order(users::name.asc())
        .select((Order::as_select(), User::as_select()))
        .load(connection)
}

/// Uses everything above once, and returns the key of the new row.
pub fn visit(connection: &mut SqliteConnection, parent: i64) -> QueryResult<i64> {
    let new = NewOrder {
        user_id: parent,
        number: "sample".to_owned(),
        status: "sample".to_owned(),
        total: 2.5,
        item_count: 10,
        is_paid: false,
        placed_at: 1_000,
        shipped_at: Some(1_000),
        note: Some("sample".to_owned()),
    };
    let id = add(connection, &new)?.id;
    assert_eq!(page(connection, "sample", 2.5)?.len(), 1);
    assert_eq!(change(connection, id, "changed", true)?, 1);
    assert_eq!(with_user(connection, "changed")?.len(), 1);
    Ok(id)
}
