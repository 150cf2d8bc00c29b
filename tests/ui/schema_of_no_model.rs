use orm::docs::*;
use orm::prelude::*;

struct NotAModel;

fn main() {
    let _ = schema![User, NotAModel];
}
