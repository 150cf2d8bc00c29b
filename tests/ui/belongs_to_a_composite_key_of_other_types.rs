use orm::prelude::*;

#[derive(Model)]
#[model(primary_key(region, number))]
struct Order { region: String, number: i64 }

#[derive(Model)]
#[model(belongs_to(order: Order by (order_number, order_region)))]
struct Line { #[model(primary_key)] id: i64, order_region: String, order_number: i64 }

fn main() {}
