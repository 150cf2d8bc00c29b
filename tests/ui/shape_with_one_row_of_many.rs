use orm::docs::*;
use orm::prelude::*;

#[derive(Shape)]
#[shape(model = Post)]
struct Headline {
    title: String,
}

#[derive(Shape)]
#[shape(model = User)]
struct Card {
    name: String,
    posts: Headline,
}

fn main() {}
