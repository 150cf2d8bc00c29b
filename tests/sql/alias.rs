//! Aliases: a table under another name.

use orm::prelude::*;

use crate::check::{check, refused, text};
use crate::models::*;

#[test]
fn an_alias_has_the_same_columns() {
    let boss = User.alias("boss");
    check!(
        select(boss.name).filter(boss.active),
        sqlite: r#"SELECT "boss"."name" FROM "users" AS "boss" WHERE "boss"."active""#,
        postgres: r#"SELECT "boss"."name" FROM "users" AS "boss" WHERE "boss"."active""#,
    );
}

#[test]
fn an_alias_of_a_model_is_selected_whole() {
    let reply = Comment.alias("reply");
    check!(
        select(reply),
        sqlite: r#"SELECT "reply"."id", "reply"."post_id", "reply"."body" FROM "comment" AS "reply""#,
        postgres: r#"SELECT "reply"."id", "reply"."post_id", "reply"."body" FROM "comment" AS "reply""#,
    );
}

#[test]
fn an_alias_is_quoted() {
    let odd = Tag.alias("o\"d d");
    check!(
        select(odd.name),
        sqlite: r#"SELECT "o""d d"."name" FROM "tag" AS "o""d d""#,
        postgres: r#"SELECT "o""d d"."name" FROM "tag" AS "o""d d""#,
    );
}

#[test]
fn an_alias_is_a_plain_value_that_can_be_passed_on() {
    fn adults<T: Send + 'static>(query: Select<T>, user: UserColumns) -> Select<T> {
        query.filter(user.age.ge(18))
    }
    let (left, right) = (User.alias("left"), User.alias("right"));
    let pairs = select((left.name, right.name)).join(right.on(right.id.gt(left.id)));
    check!(
        adults(adults(pairs, left), right),
        sqlite: r#"SELECT "left"."name", "right"."name" FROM "users" AS "left" JOIN "users" AS "right" ON "right"."id" > "left"."id" WHERE "left"."age" >= ?1 AND "right"."age" >= ?2"#,
        postgres: r#"SELECT "left"."name", "right"."name" FROM "users" AS "left" JOIN "users" AS "right" ON "right"."id" > "left"."id" WHERE "left"."age" >= $1 AND "right"."age" >= $2"#,
    );
}

#[test]
fn three_generations() {
    let (parent, grandparent) = (User.alias("parent"), User.alias("grandparent"));
    check!(
        select((User.name, grandparent.name))
            .join(User.manager.to(parent))
            .join(parent.manager.to(grandparent)),
        sqlite: r#"SELECT "users"."name", "grandparent"."name" FROM "users" JOIN "users" AS "parent" ON "parent"."id" = "users"."manager_id" JOIN "users" AS "grandparent" ON "grandparent"."id" = "parent"."manager_id""#,
        postgres: r#"SELECT "users"."name", "grandparent"."name" FROM "users" JOIN "users" AS "parent" ON "parent"."id" = "users"."manager_id" JOIN "users" AS "grandparent" ON "grandparent"."id" = "parent"."manager_id""#,
    );
}

#[test]
fn two_aliases_of_one_name_are_the_same_table() {
    check!(
        select(User.alias("u").name).filter(User.alias("u").id.eq(1)),
        sqlite: r#"SELECT "u"."name" FROM "users" AS "u" WHERE "u"."id" = ?1"#,
        postgres: r#"SELECT "u"."name" FROM "users" AS "u" WHERE "u"."id" = $1"#,
    );
}

#[test]
fn an_alias_is_counted_from() {
    let boss = User.alias("boss");
    check!(
        select(count_all()).from(boss),
        sqlite: r#"SELECT count(*) FROM "users" AS "boss""#,
        postgres: r#"SELECT count(*) FROM "users" AS "boss""#,
    );
    check!(
        select(boss.name).count(),
        sqlite: r#"SELECT count(*) FROM "users" AS "boss""#,
        postgres: r#"SELECT count(*) FROM "users" AS "boss""#,
    );
}

#[test]
fn a_name_may_be_long_and_of_any_letters() {
    let long = User.alias("an_alias_of_200_letters_an_alias_of_200_letters_an_alias_of_200_letters_an_alias_of_200_letters_an_alias_of_200_letters_an_alias_of_200_letters_an_alias_of_200_letters_an_alias_of_200_letters__1234567");
    assert!(text(&select(long.name)).ends_with("_1234567\""));
    check!(
        select(User.alias("größe 🦀").id),
        sqlite: r#"SELECT "größe 🦀"."id" FROM "users" AS "größe 🦀""#,
        postgres: r#"SELECT "größe 🦀"."id" FROM "users" AS "größe 🦀""#,
    );
    check!(
        select(User.alias("select").id),
        sqlite: r#"SELECT "select"."id" FROM "users" AS "select""#,
        postgres: r#"SELECT "select"."id" FROM "users" AS "select""#,
    );
}

#[test]
fn a_name_that_no_database_can_have_is_refused() {
    let reason = r#""a\0b" cannot be a name in {backend}: it holds a NUL"#;
    refused(select(User.alias("a\0b").id), reason);
    refused(select(User.id.label("a\0b")), reason);
    refused(delete(User.alias("a\0b")).all_rows(), reason);
    refused(select(User.alias("").id), r#""" cannot be a name in {backend}: it is empty"#);
}
