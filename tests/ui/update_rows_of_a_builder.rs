use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = update_rows(User::builder().name("Alice").email("a@example.com"));
}
