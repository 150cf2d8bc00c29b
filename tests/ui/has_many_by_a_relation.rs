use orm::prelude::*;
#[derive(Model)]
#[model(has_many(posts: Post.author))]
struct User {
    #[model(primary_key)]
    id: i64,
}
#[derive(Model)]
struct Post {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(author: User))]
    author_id: i64,
}
fn main() {}
