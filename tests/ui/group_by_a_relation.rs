use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = select(count_all()).group_by(User.posts);
}
