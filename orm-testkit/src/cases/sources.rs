//! Queries in FROM: subqueries and common table expressions, recursive ones too.

use orm::prelude::*;

use crate::models::{Number, Post, User, numbers, people};
use crate::{TestDb, TestResult};

pub async fn a_subquery_is_read_from(db: &TestDb) -> TestResult {
    people(db).await?;
    let posts = select((Post.author_id, count(Post.id), sum(Post.views).label("views"))).group_by(Post.author_id);
    let posts = posts.subquery("posts");
    let (author, number, views) = posts.columns();

    let rows = db.fetch_all(select((author, number + 1, views)).from(&posts).filter(views.gt(1))).await?;

    let alice = db.fetch_scalar(select(User.id).filter(User.name.eq("Alice"))).await?;
    assert_eq!(rows, [(alice, 3, Some(15))]);
    Ok(())
}

pub async fn a_query_of_a_model_gives_models(db: &TestDb) -> TestResult {
    people(db).await?;
    let grown = select(User).filter(User.age.ge(18)).order_by(User.age).limit(1).subquery("grown");
    let user = grown.columns();

    let youngest: User = db.fetch_one(select(user).from(&grown)).await?;
    let with_posts = db.fetch_all(select((user.name, Post.title)).from(&grown).join(user.posts)).await?;
    let silent = db.fetch_all(select(user.name).from(&grown).filter(user.posts.none(Post.views.gt(5)))).await?;

    assert_eq!((youngest.name.as_str(), youngest.age), ("Bob", Some(25)));
    assert_eq!(with_posts, [("Bob".to_string(), "Replies".to_string())]);
    assert_eq!(silent, ["Bob"]);
    Ok(())
}

pub async fn a_query_is_joined_by_condition_and_by_relation(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = select((Post.author_id, Post.title)).filter(Post.views.ge(5)).subquery("read");
    let (author, title) = read.columns();
    let old = select(User).filter(User.age.ge(30)).cte("old");

    let pairs = select((User.name, title.optional())).left_join(read.on(author.eq(User.id)));
    let pairs = db.fetch_all(pairs.order_by((User.name, title))).await?;
    let by_relation = select((Post.title, old.columns().name)).join(old.by(Post.author)).order_by(Post.title);
    let by_relation = db.fetch_all(by_relation).await?;

    let half = |name: &str, title: Option<&str>| (name.to_string(), title.map(String::from));
    assert_eq!(
        pairs,
        [half("Alice", Some("Hello")), half("Alice", Some("Joins")), half("Bob", None), half("Carol", None)]
    );
    assert_eq!(by_relation, [("Hello".into(), "Alice".into()), ("Joins".into(), "Alice".into())]);
    Ok(())
}

pub async fn a_common_table_expression_is_read_twice(db: &TestDb) -> TestResult {
    numbers(db, 3).await?;
    let small = select(Number.value).filter(Number.value.le(2)).cte("small");
    let other = small.alias("other");
    let (left, right) = (small.columns(), other.columns());

    let pairs = select((left, right)).from(&small).cross_join(&other).order_by((left, right));
    let pairs = db.fetch_all(pairs.filter(left.in_(select(right).from(&other)))).await?;

    assert_eq!(pairs, [(1, 1), (1, 2), (2, 1), (2, 2)]);
    Ok(())
}

pub async fn common_table_expressions_build_on_each_other(db: &TestDb) -> TestResult {
    numbers(db, 10).await?;
    let even = select(Number.value).filter((Number.value % 2).eq(0)).cte("even");
    let value = even.columns();
    let large = select((value, value * 10)).from(&even).filter(value.gt(5)).cte("large");
    let (number, tenfold) = large.columns();

    let rows = select((number, tenfold, count(value))).from(&large).cross_join(&even).group_by((number, tenfold));
    let rows = db.fetch_all(rows.order_by(number)).await?;

    assert_eq!(rows, [(6, 60, 5), (8, 80, 5), (10, 100, 5)]);
    Ok(())
}

pub async fn a_query_is_told_how_to_be_kept(db: &TestDb) -> TestResult {
    numbers(db, 2).await?;
    for query in [
        select(Number.value).cte("kept").materialized(),
        select(Number.value).cte("kept").not_materialized(),
        select(Number.value).subquery("kept").materialized(),
    ] {
        let value = query.columns();
        assert_eq!(db.fetch_all(select(value).from(query).order_by(value)).await?, [1, 2]);
    }
    Ok(())
}

pub async fn a_recursive_query_counts(db: &TestDb) -> TestResult {
    let powers = select((value(1_i64), value(2_i64).label("power"))).recursive_union_all("powers", |powers| {
        let (n, power) = powers.columns();
        select((n + 1, power * 2)).from(powers).filter(n.lt(5))
    });
    let (n, power) = powers.columns();

    let rows = db.fetch_all(select((n, power)).from(&powers).order_by(n)).await?;
    let round = select(value(1_i64)).recursive_union("round", |round| select(round.columns() % 3 + 1).from(round));
    let round = db.fetch_all(select(round.columns()).from(&round).order_by(round.columns())).await?;

    assert_eq!(rows, [(1, 2), (2, 4), (3, 8), (4, 16), (5, 32)]);
    assert_eq!(round, [1, 2, 3]);
    Ok(())
}

pub async fn one_text_serves_queries_with_other_values(db: &TestDb) -> TestResult {
    numbers(db, 9).await?;
    for (low, high) in [(2, 4), (5, 9), (8, 8)] {
        let some = select(Number.value).filter(Number.value.ge(low)).cte("some");
        let value = some.columns();
        let both = select((value, value + low)).from(&some).filter(value.le(high)).order_by(value);
        let rows = db.fetch_all(both).await?;
        assert_eq!(rows, (low..=high).map(|number| (number, number + low)).collect::<Vec<_>>());
    }
    let texts: Vec<_> = db.log.take().into_iter().map(|statement| statement.sql).collect();
    assert!(texts.len() == 3 && texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    Ok(())
}

pub async fn grouped_and_distinct_rows_are_counted(db: &TestDb) -> TestResult {
    people(db).await?;
    let authors = select(Post.author_id).distinct();
    let groups = select((User.manager_id, count(User.id))).group_by(User.manager_id).having(count(User.id).gt(1));
    let names = select(User.name).union(select(Post.title)).order_by(User.name).limit(1);

    assert_eq!(db.fetch_scalar(authors.count()).await?, 2);
    assert_eq!(db.fetch_scalar(groups.count()).await?, 1);
    assert_eq!(db.fetch_scalar(names.count()).await?, 6);
    Ok(())
}

pub async fn a_session_reads_from_queries(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.query(User).filter(User.name.eq("Alice")).one().await?;
    session[alice].age = Some(17);
    let grown = select(User).filter(User.age.ge(18)).cte("grown");

    // What the query of the CTE reads has changes, so they are flushed first.
    let found = session.query(select(grown.columns()).from(&grown)).all().await?;

    assert_eq!(found.iter().map(|user| session[*user].name.as_str()).collect::<Vec<_>>(), ["Bob"]);
    let everyone = select(User).union(select(User).filter(User.age.ge(18))).order_by(User.id);
    let everyone = session.query(everyone).all().await?;
    assert_eq!((everyone.len(), everyone[0]), (3, alice));
    Ok(())
}

pub async fn a_statement_that_writes_asks_a_common_table_expression(db: &TestDb) -> TestResult {
    people(db).await?;
    let busy = select(Post.author_id).group_by(Post.author_id).having(count(Post.id).gt(1)).cte("busy");
    let authors = || select(busy.columns()).from(&busy);

    db.execute(update(User).set(User.nickname, "busy").filter(User.id.in_(authors()))).await?;
    db.execute(delete(User).filter(User.id.not_in(authors()))).await?;

    let rest = db.fetch_all(select((User.name, User.nickname))).await?;
    assert_eq!(rest, [("Alice".to_string(), Some("busy".to_string()))]);
    Ok(())
}
