use orm::docs::*;
use orm::prelude::*;

fn main() {
    let name = "Alice";
    let _ = sql!(format!("SELECT * FROM users WHERE name = '{name}'"));
}
