use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = select(User.id).filter(User.name.has("a"));
}
