use diesel::{insert_into, prelude::*, update};

use crate::{
    models::post::Post,
    schema::{comments, posts},
};

const PAGE_SIZE: i64 = 20;

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = comments)]
pub struct Comment {
    pub id: i64,
    pub post_id: i64,
    pub text: String,
    pub author: String,
    pub likes: i32,
    pub is_spam: bool,
    pub sentiment: Option<f64>,
    pub replies: i64,
    pub address: Option<String>,
    pub is_edited: bool,
}

#[derive(Debug, Clone, PartialEq, Insertable)]
#[diesel(table_name = comments)]
pub struct NewComment {
    pub post_id: i64,
    pub text: String,
    pub author: String,
    pub likes: i32,
    pub is_spam: bool,
    pub sentiment: Option<f64>,
    pub replies: i64,
    pub address: Option<String>,
    pub is_edited: bool,
}

pub fn add(connection: &mut SqliteConnection, new: &NewComment) -> QueryResult<Comment> {
    insert_into(comments::table)
        .values(new)
        .returning(Comment::as_returning())
        .get_result(connection)
}

pub fn page(connection: &mut SqliteConnection, text: &str, likes: i32) -> QueryResult<Vec<Comment>> {
    comments::table
        .filter(comments::text.eq(text))
        .filter(comments::likes.ge(likes))
        .order(comments::id.desc())
        .limit(PAGE_SIZE)
        .select(Comment::as_select())
        .load(connection)
}

pub fn change(connection: &mut SqliteConnection, id: i64, text: &str, is_spam: bool) -> QueryResult<usize> {
    update(comments::table.find(id))
        .set((comments::text.eq(text), comments::is_spam.eq(is_spam)))
        .execute(connection)
}

pub fn with_post(connection: &mut SqliteConnection, text: &str) -> QueryResult<Vec<(Comment, Post)>> {
    comments::table
        .inner_join(posts::table)
        .filter(comments::text.eq(text))
        .order(posts::title.asc())
        .select((Comment::as_select(), Post::as_select()))
        .load(connection)
}

/// Uses everything above once, and returns the key of the new row.
pub fn visit(connection: &mut SqliteConnection, parent: i64) -> QueryResult<i64> {
    let new = NewComment {
        post_id: parent,
        text: "sample".to_owned(),
        author: "sample".to_owned(),
        likes: 10,
        is_spam: false,
        sentiment: Some(2.5),
        replies: 1_000,
        address: Some("sample".to_owned()),
        is_edited: false,
    };
    let id = add(connection, &new)?.id;
    assert_eq!(page(connection, "sample", 10)?.len(), 1);
    assert_eq!(change(connection, id, "changed", true)?, 1);
    assert_eq!(with_post(connection, "changed")?.len(), 1);
    Ok(id)
}
