use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = select(count_all()).from(select(User.id));
}
