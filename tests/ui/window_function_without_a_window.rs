use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = select((Post.title, row_number()));
}
