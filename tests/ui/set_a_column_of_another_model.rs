use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = update(User).set(Post.title, "Hello");
}
