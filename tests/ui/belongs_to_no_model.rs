use orm::prelude::*;

struct Team;

#[derive(Model)]
struct User {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(team: Team))]
    team_id: i64,
}

fn main() {}
