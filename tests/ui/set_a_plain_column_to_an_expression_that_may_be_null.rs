use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = update(User).set(User.name, User.nickname.lower());
}
