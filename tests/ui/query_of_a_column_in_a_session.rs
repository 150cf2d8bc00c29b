use orm::docs::*;
use orm::prelude::*;

async fn run(session: &mut Session) -> orm::Result<()> {
    session.query(User.name).all().await?;
    Ok(())
}

fn main() {}
