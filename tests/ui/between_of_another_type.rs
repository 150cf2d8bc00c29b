use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = User.age.between(13, "19");
}
