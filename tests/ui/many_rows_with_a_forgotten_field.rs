use orm::docs::*;
use orm::prelude::*;

fn main() {
    let names = ["Alice", "Bob"];
    let _ = insert(names.map(|name| User::builder().name(name)));
}
