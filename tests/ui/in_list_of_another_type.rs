use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = User.id.in_(["1", "2"]);
}
