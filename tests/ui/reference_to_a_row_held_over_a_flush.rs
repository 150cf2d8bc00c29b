use orm::docs::*;
use orm::prelude::*;

async fn run(session: &mut Session, alice: Ref<User>) -> orm::Result<()> {
    let row = &mut session[alice];
    session.flush().await?;
    row.name = "Alice".into();
    Ok(())
}

fn main() {}
