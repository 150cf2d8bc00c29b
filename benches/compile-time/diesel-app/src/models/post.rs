use diesel::{insert_into, prelude::*, update};

use crate::{
    models::category::Category,
    schema::{categories, posts},
};

const PAGE_SIZE: i64 = 20;

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = posts)]
pub struct Post {
    pub id: i64,
    pub category_id: i64,
    pub title: String,
    pub body: Option<String>,
    pub views: i64,
    pub rating: f64,
    pub is_published: bool,
    pub language: String,
    pub words: i32,
    pub summary: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Insertable)]
#[diesel(table_name = posts)]
pub struct NewPost {
    pub category_id: i64,
    pub title: String,
    pub body: Option<String>,
    pub views: i64,
    pub rating: f64,
    pub is_published: bool,
    pub language: String,
    pub words: i32,
    pub summary: Option<String>,
}

pub fn add(connection: &mut SqliteConnection, new: &NewPost) -> QueryResult<Post> {
    insert_into(posts::table)
        .values(new)
        .returning(Post::as_returning())
        .get_result(connection)
}

pub fn page(connection: &mut SqliteConnection, title: &str, rating: f64) -> QueryResult<Vec<Post>> {
    posts::table
        .filter(posts::title.eq(title))
        .filter(posts::rating.ge(rating))
        .order(posts::id.desc())
        .limit(PAGE_SIZE)
        .select(Post::as_select())
        .load(connection)
}

pub fn change(
    connection: &mut SqliteConnection,
    id: i64,
    title: &str,
    is_published: bool,
) -> QueryResult<usize> {
    update(posts::table.find(id))
        .set((posts::title.eq(title), posts::is_published.eq(is_published)))
        .execute(connection)
}

pub fn with_category(connection: &mut SqliteConnection, title: &str) -> QueryResult<Vec<(Post, Category)>> {
    posts::table
        .inner_join(categories::table)
        .filter(posts::title.eq(title))
        .order(categories::title.asc())
        .select((Post::as_select(), Category::as_select()))
        .load(connection)
}

/// Uses everything above once, and returns the key of the new row.
pub fn visit(connection: &mut SqliteConnection, parent: i64) -> QueryResult<i64> {
    let new = NewPost {
        category_id: parent,
        title: "sample".to_owned(),
        body: Some("sample".to_owned()),
        views: 1_000,
        rating: 2.5,
        is_published: false,
        language: "sample".to_owned(),
        words: 10,
        summary: Some("sample".to_owned()),
    };
    let id = add(connection, &new)?.id;
    assert_eq!(page(connection, "sample", 2.5)?.len(), 1);
    assert_eq!(change(connection, id, "changed", true)?, 1);
    assert_eq!(with_category(connection, "changed")?.len(), 1);
    Ok(id)
}
