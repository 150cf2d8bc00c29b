use diesel::{insert_into, prelude::*, update};

use crate::schema::users;

const PAGE_SIZE: i64 = 20;

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = users)]
pub struct User {
    pub id: i64,
    pub name: String,
    pub email: String,
    pub hair_color: Option<String>,
    pub age: i32,
    pub is_admin: bool,
    pub score: f64,
    pub bio: Option<String>,
    pub logins: i64,
    pub height: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Insertable)]
#[diesel(table_name = users)]
pub struct NewUser {
    pub name: String,
    pub email: String,
    pub hair_color: Option<String>,
    pub age: i32,
    pub is_admin: bool,
    pub score: f64,
    pub bio: Option<String>,
    pub logins: i64,
    pub height: Option<f64>,
}

pub fn add(connection: &mut SqliteConnection, new: &NewUser) -> QueryResult<User> {
    insert_into(users::table)
        .values(new)
        .returning(User::as_returning())
        .get_result(connection)
}

pub fn page(connection: &mut SqliteConnection, name: &str, age: i32) -> QueryResult<Vec<User>> {
    users::table
        .filter(users::name.eq(name))
        .filter(users::age.ge(age))
        .order(users::id.desc())
        .limit(PAGE_SIZE)
        .select(User::as_select())
        .load(connection)
}

pub fn change(connection: &mut SqliteConnection, id: i64, name: &str, is_admin: bool) -> QueryResult<usize> {
    update(users::table.find(id))
        .set((users::name.eq(name), users::is_admin.eq(is_admin)))
        .execute(connection)
}

/// Uses everything above once, and returns the key of the new row.
pub fn visit(connection: &mut SqliteConnection, _parent: i64) -> QueryResult<i64> {
    let new = NewUser {
        name: "sample".to_owned(),
        email: "sample".to_owned(),
        hair_color: Some("sample".to_owned()),
        age: 10,
        is_admin: false,
        score: 2.5,
        bio: Some("sample".to_owned()),
        logins: 1_000,
        height: Some(2.5),
    };
    let id = add(connection, &new)?.id;
    assert_eq!(page(connection, "sample", 10)?.len(), 1);
    assert_eq!(change(connection, id, "changed", true)?, 1);
    Ok(id)
}
