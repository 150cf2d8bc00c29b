use orm::{docs::*, prelude::*};

async fn keys(engine: Engine) -> orm::Result<()> {
    let mut keys = Vec::new();
    engine
        .retry(Retry::new(), async |tx| {
            keys.push(tx.fetch_scalar(select(count(User.id))).await?);
            Ok::<_, orm::Error>(())
        })
        .await
}

fn main() {}
