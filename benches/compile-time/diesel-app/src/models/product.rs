use diesel::{insert_into, prelude::*, update};

use crate::{
    models::category::Category,
    schema::{categories, products},
};

const PAGE_SIZE: i64 = 20;

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = products)]
pub struct Product {
    pub id: i64,
    pub category_id: i64,
    pub name: String,
    pub sku: String,
    pub price: f64,
    pub stock: i32,
    pub is_active: bool,
    pub weight: Option<f64>,
    pub description: Option<String>,
    pub sold: i64,
}

#[derive(Debug, Clone, PartialEq, Insertable)]
#[diesel(table_name = products)]
pub struct NewProduct {
    pub category_id: i64,
    pub name: String,
    pub sku: String,
    pub price: f64,
    pub stock: i32,
    pub is_active: bool,
    pub weight: Option<f64>,
    pub description: Option<String>,
    pub sold: i64,
}

pub fn add(connection: &mut SqliteConnection, new: &NewProduct) -> QueryResult<Product> {
    insert_into(products::table)
        .values(new)
        .returning(Product::as_returning())
        .get_result(connection)
}

pub fn page(connection: &mut SqliteConnection, name: &str, price: f64) -> QueryResult<Vec<Product>> {
    products::table
        .filter(products::name.eq(name))
        .filter(products::price.ge(price))
        .order(products::id.desc())
        .limit(PAGE_SIZE)
        .select(Product::as_select())
        .load(connection)
}

pub fn change(connection: &mut SqliteConnection, id: i64, name: &str, is_active: bool) -> QueryResult<usize> {
    update(products::table.find(id))
        .set((products::name.eq(name), products::is_active.eq(is_active)))
        .execute(connection)
}

pub fn with_category(connection: &mut SqliteConnection, name: &str) -> QueryResult<Vec<(Product, Category)>> {
    products::table
        .inner_join(categories::table)
        .filter(products::name.eq(name))
        .order(categories::title.asc())
        .select((Product::as_select(), Category::as_select()))
        .load(connection)
}

/// Uses everything above once, and returns the key of the new row.
pub fn visit(connection: &mut SqliteConnection, parent: i64) -> QueryResult<i64> {
    let new = NewProduct {
        category_id: parent,
        name: "sample".to_owned(),
        sku: "sample".to_owned(),
        price: 2.5,
        stock: 10,
        is_active: false,
        weight: Some(2.5),
        description: Some("sample".to_owned()),
        sold: 1_000,
    };
    let id = add(connection, &new)?.id;
    assert_eq!(page(connection, "sample", 2.5)?.len(), 1);
    assert_eq!(change(connection, id, "changed", true)?, 1);
    assert_eq!(with_category(connection, "changed")?.len(), 1);
    Ok(id)
}
