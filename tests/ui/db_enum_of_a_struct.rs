use orm::prelude::*;

#[derive(DbEnum)]
struct State;

fn main() {}
