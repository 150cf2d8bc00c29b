use orm::docs::*;
use orm::prelude::*;

#[derive(Shape)]
#[shape(model = User)]
struct Card {
    login: String,
}

fn main() {}
