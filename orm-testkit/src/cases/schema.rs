//! Tables: created in any order, with what they promise, under any name.

use orm::Error;
use orm::prelude::*;

use crate::expect::{nothing_was_sent, refused};
use crate::models::{Item, Kinds, MaybeKinds, Post, PostTag, Profile, Tag, User, people, user};
use crate::{TestDb, TestResult};

/// A country, whose code may change.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(has_many(cities: City.country))]
struct Country {
    #[model(primary_key)]
    code: String,
}

/// A city goes with its country.
#[derive(Debug, Clone, PartialEq, Model)]
struct City {
    #[model(primary_key)]
    id: i64,
    name: String,
    #[model(belongs_to(state: Country), on_delete = cascade, on_update = cascade)]
    country: String,
}

/// A traveller outlives the country of birth.
#[derive(Debug, Clone, PartialEq, Model)]
struct Traveller {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(home: Country), on_delete = set_null, on_update = set_null)]
    born_in: Option<String>,
    #[model(belongs_to(visited: City), on_delete = set_default, default_sql = "NULL")]
    seen: Option<i64>,
}

/// An embassy keeps its country from going.
#[derive(Debug, Clone, PartialEq, Model)]
struct Embassy {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(guest: Country), on_delete = restrict, on_update = restrict)]
    country: String,
}

/// A team has a captain.
#[derive(Debug, Clone, PartialEq, Model)]
struct Team {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(captain: Player))]
    captain_id: Option<i64>,
}

/// A player has a team.
#[derive(Debug, Clone, PartialEq, Model)]
struct Player {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(team: Team))]
    team_id: Option<i64>,
}

/// Names with everything in them that could break a statement.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(
    table = "or\"der; DROP TABLE x --",
    has_many(parts: Odd.group),
    unique(select, naive, name = "it's \"unique\""),
    index(naive, name = "in dex")
)]
struct Odd {
    #[model(primary_key, column = "primary")]
    id: i64,
    #[model(column = "select")]
    select: String,
    #[model(column = "na\"ï've ✓ 🦀")]
    naive: Option<String>,
    #[model(column = "group by", belongs_to(whole: Odd), index)]
    group: Option<i64>,
    #[model(column = " ")]
    r#type: i32,
}

/// Words that SQL has kept for itself.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "table")]
struct Reserved {
    #[model(primary_key, natural, column = "from")]
    from: i64,
    r#where: i64,
    order: i64,
    values: i64,
    user: i64,
    #[model(index)]
    default: i64,
}

/// Names with upper case in them.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "MixedCase")]
struct MixedCase {
    #[model(primary_key)]
    id: i64,
    #[model(column = "userName")]
    user_name: String,
}

/// A name that no database has.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "nul\0table")]
struct Nul {
    #[model(primary_key)]
    id: i64,
}

/// A name of two hundred letters.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(
    table = "long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_long_"
)]
struct Long {
    #[model(primary_key)]
    id: i64,
    #[model(
        column = "far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_far_"
    )]
    value: i64,
}

/// A line of an order, whose worth the database computes.
#[derive(Debug, Clone, PartialEq, Model)]
struct Line {
    #[model(primary_key)]
    id: i64,
    price: i64,
    stock: i64,
    #[model(computed = "price * stock", index)]
    worth: i64,
    #[model(computed = "CASE WHEN stock = 0 THEN 'sold out' END")]
    note: Option<String>,
}

/// Two countries with a city each, a traveller and no embassy.
async fn world(db: &TestDb) -> orm::Result<()> {
    db.create_all(schema![Embassy, Traveller, City, Country]).await?;
    db.execute(insert(["de", "fr"].map(|code| Country { code: code.into() }))).await?;
    let city = |name: &str, country: &str| City::builder().name(name).country(country);
    let ids = db.fetch_all(insert([city("Bonn", "de"), city("Brest", "fr")]).returning(City.id)).await?;
    db.execute(insert(Traveller::builder().born_in("de").seen(ids.first().copied()))).await?;
    Ok(())
}

async fn cities(db: &TestDb) -> orm::Result<Vec<(String, String)>> {
    db.fetch_all(select((City.name, City.country)).order_by(City.name)).await
}

fn pair(left: &str, right: &str) -> (String, String) {
    (left.into(), right.into())
}

// Creating and dropping.

pub async fn tables_are_created_whatever_their_order(db: &TestDb) -> TestResult {
    db.create_all(schema![PostTag, Post, Tag, Profile, User]).await?;

    let alice = db.fetch_one(insert(user("Alice")).returning(User.id)).await?;
    db.execute(insert(Post::builder().author_id(alice).title("Hello"))).await?;

    assert_eq!(db.fetch_scalar(select(count(Post.id))).await?, 1);
    Ok(())
}

pub async fn tables_that_point_at_each_other_are_created_and_dropped(db: &TestDb) -> TestResult {
    db.create_all(schema![Team, Player]).await?;

    let team = db.fetch_one(insert(Team::builder()).returning(Team.id)).await?;
    let player = db.fetch_one(insert(Player::builder().team_id(team)).returning(Player.id)).await?;
    db.execute(update(Team).set(Team.captain_id, player).filter(Team.id.eq(team))).await?;
    let lost = refused(db.execute(insert(Team::builder().captain_id(4711_i64))).await)?;
    db.execute(update(Team).set(Team.captain_id, None::<i64>).all_rows()).await?;
    db.execute(delete(Player).all_rows()).await?;
    db.drop_all(schema![Team, Player]).await?;

    assert_eq!(lost.kind(), "ForeignKeyViolation", "{lost}");
    assert_eq!(refused(db.fetch_all(select(Team)).await)?.kind(), "UndefinedTable");
    Ok(())
}

pub async fn creating_again_keeps_the_tables_and_their_rows(db: &TestDb) -> TestResult {
    people(db).await?;

    db.create_all(schema![User, Profile, Post, Tag, PostTag]).await?;

    assert_eq!(db.fetch_scalar(select(count(User.id))).await?, 3);
    Ok(())
}

pub async fn creating_adds_the_tables_that_are_missing(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;
    db.execute(insert(user("Alice"))).await?;

    db.create_all(schema![User, Tag]).await?;

    assert_eq!(db.fetch_scalar(select(count(User.id))).await?, 1);
    assert_eq!(db.fetch_scalar(select(count(Tag.name))).await?, 0);
    Ok(())
}

pub async fn every_index_is_created(db: &TestDb) -> TestResult {
    db.create_all(schema![User, Post, Item]).await?;

    let created: Vec<_> = db.log.take().into_iter().filter(|logged| logged.operation == "CREATE INDEX").collect();

    assert_eq!(created.len(), 2, "{created:?}");
    assert!(created.iter().any(|logged| logged.sql.contains("\"size\", \"price\"")), "{created:?}");
    Ok(())
}

pub async fn tables_are_dropped_with_their_rows(db: &TestDb) -> TestResult {
    people(db).await?;

    db.drop_all(schema![User, Tag, Profile, Post, PostTag]).await?;

    let error = refused(db.fetch_all(select(User)).await)?;
    assert_eq!(error.kind(), "UndefinedTable", "{error}");
    Ok(())
}

pub async fn dropping_what_is_not_there_does_nothing(db: &TestDb) -> TestResult {
    db.create_all(schema![Tag]).await?;

    db.drop_all(schema![User, Tag]).await?;
    db.drop_all(schema![User, Tag]).await?;

    assert_eq!(refused(db.fetch_all(select(Tag)).await)?.kind(), "UndefinedTable");
    Ok(())
}

pub async fn a_table_can_be_created_again_after_it_was_dropped(db: &TestDb) -> TestResult {
    people(db).await?;

    db.drop_all(schema![User, Tag, Profile, Post, PostTag]).await?;
    people(db).await?;

    assert_eq!(db.fetch_scalar(select(count(User.id))).await?, 3);
    Ok(())
}

pub async fn either_all_tables_are_created_or_none(db: &TestDb) -> TestResult {
    let error = refused(db.create_all(schema![Tag, Nul]).await)?;

    assert_eq!(error.kind(), "Identifier", "{error}");
    assert_eq!(refused(db.fetch_all(select(Tag)).await)?.kind(), "UndefinedTable");
    Ok(())
}

pub async fn a_table_of_every_type_is_created(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds, MaybeKinds]).await?;

    assert_eq!(db.fetch_scalar(select(count(Kinds.id))).await?, 0);
    assert_eq!(db.fetch_scalar(select(count(MaybeKinds.id))).await?, 0);
    Ok(())
}

// What a table promises.

pub async fn a_unique_column_takes_null_more_than_once(db: &TestDb) -> TestResult {
    db.create_all(schema![Odd]).await?;

    let odd = || Odd::builder().select("same").r#type(1);
    db.execute(insert([odd(), odd()])).await?;
    db.execute(insert(odd().naive("one"))).await?;
    let error = refused(db.execute(insert(odd().naive("one"))).await)?;

    assert_eq!(error.kind(), "UniqueViolation", "{error}");
    Ok(())
}

pub async fn a_unique_pair_may_agree_in_one_column(db: &TestDb) -> TestResult {
    db.create_all(schema![Item]).await?;
    let item = |name: &str, size: &str| Item::builder().name(name).size(size);

    db.execute(insert([item("a", "S"), item("a", "M"), item("b", "S")])).await?;
    let error = refused(db.execute(insert(item("a", "M"))).await)?;

    assert_eq!(error.kind(), "UniqueViolation", "{error}");
    assert_eq!(db.fetch_scalar(select(count(Item.id))).await?, 3);
    Ok(())
}

pub async fn a_text_is_as_long_as_its_column_allows_and_not_longer(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    // Characters are counted, not bytes.
    db.execute(insert(User { email: "🦀".repeat(40), ..user("Alice") })).await?;
    let error = refused(db.execute(insert(User { email: "a".repeat(41), ..user("Bob") })).await)?;

    assert!(matches!(error, Error::CheckViolation { .. }), "{error:?}");
    assert_eq!(db.fetch_all(select(User.name)).await?, ["Alice"]);
    Ok(())
}

pub async fn a_check_of_null_is_not_broken(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    db.execute(insert([User { age: None, ..user("Alice") }, User { age: Some(0), ..user("Bob") }])).await?;

    assert_eq!(db.fetch_scalar(select(count(User.id))).await?, 2);
    Ok(())
}

pub async fn a_computed_column_follows_what_it_is_computed_from(db: &TestDb) -> TestResult {
    db.create_all(schema![Line]).await?;

    let line = db.fetch_one(insert(Line::builder().price(3).stock(4)).returning(Line)).await?;
    let sold = update(Line).set(Line.stock, 0).filter(Line.id.eq(line.id));
    db.execute(sold).await?;

    assert_eq!((line.worth, &line.note), (12, &None));
    let sold_out = Line { stock: 0, worth: 0, note: Some("sold out".into()), ..line };
    assert_eq!(db.fetch_all(select(Line).filter(Line.worth.eq(0))).await?, [sold_out]);
    Ok(())
}

pub async fn a_computed_column_of_a_struct_is_not_sent(db: &TestDb) -> TestResult {
    db.create_all(schema![Line]).await?;

    let line = Line { id: 0, price: 3, stock: 4, worth: 99, note: Some("mine".into()) };
    db.execute(insert([line.clone(), Line { id: 7, ..line }])).await?;

    let stored = db.fetch_all(select((Line.worth, Line.note))).await?;
    assert_eq!(stored, [(12, None), (12, None)]);
    Ok(())
}

pub async fn a_computed_column_cannot_be_set(db: &TestDb) -> TestResult {
    db.create_all(schema![Line]).await?;
    db.log.take();

    let error = refused(db.execute(update(Line).set(Line.worth, 5).all_rows()).await)?;

    assert_eq!(error.kind(), "Statement", "{error}");
    assert!(error.to_string().starts_with("the database computes `line.worth`"), "{error}");
    assert!(nothing_was_sent(db));
    Ok(())
}

// What happens to children.

pub async fn children_go_with_their_parent(db: &TestDb) -> TestResult {
    world(db).await?;

    let deleted = db.execute(delete(Country).filter(Country.code.eq("de"))).await?;

    assert_eq!(deleted, 1);
    assert_eq!(cities(db).await?, [pair("Brest", "fr")]);
    Ok(())
}

pub async fn grandchildren_go_too(db: &TestDb) -> TestResult {
    people(db).await?;

    db.execute(delete(User).filter(User.name.eq("Alice"))).await?;

    assert_eq!(db.fetch_all(select(Post.title)).await?, ["Replies"]);
    assert_eq!(db.fetch_scalar(select(count_all()).from(PostTag)).await?, 1);
    Ok(())
}

pub async fn children_lose_their_parent(db: &TestDb) -> TestResult {
    world(db).await?;

    db.execute(delete(Country).filter(Country.code.eq("de"))).await?;

    assert_eq!(db.fetch_all(select((Traveller.born_in, Traveller.seen))).await?, [(None, None)]);
    Ok(())
}

pub async fn a_child_keeps_its_parent_from_going(db: &TestDb) -> TestResult {
    world(db).await?;
    db.execute(insert(Embassy::builder().country("de"))).await?;

    let deleted = refused(db.execute(delete(Country).filter(Country.code.eq("de"))).await)?;
    let renamed = refused(db.execute(update(Country).set(Country.code, "dd").filter(Country.code.eq("de"))).await)?;

    assert_eq!((deleted.kind(), renamed.kind()), ("ForeignKeyViolation", "ForeignKeyViolation"));
    assert_eq!(cities(db).await?.len(), 2);
    Ok(())
}

pub async fn children_follow_when_their_parents_key_changes(db: &TestDb) -> TestResult {
    world(db).await?;

    db.execute(update(Country).set(Country.code, "dd").filter(Country.code.eq("de"))).await?;

    assert_eq!(cities(db).await?, [pair("Bonn", "dd"), pair("Brest", "fr")]);
    assert_eq!(db.fetch_all(select(Traveller.born_in)).await?, [None]);
    Ok(())
}

pub async fn a_relation_by_a_text_key_is_joined_like_any_other(db: &TestDb) -> TestResult {
    world(db).await?;

    let rows = db.fetch_all(select((Country.code, City.name)).join(Country.cities).order_by(Country.code)).await?;

    assert_eq!(rows, [pair("de", "Bonn"), pair("fr", "Brest")]);
    Ok(())
}

// Names.

pub async fn names_may_have_anything_in_them(db: &TestDb) -> TestResult {
    db.create_all(schema![Odd]).await?;

    let odd = Odd::builder().select("one").naive("two").r#type(3);
    let one = db.fetch_one(insert(odd).returning(Odd)).await?;
    let part = db.fetch_one(insert(Odd::builder().select("part").group(one.id).r#type(4)).returning(Odd)).await?;
    db.execute(update(Odd).set(Odd.r#type, Odd.r#type + 1).set(Odd.naive, "2").filter(Odd.id.eq(one.id))).await?;

    let changed = Odd { naive: Some("2".into()), r#type: 4, ..one };
    assert_eq!(db.get(Odd, changed.id).await?, Some(changed));
    assert_eq!((part.select.as_str(), part.r#type), ("part", 4));
    Ok(())
}

pub async fn odd_names_can_be_joined_aliased_labelled_and_dropped(db: &TestDb) -> TestResult {
    db.create_all(schema![Odd]).await?;
    let whole = db.fetch_one(insert(Odd::builder().select("whole").r#type(1)).returning(Odd.id)).await?;
    db.execute(insert(Odd::builder().select("part").group(whole).r#type(2))).await?;
    let part = Odd.alias("the \"part\"");

    let rows = db
        .fetch_all(
            select((Odd.select, part.select.label("or\"der by")))
                .join(Odd.parts.to(part))
                .order_by(label("or\"der by")),
        )
        .await?;
    db.drop_all(schema![Odd]).await?;

    assert_eq!(rows, [pair("whole", "part")]);
    assert_eq!(refused(db.fetch_all(select(Odd)).await)?.kind(), "UndefinedTable");
    Ok(())
}

pub async fn a_violation_names_odd_names(db: &TestDb) -> TestResult {
    db.create_all(schema![Odd]).await?;
    let odd = || Odd::builder().select("one").naive("two").r#type(3);
    db.execute(insert(odd())).await?;

    let error = refused(db.execute(insert(odd())).await)?;

    let context = error.context().ok_or("it has a context")?;
    assert_eq!(context.table.as_deref(), Some("or\"der; DROP TABLE x --"));
    assert_eq!(context.columns, ["select", "na\"ï've ✓ 🦀"]);
    assert_eq!(context.constraint.as_deref(), Some("it's \"unique\""));
    Ok(())
}

pub async fn reserved_words_are_names_like_any_other(db: &TestDb) -> TestResult {
    db.create_all(schema![Reserved]).await?;
    let row = Reserved { from: 1, r#where: 2, order: 3, values: 4, user: 5, default: 6 };

    db.execute(insert(row.clone())).await?;
    db.execute(update(Reserved).set(Reserved.order, Reserved.values).filter(Reserved.r#where.eq(2))).await?;

    assert_eq!(db.get(Reserved, 1).await?, Some(Reserved { order: 4, ..row }));
    Ok(())
}

pub async fn names_keep_their_upper_case(db: &TestDb) -> TestResult {
    db.create_all(schema![MixedCase]).await?;

    db.execute(insert(MixedCase::builder().user_name("Alice"))).await?;

    let rows = db.fetch_all(sql!("SELECT \"userName\" FROM \"MixedCase\"").rows::<(String,)>()).await?;
    assert_eq!(rows, [("Alice".to_string(),)]);
    Ok(())
}

pub async fn a_name_of_two_hundred_letters_works_or_is_refused(db: &TestDb) -> TestResult {
    if let Err(error) = db.create_all(schema![Long]).await {
        assert!(matches!(error, Error::Identifier { .. }), "{error:?}");
        assert!(nothing_was_sent(db));
        return Ok(());
    }

    let written = db.fetch_one(insert(Long::builder().value(7)).returning(Long)).await?;

    assert_eq!(db.fetch_all(select(Long).filter(Long.value.eq(7))).await?, [written]);
    Ok(())
}

pub async fn a_nul_in_a_name_is_refused(db: &TestDb) -> TestResult {
    let created = refused(db.create_all(schema![Nul]).await)?;
    let read = refused(db.fetch_all(select(Nul)).await)?;
    let alias = refused(db.fetch_all(select(Tag.alias("a\0b").name)).await)?;

    for error in [created, read, alias] {
        assert!(matches!(error, Error::Identifier { .. }), "{error:?}");
    }
    assert!(nothing_was_sent(db));
    Ok(())
}
