//! Subqueries: scalar, `IN`, `EXISTS`, correlated, and over relations.

use orm::prelude::*;

use crate::check::{check, refused};
use crate::models::*;

#[test]
fn in_a_subquery() {
    check!(
        select(User.name).filter(User.id.in_(select(Post.author_id))),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE "users"."id" IN (SELECT "post"."author_id" FROM "post")"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE "users"."id" IN (SELECT "post"."author_id" FROM "post")"#,
    );
    check!(
        select(User.name).filter(User.id.not_in(select(Post.author_id).filter(Post.views.gt(1)))),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE "users"."id" NOT IN (SELECT "post"."author_id" FROM "post" WHERE "post"."views" > ?1)"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE "users"."id" NOT IN (SELECT "post"."author_id" FROM "post" WHERE "post"."views" > $1)"#,
    );
}

#[test]
fn a_subquery_stands_for_its_only_value() {
    check!(
        select(User.name).filter(User.age.eq(select(max(User.age)))),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE "users"."age" = (SELECT max("users"."age") FROM "users")"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE "users"."age" = (SELECT max("users"."age") FROM "users")"#,
    );
    check!(
        select(Post.title)
            .filter(Post.views.gt(select(avg(Post.views).cast::<i64>())))
            .filter(Post.id.gt(1)),
        sqlite: r#"SELECT "post"."title" FROM "post" WHERE "post"."views" > (SELECT CAST(avg("post"."views") AS INTEGER) FROM "post") AND "post"."id" > ?1"#,
        postgres: r#"SELECT "post"."title" FROM "post" WHERE "post"."views" > (SELECT CAST(CAST(avg("post"."views") AS double precision) AS bigint) FROM "post") AND "post"."id" > $1"#,
    );
}

#[test]
fn a_subquery_is_selected() {
    check!(
        select((
            User.name,
            select(count_all()).from(Post).filter(Post.author_id.eq(User.id)),
        )),
        sqlite: r#"SELECT "users"."name", (SELECT count(*) FROM "post" WHERE "post"."author_id" = "users"."id") FROM "users""#,
        postgres: r#"SELECT "users"."name", (SELECT count(*) FROM "post" WHERE "post"."author_id" = "users"."id") FROM "users""#,
    );
}

#[test]
fn a_subquery_is_labelled_as_an_expression() {
    check!(
        select(coalesce(
            [User.nickname],
            select(Profile.motto).filter(Profile.user_id.eq(User.id)).limit(1),
        )),
        sqlite: r#"SELECT coalesce("users"."nickname", (SELECT "profile"."motto" FROM "profile" WHERE "profile"."user_id" = "users"."id" LIMIT 1)) FROM "users""#,
        postgres: r#"SELECT coalesce("users"."nickname", (SELECT "profile"."motto" FROM "profile" WHERE "profile"."user_id" = "users"."id" LIMIT $1)) FROM "users""#,
    );
}

#[test]
fn exists_and_its_opposite() {
    check!(
        select(User.name).filter(exists(select(Post.id).filter(Post.author_id.eq(User.id)))),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT "post"."id" FROM "post" WHERE "post"."author_id" = "users"."id")"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT "post"."id" FROM "post" WHERE "post"."author_id" = "users"."id")"#,
    );
    check!(
        select(User.name).filter(not_exists(select(Post.id).filter(Post.author_id.eq(User.id)))),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE NOT EXISTS (SELECT "post"."id" FROM "post" WHERE "post"."author_id" = "users"."id")"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE NOT EXISTS (SELECT "post"."id" FROM "post" WHERE "post"."author_id" = "users"."id")"#,
    );
    check!(
        select(User.name).filter(not(exists(select(Post.id).filter(Post.author_id.eq(User.id))))),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE NOT EXISTS (SELECT "post"."id" FROM "post" WHERE "post"."author_id" = "users"."id")"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE NOT EXISTS (SELECT "post"."id" FROM "post" WHERE "post"."author_id" = "users"."id")"#,
    );
}

#[test]
fn a_correlated_subquery_sees_two_levels_up() {
    check!(
        select(User.name).filter(exists(
            select(Post.id).filter(exists(select(Comment.id).filter(Comment.body.eq(User.name)))),
        )),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT "post"."id" FROM "post" WHERE EXISTS (SELECT "comment"."id" FROM "comment" WHERE "comment"."body" = "users"."name"))"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT "post"."id" FROM "post" WHERE EXISTS (SELECT "comment"."id" FROM "comment" WHERE "comment"."body" = "users"."name"))"#,
    );
}

#[test]
fn an_inner_table_hides_an_outer_one_of_the_same_name() {
    check!(
        select(User.name).filter(exists(select(User.id).filter(User.active))),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT "users"."id" FROM "users" WHERE "users"."active")"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT "users"."id" FROM "users" WHERE "users"."active")"#,
    );
}

#[test]
fn a_subquery_over_the_same_table_needs_an_alias_to_see_outside() {
    let other = User.alias("other");
    check!(
        select(User.name).filter(exists(
            select(other.id)
                .filter(other.name.eq(User.name))
                .filter(other.id.ne(User.id)),
        )),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT "other"."id" FROM "users" AS "other" WHERE "other"."name" = "users"."name" AND "other"."id" <> "users"."id")"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT "other"."id" FROM "users" AS "other" WHERE "other"."name" = "users"."name" AND "other"."id" <> "users"."id")"#,
    );
}

#[test]
fn any_related_row_to_many() {
    check!(
        select(User.name).filter(User.posts.any(Post.views.gt(1))),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id" AND "post"."views" > ?1)"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id" AND "post"."views" > $1)"#,
    );
    check!(
        select(User.name).filter(User.posts.exists()),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id")"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id")"#,
    );
    check!(
        select(User.name).filter(User.posts.none(Post.views.gt(1))),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE NOT EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id" AND "post"."views" > ?1)"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE NOT EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id" AND "post"."views" > $1)"#,
    );
    check!(
        select(User.name).filter(User.posts.none(true)),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE NOT EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id")"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE NOT EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id")"#,
    );
}

#[test]
fn any_related_row_to_one() {
    check!(
        select(User.name).filter(User.profile.any(Profile.motto.eq(""))),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT 1 FROM "profile" WHERE "profile"."user_id" = "users"."id" AND "profile"."motto" = ?1)"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT 1 FROM "profile" WHERE "profile"."user_id" = "users"."id" AND "profile"."motto" = $1)"#,
    );
    check!(
        select(User.name).filter(User.profile.none(true)),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE NOT EXISTS (SELECT 1 FROM "profile" WHERE "profile"."user_id" = "users"."id")"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE NOT EXISTS (SELECT 1 FROM "profile" WHERE "profile"."user_id" = "users"."id")"#,
    );
}

#[test]
fn any_related_row_to_the_parent() {
    check!(
        select(Post.title).filter(Post.author.any(User.active)),
        sqlite: r#"SELECT "post"."title" FROM "post" WHERE EXISTS (SELECT 1 FROM "users" WHERE "users"."id" = "post"."author_id" AND "users"."active")"#,
        postgres: r#"SELECT "post"."title" FROM "post" WHERE EXISTS (SELECT 1 FROM "users" WHERE "users"."id" = "post"."author_id" AND "users"."active")"#,
    );
    check!(
        select(Post.title).filter(Post.editor.none(User.active)),
        sqlite: r#"SELECT "post"."title" FROM "post" WHERE NOT EXISTS (SELECT 1 FROM "users" WHERE "users"."id" = "post"."editor_id" AND "users"."active")"#,
        postgres: r#"SELECT "post"."title" FROM "post" WHERE NOT EXISTS (SELECT 1 FROM "users" WHERE "users"."id" = "post"."editor_id" AND "users"."active")"#,
    );
}

#[test]
fn any_related_row_through_a_table_between() {
    check!(
        select(Post.title).filter(Post.tags.any(Tag.name.eq("rust"))),
        sqlite: r#"SELECT "post"."title" FROM "post" WHERE EXISTS (SELECT 1 FROM "post_tag" JOIN "tag" ON "tag"."name" = "post_tag"."tag" WHERE "post_tag"."post_id" = "post"."id" AND "tag"."name" = ?1)"#,
        postgres: r#"SELECT "post"."title" FROM "post" WHERE EXISTS (SELECT 1 FROM "post_tag" JOIN "tag" ON "tag"."name" = "post_tag"."tag" WHERE "post_tag"."post_id" = "post"."id" AND "tag"."name" = $1)"#,
    );
    check!(
        select(Tag.name).filter(Tag.posts.none(Post.views.gt(1))),
        sqlite: r#"SELECT "tag"."name" FROM "tag" WHERE NOT EXISTS (SELECT 1 FROM "post_tag" JOIN "post" ON "post"."id" = "post_tag"."post_id" WHERE "post_tag"."tag" = "tag"."name" AND "post"."views" > ?1)"#,
        postgres: r#"SELECT "tag"."name" FROM "tag" WHERE NOT EXISTS (SELECT 1 FROM "post_tag" JOIN "post" ON "post"."id" = "post_tag"."post_id" WHERE "post_tag"."tag" = "tag"."name" AND "post"."views" > $1)"#,
    );
    check!(
        select(Post.title).filter(Post.tags.exists()),
        sqlite: r#"SELECT "post"."title" FROM "post" WHERE EXISTS (SELECT 1 FROM "post_tag" JOIN "tag" ON "tag"."name" = "post_tag"."tag" WHERE "post_tag"."post_id" = "post"."id")"#,
        postgres: r#"SELECT "post"."title" FROM "post" WHERE EXISTS (SELECT 1 FROM "post_tag" JOIN "tag" ON "tag"."name" = "post_tag"."tag" WHERE "post_tag"."post_id" = "post"."id")"#,
    );
}

#[test]
fn any_related_row_of_any_related_row() {
    check!(
        select(User.name).filter(User.posts.any(Post.comments.any(Comment.body.eq("!")))),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id" AND EXISTS (SELECT 1 FROM "comment" WHERE "comment"."post_id" = "post"."id" AND "comment"."body" = ?1))"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id" AND EXISTS (SELECT 1 FROM "comment" WHERE "comment"."post_id" = "post"."id" AND "comment"."body" = $1))"#,
    );
    check!(
        select(User.name).filter(User.posts.any(Post.views.gt(1).and(Post.tags.exists()))),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id" AND "post"."views" > ?1 AND EXISTS (SELECT 1 FROM "post_tag" JOIN "tag" ON "tag"."name" = "post_tag"."tag" WHERE "post_tag"."post_id" = "post"."id"))"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id" AND "post"."views" > $1 AND EXISTS (SELECT 1 FROM "post_tag" JOIN "tag" ON "tag"."name" = "post_tag"."tag" WHERE "post_tag"."post_id" = "post"."id"))"#,
    );
}

#[test]
fn any_of_an_alias() {
    let boss = User.alias("boss");
    check!(
        select(boss.name).filter(boss.posts.any(Post.views.gt(1))),
        sqlite: r#"SELECT "boss"."name" FROM "users" AS "boss" WHERE EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "boss"."id" AND "post"."views" > ?1)"#,
        postgres: r#"SELECT "boss"."name" FROM "users" AS "boss" WHERE EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "boss"."id" AND "post"."views" > $1)"#,
    );
}

#[test]
fn a_relation_to_itself_names_the_other_side() {
    let report = User.alias("report");
    check!(
        select(User.name).filter(User.reports.to(report).any(report.age.lt(18))),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT 1 FROM "users" AS "report" WHERE "report"."manager_id" = "users"."id" AND "report"."age" < ?1)"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE EXISTS (SELECT 1 FROM "users" AS "report" WHERE "report"."manager_id" = "users"."id" AND "report"."age" < $1)"#,
    );
    check!(
        select(User.name).filter(User.manager.to(report).none(report.active)),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE NOT EXISTS (SELECT 1 FROM "users" AS "report" WHERE "report"."id" = "users"."manager_id" AND "report"."active")"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE NOT EXISTS (SELECT 1 FROM "users" AS "report" WHERE "report"."id" = "users"."manager_id" AND "report"."active")"#,
    );
    // A question that says nothing of the other side needs no name for it.
    check!(
        select((User.name, User.reports.count())).filter(User.manager.exists()),
        sqlite: r#"SELECT "users"."name", (SELECT count(*) FROM "users" AS "related" WHERE "related"."manager_id" = "users"."id") FROM "users" WHERE EXISTS (SELECT 1 FROM "users" AS "related" WHERE "related"."id" = "users"."manager_id")"#,
        postgres: r#"SELECT "users"."name", (SELECT count(*) FROM "users" AS "related" WHERE "related"."manager_id" = "users"."id") FROM "users" WHERE EXISTS (SELECT 1 FROM "users" AS "related" WHERE "related"."id" = "users"."manager_id")"#,
    );
    refused(
        select(User.name).filter(User.reports.any(User.age.lt(18))),
        "the relation leads from `User` to itself: name the other side with `.to(User.alias(\"other\"))`",
    );
}

#[test]
fn a_write_asks_related_rows() {
    check!(
        delete(User).filter(User.posts.none(true)),
        sqlite: r#"DELETE FROM "users" WHERE NOT EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id")"#,
        postgres: r#"DELETE FROM "users" WHERE NOT EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id")"#,
    );
    check!(
        update(User)
            .set(User.active, false)
            .filter(User.posts.any(Post.views.eq(0))),
        sqlite: r#"UPDATE "users" SET "active" = ?1 WHERE EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id" AND "post"."views" = ?2)"#,
        postgres: r#"UPDATE "users" SET "active" = $1 WHERE EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "users"."id" AND "post"."views" = $2)"#,
    );
}

#[test]
fn a_subquery_for_a_value_has_one_column() {
    refused(
        select(User.name)
            .filter(User.id.eq(select(Post.id).join(Post.author)))
            .filter(User.id.eq(sql!("{}", select((Post.id, Post.views))).typed::<i64>())),
        "a subquery that stands for a value selects one column, and this one selects 2",
    );
}
