//! Rows together with what is related to them: `.with(..)`.

use orm::prelude::*;

use crate::expect::refused;
use crate::models::{Post, PostTag, Profile, Tag, User, people, users};
use crate::{TestDb, TestResult};

fn titles(posts: &[Post]) -> Vec<&str> {
    posts.iter().map(|post| post.title.as_str()).collect()
}

/// A name and what belongs to it.
type Named<'a> = Vec<(&'a str, Vec<&'a str>)>;

pub async fn the_rows_of_a_has_many_come_with_their_parents(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(User, Vec<Post>)> =
        db.fetch_all(select(User).with(User.posts.order_by(Post.id)).order_by(User.id.desc())).await?;

    let named: Named<'_> = rows.iter().map(|(user, posts)| (user.name.as_str(), titles(posts))).collect();
    assert_eq!(named, [("Carol", vec![]), ("Bob", vec!["Replies"]), ("Alice", vec!["Hello", "Joins"])]);
    assert_eq!(db.log.take().len(), 2);
    Ok(())
}

pub async fn a_tree_of_three_levels_is_three_statements(db: &TestDb) -> TestResult {
    people(db).await?;

    let trees: Vec<(User, Vec<(Post, Vec<Tag>)>)> = db
        .fetch_all(select(User).with(User.posts.with(Post.tags.order_by(Tag.name)).order_by(Post.id)).order_by(User.id))
        .await?;

    let tags: Vec<Vec<Vec<&str>>> = trees
        .iter()
        .map(|(_, posts)| posts.iter().map(|(_, tags)| tags.iter().map(|tag| tag.name.as_str()).collect()).collect())
        .collect();
    assert_eq!(tags, [vec![vec!["rust", "sql"], vec![]], vec![vec!["sql"]], vec![]]);
    assert_eq!(db.log.take().len(), 3);
    Ok(())
}

pub async fn a_tree_of_many_parents_is_as_many_statements_as_levels(db: &TestDb) -> TestResult {
    db.create_all(schema![User, Post]).await?;
    let keys = db.fetch_all(insert(users(1_200)).returning(User.id)).await?;
    let posts = keys.iter().flat_map(|key| {
        [0, 1].map(|number| Post { id: 0, author_id: *key, title: format!("{key}.{number}"), views: 0 })
    });
    db.execute(insert(posts.collect::<Vec<_>>())).await?;
    db.log.take();

    let rows = db.fetch_all(select(User).with(User.posts)).await?;

    assert_eq!(rows.len(), 1_200);
    assert!(rows.iter().all(|(user, posts)| posts.len() == 2 && posts.iter().all(|post| post.author_id == user.id)));
    assert_eq!(db.log.take().len(), 2);
    Ok(())
}

pub async fn what_a_row_belongs_to_is_joined(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(Post, User)> = db.fetch_all(select(Post).with(Post.author).order_by(Post.title)).await?;

    let names: Vec<_> = rows.iter().map(|(post, author)| (post.title.as_str(), author.name.as_str())).collect();
    assert_eq!(names, [("Hello", "Alice"), ("Joins", "Alice"), ("Replies", "Bob")]);
    assert_eq!(db.log.take().len(), 1);
    Ok(())
}

pub async fn what_a_row_may_belong_to_is_an_option(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(User, Option<User>)> = db.fetch_all(select(User).with(User.manager).order_by(User.name)).await?;

    let managers: Vec<_> =
        rows.iter().map(|(_, manager)| manager.as_ref().map(|manager| manager.name.as_str())).collect();
    assert_eq!(managers, [None, Some("Alice"), Some("Alice")]);
    assert_eq!(db.log.take().len(), 1);
    Ok(())
}

pub async fn what_is_joined_can_be_asked_for_by_a_statement(db: &TestDb) -> TestResult {
    people(db).await?;

    let joined = db.fetch_all(select(Post).with(Post.author.joined()).order_by(Post.id)).await?;
    assert_eq!(db.log.take().len(), 1);
    let separate = db.fetch_all(select(Post).with(Post.author.separately()).order_by(Post.id)).await?;
    let sent = db.log.take();

    assert_eq!(joined, separate);
    assert_eq!(sent.len(), 2);
    // Each author comes once, whoever wrote how much.
    assert_eq!(sent[1].rows, 2);
    Ok(())
}

pub async fn several_relations_stand_side_by_side(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(User, Vec<Post>, Vec<User>, Option<User>)> = db
        .fetch_all(
            select(User)
                .with(User.posts.order_by(Post.id))
                .with(User.reports.order_by(User.id))
                .with(User.manager)
                .order_by(User.id),
        )
        .await?;

    let (alice, posts, reports, manager) = &rows[0];
    assert_eq!((alice.name.as_str(), titles(posts)), ("Alice", vec!["Hello", "Joins"]));
    assert_eq!(reports.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["Bob", "Carol"]);
    assert_eq!(*manager, None);
    assert_eq!(rows[1].3.as_ref(), Some(alice));
    assert_eq!(db.log.take().len(), 3);
    Ok(())
}

pub async fn has_one_is_an_option(db: &TestDb) -> TestResult {
    people(db).await?;
    let alice = db.fetch_scalar(select(User.id).filter(User.name.eq("Alice"))).await?;
    db.execute(insert(Profile::builder().user_id(alice).motto("Onwards"))).await?;
    db.log.take();

    let rows: Vec<(User, Option<Profile>)> = db.fetch_all(select(User).with(User.profile).order_by(User.id)).await?;
    assert_eq!(db.log.take().len(), 2);
    let joined = db.fetch_all(select(User).with(User.profile.joined()).order_by(User.id)).await?;
    assert_eq!(db.log.take().len(), 1);

    assert_eq!(rows, joined);
    let mottos: Vec<_> =
        rows.iter().map(|(_, profile)| profile.as_ref().map(|profile| profile.motto.as_str())).collect();
    assert_eq!(mottos, [Some("Onwards"), None, None]);
    Ok(())
}

pub async fn many_to_many_is_loaded_through_the_table_between(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(Tag, Vec<Post>)> =
        db.fetch_all(select(Tag).with(Tag.posts.order_by(Post.id)).order_by(Tag.name)).await?;

    let named: Named<'_> = rows.iter().map(|(tag, posts)| (tag.name.as_str(), titles(posts))).collect();
    assert_eq!(named, [("rust", vec!["Hello"]), ("sql", vec!["Hello", "Replies"])]);
    assert_eq!(db.log.take().len(), 2);
    Ok(())
}

pub async fn related_rows_are_filtered_and_ordered(db: &TestDb) -> TestResult {
    people(db).await?;

    let popular = User.posts.filter(Post.views.ge(5)).order_by(Post.title.desc());
    let rows = db.fetch_all(select(User).with(popular).order_by(User.id)).await?;
    let tagged = User.posts.join(Post.tags).filter(Tag.name.eq("sql"));
    let by_tag = db.fetch_all(select(User).with(tagged).order_by(User.id)).await?;

    assert_eq!(
        rows.iter().map(|(_, posts)| titles(posts)).collect::<Vec<_>>(),
        [vec!["Joins", "Hello"], vec![], vec![]]
    );
    assert_eq!(
        by_tag.iter().map(|(_, posts)| titles(posts)).collect::<Vec<_>>(),
        [vec!["Hello"], vec!["Replies"], vec![]]
    );
    Ok(())
}

pub async fn what_a_row_belongs_to_is_an_option_when_it_is_filtered(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(Post, Option<User>)> =
        db.fetch_all(select(Post).with(Post.author.filter(User.name.eq("Bob"))).order_by(Post.id)).await?;

    assert_eq!(rows.iter().map(|(_, author)| author.is_some()).collect::<Vec<_>>(), [false, false, true]);
    Ok(())
}

pub async fn columns_of_related_rows_are_enough(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(User, Vec<String>)> =
        db.fetch_all(select(User).with(User.posts.select(Post.title).order_by(Post.title)).order_by(User.id)).await?;

    assert_eq!(rows[0].1, ["Hello", "Joins"]);
    let sent = db.log.take_sql();
    assert!(!sent[1].contains("views"), "{}", sent[1]);
    Ok(())
}

pub async fn relations_of_a_row_that_is_joined_are_loaded(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(Post, (User, Vec<Post>, Option<User>))> = db
        .fetch_all(
            select(Post).with(Post.author.with(User.posts.order_by(Post.id)).with(User.manager)).order_by(Post.id),
        )
        .await?;

    let all: Vec<_> = rows.iter().map(|(_, (author, posts, _))| (author.name.as_str(), titles(posts))).collect();
    let alice = ("Alice", vec!["Hello", "Joins"]);
    assert_eq!(all, [alice.clone(), alice, ("Bob", vec!["Replies"])]);
    let (_, (_, _, manager)) = &rows[2];
    assert_eq!(manager.as_ref().map(|manager| manager.name.as_str()), Some("Alice"));
    assert_eq!(db.log.take().len(), 2);
    Ok(())
}

pub async fn one_row_is_fetched_with_its_relations(db: &TestDb) -> TestResult {
    people(db).await?;
    let users = || select(User).with(User.posts.order_by(Post.id));

    let (bob, posts) = db.fetch_one(users().filter(User.name.eq("Bob"))).await?;
    assert_eq!((bob.name.as_str(), titles(&posts)), ("Bob", vec!["Replies"]));
    assert_eq!(db.fetch_optional(users().filter(User.name.eq("Dave"))).await?, None);
    let several = refused(db.fetch_one(users()).await)?;
    assert!(matches!(several, orm::Error::MoreThanOneRow), "{several}");
    let first = db.fetch_one(users().order_by(User.id).limit(1)).await?;
    assert_eq!(first.1.len(), 2);
    Ok(())
}

pub async fn rows_are_streamed_with_their_relations(db: &TestDb) -> TestResult {
    db.create_all(schema![User, Post]).await?;
    let keys = db.fetch_all(insert(users(1_100)).returning(User.id)).await?;
    let posts = keys.iter().map(|key| Post { id: 0, author_id: *key, title: format!("{key}"), views: 0 });
    db.execute(insert(posts.collect::<Vec<_>>())).await?;
    db.log.take();

    let mut rows = db.stream(select(User).with(User.posts).order_by(User.id));
    let mut seen = 0;
    while let Some(row) = rows.next().await {
        let (user, posts) = row?;
        assert_eq!(titles(&posts), [user.id.to_string()]);
        seen += 1;
    }
    drop(rows);

    assert_eq!(seen, 1_100);
    // What is related is read for five hundred rows at a time.
    assert_eq!(db.log.take().len(), 4);
    Ok(())
}

pub async fn keys_of_text_meet(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(PostTag, Tag)> =
        db.fetch_all(select(PostTag).with(PostTag.word.separately()).order_by((PostTag.post_id, PostTag.tag))).await?;

    assert!(rows.iter().all(|(between, tag)| between.tag == tag.name), "{rows:?}");
    assert_eq!(rows.len(), 3);
    Ok(())
}

pub async fn no_rows_load_nothing(db: &TestDb) -> TestResult {
    people(db).await?;

    let nobody = db.fetch_all(select(User).with(User.posts.with(Post.tags)).filter(User.name.eq("Dave"))).await?;
    assert_eq!(nobody, []);
    assert_eq!(db.log.take().len(), 1);
    let carol = db.fetch_one(select(User).with(User.posts.with(Post.tags)).filter(User.name.eq("Carol"))).await?;
    assert_eq!(carol.1, []);
    assert_eq!(db.log.take().len(), 2);
    Ok(())
}

pub async fn columns_may_have_relations_too(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(String, Vec<Post>)> =
        db.fetch_all(select((User.name,)).with(User.posts.order_by(Post.id)).order_by(User.name)).await?;

    let named: Named<'_> = rows.iter().map(|(name, posts)| (name.as_str(), titles(posts))).collect();
    assert_eq!(named, [("Alice", vec!["Hello", "Joins"]), ("Bob", vec!["Replies"]), ("Carol", vec![])]);
    Ok(())
}

pub async fn the_same_table_is_joined_twice_for_loading(db: &TestDb) -> TestResult {
    people(db).await?;

    // By hand for a filter, and to be loaded.
    let rows = db
        .fetch_all(select(Post).with(Post.author.with(User.manager)).join(Post.author).filter(User.name.eq("Bob")))
        .await?;

    let (post, (author, manager)) = &rows[0];
    assert_eq!((rows.len(), post.title.as_str(), author.name.as_str()), (1, "Replies", "Bob"));
    assert_eq!(manager.as_ref().map(|manager| manager.name.as_str()), Some("Alice"));
    assert_eq!(db.log.take().len(), 1);
    Ok(())
}

pub async fn a_self_reference_is_loaded_both_ways(db: &TestDb) -> TestResult {
    people(db).await?;

    let rows: Vec<(User, Vec<(User, Option<User>)>)> =
        db.fetch_all(select(User).with(User.reports.with(User.manager).order_by(User.name)).order_by(User.id)).await?;

    let (alice, reports) = &rows[0];
    assert_eq!(reports.iter().map(|(user, _)| user.name.as_str()).collect::<Vec<_>>(), ["Bob", "Carol"]);
    assert!(reports.iter().all(|(_, manager)| manager.as_ref() == Some(alice)));
    assert_eq!(db.log.take().len(), 2);
    Ok(())
}

pub async fn so_many_related_rows_of_each_row_are_loaded(db: &TestDb) -> TestResult {
    people(db).await?;
    let carol = db.fetch_scalar(select(User.id).filter(User.name.eq("Carol"))).await?;
    let post = |number: i64| Post { id: 0, author_id: carol, title: format!("C{number}"), views: number };
    db.execute(insert((0..9).map(post).collect::<Vec<_>>())).await?;
    db.log.take();

    let newest = User.posts.order_by(Post.id.desc()).limit(2);
    let rows = db.fetch_all(select(User).with(newest.clone()).order_by(User.id)).await?;
    let sent = db.log.take();
    let nested: Vec<(User, Vec<(Post, User, Vec<Tag>)>)> =
        db.fetch_all(select(User).with(newest.with(Post.author).with(Post.tags)).order_by(User.id)).await?;
    let tagged: Vec<(Tag, Vec<Post>)> = db.fetch_all(select(Tag).with(Tag.posts.limit(1)).order_by(Tag.name)).await?;

    let all: Vec<_> = rows.iter().map(|(_, posts)| titles(posts)).collect();
    assert_eq!(all, [vec!["Joins", "Hello"], vec!["Replies"], vec!["C8", "C7"]]);
    // No more of them are read than are wanted.
    assert_eq!((sent.len(), sent[1].rows), (2, 5));
    for ((user, posts), (_, nested)) in rows.iter().zip(&nested) {
        assert!(nested.iter().all(|(_, author, _)| author == user));
        assert_eq!(nested.iter().map(|(post, ..)| post).collect::<Vec<_>>(), posts.iter().collect::<Vec<_>>());
    }
    assert_eq!(nested[0].1[1].2.len(), 2);
    assert_eq!(tagged.iter().map(|(_, posts)| titles(posts)).collect::<Vec<_>>(), [vec!["Hello"], vec!["Hello"]]);
    Ok(())
}

pub async fn related_rows_are_counted_and_aggregated(db: &TestDb) -> TestResult {
    people(db).await?;

    let counts = select((User.name, User.posts.count(), User.posts.aggregate(sum(Post.views))))
        .order_by((User.posts.count().desc(), User.name));
    let rows = db.fetch_all(counts).await?;
    let tagged = db.fetch_all(select((Post.title, Post.tags.count())).order_by(Post.id)).await?;
    let popular = User.posts.filter(Post.views.ge(6)).count();
    let named = db.fetch_all(select(User.name).filter(popular.eq(1))).await?;

    assert_eq!(
        rows,
        [("Alice".to_owned(), 2, Some(15)), ("Bob".to_owned(), 1, Some(1)), ("Carol".to_owned(), 0, None),]
    );
    assert_eq!(tagged, [("Hello".to_owned(), 2), ("Joins".to_owned(), 0), ("Replies".to_owned(), 1)]);
    assert_eq!(named, ["Alice"]);
    Ok(())
}

pub async fn questions_go_over_several_hops(db: &TestDb) -> TestResult {
    people(db).await?;

    let tags = || User.posts.then(Post.tags);
    let rows = db.fetch_all(select((User.name, tags().count())).order_by(User.name)).await?;
    let rust = db.fetch_all(select(User.name).filter(tags().any(Tag.name.eq("rust")))).await?;
    let none = db.fetch_all(select(User.name).filter(tags().none(Tag.name.eq("sql")))).await?;
    let joined = db.fetch_all(select((User.name, Tag.name)).join(tags()).order_by((User.name, Tag.name))).await?;

    assert_eq!(rows, [("Alice".to_owned(), 2), ("Bob".to_owned(), 1), ("Carol".to_owned(), 0)]);
    assert_eq!((rust, none), (vec!["Alice".to_owned()], vec!["Carol".to_owned()]));
    assert_eq!(joined.len(), 3);
    Ok(())
}
