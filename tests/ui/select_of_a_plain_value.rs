use orm::prelude::*;

fn main() {
    let _ = select("Alice");
}
