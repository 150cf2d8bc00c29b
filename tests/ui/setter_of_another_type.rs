use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = User::builder().name(7);
}
