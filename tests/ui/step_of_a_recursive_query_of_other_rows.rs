use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = select(value(1)).recursive_union_all("numbers", |n| select((n.columns(), n.columns())).from(n));
}
