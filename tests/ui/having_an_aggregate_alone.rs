use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = select(User.name)
        .join(User.posts)
        .group_by(User.id)
        .having(count(Post.id));
}
