//! `explain` shows how the database would run a statement: here, whether an index is used.

use orm::prelude::*;

use crate::support::{Database, TestResult};

#[derive(Debug, Model)]
#[model(index(city, street))]
struct Address {
    #[model(primary_key)]
    id: i64,
    #[model(index)]
    name: String,
    city: String,
    street: String,
    note: Option<String>,
}

async fn addresses() -> orm::Result<Database> {
    let db = Database::new().await?;
    db.create_all(schema![Address]).await?;
    db.execute(insert(Address::builder().name("Ann").city("Bonn").street("Am Hof"))).await?;
    Ok(db)
}

#[tokio::test]
async fn a_key_is_searched_and_a_column_without_an_index_is_scanned() -> TestResult {
    let db = addresses().await?;

    let by_key = db.explain(select(Address).filter(Address.id.eq(1))).await?;
    let by_note = db.explain(select(Address).filter(Address.note.eq("x"))).await?;

    assert_eq!(by_key, "SEARCH address USING INTEGER PRIMARY KEY (rowid=?)");
    assert_eq!(by_note, "SCAN address");
    Ok(())
}

#[tokio::test]
async fn an_index_of_the_model_is_used() -> TestResult {
    let db = addresses().await?;

    let by_name = db.explain(select(Address.id).filter(Address.name.eq("Ann"))).await?;
    let by_both = db.explain(select(Address.id).filter(Address.city.eq("Bonn")).filter(Address.street.gt("B"))).await?;

    assert!(by_name.contains("ix_address_name"), "{by_name}");
    assert!(by_both.contains("ix_address_city_street") && by_both.contains("(city=? AND street>?)"), "{by_both}");
    Ok(())
}

#[tokio::test]
async fn a_list_of_values_uses_the_index() -> TestResult {
    let db = addresses().await?;

    let plan = db.explain(select(Address.id).filter(Address.name.in_(["Ann", "Bob"]))).await?;

    assert!(plan.contains("SEARCH address USING") && plan.contains("ix_address_name"), "{plan}");
    Ok(())
}

#[tokio::test]
async fn a_pattern_known_to_the_program_uses_the_index() -> TestResult {
    let db = addresses().await?;

    let plan = db.explain(select(Address.id).filter(Address.name.like("An%"))).await?;

    assert!(plan.contains("SEARCH address USING") && plan.contains("ix_address_name"), "{plan}");
    Ok(())
}

#[tokio::test]
async fn a_statement_that_is_explained_is_not_run() -> TestResult {
    let db = addresses().await?;

    db.explain(delete(Address).all_rows()).await?;
    let insert = insert(Address::builder().name("Bob").city("Bonn").street("Am Hof"));
    db.explain(insert).await?;

    assert_eq!(db.fetch_all(select(Address.name)).await?, ["Ann"]);
    Ok(())
}

#[tokio::test]
async fn a_transaction_explains_what_it_sees() -> TestResult {
    let db = addresses().await?;

    let mut tx = db.begin().await?;
    tx.execute(sql!("CREATE INDEX by_note ON address (note)")).await?;
    let plan = tx.explain(select(Address.id).filter(Address.note.eq("x"))).await?;
    tx.rollback().await?;

    assert!(plan.contains("by_note"), "{plan}");
    Ok(())
}
