use orm::prelude::*;

#[derive(Model)]
#[model(index(nmae))]
struct User {
    #[model(primary_key)]
    id: i64,
    name: String,
}

fn main() {}
