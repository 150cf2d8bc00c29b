use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = select(User).with(User.posts).subquery("users");
}
