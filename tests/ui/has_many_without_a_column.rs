use orm::prelude::*;

#[derive(Model)]
#[model(has_many(reports: User))]
struct User {
    #[model(primary_key)]
    id: i64,
}

fn main() {}
