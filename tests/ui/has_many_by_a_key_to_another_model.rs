use orm::prelude::*;

#[derive(Model)]
struct Team { #[model(primary_key)] id: i64 }

#[derive(Model)]
#[model(has_many(posts: Post.team_id))]
struct User { #[model(primary_key)] id: i64 }

#[derive(Model)]
struct Post { #[model(primary_key)] id: i64, #[model(belongs_to(team: Team))] team_id: i64 }

fn main() {}
