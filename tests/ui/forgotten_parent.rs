use orm::docs::*;
use orm::prelude::*;
use orm::session::NewRow;

fn add(_: impl NewRow) {}

fn main() {
    add(Post::builder().title("Hello"));
}
