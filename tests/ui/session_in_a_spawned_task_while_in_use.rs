use orm::prelude::*;

async fn run(mut session: Session) -> orm::Result<()> {
    let task = tokio::spawn(async { session.flush().await });
    session.commit().await?;
    let _ = task.await;
    Ok(())
}

fn main() {}
