//! Ten models of ten columns with this ORM: inserts, filters and changes a row of each, and joins it with its parent.

use orm::prelude::*;

mod models;

use models::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> orm::Result<()> {
    let db = &orm::connect("sqlite::memory:").await?;
    db.create_all(schema![
        user::User,
        address::Address,
        category::Category,
        post::Post,
        comment::Comment,
        product::Product,
        review::Review,
        order::Order,
        order_line::OrderLine,
        payment::Payment
    ])
    .await?;

    let user = user::visit(db, 0).await?;
    let address = address::visit(db, user).await?;
    let category = category::visit(db, user).await?;
    let post = post::visit(db, category).await?;
    let comment = comment::visit(db, post).await?;
    let product = product::visit(db, category).await?;
    let review = review::visit(db, product).await?;
    let order = order::visit(db, user).await?;
    let order_line = order_line::visit(db, order).await?;
    let payment = payment::visit(db, order).await?;
    println!(
        "keys {:?}",
        [
            user, address, category, post, comment, product, review, order, order_line, payment
        ]
    );
    Ok(())
}
