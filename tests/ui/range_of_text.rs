use orm::prelude::*;
use orm::types::Range;

#[derive(Model)]
struct Shelf {
    #[model(primary_key)]
    id: i64,
    names: Range<String>,
}

fn main() {}
