use orm::docs::*;
use orm::prelude::*;

use futures_util::future::join;

async fn run(session: &mut Session) {
    let one = session.get(User, 1);
    let two = session.get(Post, 1);
    let _ = join(one, two).await;
}

fn main() {}
