use orm::prelude::*;

#[derive(Model)]
struct User {
    #[model(primary_key)]
    id: i64,
    #[model(uniqe)]
    email: String,
}

fn main() {}
