//! The unit of work: collections, which are views of keys, and orphans.
//!
//! w057: an orphan is a row whose own key says `delete_orphans`, so that many-to-many relations have none: to say it of one
//! does not compile (`tests/ui/delete_orphans_of_many_to_many.rs`).
//! w062: what was not added has no handle, so that it cannot be linked (`tests/ui/link_of_a_row_that_was_not_added.rs`).

use orm::Error;
use orm::prelude::*;

use super::unit_relations::{Guest, House, Pet, Stay};
use crate::expect::refused;
use crate::models::{Post, PostTag, Tag, User, people};
use crate::{TestDb, TestResult};

/// A place that can be reached from others.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(
    many_to_many(
        next: Stop through Leg(from_id -> to_id),
        before: Stop through Leg(to_id -> from_id),
    )
)]
pub struct Stop {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
}

/// A way from one stop to another, which falls with either.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(primary_key(from_id, to_id))]
pub struct Leg {
    /// Where it begins.
    #[model(belongs_to(from: Stop), on_delete = cascade)]
    pub from_id: i64,
    /// Where it ends.
    #[model(belongs_to(to: Stop), on_delete = cascade)]
    pub to_id: i64,
    /// How long it takes.
    #[model(default = 1)]
    pub minutes: i64,
}

/// A person who may have settings.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(has_one(taste: Taste.owner_id))]
pub struct Owner {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
}

/// What a person likes; nobody's taste is deleted when it is let go.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(has_many(dishes: Dish.taste_id))]
pub struct Taste {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// Whose it is.
    #[model(belongs_to(owner: Owner), on_delete = cascade, delete_orphans, unique)]
    pub owner_id: Option<i64>,
}

/// A part of a taste.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Dish {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// The taste.
    #[model(belongs_to(taste: Taste), on_delete = cascade)]
    pub taste_id: i64,
}

/// A house with two pets, saved, and all of them known.
async fn a_house(db: &TestDb) -> orm::Result<(Session, Ref<House>, Vec<Ref<Pet>>)> {
    db.create_all(schema![House, Pet, Guest, Stay]).await?;
    let mut session = Session::new(db);
    let pets = ["Rex", "Tom"].map(|name| Pet::builder().name(name));
    let house = session.add(House::builder().name("Hill").pets(pets));
    session.commit().await?;
    let pets = session.related(house, House.pets)?;
    db.log.take();
    Ok((session, house, pets))
}

fn operations(db: &TestDb) -> Vec<&'static str> {
    db.log.take().iter().map(|sent| sent.operation).collect()
}

async fn names(db: &TestDb) -> orm::Result<Vec<String>> {
    db.fetch_all(select(Pet.name).order_by(Pet.id)).await
}

pub async fn w019_a_collection_is_not_loaded_for_a_change_of_its_owner(db: &TestDb) -> TestResult {
    a_house(db).await?;
    let mut session = Session::new(db);
    let house = session.query(House).one().await?;
    db.log.take();

    session[house].name = "Dale".into();
    session.commit().await?;

    assert_eq!(operations(db), ["UPDATE"]);
    assert!(matches!(session.related(house, House.pets), Err(Error::NotLoaded { .. })));
    Ok(())
}

pub async fn w025_a_changed_collection_is_a_change_of_its_rows_and_not_of_its_owner(db: &TestDb) -> TestResult {
    let (mut session, house, pets) = a_house(db).await?;
    let other = session.add(House::builder().name("Lake"));
    session.flush().await?;
    db.log.take();

    session.link(other, House.pets, pets[0])?;

    assert_eq!((session.is_modified(house), session.is_modified(other)), (false, false));
    assert_eq!((session.is_modified(pets[0]), session.is_modified(pets[1])), (true, false));
    assert!(db.log.take().is_empty(), "asking sends nothing");
    Ok(())
}

pub async fn w038_an_orphan_survives_with_another_parent_whatever_becomes_of_the_first(db: &TestDb) -> TestResult {
    /// How a pet comes to another house.
    type Move = fn(&mut Session, Ref<House>, Ref<House>, Ref<Pet>) -> orm::Result<()>;
    let ways: [Move; 5] = [
        |session, _, new, pet| session.link(new, House.pets, pet),
        |session, _, new, pet| session.set(pet, Pet.house, new),
        |session, _, new, pet| {
            session[pet].house_id = session[new].id;
            Ok(())
        },
        |session, old, new, pet| {
            session.unlink(old, House.pets, pet)?;
            session.link(new, House.pets, pet)
        },
        |session, old, new, pet| {
            session.replace(old, House.pets, [])?;
            session.replace(new, House.pets, [pet])
        },
    ];
    db.create_all(schema![House, Pet, Guest, Stay]).await?;
    let mut session = Session::new(db);
    for (number, way) in ways.into_iter().enumerate() {
        for old_goes in [false, true] {
            let name = format!("{number} {old_goes}");
            let old = session.add(House::builder().name("Old").pets([Pet::builder().name(name)]));
            let new = session.add(House::builder().name("New"));
            session.commit().await?;
            let pet = session.related(old, House.pets)?[0];

            way(&mut session, old, new, pet)?;
            if old_goes {
                session.delete(old)?;
            }
            session.commit().await?;

            assert_eq!(session.related(new, House.pets)?, [pet]);
            let kept = db.fetch_scalar(select(Pet.house_id).filter(Pet.id.eq(session[pet].id))).await?;
            assert_eq!(kept, session[new].id);
        }
    }
    assert_eq!(names(db).await?.len(), 10);
    Ok(())
}

pub async fn w038_the_other_of_a_one_to_one_relation_survives_with_another_parent(db: &TestDb) -> TestResult {
    db.create_all(schema![Owner, Taste, Dish]).await?;
    let mut session = Session::new(db);
    for old_goes in [false, true] {
        let old = session.add(Owner::builder().taste(Taste::builder()));
        let new = session.add(Owner::builder());
        session.commit().await?;
        let taste = session.related(old, Owner.taste)?.ok_or("no taste")?;

        session.unlink(old, Owner.taste, taste)?;
        session.link(new, Owner.taste, taste)?;
        if old_goes {
            session.delete(old)?;
        }
        session.commit().await?;

        assert_eq!(session.related(new, Owner.taste)?, Some(taste));
        let kept = db.fetch_scalar(select(Taste.owner_id).filter(Taste.id.eq(session[taste].id))).await?;
        assert_eq!(kept, Some(session[new].id));
    }
    Ok(())
}

pub async fn w050_rows_between_of_both_directions_fall_with_their_owner(db: &TestDb) -> TestResult {
    db.create_all(schema![Stop, Leg]).await?;
    let mut session = Session::new(db);
    let [one, two, three] = [1, 2, 3].map(|id| session.add(Stop { id }));
    for (from, to) in [(one, two), (two, one), (three, one), (two, three), (one, one)] {
        session.link(from, Stop.next, to)?;
    }
    session.commit().await?;
    assert_eq!(session.related(two, Stop.before)?, [one]);
    assert_eq!(session.related(two, Stop.next)?, [one, three]);
    db.log.take();

    session.delete(one)?;
    session.commit().await?;

    assert_eq!(operations(db), ["DELETE"]);
    assert_eq!(db.fetch_all(select((Leg.from_id, Leg.to_id))).await?, [(2, 3)]);
    assert_eq!((session.handles(Stop), session.handles(Leg).len()), (vec![two, three], 1));
    assert_eq!((session.related(two, Stop.before)?, session.related(two, Stop.next)?), (vec![], vec![three]));
    Ok(())
}

pub async fn w051_a_row_between_that_is_replaced_by_one_of_the_same_keys_is_updated(db: &TestDb) -> TestResult {
    db.create_all(schema![Stop, Leg]).await?;
    let mut session = Session::new(db);
    let [one, two] = [1, 2].map(|id| session.add(Stop { id }));
    let old = session.add(Leg::builder().from(one).to(two).minutes(7));
    session.commit().await?;
    db.log.take();

    session.delete(old)?;
    let new = session.add(Leg::builder().from(one).to(two).minutes(5));
    session.commit().await?;

    assert_eq!(operations(db), ["UPDATE"]);
    assert_eq!((session.state(old), session.state(new)), (State::Detached, State::Persistent));
    assert_eq!(db.fetch_all(select((Leg.from_id, Leg.to_id, Leg.minutes))).await?, [(1, 2, 5)]);
    assert_eq!(session.related(one, Stop.next)?, [two]);
    Ok(())
}

pub async fn w052_orphans_that_are_replaced_are_deleted_or_never_inserted(db: &TestDb) -> TestResult {
    let (mut session, house, pets) = a_house(db).await?;
    let new = ["Ann", "Ben", "Cid"].map(|name| session.add(Pet::builder().name(name).house(house)));

    session.replace(house, House.pets, [pets[1], new[2]])?;
    assert_eq!(new.map(|pet| session.contains(pet)), [false, false, true]);
    session.commit().await?;

    let sent: Vec<_> = db.log.take().iter().map(|sent| (sent.operation, sent.rows_affected)).collect();
    assert_eq!(sent, [("INSERT", 1), ("DELETE", 1)]);
    assert_eq!(names(db).await?, ["Tom", "Cid"]);
    assert_eq!(session.related(house, House.pets)?, [pets[1], new[2]]);
    Ok(())
}

pub async fn w053_an_orphan_of_a_pending_parent_is_never_inserted(db: &TestDb) -> TestResult {
    db.create_all(schema![House, Pet, Guest, Stay]).await?;
    let mut session = Session::new(db);
    let house = session.add(House::builder().name("Hill").pets(["Rex", "Tom"].map(|name| Pet::builder().name(name))));
    let pets = session.related(house, House.pets)?;
    db.log.take();

    session.unlink(house, House.pets, pets[0])?;
    assert!(!session.contains(pets[0]));
    session.commit().await?;

    assert_eq!(operations(db), ["INSERT", "INSERT"]);
    assert_eq!(names(db).await?, ["Tom"]);
    Ok(())
}

pub async fn w054_an_orphan_from_the_start_is_inserted_if_its_key_is_there_or_may_be_missing(
    db: &TestDb,
) -> TestResult {
    let (mut session, house, _) = a_house(db).await?;
    db.create_all(schema![Owner, Taste, Dish]).await?;
    let key = session[house].id;

    session.add(Pet::builder().name("Ann").house_id(key));
    session.add(Taste::builder());
    session.commit().await?;
    assert_eq!((names(db).await?.len(), db.fetch_all(select(Taste.owner_id)).await?), (3, vec![None]));

    // Without any key it does not compile: `tests/ui/forgotten_parent.rs`.
    session.add(Pet::builder().name("Ben").house_id(key + 1));
    let error = refused(session.commit().await)?;
    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error}");
    assert!(error.to_string().contains("a new `Pet`"), "{error}");
    Ok(())
}

pub async fn w055_the_orphan_of_a_one_to_one_relation_is_deleted_with_its_children(db: &TestDb) -> TestResult {
    db.create_all(schema![Owner, Taste, Dish]).await?;
    let mut session = Session::new(db);
    let jack = session.add(Owner::builder());
    let taste = session.add(Taste::builder().owner(jack).dishes([Dish::builder(), Dish::builder()]));
    session.commit().await?;
    let dishes = session.related(taste, Taste.dishes)?;
    db.log.take();

    session.unlink(jack, Owner.taste, taste)?;
    assert_eq!(session.related(jack, Owner.taste)?, None);
    session.commit().await?;

    assert_eq!(operations(db), ["DELETE"]);
    assert_eq!((dishes.len(), session.len(), session.contains(jack)), (2, 1, true));
    assert_eq!((db.fetch_scalar(select(Taste).count()).await?, db.fetch_scalar(select(Dish).count()).await?), (0, 0));

    // Another one in its place makes an orphan of it, too.
    let first = session.add(Taste::builder().owner(jack));
    session.commit().await?;
    let second = session.add(Taste::builder());
    session.link(jack, Owner.taste, second)?;
    session.commit().await?;
    assert_eq!((session.contains(first), session.related(jack, Owner.taste)?), (false, Some(second)));
    assert_eq!(db.fetch_all(select(Taste.owner_id)).await?, [Some(session[jack].id)]);
    Ok(())
}

pub async fn w056_what_is_given_twice_is_given_once(db: &TestDb) -> TestResult {
    let (mut session, house, pets) = a_house(db).await?;
    let new = session.add(Pet::builder().name("New").house(house));

    for _ in 0..2 {
        session.link(house, House.pets, new)?;
        session.set(new, Pet.house, house)?;
        session.replace(house, House.pets, [pets[0], pets[1], new, new])?;
    }
    assert_eq!(session.related(house, House.pets)?, [pets[0], pets[1], new]);
    session.commit().await?;

    assert_eq!(operations(db), ["INSERT"]);
    assert_eq!(names(db).await?, ["Rex", "Tom", "New"]);
    assert_eq!(session.related(house, House.pets)?, [pets[0], pets[1], new]);
    Ok(())
}

pub async fn w059_what_is_loaded_again_is_what_the_database_has(db: &TestDb) -> TestResult {
    let (mut session, house, pets) = a_house(db).await?;
    let key = session[house].id;
    db.execute(insert(Pet::builder().name("Raw").house_id(key))).await?;
    let pending = session.add(Pet::builder().name("Pending").house(house));
    assert_eq!(session.related(house, House.pets)?, [pets[0], pets[1], pending], "as far as it was loaded");

    session.rollback().await?;
    session.load(&[house], House.pets.order_by(Pet.id)).await?;

    let found: Vec<_> = session.related(house, House.pets)?.iter().map(|pet| session[*pet].name.clone()).collect();
    assert_eq!(found, ["Rex", "Tom", "Raw"]);
    assert!(!session.contains(pending));

    // What is pending is flushed first, or else stands at the end.
    session.commit().await?;
    let pending = session.add(Pet::builder().name("Pending").house(house));
    let mut quiet = session.no_autoflush();
    quiet.load(&[house], House.pets.order_by(Pet.id)).await?;
    assert_eq!(quiet.related(house, House.pets)?.last(), Some(&pending));
    assert_eq!(quiet.state(pending), State::Pending);
    drop(quiet);
    session.load(&[house], House.pets).await?;
    assert_eq!(session.related(house, House.pets)?.len(), 4);
    Ok(())
}

pub async fn w060_a_parent_whose_key_changes_stays_one_object_that_can_let_go(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let sql = session.query(Tag).filter(Tag.name.eq("sql")).with(Tag.posts.order_by(Post.id)).one().await?;
    let posts = session.related(sql, Tag.posts)?;

    session[sql].name = "SQL".into();
    session.flush().await?;
    let twin = refused(session.attach(Tag { name: "SQL".into() }))?;
    assert!(matches!(twin, Error::IdentityConflict { .. }), "{twin}");
    assert_eq!(session.get(Tag, "SQL".to_owned()).await?, Some(sql));
    assert_eq!(session.related(sql, Tag.posts)?, posts);
    session.unlink(sql, Tag.posts, posts[0])?;
    session.commit().await?;

    let left = select((PostTag.post_id, PostTag.tag)).filter(PostTag.tag.eq("SQL"));
    assert_eq!(db.fetch_all(left).await?, [(session[posts[1]].id, "SQL".to_owned())]);
    Ok(())
}

pub async fn w061_what_belongs_to_an_object_stays_when_it_leaves_and_is_found_when_it_returns(
    db: &TestDb,
) -> TestResult {
    let (mut session, house, pets) = a_house(db).await?;
    let new = session.add(Pet::builder().name("New").house(house));
    session.unlink(house, House.pets, pets[0])?;

    let row = session.take(house)?;
    let house = session.attach(row)?;

    assert_eq!((session.contains(new), session.contains(pets[0]), session.contains(pets[1])), (true, true, true));
    assert!(matches!(session.related(house, House.pets), Err(Error::NotLoaded { .. })));
    session.load(&[house], House.pets).await?;
    assert_eq!(session.related(house, House.pets)?.len(), 2);
    session.commit().await?;
    assert_eq!(names(db).await?, ["Tom", "New"]);
    Ok(())
}

pub async fn what_is_known_leads_on_to_what_is_to_be_loaded(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let users = session.query(User).with(User.posts.order_by(Post.id)).order_by(User.id).all().await?;
    let post = session.related(users[0], User.posts)?[0];
    db.log.take();

    // The posts are known already, and their tags are not.
    session.load(&users, User.posts.with(Post.tags)).await?;

    assert_eq!(db.log.take().len(), 1);
    assert_eq!(session.related(post, Post.tags)?.len(), 2);
    Ok(())
}
