use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = User.nickname.eq(7);
}
