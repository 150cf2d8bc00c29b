//! A shop: categories and their products, prices that are looked at before anything is written, and products that are taken
//! out of the shop without being deleted.
//!
//! `cargo run --example shop`

#![expect(clippy::print_stdout, reason = "the example says what it does")]

use anyhow::Context as _;
use orm::Error;
use orm::prelude::*;

/// A shelf of the shop.
#[derive(Debug, Clone, Model)]
#[model(has_many(products: Product.category_id))]
pub struct Category {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// What stands on it.
    #[model(unique)]
    pub name: String,
}

/// Something to buy.
#[derive(Debug, Clone, Model)]
pub struct Product {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// Where it stands.
    #[model(belongs_to(category: Category), on_delete = cascade, index)]
    pub category_id: i64,
    /// What it is.
    pub name: String,
    /// In cents: money is no float.
    pub price: i64,
    /// Whether it can be bought; what cannot stays in the table.
    #[model(default = true)]
    pub on_sale: bool,
}

/// What every product must be, whoever writes it through a session.
fn rules() -> Hooks {
    Hooks::new().validate(|product: &Product, violations| {
        if product.name.trim().is_empty() {
            violations.add(Product.name, "a product needs a name");
        }
        if product.price <= 0 {
            violations.add(Product.price, format!("{} is no price: it must be above 0", product.price));
        }
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    // What is not on sale is not there, unless a statement says that it means it.
    let engine =
        Engine::builder("sqlite::memory:").hooks(rules()).filter(Product, Product.on_sale.eq(true)).connect().await?;
    engine.create_all(schema![Category, Product]).await?;

    fill(&engine).await?;
    browse(&engine).await?;
    refuse_bad_prices(&engine).await?;
    withdraw(&engine).await?;
    close_a_category(&engine).await
}

/// Categories with their products: one INSERT for each table.
async fn fill(engine: &Engine) -> anyhow::Result<()> {
    let product = |name: &str, price| Product::builder().name(name).price(price);
    let mut session = Session::new(engine);
    let books = [product("The Book of SQL", 3_900), product("Rust by Night", 2_450)];
    session.add(Category::builder().name("Books").products(books));
    session.add(Category::builder().name("Tea").products([product("Darjeeling", 890)]));
    session.commit().await?;
    println!("the shop is open");
    Ok(())
}

/// A category's products, by the relation's other side.
async fn browse(engine: &Engine) -> anyhow::Result<()> {
    let mut session = Session::new(engine);
    let categories = session.query(Category).order_by(Category.name).with(Category.products).all().await?;
    for category in categories {
        for product in session.related(category, Category.products)? {
            let (category, product) = (&session[category], &session[product]);
            println!("{:<6} {:<16} {:>4}.{:02}", category.name, product.name, product.price / 100, product.price % 100);
        }
    }
    Ok(())
}

/// All mistakes come at once, and nothing is written.
async fn refuse_bad_prices(engine: &Engine) -> anyhow::Result<()> {
    let mut session = Session::new(engine);
    let tea = session.query(Category).filter(Category.name.eq("Tea")).one().await?;
    session.add(Product::builder().name("Assam").price(-5).category(tea));
    session.add(Product::builder().name(" ").price(0).category(tea));
    let Err(Error::Invalid(violations)) = session.commit().await else {
        anyhow::bail!("the prices should have been refused");
    };
    println!("refused for {} reasons:", violations.len());
    for violation in violations {
        println!("  {}: {}", violation.column.unwrap_or("the row"), violation.message);
    }
    Ok(())
}

/// A product that is no longer sold stays in the table, for old invoices.
async fn withdraw(engine: &Engine) -> anyhow::Result<()> {
    let withdrawn = update(Product).set(Product.on_sale, false).filter(Product.name.eq("Rust by Night"));
    engine.execute(withdrawn).await?;
    let on_sale = engine.fetch_scalar(select(count(Product.id))).await?;
    let all = engine.fetch_scalar(select(count(Product.id)).without_filters()).await?;
    println!("{on_sale} of {all} products are on sale");
    Ok(())
}

/// The database deletes the products of a category with it, on sale or not.
async fn close_a_category(engine: &Engine) -> anyhow::Result<()> {
    let mut session = Session::new(engine);
    let books = session.query(Category).filter(Category.name.eq("Books")).first().await?.context("there are books")?;
    session.delete(books)?;
    session.commit().await?;
    let left = engine.fetch_all(select(Product.name).without_filters()).await?;
    println!("without books there is left: {}", left.join(", "));
    Ok(())
}
