//! A shop: it takes orders, and sells nothing that it does not have.

use orm::Error;
use orm::prelude::*;
use rust_decimal::Decimal;

use crate::support::{Database, TestResult};

#[derive(Debug, Model)]
#[model(has_many(lines: Line.product_id))]
struct Product {
    #[model(primary_key)]
    id: i64,
    #[model(unique, max_length = 20)]
    name: String,
    #[model(check = "price > '0'")]
    price: Decimal,
    #[model(check = "stock >= 0")]
    stock: i64,
}

#[derive(Debug, Model)]
#[model(table = "orders", has_many(lines: Line.order_id))]
struct Order {
    #[model(primary_key)]
    id: i64,
    customer: String,
    #[model(default = State::Open, index)]
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, DbEnum)]
enum State {
    Open,
    Paid,
}

#[derive(Debug, Model)]
#[model(table = "order_line", primary_key(order_id, product_id))]
struct Line {
    #[model(belongs_to(order: Order), on_delete = cascade)]
    order_id: i64,
    #[model(belongs_to(product: Product), on_delete = restrict, index)]
    product_id: i64,
    #[model(check = "quantity > 0")]
    quantity: i64,
    /// What it cost on that day.
    price: Decimal,
}

/// What the shop tells its customers.
#[derive(Debug)]
enum ShopError {
    SoldOut(i64),
    Database(Error),
}

impl From<Error> for ShopError {
    fn from(error: Error) -> Self {
        ShopError::Database(error)
    }
}

const TEA: i64 = 1;
const CUP: i64 = 2;

async fn shop() -> orm::Result<Database> {
    let db = Database::new().await?;
    db.create_all(schema![Line, Order, Product]).await?;
    let products = [("tea", Decimal::new(310, 2), 10), ("cup", Decimal::new(1995, 2), 2)]
        .map(|(name, price, stock)| Product::builder().name(name).price(price).stock(stock));
    db.execute(insert(products)).await?;
    Ok(db)
}

/// Takes the goods out of the stock and writes the order down.
async fn place_order(tx: &mut impl Executor, customer: &str, wanted: &[(i64, i64)]) -> Result<i64, ShopError> {
    let order = tx.fetch_one(insert(Order::builder().customer(customer)).returning(Order.id)).await?;
    for &(product, quantity) in wanted {
        let taken = update(Product)
            .set(Product.stock, Product.stock - quantity)
            .filter(Product.id.eq(product))
            .returning(Product.price);
        let price = tx.fetch_one(taken).await.map_err(|error| sold_out(error, product))?;
        let line = Line::builder().order_id(order).product_id(product).quantity(quantity).price(price);
        tx.execute(insert(line)).await?;
    }
    Ok(order)
}

fn sold_out(error: Error, product: i64) -> ShopError {
    let constraint = error.context().and_then(|context| context.constraint.as_deref());
    match (&error, constraint) {
        (Error::CheckViolation { .. }, Some("ck_product_stock")) => ShopError::SoldOut(product),
        _ => ShopError::Database(error),
    }
}

async fn stock(db: &Engine) -> orm::Result<Vec<i64>> {
    db.fetch_all(select(Product.stock).order_by(Product.id)).await
}

#[tokio::test]
async fn an_order_takes_the_goods_and_adds_up_exactly() -> TestResult {
    let db = shop().await?;

    let order = db.transaction(async |tx| place_order(tx, "Ann", &[(TEA, 3), (CUP, 1)]).await).await;

    let order = order.expect("both are in stock");
    assert_eq!(stock(&db).await?, [7, 1]);
    let total = sum(Line.price * Line.quantity.cast::<Decimal>());
    let bill = select((Order.customer, total)).join(Order.lines).filter(Order.id.eq(order)).group_by(Order.id);
    // 3 * 3.10 + 19.95, which no binary float is.
    assert_eq!(db.fetch_one(bill).await?, ("Ann".to_owned(), Some(Decimal::new(2925, 2))));
    Ok(())
}

#[tokio::test]
async fn an_order_of_more_than_there_is_leaves_nothing_behind() -> TestResult {
    let db = shop().await?;

    let refused = db.transaction(async |tx| place_order(tx, "Bob", &[(TEA, 3), (CUP, 5)]).await).await;

    assert!(matches!(refused, Err(ShopError::SoldOut(CUP))), "{refused:?}");
    assert_eq!(stock(&db).await?, [10, 2]);
    assert_eq!(db.fetch_scalar(select(count_all()).from(Order)).await?, 0);
    assert_eq!(db.fetch_scalar(select(count_all()).from(Line)).await?, 0);
    Ok(())
}

#[tokio::test]
async fn an_order_of_a_product_that_is_unknown_leaves_nothing_behind() -> TestResult {
    let db = shop().await?;

    let refused = db.transaction(async |tx| place_order(tx, "Bob", &[(TEA, 1), (77, 1)]).await).await;

    assert!(matches!(refused, Err(ShopError::Database(Error::NoRow))), "{refused:?}");
    assert_eq!(stock(&db).await?, [10, 2]);
    Ok(())
}

#[tokio::test]
async fn what_one_customer_cannot_have_does_not_spoil_the_batch() -> TestResult {
    let db = shop().await?;

    let mut tx = db.begin().await?;
    let mut served = Vec::new();
    for (customer, wanted) in [("Ann", (CUP, 1)), ("Bob", (CUP, 9)), ("Cid", (TEA, 2))] {
        if tx.transaction(async |order| place_order(order, customer, &[wanted]).await).await.is_ok() {
            served.push(customer);
        }
    }
    tx.commit().await?;

    assert_eq!(served, ["Ann", "Cid"]);
    assert_eq!(stock(&db).await?, [8, 1]);
    assert_eq!(db.fetch_all(select(Order.customer).order_by(Order.id)).await?, served);
    Ok(())
}

#[tokio::test]
async fn the_last_piece_is_sold_once() -> TestResult {
    let db = shop().await?;

    let order = |customer| db.transaction(async move |tx| place_order(tx, customer, &[(CUP, 2)]).await);
    let (ann, bob) = tokio::join!(order("Ann"), order("Bob"));

    assert_eq!(i32::from(ann.is_ok()) + i32::from(bob.is_ok()), 1, "{ann:?}, {bob:?}");
    assert_eq!(stock(&db).await?, [10, 0]);
    Ok(())
}

#[tokio::test]
async fn a_product_that_was_sold_cannot_be_deleted_and_an_order_takes_its_lines_along() -> TestResult {
    let db = shop().await?;
    let order = db.transaction(async |tx| place_order(tx, "Ann", &[(TEA, 1)]).await).await;
    let order = order.expect("it is in stock");

    let refused = db.execute(delete(Product).filter(Product.id.eq(TEA))).await.expect_err("it was sold");

    assert!(matches!(refused, Error::ForeignKeyViolation { .. }), "{refused}");
    assert!(refused.to_string().contains("order_line.product_id"), "{refused}");
    assert_eq!(db.execute(delete(Order).filter(Order.id.eq(order))).await?, 1);
    assert_eq!(db.execute(delete(Product).filter(Product.id.eq(TEA))).await?, 1);
    Ok(())
}

#[tokio::test]
async fn what_no_product_can_be_is_refused_with_the_place() -> TestResult {
    let db = shop().await?;
    let refuse = async |product| {
        let error = db.execute(insert(product)).await.expect_err("no such product");
        let context = error.context().expect("the database refused it").clone();
        (error.kind(), context.table, context.columns, context.constraint)
    };
    let place = |kind, column: &str, constraint: &str| {
        (kind, Some("product".to_owned()), vec![column.to_owned()], Some(constraint.to_owned()))
    };
    let product = || Product::builder().name("pot").price(Decimal::ONE).stock(1);

    assert_eq!(refuse(product().name("tea")).await, place("UniqueViolation", "name", "uq_product_name"));
    assert_eq!(refuse(product().stock(-1)).await, place("CheckViolation", "stock", "ck_product_stock"));
    assert_eq!(refuse(product().price(Decimal::ZERO)).await, place("CheckViolation", "price", "ck_product_price"));
    let long = product().name("a pot that holds a litre");
    assert_eq!(refuse(long).await, place("CheckViolation", "name", "ck_product_name_length"));
    Ok(())
}

#[tokio::test]
async fn the_day_is_summed_up() -> TestResult {
    let db = shop().await?;
    for (customer, wanted) in [("Ann", (TEA, 4)), ("Bob", (TEA, 1)), ("Ann", (CUP, 1))] {
        let order = db.transaction(async |tx| place_order(tx, customer, &[wanted]).await).await;
        let paid = update(Order).set(Order.state, State::Paid).filter(Order.id.eq(order.expect("in stock")));
        db.execute(paid.filter(Order.customer.eq("Ann"))).await?;
    }

    let by_state = select((Order.state, count(Order.id))).group_by(Order.state).order_by(Order.state);
    assert_eq!(db.fetch_all(by_state).await?, [(State::Open, 1), (State::Paid, 2)]);

    let sold = select((Product.name, sum(Line.quantity).coalesce(0), max(Line.quantity)))
        .left_join(Product.lines)
        .group_by(Product.id)
        .order_by(Product.name);
    let expected = [("cup".to_owned(), 1, Some(1)), ("tea".to_owned(), 5, Some(4))];
    assert_eq!(db.fetch_all(sold).await?, expected);

    let dearest = select(Product.name).order_by(Product.price.desc()).limit(1);
    assert_eq!(db.fetch_scalar(dearest).await?, "cup");
    Ok(())
}
