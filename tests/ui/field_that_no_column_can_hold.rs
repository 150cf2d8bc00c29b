use orm::prelude::*;

struct Point(i32, i32);

#[derive(Model)]
struct Place {
    #[model(primary_key)]
    id: i64,
    at: Point,
}

fn main() {}
