//! `ORDER BY`.

use orm::prelude::*;

use crate::check::check;
use crate::models::*;

#[test]
fn both_directions() {
    check!(
        select(User.id).order_by(User.name),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."name""#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."name""#,
    );
    check!(
        select(User.id).order_by(User.name.asc()),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."name""#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."name""#,
    );
    check!(
        select(User.id).order_by(User.name.desc()),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."name" DESC"#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."name" DESC"#,
    );
}

#[test]
fn several_keys() {
    check!(
        select(User.id).order_by((User.age.desc(), User.name)),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" DESC, "users"."name""#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" DESC NULLS LAST, "users"."name""#,
    );
    check!(
        select(User.id).order_by(User.age.desc()).order_by(User.name),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" DESC, "users"."name""#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" DESC NULLS LAST, "users"."name""#,
    );
    check!(
        select(User.id).order_by(vec![User.name.asc(), User.id.desc()]),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."name", "users"."id" DESC"#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."name", "users"."id" DESC"#,
    );
    check!(
        select(User.id)
            .order_by([User.id.asc(), Post.id.desc()])
            .from(User)
            .join(User.posts),
        sqlite: r#"SELECT "users"."id" FROM "users" JOIN "post" ON "post"."author_id" = "users"."id" ORDER BY "users"."id", "post"."id" DESC"#,
        postgres: r#"SELECT "users"."id" FROM "users" JOIN "post" ON "post"."author_id" = "users"."id" ORDER BY "users"."id", "post"."id" DESC"#,
    );
}

#[test]
fn an_order_begins_anew() {
    check!(
        select(User.id).order_by(User.name).reorder(User.id.desc()),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."id" DESC"#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."id" DESC"#,
    );
}

#[test]
fn nulls_go_where_they_are_told() {
    check!(
        select(User.id).order_by(User.age.asc().nulls_first()),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" NULLS FIRST"#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" NULLS FIRST"#,
    );
    check!(
        select(User.id).order_by(User.age.asc().nulls_last()),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" NULLS LAST"#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" NULLS LAST"#,
    );
    check!(
        select(User.id).order_by(User.age.desc().nulls_first()),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" DESC NULLS FIRST"#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" DESC NULLS FIRST"#,
    );
    check!(
        select(User.id).order_by(User.age.desc().nulls_last()),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" DESC NULLS LAST"#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" DESC NULLS LAST"#,
    );
}

#[test]
fn null_is_smaller_than_every_value_without_saying_so() {
    check!(
        select(User.id).order_by((User.age, User.nickname.desc())),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age", "users"."nickname" DESC"#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" NULLS FIRST, "users"."nickname" DESC NULLS LAST"#,
    );
}

#[test]
fn expressions_are_sorted_by() {
    check!(
        select(User.id).order_by((User.age + 1).desc()),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" + ?1 DESC"#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" + CAST($1 AS bigint) DESC NULLS LAST"#,
    );
    check!(
        select(User.id).order_by(User.name.lower()),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY lower("users"."name")"#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY lower("users"."name") NULLS FIRST"#,
    );
    check!(
        select(User.id).order_by(User.age.is_null()),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" IS NULL"#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY "users"."age" IS NULL NULLS FIRST"#,
    );
}

#[test]
fn a_subquery_is_sorted_by() {
    check!(
        select(User.id).order_by(
            sql!(
                "{}",
                select(count_all()).from(Post).filter(Post.author_id.eq(User.id))
            )
            .typed::<i64>()
            .desc(),
        ),
        sqlite: r#"SELECT "users"."id" FROM "users" ORDER BY (SELECT count(*) FROM "post" WHERE "post"."author_id" = "users"."id") DESC"#,
        postgres: r#"SELECT "users"."id" FROM "users" ORDER BY (SELECT count(*) FROM "post" WHERE "post"."author_id" = "users"."id") DESC NULLS LAST"#,
    );
}

#[test]
fn an_order_of_no_keys_is_none() {
    check!(
        select(User.id).order_by(Vec::<Expr<i64>>::new()),
        sqlite: r#"SELECT "users"."id" FROM "users""#,
        postgres: r#"SELECT "users"."id" FROM "users""#,
    );
}
