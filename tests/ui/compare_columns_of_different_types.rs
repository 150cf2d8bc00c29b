use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = Post.author_id.eq(User.name);
}
