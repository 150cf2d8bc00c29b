use orm::docs::*;
use orm::prelude::*;

fn main() {
    let _ = case::<String>().when(User.age.lt(18), "minor").otherwise(18);
}
