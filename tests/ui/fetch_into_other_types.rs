use orm::docs::*;
use orm::prelude::*;

async fn run(engine: &Engine) -> orm::Result<Vec<(String, i64)>> {
    engine.fetch_all(select((User.id, User.name))).await
}

fn main() {}
