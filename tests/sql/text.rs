//! Text: patterns, escaping and functions.

use orm::prelude::*;

use crate::check::check;
use crate::models::*;

#[test]
fn patterns() {
    check!(
        select(User.id).filter(User.name.like("A%")),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" LIKE ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" LIKE CAST($1 AS text) ESCAPE ''"#,
    );
    check!(
        select(User.id).filter(User.name.not_like("A%")),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" NOT LIKE ?1"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" NOT LIKE CAST($1 AS text) ESCAPE ''"#,
    );
    check!(
        select(User.id).filter(User.name.ilike("a%")),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE lower("users"."name") LIKE lower(?1)"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" ILIKE CAST($1 AS text) ESCAPE ''"#,
    );
    check!(
        select(User.id).filter(User.name.like(User.nickname)),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" LIKE "users"."nickname""#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" LIKE "users"."nickname" ESCAPE ''"#,
    );
}

#[test]
fn text_of_a_user_is_escaped() {
    check!(
        select(User.id).filter(User.name.contains("100%")),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" LIKE ?1 ESCAPE '\'"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" LIKE CAST($1 AS text) ESCAPE '\'"#,
    );
    check!(
        select(User.id).filter(User.name.starts_with("_")),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" LIKE ?1 ESCAPE '\'"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" LIKE CAST($1 AS text) ESCAPE '\'"#,
    );
    check!(
        select(User.id).filter(User.name.ends_with("\\")),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" LIKE ?1 ESCAPE '\'"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" LIKE CAST($1 AS text) ESCAPE '\'"#,
    );
}

#[test]
fn without_regard_to_case() {
    check!(
        select(User.id).filter(User.name.icontains("a")),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE lower("users"."name") LIKE lower(?1) ESCAPE '\'"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" ILIKE CAST($1 AS text) ESCAPE '\'"#,
    );
    check!(
        select(User.id).filter(User.name.istarts_with("a")),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE lower("users"."name") LIKE lower(?1) ESCAPE '\'"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" ILIKE CAST($1 AS text) ESCAPE '\'"#,
    );
    check!(
        select(User.id).filter(User.name.iends_with("a")),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE lower("users"."name") LIKE lower(?1) ESCAPE '\'"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" ILIKE CAST($1 AS text) ESCAPE '\'"#,
    );
    check!(
        select(User.id).filter(User.name.ieq("Alice")),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE lower("users"."name") LIKE lower(?1) ESCAPE '\'"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" ILIKE CAST($1 AS text) ESCAPE '\'"#,
    );
}

#[test]
fn functions() {
    check!(
        select((
            User.name.lower(),
            User.name.upper(),
            User.name.trim(),
            User.name.trim_start(),
            User.name.trim_end(),
        )),
        sqlite: r#"SELECT lower("users"."name"), upper("users"."name"), trim("users"."name"), ltrim("users"."name"), rtrim("users"."name") FROM "users""#,
        postgres: r#"SELECT lower("users"."name"), upper("users"."name"), btrim("users"."name"), ltrim("users"."name"), rtrim("users"."name") FROM "users""#,
    );
    check!(
        select((
            User.name.length(),
            User.name.substring(1, 3),
            User.name.replace("a", User.nickname),
        )),
        sqlite: r#"SELECT length("users"."name"), substr("users"."name", ?1, ?2), replace("users"."name", ?3, "users"."nickname") FROM "users""#,
        postgres: r#"SELECT length("users"."name"), substr("users"."name", $1, $2), replace("users"."name", CAST($3 AS text), "users"."nickname") FROM "users""#,
    );
}

#[test]
fn functions_of_what_may_be_null_may_be_null() {
    let _: Select<(Option<String>, Option<i64>)> = select((User.nickname.lower(), User.nickname.length()));
    check!(
        select(User.nickname.length()),
        sqlite: r#"SELECT length("users"."nickname") FROM "users""#,
        postgres: r#"SELECT length("users"."nickname") FROM "users""#,
    );
}

#[test]
fn texts_are_joined() {
    check!(
        select(User.name.concat(" ")),
        sqlite: r#"SELECT "users"."name" || ?1 FROM "users""#,
        postgres: r#"SELECT "users"."name" || CAST($1 AS text) FROM "users""#,
    );
    check!(
        select(User.name.concat(" (").concat(User.nickname).concat(")")),
        sqlite: r#"SELECT "users"."name" || ?1 || "users"."nickname" || ?2 FROM "users""#,
        postgres: r#"SELECT "users"."name" || CAST($1 AS text) || "users"."nickname" || CAST($2 AS text) FROM "users""#,
    );
    check!(
        select(User.name.concat(User.nickname.coalesce("")).length()),
        sqlite: r#"SELECT length("users"."name" || coalesce("users"."nickname", ?1)) FROM "users""#,
        postgres: r#"SELECT length("users"."name" || coalesce("users"."nickname", CAST($1 AS text))) FROM "users""#,
    );
    check!(
        select(User.id).filter(User.name.concat("!").eq("Alice!")),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" || ?1 = ?2"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE "users"."name" || CAST($1 AS text) = CAST($2 AS text)"#,
    );
}

#[test]
fn a_pattern_is_negated_in_parentheses() {
    check!(
        select(User.id).filter(not(User.name.like("A%"))),
        sqlite: r#"SELECT "users"."id" FROM "users" WHERE NOT ("users"."name" LIKE ?1)"#,
        postgres: r#"SELECT "users"."id" FROM "users" WHERE NOT ("users"."name" LIKE CAST($1 AS text) ESCAPE '')"#,
    );
}
