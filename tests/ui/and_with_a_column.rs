use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = User.id.eq(1).and(User.name);
}
