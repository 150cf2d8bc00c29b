use orm::prelude::*;

#[derive(Model)]
struct Line {
    #[model(primary_key)]
    id: i64,
    price: i64,
    #[model(computed = "price * 2")]
    twice: i64,
}

fn main() {
    let _ = insert(Line::builder().price(1).twice(2));
}
