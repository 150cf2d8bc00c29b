use orm::docs::*;
use orm::prelude::*;

#[derive(Shape)]
#[shape(model = User)]
struct Card {
    name: i64,
}

fn main() {}
