//! Window functions, their windows and their frames.

use orm::prelude::*;

use crate::check::{check, refused, text};
use crate::models::*;

#[test]
fn rows_are_numbered_within_their_partition() {
    check!(
        select((Post.title, row_number().over(partition_by(Post.author_id).order_by(Post.id.desc())))),
        sqlite: r#"SELECT "post"."title", row_number() OVER (PARTITION BY "post"."author_id" ORDER BY "post"."id" DESC) FROM "post""#,
        postgres: r#"SELECT "post"."title", row_number() OVER (PARTITION BY "post"."author_id" ORDER BY "post"."id" DESC) FROM "post""#,
    );
}

#[test]
fn ranks_and_distributions() {
    let by_views = || window().order_by(Post.views);
    check!(
        select((
            rank().over(by_views()),
            dense_rank().over(by_views()),
            percent_rank().over(by_views()),
            cume_dist().over(by_views()),
            ntile(4).over(by_views()),
        ))
        .from(Post),
        sqlite: r#"SELECT rank() OVER (ORDER BY "post"."views"), dense_rank() OVER (ORDER BY "post"."views"), percent_rank() OVER (ORDER BY "post"."views"), cume_dist() OVER (ORDER BY "post"."views"), ntile(?1) OVER (ORDER BY "post"."views") FROM "post""#,
        postgres: r#"SELECT rank() OVER (ORDER BY "post"."views"), dense_rank() OVER (ORDER BY "post"."views"), percent_rank() OVER (ORDER BY "post"."views"), cume_dist() OVER (ORDER BY "post"."views"), ntile($1) OVER (ORDER BY "post"."views") FROM "post""#,
    );
}

#[test]
fn rows_before_and_after() {
    let by_id = || window().order_by(Post.id);
    check!(
        select((lag(Post.title, 1).over(by_id()), lead(Post.views, 2).over(by_id()))),
        sqlite: r#"SELECT lag("post"."title", ?1) OVER (ORDER BY "post"."id"), lead("post"."views", ?2) OVER (ORDER BY "post"."id") FROM "post""#,
        postgres: r#"SELECT lag("post"."title", $1) OVER (ORDER BY "post"."id"), lead("post"."views", $2) OVER (ORDER BY "post"."id") FROM "post""#,
    );
    check!(
        select((lag_or(Post.views, 1, 0).over(by_id()), lead_or(Post.title, 1, Post.title).over(by_id()))),
        sqlite: r#"SELECT lag("post"."views", ?1, ?2) OVER (ORDER BY "post"."id"), lead("post"."title", ?3, "post"."title") OVER (ORDER BY "post"."id") FROM "post""#,
        postgres: r#"SELECT lag("post"."views", $1, CAST($2 AS bigint)) OVER (ORDER BY "post"."id"), lead("post"."title", $3, "post"."title") OVER (ORDER BY "post"."id") FROM "post""#,
    );
}

#[test]
fn values_of_the_frame() {
    let all = || partition_by(Post.author_id).order_by(Post.id).rows(..);
    check!(
        select((first_value(Post.title).over(all()), nth_value(Post.title, 2).over(all()))),
        sqlite: r#"SELECT first_value("post"."title") OVER (PARTITION BY "post"."author_id" ORDER BY "post"."id" ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), nth_value("post"."title", ?1) OVER (PARTITION BY "post"."author_id" ORDER BY "post"."id" ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM "post""#,
        postgres: r#"SELECT first_value("post"."title") OVER (PARTITION BY "post"."author_id" ORDER BY "post"."id" ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), nth_value("post"."title", $1) OVER (PARTITION BY "post"."author_id" ORDER BY "post"."id" ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM "post""#,
    );
}

#[test]
fn aggregates_over_a_window_keep_every_row() {
    check!(
        select((
            sum(Post.views).over(partition_by(Post.author_id)),
            count_all().over(window()),
            count(Post.id).filter(Post.views.gt(1)).over(window()),
        )),
        sqlite: r#"SELECT sum("post"."views") OVER (PARTITION BY "post"."author_id"), count(*) OVER (), count("post"."id") FILTER (WHERE "post"."views" > ?1) OVER () FROM "post""#,
        postgres: r#"SELECT CAST(sum("post"."views") OVER (PARTITION BY "post"."author_id") AS bigint), count(*) OVER (), count("post"."id") FILTER (WHERE "post"."views" > $1) OVER () FROM "post""#,
    );
}

#[test]
fn groups_are_ranked_by_their_aggregates() {
    check!(
        select((Post.author_id, rank().over(window().order_by(count(Post.id).desc())))).group_by(Post.author_id),
        sqlite: r#"SELECT "post"."author_id", rank() OVER (ORDER BY count("post"."id") DESC) FROM "post" GROUP BY "post"."author_id""#,
        postgres: r#"SELECT "post"."author_id", rank() OVER (ORDER BY count("post"."id") DESC NULLS LAST) FROM "post" GROUP BY "post"."author_id""#,
    );
}

#[test]
fn frames_are_ranges_around_the_row() {
    let total = |window: orm::expr::Window| select(sum(Post.views).over(window.order_by(Post.id)));
    check!(
        total(window().rows(-2..=0)),
        sqlite: r#"SELECT sum("post"."views") OVER (ORDER BY "post"."id" ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM "post""#,
        postgres: r#"SELECT CAST(sum("post"."views") OVER (ORDER BY "post"."id" ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS bigint) FROM "post""#,
    );
    check!(
        total(window().rows(1..)),
        sqlite: r#"SELECT sum("post"."views") OVER (ORDER BY "post"."id" ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) FROM "post""#,
        postgres: r#"SELECT CAST(sum("post"."views") OVER (ORDER BY "post"."id" ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS bigint) FROM "post""#,
    );
    check!(
        total(window().range(-10..10)),
        sqlite: r#"SELECT sum("post"."views") OVER (ORDER BY "post"."id" RANGE BETWEEN 10 PRECEDING AND 9 FOLLOWING) FROM "post""#,
        postgres: r#"SELECT CAST(sum("post"."views") OVER (ORDER BY "post"."id" RANGE BETWEEN 10 PRECEDING AND 9 FOLLOWING) AS bigint) FROM "post""#,
    );
    check!(
        total(window().groups(..=-1)),
        sqlite: r#"SELECT sum("post"."views") OVER (ORDER BY "post"."id" GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) FROM "post""#,
        postgres: r#"SELECT CAST(sum("post"."views") OVER (ORDER BY "post"."id" GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bigint) FROM "post""#,
    );
}

/// The parser of these tests does not know `EXCLUDE`.
#[test]
fn rows_of_a_frame_are_left_out() {
    let frame = |window: orm::expr::Window| {
        let sql = text(&select(count_all().over(window.order_by(Post.id))).from(Post));
        sql.replace(r#"SELECT count(*) OVER (ORDER BY "post"."id" "#, "").replace(r#") FROM "post""#, "")
    };
    assert_eq!(
        frame(window().rows(-1..=1).exclude_current_row()),
        "ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW"
    );
    assert_eq!(
        frame(window().exclude_group().groups(..)),
        "GROUPS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE GROUP"
    );
    assert_eq!(frame(window().exclude_ties()), "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE TIES");
}

#[test]
fn frames_that_cannot_be_are_refused() {
    let total = |window: orm::expr::Window| select(sum(Post.views).over(window));
    #[expect(clippy::reversed_empty_ranges, reason = "the mistake that is refused")]
    let reversed = total(window().rows(2..=-2));
    refused(reversed, "a window's frame from 2 to -2 begins after its end: swap them");
    refused(
        total(window().range(-1..=1)),
        "a range of values needs a window that is ordered by one number, and it is ordered by 0 keys: use `.rows(..)` \
         or `.groups(..)`",
    );
    refused(
        total(window().groups(-1..=1)),
        "groups are rows that are equal in the window's order, and it has none: add `.order_by(..)`",
    );
    refused(
        select(count(Post.id).distinct().over(window())),
        "an aggregate over a window can be neither distinct nor ordered: aggregate a subquery",
    );
}

#[test]
fn a_window_function_stands_where_the_rows_have_come_out() {
    let place = |place: &str| {
        format!(
            "a window function cannot stand in {place}, since it sees the rows that come out of the statement: select it \
             in a subquery, and use its column"
        )
    };
    let number = || row_number().over(window().order_by(Post.id));
    refused(select(Post.id).filter(number().le(3)), &place("WHERE"));
    refused(select(Post.views).group_by(Post.views).having(number().le(3)), &place("HAVING"));
    refused(select(count_all()).from(Post).group_by(number()), &place("GROUP BY"));
    refused(select(sum(number())).from(Post), &place("an aggregate"));
    refused(select(rank().over(window().order_by(number()))).from(Post), &place("another window"));
    check!(
        select(Post.id).order_by(number()),
        sqlite: r#"SELECT "post"."id" FROM "post" ORDER BY row_number() OVER (ORDER BY "post"."id")"#,
        postgres: r#"SELECT "post"."id" FROM "post" ORDER BY row_number() OVER (ORDER BY "post"."id") NULLS FIRST"#,
    );
}
