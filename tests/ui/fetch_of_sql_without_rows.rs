use orm::prelude::*;

async fn run(engine: &Engine) -> orm::Result<Vec<(i64,)>> {
    engine.fetch_all(sql!("SELECT 1")).await
}

fn main() {}
