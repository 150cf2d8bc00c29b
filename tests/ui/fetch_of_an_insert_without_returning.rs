use orm::docs::*;
use orm::prelude::*;

async fn run(engine: &Engine, user: User) -> orm::Result<User> {
    engine.fetch_one(insert(user)).await
}

fn main() {}
