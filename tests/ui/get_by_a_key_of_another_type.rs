use orm::docs::*;
use orm::prelude::*;

async fn run(engine: &Engine) -> orm::Result<Option<User>> {
    engine.get(User, "1").await
}

fn main() {}
