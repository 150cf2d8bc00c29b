use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = update_rows(Vec::<User>::new()).columns((User.name, Post.title));
}
