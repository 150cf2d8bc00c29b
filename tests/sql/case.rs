//! `CASE`, `CAST`, `coalesce` and other ways to make a value of several.

use orm::expr::{function, greatest, least};
use orm::prelude::*;

use crate::check::check;
use crate::models::*;

#[test]
fn a_case_has_conditions_and_an_else() {
    check!(
        select(
            case::<String>()
                .when(User.age.lt(18), "minor")
                .when(User.age.lt(65), "adult")
                .otherwise("senior"),
        )
        .from(User),
        sqlite: r#"SELECT CASE WHEN "users"."age" < ?1 THEN ?2 WHEN "users"."age" < ?3 THEN ?4 ELSE ?5 END FROM "users""#,
        postgres: r#"SELECT CASE WHEN "users"."age" < $1 THEN CAST($2 AS text) WHEN "users"."age" < $3 THEN CAST($4 AS text) ELSE CAST($5 AS text) END FROM "users""#,
    );
}

#[test]
fn a_case_without_an_else_may_be_null() {
    check!(
        select(case::<i64>().when(User.active, User.id).end()),
        sqlite: r#"SELECT CASE WHEN "users"."active" THEN "users"."id" END FROM "users""#,
        postgres: r#"SELECT CASE WHEN "users"."active" THEN "users"."id" END FROM "users""#,
    );
}

#[test]
fn a_case_gives_columns_and_subqueries() {
    check!(
        select(
            case::<String>()
                .when(User.nickname.is_not_null(), User.nickname)
                .otherwise(User.name),
        ),
        sqlite: r#"SELECT CASE WHEN "users"."nickname" IS NOT NULL THEN "users"."nickname" ELSE "users"."name" END FROM "users""#,
        postgres: r#"SELECT CASE WHEN "users"."nickname" IS NOT NULL THEN "users"."nickname" ELSE "users"."name" END FROM "users""#,
    );
}

#[test]
fn a_case_is_compared_and_ordered_by() {
    check!(
        select(User.id).filter(case::<i64>().when(User.active, 1).otherwise(2).eq(1)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE CASE WHEN "users"."active" THEN ?1 ELSE ?2 END = ?3"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE CASE WHEN "users"."active" THEN CAST($1 AS bigint) ELSE CAST($2 AS bigint) END = CAST($3 AS bigint)"#,
    );
    check!(
        select(User.id).order_by(case::<i64>().when(User.active, 1).otherwise(2).desc()),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY CASE WHEN "users"."active" THEN ?1 ELSE ?2 END DESC"#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY CASE WHEN "users"."active" THEN CAST($1 AS bigint) ELSE CAST($2 AS bigint) END DESC NULLS LAST"#,
    );
}

#[test]
fn a_case_without_conditions_is_its_else() {
    check!(
        select((User.id, case::<i64>().otherwise(7))),
        sqlite: r#"SELECT "users"."id", ?1 FROM "users""#,
        postgres: r#"SELECT "users"."id", CAST($1 AS bigint) FROM "users""#,
    );
    check!(
        select((User.id, case::<i64>().end())),
        sqlite: r#"SELECT "users"."id", ?1 FROM "users""#,
        postgres: r#"SELECT "users"."id", $1 FROM "users""#,
    );
}

#[test]
fn conditions_of_a_case_need_no_parentheses() {
    check!(
        select(case::<i64>().when(User.id.eq(1).or(User.active), 1).end()),
        sqlite: r#"SELECT CASE WHEN "users"."id" = ?1 OR "users"."active" THEN ?2 END FROM "users""#,
        postgres: r#"SELECT CASE WHEN "users"."id" = $1 OR "users"."active" THEN CAST($2 AS bigint) END FROM "users""#,
    );
}

#[test]
fn casts() {
    check!(
        select((
            User.id.cast::<String>(),
            User.name.cast::<i64>(),
            User.age.cast::<Option<f64>>(),
            User.active.cast::<i32>(),
        )),
        sqlite: r#"SELECT CAST("users"."id" AS TEXT), CAST("users"."name" AS INTEGER), CAST("users"."age" AS REAL), CAST("users"."active" AS INTEGER) FROM "users""#,
        postgres: r#"SELECT CAST("users"."id" AS text), CAST("users"."name" AS bigint), CAST("users"."age" AS double precision), CAST("users"."active" AS integer) FROM "users""#,
    );
}

#[test]
fn coalesce_and_its_opposite() {
    check!(
        select((
            User.nickname.coalesce("-"),
            User.nickname.coalesce(User.name),
            User.age.null_if(0),
        )),
        sqlite: r#"SELECT coalesce("users"."nickname", ?1), coalesce("users"."nickname", "users"."name"), nullif("users"."age", ?2) FROM "users""#,
        postgres: r#"SELECT coalesce("users"."nickname", CAST($1 AS text)), coalesce("users"."nickname", "users"."name"), nullif("users"."age", CAST($2 AS bigint)) FROM "users""#,
    );
    check!(
        select(coalesce([User.nickname], "-")),
        sqlite: r#"SELECT coalesce("users"."nickname", ?1) FROM "users""#,
        postgres: r#"SELECT coalesce("users"."nickname", CAST($1 AS text)) FROM "users""#,
    );
}

#[test]
fn the_greatest_and_the_least() {
    check!(
        select((greatest([User.id, User.id]), least([User.age]))),
        sqlite: r#"SELECT greatest("users"."id", "users"."id"), least("users"."age") FROM "users""#,
        postgres: r#"SELECT greatest("users"."id", "users"."id"), least("users"."age") FROM "users""#,
    );
}

#[test]
fn a_function_by_its_name() {
    check!(
        select(function::<i64>("unicode", [User.name])),
        sqlite: r#"SELECT unicode("users"."name") FROM "users""#,
        postgres: r#"SELECT unicode("users"."name") FROM "users""#,
    );
    check!(
        select(function::<i64>("ran\"dom", Vec::<Expr<i64>>::new())),
        sqlite: r#"SELECT "ran""dom"()"#,
        postgres: r#"SELECT "ran""dom"()"#,
    );
}
