use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = insert("Alice");
}
