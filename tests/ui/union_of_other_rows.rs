use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = select(User.name).union(select(Post.id));
}
