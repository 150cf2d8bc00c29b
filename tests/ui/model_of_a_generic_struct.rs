use orm::prelude::*;

#[derive(Model)]
struct User<T> {
    #[model(primary_key)]
    id: T,
}

fn main() {}
