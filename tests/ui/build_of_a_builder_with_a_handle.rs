use orm::docs::*;
use orm::prelude::*;

fn report(manager: Ref<User>) -> User {
    User::builder().name("Bob").email("bob@example.com").manager(manager).build()
}

fn main() {}
