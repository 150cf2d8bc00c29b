use orm::docs::*;
use orm::prelude::*;

async fn run(connection: &mut Connection) -> orm::Result<()> {
    let tx = connection.begin().await?;
    connection.execute(delete(User).all_rows()).await?;
    tx.commit().await
}

fn main() {}
