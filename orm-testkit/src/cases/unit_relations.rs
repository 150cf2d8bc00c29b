//! Relations of objects: loading them, linking and unlinking.

use orm::Error;
use orm::prelude::*;

use crate::expect::refused;
use crate::models::{Post, PostTag, Profile, Tag, User, people};
use crate::{TestDb, TestResult};

/// A member of a household, who may have none; a household that goes takes its pets along.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(has_many(pets: Pet.house_id, guests: Guest.house_id, stays: Stay.house_id))]
pub struct House {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// The name.
    pub name: String,
}

/// Belongs to a house, and is no more without one.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Pet {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// The name.
    pub name: String,
    /// Where it lives.
    #[model(belongs_to(house: House), on_delete = cascade, delete_orphans)]
    pub house_id: i64,
}

/// Stays at a house, or does not.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Guest {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// The name.
    pub name: String,
    /// Where they stay.
    #[model(belongs_to(house: House), on_delete = set_null)]
    pub house_id: Option<i64>,
}

/// Who stayed where.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Stay {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// Where.
    #[model(belongs_to(house: House))]
    pub house_id: i64,
    /// Who.
    #[model(belongs_to(guest: Guest))]
    pub guest_id: i64,
}

async fn by_name(session: &mut Session, name: &str) -> orm::Result<Ref<User>> {
    session.query(User).filter(User.name.eq(name)).one().await
}

fn titles(session: &Session, posts: &[Ref<Post>]) -> Vec<String> {
    posts.iter().map(|post| session[*post].title.clone()).collect()
}

pub async fn related_objects_are_loaded_with_a_query(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);

    let users = session.query(User).with(User.posts).order_by(User.id).all().await?;
    let sent = db.log.take().len();

    let all: Vec<_> = users
        .iter()
        .map(|user| Ok(titles(&session, &session.related(*user, User.posts)?)))
        .collect::<orm::Result<_>>()?;
    assert_eq!(all, [vec!["Hello", "Joins"], vec!["Replies"], vec![]]);
    assert_eq!((sent, db.log.take().len()), (2, 0));
    Ok(())
}

pub async fn a_tree_is_loaded_by_a_statement_a_level(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);

    let users = session
        .query(User)
        .with(User.posts.with(Post.tags).with(Post.author))
        .with(User.manager)
        .order_by(User.id)
        .all()
        .await?;

    // The authors and managers are here already.
    assert_eq!(db.log.take().len(), 3);
    let posts = session.related(users[0], User.posts)?;
    let tags: Vec<_> = session.related(posts[0], Post.tags)?.iter().map(|tag| session[*tag].name.clone()).collect();
    assert_eq!(tags, ["rust", "sql"]);
    assert_eq!(session.related(posts[0], Post.author)?, users[0]);
    assert_eq!(session.related(users[1], User.manager)?, Some(users[0]));
    assert_eq!(session.related(users[0], User.manager)?, None);
    Ok(())
}

pub async fn what_is_not_loaded_is_an_error_that_names_the_call(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = by_name(&mut session, "Alice").await?;
    let bob = by_name(&mut session, "Bob").await?;

    let error = refused(session.related(alice, User.posts))?;
    assert!(matches!(error, Error::NotLoaded { model: "User", relation: "posts" }), "{error}");
    assert!(error.to_string().contains("session.load(&[object], User.posts)"), "{error}");

    session.load(&[alice], User.posts).await?;
    assert_eq!(session.related(alice, User.posts)?.len(), 2);
    assert!(matches!(session.related(bob, User.posts), Err(Error::NotLoaded { .. })));
    Ok(())
}

pub async fn what_was_added_here_is_known_as_a_whole(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let dave = session.add(User::builder().name("Dave").email("dave@example.com"));
    assert_eq!(session.related(dave, User.posts)?, []);
    let post = session.add(Post::builder().title("New").author(dave));
    assert_eq!(session.related(dave, User.posts)?, [post]);
    session.flush().await?;
    assert_eq!(session.related(dave, User.posts)?, [post]);
    session.commit().await?;
    assert_eq!(session.related(dave, User.posts)?, [post]);
    assert_eq!(session.related(post, Post.author)?, dave);
    Ok(())
}

pub async fn loaded_relations_are_not_asked_for_again(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let users = session.query(User).with(User.posts).order_by(User.id).all().await?;
    db.log.take();

    session.load(&users, User.posts).await?;
    assert_eq!(db.log.take().len(), 0);

    // Another transaction reads anew.
    session.commit().await?;
    let bob = session[users[1]].id;
    db.execute(insert(Post::builder().author_id(bob).title("Late"))).await?;
    session.load(&users, User.posts.order_by(Post.id)).await?;
    assert_eq!(titles(&session, &session.related(users[1], User.posts)?), ["Replies", "Late"]);
    Ok(())
}

pub async fn a_filtered_load_does_not_pose_as_the_whole(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);

    let users = session.query(User).with(User.posts.filter(Post.views.gt(5))).order_by(User.id).all().await?;
    assert!(matches!(session.related(users[0], User.posts), Err(Error::NotLoaded { .. })));
    assert_eq!(session.handles(Post).len(), 1);
    session.load(&users, User.posts.limit(1)).await?;
    assert!(matches!(session.related(users[0], User.posts), Err(Error::NotLoaded { .. })));
    session.load(&users, User.posts).await?;
    assert_eq!(session.related(users[0], User.posts)?.len(), 2);
    Ok(())
}

pub async fn objects_are_loaded_in_the_order_that_was_asked_for(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.query(User).filter(User.name.eq("Alice")).with(User.posts.order_by(Post.title.desc())).one();
    let alice = alice.await?;

    assert_eq!(titles(&session, &session.related(alice, User.posts)?), ["Joins", "Hello"]);
    session.add(Post::builder().title("Third").author(alice));
    assert_eq!(titles(&session, &session.related(alice, User.posts)?), ["Joins", "Hello", "Third"]);
    Ok(())
}

pub async fn both_sides_of_a_relation_agree_at_once(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let users = session.query(User).with(User.posts.with(Post.author)).order_by(User.id).all().await?;
    db.log.take();
    let [alice, bob, _] = users[..] else { return Err("three users".into()) };
    let hello = session.related(alice, User.posts)?[0];

    session.set(hello, Post.author, bob)?;
    assert_eq!(titles(&session, &session.related(alice, User.posts)?), ["Joins"]);
    assert_eq!(session.related(bob, User.posts)?.len(), 2);
    session.link(alice, User.posts, hello)?;
    assert_eq!(session.related(hello, Post.author)?, alice);
    assert_eq!(session.related(alice, User.posts)?.len(), 2);

    // All as it was: nothing to write.
    session.flush().await?;
    assert_eq!(db.log.take().len(), 0);
    Ok(())
}

pub async fn a_key_that_is_set_by_hand_moves_the_object(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let users = session.query(User).with(User.posts).order_by(User.id).all().await?;
    let [alice, bob, _] = users[..] else { return Err("three users".into()) };
    let posts = session.related(alice, User.posts)?;

    let key = session[bob].id;
    for post in &posts {
        session[*post].author_id = key;
    }

    assert_eq!(session.related(alice, User.posts)?, []);
    assert_eq!(session.related(bob, User.posts)?.len(), 3);
    Ok(())
}

pub async fn w058_a_child_that_is_linked_to_another_parent_leaves_the_first(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.query(User).filter(User.name.eq("Alice")).with(User.posts).one().await?;
    let bob = by_name(&mut session, "Bob").await?;
    let hello = session.related(alice, User.posts)?[0];
    db.log.take();

    session.link(bob, User.posts, hello)?;
    assert_eq!(session.related(hello, Post.author)?, bob);
    assert_eq!(session.related(alice, User.posts)?.len(), 1);
    assert_eq!(db.log.take().len(), 0);

    // Bob's were not loaded: right when they are.
    session.load(&[bob], User.posts.order_by(Post.id)).await?;
    assert_eq!(titles(&session, &session.related(bob, User.posts)?), ["Hello", "Replies"]);
    Ok(())
}

pub async fn linking_to_a_new_parent_fills_in_its_key(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let post = session.query(Post).filter(Post.title.eq("Replies")).one().await?;
    let dave = session.add(User::builder().name("Dave").email("dave@example.com"));

    session.link(dave, User.posts, post)?;
    assert_eq!(session.related(dave, User.posts)?, [post]);
    session.commit().await?;

    assert_eq!(session[post].author_id, session[dave].id);
    let kept = db.fetch_scalar(select(Post.author_id).filter(Post.title.eq("Replies"))).await?;
    assert_eq!(kept, session[dave].id);
    Ok(())
}

async fn a_house(db: &TestDb) -> orm::Result<(Session, Ref<House>)> {
    db.create_all(schema![House, Pet, Guest, Stay]).await?;
    let mut session = Session::new(db);
    let house = session.add(
        House::builder()
            .name("Hill")
            .pets(["Rex", "Tom"].map(|name| Pet::builder().name(name)))
            .guests([Guest::builder().name("Gwen")]),
    );
    session.commit().await?;
    db.log.take();
    Ok((session, house))
}

pub async fn unlinking_sets_a_key_to_null(db: &TestDb) -> TestResult {
    let (mut session, house) = a_house(db).await?;
    let gwen = session.related(house, House.guests)?[0];

    session.unlink(house, House.guests, gwen)?;
    assert_eq!(session.related(house, House.guests)?, []);
    assert_eq!(session[gwen].house_id, None);
    // What is not linked is not unlinked.
    session.unlink(house, House.guests, gwen)?;
    session.commit().await?;

    assert_eq!(db.fetch_all(select(Guest.house_id)).await?, [None]);
    Ok(())
}

pub async fn a_required_key_cannot_be_unlinked(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.query(User).filter(User.name.eq("Alice")).with(User.posts).one().await?;
    let hello = session.related(alice, User.posts)?[0];

    let error = refused(session.unlink(alice, User.posts, hello))?;
    assert!(error.to_string().contains("`Post.author_id` must have a value"), "{error}");
    assert_eq!(session.related(alice, User.posts)?.len(), 2);
    Ok(())
}

pub async fn an_orphan_is_deleted(db: &TestDb) -> TestResult {
    let (mut session, house) = a_house(db).await?;
    let rex = session.related(house, House.pets)?[0];

    session.unlink(house, House.pets, rex)?;
    assert_eq!(session.related(house, House.pets)?.len(), 1);
    session.commit().await?;

    assert_eq!(db.fetch_all(select(Pet.name)).await?, ["Tom"]);
    Ok(())
}

pub async fn w037_an_orphan_that_finds_another_parent_survives(db: &TestDb) -> TestResult {
    let (mut session, house) = a_house(db).await?;
    let rex = session.related(house, House.pets)?[0];
    let lake = session.add(House::builder().name("Lake"));

    session.unlink(house, House.pets, rex)?;
    session.link(lake, House.pets, rex)?;
    session.delete(house)?;
    session.commit().await?;

    assert_eq!(session.related(lake, House.pets)?, [rex]);
    assert_eq!(db.fetch_all(select((Pet.name, Pet.house_id))).await?, [("Rex".to_owned(), session[lake].id)]);
    assert_eq!(db.fetch_all(select(Guest.house_id)).await?, [None]);
    Ok(())
}

pub async fn w053_a_pending_orphan_leaves_at_once(db: &TestDb) -> TestResult {
    let (mut session, house) = a_house(db).await?;
    let new = session.add(Pet::builder().name("Flea").house(house));

    session.unlink(house, House.pets, new)?;
    assert!(!session.contains(new));
    session.commit().await?;

    assert_eq!(db.log.take().iter().filter(|sent| sent.operation == "INSERT").count(), 0);
    Ok(())
}

pub async fn a_one_to_one_relation_lets_the_other_go(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let alice = session.query(User).filter(User.name.eq("Alice")).with(User.profile).one().await?;
    assert_eq!(session.related(alice, User.profile)?, None);
    let first = session.add(Profile::builder().motto("First").user(alice));
    session.commit().await?;
    assert_eq!(session.related(alice, User.profile)?, Some(first));

    // The key is required, and profiles are no orphans that may be deleted.
    let bob = by_name(&mut session, "Bob").await?;
    let second = session.add(Profile::builder().motto("Second").user(bob));
    let error = refused(session.link(alice, User.profile, second))?;
    assert!(error.to_string().contains("`Profile.user_id` must have a value"), "{error}");
    session.delete(first)?;
    session.link(alice, User.profile, second)?;
    session.commit().await?;

    assert_eq!(session.related(alice, User.profile)?, Some(second));
    assert_eq!(db.fetch_all(select(Profile.motto)).await?, ["Second"]);
    Ok(())
}

async fn a_tagged_post(session: &mut Session) -> orm::Result<(Ref<Post>, Vec<Ref<Tag>>)> {
    let post = session.query(Post).filter(Post.title.eq("Hello")).with(Post.tags.order_by(Tag.name)).one().await?;
    let tags = session.related(post, Post.tags)?;
    Ok((post, tags))
}

pub async fn w044_a_row_between_is_written_by_itself(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let bob = by_name(&mut session, "Bob").await?;
    db.log.take();

    let post = session.add(Post::builder().title("Tagged").author(bob));
    let tag = session.add(Tag::builder().name("new"));
    session.link(post, Post.tags, tag)?;
    assert_eq!(session.related(post, Post.tags)?, [tag]);
    assert_eq!(session.related(tag, Tag.posts)?, [post]);
    session.commit().await?;

    let rows = db.fetch_all(select((PostTag.post_id, PostTag.tag)).filter(PostTag.tag.eq("new"))).await?;
    assert_eq!(rows, [(session[post].id, "new".to_owned())]);
    assert_eq!(db.log.take().iter().filter(|sent| sent.operation == "INSERT").count(), 3);
    Ok(())
}

pub async fn w045_unlinking_all_deletes_rows_between_only(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let (post, tags) = a_tagged_post(&mut session).await?;
    assert_eq!(tags.len(), 2);

    session.replace(post, Post.tags, [])?;
    assert_eq!(session.related(post, Post.tags)?, []);
    session.commit().await?;

    assert_eq!(db.fetch_scalar(select(count(Tag.name))).await?, 2);
    assert_eq!(db.fetch_scalar(select(count(PostTag.tag))).await?, 1);
    Ok(())
}

pub async fn w047_what_is_linked_twice_is_one_row(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let (post, _) = a_tagged_post(&mut session).await?;
    let new = session.add(Tag::builder().name("new"));

    session.link(post, Post.tags, new)?;
    session.link(post, Post.tags, new)?;
    session.commit().await?;

    assert_eq!(session.related(post, Post.tags)?.len(), 3);
    assert_eq!(db.fetch_scalar(select(count(PostTag.tag)).filter(PostTag.tag.eq("new"))).await?, 1);
    Ok(())
}

pub async fn w046_what_is_linked_and_unlinked_is_nothing(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let (post, tags) = a_tagged_post(&mut session).await?;
    let new = session.add(Tag::builder().name("new"));
    session.flush().await?;
    db.log.take();

    session.link(new, Tag.posts, post)?;
    session.unlink(post, Post.tags, new)?;
    session.unlink(post, Post.tags, tags[0])?;
    session.link(tags[0], Tag.posts, post)?;

    assert_eq!(session.related(post, Post.tags)?, tags);
    session.flush().await?;
    assert_eq!(db.log.take().len(), 0);
    Ok(())
}

pub async fn w048_a_row_between_that_is_gone_is_noticed(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let (post, tags) = a_tagged_post(&mut session).await?;
    session.commit().await?;
    db.execute(delete(PostTag).filter(PostTag.tag.eq("rust"))).await?;

    session.unlink(post, Post.tags, tags[0])?;
    let error = refused(session.commit().await)?;
    assert!(matches!(error, Error::StaleObject { .. }), "{error}");
    Ok(())
}

pub async fn w049_both_sides_of_a_pair_are_one_row(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let (post, _) = a_tagged_post(&mut session).await?;
    let new = session.add(Tag::builder().name("new"));

    session.link(post, Post.tags, new)?;
    session.link(new, Tag.posts, post)?;
    session.commit().await?;

    assert_eq!(db.fetch_scalar(select(count(PostTag.tag)).filter(PostTag.tag.eq("new"))).await?, 1);
    Ok(())
}

pub async fn replacing_links_and_unlinks(db: &TestDb) -> TestResult {
    let (mut session, house) = a_house(db).await?;
    let pets = session.related(house, House.pets)?;
    let other = session.add(House::builder().name("Lake").pets([Pet::builder().name("Ben")]));
    let ben = session.related(other, House.pets)?[0];

    session.replace(house, House.pets, [pets[1], ben])?;
    session.commit().await?;

    assert_eq!(session.related(house, House.pets)?, [pets[1], ben]);
    assert_eq!(session.related(other, House.pets)?, []);
    assert_eq!(db.fetch_all(select(Pet.name).order_by(Pet.name)).await?, ["Ben", "Tom"]);
    Ok(())
}

pub async fn a_builder_brings_its_children_along(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);

    let post = |title: &str| {
        Post::builder().title(title).tags(["new"].map(|tag| Tag::builder().name(format!("{tag} {title}"))))
    };
    let dave = session.add(
        User::builder()
            .name("Dave")
            .email("dave@example.com")
            .posts([post("One"), post("Two")])
            .profile(Profile::builder().motto("Onwards")),
    );
    session.commit().await?;

    // Users, profiles, posts, tags and rows between: a batch each.
    assert_eq!(db.log.take().iter().filter(|sent| sent.operation == "INSERT").count(), 5);
    let posts = session.related(dave, User.posts)?;
    assert_eq!(titles(&session, &posts), ["One", "Two"]);
    let tree: Vec<(User, Vec<(Post, Vec<Tag>)>, Option<Profile>)> = db
        .fetch_all(
            select(User)
                .with(User.posts.with(Post.tags).order_by(Post.id))
                .with(User.profile)
                .filter(User.name.eq("Dave")),
        )
        .await?;
    let (_, posts, profile) = &tree[0];
    assert_eq!(
        posts.iter().map(|(post, tags)| (post.title.as_str(), tags[0].name.as_str())).collect::<Vec<_>>(),
        [("One", "new One"), ("Two", "new Two")]
    );
    assert_eq!(profile.as_ref().map(|profile| profile.motto.as_str()), Some("Onwards"));
    Ok(())
}

pub async fn a_builder_brings_along_what_is_there(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);
    let (_, tags) = a_tagged_post(&mut session).await?;
    let bob = by_name(&mut session, "Bob").await?;

    let post = session.add(Post::builder().title("Tagged").author(bob).tags(tags.clone()));
    session.commit().await?;

    assert_eq!(session.related(post, Post.tags)?, tags);
    Ok(())
}

pub async fn a_nested_builder_without_another_key_says_so(db: &TestDb) -> TestResult {
    let (mut session, _) = a_house(db).await?;

    // The stay has its house, but no guest.
    let added = session.try_add(House::builder().name("Lake").stays([Stay::builder()]));
    let error = refused(added)?;
    assert!(error.to_string().contains("required field `guest_id` of `Stay` is not set"), "{error}");
    assert!(!session.is_dirty());
    Ok(())
}

pub async fn a_rollback_gives_relations_back(db: &TestDb) -> TestResult {
    let (mut session, house) = a_house(db).await?;
    let (pets, guests) = (session.related(house, House.pets)?, session.related(house, House.guests)?);

    session.unlink(house, House.pets, pets[0])?;
    session.unlink(house, House.guests, guests[0])?;
    session.add(Pet::builder().name("New").house(house));
    session.flush().await?;
    session.unlink(house, House.pets, pets[1])?;
    session.rollback().await?;

    assert_eq!(session.related(house, House.pets)?, pets);
    assert_eq!(session.related(house, House.guests)?, guests);
    Ok(())
}

pub async fn a_savepoint_gives_relations_back(db: &TestDb) -> TestResult {
    let (mut session, house) = a_house(db).await?;
    let pets = session.related(house, House.pets)?;
    session.unlink(house, House.pets, pets[0])?;

    let mut nested = session.begin_nested().await?;
    nested.unlink(house, House.pets, pets[1])?;
    nested.flush().await?;
    assert_eq!(nested.related(house, House.pets)?, []);
    nested.rollback().await?;

    assert_eq!(session.related(house, House.pets)?, [pets[1]]);
    session.commit().await?;
    assert_eq!(db.fetch_all(select(Pet.name)).await?, ["Tom"]);
    Ok(())
}

pub async fn what_an_object_belongs_to_is_asked_for_once(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut session = Session::new(db);

    let posts = session.query(Post).with(Post.author).order_by(Post.id).all().await?;
    let sent = db.log.take();
    assert_eq!((sent.len(), sent[1].rows), (2, 2));
    assert_eq!(session.related(posts[0], Post.author)?, session.related(posts[1], Post.author)?);

    // They are here now.
    session.load(&posts, Post.author).await?;
    assert_eq!(db.log.take().len(), 0);
    Ok(())
}
