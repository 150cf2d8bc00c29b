//! `UPDATE`.

use orm::prelude::*;

use crate::check::{check, refused, text};
use crate::models::*;

#[test]
fn values_and_expressions_are_set() {
    check!(
        update(User)
            .set(User.name, "Al")
            .set(User.age, User.age + 1)
            .filter(User.id.eq(1)),
        sqlite: r#"UPDATE "users" SET "name" = ?1, "age" = "users"."age" + ?2 WHERE "users"."id" = ?3"#,
        postgres: r#"UPDATE "users" SET "name" = $1, "age" = "users"."age" + CAST($2 AS bigint) WHERE "users"."id" = $3"#,
    );
}

#[test]
fn a_column_that_may_be_null_is_set_to_null() {
    check!(
        update(User)
            .set(User.nickname, None::<&str>)
            .filter(User.id.eq(1)),
        sqlite: r#"UPDATE "users" SET "nickname" = ?1 WHERE "users"."id" = ?2"#,
        postgres: r#"UPDATE "users" SET "nickname" = $1 WHERE "users"."id" = $2"#,
    );
    check!(
        update(User).set(User.nickname, User.name).filter(User.id.eq(1)),
        sqlite: r#"UPDATE "users" SET "nickname" = "users"."name" WHERE "users"."id" = ?1"#,
        postgres: r#"UPDATE "users" SET "nickname" = "users"."name" WHERE "users"."id" = $1"#,
    );
    check!(
        update(User).set(User.age, Some(3)).filter(User.id.eq(1)),
        sqlite: r#"UPDATE "users" SET "age" = ?1 WHERE "users"."id" = ?2"#,
        postgres: r#"UPDATE "users" SET "age" = $1 WHERE "users"."id" = $2"#,
    );
}

#[test]
fn what_may_be_null_is_made_sure_of() {
    check!(
        update(User)
            .set(User.name, User.nickname.coalesce("-"))
            .filter(User.id.eq(1)),
        sqlite: r#"UPDATE "users" SET "name" = coalesce("users"."nickname", ?1) WHERE "users"."id" = ?2"#,
        postgres: r#"UPDATE "users" SET "name" = coalesce("users"."nickname", CAST($1 AS text)) WHERE "users"."id" = $2"#,
    );
}

#[test]
fn a_subquery_is_set() {
    check!(
        update(User)
            .set(
                User.nickname,
                select(Profile.motto).filter(Profile.user_id.eq(User.id)),
            )
            .filter(User.id.eq(1)),
        sqlite: r#"UPDATE "users" SET "nickname" = (SELECT "profile"."motto" FROM "profile" WHERE "profile"."user_id" = "users"."id") WHERE "users"."id" = ?1"#,
        postgres: r#"UPDATE "users" SET "nickname" = (SELECT "profile"."motto" FROM "profile" WHERE "profile"."user_id" = "users"."id") WHERE "users"."id" = $1"#,
    );
}

#[test]
fn a_case_is_set() {
    check!(
        update(User)
            .set(
                User.name,
                case::<String>().when(User.active, "on").otherwise("off"),
            )
            .all_rows(),
        sqlite: r#"UPDATE "users" SET "name" = CASE WHEN "users"."active" THEN ?1 ELSE ?2 END"#,
        postgres: r#"UPDATE "users" SET "name" = CASE WHEN "users"."active" THEN CAST($1 AS text) ELSE CAST($2 AS text) END"#,
    );
}

#[test]
fn a_later_set_of_a_column_wins() {
    check!(
        update(User)
            .set(User.name, "a")
            .set(User.active, true)
            .set(User.name, "b")
            .filter(User.id.eq(1)),
        sqlite: r#"UPDATE "users" SET "name" = ?1, "active" = ?2 WHERE "users"."id" = ?3"#,
        postgres: r#"UPDATE "users" SET "name" = $1, "active" = $2 WHERE "users"."id" = $3"#,
    );
}

#[test]
fn filters_are_joined_with_and() {
    check!(
        update(User)
            .set(User.active, false)
            .filter(User.age.lt(18))
            .filter(User.id.gt(1))
            .exclude(User.active),
        sqlite: r#"UPDATE "users" SET "active" = ?1 WHERE "users"."age" < ?2 AND "users"."id" > ?3 AND NOT "users"."active""#,
        postgres: r#"UPDATE "users" SET "active" = $1 WHERE "users"."age" < $2 AND "users"."id" > $3 AND NOT "users"."active""#,
    );
}

#[test]
fn every_row_is_meant_if_said() {
    check!(
        update(User).set(User.active, true).all_rows(),
        sqlite: r#"UPDATE "users" SET "active" = ?1"#,
        postgres: r#"UPDATE "users" SET "active" = $1"#,
    );
}

#[test]
fn set_stands_before_or_after_the_filter() {
    check!(
        update(User).filter(User.id.eq(1)).set(User.active, true),
        sqlite: r#"UPDATE "users" SET "active" = ?1 WHERE "users"."id" = ?2"#,
        postgres: r#"UPDATE "users" SET "active" = $1 WHERE "users"."id" = $2"#,
    );
}

#[test]
fn columns_come_back() {
    check!(
        update(User)
            .set(User.age, User.age + 1)
            .filter(User.id.eq(1))
            .returning((User.id, User.age)),
        sqlite: r#"UPDATE "users" SET "age" = "users"."age" + ?1 WHERE "users"."id" = ?2 RETURNING "users"."id", "users"."age""#,
        postgres: r#"UPDATE "users" SET "age" = "users"."age" + CAST($1 AS bigint) WHERE "users"."id" = $2 RETURNING "users"."id", "users"."age""#,
    );
    check!(
        update(Tag)
            .set(Tag.name, "x")
            .filter(Tag.name.eq("y"))
            .returning(Tag),
        sqlite: r#"UPDATE "tag" SET "name" = ?1 WHERE "tag"."name" = ?2 RETURNING "tag"."name""#,
        postgres: r#"UPDATE "tag" SET "name" = $1 WHERE "tag"."name" = $2 RETURNING "tag"."name""#,
    );
}

#[test]
fn an_alias_is_updated() {
    let u = User.alias("u");
    check!(
        update(u).set(u.active, true).filter(u.id.eq(1)),
        sqlite: r#"UPDATE "users" AS "u" SET "active" = ?1 WHERE "u"."id" = ?2"#,
        postgres: r#"UPDATE "users" AS "u" SET "active" = $1 WHERE "u"."id" = $2"#,
    );
}

#[test]
fn a_statement_is_built_up_by_ordinary_code() {
    let nickname = Some("al");
    let mut query: Update<User> = update(User).set(User.active, true).filter(User.id.eq(1));
    if let Some(nickname) = nickname {
        query = query.set(User.nickname, nickname);
    }
    check!(
        query,
        sqlite: r#"UPDATE "users" SET "active" = ?1, "nickname" = ?2 WHERE "users"."id" = ?3"#,
        postgres: r#"UPDATE "users" SET "active" = $1, "nickname" = $2 WHERE "users"."id" = $3"#,
    );
}

fn users(ids: impl IntoIterator<Item = i64>) -> Vec<User> {
    let user = |id| User { id, name: "Alice".into(), nickname: None, age: None, active: true, manager_id: None };
    ids.into_iter().map(user).collect()
}

#[test]
fn a_struct_is_written_over_the_row_of_its_key() {
    check!(
        update_rows(users([1])),
        sqlite: r#"UPDATE "users" SET "name" = ?1, "nickname" = ?2, "age" = ?3, "active" = ?4, "manager_id" = ?5 WHERE "users"."id" = ?6"#,
        postgres: r#"UPDATE "users" SET "name" = $1, "nickname" = $2, "age" = $3, "active" = $4, "manager_id" = $5 WHERE "users"."id" = $6"#,
    );
    let comment = Comment { id: 1, post_id: 2, body: "hello".into() };
    check!(
        update_rows(comment).returning(Comment.body),
        sqlite: r#"UPDATE "comment" SET "post_id" = ?1, "body" = ?2 WHERE "comment"."id" = ?3 RETURNING "comment"."body""#,
        postgres: r#"UPDATE "comment" SET "post_id" = $1, "body" = $2 WHERE "comment"."id" = $3 RETURNING "comment"."body""#,
    );
}

#[test]
fn only_named_columns_are_written() {
    check!(
        update_rows(users([1])).columns(User.name),
        sqlite: r#"UPDATE "users" SET "name" = ?1 WHERE "users"."id" = ?2"#,
        postgres: r#"UPDATE "users" SET "name" = $1 WHERE "users"."id" = $2"#,
    );
    check!(
        update_rows(users([1])).columns((User.age, User.name)),
        sqlite: r#"UPDATE "users" SET "name" = ?1, "age" = ?2 WHERE "users"."id" = ?3"#,
        postgres: r#"UPDATE "users" SET "name" = $1, "age" = $2 WHERE "users"."id" = $3"#,
    );
}

#[test]
fn rows_with_values_of_their_own_share_a_statement() {
    check!(
        update_rows(users([1, 2])).columns((User.name, User.age)).returning(User.id),
        sqlite: r#"UPDATE "users" SET "name" = "new"."column1", "age" = "new"."column2" FROM (VALUES (?1, ?2, ?3), (?4, ?5, ?6)) AS "new" WHERE "users"."id" = "new"."column3" RETURNING "users"."id""#,
        postgres: r#"UPDATE "users" SET "name" = "new"."column1", "age" = "new"."column2" FROM unnest($1, $2, $3) AS "new" ("column1", "column2", "column3") WHERE "users"."id" = "new"."column3" RETURNING "users"."id""#,
    );
    assert_eq!(text(&update_rows(users(1..=120)).columns(User.name)).matches("(?").count(), 50);
}

#[test]
fn a_model_that_is_all_key_has_nothing_to_write() {
    refused(
        update_rows(Tag { name: "rust".into() }),
        "the update of `tag` sets no column: name some that are not its key",
    );
}
