use orm::prelude::*;

#[derive(Model)]
struct User {
    #[model(primary_key)]
    id: i64,
    #[model(default = "zero")]
    logins: i64,
}

fn main() {}
