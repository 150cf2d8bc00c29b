//! Locks of rows, and DISTINCT ON: what SQLite does not have.

use orm::docs::dialect;
use orm::prelude::*;

use crate::check::{refused_in, text_in};
use crate::models::*;

fn postgres(statement: &impl Runnable) -> String {
    text_in(statement, dialect::postgres())
}

#[test]
fn rows_are_locked_as_strongly_as_is_said() {
    let rows = || select(Tag.name);
    let locked = |statement: Select<String>| postgres(&statement).replace(r#"SELECT "tag"."name" FROM "tag" "#, "");
    assert_eq!(locked(rows().for_update()), "FOR UPDATE");
    assert_eq!(locked(rows().for_no_key_update()), "FOR NO KEY UPDATE");
    assert_eq!(locked(rows().for_share().nowait()), "FOR SHARE NOWAIT");
    assert_eq!(locked(rows().for_key_share()), "FOR KEY SHARE");
    assert_eq!(locked(rows().skip_locked()), "FOR UPDATE SKIP LOCKED");
    assert_eq!(locked(rows().limit(1).skip_locked().for_share()), "LIMIT $1 FOR SHARE SKIP LOCKED");
}

#[test]
fn of_joined_tables_one_can_be_locked() {
    assert_eq!(
        postgres(&select((Post.id, User.id)).join(Post.author).for_update().lock_of(Post)),
        r#"SELECT "post"."id", "users"."id" FROM "post" JOIN "users" ON "users"."id" = "post"."author_id" FOR UPDATE OF "post""#
    );
    refused_in(
        dialect::postgres(),
        &select(Post.id).lock_of(User),
        "column `*` is of table `users`, which the statement does not read from: add `.join(Post.author)`",
    );
}

#[test]
fn a_backend_without_locks_of_rows_says_so() {
    refused_in(
        dialect::sqlite(),
        &select(Tag.name).for_update(),
        "SQLite cannot do locks of rows: a transaction that writes has the whole database to itself: begin it before the \
         rows are read",
    );
}

#[test]
fn rows_that_are_no_tables_rows_cannot_be_locked() {
    let message = "rows that are grouped or distinct cannot be locked: lock them by a select of their own";
    refused_in(dialect::postgres(), &select(Tag.name).distinct().for_update(), message);
    refused_in(dialect::postgres(), &select(Tag.name).group_by(Tag.name).for_update(), message);
    refused_in(
        dialect::postgres(),
        &select(Tag.name).for_update().union(select(User.name)),
        "rows that come out of a compound cannot be locked: lock them by a select of their own",
    );
}

#[test]
fn of_rows_that_agree_the_first_is_kept() {
    let newest =
        || select((Post.author_id, Post.title)).distinct_on(Post.author_id).order_by((Post.author_id, Post.id.desc()));
    assert_eq!(
        postgres(&newest()),
        r#"SELECT DISTINCT ON ("post"."author_id") "post"."author_id", "post"."title" FROM "post" ORDER BY "post"."author_id", "post"."id" DESC"#
    );
    assert_eq!(
        postgres(&newest().count()),
        r#"SELECT count(*) FROM (SELECT DISTINCT ON ("post"."author_id") "post"."author_id", "post"."title" FROM "post") AS "counted""#
    );
    refused_in(
        dialect::sqlite(),
        &newest(),
        "SQLite cannot do DISTINCT ON: select `row_number().over(partition_by(..).order_by(..))` in a subquery, and keep \
         number 1",
    );
}
