use orm::prelude::*;

#[derive(Model)]
struct User {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(manager: User), on_delete = delete)]
    manager_id: i64,
}

fn main() {}
