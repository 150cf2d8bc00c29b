//! Tables side by side: joins by relations and by conditions, aliases, and questions to a relation.

use orm::Error;
use orm::error::ValueError;
use orm::prelude::*;

use crate::expect::{nothing_was_sent, refused};
use crate::models::{Number, Post, PostTag, Profile, Tag, User, numbers, people};
use crate::{Lacks, TestDb, TestResult};

fn pair(left: &str, right: &str) -> (String, String) {
    (left.into(), right.into())
}

fn half(left: &str, right: Option<&str>) -> (String, Option<String>) {
    (left.into(), right.map(String::from))
}

/// The three people, of whom Alice has a profile.
async fn people_with_a_profile(db: &TestDb) -> orm::Result<()> {
    people(db).await?;
    let alice = db.fetch_scalar(select(User.id).filter(User.name.eq("Alice"))).await?;
    db.execute(insert(Profile::builder().user_id(alice).motto("Onwards"))).await?;
    db.log.take();
    Ok(())
}

// By relation.

pub async fn has_many_joins_each_row_with_its_children(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows = db.fetch_all(select((User.name, Post.title)).join(User.posts).order_by(Post.title)).await?;

    assert_eq!(rows, [pair("Alice", "Hello"), pair("Alice", "Joins"), pair("Bob", "Replies")]);
    assert_eq!(db.log.take().len(), 1);
    Ok(())
}

pub async fn belongs_to_joins_each_row_with_its_parent(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(Post, User)> =
        db.fetch_all(select((Post, User)).join(Post.author).order_by(Post.title.desc())).await?;

    let names: Vec<_> = rows.iter().map(|(post, author)| (post.title.as_str(), author.name.as_str())).collect();
    assert_eq!(names, [("Replies", "Bob"), ("Joins", "Alice"), ("Hello", "Alice")]);
    Ok(())
}

pub async fn has_one_joins_each_row_with_its_other(db: &TestDb) -> TestResult {
    people_with_a_profile(db).await?;

    let rows = db.fetch_all(select((User.name, Profile.motto)).join(User.profile)).await?;
    let back = db.fetch_all(select((User.name, Profile.motto)).from(Profile).join(Profile.user)).await?;

    assert_eq!(rows, [pair("Alice", "Onwards")]);
    assert_eq!(back, rows);
    Ok(())
}

pub async fn many_to_many_joins_through_the_table_between(db: &TestDb) -> TestResult {
    people(db).await?;

    let tags = db.fetch_all(select((Post.title, Tag.name)).join(Post.tags).order_by((Post.title, Tag.name))).await?;
    let posts = db.fetch_all(select((Tag.name, Post.title)).join(Tag.posts).order_by((Tag.name, Post.title))).await?;

    assert_eq!(tags, [pair("Hello", "rust"), pair("Hello", "sql"), pair("Replies", "sql")]);
    assert_eq!(posts, [pair("rust", "Hello"), pair("sql", "Hello"), pair("sql", "Replies")]);
    Ok(())
}

pub async fn joins_lead_from_table_to_table(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows = db
        .fetch_all(
            select((User.name, Tag.name)).join(User.posts).join(Post.tags).order_by((User.name, Tag.name)).distinct(),
        )
        .await?;

    assert_eq!(rows, [pair("Alice", "rust"), pair("Alice", "sql"), pair("Bob", "sql")]);
    Ok(())
}

pub async fn the_table_between_can_be_read_too(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(String, PostTag)> =
        db.fetch_all(select((Post.title, PostTag)).from(Post).join(Post.tags).filter(Tag.name.eq("rust"))).await?;

    assert!(matches!(rows.as_slice(), [(title, between)] if title == "Hello" && between.tag == "rust"), "{rows:?}");
    Ok(())
}

// Outer joins.

pub async fn a_left_join_keeps_rows_without_a_partner(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(User, Option<Post>)> =
        db.fetch_all(select((User, Post.optional())).left_join(User.posts).order_by((User.name, Post.title))).await?;

    let names: Vec<_> =
        rows.iter().map(|(user, post)| (user.name.as_str(), post.as_ref().map(|post| post.title.as_str()))).collect();
    assert_eq!(names, [("Alice", Some("Hello")), ("Alice", Some("Joins")), ("Bob", Some("Replies")), ("Carol", None)]);
    Ok(())
}

pub async fn a_column_on_the_outer_side_is_read_as_an_option(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows = db
        .fetch_all(
            select((User.name, Post.title.optional(), (Post.views + 1).optional()))
                .left_join(User.posts)
                .filter(User.name.ne("Alice"))
                .order_by(User.name),
        )
        .await?;

    let expected = [("Bob".into(), Some("Replies".into()), Some(2)), ("Carol".to_string(), None, None::<i64>)];
    assert_eq!(rows, expected);
    Ok(())
}

pub async fn a_missing_row_read_without_option_says_how_to_read_it(db: &TestDb) -> TestResult {
    people(db).await?;

    let error = refused(db.fetch_all(select((User.name, Post)).left_join(User.posts)).await)?;

    let is_null = |source: &ValueError| matches!(source, ValueError::Null { expected: "Post" });
    assert!(matches!(&error, Error::Decode { column, source } if column == "post" && is_null(source)), "{error:?}");
    assert!(error.to_string().contains(".optional()"), "{error}");
    Ok(())
}

pub async fn a_condition_of_a_left_join_keeps_the_row_and_a_filter_does_not(db: &TestDb) -> TestResult {
    people(db).await?;
    let rows = || select((User.name, Post.title.optional())).order_by(User.name);

    let joined = db.fetch_all(rows().left_join(User.posts.and_on(Post.views.ge(10)))).await?;
    let filtered = db.fetch_all(rows().left_join(User.posts).filter(Post.views.ge(10))).await?;

    assert_eq!(joined, [half("Alice", Some("Hello")), half("Bob", None), half("Carol", None)]);
    assert_eq!(filtered, [half("Alice", Some("Hello"))]);
    Ok(())
}

pub async fn a_left_join_through_a_table_between_keeps_rows_too(db: &TestDb) -> TestResult {
    people(db).await?;

    let query = select((Post.title, Tag.name.optional()))
        .left_join(Post.tags)
        .filter(Post.title.ne("Hello"))
        .order_by(Post.title);
    let rows = db.fetch_all(query).await?;

    assert_eq!(rows, [half("Joins", None), half("Replies", Some("sql"))]);
    Ok(())
}

pub async fn a_condition_on_a_left_join_through_a_table_between_is_refused(db: &TestDb) -> TestResult {
    people(db).await?;

    let query = select((Post.title, Tag.name.optional())).left_join(Post.tags.and_on(Tag.name.eq("rust")));
    let error = refused(db.fetch_all(query).await)?;

    assert!(matches!(&error, Error::Statement(text) if text.contains("inner join")), "{error:?}");
    assert!(nothing_was_sent(db));
    Ok(())
}

pub async fn a_right_join_keeps_rows_of_the_joined_table(db: &TestDb) -> TestResult {
    people(db).await?;
    let query = select((Post.title.optional(), User.name))
        .from(Post)
        .right_join(User.on(User.id.eq(Post.author_id)))
        .filter(User.name.ne("Alice"))
        .order_by(User.name);

    if db.lacks(Lacks::RightAndFullJoin) {
        assert_eq!(refused(db.fetch_all(query).await)?.kind(), "Unsupported");
        return Ok(());
    }
    let rows = db.fetch_all(query).await?;

    assert_eq!(rows, [(Some("Replies".to_string()), "Bob".to_string()), (None, "Carol".to_string())]);
    Ok(())
}

pub async fn a_full_join_keeps_rows_of_both_tables(db: &TestDb) -> TestResult {
    numbers(db, 3).await?;
    let other = Number.alias("other");
    let query = select((Number.value.optional(), other.value.optional()))
        .from(Number)
        .full_join(other.on(other.value.eq(Number.value + 1)))
        .order_by((Number.value, other.value));

    if db.lacks(Lacks::RightAndFullJoin) {
        assert_eq!(refused(db.fetch_all(query).await)?.kind(), "Unsupported");
        return Ok(());
    }
    let rows = db.fetch_all(query).await?;

    assert_eq!(rows, [(None, Some(1)), (Some(1), Some(2)), (Some(2), Some(3)), (Some(3), None)]);
    Ok(())
}

pub async fn a_cross_join_gives_every_pair(db: &TestDb) -> TestResult {
    numbers(db, 2).await?;
    let other = Number.alias("other");

    let rows = db
        .fetch_all(
            select((Number.value, other.value)).from(Number).cross_join(other).order_by((Number.value, other.value)),
        )
        .await?;

    assert_eq!(rows, [(1, 1), (1, 2), (2, 1), (2, 2)]);
    Ok(())
}

pub async fn counting_a_left_join_counts_no_missing_rows(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows = db
        .fetch_all(select((User.name, count(Post.id))).left_join(User.posts).group_by(User.id).order_by(User.name))
        .await?;

    assert_eq!(rows, [("Alice".to_string(), 2), ("Bob".to_string(), 1), ("Carol".to_string(), 0)]);
    Ok(())
}

// By condition, and with aliases.

pub async fn a_join_may_have_any_condition(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows = db
        .fetch_all(
            select((User.name, Post.title))
                .from(User)
                .join(Post.on(Post.author_id.eq(User.id)).and_on(Post.views.lt(User.age.cast::<i64>() / 5)))
                .order_by(Post.title),
        )
        .await?;

    assert_eq!(rows, [pair("Alice", "Joins"), pair("Bob", "Replies")]);
    Ok(())
}

pub async fn a_table_is_joined_with_itself_under_another_name(db: &TestDb) -> TestResult {
    people(db).await?;
    let boss = User.alias("boss");

    let by_relation =
        db.fetch_all(select((User.name, boss.name)).join(User.manager.to(boss)).order_by(User.name)).await?;
    let by_condition = db
        .fetch_all(select((User.name, boss.name)).join(boss.on(boss.id.eq(User.manager_id))).order_by(User.name))
        .await?;

    assert_eq!(by_relation, [pair("Bob", "Alice"), pair("Carol", "Alice")]);
    assert_eq!(by_condition, by_relation);
    Ok(())
}

pub async fn both_names_of_a_table_can_be_read_as_models(db: &TestDb) -> TestResult {
    people(db).await?;
    let boss = User.alias("boss");

    let rows: Vec<(User, Option<User>)> =
        db.fetch_all(select((User, boss.optional())).left_join(User.manager.to(boss)).order_by(User.name)).await?;

    let names: Vec<_> =
        rows.iter().map(|(user, boss)| (user.name.as_str(), boss.as_ref().map(|boss| boss.name.as_str()))).collect();
    assert_eq!(names, [("Alice", None), ("Bob", Some("Alice")), ("Carol", Some("Alice"))]);
    Ok(())
}

pub async fn the_other_side_of_a_self_reference_is_joined(db: &TestDb) -> TestResult {
    people(db).await?;
    let report = User.alias("report");

    let rows =
        db.fetch_all(select((User.name, report.name)).join(User.reports.to(report)).order_by(report.name)).await?;

    assert_eq!(rows, [pair("Alice", "Bob"), pair("Alice", "Carol")]);
    Ok(())
}

pub async fn an_alias_has_the_relations_of_its_model(db: &TestDb) -> TestResult {
    people(db).await?;
    let author = User.alias("author");

    let rows = db.fetch_all(select((author.name, Post.title)).join(author.posts).order_by(Post.title)).await?;

    assert_eq!(rows, [pair("Alice", "Hello"), pair("Alice", "Joins"), pair("Bob", "Replies")]);
    Ok(())
}

pub async fn a_table_joined_twice_is_refused_with_the_mend(db: &TestDb) -> TestResult {
    people(db).await?;

    let error = refused(db.fetch_all(select(User.name).join(User.manager)).await)?;

    assert!(matches!(&error, Error::Statement(text) if text.contains(".alias(")), "{error}");
    assert!(nothing_was_sent(db));
    Ok(())
}

// Questions to a relation.

async fn names(db: &TestDb, condition: Expr<bool>) -> orm::Result<Vec<String>> {
    db.fetch_all(select(User.name).filter(condition).order_by(User.name)).await
}

pub async fn has_many_can_be_asked_about(db: &TestDb) -> TestResult {
    people(db).await?;

    assert_eq!(names(db, User.posts.exists()).await?, ["Alice", "Bob"]);
    assert_eq!(names(db, User.posts.any(Post.views.ge(10))).await?, ["Alice"]);
    assert_eq!(names(db, User.posts.none(Post.views.ge(10))).await?, ["Bob", "Carol"]);
    assert_eq!(names(db, User.posts.none(true)).await?, ["Carol"]);
    Ok(())
}

pub async fn belongs_to_can_be_asked_about(db: &TestDb) -> TestResult {
    people(db).await?;
    let titles =
        async |condition: Expr<bool>| db.fetch_all(select(Post.title).filter(condition).order_by(Post.title)).await;

    assert_eq!(titles(Post.author.any(User.name.eq("Alice"))).await?, ["Hello", "Joins"]);
    assert_eq!(titles(Post.author.none(User.name.eq("Alice"))).await?, ["Replies"]);
    assert_eq!(titles(Post.author.exists()).await?, ["Hello", "Joins", "Replies"]);
    Ok(())
}

pub async fn has_one_can_be_asked_about(db: &TestDb) -> TestResult {
    people_with_a_profile(db).await?;

    assert_eq!(names(db, User.profile.exists()).await?, ["Alice"]);
    assert_eq!(names(db, User.profile.any(Profile.motto.eq("Backwards"))).await?, [""; 0]);
    assert_eq!(names(db, User.profile.none(true)).await?, ["Bob", "Carol"]);
    Ok(())
}

pub async fn many_to_many_can_be_asked_about(db: &TestDb) -> TestResult {
    people(db).await?;
    let titles =
        async |condition: Expr<bool>| db.fetch_all(select(Post.title).filter(condition).order_by(Post.title)).await;

    assert_eq!(titles(Post.tags.exists()).await?, ["Hello", "Replies"]);
    assert_eq!(titles(Post.tags.any(Tag.name.eq("rust"))).await?, ["Hello"]);
    assert_eq!(titles(Post.tags.none(Tag.name.eq("rust"))).await?, ["Joins", "Replies"]);
    Ok(())
}

pub async fn a_self_reference_can_be_asked_about(db: &TestDb) -> TestResult {
    people(db).await?;
    let other = User.alias("other");

    assert_eq!(names(db, User.reports.to(other).any(other.name.eq("Carol"))).await?, ["Alice"]);
    assert_eq!(names(db, User.manager.to(other).exists()).await?, ["Bob", "Carol"]);
    assert_eq!(names(db, User.manager.to(other).none(other.age.gt(18))).await?, ["Alice"]);
    Ok(())
}

pub async fn a_self_reference_without_an_alias_is_refused_with_the_mend(db: &TestDb) -> TestResult {
    people(db).await?;

    let error = refused(names(db, User.reports.any(User.name.eq("Carol"))).await)?;

    assert!(matches!(&error, Error::Statement(text) if text.contains(".to(User.alias(")), "{error}");
    assert!(nothing_was_sent(db));
    Ok(())
}

pub async fn questions_nest(db: &TestDb) -> TestResult {
    people(db).await?;

    let rust = User.posts.any(Post.tags.any(Tag.name.eq("rust")));
    let sql_only = User.posts.any(Post.tags.any(Tag.name.eq("sql")).and(Post.tags.none(Tag.name.eq("rust"))));

    assert_eq!(names(db, rust).await?, ["Alice"]);
    assert_eq!(names(db, sql_only).await?, ["Bob"]);
    Ok(())
}

pub async fn asking_gives_no_row_twice(db: &TestDb) -> TestResult {
    people(db).await?;

    assert_eq!(names(db, User.posts.any(Post.views.ge(0))).await?, ["Alice", "Bob"]);
    Ok(())
}

// What is not in FROM.

/// The hint of the error, which must be one about a table that is not in FROM.
fn hint(error: &Error) -> &str {
    match error {
        Error::MissingFrom { hint, .. } => hint,
        _ => "",
    }
}

pub async fn a_column_of_a_table_not_in_from_names_the_relation_to_join(db: &TestDb) -> TestResult {
    people(db).await?;

    let filtered = refused(db.fetch_all(select(User.name).filter(Post.title.eq("Hello"))).await)?;
    let ordered = refused(db.fetch_all(select(Post.title).order_by(User.name)).await)?;
    let selected = refused(db.fetch_all(select((User.name, Post.title))).await)?;

    assert!(hint(&filtered).contains(".join(User.posts)"), "{filtered}");
    assert!(hint(&ordered).contains(".join(Post.author)"), "{ordered}");
    assert!(hint(&selected).contains(".join(User.posts)"), "{selected}");
    assert!(nothing_was_sent(db));
    Ok(())
}

pub async fn a_column_of_an_unrelated_table_says_that_a_condition_is_needed(db: &TestDb) -> TestResult {
    people(db).await?;

    let error = refused(db.fetch_all(select(User.name).filter(Tag.name.eq("rust"))).await)?;

    assert!(
        matches!(&error, Error::MissingFrom { table, column, .. } if table == "tag" && column == "name"),
        "{error:?}"
    );
    assert!(hint(&error).contains(".join(Tag.on("), "{error}");
    assert!(nothing_was_sent(db));
    Ok(())
}

pub async fn a_column_of_an_alias_not_in_from_names_the_alias(db: &TestDb) -> TestResult {
    people(db).await?;
    let boss = User.alias("boss");

    let error = refused(db.fetch_all(select(User.name).filter(boss.age.gt(30))).await)?;

    assert!(matches!(&error, Error::MissingFrom { table, .. } if table == "boss"), "{error:?}");
    assert!(hint(&error).contains("boss"), "{error}");
    assert!(nothing_was_sent(db));
    Ok(())
}

pub async fn a_statement_that_writes_sees_no_other_table(db: &TestDb) -> TestResult {
    people(db).await?;

    let updated = refused(db.execute(update(User).set(User.age, 1).filter(Post.author_id.eq(User.id))).await)?;
    let deleted = refused(db.execute(delete(User).filter(Post.views.gt(1))).await)?;

    assert!(hint(&updated).contains("subquery") && hint(&deleted).contains("subquery"), "{updated} {deleted}");
    assert!(nothing_was_sent(db));
    Ok(())
}

pub async fn a_transaction_goes_on_after_a_statement_that_was_not_sent(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut tx = db.begin().await?;

    let error = refused(tx.fetch_all(select(User.name).filter(Post.title.eq("Hello"))).await)?;
    tx.execute(delete(Post).filter(Post.title.eq("Hello"))).await?;
    tx.commit().await?;

    assert_eq!(error.kind(), "MissingFrom");
    assert_eq!(db.fetch_scalar(select(count(Post.id))).await?, 2);
    Ok(())
}
