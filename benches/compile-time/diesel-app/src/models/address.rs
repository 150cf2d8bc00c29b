use diesel::{insert_into, prelude::*, update};

use crate::{
    models::user::User,
    schema::{addresses, users},
};

const PAGE_SIZE: i64 = 20;

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = addresses)]
pub struct Address {
    pub id: i64,
    pub user_id: i64,
    pub street: String,
    pub city: String,
    pub postal_code: Option<String>,
    pub floor: Option<i32>,
    pub is_primary: bool,
    pub latitude: f64,
    pub longitude: f64,
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Insertable)]
#[diesel(table_name = addresses)]
pub struct NewAddress {
    pub user_id: i64,
    pub street: String,
    pub city: String,
    pub postal_code: Option<String>,
    pub floor: Option<i32>,
    pub is_primary: bool,
    pub latitude: f64,
    pub longitude: f64,
    pub note: Option<String>,
}

pub fn add(connection: &mut SqliteConnection, new: &NewAddress) -> QueryResult<Address> {
    insert_into(addresses::table)
        .values(new)
        .returning(Address::as_returning())
        .get_result(connection)
}

pub fn page(connection: &mut SqliteConnection, street: &str, latitude: f64) -> QueryResult<Vec<Address>> {
    addresses::table
        .filter(addresses::street.eq(street))
        .filter(addresses::latitude.ge(latitude))
        .order(addresses::id.desc())
        .limit(PAGE_SIZE)
        .select(Address::as_select())
        .load(connection)
}

pub fn change(
    connection: &mut SqliteConnection,
    id: i64,
    street: &str,
    is_primary: bool,
) -> QueryResult<usize> {
    update(addresses::table.find(id))
        .set((addresses::street.eq(street), addresses::is_primary.eq(is_primary)))
        .execute(connection)
}

pub fn with_user(connection: &mut SqliteConnection, street: &str) -> QueryResult<Vec<(Address, User)>> {
    addresses::table
        .inner_join(users::table)
        .filter(addresses::street.eq(street))
        .order(users::name.asc())
        .select((Address::as_select(), User::as_select()))
        .load(connection)
}

/// Uses everything above once, and returns the key of the new row.
pub fn visit(connection: &mut SqliteConnection, parent: i64) -> QueryResult<i64> {
    let new = NewAddress {
        user_id: parent,
        street: "sample".to_owned(),
        city: "sample".to_owned(),
        postal_code: Some("sample".to_owned()),
        floor: Some(10),
        is_primary: false,
        latitude: 2.5,
        longitude: 2.5,
        note: Some("sample".to_owned()),
    };
    let id = add(connection, &new)?.id;
    assert_eq!(page(connection, "sample", 2.5)?.len(), 1);
    assert_eq!(change(connection, id, "changed", true)?, 1);
    assert_eq!(with_user(connection, "changed")?.len(), 1);
    Ok(id)
}
