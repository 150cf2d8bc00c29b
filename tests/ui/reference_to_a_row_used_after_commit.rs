use orm::docs::*;
use orm::prelude::*;

async fn run(session: &mut Session, alice: Ref<User>) -> orm::Result<()> {
    let name = &session[alice].name;
    session.commit().await?;
    println!("{name}");
    Ok(())
}

fn main() {}
