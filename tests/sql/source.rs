//! Queries in FROM: subqueries and common table expressions.

use orm::prelude::*;

use crate::check::{check, refused, text};
use crate::models::*;

#[test]
fn the_first_rows_of_each_group_by_a_row_number() {
    let number = row_number().over(partition_by(Comment.post_id).order_by(Comment.id.desc())).label("n");
    let ranked = select((Comment, number)).subquery("ranked");
    let (comment, n) = ranked.columns();
    let newest: Select<Comment> = select(comment).from(&ranked).filter(n.le(3)).order_by((comment.post_id, n));
    check!(
        newest,
        sqlite: r#"SELECT "ranked"."id", "ranked"."post_id", "ranked"."body" FROM (SELECT "comment"."id", "comment"."post_id", "comment"."body", row_number() OVER (PARTITION BY "comment"."post_id" ORDER BY "comment"."id" DESC) AS "n" FROM "comment") AS "ranked" WHERE "ranked"."n" <= ?1 ORDER BY "ranked"."post_id", "ranked"."n""#,
        postgres: r#"SELECT "ranked"."id", "ranked"."post_id", "ranked"."body" FROM (SELECT "comment"."id", "comment"."post_id", "comment"."body", row_number() OVER (PARTITION BY "comment"."post_id" ORDER BY "comment"."id" DESC) AS "n" FROM "comment") AS "ranked" WHERE "ranked"."n" <= $1 ORDER BY "ranked"."post_id" NULLS FIRST, "ranked"."n" NULLS FIRST"#,
    );
}

#[test]
fn a_query_is_joined_by_a_condition() {
    let posts = select((Post.author_id, count(Post.id))).group_by(Post.author_id).subquery("posts");
    let (author, number) = posts.columns();
    check!(
        select((User.name, number.optional())).left_join(posts.on(author.eq(User.id).and(number.gt(2)))),
        sqlite: r#"SELECT "users"."name", "posts"."c2" FROM "users" LEFT JOIN (SELECT "post"."author_id", count("post"."id") AS "c2" FROM "post" GROUP BY "post"."author_id") AS "posts" ON "posts"."author_id" = "users"."id" AND "posts"."c2" > ?1"#,
        postgres: r#"SELECT "users"."name", "posts"."c2" FROM "users" LEFT JOIN (SELECT "post"."author_id", count("post"."id") AS "c2" FROM "post" GROUP BY "post"."author_id") AS "posts" ON "posts"."author_id" = "users"."id" AND "posts"."c2" > $1"#,
    );
}

#[test]
fn binds_stand_in_the_order_of_the_text() {
    let some = select((Post.id, Post.views + 1)).filter(Post.views.gt(2)).subquery("some");
    let (id, views) = some.columns();
    check!(
        select((id, views + 3)).from(&some).filter(views.gt(4)),
        sqlite: r#"SELECT "some"."id", "some"."c2" + ?1 FROM (SELECT "post"."id", "post"."views" + ?2 AS "c2" FROM "post" WHERE "post"."views" > ?3) AS "some" WHERE "some"."c2" > ?4"#,
        postgres: r#"SELECT "some"."id", "some"."c2" + CAST($1 AS bigint) FROM (SELECT "post"."id", "post"."views" + CAST($2 AS bigint) AS "c2" FROM "post" WHERE "post"."views" > $3) AS "some" WHERE "some"."c2" > $4"#,
    );
}

#[test]
fn a_common_table_expression_is_written_once() {
    let busy = select((Post.author_id, count(Post.id).label("posts"))).group_by(Post.author_id).cte("busy");
    let (author, posts) = busy.columns();
    let other = busy.alias("other");
    let (_, others) = other.columns();
    check!(
        select((author, posts))
            .from(&busy)
            .join(other.on(others.gt(posts)))
            .filter(author.in_(select(author).from(&busy).filter(posts.gt(1)))),
        sqlite: r#"WITH "busy" AS (SELECT "post"."author_id", count("post"."id") AS "posts" FROM "post" GROUP BY "post"."author_id") SELECT "busy"."author_id", "busy"."posts" FROM "busy" JOIN "busy" AS "other" ON "other"."posts" > "busy"."posts" WHERE "busy"."author_id" IN (SELECT "busy"."author_id" FROM "busy" WHERE "busy"."posts" > ?1)"#,
        postgres: r#"WITH "busy" AS (SELECT "post"."author_id", count("post"."id") AS "posts" FROM "post" GROUP BY "post"."author_id") SELECT "busy"."author_id", "busy"."posts" FROM "busy" JOIN "busy" AS "other" ON "other"."posts" > "busy"."posts" WHERE "busy"."author_id" IN (SELECT "busy"."author_id" FROM "busy" WHERE "busy"."posts" > $1)"#,
    );
}

#[test]
fn common_table_expressions_read_from_each_other() {
    let adults = select((User.id, User.age)).filter(User.age.ge(18)).cte("adults");
    let (id, age) = adults.columns();
    let old = select(id).from(&adults).filter(age.ge(60)).cte("old");
    let both = select((old.columns(), age)).from(&old).join(adults.on(id.eq(old.columns())));
    check!(
        both,
        sqlite: r#"WITH "adults" AS (SELECT "users"."id", "users"."age" FROM "users" WHERE "users"."age" >= ?1), "old" AS (SELECT "adults"."id" FROM "adults" WHERE "adults"."age" >= ?2) SELECT "old"."id", "adults"."age" FROM "old" JOIN "adults" ON "adults"."id" = "old"."id""#,
        postgres: r#"WITH "adults" AS (SELECT "users"."id", "users"."age" FROM "users" WHERE "users"."age" >= $1), "old" AS (SELECT "adults"."id" FROM "adults" WHERE "adults"."age" >= $2) SELECT "old"."id", "adults"."age" FROM "old" JOIN "adults" ON "adults"."id" = "old"."id""#,
    );
}

#[test]
fn a_hint_says_whether_it_is_kept() {
    let ids = || select(Post.id).cte("ids");
    let text_of =
        |query: &orm::query::Subquery<Column<orm::query::Derived, i64>>| text(&select(query.columns()).from(query));
    assert_eq!(
        text_of(&ids().materialized()),
        r#"WITH "ids" AS MATERIALIZED (SELECT "post"."id" FROM "post") SELECT "ids"."id" FROM "ids""#
    );
    assert_eq!(
        text_of(&ids().not_materialized()),
        r#"WITH "ids" AS NOT MATERIALIZED (SELECT "post"."id" FROM "post") SELECT "ids"."id" FROM "ids""#
    );
}

#[test]
fn a_query_of_a_model_has_the_models_columns_and_relations() {
    let adults = select(User).filter(User.age.ge(18)).subquery("adults");
    let adult = adults.columns();
    let user =
        r#""users"."id", "users"."name", "users"."nickname", "users"."age", "users"."active", "users"."manager_id""#;
    let inner = format!(r#"(SELECT {user} FROM "users" WHERE "users"."age" >= ?1) AS "adults""#);
    assert_eq!(
        text(&select((adult.name, Post.title)).from(&adults).join(adult.posts)),
        format!(
            r#"SELECT "adults"."name", "post"."title" FROM {inner} JOIN "post" ON "post"."author_id" = "adults"."id""#
        )
    );
    assert_eq!(
        text(&select((Post.title, adult.name.optional())).left_join(adults.by(Post.author).and_on(adult.active))),
        format!(
            r#"SELECT "post"."title", "adults"."name" FROM "post" LEFT JOIN {inner} ON "adults"."id" = "post"."author_id" AND "adults"."active""#
        )
    );
    assert_eq!(
        text(&select(adult.name).from(&adults).filter(adult.posts.exists())),
        format!(
            r#"SELECT "adults"."name" FROM {inner} WHERE EXISTS (SELECT 1 FROM "post" WHERE "post"."author_id" = "adults"."id")"#
        )
    );
}

#[test]
fn names_are_given_where_they_are_missing_or_taken() {
    let pairs = select((User.id, Post.id, Post.views + 1, value(String::from("x")))).join(User.posts).subquery("pairs");
    let (user, post, views, letter) = pairs.columns();
    check!(
        select((user, post, views, letter)).from(&pairs),
        sqlite: r#"SELECT "pairs"."id", "pairs"."c2", "pairs"."c3", "pairs"."c4" FROM (SELECT "users"."id", "post"."id" AS "c2", "post"."views" + ?1 AS "c3", ?2 AS "c4" FROM "users" JOIN "post" ON "post"."author_id" = "users"."id") AS "pairs""#,
        postgres: r#"SELECT "pairs"."id", "pairs"."c2", "pairs"."c3", "pairs"."c4" FROM (SELECT "users"."id", "post"."id" AS "c2", "post"."views" + CAST($1 AS bigint) AS "c3", CAST($2 AS text) AS "c4" FROM "users" JOIN "post" ON "post"."author_id" = "users"."id") AS "pairs""#,
    );
    let both = select((User, Post)).join(User.posts).subquery("both");
    refused(
        select(both.columns().0.name).from(&both),
        "the query `both`: two of its models have a column `id`: select one of them by the columns that are needed, with \
         labels",
    );
}

#[test]
fn a_statement_reads_from_the_query_whose_columns_it_names() {
    let recent = select((Post.author_id, Post.id)).cte("recent");
    let (author, _) = recent.columns();
    refused(
        select((User.name, author)),
        "column `?` is of table `recent`, which the statement does not read from: it is a query of its own: add \
         `.from(recent)` or `.join(recent.on(condition))`",
    );
    let adults = select(User).subquery("adults");
    refused(
        select(adults.columns()),
        "column `*` is of table `adults`, which the statement does not read from: it is a query of its own: add \
         `.from(adults)` or `.join(adults.on(condition))`",
    );
    let names = select(User.name).subquery("recent");
    refused(
        select(recent.columns().1).from(names),
        "the query `recent` in FROM is not the one whose column is asked for: name one of them otherwise",
    );
}

#[test]
fn names_that_would_hide_others_are_refused() {
    let users = select(Post.author_id).cte("users");
    let user = User.alias("user");
    refused(
        select(users.columns()).from(&users).join(user.on(user.id.eq(users.columns()))),
        "the table `users` is hidden by the common table expression of that name: call that one otherwise",
    );
    let (first, second) = (select(Post.id).cte("ids"), select(User.id).cte("ids"));
    let filter = first.columns().in_(select(second.columns()).from(&second));
    refused(
        select(first.columns()).from(&first).filter(filter),
        "two common table expressions are called `ids`: make it once and use it twice, or give one of them another name",
    );
}

#[test]
fn grouped_and_distinct_rows_are_counted_as_they_come() {
    check!(
        select((Post.author_id, count(Post.id))).group_by(Post.author_id).having(count(Post.id).gt(1)).limit(5).count(),
        sqlite: r#"SELECT count(*) FROM (SELECT "post"."author_id", count("post"."id") FROM "post" GROUP BY "post"."author_id" HAVING count("post"."id") > ?1) AS "counted""#,
        postgres: r#"SELECT count(*) FROM (SELECT "post"."author_id", count("post"."id") FROM "post" GROUP BY "post"."author_id" HAVING count("post"."id") > CAST($1 AS bigint)) AS "counted""#,
    );
}

#[test]
fn statements_that_write_read_from_queries_in_their_filters() {
    let busy = select(Post.author_id).group_by(Post.author_id).having(count(Post.id).gt(3)).cte("busy");
    check!(
        delete(User).filter(User.id.not_in(select(busy.columns()).from(&busy))),
        sqlite: r#"DELETE FROM "users" WHERE "users"."id" NOT IN (WITH "busy" AS (SELECT "post"."author_id" FROM "post" GROUP BY "post"."author_id" HAVING count("post"."id") > ?1) SELECT "busy"."author_id" FROM "busy")"#,
        postgres: r#"DELETE FROM "users" WHERE "users"."id" NOT IN (WITH "busy" AS (SELECT "post"."author_id" FROM "post" GROUP BY "post"."author_id" HAVING count("post"."id") > CAST($1 AS bigint)) SELECT "busy"."author_id" FROM "busy")"#,
    );
}
