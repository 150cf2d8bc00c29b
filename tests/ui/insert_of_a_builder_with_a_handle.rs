use orm::docs::*;
use orm::prelude::*;

fn publish(author: Ref<User>) {
    let _ = insert(Post::builder().title("Hello").author(author));
}

fn main() {}
