use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = User.age + "1";
}
