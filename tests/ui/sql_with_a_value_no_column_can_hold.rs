use orm::prelude::*;

struct Point(i32, i32);

fn main() {
    let _ = sql!("SELECT {}", Point(1, 2));
}
