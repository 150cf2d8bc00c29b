use orm::prelude::*;

#[derive(FromRow)]
struct Author {
    name: String,
    posts: Vec<String>,
}

fn main() {}
