use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = select(Post.id).filter(row((Post.title, Post.id)).gt(("Hello", "seven")));
}
