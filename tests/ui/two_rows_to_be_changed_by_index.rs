use orm::docs::*;
use orm::prelude::*;

fn swap(session: &mut Session, a: Ref<User>, b: Ref<User>) {
    std::mem::swap(&mut session[a].email, &mut session[b].email);
}

fn main() {}
