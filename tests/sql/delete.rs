//! `DELETE`.

use orm::prelude::*;

use crate::check::check;
use crate::models::*;

#[test]
fn rows_are_deleted_by_their_filter() {
    check!(
        delete(User).filter(User.id.eq(1)),
        sqlite: r#"DELETE FROM "users" WHERE "users"."id" = ?1"#,
        postgres: r#"DELETE FROM "users" WHERE "users"."id" = $1"#,
    );
    check!(
        delete(User).filter(User.id.eq(1)).filter(User.active),
        sqlite: r#"DELETE FROM "users" WHERE "users"."id" = ?1 AND "users"."active""#,
        postgres: r#"DELETE FROM "users" WHERE "users"."id" = $1 AND "users"."active""#,
    );
    check!(
        delete(User).exclude(User.active),
        sqlite: r#"DELETE FROM "users" WHERE NOT "users"."active""#,
        postgres: r#"DELETE FROM "users" WHERE NOT "users"."active""#,
    );
}

#[test]
fn every_row_is_meant_if_said() {
    check!(
        delete(User).all_rows(),
        sqlite: r#"DELETE FROM "users""#,
        postgres: r#"DELETE FROM "users""#,
    );
}

#[test]
fn rows_of_a_subquery() {
    check!(
        delete(Post).filter(Post.author_id.in_(select(User.id).filter(User.active))),
        sqlite: r#"DELETE FROM "post" WHERE "post"."author_id" IN (SELECT "users"."id" FROM "users" WHERE "users"."active")"#,
        postgres: r#"DELETE FROM "post" WHERE "post"."author_id" IN (SELECT "users"."id" FROM "users" WHERE "users"."active")"#,
    );
    check!(
        delete(Post).filter(Post.author.any(User.active)),
        sqlite: r#"DELETE FROM "post" WHERE EXISTS (SELECT 1 FROM "users" WHERE "users"."id" = "post"."author_id" AND "users"."active")"#,
        postgres: r#"DELETE FROM "post" WHERE EXISTS (SELECT 1 FROM "users" WHERE "users"."id" = "post"."author_id" AND "users"."active")"#,
    );
}

#[test]
fn deleted_rows_come_back() {
    check!(
        delete(Comment).filter(Comment.id.eq(1)).returning(Comment),
        sqlite: r#"DELETE FROM "comment" WHERE "comment"."id" = ?1 RETURNING "comment"."id", "comment"."post_id", "comment"."body""#,
        postgres: r#"DELETE FROM "comment" WHERE "comment"."id" = $1 RETURNING "comment"."id", "comment"."post_id", "comment"."body""#,
    );
    check!(
        delete(User).filter(User.id.eq(1)).returning(User.name),
        sqlite: r#"DELETE FROM "users" WHERE "users"."id" = ?1 RETURNING "users"."name""#,
        postgres: r#"DELETE FROM "users" WHERE "users"."id" = $1 RETURNING "users"."name""#,
    );
}

#[test]
fn an_alias_is_deleted_from() {
    let u = User.alias("u");
    check!(
        delete(u).filter(u.id.eq(1)),
        sqlite: r#"DELETE FROM "users" AS "u" WHERE "u"."id" = ?1"#,
        postgres: r#"DELETE FROM "users" AS "u" WHERE "u"."id" = $1"#,
    );
}

#[test]
fn rows_are_deleted_by_their_keys() {
    let tags = ["a", "b", "c"].map(|name| Tag { name: name.into() });
    let [one, ..] = tags.clone();
    check!(
        delete_rows(one),
        sqlite: r#"DELETE FROM "tag" WHERE "tag"."name" = ?1"#,
        postgres: r#"DELETE FROM "tag" WHERE "tag"."name" = $1"#,
    );
    check!(
        delete_rows(tags),
        sqlite: r#"DELETE FROM "tag" WHERE "tag"."name" IN (?1, ?2)"#,
        postgres: r#"DELETE FROM "tag" WHERE "tag"."name" = ANY ($1)"#,
    );
}

#[test]
fn rows_are_deleted_by_keys_of_several_columns() {
    let pairs = ["a", "b"].map(|tag| PostTag { post_id: 1, tag: tag.into() });
    let [one, _] = pairs.clone();
    check!(
        delete_rows(one),
        sqlite: r#"DELETE FROM "post_tag" WHERE "post_tag"."post_id" = ?1 AND "post_tag"."tag" = ?2"#,
        postgres: r#"DELETE FROM "post_tag" WHERE "post_tag"."post_id" = $1 AND "post_tag"."tag" = $2"#,
    );
    check!(
        delete_rows(pairs),
        sqlite: r#"DELETE FROM "post_tag" WHERE ("post_tag"."post_id", "post_tag"."tag") IN (VALUES (?1, ?2), (?3, ?4))"#,
        postgres: r#"DELETE FROM "post_tag" WHERE ("post_tag"."post_id", "post_tag"."tag") IN (SELECT * FROM unnest($1, $2))"#,
    );
}
