use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = User.id.eq(select(Post.title));
}
