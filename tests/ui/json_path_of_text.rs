use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = User.name.path("a.b");
}
