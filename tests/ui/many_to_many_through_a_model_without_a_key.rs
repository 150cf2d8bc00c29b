use orm::prelude::*;

#[derive(Model)]
#[model(many_to_many(tags: Tag through PostTag))]
struct Post { #[model(primary_key)] id: i64 }

#[derive(Model)]
struct Tag { #[model(primary_key)] id: i64 }

#[derive(Model)]
struct PostTag { #[model(primary_key, belongs_to(post: Post))] post_id: i64, tag_id: i64 }

fn main() {}
