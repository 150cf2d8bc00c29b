//! `INSERT`.

use orm::prelude::*;

use crate::check::{check, refused, text};
use crate::models::*;

#[test]
fn a_builder_is_a_row() {
    check!(
        insert(Comment::builder().post_id(1).body("hello")),
        sqlite: r#"INSERT INTO "comment" ("post_id", "body") VALUES (?1, ?2)"#,
        postgres: r#"INSERT INTO "comment" ("post_id", "body") VALUES ($1, $2)"#,
    );
}

#[test]
fn a_model_is_a_row_and_its_key_of_zero_is_left_to_the_database() {
    check!(
        insert(Comment {
            id: 0,
            post_id: 1,
            body: "hello".into(),
        }),
        sqlite: r#"INSERT INTO "comment" ("post_id", "body") VALUES (?1, ?2)"#,
        postgres: r#"INSERT INTO "comment" ("post_id", "body") VALUES ($1, $2)"#,
    );
    check!(
        insert(Comment {
            id: 7,
            post_id: 1,
            body: "hello".into(),
        }),
        sqlite: r#"INSERT INTO "comment" ("id", "post_id", "body") VALUES (?1, ?2, ?3)"#,
        postgres: r#"INSERT INTO "comment" ("id", "post_id", "body") VALUES ($1, $2, $3)"#,
    );
}

#[test]
fn a_key_can_be_given() {
    check!(
        insert(Comment::builder().id(7).post_id(1).body("hello")),
        sqlite: r#"INSERT INTO "comment" ("id", "post_id", "body") VALUES (?1, ?2, ?3)"#,
        postgres: r#"INSERT INTO "comment" ("id", "post_id", "body") VALUES ($1, $2, $3)"#,
    );
}

#[test]
fn a_natural_key_is_always_given() {
    check!(
        insert(Tag::builder().name("rust")),
        sqlite: r#"INSERT INTO "tag" ("name") VALUES (?1)"#,
        postgres: r#"INSERT INTO "tag" ("name") VALUES ($1)"#,
    );
}

#[test]
fn an_option_that_is_not_set_is_null_and_a_default_is_sent() {
    check!(
        insert(User::builder().name("Alice")),
        sqlite: r#"INSERT INTO "users" ("name", "nickname", "age", "active", "manager_id") VALUES (?1, ?2, ?3, ?4, ?5)"#,
        postgres: r#"INSERT INTO "users" ("name", "nickname", "age", "active", "manager_id") VALUES ($1, $2, $3, $4, $5)"#,
    );
}

#[test]
fn rows_share_a_statement() {
    let tags = ["a", "b", "c"].map(|name| Tag::builder().name(name));
    check!(
        insert(vec![Tag::builder().name("a"), Tag::builder().name("b")]),
        sqlite: r#"INSERT INTO "tag" ("name") VALUES (?1), (?2)"#,
        postgres: r#"INSERT INTO "tag" ("name") SELECT "column1" FROM unnest($1) WITH ORDINALITY AS "new" ("column1", "row") ORDER BY "row""#,
    );
    check!(
        insert(tags),
        sqlite: r#"INSERT INTO "tag" ("name") VALUES (?1), (?2)"#,
        postgres: r#"INSERT INTO "tag" ("name") SELECT "column1" FROM unnest($1) WITH ORDINALITY AS "new" ("column1", "row") ORDER BY "row""#,
    );
}

#[test]
fn many_rows_are_sent_in_chunks_of_a_hundred_or_of_fifty_with_several_texts() {
    let tags: Vec<_> = (0..120).map(|number| Tag::builder().name(format!("{number}"))).collect();
    assert_eq!(text(&insert(tags)).matches("(?").count(), 100);
    let users: Vec<_> = (0..120).map(|number| User::builder().name("A").nickname(format!("{number}"))).collect();
    assert_eq!(text(&insert(users)).matches("(?").count(), 50);
}

#[test]
fn columns_of_the_new_row_come_back() {
    check!(
        insert(Comment::builder().post_id(1).body("hello")).returning(Comment),
        sqlite: r#"INSERT INTO "comment" ("post_id", "body") VALUES (?1, ?2) RETURNING "comment"."id", "comment"."post_id", "comment"."body""#,
        postgres: r#"INSERT INTO "comment" ("post_id", "body") VALUES ($1, $2) RETURNING "comment"."id", "comment"."post_id", "comment"."body""#,
    );
    check!(
        insert(Tag::builder().name("rust")).returning((Tag.name, Tag.name.length())),
        sqlite: r#"INSERT INTO "tag" ("name") VALUES (?1) RETURNING "tag"."name", length("tag"."name")"#,
        postgres: r#"INSERT INTO "tag" ("name") VALUES ($1) RETURNING "tag"."name", length("tag"."name")"#,
    );
}

#[test]
fn a_statement_can_be_run_twice() {
    let row = insert(Tag::builder().name("rust"));
    check!(
        row.clone(),
        sqlite: r#"INSERT INTO "tag" ("name") VALUES (?1)"#,
        postgres: r#"INSERT INTO "tag" ("name") VALUES ($1)"#,
    );
    check!(
        row.returning(Tag.name),
        sqlite: r#"INSERT INTO "tag" ("name") VALUES (?1) RETURNING "tag"."name""#,
        postgres: r#"INSERT INTO "tag" ("name") VALUES ($1) RETURNING "tag"."name""#,
    );
}

#[test]
fn a_row_that_is_there_is_left_alone() {
    check!(
        insert(Tag::builder().name("rust")).on_conflict_do_nothing(),
        sqlite: r#"INSERT INTO "tag" ("name") VALUES (?1) ON CONFLICT DO NOTHING"#,
        postgres: r#"INSERT INTO "tag" ("name") VALUES ($1) ON CONFLICT DO NOTHING"#,
    );
    check!(
        insert(Tag::builder().name("rust")).on_conflict(Tag.name).do_nothing().returning(Tag.name),
        sqlite: r#"INSERT INTO "tag" ("name") VALUES (?1) ON CONFLICT ("name") DO NOTHING RETURNING "tag"."name""#,
        postgres: r#"INSERT INTO "tag" ("name") VALUES ($1) ON CONFLICT ("name") DO NOTHING RETURNING "tag"."name""#,
    );
}

#[test]
fn a_row_that_is_there_is_updated() {
    check!(
        insert(Profile::builder().user_id(1).motto("hello")).on_conflict(Profile.user_id).do_update(Profile.motto),
        sqlite: r#"INSERT INTO "profile" ("user_id", "motto") VALUES (?1, ?2) ON CONFLICT ("user_id") DO UPDATE SET "motto" = "excluded"."motto""#,
        postgres: r#"INSERT INTO "profile" ("user_id", "motto") VALUES ($1, $2) ON CONFLICT ("user_id") DO UPDATE SET "motto" = "excluded"."motto""#,
    );
    check!(
        insert(Comment::builder().id(7).post_id(1).body("hello"))
            .on_conflict(Comment.id)
            .do_update((Comment.post_id, Comment.body))
            .returning(Comment.id),
        sqlite: r#"INSERT INTO "comment" ("id", "post_id", "body") VALUES (?1, ?2, ?3) ON CONFLICT ("id") DO UPDATE SET "post_id" = "excluded"."post_id", "body" = "excluded"."body" RETURNING "comment"."id""#,
        postgres: r#"INSERT INTO "comment" ("id", "post_id", "body") VALUES ($1, $2, $3) ON CONFLICT ("id") DO UPDATE SET "post_id" = "excluded"."post_id", "body" = "excluded"."body" RETURNING "comment"."id""#,
    );
}

#[test]
fn the_columns_of_a_conflict_stand_in_the_order_of_the_table() {
    check!(
        insert(PostTag::builder().post_id(1).tag("rust")).on_conflict((PostTag.tag, PostTag.post_id)).do_nothing(),
        sqlite: r#"INSERT INTO "post_tag" ("post_id", "tag") VALUES (?1, ?2) ON CONFLICT ("post_id", "tag") DO NOTHING"#,
        postgres: r#"INSERT INTO "post_tag" ("post_id", "tag") VALUES ($1, $2) ON CONFLICT ("post_id", "tag") DO NOTHING"#,
    );
}

#[test]
fn an_update_on_conflict_sees_both_rows() {
    check!(
        insert(Profile::builder().user_id(1).motto("hello"))
            .on_conflict(Profile.user_id)
            .do_update(())
            .set(Profile.motto, Profile.motto.concat(excluded(Profile.motto)))
            .filter(Profile.id.gt(1))
            .filter(Profile.motto.ne(excluded(Profile.motto)))
            .returning(Profile.id),
        sqlite: r#"INSERT INTO "profile" ("user_id", "motto") VALUES (?1, ?2) ON CONFLICT ("user_id") DO UPDATE SET "motto" = "profile"."motto" || "excluded"."motto" WHERE "profile"."id" > ?3 AND "profile"."motto" <> "excluded"."motto" RETURNING "profile"."id""#,
        postgres: r#"INSERT INTO "profile" ("user_id", "motto") VALUES ($1, $2) ON CONFLICT ("user_id") DO UPDATE SET "motto" = "profile"."motto" || "excluded"."motto" WHERE "profile"."id" > $3 AND "profile"."motto" <> "excluded"."motto" RETURNING "profile"."id""#,
    );
}

#[test]
fn a_later_set_on_conflict_wins() {
    check!(
        insert(Profile::builder().user_id(1).motto("hello"))
            .on_conflict(Profile.user_id)
            .do_update((Profile.motto, Profile.motto))
            .set(Profile.motto, "a")
            .set(Profile.motto, "b"),
        sqlite: r#"INSERT INTO "profile" ("user_id", "motto") VALUES (?1, ?2) ON CONFLICT ("user_id") DO UPDATE SET "motto" = ?3"#,
        postgres: r#"INSERT INTO "profile" ("user_id", "motto") VALUES ($1, $2) ON CONFLICT ("user_id") DO UPDATE SET "motto" = $3"#,
    );
}

#[test]
fn a_conflict_is_one_of_a_key_or_unique_constraint() {
    refused(
        insert(Profile::builder().user_id(1).motto("hello")).on_conflict(Profile.motto).do_nothing(),
        "no key or unique constraint of `Profile` is on `motto`: a conflict is one of them, and the model must say it, \
         as by `#[model(unique)]`",
    );
    refused(
        insert(Profile::builder().user_id(1).motto("hello")).on_conflict(Profile.user_id).do_update(()),
        "the update of `profile` sets no column: add `.set(column, value)`",
    );
}

#[test]
fn the_row_that_could_not_be_inserted_is_known_on_conflict_only() {
    refused(
        update(User).set(User.name, excluded(User.name)).all_rows(),
        "column `name` is of table `excluded`, which the statement does not read from: `excluded(..)` is the row that \
         could not be inserted: it stands in `.set(..)` and `.filter(..)` of an `insert` with `.on_conflict(..)`, and \
         is of its table",
    );
}
