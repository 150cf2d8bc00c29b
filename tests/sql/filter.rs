//! Conditions: comparing, and joining them.

use orm::prelude::*;

use crate::check::{check, refused, text};
use crate::models::*;

#[test]
fn every_comparison() {
    check!(
        select(User.id).filter(User.age.eq(1)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" = ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" = $1"#,
    );
    check!(
        select(User.id).filter(User.age.ne(1)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" <> ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" <> $1"#,
    );
    check!(
        select(User.id).filter(User.age.lt(1)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" < ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" < $1"#,
    );
    check!(
        select(User.id).filter(User.age.le(1)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" <= ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" <= $1"#,
    );
    check!(
        select(User.id).filter(User.age.gt(1)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" > ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" > $1"#,
    );
    check!(
        select(User.id).filter(User.age.ge(1)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" >= ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" >= $1"#,
    );
}

#[test]
fn several_filters_are_joined_with_and() {
    check!(
        select(User.id).filter(User.age.ge(18)).filter(User.active),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" >= ?1 AND "users"."active""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" >= $1 AND "users"."active""#,
    );
}

#[test]
fn exclude_keeps_what_is_not() {
    check!(
        select(User.id).exclude(User.active),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE NOT "users"."active""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE NOT "users"."active""#,
    );
    check!(
        select(User.id).exclude(User.age.lt(18).or(User.age.is_null())),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE NOT ("users"."age" < ?1 OR "users"."age" IS NULL)"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE NOT ("users"."age" < $1 OR "users"."age" IS NULL)"#,
    );
}

#[test]
fn a_bool_column_is_a_condition() {
    check!(
        select(User.id).filter(User.active),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."active""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."active""#,
    );
    check!(
        select(User.id).filter(!User.active),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE NOT "users"."active""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE NOT "users"."active""#,
    );
    check!(
        select(User.id).filter(User.active.eq(true)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."active" = ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."active" = $1"#,
    );
    check!(
        select(User.id).filter(not(User.active).and(User.id.gt(1))),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE NOT "users"."active" AND "users"."id" > ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE NOT "users"."active" AND "users"."id" > $1"#,
    );
}

#[test]
fn a_truth_value_is_a_condition() {
    check!(
        select(User.id).filter(true),
        sqlite: r#"SELECT "users"."id" FROM "users""#,
        postgres: r#"SELECT "users"."id" FROM "users""#,
    );
    check!(
        select(User.id).filter(User.active.and(false)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."active" AND FALSE"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."active" AND FALSE"#,
    );
}

#[test]
fn columns_are_compared_with_columns() {
    check!(
        select(User.id).filter(User.name.eq(User.nickname)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" = "users"."nickname""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" = "users"."nickname""#,
    );
    check!(
        select(User.id).filter(User.nickname.ne(User.name)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" <> "users"."name""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" <> "users"."name""#,
    );
}

#[test]
fn comparing_with_none_asks_for_null() {
    check!(
        select(User.id).filter(User.nickname.eq(None::<String>)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" IS NULL"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" IS NULL"#,
    );
    check!(
        select(User.id).filter(User.nickname.ne(None::<&str>)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" IS NOT NULL"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" IS NOT NULL"#,
    );
    check!(
        select(User.id).filter(User.nickname.eq(Some("al"))),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" = ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" = $1"#,
    );
    check!(
        select(User.id).filter(User.nickname.is_null()),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" IS NULL"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" IS NULL"#,
    );
    check!(
        select(User.id).filter(User.nickname.is_not_null()),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" IS NOT NULL"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" IS NOT NULL"#,
    );
}

#[test]
fn null_can_be_a_value_like_any_other() {
    check!(
        select(User.id).filter(User.nickname.is_distinct_from("al")),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" IS DISTINCT FROM ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" IS DISTINCT FROM $1"#,
    );
    check!(
        select(User.id).filter(User.nickname.is_not_distinct_from(None::<&str>)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" IS NOT DISTINCT FROM ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."nickname" IS NOT DISTINCT FROM $1"#,
    );
}

#[test]
fn between_holds_both_ends() {
    check!(
        select(User.id).filter(User.age.between(13, 19)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" BETWEEN ?1 AND ?2"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" BETWEEN $1 AND $2"#,
    );
    check!(
        select(User.id).filter(User.age.not_between(13, 19).and(User.active)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" NOT BETWEEN ?1 AND ?2 AND "users"."active""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" NOT BETWEEN $1 AND $2 AND "users"."active""#,
    );
    check!(
        select(User.id).filter(User.age.between(User.id.cast::<i32>(), User.age + 1)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" BETWEEN CAST("users"."id" AS INTEGER) AND "users"."age" + ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."age" BETWEEN CAST("users"."id" AS integer) AND "users"."age" + CAST($1 AS bigint)"#,
    );
}

#[test]
fn in_takes_lists_of_every_form() {
    let ids = vec![1, 2, 3];
    check!(
        select(User.id).filter(User.id.in_([1, 2, 3])),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" IN (SELECT value FROM json_each(?1))"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = ANY ($1)"#,
    );
    check!(
        select(User.id).filter(User.id.in_(&ids)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" IN (SELECT value FROM json_each(?1))"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = ANY ($1)"#,
    );
    check!(
        select(User.id).filter(User.id.in_(&ids[1..])),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" IN (SELECT value FROM json_each(?1))"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = ANY ($1)"#,
    );
    check!(
        select(User.id).filter(User.id.not_in(ids)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" NOT IN (SELECT value FROM json_each(?1))"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" <> ALL ($1)"#,
    );
    check!(
        select(User.id).filter(User.name.in_(["Alice", "Bob"])),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" IN (SELECT value FROM json_each(?1))"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" = ANY ($1)"#,
    );
}

#[test]
fn an_empty_list_holds_nothing() {
    check!(
        select(User.id).filter(User.id.in_(Vec::<i64>::new())),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE FALSE"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE FALSE"#,
    );
    check!(
        select(User.id).filter(User.id.not_in(Vec::<i64>::new())),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE TRUE"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE TRUE"#,
    );
    check!(
        select(User.id).filter(User.id.in_(Vec::<i64>::new()).or(User.active)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE FALSE OR "users"."active""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE FALSE OR "users"."active""#,
    );
}

#[test]
fn floats_in_a_list_are_bound_one_by_one() {
    check!(
        select(Post.id).filter(Post.score.in_([0.5, 1.5])),
        sqlite: r#"SELECT "post"."id" FROM "post" WHERE "post"."score" IN (?1, ?2)"#,
        postgres: r#"SELECT "post"."id" FROM "post" WHERE "post"."score" IN ($1, $2)"#,
    );
    check!(
        select(Post.id)
            .filter(Post.score.in_([0.5, 1.5, 2.5]))
            .filter(Post.id.eq(1)),
        sqlite: r#"SELECT "post"."id" FROM "post" WHERE "post"."score" IN (?1, ?2, ?3) AND "post"."id" = ?4"#,
        postgres: r#"SELECT "post"."id" FROM "post" WHERE "post"."score" IN ($1, $2, $3) AND "post"."id" = $4"#,
    );
}

#[test]
fn or_within_and_has_parentheses() {
    check!(
        select(User.id).filter(User.id.eq(1).or(User.id.eq(2)).and(User.active)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE ("users"."id" = ?1 OR "users"."id" = ?2) AND "users"."active""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 OR "users"."id" = $2) AND "users"."active""#,
    );
    check!(
        select(User.id).filter(User.id.eq(1).or(User.id.eq(2).and(User.active))),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = ?1 OR "users"."id" = ?2 AND "users"."active""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 OR "users"."id" = $2 AND "users"."active""#,
    );
    check!(
        select(User.id)
            .filter(User.id.eq(1).or(User.id.eq(2)))
            .filter(User.active),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE ("users"."id" = ?1 OR "users"."id" = ?2) AND "users"."active""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 OR "users"."id" = $2) AND "users"."active""#,
    );
}

#[test]
fn operators_join_conditions() {
    check!(
        select(User.id).filter(User.id.eq(1) & User.age.eq(2) | !User.active),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = ?1 AND "users"."age" = ?2 OR NOT "users"."active""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 AND "users"."age" = $2 OR NOT "users"."active""#,
    );
    check!(
        select(User.id).filter(User.id.eq(1) & (User.age.eq(2) | !User.active)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = ?1 AND ("users"."age" = ?2 OR NOT "users"."active")"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 AND ("users"."age" = $2 OR NOT "users"."active")"#,
    );
}

#[test]
fn not_holds_tighter_than_what_it_negates() {
    check!(
        select(User.id).filter(not(User.id.eq(1).and(User.active))),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE NOT ("users"."id" = ?1 AND "users"."active")"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE NOT ("users"."id" = $1 AND "users"."active")"#,
    );
    check!(
        select(User.id).filter(not(not(User.active))),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE NOT (NOT "users"."active")"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE NOT (NOT "users"."active")"#,
    );
    check!(
        select(User.id).filter(not(User.id.in_([1]))),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE NOT ("users"."id" IN (SELECT value FROM json_each(?1)))"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE NOT ("users"."id" = ANY ($1))"#,
    );
    check!(
        select(User.id).filter(not(User.age.is_null())),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE NOT ("users"."age" IS NULL)"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE NOT ("users"."age" IS NULL)"#,
    );
}

#[test]
fn conditions_of_a_list_are_all_or_any() {
    let wanted = [User.id.eq(1), User.id.eq(2), User.id.eq(3)];
    check!(
        select(User.id).filter(and(wanted.clone())),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = ?1 AND "users"."id" = ?2 AND "users"."id" = ?3"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 AND "users"."id" = $2 AND "users"."id" = $3"#,
    );
    check!(
        select(User.id).filter(or(wanted.clone())),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = ?1 OR "users"."id" = ?2 OR "users"."id" = ?3"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 OR "users"."id" = $2 OR "users"."id" = $3"#,
    );
    check!(
        select(User.id).filter(or(wanted).and(User.active)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE ("users"."id" = ?1 OR "users"."id" = ?2 OR "users"."id" = ?3) AND "users"."active""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 OR "users"."id" = $2 OR "users"."id" = $3) AND "users"."active""#,
    );
}

#[test]
fn all_of_none_is_true_and_any_of_none_is_false() {
    let none = Vec::<Expr<bool>>::new();
    check!(
        select(User.id).filter(and(none.clone())),
        sqlite: r#"SELECT "users"."id" FROM "users""#,
        postgres: r#"SELECT "users"."id" FROM "users""#,
    );
    check!(
        select(User.id).filter(or(none.clone())),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE FALSE"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE FALSE"#,
    );
    check!(
        select(User.id).filter(or(none).or(User.active)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."active""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."active""#,
    );
}

#[test]
fn chains_are_flat() {
    check!(
        select(User.id).filter(User.id.eq(1).and(User.id.eq(2)).and(User.id.eq(3))),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = ?1 AND "users"."id" = ?2 AND "users"."id" = ?3"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 AND "users"."id" = $2 AND "users"."id" = $3"#,
    );
    check!(
        select(User.id).filter(User.id.eq(1).or(User.id.eq(2)).or(User.id.eq(3))),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = ?1 OR "users"."id" = ?2 OR "users"."id" = ?3"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 OR "users"."id" = $2 OR "users"."id" = $3"#,
    );
}

#[test]
fn a_comparison_is_compared_in_parentheses() {
    check!(
        select(User.id).filter(User.id.eq(1).eq(User.active)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE ("users"."id" = ?1) = "users"."active""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1) = "users"."active""#,
    );
    check!(
        select(User.id).filter(User.id.eq(1).and(User.active).is_null()),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE ("users"."id" = ?1 AND "users"."active") IS NULL"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 AND "users"."active") IS NULL"#,
    );
}

/// `not(not(.. and ..) and ..)`, so many times.
fn nested(levels: i64) -> Expr<bool> {
    (0..levels).fold(User.id.eq(0), |all, id| not(all.and(User.id.eq(id))))
}

#[test]
fn a_tree_is_as_deep_as_databases_read() {
    let sql = text(&select(User.id).filter(nested(60)));
    assert_eq!(sql.matches("NOT (").count(), 60);
    refused(
        select(User.id).filter(nested(200)),
        "the expression nests more than 200 levels deep: join conditions with one `and`/`or`, or use `in_`",
    );
}

#[test]
fn a_chain_of_thousands_is_grouped() {
    let sql = text(&select(User.id).filter(or((0..3000).map(|id| User.id.eq(id)))));
    assert_eq!(sql.matches(" OR ").count(), 2999);
    let depth = sql.split(" OR ").map(|part| part.matches('(').count()).max();
    assert_eq!(depth, Some(1));
}
