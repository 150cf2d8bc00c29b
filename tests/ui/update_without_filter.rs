use orm::docs::*;
use orm::prelude::*;

async fn run(engine: &Engine) -> orm::Result<u64> {
    engine.execute(update(User).set(User.age, 18)).await
}

fn main() {}
