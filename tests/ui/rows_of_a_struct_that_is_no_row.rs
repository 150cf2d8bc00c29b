use orm::prelude::*;

struct Author {
    name: String,
}

fn main() {
    let _ = sql!("SELECT name FROM users").rows::<Author>();
}
