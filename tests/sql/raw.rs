//! `sql!`: text written by hand.

use orm::prelude::*;

use crate::check::{check, refused};
use crate::models::*;

#[test]
fn a_statement_of_its_own() {
    check!(
        sql!("SELECT 1"),
        sqlite: r#"SELECT 1"#,
        postgres: r#"SELECT 1"#,
    );
    check!(
        sql!("SELECT {} + {}", 1, 2),
        sqlite: r#"SELECT ?1 + ?2"#,
        postgres: r#"SELECT CAST($1 AS bigint) + CAST($2 AS bigint)"#,
    );
}

#[test]
fn values_of_every_kind_are_bound() {
    check!(
        sql!("SELECT {}, {}, {}, {}", "text", 1.5, None::<i64>, true),
        sqlite: r#"SELECT ?1, ?2, ?3, ?4"#,
        postgres: r#"SELECT CAST($1 AS text), CAST($2 AS double precision), $3, CAST($4 AS boolean)"#,
    );
}

#[test]
fn columns_and_expressions_are_written_out() {
    check!(
        sql!(
            "SELECT {} FROM users WHERE {}",
            User.name,
            User.id.eq(1).or(User.active)
        ),
        sqlite: r#"SELECT "users"."name" FROM users WHERE ("users"."id" = ?1 OR "users"."active")"#,
        postgres: r#"SELECT "users"."name" FROM users WHERE ("users"."id" = $1 OR "users"."active")"#,
    );
}

#[test]
fn a_subquery_stands_in_parentheses() {
    check!(
        sql!("SELECT * FROM {} AS ids", select(User.id)),
        sqlite: r#"SELECT * FROM (SELECT "users"."id" FROM "users") AS ids"#,
        postgres: r#"SELECT * FROM (SELECT "users"."id" FROM "users") AS ids"#,
    );
}

#[test]
fn a_fragment_is_a_condition() {
    check!(
        select(User.id).filter(sql!("reverse({}) = {}", User.name, "ecilA")),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE reverse("users"."name") = ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE reverse("users"."name") = CAST($1 AS text)"#,
    );
    check!(
        select(User.id).filter(sql!("1 = 1 OR 2 = 2")).filter(User.active),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE (1 = 1 OR 2 = 2) AND "users"."active""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE (1 = 1 OR 2 = 2) AND "users"."active""#,
    );
    check!(
        select(User.id).filter(not(sql!("1 = 1 OR 2 = 2"))),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE NOT (1 = 1 OR 2 = 2)"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE NOT (1 = 1 OR 2 = 2)"#,
    );
}

#[test]
fn a_fragment_is_an_expression() {
    check!(
        select(sql!("abs({})", User.age).typed::<i32>()),
        sqlite: r#"SELECT abs("users"."age") FROM "users""#,
        postgres: r#"SELECT abs("users"."age") FROM "users""#,
    );
    check!(
        select(User.id).order_by(sql!("random()").typed::<i64>()),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY random()"#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY random() NULLS FIRST"#,
    );
    check!(
        select(User.id).filter(sql!("1 + 1").typed::<i64>().eq(User.id)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE (1 + 1) = "users"."id""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE (1 + 1) = "users"."id""#,
    );
}

#[test]
fn text_of_a_user_never_reaches_the_statement() {
    check!(
        sql!("SELECT * FROM users WHERE name = {}", "x'; DROP TABLE users; --"),
        sqlite: r#"SELECT * FROM users WHERE name = ?1"#,
        postgres: r#"SELECT * FROM users WHERE name = CAST($1 AS text)"#,
    );
}

#[test]
fn a_fragment_has_as_many_values_as_places() {
    refused(sql!("SELECT {}, {}", 1), "`sql!` has more `{}` than values");
    refused(sql!("SELECT {}", 1, 2), "`sql!` has more values than `{}`");
}

#[test]
fn a_nul_does_not_hide_the_rest_of_a_text() {
    refused(sql!("SELECT 1 \0 garbage"), r#"text in a statement cannot hold a NUL: "SELECT 1 \0 garbage""#);
}
