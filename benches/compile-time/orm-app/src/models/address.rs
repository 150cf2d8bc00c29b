use orm::prelude::*;

use super::user::User;

const PAGE_SIZE: u64 = 20;

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "addresses")]
pub struct Address {
    #[model(primary_key)]
    pub id: i64,
    #[model(belongs_to(user: User), index)]
    pub user_id: i64,
    pub street: String,
    pub city: String,
    pub postal_code: Option<String>,
    pub floor: Option<i32>,
    pub is_primary: bool,
    pub latitude: f64,
    pub longitude: f64,
    pub note: Option<String>,
}

pub async fn add(db: &Engine, new: impl InsertRow<Model = Address>) -> orm::Result<Address> {
    db.fetch_one(insert(new).returning(Address)).await
}

pub async fn page(db: &Engine, street: &str, latitude: f64) -> orm::Result<Vec<Address>> {
    let query = select(Address)
        .filter(Address.street.eq(street))
        .filter(Address.latitude.ge(latitude))
        .order_by(Address.id.desc())
        .limit(PAGE_SIZE);
    db.fetch_all(query).await
}

pub async fn change(db: &Engine, id: i64, street: &str, is_primary: bool) -> orm::Result<u64> {
    let change = update(Address)
        .set(Address.street, street)
        .set(Address.is_primary, is_primary)
        .filter(Address.id.eq(id));
    db.execute(change).await
}

pub async fn with_user(db: &Engine, street: &str) -> orm::Result<Vec<(Address, User)>> {
    let query = select((Address, User))
        .join(Address.user)
        .filter(Address.street.eq(street))
        .order_by(User.name);
    db.fetch_all(query).await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &Engine, parent: i64) -> orm::Result<i64> {
    let new = Address::builder()
        .user_id(parent)
        .street("sample".to_owned())
        .city("sample".to_owned())
        .postal_code(Some("sample".to_owned()))
        .floor(Some(10))
        .is_primary(false)
        .latitude(2.5)
        .longitude(2.5)
        .note(Some("sample".to_owned()));
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 2.5).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_user(db, "changed").await?.len(), 1);
    Ok(id)
}
