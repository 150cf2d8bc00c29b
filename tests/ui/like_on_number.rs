use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = User.id.like("1%");
}
