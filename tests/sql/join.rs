//! Joins, by a relation or by a condition.

use orm::prelude::*;

use crate::check::{check, refused};
use crate::models::*;

#[test]
fn a_relation_to_many() {
    check!(
        select((User.name, Post.title)).join(User.posts),
        sqlite: r#"SELECT "users"."name", "post"."title" FROM "users" JOIN "post" ON "post"."author_id" = "users"."id""#,
        postgres: r#"SELECT "users"."name", "post"."title" FROM "users" JOIN "post" ON "post"."author_id" = "users"."id""#,
    );
}

#[test]
fn a_relation_to_the_parent() {
    check!(
        select((Post.title, User.name)).join(Post.author),
        sqlite: r#"SELECT "post"."title", "users"."name" FROM "post" JOIN "users" ON "users"."id" = "post"."author_id""#,
        postgres: r#"SELECT "post"."title", "users"."name" FROM "post" JOIN "users" ON "users"."id" = "post"."author_id""#,
    );
}

#[test]
fn a_relation_to_one() {
    check!(
        select((User.name, Profile.motto)).join(User.profile),
        sqlite: r#"SELECT "users"."name", "profile"."motto" FROM "users" JOIN "profile" ON "profile"."user_id" = "users"."id""#,
        postgres: r#"SELECT "users"."name", "profile"."motto" FROM "users" JOIN "profile" ON "profile"."user_id" = "users"."id""#,
    );
}

#[test]
fn a_relation_through_a_table_between() {
    check!(
        select((Post.title, Tag.name)).join(Post.tags),
        sqlite: r#"SELECT "post"."title", "tag"."name" FROM "post" JOIN "post_tag" ON "post_tag"."post_id" = "post"."id" JOIN "tag" ON "tag"."name" = "post_tag"."tag""#,
        postgres: r#"SELECT "post"."title", "tag"."name" FROM "post" JOIN "post_tag" ON "post_tag"."post_id" = "post"."id" JOIN "tag" ON "tag"."name" = "post_tag"."tag""#,
    );
    check!(
        select((Tag.name, Post.title)).left_join(Tag.posts),
        sqlite: r#"SELECT "tag"."name", "post"."title" FROM "tag" LEFT JOIN "post_tag" ON "post_tag"."tag" = "tag"."name" LEFT JOIN "post" ON "post"."id" = "post_tag"."post_id""#,
        postgres: r#"SELECT "tag"."name", "post"."title" FROM "tag" LEFT JOIN "post_tag" ON "post_tag"."tag" = "tag"."name" LEFT JOIN "post" ON "post"."id" = "post_tag"."post_id""#,
    );
}

#[test]
fn two_relations_between_the_same_models_are_told_apart() {
    let editor = User.alias("editor");
    check!(
        select((Post.title, User.name, editor.name.optional()))
            .join(Post.author)
            .left_join(Post.editor.to(editor)),
        sqlite: r#"SELECT "post"."title", "users"."name", "editor"."name" FROM "post" JOIN "users" ON "users"."id" = "post"."author_id" LEFT JOIN "users" AS "editor" ON "editor"."id" = "post"."editor_id""#,
        postgres: r#"SELECT "post"."title", "users"."name", "editor"."name" FROM "post" JOIN "users" ON "users"."id" = "post"."author_id" LEFT JOIN "users" AS "editor" ON "editor"."id" = "post"."editor_id""#,
    );
}

#[test]
fn joins_follow_each_other() {
    check!(
        select((User.name, Comment.body))
            .join(User.posts)
            .join(Post.comments),
        sqlite: r#"SELECT "users"."name", "comment"."body" FROM "users" JOIN "post" ON "post"."author_id" = "users"."id" JOIN "comment" ON "comment"."post_id" = "post"."id""#,
        postgres: r#"SELECT "users"."name", "comment"."body" FROM "users" JOIN "post" ON "post"."author_id" = "users"."id" JOIN "comment" ON "comment"."post_id" = "post"."id""#,
    );
    check!(
        select((Comment.body, User.name))
            .join(Comment.post)
            .join(Post.author),
        sqlite: r#"SELECT "comment"."body", "users"."name" FROM "comment" JOIN "post" ON "post"."id" = "comment"."post_id" JOIN "users" ON "users"."id" = "post"."author_id""#,
        postgres: r#"SELECT "comment"."body", "users"."name" FROM "comment" JOIN "post" ON "post"."id" = "comment"."post_id" JOIN "users" ON "users"."id" = "post"."author_id""#,
    );
}

#[test]
fn every_kind_of_join() {
    check!(
        select((User.name, Post.title.optional())).left_join(User.posts),
        sqlite: r#"SELECT "users"."name", "post"."title" FROM "users" LEFT JOIN "post" ON "post"."author_id" = "users"."id""#,
        postgres: r#"SELECT "users"."name", "post"."title" FROM "users" LEFT JOIN "post" ON "post"."author_id" = "users"."id""#,
    );
    check!(
        select((User.name.optional(), Post.title)).right_join(User.posts),
        sqlite: r#"SELECT "users"."name", "post"."title" FROM "users" RIGHT JOIN "post" ON "post"."author_id" = "users"."id""#,
        postgres: r#"SELECT "users"."name", "post"."title" FROM "users" RIGHT JOIN "post" ON "post"."author_id" = "users"."id""#,
    );
    check!(
        select((User.name.optional(), Post.title.optional())).full_join(User.posts),
        sqlite: r#"SELECT "users"."name", "post"."title" FROM "users" FULL JOIN "post" ON "post"."author_id" = "users"."id""#,
        postgres: r#"SELECT "users"."name", "post"."title" FROM "users" FULL JOIN "post" ON "post"."author_id" = "users"."id""#,
    );
    check!(
        select((User.name, Tag.name)).cross_join(Tag),
        sqlite: r#"SELECT "users"."name", "tag"."name" FROM "users" CROSS JOIN "tag""#,
        postgres: r#"SELECT "users"."name", "tag"."name" FROM "users" CROSS JOIN "tag""#,
    );
}

#[test]
fn a_model_on_the_outer_side_is_optional() {
    check!(
        select((User.name, Comment.optional()))
            .from(User)
            .left_join(User.posts)
            .left_join(Post.comments),
        sqlite: r#"SELECT "users"."name", "comment"."id", "comment"."post_id", "comment"."body" FROM "users" LEFT JOIN "post" ON "post"."author_id" = "users"."id" LEFT JOIN "comment" ON "comment"."post_id" = "post"."id""#,
        postgres: r#"SELECT "users"."name", "comment"."id", "comment"."post_id", "comment"."body" FROM "users" LEFT JOIN "post" ON "post"."author_id" = "users"."id" LEFT JOIN "comment" ON "comment"."post_id" = "post"."id""#,
    );
}

#[test]
fn a_condition_joins_what_no_relation_does() {
    check!(
        select((User.name, Country.code)).join(Country.on(Country.code.eq(User.nickname))),
        sqlite: r#"SELECT "users"."name", "country"."code" FROM "users" JOIN "country" ON "country"."code" = "users"."nickname""#,
        postgres: r#"SELECT "users"."name", "country"."code" FROM "users" JOIN "country" ON "country"."code" = "users"."nickname""#,
    );
}

#[test]
fn a_relation_takes_a_further_condition() {
    check!(
        select(User.name).left_join(User.posts.and_on(Post.views.gt(10))),
        sqlite: r#"SELECT "users"."name" FROM "users" LEFT JOIN "post" ON "post"."author_id" = "users"."id" AND "post"."views" > ?1"#,
        postgres: r#"SELECT "users"."name" FROM "users" LEFT JOIN "post" ON "post"."author_id" = "users"."id" AND "post"."views" > $1"#,
    );
    check!(
        select(User.name).left_join(User.posts.and_on(Post.views.gt(10).or(Post.score.gt(0.5)))),
        sqlite: r#"SELECT "users"."name" FROM "users" LEFT JOIN "post" ON "post"."author_id" = "users"."id" AND ("post"."views" > ?1 OR "post"."score" > ?2)"#,
        postgres: r#"SELECT "users"."name" FROM "users" LEFT JOIN "post" ON "post"."author_id" = "users"."id" AND ("post"."views" > $1 OR "post"."score" > $2)"#,
    );
    check!(
        select(Post.title).join(Post.tags.and_on(Tag.name.ne("draft"))),
        sqlite: r#"SELECT "post"."title" FROM "post" JOIN "post_tag" ON "post_tag"."post_id" = "post"."id" JOIN "tag" ON "tag"."name" = "post_tag"."tag" AND "tag"."name" <> ?1"#,
        postgres: r#"SELECT "post"."title" FROM "post" JOIN "post_tag" ON "post_tag"."post_id" = "post"."id" JOIN "tag" ON "tag"."name" = "post_tag"."tag" AND "tag"."name" <> $1"#,
    );
}

#[test]
fn a_condition_takes_a_further_one() {
    check!(
        select(User.name).join(
            Country
                .on(Country.code.eq("de").or(Country.code.eq("at")))
                .and_on(User.active),
        ),
        sqlite: r#"SELECT "users"."name" FROM "users" JOIN "country" ON ("country"."code" = ?1 OR "country"."code" = ?2) AND "users"."active""#,
        postgres: r#"SELECT "users"."name" FROM "users" JOIN "country" ON ("country"."code" = $1 OR "country"."code" = $2) AND "users"."active""#,
    );
}

#[test]
fn a_table_is_joined_with_itself_under_an_alias() {
    let boss = User.alias("boss");
    check!(
        select((User.name, boss.name)).join(User.manager.to(boss)),
        sqlite: r#"SELECT "users"."name", "boss"."name" FROM "users" JOIN "users" AS "boss" ON "boss"."id" = "users"."manager_id""#,
        postgres: r#"SELECT "users"."name", "boss"."name" FROM "users" JOIN "users" AS "boss" ON "boss"."id" = "users"."manager_id""#,
    );
    check!(
        select((boss.name, User.name)).join(boss.reports),
        sqlite: r#"SELECT "boss"."name", "users"."name" FROM "users" AS "boss" JOIN "users" ON "users"."manager_id" = "boss"."id""#,
        postgres: r#"SELECT "boss"."name", "users"."name" FROM "users" AS "boss" JOIN "users" ON "users"."manager_id" = "boss"."id""#,
    );
    check!(
        select((User.name, boss.name)).join(boss.on(boss.id.eq(User.manager_id))),
        sqlite: r#"SELECT "users"."name", "boss"."name" FROM "users" JOIN "users" AS "boss" ON "boss"."id" = "users"."manager_id""#,
        postgres: r#"SELECT "users"."name", "boss"."name" FROM "users" JOIN "users" AS "boss" ON "boss"."id" = "users"."manager_id""#,
    );
}

#[test]
fn a_relation_of_an_alias_begins_at_the_alias() {
    let writer = User.alias("writer");
    check!(
        select((writer.name, Post.title)).join(writer.posts),
        sqlite: r#"SELECT "writer"."name", "post"."title" FROM "users" AS "writer" JOIN "post" ON "post"."author_id" = "writer"."id""#,
        postgres: r#"SELECT "writer"."name", "post"."title" FROM "users" AS "writer" JOIN "post" ON "post"."author_id" = "writer"."id""#,
    );
}

#[test]
fn a_table_without_another_name_stands_once() {
    refused(
        select(User.name).join(User.posts).left_join(User.posts),
        "`post` stands twice in FROM: give one of them a name of its own with `.alias(\"..\")`, as in `let other = Post.alias(\"other\")`",
    );
    refused(
        select(User.name).join(User.manager),
        "`users` stands twice in FROM: give one of them a name of its own with `.alias(\"..\")`, as in `let other = User.alias(\"other\")`",
    );
}

#[test]
fn a_join_needs_something_to_join_with() {
    refused(select(value(1)).cross_join(User), "there is nothing to join with: name the first table by `.from(..)`");
}
