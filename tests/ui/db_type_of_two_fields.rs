use orm::prelude::*;

#[derive(DbType)]
struct Point(i32, i32);

fn main() {}
