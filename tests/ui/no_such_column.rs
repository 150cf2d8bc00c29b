use orm::docs::*;
use orm::prelude::select;

fn main() {
    let _ = select(User.nmae);
}
