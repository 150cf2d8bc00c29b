//! Arithmetic by operators.

use rust_decimal::Decimal;

use orm::prelude::*;

use crate::check::check;
use crate::models::*;

/// Something with a price.
#[derive(Debug, Model)]
struct Product {
    #[model(primary_key)]
    id: i64,
    price: Decimal,
    discount: Option<Decimal>,
}

#[test]
fn operators() {
    check!(
        select((
            User.age + 1,
            User.age - 1,
            User.age * 2,
            User.age / 2,
            User.age % 2,
            -User.age,
        )),
        sqlite: r#"SELECT "users"."age" + ?1, "users"."age" - ?2, "users"."age" * ?3, "users"."age" / ?4, "users"."age" % ?5, -"users"."age" FROM "users""#,
        postgres: r#"SELECT "users"."age" + CAST($1 AS bigint), "users"."age" - CAST($2 AS bigint), "users"."age" * CAST($3 AS bigint), "users"."age" / NULLIF(CAST($4 AS bigint), 0), "users"."age" % NULLIF(CAST($5 AS bigint), 0), -"users"."age" FROM "users""#,
    );
}

#[test]
fn columns_and_subqueries_are_calculated_with() {
    check!(
        select(Post.views + Post.author_id),
        sqlite: r#"SELECT "post"."views" + "post"."author_id" FROM "post""#,
        postgres: r#"SELECT "post"."views" + "post"."author_id" FROM "post""#,
    );
    check!(
        select(Post.views - select(max(Post.views))),
        sqlite: r#"SELECT "post"."views" - (SELECT max("post"."views") FROM "post") FROM "post""#,
        postgres: r#"SELECT "post"."views" - (SELECT max("post"."views") FROM "post") FROM "post""#,
    );
}

#[test]
fn parentheses_follow_the_program() {
    check!(
        select((User.id + 1) * 2),
        sqlite: r#"SELECT ("users"."id" + ?1) * ?2 FROM "users""#,
        postgres: r#"SELECT ("users"."id" + CAST($1 AS bigint)) * CAST($2 AS bigint) FROM "users""#,
    );
    check!(
        select(User.id + User.id * 2),
        sqlite: r#"SELECT "users"."id" + "users"."id" * ?1 FROM "users""#,
        postgres: r#"SELECT "users"."id" + "users"."id" * CAST($1 AS bigint) FROM "users""#,
    );
    check!(
        select(User.id - (User.id - 1)),
        sqlite: r#"SELECT "users"."id" - ("users"."id" - ?1) FROM "users""#,
        postgres: r#"SELECT "users"."id" - ("users"."id" - CAST($1 AS bigint)) FROM "users""#,
    );
    check!(
        select(User.id - 1 - 2),
        sqlite: r#"SELECT "users"."id" - ?1 - ?2 FROM "users""#,
        postgres: r#"SELECT "users"."id" - CAST($1 AS bigint) - CAST($2 AS bigint) FROM "users""#,
    );
    check!(
        select(-(User.id + 1)),
        sqlite: r#"SELECT -("users"."id" + ?1) FROM "users""#,
        postgres: r#"SELECT -("users"."id" + CAST($1 AS bigint)) FROM "users""#,
    );
    check!(
        select(-(-User.id)),
        sqlite: r#"SELECT -(-"users"."id") FROM "users""#,
        postgres: r#"SELECT -(-"users"."id") FROM "users""#,
    );
    check!(
        select(User.id - -User.id),
        sqlite: r#"SELECT "users"."id" - -"users"."id" FROM "users""#,
        postgres: r#"SELECT "users"."id" - -"users"."id" FROM "users""#,
    );
    check!(
        select(User.id / (User.id * 2)),
        sqlite: r#"SELECT "users"."id" / ("users"."id" * ?1) FROM "users""#,
        postgres: r#"SELECT "users"."id" / NULLIF("users"."id" * CAST($1 AS bigint), 0) FROM "users""#,
    );
}

#[test]
fn a_result_may_be_null_if_a_part_may() {
    let _: Select<(i64, Option<i32>)> = select((User.id + 1, User.age + 1));
    let _: Select<Option<i64>> = select(Post.author_id + Post.editor_id);
    check!(
        select(Post.author_id + Post.editor_id),
        sqlite: r#"SELECT "post"."author_id" + "post"."editor_id" FROM "post""#,
        postgres: r#"SELECT "post"."author_id" + "post"."editor_id" FROM "post""#,
    );
}

#[test]
fn rounding_and_signs() {
    check!(
        select((Post.score.round(2), Post.views.abs(), (Post.score - 1.0).abs())),
        sqlite: r#"SELECT round("post"."score", ?1), abs("post"."views"), abs("post"."score" - ?2) FROM "post""#,
        postgres: r#"SELECT CAST(round(CAST("post"."score" AS numeric), $1) AS double precision), abs("post"."views"), abs("post"."score" - CAST($2 AS double precision)) FROM "post""#,
    );
}

#[test]
fn calculations_are_compared() {
    check!(
        select(User.id).filter((User.age + 1).gt(User.id.cast::<i32>() * 2)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" + ?1 > CAST("users"."id" AS INTEGER) * ?2"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" + CAST($1 AS bigint) > CAST("users"."id" AS integer) * CAST($2 AS bigint)"#,
    );
    check!(
        select(User.id).filter((User.id % 2).eq(0)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" % ?1 = ?2"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" % NULLIF(CAST($1 AS bigint), 0) = CAST($2 AS bigint)"#,
    );
}

#[test]
fn floats_keep_their_remainder() {
    check!(
        select(Post.score % 2.0),
        sqlite: r#"SELECT float_rem("post"."score", ?1) FROM "post""#,
        postgres: r#"SELECT CAST(CAST("post"."score" AS numeric) % NULLIF(CAST(CAST($1 AS double precision) AS numeric), 0) AS double precision) FROM "post""#,
    );
}

#[test]
fn decimals_are_exact_by_functions() {
    let two = Decimal::from(2);
    check!(
        select((
            Product.price + two,
            Product.price - two,
            Product.price * two,
            Product.price / two,
            -Product.price,
        )),
        sqlite: r#"SELECT decimal_add("product"."price", ?1) COLLATE decimal, decimal_sub("product"."price", ?2) COLLATE decimal, decimal_mul("product"."price", ?3) COLLATE decimal, decimal_div("product"."price", ?4) COLLATE decimal, decimal_sub(0, "product"."price") COLLATE decimal FROM "product""#,
        postgres: r#"SELECT ("product"."price" + CAST($1 AS numeric)), ("product"."price" - CAST($2 AS numeric)), ("product"."price" * CAST($3 AS numeric)), ("product"."price" / NULLIF(CAST($4 AS numeric), 0)), (-"product"."price") FROM "product""#,
    );
    check!(
        select((sum(Product.price), avg(Product.price), Product.price.abs())),
        sqlite: r#"SELECT decimal_sum("product"."price") COLLATE decimal, avg("product"."price"), decimal_abs("product"."price") COLLATE decimal FROM "product""#,
        postgres: r#"SELECT sum("product"."price"), CAST(avg("product"."price") AS double precision), abs("product"."price") FROM "product""#,
    );
    check!(
        select(Product.id)
            .filter((Product.price * two).gt(two))
            .order_by(Product.price + two),
        sqlite: r#"SELECT "product"."id" FROM "product" WHERE decimal_mul("product"."price", ?1) COLLATE decimal > ?2 ORDER BY decimal_add("product"."price", ?3) COLLATE decimal"#,
        postgres: r#"SELECT "product"."id" FROM "product" WHERE ("product"."price" * CAST($1 AS numeric)) > CAST($2 AS numeric) ORDER BY ("product"."price" + CAST($3 AS numeric)) NULLS FIRST"#,
    );
    check!(
        select(Product.id)
            .group_by(Product.id)
            .having(sum(Product.price).gt(two)),
        sqlite: r#"SELECT "product"."id" FROM "product" GROUP BY "product"."id" HAVING decimal_sum("product"."price") COLLATE decimal > ?1"#,
        postgres: r#"SELECT "product"."id" FROM "product" GROUP BY "product"."id" HAVING sum("product"."price") > CAST($1 AS numeric)"#,
    );
    check!(
        select(Product.price - Product.discount),
        sqlite: r#"SELECT decimal_sub("product"."price", "product"."discount") COLLATE decimal FROM "product""#,
        postgres: r#"SELECT ("product"."price" - "product"."discount") FROM "product""#,
    );
}
