use orm::docs::*;
use orm::prelude::*;

fn reply(post: Ref<Post>) {
    let _ = Post::builder().author(post);
    let _ = User::builder().manager(post);
}

fn main() {}
