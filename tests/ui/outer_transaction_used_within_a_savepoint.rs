use orm::docs::*;
use orm::prelude::*;

async fn run(tx: &mut Transaction<'_>) -> orm::Result<()> {
    let savepoint = tx.savepoint().await?;
    tx.execute(delete(User).all_rows()).await?;
    savepoint.commit().await
}

fn main() {}
