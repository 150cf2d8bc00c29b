use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = User::builder().nickname(7);
}
