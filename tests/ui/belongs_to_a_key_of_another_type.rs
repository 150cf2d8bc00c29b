use orm::prelude::*;

#[derive(Model)]
struct User {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(manager: User))]
    manager_id: String,
}

fn main() {}
