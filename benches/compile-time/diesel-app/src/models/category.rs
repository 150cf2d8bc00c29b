use diesel::{insert_into, prelude::*, update};

use crate::{
    models::user::User,
    schema::{categories, users},
};

const PAGE_SIZE: i64 = 20;

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = categories)]
pub struct Category {
    pub id: i64,
    pub user_id: i64,
    pub title: String,
    pub slug: String,
    pub position: i32,
    pub is_public: bool,
    pub weight: f64,
    pub description: Option<String>,
    pub post_count: i64,
    pub color: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Insertable)]
#[diesel(table_name = categories)]
pub struct NewCategory {
    pub user_id: i64,
    pub title: String,
    pub slug: String,
    pub position: i32,
    pub is_public: bool,
    pub weight: f64,
    pub description: Option<String>,
    pub post_count: i64,
    pub color: Option<String>,
}

pub fn add(connection: &mut SqliteConnection, new: &NewCategory) -> QueryResult<Category> {
    insert_into(categories::table)
        .values(new)
        .returning(Category::as_returning())
        .get_result(connection)
}

pub fn page(connection: &mut SqliteConnection, title: &str, position: i32) -> QueryResult<Vec<Category>> {
    categories::table
        .filter(categories::title.eq(title))
        .filter(categories::position.ge(position))
        .order(categories::id.desc())
        .limit(PAGE_SIZE)
        .select(Category::as_select())
        .load(connection)
}

pub fn change(
    connection: &mut SqliteConnection,
    id: i64,
    title: &str,
    is_public: bool,
) -> QueryResult<usize> {
    update(categories::table.find(id))
        .set((categories::title.eq(title), categories::is_public.eq(is_public)))
        .execute(connection)
}

pub fn with_user(connection: &mut SqliteConnection, title: &str) -> QueryResult<Vec<(Category, User)>> {
    categories::table
        .inner_join(users::table)
        .filter(categories::title.eq(title))
        .order(users::name.asc())
        .select((Category::as_select(), User::as_select()))
        .load(connection)
}

/// Uses everything above once, and returns the key of the new row.
pub fn visit(connection: &mut SqliteConnection, parent: i64) -> QueryResult<i64> {
    let new = NewCategory {
        user_id: parent,
        title: "sample".to_owned(),
        slug: "sample".to_owned(),
        position: 10,
        is_public: false,
        weight: 2.5,
        description: Some("sample".to_owned()),
        post_count: 1_000,
        color: Some("sample".to_owned()),
    };
    let id = add(connection, &new)?.id;
    assert_eq!(page(connection, "sample", 10)?.len(), 1);
    assert_eq!(change(connection, id, "changed", true)?, 1);
    assert_eq!(with_user(connection, "changed")?.len(), 1);
    Ok(id)
}
