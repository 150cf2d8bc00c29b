use orm::docs::*;
use orm::prelude::*;

async fn run(engine: &Engine) -> orm::Result<u64> {
    engine.execute(delete(User)).await
}

fn main() {}
