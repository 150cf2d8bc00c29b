//! Reading a user would read its posts, their authors, the posts of those, and so on.

use orm::prelude::*;

#[derive(Model)]
#[model(has_many(posts: Post.author_id))]
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

#[derive(Shape)]
#[shape(model = User)]
struct UserPage {
    id: i64,
    posts: Vec<PostPage>,
}

#[derive(Shape)]
#[shape(model = Post)]
struct PostPage {
    author: UserPage,
}

fn main() {}
