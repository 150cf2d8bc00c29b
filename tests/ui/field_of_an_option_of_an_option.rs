use orm::prelude::*;

#[derive(Model)]
struct User {
    #[model(primary_key)]
    id: i64,
    nickname: Option<Option<String>>,
}

fn main() {}
