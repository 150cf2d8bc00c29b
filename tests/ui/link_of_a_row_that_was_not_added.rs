use orm::docs::*;
use orm::prelude::*;

fn link(session: &mut Session, alice: Ref<User>) -> orm::Result<()> {
    session.link(alice, User.posts, Post::builder().title("Hello"))
}

fn main() {}
