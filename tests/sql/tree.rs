//! Trees: rows below and above one.

use crate::check::check;
use crate::models::*;

#[test]
fn keys_are_gathered_until_there_is_no_new_one() {
    check!(
        User.manager.descendants(7).keys(),
        sqlite: r#"WITH RECURSIVE "tree" AS (SELECT "users"."id" FROM "users" WHERE "users"."id" = ?1 UNION SELECT "users"."id" FROM "tree" JOIN "users" ON "users"."manager_id" = "tree"."id") SELECT "users"."id" FROM "users" JOIN "tree" ON "tree"."id" = "users"."id" WHERE "users"."id" <> ?2"#,
        postgres: r#"WITH RECURSIVE "tree" AS (SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 UNION SELECT "users"."id" FROM "tree" JOIN "users" ON "users"."manager_id" = "tree"."id") SELECT "users"."id" FROM "users" JOIN "tree" ON "tree"."id" = "users"."id" WHERE "users"."id" <> $2"#,
    );
    check!(
        User.reports.ancestors(7).with_root().keys(),
        sqlite: r#"WITH RECURSIVE "tree" AS (SELECT "users"."id" FROM "users" WHERE "users"."id" = ?1 UNION SELECT "users"."manager_id" FROM "tree" JOIN "users" ON "users"."id" = "tree"."id") SELECT "users"."id" FROM "users" JOIN "tree" ON "tree"."id" = "users"."id""#,
        postgres: r#"WITH RECURSIVE "tree" AS (SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 UNION SELECT "users"."manager_id" FROM "tree" JOIN "users" ON "users"."id" = "tree"."id") SELECT "users"."id" FROM "users" JOIN "tree" ON "tree"."id" = "users"."id""#,
    );
}

#[test]
fn a_depth_is_bounded_by_what_is_asked_for() {
    check!(
        User.manager.ancestors(7).max_depth(3).with_root().keys(),
        sqlite: r#"SELECT "users"."id" FROM "users" JOIN (WITH RECURSIVE "walk" AS (SELECT "users"."id", ?1 AS "depth" FROM "users" WHERE "users"."id" = ?2 UNION SELECT "users"."manager_id", "walk"."depth" + ?3 FROM "walk" JOIN "users" ON "users"."id" = "walk"."id" WHERE "walk"."depth" < ?4) SELECT "walk"."id", min("walk"."depth") AS "depth" FROM "walk" GROUP BY "walk"."id") AS "tree" ON "tree"."id" = "users"."id""#,
        postgres: r#"SELECT "users"."id" FROM "users" JOIN (WITH RECURSIVE "walk" AS (SELECT "users"."id", CAST($1 AS bigint) AS "depth" FROM "users" WHERE "users"."id" = $2 UNION SELECT "users"."manager_id", "walk"."depth" + CAST($3 AS bigint) FROM "walk" JOIN "users" ON "users"."id" = "walk"."id" WHERE "walk"."depth" < $4) SELECT "walk"."id", min("walk"."depth") AS "depth" FROM "walk" GROUP BY "walk"."id") AS "tree" ON "tree"."id" = "users"."id""#,
    );
}

#[test]
fn a_way_down_is_bounded_by_the_row_itself_and_a_way_up_by_the_number_of_keys() {
    let down = crate::check::text(&User.manager.descendants(7).select_with_depth());
    assert!(
        down.contains(r#"JOIN "users" ON "users"."manager_id" = "walk"."id" WHERE "users"."id" <> ?4) SELECT"#),
        "{down}"
    );
    assert!(down.ends_with(r#"WHERE "users"."id" <> ?5 ORDER BY "depth", "users"."id""#), "{down}");
    let up = crate::check::text(&User.manager.ancestors(7).select_with_depth());
    assert!(
        up.contains(concat!(
            r#"WHERE "walk"."depth" < (WITH RECURSIVE "tree" AS (SELECT "users"."id" FROM "users" WHERE "users"."id" = ?4 "#,
            r#"UNION SELECT "users"."manager_id" FROM "tree" JOIN "users" ON "users"."id" = "tree"."id") "#,
            r#"SELECT count(*) FROM "tree")"#,
        )),
        "{up}"
    );
}
