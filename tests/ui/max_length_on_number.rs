use orm::prelude::*;

#[derive(Model)]
struct User {
    #[model(primary_key, max_length = 5)]
    id: i64,
}

fn main() {}
