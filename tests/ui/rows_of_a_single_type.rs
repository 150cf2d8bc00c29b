use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = sql!("SELECT 1").rows::<i64>();
}
