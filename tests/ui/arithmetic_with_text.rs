use orm::docs::*;

fn main() {
    let _ = User.age + "1";
}
