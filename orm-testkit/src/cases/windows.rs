//! Window functions and their frames.

use orm::prelude::*;

use crate::models::{Number, Post, User, numbers, people};
use crate::{TestDb, TestResult};

pub async fn rows_are_numbered_within_their_group(db: &TestDb) -> TestResult {
    people(db).await?;
    let number = row_number().over(partition_by(Post.author_id).order_by(Post.views.desc()));

    let rows = db.fetch_all(select((Post.title, number)).order_by(Post.id)).await?;

    assert_eq!(rows, [("Hello".into(), 1), ("Joins".into(), 2), ("Replies".into(), 1)]);
    Ok(())
}

pub async fn the_first_rows_of_each_group_are_selected(db: &TestDb) -> TestResult {
    people(db).await?;
    let number = row_number().over(partition_by(Post.author_id).order_by(Post.views)).label("n");
    let ranked = select((Post, number)).subquery("ranked");
    let (post, n) = ranked.columns();

    let rows = db.fetch_all(select(post).from(&ranked).filter(n.le(1)).order_by(post.id)).await?;

    let titles: Vec<_> = rows.iter().map(|post: &Post| (post.title.as_str(), post.views)).collect();
    assert_eq!(titles, [("Joins", 5), ("Replies", 1)]);
    assert_eq!(db.log.take().len(), 1);
    Ok(())
}

/// Groups of numbers by their rest: 1 4, 2 5, 3.
fn rest() -> Expr<i64> {
    Number.value % 3
}

pub async fn ranks_share_their_places(db: &TestDb) -> TestResult {
    numbers(db, 5).await?;
    let by_rest = || window().order_by(rest());

    let rows = db
        .fetch_all(
            select((Number.value, rank().over(by_rest()), dense_rank().over(by_rest())))
                .order_by((rest(), Number.value)),
        )
        .await?;

    assert_eq!(rows, [(3, 1, 1), (1, 2, 2), (4, 2, 2), (2, 4, 3), (5, 4, 3)]);
    Ok(())
}

pub async fn buckets_and_parts_of_all_rows(db: &TestDb) -> TestResult {
    numbers(db, 5).await?;
    let by_value = || window().order_by(Number.value);

    let rows = db
        .fetch_all(
            select((ntile(2).over(by_value()), percent_rank().over(by_value()), cume_dist().over(by_value())))
                .from(Number)
                .order_by(Number.value),
        )
        .await?;

    assert_eq!(rows, [(1, 0.0, 0.2), (1, 0.25, 0.4), (1, 0.5, 0.6), (2, 0.75, 0.8), (2, 1.0, 1.0)]);
    Ok(())
}

pub async fn rows_see_those_before_and_after_them(db: &TestDb) -> TestResult {
    people(db).await?;
    let by_id = || window().order_by(User.id);

    let rows = db
        .fetch_all(
            select((
                lag(User.name, 1).over(by_id()),
                lead(User.age, 1).over(by_id()),
                lag_or(User.name, 2, "nobody").over(by_id()),
                lead_or(User.id, 5, 0).over(by_id()),
            ))
            .order_by(User.id),
        )
        .await?;

    let before = |name: &str| Some(String::from(name));
    assert_eq!(
        rows,
        [
            (None, Some(25), "nobody".into(), 0),
            (before("Alice"), None, "nobody".into(), 0),
            (before("Bob"), None, "Alice".into(), 0),
        ]
    );
    Ok(())
}

pub async fn values_of_a_windows_ends(db: &TestDb) -> TestResult {
    numbers(db, 3).await?;
    let all = || window().order_by(Number.value).rows(..);
    let until_now = || window().order_by(Number.value);

    let rows = db
        .fetch_all(
            select((
                first_value(Number.value).over(all()),
                last_value(Number.value).over(all()),
                last_value(Number.value).over(until_now()),
                nth_value(Number.value, 2).over(all()),
                nth_value(Number.value, 2).over(until_now()),
            ))
            .order_by(Number.value),
        )
        .await?;

    let row = |last, second| (Some(1), Some(3), Some(last), Some(2), second);
    assert_eq!(rows, [row(1, None), row(2, Some(2)), row(3, Some(2))]);
    Ok(())
}

async fn sums(db: &TestDb, window: orm::expr::Window) -> orm::Result<Vec<Option<i64>>> {
    db.fetch_all(select(sum(Number.value).over(window.order_by(Number.value))).order_by(Number.value)).await
}

pub async fn sums_run_over_frames(db: &TestDb) -> TestResult {
    numbers(db, 4).await?;

    assert_eq!(sums(db, window()).await?, [Some(1), Some(3), Some(6), Some(10)]);
    assert_eq!(sums(db, window().rows(-1..=0)).await?, [Some(1), Some(3), Some(5), Some(7)]);
    assert_eq!(sums(db, window().rows(..)).await?, [Some(10); 4]);
    assert_eq!(sums(db, window().rows(1..)).await?, [Some(9), Some(7), Some(4), None]);
    assert_eq!(sums(db, window().range(-2..=-1)).await?, [None, Some(1), Some(3), Some(5)]);
    assert_eq!(sums(db, window().groups(-1..=1)).await?, [Some(3), Some(6), Some(9), Some(7)]);
    assert_eq!(sums(db, partition_by(Number.value % 2)).await?, [Some(1), Some(2), Some(4), Some(6)]);
    Ok(())
}

pub async fn frames_leave_rows_out(db: &TestDb) -> TestResult {
    numbers(db, 3).await?;
    let others = |window: orm::expr::Window| async {
        db.fetch_all(select(count_all().over(window.order_by(rest() / 2))).from(Number).order_by(Number.value)).await
    };

    // 1 and 3 are equal in this order, 2 comes after them.
    assert_eq!(others(window().rows(..).exclude_current_row()).await?, [2, 2, 2]);
    assert_eq!(others(window().rows(..).exclude_group()).await?, [1, 2, 1]);
    assert_eq!(others(window().rows(..).exclude_ties()).await?, [2, 3, 2]);
    Ok(())
}

pub async fn nulls_are_smallest_in_a_window_too(db: &TestDb) -> TestResult {
    people(db).await?;
    let by_age = row_number().over(window().order_by(User.age));
    let oldest = row_number().over(window().order_by(User.age.desc()));

    let rows = db.fetch_all(select((User.name, by_age, oldest)).order_by(User.name)).await?;

    assert_eq!(rows, [("Alice".into(), 3, 1), ("Bob".into(), 2, 2), ("Carol".into(), 1, 3)]);
    Ok(())
}

pub async fn groups_are_ranked_by_their_aggregates(db: &TestDb) -> TestResult {
    people(db).await?;
    let place = rank().over(window().order_by(sum(Post.views).desc()));
    let all = sum(count(Post.id)).over(window());

    let rows = db
        .fetch_all(select((User.name, place, all)).join(User.posts).group_by((User.id, User.name)).order_by(User.name))
        .await?;

    assert_eq!(rows, [("Alice".into(), 1, Some(3)), ("Bob".into(), 2, Some(3))]);
    Ok(())
}

pub async fn an_aggregate_over_a_window_has_its_type(db: &TestDb) -> TestResult {
    people(db).await?;
    let by_author = || partition_by(Post.author_id);

    let rows = db
        .fetch_all(
            select((
                avg(Post.views).over(by_author()),
                sum(Post.views).over(by_author()),
                count(Post.id).filter(Post.views.gt(5)).over(by_author()),
                max(Post.title).over(by_author()),
            ))
            .order_by(Post.id),
        )
        .await?;

    let alice = (Some(7.5), Some(15), 1, Some(String::from("Joins")));
    assert_eq!(rows, [alice.clone(), alice, (Some(1.0), Some(1), 0, Some("Replies".into()))]);
    Ok(())
}
