use orm::prelude::*;

#[derive(Model)]
struct Article {
    #[model(primary_key)]
    id: i64,
    #[model(version)]
    version: Option<i64>,
    #[model(version)]
    changes: i64,
}

fn main() {}
