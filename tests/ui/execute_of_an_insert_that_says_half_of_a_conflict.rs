use orm::docs::*;
use orm::prelude::*;

async fn add(engine: Engine) -> orm::Result<u64> {
    let user = User::builder().name("Alice").email("a@example.com");
    engine.execute(insert(user).on_conflict(User.email)).await
}

fn main() {}
