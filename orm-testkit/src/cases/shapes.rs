//! Shapes: structs of the columns and relations that are wanted, and of nothing else.

use orm::Error;
use orm::prelude::*;
use serde::Serialize;

use crate::expect::refused;
use crate::models::{Post, PostTag, Profile, Tag, User, people, users};
use crate::{TestDb, TestResult};

#[derive(Debug, PartialEq, Serialize, Shape)]
#[shape(model = User)]
struct Name {
    name: String,
}

#[derive(Debug, PartialEq, Serialize, Shape)]
#[shape(model = User)]
struct NameAndAge {
    #[shape(column = name)]
    called: String,
    age: Option<i32>,
}

#[derive(Debug, PartialEq, Serialize, Shape)]
#[shape(model = User)]
struct UserCard {
    #[shape(order_by = Post.id)]
    posts: Vec<PostCard>,
    #[shape(column = name)]
    called: String,
    manager: Option<Name>,
}

#[derive(Debug, PartialEq, Serialize, Shape)]
#[shape(model = Post)]
struct PostCard {
    title: String,
    author: Name,
    #[shape(order_by = Tag.name, limit = 1)]
    tags: Vec<Word>,
}

#[derive(Debug, PartialEq, Serialize, Shape)]
#[serde(transparent)]
#[shape(model = Tag)]
struct Word {
    name: String,
}

#[derive(Debug, PartialEq, Serialize, Shape)]
#[serde(transparent)]
#[shape(model = Post)]
struct Title {
    title: String,
}

/// What stands between `SELECT` and `FROM` in each statement that was sent.
fn columns_read(db: &TestDb) -> Vec<String> {
    let read = |sql: &String| {
        let columns = sql.strip_prefix("SELECT ").and_then(|rest| rest.split_once(" FROM "));
        columns.map_or_else(|| sql.clone(), |(columns, _)| columns.to_owned())
    };
    db.log.take_sql().iter().map(read).collect()
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| error.to_string())
}

pub async fn a_shape_of_columns_sends_what_the_tuple_sends(db: &TestDb) -> TestResult {
    people(db).await?;
    let (shaped, tuple) = (shape::<NameAndAge>(), select((User.name, User.age)));
    assert_eq!(db.sql(&shaped)?, db.sql(&tuple)?);

    let shaped = shaped.filter(User.age.ge(25)).exclude(User.id.eq(99)).order_by(User.name.desc()).limit(5).offset(1);
    let tuple = tuple.filter(User.age.ge(25)).exclude(User.id.eq(99)).order_by(User.name.desc()).limit(5).offset(1);
    assert_eq!(db.sql(&shaped)?, db.sql(&tuple)?);
    assert_eq!(db.sql(shaped.count())?, db.sql(tuple.count())?);
    assert_eq!(
        db.sql(shape::<Name>().join(User.posts).distinct())?,
        db.sql(select(User.name).join(User.posts).distinct())?
    );

    let (young, old) = (shape::<NameAndAge>().filter(User.age.lt(28)), shape::<NameAndAge>().filter(User.age.gt(28)));
    let united = db.fetch_all(young.union(old).order_by(User.name)).await?;
    assert_eq!(united.iter().map(|one| one.called.as_str()).collect::<Vec<_>>(), ["Alice", "Bob"]);
    db.log.take();

    assert_eq!(db.fetch_all(&shaped).await?, [NameAndAge { called: "Alice".into(), age: Some(30) }]);
    assert_eq!(db.fetch_all(tuple).await?, [("Alice".to_owned(), Some(30))]);
    assert_eq!(db.log.take().len(), 2);
    Ok(())
}

pub async fn a_shape_reads_the_columns_that_are_wanted_and_those_that_meet(db: &TestDb) -> TestResult {
    people(db).await?;

    let cards = db.fetch_all(shape::<UserCard>().filter(User.id.gt(0)).order_by(User.name).limit(2)).await?;

    let [users, posts, tags] = &columns_read(db)[..] else { return Err("expected three statements".into()) };
    assert_eq!(users, r#""users"."name", "users"."id", "with 1"."name", "with 1"."id""#);
    assert_eq!(posts, r#""post"."title", "with 1"."name", "with 1"."id", "post"."id", "post"."author_id""#);
    assert_eq!(tags, r#""first"."c1", "first"."c2""#);
    let [alice, bob] = cards.as_slice() else { return Err("expected two cards".into()) };
    assert_eq!(
        json(alice),
        concat!(
            r#"{"posts":[{"title":"Hello","author":{"name":"Alice"},"tags":["rust"]},"#,
            r#"{"title":"Joins","author":{"name":"Alice"},"tags":[]}],"called":"Alice","manager":null}"#,
        )
    );
    assert_eq!((bob.called.as_str(), &bob.manager), ("Bob", &Some(Name { name: "Alice".into() })));
    Ok(())
}

#[derive(Serialize, Shape)]
#[shape(model = User)]
struct Everything {
    id: i64,
    manager: Option<Name>,
    #[shape(order_by = User.name)]
    reports: Vec<Name>,
    profile: Option<Motto>,
    #[shape(order_by = Post.id)]
    posts: Vec<TaggedPost>,
    #[shape(column = posts, order_by = Post.id.desc(), limit = 1)]
    newest: Vec<Title>,
}

#[derive(Serialize, Shape)]
#[shape(model = Profile)]
struct Motto {
    motto: String,
    user: Name,
}

#[derive(Serialize, Shape)]
#[shape(model = Post)]
struct TaggedPost {
    title: String,
    #[shape(order_by = Tag.name)]
    tags: Vec<TagWithPosts>,
}

#[derive(Serialize, Shape)]
#[shape(model = Tag)]
struct TagWithPosts {
    name: String,
    #[shape(order_by = Post.id)]
    posts: Vec<TitleAndAuthor>,
}

#[derive(Serialize, Shape)]
#[shape(model = Post)]
struct TitleAndAuthor {
    title: String,
    author: Name,
}

pub async fn relations_of_every_kind_stand_side_by_side_and_in_each_other(db: &TestDb) -> TestResult {
    people(db).await?;
    let alice = db.fetch_scalar(select(User.id).filter(User.name.eq("Alice"))).await?;
    db.execute(insert(Profile::builder().user_id(alice).motto("Onwards"))).await?;
    db.log.take();

    let all = db.fetch_all(shape::<Everything>().order_by(User.id)).await?;

    // The manager and the authors are joined; what is left is a statement each.
    assert_eq!(db.log.take().len(), 7);
    let expected = concat!(
        r#"[{"id":1,"manager":null,"reports":[{"name":"Bob"},{"name":"Carol"}],"#,
        r#""profile":{"motto":"Onwards","user":{"name":"Alice"}},"posts":["#,
        r#"{"title":"Hello","tags":[{"name":"rust","posts":[{"title":"Hello","author":{"name":"Alice"}}]},"#,
        r#"{"name":"sql","posts":[{"title":"Hello","author":{"name":"Alice"}},"#,
        r#"{"title":"Replies","author":{"name":"Bob"}}]}]},"#,
        r#"{"title":"Joins","tags":[]}],"newest":["Joins"]},"#,
        r#"{"id":2,"manager":{"name":"Alice"},"reports":[],"profile":null,"posts":["#,
        r#"{"title":"Replies","tags":[{"name":"sql","posts":[{"title":"Hello","author":{"name":"Alice"}},"#,
        r#"{"title":"Replies","author":{"name":"Bob"}}]}]}],"newest":["Replies"]},"#,
        r#"{"id":3,"manager":{"name":"Alice"},"reports":[],"profile":null,"posts":[],"newest":[]}]"#,
    );
    assert_eq!(json(&all), expected);
    Ok(())
}

#[derive(Debug, Clone, Model)]
#[model(has_many(at_home: Game.home_id, away: Game.guest_id))]
struct Team {
    #[model(primary_key)]
    id: i64,
    city: String,
}

#[derive(Debug, Clone, Model)]
struct Game {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(home: Team))]
    home_id: i64,
    #[model(belongs_to(guest: Team))]
    guest_id: i64,
    #[model(belongs_to(winner: Team))]
    winner_id: Option<i64>,
}

#[derive(Serialize, Shape)]
#[shape(model = Game)]
struct Result3 {
    home: City,
    guest: City,
    winner: Option<City>,
}

#[derive(Serialize, Shape)]
#[serde(transparent)]
#[shape(model = Team)]
struct City {
    city: String,
}

#[derive(Serialize, Shape)]
#[shape(model = Team)]
struct Season {
    city: String,
    #[shape(order_by = Game.id)]
    at_home: Vec<Against>,
    #[shape(order_by = Game.id)]
    away: Vec<Result3>,
    #[shape(expr = Team.at_home.count() + Team.away.count())]
    games: i64,
}

#[derive(Serialize, Shape)]
#[shape(model = Game)]
struct Against {
    guest: City,
}

pub async fn several_relations_to_one_model_are_kept_apart(db: &TestDb) -> TestResult {
    db.create_all(schema![Team, Game]).await?;
    let teams = ["Bern", "Genf", "Chur"].map(|city| Team::builder().city(city));
    let keys = db.fetch_all(insert(teams).returning(Team.id)).await?;
    let game = |home: usize, guest: usize| Game::builder().home_id(keys[home]).guest_id(keys[guest]);
    db.execute(insert([game(0, 1).winner_id(keys[1]), game(1, 2), game(2, 0).winner_id(keys[2])])).await?;
    db.log.take();

    let games = db.fetch_all(shape::<Result3>().order_by(Game.id)).await?;
    assert_eq!(db.log.take().len(), 1);
    let seasons = db.fetch_all(shape::<Season>().order_by(Team.city).limit(2)).await?;
    assert_eq!(db.log.take().len(), 3);

    let expected = concat!(
        r#"[{"home":"Bern","guest":"Genf","winner":"Genf"},{"home":"Genf","guest":"Chur","winner":null},"#,
        r#"{"home":"Chur","guest":"Bern","winner":"Chur"}]"#,
    );
    assert_eq!(json(&games), expected);
    let expected = concat!(
        r#"[{"city":"Bern","at_home":[{"guest":"Genf"}],"#,
        r#""away":[{"home":"Chur","guest":"Bern","winner":"Chur"}],"games":2},"#,
        r#"{"city":"Chur","at_home":[{"guest":"Bern"}],"#,
        r#""away":[{"home":"Genf","guest":"Chur","winner":null}],"games":2}]"#,
    );
    assert_eq!(json(&seasons), expected);
    Ok(())
}

#[derive(Serialize, Shape)]
#[shape(model = Post)]
struct Picked {
    title: String,
    #[shape(filter = User.age.ge(30))]
    author: Option<Name>,
    #[shape(filter = Tag.name.ne("rust"), order_by = Tag.name)]
    tags: Vec<Word>,
}

pub async fn related_rows_of_a_shape_are_filtered_ordered_and_limited(db: &TestDb) -> TestResult {
    #[derive(Serialize, Shape)]
    #[shape(model = User)]
    struct Best {
        #[shape(filter = Post.views.gt(1), order_by = (Post.views, Post.id), limit = 1)]
        posts: Vec<Title>,
    }

    people(db).await?;

    let picked = db.fetch_all(shape::<Picked>().order_by(Post.id)).await?;
    let best = db.fetch_all(shape::<Best>().order_by(User.id)).await?;

    let expected = concat!(
        r#"[{"title":"Hello","author":{"name":"Alice"},"tags":["sql"]},"#,
        r#"{"title":"Joins","author":{"name":"Alice"},"tags":[]},{"title":"Replies","author":null,"tags":["sql"]}]"#,
    );
    assert_eq!(json(&picked), expected);
    assert_eq!(json(&best), r#"[{"posts":["Joins"]},{"posts":[]},{"posts":[]}]"#);
    assert_eq!(db.log.take().len(), 3 + 2);
    Ok(())
}

#[derive(Debug, PartialEq, Serialize, Shape)]
#[shape(model = User)]
struct Counted {
    #[shape(expr = User.name.upper())]
    name: String,
    #[shape(expr = User.posts.count())]
    posts: i64,
    #[shape(expr = User.posts.aggregate(sum(Post.views)))]
    views: Option<i64>,
    #[shape(expr = coalesce([User.nickname], User.name))]
    called: String,
    #[shape(expr = User.posts.any(Post.title.eq("Hello")))]
    greets: bool,
    #[shape(column = posts, order_by = Post.id, limit = 1)]
    first: Vec<WithReach>,
}

#[derive(Debug, PartialEq, Serialize, Shape)]
#[shape(model = Post)]
struct WithReach {
    #[shape(expr = Post.tags.count())]
    tags: i64,
    author: NameAndReports,
}

#[derive(Debug, PartialEq, Serialize, Shape)]
#[shape(model = User)]
struct NameAndReports {
    name: String,
    #[shape(expr = User.reports.count())]
    reports: i64,
}

pub async fn a_field_of_a_shape_may_be_an_expression(db: &TestDb) -> TestResult {
    people(db).await?;

    let counted = db.fetch_all(shape::<Counted>().order_by(User.posts.count().desc()).limit(2)).await?;

    // What is joined cannot count what is related to it, so the authors are a statement of their own.
    assert_eq!(db.log.take().len(), 3);
    let expected = concat!(
        r#"[{"name":"ALICE","posts":2,"views":15,"called":"al","greets":true,"#,
        r#""first":[{"tags":2,"author":{"name":"Alice","reports":2}}]},"#,
        r#"{"name":"BOB","posts":1,"views":1,"called":"Bob","greets":false,"#,
        r#""first":[{"tags":1,"author":{"name":"Bob","reports":0}}]}]"#,
    );
    assert_eq!(json(&counted), expected);
    Ok(())
}

pub async fn a_shape_is_read_by_pages_with_their_total(db: &TestDb) -> TestResult {
    people(db).await?;
    let cards = shape::<UserCard>().order_by(User.name);

    let second = db.fetch_all(cards.clone().limit(1).offset(1)).await?;
    assert_eq!(second.iter().map(|card| card.called.as_str()).collect::<Vec<_>>(), ["Bob"]);
    assert_eq!(second[0].posts.len(), 1);
    db.log.take();

    assert_eq!(db.fetch_scalar(cards.clone().limit(1).count()).await?, 3);
    assert_eq!(db.fetch_all(cards.filter(User.name.gt("Bob"))).await?.len(), 1);
    assert_eq!(db.fetch_one(shape::<Name>().filter(User.id.eq(1))).await?, Name { name: "Alice".into() });
    assert_eq!(db.fetch_optional(shape::<UserCard>().filter(User.id.eq(99))).await?, None);
    Ok(())
}

pub async fn shapes_are_streamed_with_what_is_related(db: &TestDb) -> TestResult {
    db.create_all(schema![User, Post, Tag, PostTag]).await?;
    let keys = db.fetch_all(insert(users(1_100)).returning(User.id)).await?;
    let posts = keys.iter().map(|key| Post { id: 0, author_id: *key, title: format!("of {key}"), views: 0 });
    db.execute(insert(posts.collect::<Vec<_>>())).await?;
    db.log.take();

    let mut cards = db.stream(shape::<UserCard>().order_by(User.id));
    let mut read = 0;
    for key in &keys {
        let card = cards.next().await.ok_or("the stream ended early")??;
        assert_eq!(card.posts.iter().map(|post| &post.title).collect::<Vec<_>>(), [&format!("of {key}")]);
        assert_eq!(card.posts[0].author.name, card.called);
        read += 1;
    }

    assert!(cards.next().await.is_none());
    assert_eq!(read, 1_100);
    // Posts and tags for each five hundred users.
    assert_eq!(db.log.take().len(), 1 + 2 * 3);
    Ok(())
}

pub async fn a_shape_without_rows_asks_for_nothing_that_is_related(db: &TestDb) -> TestResult {
    people(db).await?;

    let none = db.fetch_all(shape::<Everything>().filter(User.name.eq("Dora"))).await?;
    assert_eq!((json(&none), db.log.take().len()), ("[]".to_owned(), 1));

    // Nor is anything asked for that is related to rows which are not there.
    let carol = db.fetch_all(shape::<UserCard>().filter(User.name.eq("Carol"))).await?;
    assert_eq!(json(&carol), r#"[{"posts":[],"called":"Carol","manager":{"name":"Alice"}}]"#);
    assert_eq!(db.log.take().len(), 2);
    Ok(())
}

pub async fn a_shape_may_have_relations_only_or_whole_models(db: &TestDb) -> TestResult {
    #[derive(Debug, PartialEq, Shape)]
    #[shape(model = Post)]
    struct Around {
        author: User,
        #[shape(order_by = Tag.name)]
        tags: Vec<Tag>,
    }

    people(db).await?;

    let around = db.fetch_all(shape::<Around>().order_by(Post.id).limit(1)).await?;
    let whole = db.fetch_all(shape::<User>().order_by(User.id).limit(1)).await?;

    let [Around { author, tags }] = around.as_slice() else { return Err("expected one".into()) };
    assert_eq!((author, tags.len()), (&whole[0], 2));
    assert_eq!(db.log.take().len(), 2 + 1);
    Ok(())
}

pub async fn a_shape_is_joined_for_conditions_without_reading_more(db: &TestDb) -> TestResult {
    people(db).await?;

    let of_bob = shape::<TitleAndAuthor>().join(Post.author).filter(User.name.eq("Bob")).order_by(Post.id);
    let of_bob = db.fetch_all(of_bob).await?;
    let writers = shape::<UserCard>().filter(User.posts.any(Post.views.gt(5)));
    let writers = db.fetch_all(writers).await?;

    assert_eq!(json(&of_bob), r#"[{"title":"Replies","author":{"name":"Bob"}}]"#);
    assert_eq!(writers.iter().map(|card| card.called.as_str()).collect::<Vec<_>>(), ["Alice"]);
    let columns = columns_read(db);
    assert_eq!(columns[0], r#""post"."title", "with 1"."name", "with 1"."id""#);
    assert_eq!(columns.len(), 1 + 3);
    Ok(())
}

pub async fn a_shape_is_distinct_by_its_own_columns(db: &TestDb) -> TestResult {
    people(db).await?;

    let authors = shape::<Name>().join(User.posts).distinct().order_by(User.name);
    assert_eq!(json(&db.fetch_all(authors).await?), r#"[{"name":"Alice"},{"name":"Bob"}]"#);
    let cards = shape::<TaggedPost>().join(Post.tags).distinct().order_by(Post.title);
    let cards = db.fetch_all(cards).await?;
    assert_eq!(
        cards.iter().map(|card| (card.title.as_str(), card.tags.len())).collect::<Vec<_>>(),
        [("Hello", 2), ("Replies", 1)]
    );
    Ok(())
}

pub async fn global_filters_apply_inside_of_a_shape(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = db.with_filter(Post, Post.views.ge(5)).with_filter(Tag, Tag.name.ne("sql"));

    let cards = shape::<UserCard>().order_by(User.name);
    let posts = |cards: &[UserCard]| cards.iter().map(|card| card.posts.len()).collect::<Vec<_>>();
    let filtered = read.fetch_all(&cards).await?;
    assert_eq!(posts(&filtered), [2, 0, 0]);
    assert_eq!(filtered[0].posts[0].tags, [Word { name: "rust".into() }]);
    assert_eq!(posts(&read.fetch_all(cards.without_filters()).await?), [2, 1, 0]);
    let counted = read.fetch_all(shape::<Counted>().order_by(User.name).limit(2)).await?;
    assert_eq!(counted.iter().map(|one| one.posts).collect::<Vec<_>>(), [2, 0]);
    assert_eq!((counted[0].first[0].tags, &counted[1].first), (1, &vec![]));
    Ok(())
}

pub async fn a_shape_that_must_have_what_a_filter_hides_is_an_error(db: &TestDb) -> TestResult {
    people(db).await?;
    let read = db.with_filter(User, User.name.ne("Bob"));

    let error = refused(read.fetch_all(shape::<TitleAndAuthor>()).await)?;
    assert!(matches!(error, Error::NoRelated { .. }), "{error:?}");
    let error = refused(read.fetch_all(shape::<TitleAndAuthor>().filter(Post.title.eq("Replies"))).await)?;
    assert!(error.to_string().contains("author"), "{error}");
    // A join leaves them out, and a field that may be missing is none.
    assert_eq!(read.fetch_all(shape::<TitleAndAuthor>().join(Post.author)).await?.len(), 2);
    let picked = read.fetch_all(shape::<Picked>().filter(Post.title.eq("Replies"))).await?;
    assert_eq!(json(&picked), r#"[{"title":"Replies","author":null,"tags":["sql"]}]"#);
    Ok(())
}

pub async fn shapes_are_read_in_transactions_and_sessions(db: &TestDb) -> TestResult {
    people(db).await?;

    let mut tx = db.begin().await?;
    tx.execute(update(User).set(User.name, "Alicia").filter(User.name.eq("Alice"))).await?;
    let inside = tx.fetch_all(shape::<UserCard>().order_by(User.name).limit(1)).await?;
    assert_eq!((inside[0].called.as_str(), inside[0].posts[0].author.name.as_str()), ("Alicia", "Alicia"));
    tx.rollback().await?;

    // A session writes first what the shape is going to read.
    let mut session = Session::new(db);
    let bob = session.query(User).filter(User.name.eq("Bob")).one().await?;
    session.add(Post::builder().title("New").author(bob));
    let card = session.fetch_one(shape::<UserCard>().filter(User.name.eq("Bob"))).await?;
    assert_eq!(card.posts.iter().map(|post| post.title.as_str()).collect::<Vec<_>>(), ["Replies", "New"]);
    session.rollback().await?;
    Ok(())
}
