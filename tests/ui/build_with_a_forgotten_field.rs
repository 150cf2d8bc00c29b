use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _: User = User::builder().name("Alice").build();
}
