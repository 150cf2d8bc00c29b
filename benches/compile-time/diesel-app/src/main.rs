//! Ten models of ten columns with Diesel: inserts, filters and changes a row of each, and joins it with its parent.

use diesel::{connection::SimpleConnection, prelude::*};

mod models;
mod schema;

use models::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut connection = SqliteConnection::establish(":memory:")?;
    let connection = &mut connection;
    connection.batch_execute("PRAGMA foreign_keys = ON")?;
    connection.batch_execute(include_str!("schema.sql"))?;

    let user = user::visit(connection, 0)?;
    let address = address::visit(connection, user)?;
    let category = category::visit(connection, user)?;
    let post = post::visit(connection, category)?;
    let comment = comment::visit(connection, post)?;
    let product = product::visit(connection, category)?;
    let review = review::visit(connection, product)?;
    let order = order::visit(connection, user)?;
    let order_line = order_line::visit(connection, order)?;
    let payment = payment::visit(connection, order)?;
    println!(
        "keys {:?}",
        [
            user, address, category, post, comment, product, review, order, order_line, payment
        ]
    );
    Ok(())
}
