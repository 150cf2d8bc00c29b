use orm::docs::*;
use orm::prelude::*;

async fn run(session: &mut Session, alice: Ref<User>) -> orm::Result<()> {
    let mut savepoint = session.begin_nested().await?;
    savepoint.commit().await?;
    savepoint[alice].name = "Alice".into();
    Ok(())
}

fn main() {}
