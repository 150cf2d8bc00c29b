use orm::prelude::*;

#[derive(Model)]
struct User { #[model(primary_key)] id: i64, #[model(unique)] email: String }

#[derive(Model)]
struct Post {
    #[model(primary_key)] id: i64,
    #[model(belongs_to(author: User.email))] author_id: i64,
}

fn main() {}
