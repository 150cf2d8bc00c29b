use orm::docs::*;
use orm::prelude::*;

fn main() {
    let other = Post.alias("other");
    let _ = User.manager.to(other);
}
