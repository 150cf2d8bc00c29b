use orm::docs::*;
use orm::prelude::*;

async fn run(engine: &Engine) -> orm::Result<(i64, String)> {
    engine.fetch_scalar(select((User.id, User.name))).await
}

fn main() {}
