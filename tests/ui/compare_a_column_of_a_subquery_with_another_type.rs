use orm::docs::*;
use orm::prelude::*;

fn main() {
    let busy = select((Post.author_id, count(Post.id))).group_by(Post.author_id).cte("busy");
    let (_, posts) = busy.columns();
    let _ = select(posts).from(&busy).filter(posts.gt("three"));
}
