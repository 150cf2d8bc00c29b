use orm::docs::*;
use orm::prelude::*;

async fn run(db: &impl Executor) -> orm::Result<u64> {
    db.execute(delete(User).all_rows()).await
}

fn main() {}
