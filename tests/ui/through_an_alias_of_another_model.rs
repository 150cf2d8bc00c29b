use orm::prelude::*;

#[derive(Model)]
#[model(primary_key(a_id, b_id))]
struct Pair { #[model(belongs_to(a: A))] a_id: i64, #[model(belongs_to(b: B))] b_id: i64 }
#[derive(Model)]
#[model(many_to_many(bs: B through Pair))]
struct A { #[model(primary_key)] id: i64 }
#[derive(Model)]
struct B { #[model(primary_key)] id: i64 }

fn main() {
    let _ = A.bs.through(B.alias("pair"));
}
