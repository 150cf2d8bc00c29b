//! Money: amounts are exact in every place where a statement can use them.

use orm::expr::{greatest, least};
use orm::prelude::*;
use rust_decimal::Decimal;

use crate::support::{Database, TestResult};

#[derive(Debug, Clone, PartialEq, Model)]
struct Invoice {
    #[model(primary_key)]
    id: i64,
    amount: Decimal,
    paid: Option<Decimal>,
}

fn amount(text: &str) -> Decimal {
    text.parse().expect("an amount")
}

/// As text, `10` is smaller than `9.5`, and `9.50` is not `9.5`.
async fn invoices() -> orm::Result<Database> {
    let db = Database::new().await?;
    db.create_all(schema![Invoice]).await?;
    let invoices = [("9.5", Some("9.50")), ("10", Some("2")), ("100.25", None)]
        .map(|(total, paid)| Invoice::builder().amount(amount(total)).paid(paid.map(amount)));
    db.execute(insert(invoices)).await?;
    Ok(db)
}

async fn ids(db: &Engine, condition: Expr<bool>) -> orm::Result<Vec<i64>> {
    db.fetch_all(select(Invoice.id).filter(condition).order_by(Invoice.id)).await
}

#[tokio::test]
async fn amounts_are_compared_by_value() -> TestResult {
    let db = invoices().await?;

    assert_eq!(ids(&db, Invoice.amount.eq(amount("9.500"))).await?, [1]);
    assert_eq!(ids(&db, Invoice.amount.gt(amount("9.5"))).await?, [2, 3]);
    assert_eq!(ids(&db, Invoice.amount.between(amount("9"), amount("10.0"))).await?, [1, 2]);
    assert_eq!(ids(&db, Invoice.amount.in_([amount("10.00"), amount("100.250")])).await?, [2, 3]);
    assert_eq!(ids(&db, Invoice.paid.eq(Invoice.amount)).await?, [1]);
    Ok(())
}

#[tokio::test]
async fn what_is_computed_is_compared_by_value_too() -> TestResult {
    let db = invoices().await?;

    assert_eq!(ids(&db, (Invoice.amount + Invoice.amount).gt(amount("19"))).await?, [2, 3]);
    assert_eq!(ids(&db, Invoice.paid.coalesce(amount("0")).lt(amount("10"))).await?, [1, 2, 3]);
    assert_eq!(ids(&db, (Invoice.amount - Invoice.paid).eq(amount("0"))).await?, [1]);
    assert_eq!(ids(&db, (-Invoice.amount).lt(amount("-9.5"))).await?, [2, 3]);
    assert_eq!(ids(&db, (Invoice.amount * amount("2")).in_([amount("19"), amount("20")])).await?, [1, 2]);
    Ok(())
}

#[tokio::test]
async fn amounts_are_sorted_and_grouped_by_value() -> TestResult {
    let db = invoices().await?;

    assert_eq!(db.fetch_all(select(Invoice.id).order_by(Invoice.amount.desc())).await?, [3, 2, 1]);
    let doubled = select(Invoice.id).order_by((Invoice.amount * amount("2")).desc());
    assert_eq!(db.fetch_all(doubled).await?, [3, 2, 1]);
    db.execute(insert(Invoice::builder().amount(amount("10.00")))).await?;
    let groups = select((count(Invoice.id), min(Invoice.id))).group_by(Invoice.amount).order_by(Invoice.amount);
    assert_eq!(db.fetch_all(groups).await?, [(1, Some(1)), (2, Some(2)), (1, Some(3))]);
    Ok(())
}

#[tokio::test]
async fn amounts_add_up_exactly() -> TestResult {
    let db = invoices().await?;

    let all = select((sum(Invoice.amount), min(Invoice.amount), max(Invoice.amount), sum(Invoice.paid)));
    let expected = ["119.75", "9.5", "100.25", "11.50"].map(amount);
    let (total, least, most, paid) = db.fetch_one(all).await?;
    assert_eq!([total, least, most, paid].map(Option::unwrap_or_default), expected);

    let large = select(count(Invoice.id)).from(Invoice).having(sum(Invoice.amount).gt(amount("20")));
    assert_eq!(db.fetch_all(large).await?, [3]);

    let third = select((Invoice.amount / amount("3")).optional()).filter(Invoice.id.eq(2));
    assert_eq!(db.fetch_one(third).await?, Some(amount("3.333333")));
    Ok(())
}

#[tokio::test]
async fn the_functions_of_numbers_take_amounts() -> TestResult {
    let db = invoices().await?;
    let first = |query: Select<Option<Decimal>>| {
        let db = &db;
        async move { db.fetch_one(query.filter(Invoice.id.eq(2))).await }
    };

    assert_eq!(
        first(select(greatest([Invoice.amount.into_expr(), Invoice.amount - amount("0.5")]))).await?,
        Some(amount("10"))
    );
    assert_eq!(
        first(select(least([Invoice.amount.into_expr(), Invoice.amount - amount("0.5")]))).await?,
        Some(amount("9.5"))
    );
    assert_eq!(first(select((Invoice.amount - amount("12")).abs().optional())).await?, Some(amount("2")));
    assert_eq!(first(select((Invoice.amount / amount("3")).round(2).optional())).await?, Some(amount("3.33")));
    assert_eq!(db.fetch_scalar(select(Invoice.id.round(0)).filter(Invoice.id.eq(2))).await?, 2);
    Ok(())
}

#[tokio::test]
async fn the_mean_is_a_float() -> TestResult {
    let db = invoices().await?;

    let mean = db.fetch_scalar(select(avg(Invoice.amount))).await?.expect("there are some");

    assert!((mean - 119.75 / 3.0).abs() < 1e-9, "{mean}");
    Ok(())
}
