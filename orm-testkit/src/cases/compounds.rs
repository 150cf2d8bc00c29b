//! Set operations, and what only some backends can: DISTINCT ON and locks of rows.

use orm::prelude::*;

use crate::models::{Number, Post, Tag, User, numbers, people};
use crate::{TestDb, TestResult};

fn up_to(last: i64) -> Select<i64> {
    select(Number.value).filter(Number.value.le(last))
}

fn from(first: i64) -> Select<i64> {
    select(Number.value).filter(Number.value.ge(first))
}

pub async fn a_union_has_each_row_once(db: &TestDb) -> TestResult {
    numbers(db, 4).await?;

    let rows = db.fetch_all(up_to(3).union(from(2)).order_by(Number.value.desc())).await?;

    assert_eq!(rows, [4, 3, 2, 1]);
    Ok(())
}

pub async fn a_union_all_has_every_row(db: &TestDb) -> TestResult {
    numbers(db, 3).await?;

    let rows = db.fetch_all(up_to(2).union_all(from(2)).union_all(up_to(1)).order_by(Number.value)).await?;

    assert_eq!(rows, [1, 1, 2, 2, 3]);
    Ok(())
}

pub async fn rows_that_both_have_and_rows_that_one_has(db: &TestDb) -> TestResult {
    numbers(db, 5).await?;

    let both = db.fetch_all(up_to(4).intersect(from(3)).order_by(Number.value)).await?;
    let one = db.fetch_all(up_to(4).except(from(3)).order_by(Number.value)).await?;
    let asked = db.fetch_all(select(Number.value).filter(Number.value.in_(up_to(1).union(from(5))))).await?;

    assert_eq!((both, one), (vec![3, 4], vec![1, 2]));
    assert_eq!(asked.len(), 2);
    Ok(())
}

pub async fn a_compound_is_ordered_as_a_whole(db: &TestDb) -> TestResult {
    people(db).await?;
    let words = select((User.name, User.age.cast::<Option<i64>>().label("number")));
    let words = words.union_all(select((Post.title, Post.views.optional())));

    let rows = db.fetch_all(words.order_by((label("number").desc(), User.name)).limit(4).offset(1)).await?;

    let row = |word: &str, number| (word.to_string(), Some(number));
    assert_eq!(rows, [row("Bob", 25), row("Hello", 10), row("Joins", 5), row("Replies", 1)]);
    Ok(())
}

pub async fn operands_keep_their_order_and_limit(db: &TestDb) -> TestResult {
    numbers(db, 6).await?;
    let largest = select(Number.value).order_by(Number.value.desc()).limit(1);
    let smallest = select(Number.value).order_by(Number.value).limit(2);

    let rows = db.fetch_all(largest.union_all(smallest).order_by(Number.value)).await?;

    assert_eq!(rows, [1, 2, 6]);
    Ok(())
}

pub async fn intersect_holds_as_tightly_as_it_is_said(db: &TestDb) -> TestResult {
    numbers(db, 5).await?;

    let first = db.fetch_all(up_to(2).union(from(5)).intersect(up_to(1)).order_by(Number.value)).await?;
    let last = db.fetch_all(up_to(2).union(from(5).intersect(up_to(1))).order_by(Number.value)).await?;

    assert_eq!(first, [1]);
    assert_eq!(last, [1, 2]);
    Ok(())
}

pub async fn models_come_from_a_compound(db: &TestDb) -> TestResult {
    people(db).await?;
    let some = select(User).filter(User.name.eq("Bob")).union(select(User).filter(User.age.is_null()));

    let rows: Vec<User> = db.fetch_all(some.clone().order_by(User.name)).await?;
    let named = some.subquery("some");
    let user = named.columns();
    let bosses = db.fetch_all(select(user.manager_id).distinct().from(&named)).await?;

    assert_eq!(rows.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["Bob", "Carol"]);
    assert_eq!(bosses.len(), 1);
    Ok(())
}

pub async fn duplicates_are_counted_or_refused(db: &TestDb) -> TestResult {
    numbers(db, 3).await?;
    let twice = || up_to(2).union_all(up_to(2));

    let both = db.fetch_all(twice().intersect_all(twice()).order_by(Number.value)).await;
    let rest = db.fetch_all(twice().except_all(up_to(1)).order_by(Number.value)).await;

    match (both, rest) {
        (Ok(both), Ok(rest)) => assert_eq!((both, rest), (vec![1, 1, 2, 2], vec![1, 2, 2])),
        (both, rest) => {
            assert!(matches!(both, Err(orm::Error::Unsupported { feature: "INTERSECT ALL", .. })), "{both:?}");
            assert!(matches!(rest, Err(orm::Error::Unsupported { feature: "EXCEPT ALL", .. })), "{rest:?}");
        }
    }
    Ok(())
}

pub async fn the_first_of_each_group_or_refused(db: &TestDb) -> TestResult {
    people(db).await?;
    let most_read = select((Post.author_id, Post.title)).distinct_on(Post.author_id);

    match db.fetch_all(most_read.order_by((Post.author_id, Post.views.desc()))).await {
        Ok(rows) => assert_eq!(rows.into_iter().map(|(_, title)| title).collect::<Vec<_>>(), ["Hello", "Replies"]),
        Err(error) => {
            assert!(matches!(error, orm::Error::Unsupported { feature: "DISTINCT ON", .. }), "{error}");
            assert!(error.to_string().contains("row_number()"), "{error}");
        }
    }
    Ok(())
}

pub async fn locks_are_taken_or_refused(db: &TestDb) -> TestResult {
    people(db).await?;
    let next = || select(Tag.name).order_by(Tag.name).limit(1).for_update().skip_locked();
    let mut first = db.begin().await?;

    match first.fetch_all(next()).await {
        Ok(rows) => {
            assert_eq!(rows, ["rust"]);
            let mut second = db.begin().await?;
            assert_eq!(second.fetch_all(next()).await?, ["sql"]);
            let waits_not = second.fetch_all(select(Tag.name).for_share().nowait()).await;
            assert!(waits_not.is_err(), "{waits_not:?}");
            second.rollback().await?;
        }
        Err(error) => {
            assert!(matches!(error, orm::Error::Unsupported { feature: "locks of rows", .. }), "{error}");
        }
    }
    first.rollback().await?;
    Ok(())
}

pub async fn rows_of_several_columns_compare_part_by_part(db: &TestDb) -> TestResult {
    people(db).await?;
    let places = || row((Post.author_id, Post.views));
    let (alice, bob) = (1, 2);

    let after = db.fetch_all(select(Post.title).filter(places().gt((alice, 5))).order_by(Post.title)).await?;
    let until = db.fetch_all(select(Post.title).filter(places().le((alice, 5))).order_by(Post.title)).await?;
    let same = db.fetch_all(select(Post.title).filter(places().eq((bob, 1)))).await?;
    let others = db.fetch_all(select(Post.title).filter(places().ne((bob, 1))).order_by(Post.title)).await?;

    assert_eq!((after, until), (vec!["Hello".into(), "Replies".into()], vec!["Joins".to_string()]));
    assert_eq!((same, others), (vec!["Replies".into()], vec!["Hello".into(), "Joins".to_string()]));
    Ok(())
}

pub async fn rows_of_several_columns_are_looked_for(db: &TestDb) -> TestResult {
    people(db).await?;
    let title = row((Post.author_id, Post.title));
    let wanted = vec![(1, "Joins"), (2, "Joins"), (2, "Replies")];
    let first = select((Post.author_id, min(Post.id))).group_by(Post.author_id);

    let listed = db.fetch_all(select(Post.title).filter(title.clone().in_(wanted)).order_by(Post.title)).await?;
    let rest = db.fetch_all(select(Post.title).filter(title.not_in([(1, "Joins")])).order_by(Post.title)).await?;
    let firsts = select(Post.title).filter(row((Post.author_id, Post.id)).in_(first)).order_by(Post.title);
    let unnamed = select(User.name).filter(row((User.name, User.nickname)).in_([("Bob", None::<&str>)]));

    assert_eq!(listed, ["Joins", "Replies"]);
    assert_eq!(rest, ["Hello", "Replies"]);
    assert_eq!(db.fetch_all(firsts).await?, ["Hello", "Replies"]);
    assert_eq!(db.fetch_all(unnamed).await?, ["Bob"]);
    Ok(())
}
