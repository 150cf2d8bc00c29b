use orm::docs::*;
use orm::prelude::*;

use futures_util::future::join;

async fn run(tx: &mut Transaction) {
    let one = tx.execute(delete(Post).all_rows());
    let two = tx.execute(delete(User).all_rows());
    join(one, two).await;
}

fn main() {}
