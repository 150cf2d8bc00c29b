use orm::prelude::*;

#[derive(Model)]
struct User {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(User))]
    manager_id: i64,
}

fn main() {}
