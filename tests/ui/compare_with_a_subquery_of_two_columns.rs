use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = User.id.in_(select((Post.id, Post.author_id)));
}
