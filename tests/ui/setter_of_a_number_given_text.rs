use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = Post::builder().author_id("1");
}
