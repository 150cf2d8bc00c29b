use orm::docs::*;
use orm::prelude::*;

#[derive(FromRow)]
struct Author {
    name: String,
    posts: i64,
}

fn main() {
    let _: Select<Author> = select((User.name, User.nickname)).rows_as();
}
