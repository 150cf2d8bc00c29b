//! `SELECT`: what is selected, and how much of it.

use orm::prelude::*;

use crate::check::check;
use crate::models::*;

#[test]
fn a_model_is_all_of_its_columns_in_the_order_of_its_fields() {
    check!(
        select(Comment),
        sqlite: r#"SELECT "comment"."id", "comment"."post_id", "comment"."body" FROM "comment""#,
        postgres: r#"SELECT "comment"."id", "comment"."post_id", "comment"."body" FROM "comment""#,
    );
}

#[test]
fn columns_and_expressions_stand_side_by_side() {
    check!(
        select(User.name),
        sqlite: r#"SELECT "users"."name" FROM "users""#,
        postgres: r#"SELECT "users"."name" FROM "users""#,
    );
    check!(
        select((User.id, User.name, User.age + 1)),
        sqlite: r#"SELECT "users"."id", "users"."name", "users"."age" + ?1 FROM "users""#,
        postgres: r#"SELECT "users"."id", "users"."name", "users"."age" + CAST($1 AS bigint) FROM "users""#,
    );
}

#[test]
fn a_model_stands_beside_columns() {
    check!(
        select((Tag, Comment.body)).from(Comment).cross_join(Tag),
        sqlite: r#"SELECT "tag"."name", "comment"."body" FROM "comment" CROSS JOIN "tag""#,
        postgres: r#"SELECT "tag"."name", "comment"."body" FROM "comment" CROSS JOIN "tag""#,
    );
}

#[test]
fn a_value_is_bound_and_needs_no_table() {
    check!(
        select(value(1)),
        sqlite: r#"SELECT ?1"#,
        postgres: r#"SELECT CAST($1 AS bigint)"#,
    );
    check!(
        select((value("a".to_owned()), value(None::<i64>))),
        sqlite: r#"SELECT ?1, ?2"#,
        postgres: r#"SELECT CAST($1 AS text), $2"#,
    );
}

#[test]
fn a_value_stands_beside_columns() {
    check!(
        select((User.id, value(7))),
        sqlite: r#"SELECT "users"."id", ?1 FROM "users""#,
        postgres: r#"SELECT "users"."id", CAST($1 AS bigint) FROM "users""#,
    );
}

#[test]
fn up_to_16_things_are_selected() {
    let id = Tag.name;
    check!(
        select((id, id, id, id, id, id, id, id, id, id, id, id, id, id, id, id)),
        sqlite: r#"SELECT "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name" FROM "tag""#,
        postgres: r#"SELECT "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name", "tag"."name" FROM "tag""#,
    );
}

#[test]
fn rows_are_distinct_if_asked_for() {
    check!(
        select(User.age).distinct(),
        sqlite: r#"SELECT DISTINCT "users"."age" FROM "users""#,
        postgres: r#"SELECT DISTINCT "users"."age" FROM "users""#,
    );
}

#[test]
fn rows_are_limited_and_skipped() {
    check!(
        select(User.id).limit(10),
        sqlite: r#"SELECT "users"."id" FROM "users" LIMIT 10"#,
        postgres: r#"SELECT "users"."id" FROM "users" LIMIT $1"#,
    );
    check!(
        select(User.id).limit(10).offset(20),
        sqlite: r#"SELECT "users"."id" FROM "users" LIMIT 10 OFFSET ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" LIMIT $1 OFFSET $2"#,
    );
    check!(
        select(User.id).offset(20),
        sqlite: r#"SELECT "users"."id" FROM "users" LIMIT -1 OFFSET ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" OFFSET $1"#,
    );
    check!(
        select(User.id).limit(0),
        sqlite: r#"SELECT "users"."id" FROM "users" LIMIT 0"#,
        postgres: r#"SELECT "users"."id" FROM "users" LIMIT $1"#,
    );
    check!(
        select(User.id).limit(u64::MAX),
        sqlite: r#"SELECT "users"."id" FROM "users" LIMIT 9223372036854775807"#,
        postgres: r#"SELECT "users"."id" FROM "users" LIMIT $1"#,
    );
}

#[test]
fn a_later_limit_replaces_an_earlier_one() {
    check!(
        select(User.id).limit(10).limit(5),
        sqlite: r#"SELECT "users"."id" FROM "users" LIMIT 5"#,
        postgres: r#"SELECT "users"."id" FROM "users" LIMIT $1"#,
    );
}

#[test]
fn the_first_table_is_said_where_nothing_is_selected_from_it() {
    check!(
        select(count_all()).from(User),
        sqlite: r#"SELECT count(*) FROM "users""#,
        postgres: r#"SELECT count(*) FROM "users""#,
    );
    check!(
        select(Post.title).from(User).join(User.posts),
        sqlite: r#"SELECT "post"."title" FROM "users" JOIN "post" ON "post"."author_id" = "users"."id""#,
        postgres: r#"SELECT "post"."title" FROM "users" JOIN "post" ON "post"."author_id" = "users"."id""#,
    );
}

#[test]
fn a_row_by_its_key_names_every_column() {
    check!(
        orm::query::by_key(Comment, 7),
        sqlite: r#"SELECT "comment"."id", "comment"."post_id", "comment"."body" FROM "comment" WHERE "comment"."id" = ?1"#,
        postgres: r#"SELECT "comment"."id", "comment"."post_id", "comment"."body" FROM "comment" WHERE "comment"."id" = $1"#,
    );
    check!(
        orm::query::by_key(PostTag, (7, "rust")),
        sqlite: r#"SELECT "post_tag"."post_id", "post_tag"."tag" FROM "post_tag" WHERE "post_tag"."post_id" = ?1 AND "post_tag"."tag" = ?2"#,
        postgres: r#"SELECT "post_tag"."post_id", "post_tag"."tag" FROM "post_tag" WHERE "post_tag"."post_id" = $1 AND "post_tag"."tag" = $2"#,
    );
}

#[test]
fn an_expression_gets_a_name() {
    check!(
        select((User.age + 1).label("next")),
        sqlite: r#"SELECT "users"."age" + ?1 AS "next" FROM "users""#,
        postgres: r#"SELECT "users"."age" + CAST($1 AS bigint) AS "next" FROM "users""#,
    );
    check!(
        select(User.name.label("od\"d")),
        sqlite: r#"SELECT "users"."name" AS "od""d" FROM "users""#,
        postgres: r#"SELECT "users"."name" AS "od""d" FROM "users""#,
    );
}

#[test]
fn the_rows_are_counted_without_order_and_limit() {
    check!(
        select(User.name)
            .filter(User.active)
            .order_by(User.name)
            .limit(3)
            .count(),
        sqlite: r#"SELECT count(*) FROM "users" WHERE "users"."active""#,
        postgres: r#"SELECT count(*) FROM "users" WHERE "users"."active""#,
    );
    check!(
        select(User.name).join(User.posts).count(),
        sqlite: r#"SELECT count(*) FROM "users" JOIN "post" ON "post"."author_id" = "users"."id""#,
        postgres: r#"SELECT count(*) FROM "users" JOIN "post" ON "post"."author_id" = "users"."id""#,
    );
}

#[test]
fn grouped_or_distinct_rows_are_counted_in_a_subquery() {
    check!(
        select(User.age).distinct().count(),
        sqlite: r#"SELECT count(*) FROM (SELECT DISTINCT "users"."age" FROM "users") AS "counted""#,
        postgres: r#"SELECT count(*) FROM (SELECT DISTINCT "users"."age" FROM "users") AS "counted""#,
    );
    check!(
        select(User.age).group_by(User.age).order_by(User.age).limit(3).count(),
        sqlite: r#"SELECT count(*) FROM (SELECT "users"."age" FROM "users" GROUP BY "users"."age") AS "counted""#,
        postgres: r#"SELECT count(*) FROM (SELECT "users"."age" FROM "users" GROUP BY "users"."age") AS "counted""#,
    );
}

#[test]
fn a_statement_is_built_up_by_ordinary_code() {
    fn find(name: Option<&str>, oldest_first: bool) -> Select<User> {
        let mut query = select(User);
        if let Some(name) = name {
            query = query.filter(User.name.eq(name));
        }
        if oldest_first {
            query = query.order_by(User.age.desc());
        }
        query
    }

    check!(
        find(None, false),
        sqlite: r#"SELECT "users"."id", "users"."name", "users"."nickname", "users"."age", "users"."active", "users"."manager_id" FROM "users""#,
        postgres: r#"SELECT "users"."id", "users"."name", "users"."nickname", "users"."age", "users"."active", "users"."manager_id" FROM "users""#,
    );
    check!(
        find(Some("Alice"), true),
        sqlite: r#"SELECT "users"."id", "users"."name", "users"."nickname", "users"."age", "users"."active", "users"."manager_id" FROM "users" WHERE "users"."name" = ?1 ORDER BY "users"."age" DESC"#,
        postgres: r#"SELECT "users"."id", "users"."name", "users"."nickname", "users"."age", "users"."active", "users"."manager_id" FROM "users" WHERE "users"."name" = $1 ORDER BY "users"."age" DESC NULLS LAST"#,
    );
}

#[test]
fn a_clone_goes_its_own_way() {
    let all = select(User.id);
    let some = all.clone().filter(User.active);
    check!(
        all,
        sqlite: r#"SELECT "users"."id" FROM "users""#,
        postgres: r#"SELECT "users"."id" FROM "users""#,
    );
    check!(
        some,
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."active""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."active""#,
    );
}

#[test]
fn a_statement_is_not_used_up_by_running_it() {
    let all = select(User.id);
    check!(
        &all,
        sqlite: r#"SELECT "users"."id" FROM "users""#,
        postgres: r#"SELECT "users"."id" FROM "users""#,
    );
    check!(
        &&all,
        sqlite: r#"SELECT "users"."id" FROM "users""#,
        postgres: r#"SELECT "users"."id" FROM "users""#,
    );
}

#[test]
fn every_name_is_quoted() {
    check!(
        select((Odd.select, Odd.r#type, Odd.over, Odd.crab)).filter(Odd.over.gt(1)),
        sqlite: r#"SELECT "gro""ße `tabelle`"."select", "gro""ße `tabelle`"."type", "gro""ße `tabelle`"."über ""alles""; --", "gro""ße `tabelle`"."🦀" FROM "gro""ße `tabelle`" WHERE "gro""ße `tabelle`"."über ""alles""; --" > ?1"#,
        postgres: r#"SELECT "gro""ße `tabelle`"."select", "gro""ße `tabelle`"."type", "gro""ße `tabelle`"."über ""alles""; --", "gro""ße `tabelle`"."🦀" FROM "gro""ße `tabelle`" WHERE "gro""ße `tabelle`"."über ""alles""; --" > $1"#,
    );
    check!(
        insert(Odd::builder().select(1).r#type(2).over(3).crab(4)).returning(Odd.over),
        sqlite: r#"INSERT INTO "gro""ße `tabelle`" ("select", "type", "über ""alles""; --", "🦀") VALUES (?1, ?2, ?3, ?4) RETURNING "gro""ße `tabelle`"."über ""alles""; --""#,
        postgres: r#"INSERT INTO "gro""ße `tabelle`" ("select", "type", "über ""alles""; --", "🦀") VALUES ($1, $2, $3, $4) RETURNING "gro""ße `tabelle`"."über ""alles""; --""#,
    );
    check!(
        update(Odd).set(Odd.over, Odd.select).filter(Odd.crab.eq(1)),
        sqlite: r#"UPDATE "gro""ße `tabelle`" SET "über ""alles""; --" = "gro""ße `tabelle`"."select" WHERE "gro""ße `tabelle`"."🦀" = ?1"#,
        postgres: r#"UPDATE "gro""ße `tabelle`" SET "über ""alles""; --" = "gro""ße `tabelle`"."select" WHERE "gro""ße `tabelle`"."🦀" = $1"#,
    );
}

#[test]
fn equal_values_have_one_number_where_the_database_compares_expressions() {
    let rest = || User.id % 2;
    check!(
        select((rest(), count(User.id))).filter(User.id.gt(2)).group_by(rest()).order_by(rest()),
        sqlite: concat!(
            r#"SELECT "users"."id" % ?1, count("users"."id") FROM "users" WHERE "users"."id" > ?2 "#,
            r#"GROUP BY "users"."id" % ?3 ORDER BY "users"."id" % ?4"#
        ),
        postgres: concat!(
            r#"SELECT "users"."id" % NULLIF(CAST($1 AS bigint), 0), count("users"."id") FROM "users" WHERE "users"."id" > $2 "#,
            r#"GROUP BY "users"."id" % NULLIF(CAST($1 AS bigint), 0) "#,
            r#"ORDER BY "users"."id" % NULLIF(CAST($1 AS bigint), 0) NULLS FIRST"#
        ),
    );
    check!(
        select(User.id % 2).group_by(User.id % 3),
        sqlite: r#"SELECT "users"."id" % ?1 FROM "users" GROUP BY "users"."id" % ?2"#,
        postgres: concat!(
            r#"SELECT "users"."id" % NULLIF(CAST($1 AS bigint), 0) FROM "users" "#,
            r#"GROUP BY "users"."id" % NULLIF(CAST($2 AS bigint), 0)"#
        ),
    );
}
