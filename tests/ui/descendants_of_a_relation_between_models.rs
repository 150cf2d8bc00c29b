use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = Post.author.descendants(1);
}
