//! What is in JSON columns.

use orm::docs::dialect;
use orm::prelude::*;

use crate::check::{check, refused, refused_in};

#[derive(Debug, Model)]
struct Job {
    #[model(primary_key)]
    id: i64,
    data: Json<Vec<String>>,
    more: Option<Json<Vec<String>>>,
}

#[test]
fn a_text_is_read_by_its_path() {
    check!(
        select(Job.data.path("a.b[0]").as_string()),
        sqlite: r#"SELECT CASE json_type("job"."data", '$."a"."b"[0]') WHEN 'text' THEN json_extract("job"."data", '$."a"."b"[0]') END FROM "job""#,
        postgres: r#"SELECT (jsonb_path_query_first("job"."data", 'strict $."a"."b"[0] ? (@.type() == "string")', '{}', true) #>> '{}') FROM "job""#,
    );
}

#[test]
fn numbers_and_truth_values_are_read_as_such() {
    check!(
        select(Job.id).filter(Job.data.key("n").as_integer().eq(3)),
        sqlite: r#"SELECT "job"."id" FROM "job" WHERE CASE WHEN json_type("job"."data", '$."n"') IN ('integer', 'real') AND CAST(json_extract("job"."data", '$."n"') AS INTEGER) = json_extract("job"."data", '$."n"') THEN CAST(json_extract("job"."data", '$."n"') AS INTEGER) END = ?1"#,
        postgres: r#"SELECT "job"."id" FROM "job" WHERE CAST(jsonb_path_query_first("job"."data", 'strict $."n" ? (@.type() == "number" && @ == @.floor() && @ >= -9223372036854775808 && @ <= 9223372036854775807)', '{}', true) AS bigint) = CAST($1 AS bigint)"#,
    );
    check!(
        select(Job.id).order_by(Job.more.index(-2).as_float().desc()),
        sqlite: r#"SELECT "job"."id" FROM "job" ORDER BY CASE WHEN json_type("job"."more", '$[#-2]') IN ('integer', 'real') THEN CAST(json_extract("job"."more", '$[#-2]') AS REAL) END DESC"#,
        postgres: r#"SELECT "job"."id" FROM "job" ORDER BY CAST(jsonb_path_query_first("job"."more", 'strict $[last - 1] ? (@.type() == "number")', '{}', true) AS double precision) DESC NULLS LAST"#,
    );
    check!(
        update(Job).set(Job.id, 1).filter(Job.data.index(-1).as_boolean().eq(true)),
        sqlite: r#"UPDATE "job" SET "id" = ?1 WHERE CASE json_type("job"."data", '$[#-1]') WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END = ?2"#,
        postgres: r#"UPDATE "job" SET "id" = $1 WHERE CAST(jsonb_path_query_first("job"."data", 'strict $[last] ? (@.type() == "boolean")', '{}', true) AS boolean) = CAST($2 AS boolean)"#,
    );
}

#[test]
fn keys_lengths_and_json_itself_are_asked_for() {
    check!(
        select((Job.data.path("a").as_json::<i64>(), Job.data.array_length())).filter(!Job.data.has_key("b")),
        sqlite: r#"SELECT ("job"."data" -> '$."a"'), CASE json_type("job"."data", '$') WHEN 'array' THEN json_array_length("job"."data", '$') END FROM "job" WHERE NOT (json_type("job"."data", '$."b"') IS NOT NULL)"#,
        postgres: r#"SELECT jsonb_path_query_first("job"."data", 'strict $."a"', '{}', true), CAST(jsonb_array_length(jsonb_path_query_first("job"."data", 'strict $ ? (@.type() == "array")', '{}', true)) AS bigint) FROM "job" WHERE NOT (jsonb_path_query_first("job"."data", 'strict $."b"', '{}', true) IS NOT NULL)"#,
    );
}

#[test]
fn keys_stay_in_their_quotes() {
    check!(
        select(Job.data.key("it's) ? $1").exists()),
        sqlite: r#"SELECT (json_type("job"."data", '$."it''s) ? $1"') IS NOT NULL) FROM "job""#,
        postgres: r#"SELECT (jsonb_path_query_first("job"."data", 'strict $."it''s) ? $1"', '{}', true) IS NOT NULL) FROM "job""#,
    );
    let odd = || select(Job.data.key("a\"\\").exists());
    let postgres = odd().to_sql(dialect::postgres()).expect("a text");
    assert!(postgres.contains(r#"E'strict $."a\\"\\\\"'"#), "{postgres}");
    refused_in(
        dialect::sqlite(),
        &odd(),
        "SQLite cannot do JSON keys with a quote, a backslash or a control character: read the whole JSON, or use \
         PostgreSQL",
    );
}

#[test]
fn json_that_contains_json_is_for_databases_with_the_operator() {
    let contains = || select(Job.id).filter(Job.data.contains(Json(vec!["a".to_owned()])));
    assert_eq!(
        contains().to_sql(dialect::postgres()).expect("a text"),
        r#"SELECT "job"."id" FROM "job" WHERE "job"."data" @> $1"#
    );
    refused_in(
        dialect::sqlite(),
        &contains(),
        "SQLite cannot do JSON that contains other JSON: compare what is at its paths, or use PostgreSQL",
    );
}

#[test]
fn what_is_no_path_is_refused() {
    refused(
        select(Job.data.path("a[x]").as_string()),
        r#"`a[x]` is no path into JSON, at `[x]`: it is written as in `a.b[0]["a key"]`"#,
    );
}
