use orm::docs::*;
use orm::prelude::*;

fn main() {
    let id = User.id;
    let _ = select((id, id, id, id, id, id, id, id, id, id, id, id, id, id, id, id, id));
}
