use orm::prelude::*;

const PAGE_SIZE: u64 = 20;

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "users")]
pub struct User {
    #[model(primary_key)]
    pub id: i64,
    pub name: String,
    pub email: String,
    pub hair_color: Option<String>,
    pub age: i32,
    pub is_admin: bool,
    pub score: f64,
    pub bio: Option<String>,
    pub logins: i64,
    pub height: Option<f64>,
}

pub async fn add(db: &Engine, new: impl InsertRow<Model = User>) -> orm::Result<User> {
    db.fetch_one(insert(new).returning(User)).await
}

pub async fn page(db: &Engine, name: &str, age: i32) -> orm::Result<Vec<User>> {
    let query = select(User)
        .filter(User.name.eq(name))
        .filter(User.age.ge(age))
        .order_by(User.id.desc())
        .limit(PAGE_SIZE);
    db.fetch_all(query).await
}

pub async fn change(db: &Engine, id: i64, name: &str, is_admin: bool) -> orm::Result<u64> {
    let change = update(User)
        .set(User.name, name)
        .set(User.is_admin, is_admin)
        .filter(User.id.eq(id));
    db.execute(change).await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &Engine, _parent: i64) -> orm::Result<i64> {
    let new = User::builder()
        .name("sample".to_owned())
        .email("sample".to_owned())
        .hair_color(Some("sample".to_owned()))
        .age(10)
        .is_admin(false)
        .score(2.5)
        .bio(Some("sample".to_owned()))
        .logins(1_000)
        .height(Some(2.5));
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 10).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    Ok(id)
}
