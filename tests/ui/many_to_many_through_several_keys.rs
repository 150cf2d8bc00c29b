use orm::prelude::*;

#[derive(Model)]
#[model(many_to_many(friends: User through Friendship))]
struct User { #[model(primary_key)] id: i64 }

#[derive(Model)]
#[model(primary_key(user_id, friend_id))]
struct Friendship {
    #[model(belongs_to(user: User))] user_id: i64,
    #[model(belongs_to(friend: User))] friend_id: i64,
}

fn main() {}
