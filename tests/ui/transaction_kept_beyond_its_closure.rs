use orm::docs::*;
use orm::prelude::*;

async fn run(engine: &Engine) -> orm::Result<()> {
    let mut kept = None;
    engine.transaction(async |tx| {
        kept = Some(tx);
        orm::Result::Ok(())
    }).await
}

fn main() {}
