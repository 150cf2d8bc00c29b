use orm::docs::*;

fn main() {
    let _ = User.name + 1;
}
