use orm::prelude::*;

#[derive(Model)]
#[model(primary_key(post_id, tag))]
struct PostTag {
    post_id: i64,
    tag: String,
}

async fn run(engine: &Engine) -> orm::Result<Option<PostTag>> {
    engine.get(PostTag, 1).await
}

fn main() {}
