use orm::docs::*;
use orm::prelude::*;

#[derive(Shape)]
#[shape(model = Post)]
struct Title {
    title: String,
}

#[derive(Shape)]
#[shape(model = Post)]
struct Headline {
    title: String,
    author: Title,
}

fn main() {}
