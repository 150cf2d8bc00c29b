//! Global filters, and the guard against statements that are sent once a row.

use orm::Error;
use orm::engine::NPlusOne;
use orm::prelude::*;

use crate::expect::refused;
use crate::models::{Post, PostTag, Tag, User, people};
use crate::{TestDb, TestResult};

pub async fn a_global_filter_applies_to_selects_and_is_lifted_by_a_statement(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = db.with_filter(Post, Post.views.ge(5));
    let titles = select(Post.title).order_by(Post.id);

    assert_eq!(read.fetch_all(&titles).await?, ["Hello", "Joins"]);
    assert_eq!(read.fetch_scalar(select(Post).count()).await?, 2);
    assert_eq!(read.fetch_all(titles.clone().without_filters()).await?.len(), 3);
    assert_eq!(read.fetch_all(titles.clone().without_filters_of(Post)).await?.len(), 3);
    assert_eq!(read.fetch_all(titles.clone().without_filters_of(User)).await?.len(), 2);
    assert_eq!(db.fetch_all(titles).await?.len(), 3);
    Ok(())
}

pub async fn a_global_filter_applies_to_get(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = db.with_filter(Post, Post.views.ge(5));

    assert!(read.get(Post, 1).await?.is_some());
    assert!(read.get(Post, 3).await?.is_none());
    let mut session = Session::new(&read);
    assert!(session.get(Post, 3).await?.is_none());
    Ok(())
}

pub async fn a_global_filter_on_a_joined_table_keeps_the_rows_of_an_outer_join(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = db.with_filter(Post, Post.views.ge(5));

    let counts = select((User.name, count(Post.id))).left_join(User.posts).group_by(User.id).order_by(User.name);
    let expected = [("Alice".to_owned(), 2), ("Bob".to_owned(), 0), ("Carol".to_owned(), 0)];
    assert_eq!(read.fetch_all(counts).await?, expected);
    let inner = select(User.name).join(User.posts).distinct();
    assert_eq!(read.fetch_all(inner).await?, ["Alice"]);
    let p = Post.alias("p");
    assert_eq!(read.fetch_all(select(p.title).order_by(p.id)).await?, ["Hello", "Joins"]);
    Ok(())
}

pub async fn a_global_filter_applies_to_what_is_related(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = db.with_filter(Post, Post.views.ge(5));
    let posts = |rows: Vec<(User, Vec<Post>)>| rows.into_iter().map(|(_, posts)| posts.len()).collect::<Vec<_>>();
    let users = select(User).order_by(User.id).with(User.posts);

    assert_eq!(posts(read.fetch_all(&users).await?), [2, 0, 0]);
    assert_eq!(posts(read.fetch_all(users.without_filters()).await?), [2, 1, 0]);
    assert_eq!(read.fetch_all(select(User.name).filter(User.posts.any(Post.id.gt(0)))).await?, ["Alice"]);

    let mut session = Session::new(db);
    session.filter(Post, Post.views.ge(5));
    let bob = session.get_one(User, 2).await?;
    session.load(&[bob], User.posts).await?;
    assert_eq!(session.related(bob, User.posts)?.len(), 0);
    Ok(())
}

pub async fn a_global_filter_applies_to_updates_and_deletes_with_conditions(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = db.with_filter(Post, Post.views.ge(5));

    assert_eq!(read.execute(update(Post).set(Post.title, "x").all_rows()).await?, 2);
    let mut session = Session::new(&read);
    assert_eq!(session.query(Post).filter(Post.id.ge(2)).delete().await?, 1);
    session.commit().await?;
    assert_eq!(read.execute(delete(Post).all_rows()).await?, 1);
    assert_eq!(db.fetch_all(select(Post.title)).await?, ["Replies"]);
    assert_eq!(read.execute(delete(Post).all_rows().without_filters()).await?, 1);
    Ok(())
}

pub async fn a_session_writes_by_key_whatever_the_filters(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let first = session.get_one(Post, 1).await?;
    session.filter(Post, Post.views.lt(5));
    session[first].views = 99;
    session.commit().await?;
    assert_eq!(db.fetch_scalar(select(Post.views).filter(Post.id.eq(1))).await?, 99);
    Ok(())
}

pub async fn a_line_that_reads_once_a_row_is_refused_where_asked(db: &TestDb) -> TestResult {
    people(db).await?;
    let strict = db.with_n_plus_one(NPlusOne::Error(2));
    db.log.take();
    let mut last = Ok(Vec::new());
    for author in 1..=3 {
        last = strict.fetch_all(select(Post).filter(Post.author_id.eq(author))).await;
    }
    let error = refused(last)?;
    assert_eq!(error.kind(), "NPlusOne");
    assert!(error.to_string().contains(file!()), "{error}");
    assert_eq!(db.log.take().len(), 2);

    let mut session = Session::new(&strict);
    let users = session.query(User).all().await?;
    session.load(&users, User.posts).await?;
    assert_eq!(session.related(users[0], User.posts)?.len(), 2);
    Ok(())
}

/// What is read often: the first two posts of three.
fn read_posts(db: &TestDb) -> Engine {
    db.with_filter(Post, Post.views.ge(5))
}

/// Everyone but Bob, who wrote the third post and works for Alice.
fn without_bob(db: &TestDb) -> Engine {
    db.with_filter(User, User.name.ne("Bob"))
}

/// A person's name and the titles of their posts.
#[derive(Debug, PartialEq, Shape)]
#[shape(model = User)]
struct Writer {
    name: String,
    #[shape(order_by = Post.id)]
    posts: Vec<Headline>,
}

#[derive(Debug, PartialEq, Shape)]
#[shape(model = Post)]
struct Headline {
    title: String,
    author: Name,
}

#[derive(Debug, PartialEq, Shape)]
#[shape(model = User)]
struct Name {
    name: String,
}

pub async fn a_global_filter_applies_to_aggregates_groups_and_counts(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = read_posts(db);

    let all = select((count(Post.id), max(Post.views), sum(Post.views), count_all().filter(Post.views.lt(5))));
    assert_eq!(read.fetch_one(&all).await?, (2, Some(10), Some(15), 0));
    assert_eq!(read.fetch_one(all.without_filters()).await?, (3, Some(10), Some(16), 1));
    let authors = select((Post.author_id, count_all())).group_by(Post.author_id);
    assert_eq!(read.fetch_all(&authors).await?, [(1, 2)]);
    assert_eq!(read.fetch_scalar(authors.count()).await?, 1);
    assert_eq!(read.fetch_scalar(select(Post).distinct().limit(10).count()).await?, 2);
    Ok(())
}

pub async fn a_global_filter_stands_where_its_table_does(db: &TestDb) -> TestResult {
    people(db).await?;
    let (read, without_bob) = (read_posts(db), without_bob(db));

    // The joined table: in ON of an inner and of an outer join.
    let inner = select((User.name, Post.title)).join(User.posts).order_by(Post.id);
    assert_eq!(read.fetch_all(&inner).await?.len(), 2);
    let (sql, rest) =
        read.sql(&inner)?.split_once(" ORDER BY ").map(|(sql, rest)| (sql.to_owned(), rest.len())).ok_or("order")?;
    assert!(sql.contains(r#" ON "post"."author_id" = "users"."id" AND "post"."views" >= "#) && rest > 0, "{sql}");
    assert!(!sql.contains(" WHERE "), "{sql}");
    let outer = select((Post.title, User.name.optional())).left_join(Post.author).order_by(Post.id);
    let rows = without_bob.fetch_all(&outer).await?;
    let names: Vec<_> = rows.iter().map(|(_, name)| name.as_deref()).collect();
    assert_eq!(names, [Some("Alice"), Some("Alice"), None], "the row of an outer join stays");
    assert_eq!(without_bob.fetch_all(outer.without_filters_of(User)).await?[2].1.as_deref(), Some("Bob"));

    // The first table: in WHERE, whatever is joined to it.
    let first = select((User.name, count(Post.id))).left_join(User.posts).group_by(User.id).order_by(User.id);
    assert_eq!(without_bob.fetch_all(&first).await?, [("Alice".to_owned(), 2), ("Carol".to_owned(), 0)]);
    let both = read.with_filter(User, User.name.ne("Alice"));
    assert_eq!(both.fetch_all(&first).await?, [("Bob".to_owned(), 0), ("Carol".to_owned(), 0)]);
    let by_condition = select(User.name).join(Post.on(Post.author_id.eq(User.id))).order_by(Post.id);
    assert_eq!(read.fetch_all(by_condition).await?, ["Alice", "Alice"]);
    let pairs = select((User.id, Post.id)).from(User).cross_join(Post);
    assert_eq!(both.fetch_all(pairs).await?.len(), 4);
    Ok(())
}

pub async fn a_global_filter_applies_to_each_name_of_a_table(db: &TestDb) -> TestResult {
    people(db).await?;
    let without_alice = db.with_filter(User, User.name.ne("Alice"));
    let boss = User.alias("boss");

    let workers = select((User.name, boss.name.optional())).left_join(User.manager.to(boss)).order_by(User.id);
    let rows = without_alice.fetch_all(&workers).await?;
    assert_eq!(rows, [("Bob".to_owned(), None), ("Carol".to_owned(), None)]);
    assert_eq!(without_alice.fetch_all(select(User.name).join(User.manager.to(boss))).await?, [""; 0]);
    let all = without_alice.fetch_all(workers.without_filters()).await?;
    assert_eq!((all.len(), all[1].1.as_deref()), (3, Some("Alice")));

    // A condition with a query of its own is renamed in it, too.
    let writers = db.with_filter(User, User.posts.exists());
    let names = select((User.name, boss.name)).join(User.manager.to(boss)).order_by(User.id);
    assert_eq!(writers.fetch_all(names).await?, [("Bob".to_owned(), "Alice".to_owned())]);
    assert_eq!(writers.fetch_all(select(boss.name).order_by(boss.id)).await?, ["Alice", "Bob"]);
    Ok(())
}

pub async fn a_global_filter_applies_to_every_level_that_is_loaded(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = read_posts(db).with_filter(Tag, Tag.name.ne("rust"));
    let tree = select(User).order_by(User.id).with(User.posts.order_by(Post.id).with(Post.tags.order_by(Tag.name)));
    let shown = |rows: Vec<(User, Vec<(Post, Vec<Tag>)>)>| -> Vec<Vec<usize>> {
        rows.iter().map(|(_, posts)| posts.iter().map(|(_, tags)| tags.len()).collect()).collect()
    };

    assert_eq!(shown(read.fetch_all(&tree).await?), [vec![1, 0], vec![], vec![]]);
    assert_eq!(shown(read.fetch_all(tree.clone().without_filters()).await?), [vec![2, 0], vec![1], vec![]]);
    assert_eq!(shown(read.fetch_all(tree.without_filters_of(Tag)).await?), [vec![2, 0], vec![], vec![]]);

    // The table between has filters of its own.
    let untagged = db.with_filter(PostTag, PostTag.tag.ne("sql"));
    let tags = select(Post).order_by(Post.id).with(Post.tags);
    let numbers = |rows: Vec<(Post, Vec<Tag>)>| rows.iter().map(|(_, tags)| tags.len()).collect::<Vec<_>>();
    assert_eq!(numbers(untagged.fetch_all(&tags).await?), [1, 0, 0]);
    assert_eq!(numbers(untagged.fetch_all(tags.without_filters_of(PostTag)).await?), [2, 0, 1]);

    // So many of each are so many of those that are shown.
    let newest = select(User).order_by(User.id).with(User.posts.order_by(Post.views).limit(1));
    let newest = read.fetch_all(newest).await?;
    assert_eq!(newest.iter().map(|(_, posts)| posts.len()).collect::<Vec<_>>(), [1, 0, 0]);
    assert_eq!(newest[0].1[0].views, 5);
    Ok(())
}

pub async fn a_filter_is_lifted_from_one_relation(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = read_posts(db).with_filter(Tag, Tag.name.ne("rust"));
    db.log.take();

    let users = select(User).order_by(User.id);
    let all = read.fetch_all(users.clone().with(User.posts.without_filters().with(Post.tags))).await?;
    assert_eq!(all.iter().map(|(_, posts)| posts.len()).collect::<Vec<_>>(), [2, 1, 0]);
    assert_eq!(all[0].1[0].1.len(), 2, "and from what is loaded with it");
    let some = read.fetch_all(users.with(User.posts.order_by(Post.id).with(Post.tags.without_filters_of(Tag)))).await?;
    assert_eq!(some.iter().map(|(_, posts)| posts.len()).collect::<Vec<_>>(), [2, 0, 0]);
    assert_eq!(some[0].1[0].1.len(), 2);

    let without_bob = without_bob(db);
    let hidden = refused(without_bob.fetch_all(select(Post).with(Post.author)).await)?;
    assert_eq!(hidden.kind(), "NoRelated");
    let optional =
        without_bob.fetch_all(select(Post).order_by(Post.id).with(Post.author.filter(User.id.gt(0)))).await?;
    assert!(optional[1].1.is_some() && optional[2].1.is_none());
    db.log.take();
    let found = without_bob.fetch_all(select(Post).order_by(Post.id).with(Post.author.without_filters())).await?;
    assert_eq!((found[2].1.name.as_str(), db.log.take().len()), ("Bob", 2));

    let counts = select((User.posts.count(), User.posts.without_filters().count())).from(User).order_by(User.id);
    assert_eq!(read.fetch_all(counts).await?, [(2, 2), (0, 1), (0, 0)]);
    Ok(())
}

pub async fn a_global_filter_applies_to_questions_about_relations(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = read_posts(db);
    let names = |condition| select(User.name).filter(condition).order_by(User.id);

    assert_eq!(read.fetch_all(names(User.posts.exists())).await?, ["Alice"]);
    assert_eq!(read.fetch_all(names(User.posts.none(Post.title.ne("")))).await?, ["Bob", "Carol"]);
    assert_eq!(read.fetch_all(names(User.posts.exists()).without_filters_of(Post)).await?, ["Alice", "Bob"]);
    let numbers = select((User.posts.count(), User.posts.aggregate(max(Post.views)))).from(User).order_by(User.id);
    assert_eq!(read.fetch_all(numbers).await?, [(2, Some(10)), (0, None), (0, None)]);

    // In the middle of several hops, and at their end.
    let tags = select(User.posts.then(Post.tags).count()).from(User).order_by(User.id);
    assert_eq!(read.fetch_all(&tags).await?, [2, 0, 0]);
    assert_eq!(db.with_filter(Tag, Tag.name.ne("rust")).fetch_all(&tags).await?, [1, 1, 0]);
    assert_eq!(db.with_filter(PostTag, PostTag.tag.ne("sql")).fetch_all(&tags).await?, [1, 0, 0]);
    assert_eq!(read.fetch_all(tags.without_filters()).await?, [2, 1, 0]);
    let tagged = names(User.posts.then(Post.tags).any(Tag.name.eq("sql")));
    assert_eq!(read.fetch_all(tagged).await?, ["Alice"]);
    Ok(())
}

pub async fn a_global_filter_applies_to_queries_within_queries(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = read_posts(db);
    let authors = select(Post.author_id);

    let listed = select(User.name).filter(User.id.in_(authors.clone())).order_by(User.id);
    assert_eq!(read.fetch_all(&listed).await?, ["Alice"]);
    assert_eq!(read.fetch_all(listed.without_filters()).await?, ["Alice", "Bob"]);
    let lifted_within = select(User.name).filter(User.id.in_(authors.clone().without_filters())).order_by(User.id);
    assert_eq!(read.fetch_all(lifted_within).await?, ["Alice", "Bob"]);
    let absent = select(User.name).filter(User.id.not_in(authors.clone())).order_by(User.id);
    assert_eq!(read.fetch_all(absent).await?, ["Bob", "Carol"]);

    let posts = select(Post).subquery("p");
    assert_eq!(read.fetch_scalar(select(count_all()).from(&posts)).await?, 2);
    assert_eq!(read.fetch_scalar(select(count_all()).from(&posts).without_filters()).await?, 3);
    let all = select(Post).without_filters().subquery("p");
    assert_eq!(read.fetch_scalar(select(count_all()).from(&all)).await?, 3);
    let shared = authors.cte("a");
    let (one, other) = (shared.columns(), shared.alias("b").columns());
    let twice = select((one, other)).from(&shared).join(shared.alias("b").on(other.eq(one)));
    assert_eq!(read.fetch_all(twice).await?.len(), 4, "one that is read twice stays one");
    Ok(())
}

pub async fn a_global_filter_applies_to_each_operand_of_a_compound(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = read_posts(db);
    let (names, titles) = (select(User.name), select(Post.title));

    let both = names.clone().union_all(titles.clone());
    assert_eq!(read.fetch_all(&both).await?.len(), 5);
    assert_eq!(read.fetch_all(both.without_filters()).await?.len(), 6);
    assert_eq!(read.fetch_all(names.union_all(titles.clone().without_filters())).await?.len(), 6);
    let hidden = titles.clone().without_filters().except(titles);
    assert_eq!(read.fetch_all(hidden).await?, ["Replies"]);
    Ok(())
}

pub async fn a_global_filter_applies_to_shapes_and_trees(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = read_posts(db);
    let writers = shape::<Writer>().order_by(User.id);

    let shown = read.fetch_all(&writers).await?;
    assert_eq!(shown.iter().map(|writer| writer.posts.len()).collect::<Vec<_>>(), [2, 0, 0]);
    let all = read.fetch_all(writers.clone().without_filters()).await?;
    assert_eq!(all.iter().map(|writer| writer.posts.len()).collect::<Vec<_>>(), [2, 1, 0]);
    let unnamed = db.with_filter(User, User.name.ne("Alice")).fetch_all(&writers).await?;
    assert_eq!(unnamed.iter().map(|writer| writer.name.as_str()).collect::<Vec<_>>(), ["Bob", "Carol"]);
    assert_eq!(unnamed[0].posts[0].author.name, "Bob");

    // A row that is hidden leads to none below it.
    let eve = User::builder().name("Eve").email("eve@example.com").manager_id(2);
    db.execute(insert(eve)).await?;
    let below = || User.manager.descendants(1);
    assert_eq!(db.fetch_all(below().keys().order_by(User.id)).await?, [2, 3, 4]);
    assert_eq!(without_bob(db).fetch_all(below().keys().order_by(User.id)).await?, [3]);
    assert_eq!(without_bob(db).fetch_all(below().select().without_filters()).await?.len(), 3);
    assert_eq!(without_bob(db).fetch_all(User.manager.ancestors(4).keys()).await?, [0_i64; 0]);
    Ok(())
}

pub async fn a_global_filter_applies_to_what_statements_that_write_read(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = read_posts(db);
    let authors = || User.id.in_(select(Post.author_id));

    assert_eq!(read.execute(update(User).set(User.age, 1).filter(authors())).await?, 1);
    let lifted = update(User).set(User.age, 1).filter(authors()).without_filters_of(Post);
    assert_eq!(read.execute(lifted).await?, 2);
    let ages = update(User).set(User.age, User.posts.count().cast::<i32>()).all_rows().returning(User.age);
    let mut ages = read.fetch_all(ages).await?;
    ages.sort_unstable();
    assert_eq!(ages, [Some(0), Some(0), Some(2)]);
    let views = update(Post).set(Post.views, Post.views + 1).all_rows().returning((Post.id, Post.views));
    let mut views = read.fetch_all(views).await?;
    views.sort_unstable();
    assert_eq!(views, [(1, 11), (2, 6)]);
    let one = read.execute(update(Post).set(Post.views, 9).filter(Post.id.eq(3)).without_filters_of(Post)).await?;
    assert_eq!(one, 1, "lifted, it is found");
    assert_eq!(read.fetch_scalar(select(count(Post.id))).await?, 3);

    assert_eq!(without_bob(db).execute(delete(Post).filter(Post.author_id.in_(select(User.id)))).await?, 2);
    assert_eq!(without_bob(db).execute(delete(User).filter(User.id.ge(2)).without_filters()).await?, 2);
    Ok(())
}

pub async fn a_session_updates_and_deletes_by_conditions_what_it_is_shown(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(&read_posts(db));
    let hidden = session.query(Post).without_filters().filter(Post.id.eq(3)).one().await?;

    assert_eq!(session.query(Post).update(|rows| rows.set(Post.title, "x")).await?, 2);
    assert_eq!(session[hidden].title, "Replies");
    assert_eq!(session.query(Post).without_filters().update(|rows| rows.set(Post.title, "y")).await?, 3);
    assert_eq!(session[hidden].title, "y");
    assert_eq!(session.query(Post).filter(Post.id.ge(2)).delete().await?, 1);
    assert_eq!(session.state(hidden), State::Persistent);
    assert_eq!(session.query(Post).without_filters_of(Post).delete().await?, 2);
    assert_eq!(session.state(hidden), State::Deleted);
    session.rollback().await?;
    assert_eq!(session.query(Post).count().await?, 2);
    assert!(!session.query(Post).filter(Post.id.eq(3)).exists().await?);
    assert!(session.query(Post).filter(Post.id.eq(3)).without_filters().exists().await?);
    Ok(())
}

pub async fn a_session_loads_again_what_was_loaded_under_other_filters(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    session.filter(Post, Post.views.ge(5));
    let bob = session.query(User).filter(User.name.eq("Bob")).with(User.posts).one().await?;
    assert_eq!(session.related(bob, User.posts)?.len(), 0);

    session.load(&[bob], User.posts.without_filters().with(Post.author)).await?;
    assert_eq!(session.related(bob, User.posts)?.len(), 1);
    session.rollback().await?;

    // What a relation lifts is lifted from what is loaded with it.
    let mut session = Session::new(&without_bob(db));
    let rust = session.query(Post).filter(Post.id.eq(3)).one().await?;
    session.load(&[rust], Post.tags.with(Tag.posts.with(Post.author))).await?;
    assert!(matches!(session.related(rust, Post.author), Err(Error::NotLoaded { .. })));
    session.load(&[rust], Post.tags.without_filters().with(Tag.posts.with(Post.author))).await?;
    let author = session.related(rust, Post.author)?;
    assert_eq!(session[author].name, "Bob");
    session.rollback().await?;

    let mut session = Session::new(db);
    let alice = session.query(User).filter(User.name.eq("Alice")).with(User.posts).one().await?;
    session.filter(Post, Post.title.ne("Hello"));
    session.expunge(session.related(alice, User.posts)?[0]);
    session.load(&[alice], User.posts).await?;
    let left = session.related(alice, User.posts)?;
    assert_eq!(left.iter().map(|post| session[*post].title.as_str()).collect::<Vec<_>>(), ["Joins"]);
    session.filter(User, User.name.ne("Alice"));
    assert_eq!(session.get(User, 1).await?, Some(alice), "it is here");
    Ok(())
}

pub async fn an_object_that_its_session_hides_can_be_refreshed_and_written(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(&read_posts(db));
    let post = session.get_one(Post, 2).await?;

    session[post].views = 0;
    session.commit().await?;
    assert!(!session.query(Post).filter(Post.id.eq(2)).exists().await?);
    session.rollback().await?;
    db.execute(update(Post).set(Post.title, "behind our back").filter(Post.id.eq(2))).await?;
    session.refresh(post).await?;
    assert_eq!(session[post].title, "behind our back");
    session.delete(post)?;
    session.commit().await?;

    assert_eq!(db.fetch_all(select(Post.id).order_by(Post.id)).await?, [1, 3]);
    Ok(())
}

pub async fn filters_of_an_engine_and_of_its_session_apply_together(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = read_posts(db);
    let titles = || select(Post.title).order_by(Post.id);
    let mut session = Session::new(&read);
    session.filter(Post, Post.title.ne("Hello"));

    assert_eq!(session.fetch_all(titles()).await?, ["Joins"]);
    assert_eq!(read.fetch_all(titles()).await?, ["Hello", "Joins"]);
    assert_eq!(session.query(Post).count().await?, 1);
    assert_eq!(session.fetch_all(titles().without_filters_of(Post)).await?.len(), 3);
    let mut savepoint = session.begin_nested().await?;
    assert_eq!(savepoint.query(Post).count().await?, 1);
    savepoint.rollback().await?;
    session.commit().await?;
    assert_eq!(session.query(Post).count().await?, 1, "also in the next transaction");

    // A session within a transaction leaves that as it was.
    let mut tx = read.begin().await?;
    let mut joined = Session::join(&mut tx);
    joined.filter(Post, Post.title.ne("Hello"));
    assert_eq!(joined.query(Post).count().await?, 1);
    drop(joined);
    assert_eq!(tx.fetch_all(titles()).await?, ["Hello", "Joins"]);
    tx.rollback().await?;
    Ok(())
}

pub async fn a_global_filter_applies_however_a_query_is_run(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = read_posts(db);
    let titles = || select(Post.title).order_by(Post.id);

    let mut streamed = Vec::new();
    let mut rows = read.stream(titles());
    while let Some(title) = rows.next().await {
        streamed.push(title?);
    }
    drop(rows);
    assert_eq!(streamed, ["Hello", "Joins"]);
    let (piped, users) = read.pipeline((titles(), select(User.posts.count()).from(User).order_by(User.id))).await?;
    assert_eq!((piped.len(), users), (2, vec![2, 0, 0]));
    assert_eq!(read.fetch_optional(select(Post).filter(Post.id.eq(3))).await?, None);
    assert_eq!(read.fetch_all(select(Post)).await?.len(), 2);
    let mut connection = read.connection().await?;
    assert_eq!(connection.fetch_all(titles()).await?.len(), 2);
    let counted = sql!("SELECT {}", select(count(Post.id))).rows::<(i64,)>();
    assert_eq!(connection.fetch_one(counted).await?, (2,), "a query in SQL by hand, too");
    drop(connection);
    let mut tx = read.begin().await?;
    assert_eq!(tx.fetch_all(titles()).await?.len(), 2);
    assert!(tx.get(Post, 3).await?.is_none() && tx.get(Post, 1).await?.is_some());
    tx.rollback().await?;
    assert!(read.explain(titles()).await?.contains("post"));
    Ok(())
}

pub async fn the_value_of_a_filter_does_not_leak_into_statements_of_others(db: &TestDb) -> TestResult {
    people(db).await?;
    let tenants = [1_i64, 2, 3].map(|tenant| db.with_filter(Post, Post.author_id.eq(tenant)));
    let titles = || select(Post.title).order_by(Post.id);
    let expected: [&[&str]; 3] = [&["Hello", "Joins"], &["Replies"], &[]];

    // One text for all of them, and its values each time those of whoever asks.
    let texts: Vec<String> = tenants.iter().map(|tenant| tenant.sql(titles())).collect::<Result<_, _>>()?;
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    for _ in 0..3 {
        for (tenant, expected) in tenants.iter().zip(expected) {
            assert_eq!(tenant.fetch_all(titles()).await?, expected);
            assert_eq!(tenant.fetch_all(select(Post)).await?.len(), expected.len());
            assert_eq!(tenant.get(Post, 3).await?.is_some(), expected == ["Replies"]);
        }
        assert_eq!(db.fetch_all(titles()).await?.len(), 3);
    }

    // Sessions over one pool, side by side.
    for _ in 0..3 {
        let mut sessions: Vec<Session> = (0..3).map(|_| Session::new(db)).collect();
        for (tenant, session) in (1..).zip(&mut sessions) {
            session.filter(Post, Post.author_id.eq(tenant));
        }
        for (session, expected) in sessions.iter_mut().zip(expected) {
            let posts = session.query(Post).order_by(Post.id).all().await?;
            assert_eq!(posts.iter().map(|post| session[*post].title.as_str()).collect::<Vec<_>>(), expected);
            assert_eq!(session.get(Post, 3).await?.is_some(), expected == ["Replies"]);
        }
    }
    let mut session = Session::new(db);
    assert_eq!(session.query(Post).count().await?, 3, "a connection that comes back has no filters");
    Ok(())
}
