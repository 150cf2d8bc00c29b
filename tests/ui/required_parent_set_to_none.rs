use orm::docs::*;
use orm::prelude::*;

fn orphan(session: &mut Session, post: Ref<Post>) -> orm::Result<()> {
    session.set(post, Post.author, None)
}

fn main() {}
