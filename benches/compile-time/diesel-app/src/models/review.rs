use diesel::{insert_into, prelude::*, update};

use crate::{
    models::product::Product,
    schema::{products, reviews},
};

const PAGE_SIZE: i64 = 20;

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = reviews)]
pub struct Review {
    pub id: i64,
    pub product_id: i64,
    pub headline: String,
    pub body: Option<String>,
    pub stars: i32,
    pub is_verified: bool,
    pub helpful: i64,
    pub reviewer: String,
    pub score: Option<f64>,
    pub reply: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Insertable)]
#[diesel(table_name = reviews)]
pub struct NewReview {
    pub product_id: i64,
    pub headline: String,
    pub body: Option<String>,
    pub stars: i32,
    pub is_verified: bool,
    pub helpful: i64,
    pub reviewer: String,
    pub score: Option<f64>,
    pub reply: Option<String>,
}

pub fn add(connection: &mut SqliteConnection, new: &NewReview) -> QueryResult<Review> {
    insert_into(reviews::table)
        .values(new)
        .returning(Review::as_returning())
        .get_result(connection)
}

pub fn page(connection: &mut SqliteConnection, headline: &str, stars: i32) -> QueryResult<Vec<Review>> {
    reviews::table
        .filter(reviews::headline.eq(headline))
        .filter(reviews::stars.ge(stars))
        .order(reviews::id.desc())
        .limit(PAGE_SIZE)
        .select(Review::as_select())
        .load(connection)
}

pub fn change(
    connection: &mut SqliteConnection,
    id: i64,
    headline: &str,
    is_verified: bool,
) -> QueryResult<usize> {
    update(reviews::table.find(id))
        .set((
            reviews::headline.eq(headline),
            reviews::is_verified.eq(is_verified),
        ))
        .execute(connection)
}

pub fn with_product(
    connection: &mut SqliteConnection,
    headline: &str,
) -> QueryResult<Vec<(Review, Product)>> {
    reviews::table
        .inner_join(products::table)
        .filter(reviews::headline.eq(headline))
        .order(products::name.asc())
        .select((Review::as_select(), Product::as_select()))
        .load(connection)
}

/// Uses everything above once, and returns the key of the new row.
pub fn visit(connection: &mut SqliteConnection, parent: i64) -> QueryResult<i64> {
    let new = NewReview {
        product_id: parent,
        headline: "sample".to_owned(),
        body: Some("sample".to_owned()),
        stars: 10,
        is_verified: false,
        helpful: 1_000,
        reviewer: "sample".to_owned(),
        score: Some(2.5),
        reply: Some("sample".to_owned()),
    };
    let id = add(connection, &new)?.id;
    assert_eq!(page(connection, "sample", 10)?.len(), 1);
    assert_eq!(change(connection, id, "changed", true)?, 1);
    assert_eq!(with_product(connection, "changed")?.len(), 1);
    Ok(id)
}
