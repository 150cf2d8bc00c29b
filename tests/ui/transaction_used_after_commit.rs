use orm::docs::*;
use orm::prelude::*;

async fn run(mut tx: Transaction) -> orm::Result<()> {
    tx.commit().await?;
    tx.execute(delete(User).all_rows()).await?;
    Ok(())
}

fn main() {}
