//! Several columns as one value.

use orm::prelude::*;

use crate::check::{check, refused};
use crate::models::*;

#[test]
fn a_page_goes_on_after_a_row() {
    check!(
        select(Post.id).filter(row((Post.score, Post.id)).lt((0.5, 7))),
        sqlite: r#"SELECT "post"."id" FROM "post" WHERE ("post"."score", "post"."id") < (?1, ?2)"#,
        postgres: r#"SELECT "post"."id" FROM "post" WHERE ("post"."score", "post"."id") < ($1, $2)"#,
    );
    check!(
        select(Post.id).filter(row((Post.views + 1, Post.id)).ge((2, Post.author_id)).and(Post.id.ne(3))),
        sqlite: r#"SELECT "post"."id" FROM "post" WHERE ("post"."views" + ?1, "post"."id") >= (?2, "post"."author_id") AND "post"."id" <> ?3"#,
        postgres: r#"SELECT "post"."id" FROM "post" WHERE ("post"."views" + CAST($1 AS bigint), "post"."id") >= (CAST($2 AS bigint), "post"."author_id") AND "post"."id" <> $3"#,
    );
}

#[test]
fn rows_are_equal_in_every_part() {
    check!(
        select(PostTag.tag).filter(row((PostTag.post_id, PostTag.tag)).eq((1, "a"))),
        sqlite: r#"SELECT "post_tag"."tag" FROM "post_tag" WHERE "post_tag"."post_id" = ?1 AND "post_tag"."tag" = ?2"#,
        postgres: r#"SELECT "post_tag"."tag" FROM "post_tag" WHERE "post_tag"."post_id" = $1 AND "post_tag"."tag" = $2"#,
    );
    check!(
        select(PostTag.tag).filter(row((PostTag.post_id, PostTag.tag)).not_in([(1, "a"), (2, "b")])),
        sqlite: r#"SELECT "post_tag"."tag" FROM "post_tag" WHERE NOT ("post_tag"."post_id" = ?1 AND "post_tag"."tag" = ?2 OR "post_tag"."post_id" = ?3 AND "post_tag"."tag" = ?4)"#,
        postgres: r#"SELECT "post_tag"."tag" FROM "post_tag" WHERE NOT ("post_tag"."post_id" = $1 AND "post_tag"."tag" = $2 OR "post_tag"."post_id" = $3 AND "post_tag"."tag" = $4)"#,
    );
    check!(
        select(PostTag.tag).filter(row((PostTag.post_id, PostTag.tag)).in_(Vec::<(i64, String)>::new())),
        sqlite: r#"SELECT "post_tag"."tag" FROM "post_tag" WHERE FALSE"#,
        postgres: r#"SELECT "post_tag"."tag" FROM "post_tag" WHERE FALSE"#,
    );
}

#[test]
fn rows_are_looked_for_in_a_subquery() {
    check!(
        select(PostTag.tag).filter(row((PostTag.post_id, PostTag.tag)).in_(select((Post.id, Post.title)))),
        sqlite: r#"SELECT "post_tag"."tag" FROM "post_tag" WHERE ("post_tag"."post_id", "post_tag"."tag") IN (SELECT "post"."id", "post"."title" FROM "post")"#,
        postgres: r#"SELECT "post_tag"."tag" FROM "post_tag" WHERE ("post_tag"."post_id", "post_tag"."tag") IN (SELECT "post"."id", "post"."title" FROM "post")"#,
    );
    refused(
        select(PostTag.tag).filter(row((PostTag.post_id, PostTag.tag)).in_(select((Post.id, Comment.body)))),
        "column `body` is of table `comment`, which the statement does not read from: add `.join(Post.comments)`",
    );
}
