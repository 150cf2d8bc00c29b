use orm::docs::*;
use orm::prelude::*;

async fn run(engine: &Engine) -> orm::Result<Vec<User>> {
    engine.fetch_all(delete(User).returning(User)).await
}

fn main() {}
