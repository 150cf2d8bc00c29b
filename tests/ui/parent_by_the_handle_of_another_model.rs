use orm::docs::*;
use orm::prelude::*;

fn reply(session: &mut Session, post: Ref<Post>) -> orm::Result<()> {
    session.set(post, Post.author, post)
}

fn main() {}
