//! Set operations.

use orm::docs::dialect;
use orm::prelude::*;

use crate::check::{check, refused, refused_in, text, text_in};
use crate::models::*;

#[test]
fn the_rows_of_both() {
    check!(
        select(User.name).union(select(Post.title)),
        sqlite: r#"SELECT "users"."name" FROM "users" UNION SELECT "post"."title" FROM "post""#,
        postgres: r#"SELECT "users"."name" FROM "users" UNION SELECT "post"."title" FROM "post""#,
    );
    check!(
        select((User.id, User.name)).union_all(select((Post.id, Post.title)).filter(Post.views.gt(1))).limit(2),
        sqlite: r#"SELECT "users"."id", "users"."name" FROM "users" UNION ALL SELECT "post"."id", "post"."title" FROM "post" WHERE "post"."views" > ?1 LIMIT 2"#,
        postgres: r#"SELECT "users"."id", "users"."name" FROM "users" UNION ALL SELECT "post"."id", "post"."title" FROM "post" WHERE "post"."views" > $1 LIMIT $2"#,
    );
}

#[test]
fn several_operands_are_read_from_left_to_right() {
    let ids = || select(User.id);
    check!(
        ids().union(select(Post.id)).except(select(Comment.id)),
        sqlite: r#"SELECT "users"."id" FROM "users" UNION SELECT "post"."id" FROM "post" EXCEPT SELECT "comment"."id" FROM "comment""#,
        postgres: r#"SELECT "users"."id" FROM "users" UNION SELECT "post"."id" FROM "post" EXCEPT SELECT "comment"."id" FROM "comment""#,
    );
    check!(
        ids().union(select(Post.id)).intersect(select(Comment.id)),
        sqlite: r#"SELECT * FROM (SELECT "users"."id" FROM "users" UNION SELECT "post"."id" FROM "post") AS "operand" INTERSECT SELECT "comment"."id" FROM "comment""#,
        postgres: r#"SELECT * FROM (SELECT "users"."id" FROM "users" UNION SELECT "post"."id" FROM "post") AS "operand" INTERSECT SELECT "comment"."id" FROM "comment""#,
    );
    assert_eq!(
        text(&ids().union(select(Post.id).intersect(select(Comment.id)))),
        r#"SELECT "users"."id" FROM "users" UNION SELECT * FROM (SELECT "post"."id" FROM "post" INTERSECT SELECT "comment"."id" FROM "comment") AS "operand""#
    );
}

#[test]
fn an_order_is_of_the_whole_or_of_an_operand() {
    check!(
        select((User.id, User.name.label("word"))).union(select((Post.id, Post.title))).order_by((label("word").desc(), User.id)),
        sqlite: r#"SELECT "users"."id", "users"."name" AS "word" FROM "users" UNION SELECT "post"."id", "post"."title" FROM "post" ORDER BY 2 DESC, 1"#,
        postgres: r#"SELECT "users"."id", "users"."name" AS "word" FROM "users" UNION SELECT "post"."id", "post"."title" FROM "post" ORDER BY 2 DESC NULLS LAST, 1 NULLS FIRST"#,
    );
    check!(
        select(User.name).order_by(User.id).limit(1).union_all(select(Post.title).order_by(Post.id).limit(2)),
        sqlite: r#"SELECT * FROM (SELECT "users"."name" FROM "users" ORDER BY "users"."id" LIMIT 1) AS "operand" UNION ALL SELECT * FROM (SELECT "post"."title" FROM "post" ORDER BY "post"."id" LIMIT 2) AS "operand""#,
        postgres: r#"SELECT * FROM (SELECT "users"."name" FROM "users" ORDER BY "users"."id" LIMIT $1) AS "operand" UNION ALL SELECT * FROM (SELECT "post"."title" FROM "post" ORDER BY "post"."id" LIMIT $2) AS "operand""#,
    );
    refused(
        select(User.name).union(select(Post.title)).order_by(User.id),
        "a compound is ordered by columns or labels that its first operand selects: label the expression there, and order \
         by the label",
    );
}

#[test]
fn a_compound_is_a_query_like_any_other() {
    let names = select(User.name).union(select(Post.title)).subquery("names");
    let name = names.columns();
    check!(
        select(name).from(&names).filter(name.starts_with("A")),
        sqlite: r#"SELECT "names"."name" FROM (SELECT "users"."name" FROM "users" UNION SELECT "post"."title" FROM "post") AS "names" WHERE "names"."name" LIKE ?1 ESCAPE '\'"#,
        postgres: r#"SELECT "names"."name" FROM (SELECT "users"."name" FROM "users" UNION SELECT "post"."title" FROM "post") AS "names" WHERE "names"."name" LIKE CAST($1 AS text) ESCAPE '\'"#,
    );
    check!(
        select(User.name).filter(User.id.in_(select(Post.author_id).except(select(Post.id)))),
        sqlite: r#"SELECT "users"."name" FROM "users" WHERE "users"."id" IN (SELECT "post"."author_id" FROM "post" EXCEPT SELECT "post"."id" FROM "post")"#,
        postgres: r#"SELECT "users"."name" FROM "users" WHERE "users"."id" IN (SELECT "post"."author_id" FROM "post" EXCEPT SELECT "post"."id" FROM "post")"#,
    );
    check!(
        select(User.name).union(select(Post.title)).order_by(User.name).limit(3).count(),
        sqlite: r#"SELECT count(*) FROM (SELECT "users"."name" FROM "users" UNION SELECT "post"."title" FROM "post") AS "counted""#,
        postgres: r#"SELECT count(*) FROM (SELECT "users"."name" FROM "users" UNION SELECT "post"."title" FROM "post") AS "counted""#,
    );
}

#[test]
fn a_common_table_expression_of_an_operand_stands_before_the_whole() {
    let busy = select(Post.author_id).filter(Post.views.gt(1)).cte("busy");
    let of_busy = || select(busy.columns()).from(&busy);
    check!(
        of_busy().union_all(of_busy()),
        sqlite: r#"WITH "busy" AS (SELECT "post"."author_id" FROM "post" WHERE "post"."views" > ?1) SELECT "busy"."author_id" FROM "busy" UNION ALL SELECT "busy"."author_id" FROM "busy""#,
        postgres: r#"WITH "busy" AS (SELECT "post"."author_id" FROM "post" WHERE "post"."views" > $1) SELECT "busy"."author_id" FROM "busy" UNION ALL SELECT "busy"."author_id" FROM "busy""#,
    );
}

#[test]
fn a_compound_cannot_be_filtered_as_a_whole() {
    let message = "a compound of selects takes an order, a limit and an offset only: filter, join or group its operands, \
                   or select from it by `.subquery(\"name\")`";
    refused(select(User.name).union(select(Post.title)).filter(User.id.eq(1)), message);
    refused(select(User.name).union(select(Post.title)).distinct(), message);
}

#[test]
fn duplicates_are_counted_where_the_database_can() {
    let both = || select(User.id).intersect_all(select(Post.id));
    let rest = || select(User.id).except_all(select(Post.id));
    assert_eq!(
        text_in(&both(), dialect::postgres()),
        r#"SELECT "users"."id" FROM "users" INTERSECT ALL SELECT "post"."id" FROM "post""#
    );
    assert_eq!(
        text_in(&rest(), dialect::postgres()),
        r#"SELECT "users"."id" FROM "users" EXCEPT ALL SELECT "post"."id" FROM "post""#
    );
    let hint = "use the form without ALL, or count the rows by groups";
    refused_in(dialect::sqlite(), &both(), &format!("SQLite cannot do INTERSECT ALL: {hint}"));
    refused_in(dialect::sqlite(), &rest(), &format!("SQLite cannot do EXCEPT ALL: {hint}"));
}
