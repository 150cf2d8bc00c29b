use orm::docs::*;
use orm::prelude::*;

async fn run(engine: &Engine) -> orm::Result<u64> {
    engine.transaction(|tx| tx.execute(delete(User).all_rows())).await
}

fn main() {}
