use orm::prelude::*;

#[derive(Model)]
#[model(has_one(profile: Profile.user_id))]
struct User { #[model(primary_key)] id: i64 }

#[derive(Model)]
struct Profile { #[model(primary_key)] id: i64, #[model(belongs_to(user: User))] user_id: i64 }

fn main() {}
