use orm::prelude::*;

#[derive(Model)]
enum User {
    Guest,
}

fn main() {}
