//! Aggregates, groups, and conditions on groups.

use orm::prelude::*;

use crate::check::check;
use crate::models::*;

#[test]
fn rows_and_values_are_counted() {
    check!(
        select(count_all()).from(User),
        sqlite: r#"SELECT count(*) FROM "users""#,
        postgres: r#"SELECT count(*) FROM "users""#,
    );
    check!(
        select(count(User.nickname)),
        sqlite: r#"SELECT count("users"."nickname") FROM "users""#,
        postgres: r#"SELECT count("users"."nickname") FROM "users""#,
    );
    check!(
        select(count(User.age).distinct()),
        sqlite: r#"SELECT count(DISTINCT "users"."age") FROM "users""#,
        postgres: r#"SELECT count(DISTINCT "users"."age") FROM "users""#,
    );
}

#[test]
fn sums_and_means() {
    check!(
        select((sum(Post.views), avg(Post.views), sum(Post.score), avg(Post.score))),
        sqlite: r#"SELECT sum("post"."views"), avg("post"."views"), sum("post"."score"), avg("post"."score") FROM "post""#,
        postgres: r#"SELECT CAST(sum("post"."views") AS bigint), CAST(avg("post"."views") AS double precision), sum("post"."score"), avg("post"."score") FROM "post""#,
    );
    check!(
        select(sum(Post.views + 1)),
        sqlite: r#"SELECT sum("post"."views" + ?1) FROM "post""#,
        postgres: r#"SELECT CAST(sum("post"."views" + CAST($1 AS bigint)) AS bigint) FROM "post""#,
    );
    check!(
        select(sum(User.age).distinct()),
        sqlite: r#"SELECT sum(DISTINCT "users"."age") FROM "users""#,
        postgres: r#"SELECT CAST(sum(DISTINCT "users"."age") AS bigint) FROM "users""#,
    );
}

#[test]
fn the_smallest_and_the_largest() {
    check!(
        select((min(User.name), max(User.age))),
        sqlite: r#"SELECT min("users"."name"), max("users"."age") FROM "users""#,
        postgres: r#"SELECT min("users"."name"), max("users"."age") FROM "users""#,
    );
}

#[test]
fn texts_are_joined() {
    check!(
        select(string_agg(User.name, ", ")),
        sqlite: r#"SELECT group_concat("users"."name", ', ') FROM "users""#,
        postgres: r#"SELECT string_agg("users"."name", ', ') FROM "users""#,
    );
    check!(
        select(string_agg(User.name, "'").order_by((User.age.desc(), User.id))),
        sqlite: r#"SELECT group_concat("users"."name", '''' ORDER BY "users"."age" DESC, "users"."id") FROM "users""#,
        postgres: r#"SELECT string_agg("users"."name", '''' ORDER BY "users"."age" DESC NULLS LAST, "users"."id") FROM "users""#,
    );
}

#[test]
fn an_aggregate_is_filtered() {
    check!(
        select((
            count_all().filter(User.active),
            sum(User.age).filter(User.age.gt(1)).filter(User.age.lt(9)),
        ))
        .from(User),
        sqlite: r#"SELECT count(*) FILTER (WHERE "users"."active"), sum("users"."age") FILTER (WHERE "users"."age" > ?1 AND "users"."age" < ?2) FROM "users""#,
        postgres: r#"SELECT count(*) FILTER (WHERE "users"."active"), CAST(sum("users"."age") FILTER (WHERE "users"."age" > $1 AND "users"."age" < $2) AS bigint) FROM "users""#,
    );
}

#[test]
fn rows_are_grouped() {
    check!(
        select((User.name, count(Post.id)))
            .left_join(User.posts)
            .group_by(User.id),
        sqlite: r#"SELECT "users"."name", count("post"."id") FROM "users" LEFT JOIN "post" ON "post"."author_id" = "users"."id" GROUP BY "users"."id""#,
        postgres: r#"SELECT "users"."name", count("post"."id") FROM "users" LEFT JOIN "post" ON "post"."author_id" = "users"."id" GROUP BY "users"."id""#,
    );
    check!(
        select((User.age, User.active, count_all())).group_by((User.age, User.active)),
        sqlite: r#"SELECT "users"."age", "users"."active", count(*) FROM "users" GROUP BY "users"."age", "users"."active""#,
        postgres: r#"SELECT "users"."age", "users"."active", count(*) FROM "users" GROUP BY "users"."age", "users"."active""#,
    );
    check!(
        select((User.age, count_all()))
            .group_by(User.age)
            .group_by(User.active),
        sqlite: r#"SELECT "users"."age", count(*) FROM "users" GROUP BY "users"."age", "users"."active""#,
        postgres: r#"SELECT "users"."age", count(*) FROM "users" GROUP BY "users"."age", "users"."active""#,
    );
}

#[test]
fn groups_are_filtered() {
    check!(
        select(User.name)
            .join(User.posts)
            .group_by(User.id)
            .having(count(Post.id).gt(3)),
        sqlite: r#"SELECT "users"."name" FROM "users" JOIN "post" ON "post"."author_id" = "users"."id" GROUP BY "users"."id" HAVING count("post"."id") > ?1"#,
        postgres: r#"SELECT "users"."name" FROM "users" JOIN "post" ON "post"."author_id" = "users"."id" GROUP BY "users"."id" HAVING count("post"."id") > CAST($1 AS bigint)"#,
    );
    check!(
        select(User.age)
            .group_by(User.age)
            .having(count_all().gt(1))
            .having(min(User.id).lt(9)),
        sqlite: r#"SELECT "users"."age" FROM "users" GROUP BY "users"."age" HAVING count(*) > ?1 AND min("users"."id") < ?2"#,
        postgres: r#"SELECT "users"."age" FROM "users" GROUP BY "users"."age" HAVING count(*) > CAST($1 AS bigint) AND min("users"."id") < CAST($2 AS bigint)"#,
    );
    check!(
        select(User.age)
            .group_by(User.age)
            .having(count_all().gt(1).or(User.age.is_null()))
            .having(User.age.gt(1)),
        sqlite: r#"SELECT "users"."age" FROM "users" GROUP BY "users"."age" HAVING (count(*) > ?1 OR "users"."age" IS NULL) AND "users"."age" > ?2"#,
        postgres: r#"SELECT "users"."age" FROM "users" GROUP BY "users"."age" HAVING (count(*) > CAST($1 AS bigint) OR "users"."age" IS NULL) AND "users"."age" > $2"#,
    );
}

#[test]
fn groups_are_sorted() {
    check!(
        select((User.age, count_all()))
            .group_by(User.age)
            .order_by(count_all().desc()),
        sqlite: r#"SELECT "users"."age", count(*) FROM "users" GROUP BY "users"."age" ORDER BY count(*) DESC"#,
        postgres: r#"SELECT "users"."age", count(*) FROM "users" GROUP BY "users"."age" ORDER BY count(*) DESC NULLS LAST"#,
    );
    check!(
        select((User.age, count_all().label("people")))
            .group_by(User.age)
            .order_by(label("people").desc()),
        sqlite: r#"SELECT "users"."age", count(*) AS "people" FROM "users" GROUP BY "users"."age" ORDER BY "people" DESC"#,
        postgres: r#"SELECT "users"."age", count(*) AS "people" FROM "users" GROUP BY "users"."age" ORDER BY "people" DESC NULLS LAST"#,
    );
}

#[test]
fn a_label_is_grouped_by() {
    check!(
        select(((User.age / 10).label("decade"), count_all()))
            .from(User)
            .group_by(label("decade")),
        sqlite: r#"SELECT "users"."age" / ?1 AS "decade", count(*) FROM "users" GROUP BY "decade""#,
        postgres: r#"SELECT "users"."age" / NULLIF(CAST($1 AS bigint), 0) AS "decade", count(*) FROM "users" GROUP BY "decade""#,
    );
}

#[test]
fn aggregates_are_calculated_with() {
    check!(
        select(max(User.age).into_expr() - min(User.age).into_expr()),
        sqlite: r#"SELECT max("users"."age") - min("users"."age") FROM "users""#,
        postgres: r#"SELECT max("users"."age") - min("users"."age") FROM "users""#,
    );
    check!(
        select(sum(Post.views).coalesce(0)),
        sqlite: r#"SELECT coalesce(sum("post"."views"), ?1) FROM "post""#,
        postgres: r#"SELECT coalesce(CAST(sum("post"."views") AS bigint), CAST($1 AS bigint)) FROM "post""#,
    );
    check!(
        select(count(User.id).cast::<String>()),
        sqlite: r#"SELECT CAST(count("users"."id") AS TEXT) FROM "users""#,
        postgres: r#"SELECT CAST(count("users"."id") AS text) FROM "users""#,
    );
}

#[test]
fn an_aggregate_is_compared_with_an_aggregate() {
    check!(
        select(User.age)
            .group_by(User.age)
            .having(count(User.id).eq(count(User.nickname))),
        sqlite: r#"SELECT "users"."age" FROM "users" GROUP BY "users"."age" HAVING count("users"."id") = count("users"."nickname")"#,
        postgres: r#"SELECT "users"."age" FROM "users" GROUP BY "users"."age" HAVING count("users"."id") = count("users"."nickname")"#,
    );
}
