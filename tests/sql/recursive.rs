//! Recursive common table expressions.

use orm::prelude::*;

use crate::check::check;
use crate::models::*;

#[test]
fn a_query_reads_from_itself() {
    let numbers = select(value(1_i64).label("n")).recursive_union_all("numbers", |numbers| {
        let n = numbers.columns();
        select(n + 1).from(numbers).filter(n.lt(10))
    });
    check!(
        select(numbers.columns()).from(&numbers),
        sqlite: r#"WITH RECURSIVE "numbers" AS (SELECT ?1 AS "n" UNION ALL SELECT "numbers"."n" + ?2 FROM "numbers" WHERE "numbers"."n" < ?3) SELECT "numbers"."n" FROM "numbers""#,
        postgres: r#"WITH RECURSIVE "numbers" AS (SELECT CAST($1 AS bigint) AS "n" UNION ALL SELECT "numbers"."n" + CAST($2 AS bigint) FROM "numbers" WHERE "numbers"."n" < $3) SELECT "numbers"."n" FROM "numbers""#,
    );
}

#[test]
fn a_tree_is_walked_by_hand() {
    let staff = select((User.id, value(0_i64))).filter(User.id.eq(1)).recursive_union("staff", |staff| {
        let (id, depth) = staff.columns();
        select((User.id, depth + 1)).from(staff).join(User.on(User.manager_id.eq(id)))
    });
    let (id, depth) = staff.columns();
    check!(
        select((User.name, depth)).from(&staff).join(User.on(User.id.eq(id))),
        sqlite: r#"WITH RECURSIVE "staff" AS (SELECT "users"."id", ?1 AS "c2" FROM "users" WHERE "users"."id" = ?2 UNION SELECT "users"."id", "staff"."c2" + ?3 FROM "staff" JOIN "users" ON "users"."manager_id" = "staff"."id") SELECT "users"."name", "staff"."c2" FROM "staff" JOIN "users" ON "users"."id" = "staff"."id""#,
        postgres: r#"WITH RECURSIVE "staff" AS (SELECT "users"."id", CAST($1 AS bigint) AS "c2" FROM "users" WHERE "users"."id" = $2 UNION SELECT "users"."id", "staff"."c2" + CAST($3 AS bigint) FROM "staff" JOIN "users" ON "users"."manager_id" = "staff"."id") SELECT "users"."name", "staff"."c2" FROM "staff" JOIN "users" ON "users"."id" = "staff"."id""#,
    );
}
