use orm::docs::*;
use orm::prelude::*;

fn main() {
    let user = User::builder().name("Alice").email("a@example.com");
    let _ = insert(user).on_conflict(User.email).do_update(Post.title);
}
