use orm::prelude::*;

#[derive(Model)]
struct Post {
    #[model(primary_key)]
    id: i64,
    tags: Vec<Vec<String>>,
}

fn main() {}
