use orm::prelude::*;

#[derive(Model)]
struct Tag {
    #[model(primary_key)]
    name: String,
}

fn run(session: &mut Session) {
    session.add(Tag { name: "new".into() });
}

fn main() {}
