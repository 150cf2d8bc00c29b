use orm::prelude::*;

#[derive(Clone, Copy, DbEnum)]
enum State { Draft, Live }

#[derive(Model)]
struct Article {
    #[model(primary_key)]
    id: i64,
    #[model(default_sql = "'draft'")]
    state: State,
}

fn main() {}
