use orm::prelude::*;

#[derive(FromRow)]
struct Author(String, i64);

fn main() {}
