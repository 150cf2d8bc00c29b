use orm::docs::*;
use orm::prelude::*;

async fn run(engine: &Engine) -> orm::Result<u64> {
    engine
        .execute(User::builder().name("Alice").email("a@example.com"))
        .await
}

fn main() {}
