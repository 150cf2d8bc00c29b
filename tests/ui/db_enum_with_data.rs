use orm::prelude::*;

#[derive(DbEnum)]
enum State {
    Draft,
    Published(i64),
}

fn main() {}
