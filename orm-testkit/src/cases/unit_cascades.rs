//! The unit of work: each rule of `on_delete`, for children that are loaded, not loaded and pending. The database carries
//! it out, and the objects follow.

use orm::Error;
use orm::error::HeldBy;
use orm::prelude::*;

use crate::expect::refused;
use crate::{TestDb, TestResult};

/// What others belong to.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(has_many(twigs: Twig.trunk_id, birds: Bird.trunk_id, leaves: Leaf.trunk_id, nests: Nest.trunk_id, moss: Moss.trunk_id))]
pub struct Trunk {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
}

/// It falls with the trunk.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Twig {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// Where it grows.
    #[model(belongs_to(trunk: Trunk), on_delete = cascade)]
    pub trunk_id: i64,
}

/// It flies away.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Bird {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// Where it sits.
    #[model(belongs_to(trunk: Trunk), on_delete = set_null)]
    pub trunk_id: Option<i64>,
}

/// It is swept up under the first trunk.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Leaf {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// Where it lies.
    #[model(belongs_to(trunk: Trunk), on_delete = set_default, default_sql = "1")]
    pub trunk_id: i64,
}

/// It protects its trunk.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Nest {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// Where it is.
    #[model(belongs_to(trunk: Trunk), on_delete = restrict)]
    pub trunk_id: i64,
}

/// It has no rule, which protects as well.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Moss {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// Where it grows.
    #[model(belongs_to(trunk: Trunk))]
    pub trunk_id: i64,
    /// On which twig, which it keeps from falling.
    #[model(belongs_to(twig: Twig), on_delete = no_action)]
    pub twig_id: Option<i64>,
}

/// Trunks 1 and 2, and nothing logged.
async fn trunks(db: &TestDb) -> TestResult {
    db.create_all(schema![Trunk, Twig, Bird, Leaf, Nest, Moss]).await?;
    db.execute(insert([1, 2].map(|id| Trunk { id }))).await?;
    db.log.take();
    Ok(())
}

/// A session with the second trunk, which is to be deleted.
async fn session(db: &TestDb) -> orm::Result<(Session, Ref<Trunk>)> {
    let mut session = Session::new(db);
    let trunk = session.get_one(Trunk, 2).await?;
    db.log.take();
    Ok((session, trunk))
}

fn operations(db: &TestDb) -> Vec<&'static str> {
    db.log.take().iter().map(|sent| sent.operation).collect()
}

/// The rows that are said to hold an object, where there are any.
fn holders(error: &Error) -> Result<HeldBy, String> {
    let held_by = error.context().and_then(|context| context.held_by.clone());
    held_by.filter(|_| matches!(error, Error::ForeignKeyViolation { .. })).ok_or_else(|| error.to_string())
}

fn rows(of: &str, keys: impl IntoIterator<Item = i64>) -> Vec<String> {
    keys.into_iter().map(|key| format!("`{of}({key})`")).collect()
}

pub async fn cascade_takes_loaded_children_along_and_a_rollback_gives_them_back(db: &TestDb) -> TestResult {
    trunks(db).await?;
    db.execute(insert([(1, 1), (2, 2), (3, 2)].map(|(id, trunk_id)| Twig { id, trunk_id }))).await?;
    let (mut session, trunk) = session(db).await?;
    let twigs = session.query(Twig).order_by(Twig.id).all().await?;
    session.load(&[trunk], Trunk.twigs).await?;
    db.log.take();

    session.delete(trunk)?;
    session.flush().await?;
    assert_eq!(operations(db), ["DELETE"]);
    let states: Vec<_> = twigs.iter().map(|twig| session.state(*twig)).collect();
    assert_eq!(states, [State::Persistent, State::Deleted, State::Deleted]);
    session.rollback().await?;
    assert!(twigs.iter().all(|twig| session.state(*twig) == State::Persistent));

    session.delete(trunk)?;
    session.commit().await?;
    assert_eq!((session.handles(Twig), db.fetch_all(select(Twig.id)).await?), (vec![twigs[0]], vec![1]));
    Ok(())
}

pub async fn cascade_takes_children_along_that_nobody_has_loaded(db: &TestDb) -> TestResult {
    trunks(db).await?;
    db.execute(insert((1..=300).map(|id| Twig { id, trunk_id: 2 }).collect::<Vec<_>>())).await?;
    let (mut session, trunk) = session(db).await?;

    session.delete(trunk)?;
    session.commit().await?;

    assert_eq!(operations(db), ["DELETE"]);
    assert_eq!(db.fetch_scalar(select(Twig).count()).await?, 0);
    Ok(())
}

pub async fn cascade_takes_pending_children_along(db: &TestDb) -> TestResult {
    trunks(db).await?;
    let (mut session, trunk) = session(db).await?;
    let twig = session.add(Twig::builder().trunk(trunk));

    session.delete(trunk)?;
    session.flush().await?;
    assert_eq!(session.state(twig), State::Deleted);
    session.commit().await?;

    assert!(!session.contains(twig));
    assert_eq!(db.fetch_scalar(select(Twig).count()).await?, 0);
    Ok(())
}

pub async fn set_null_lets_loaded_children_go_and_a_rollback_binds_them_again(db: &TestDb) -> TestResult {
    trunks(db).await?;
    db.execute(insert([(1, 1), (2, 2)].map(|(id, trunk)| Bird { id, trunk_id: Some(trunk) }))).await?;
    let (mut session, trunk) = session(db).await?;
    let birds = session.query(Bird).order_by(Bird.id).all().await?;
    db.log.take();

    session.delete(trunk)?;
    session.flush().await?;
    assert_eq!(operations(db), ["DELETE"]);
    assert_eq!((session[birds[0]].trunk_id, session[birds[1]].trunk_id), (Some(1), None));
    assert!(!session.is_dirty());
    session.rollback().await?;
    assert_eq!(session[birds[1]].trunk_id, Some(2));

    session.delete(trunk)?;
    session.commit().await?;
    assert_eq!(db.fetch_all(select(Bird.trunk_id).order_by(Bird.id)).await?, [Some(1), None]);
    assert_eq!(session.related(birds[1], Bird.trunk)?, None);
    Ok(())
}

pub async fn set_null_lets_children_go_that_nobody_has_loaded(db: &TestDb) -> TestResult {
    trunks(db).await?;
    db.execute(insert([1, 2].map(|id| Bird { id, trunk_id: Some(2) }))).await?;
    let (mut session, trunk) = session(db).await?;

    session.delete(trunk)?;
    session.commit().await?;

    assert_eq!(operations(db), ["DELETE"]);
    assert_eq!(db.fetch_all(select(Bird.trunk_id)).await?, [None, None]);
    Ok(())
}

pub async fn set_null_lets_pending_children_go(db: &TestDb) -> TestResult {
    trunks(db).await?;
    let (mut session, trunk) = session(db).await?;
    let bird = session.add(Bird::builder().trunk(trunk));

    session.delete(trunk)?;
    session.commit().await?;

    assert_eq!((session.state(bird), session[bird].trunk_id), (State::Persistent, None));
    assert_eq!(db.fetch_all(select(Bird.trunk_id)).await?, [None]);
    session[bird].trunk_id = Some(1);
    session.commit().await?;
    assert_eq!(db.fetch_all(select(Bird.trunk_id)).await?, [Some(1)], "it can be bound to another");
    Ok(())
}

pub async fn set_default_is_read_for_loaded_children_and_undone_by_a_rollback(db: &TestDb) -> TestResult {
    trunks(db).await?;
    db.execute(insert([(1, 1), (2, 2), (3, 2)].map(|(id, trunk_id)| Leaf { id, trunk_id }))).await?;
    let (mut session, trunk) = session(db).await?;
    let leaves = session.query(Leaf).order_by(Leaf.id).all().await?;
    session.load(&[trunk], Trunk.leaves).await?;
    let first = session.query(Trunk).filter(Trunk.id.eq(1)).with(Trunk.leaves).one().await?;
    db.log.take();

    // Only the database knows the default.
    session.delete(trunk)?;
    session.flush().await?;
    assert_eq!(operations(db), ["DELETE", "SELECT"]);
    assert!(leaves.iter().all(|leaf| session[*leaf].trunk_id == 1) && !session.is_dirty());
    assert_eq!(session.related(first, Trunk.leaves)?.len(), 3);
    session.rollback().await?;
    assert_eq!(leaves.iter().map(|leaf| session[*leaf].trunk_id).collect::<Vec<_>>(), [1, 2, 2]);
    assert!(leaves.iter().all(|leaf| session.state(*leaf) == State::Persistent));

    session.delete(trunk)?;
    session.commit().await?;
    assert_eq!(db.fetch_all(select(Leaf.trunk_id)).await?, [1, 1, 1]);
    assert!(leaves.iter().all(|leaf| session[*leaf].trunk_id == 1));
    Ok(())
}

pub async fn set_default_is_left_to_the_database_for_children_that_nobody_has_loaded(db: &TestDb) -> TestResult {
    trunks(db).await?;
    db.execute(insert([1, 2].map(|id| Leaf { id, trunk_id: 2 }))).await?;
    let (mut session, trunk) = session(db).await?;

    session.delete(trunk)?;
    session.commit().await?;

    assert_eq!(operations(db), ["DELETE"]);
    assert_eq!(db.fetch_all(select(Leaf.trunk_id)).await?, [1, 1]);
    Ok(())
}

pub async fn set_default_is_read_for_pending_children(db: &TestDb) -> TestResult {
    trunks(db).await?;
    let (mut session, trunk) = session(db).await?;
    let leaf = session.add(Leaf::builder().trunk(trunk));

    session.delete(trunk)?;
    session.commit().await?;

    assert_eq!((session.state(leaf), session[leaf].trunk_id), (State::Persistent, 1));
    assert_eq!(db.fetch_all(select(Leaf.trunk_id)).await?, [1]);
    Ok(())
}

pub async fn set_default_without_a_row_for_it_is_refused(db: &TestDb) -> TestResult {
    trunks(db).await?;
    db.execute(insert(Leaf { id: 1, trunk_id: 1 })).await?;
    let mut session = Session::new(db);
    let first = session.get_one(Trunk, 1).await?;
    let leaf = session.get_one(Leaf, 1).await?;

    session.delete(first)?;
    let error = refused(session.commit().await)?;

    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error}");
    session.rollback().await?;
    assert_eq!((session.state(first), session[leaf].trunk_id), (State::Persistent, 1));
    Ok(())
}

pub async fn a_delete_by_a_condition_is_followed_by_each_rule(db: &TestDb) -> TestResult {
    trunks(db).await?;
    let mut session = Session::new(db);
    let trunk = session.get_one(Trunk, 2).await?;
    let twig = session.add(Twig::builder().trunk(trunk));
    let bird = session.add(Bird::builder().trunk(trunk));
    let leaf = session.add(Leaf::builder().trunk(trunk));
    session.commit().await?;

    assert_eq!(session.query(Trunk).filter(Trunk.id.eq(2)).delete().await?, 1);
    assert_eq!((session.state(trunk), session.state(twig)), (State::Deleted, State::Deleted));
    assert_eq!((session[bird].trunk_id, session[leaf].trunk_id), (None, 1));
    session.rollback().await?;

    assert_eq!((session.state(trunk), session.state(twig)), (State::Persistent, State::Persistent));
    assert_eq!((session[bird].trunk_id, session[leaf].trunk_id), (Some(2), 2));
    Ok(())
}

pub async fn restrict_names_the_loaded_children_that_hold_an_object(db: &TestDb) -> TestResult {
    trunks(db).await?;
    db.execute(insert((1..=8).map(|id| Nest { id, trunk_id: 2 }).collect::<Vec<_>>())).await?;
    let (mut session, trunk) = session(db).await?;
    let nests = session.query(Nest).order_by(Nest.id).all().await?;
    session.delete(trunk)?;
    session.delete(nests[0])?;
    db.log.take();

    let error = refused(session.commit().await)?;

    assert_eq!(holders(&error)?, HeldBy { rows: rows("Nest", 2..=6), more: 2 });
    let text = error.to_string();
    assert!(text.contains("by `Trunk(2)`, held by `Nest(2)`, `Nest(3)`") && text.contains(" and 2 more"), "{text}");
    assert_eq!(operations(db).iter().filter(|sent| **sent == "SELECT").count(), 0, "they are here");
    session.rollback().await?;
    assert_eq!((session.state(trunk), session.state(nests[0])), (State::Persistent, State::Persistent));
    for nest in nests {
        session.delete(nest)?;
    }
    session.delete(trunk)?;
    session.commit().await?;
    assert_eq!(db.fetch_all(select(Trunk.id)).await?, [1]);
    Ok(())
}

pub async fn restrict_names_children_that_nobody_has_loaded(db: &TestDb) -> TestResult {
    trunks(db).await?;
    db.execute(insert((1..=8).map(|id| Nest { id, trunk_id: 2 }).collect::<Vec<_>>())).await?;
    let (mut session, trunk) = session(db).await?;
    session.delete(trunk)?;

    let error = refused(session.commit().await)?;

    assert_eq!(holders(&error)?, HeldBy { rows: rows("Nest", 1..=5), more: 3 });

    // Of several rows that are deleted together, each is tried by itself.
    session.rollback().await?;
    db.execute(insert(Trunk { id: 3 })).await?;
    let third = session.get_one(Trunk, 3).await?;
    session.delete(third)?;
    session.delete(trunk)?;
    let error = refused(session.commit().await)?;
    assert_eq!(holders(&error)?, HeldBy { rows: rows("Nest", 1..=5), more: 3 });
    assert!(error.to_string().contains("by `Trunk(2)`"), "{error}");
    Ok(())
}

pub async fn restrict_names_pending_children(db: &TestDb) -> TestResult {
    trunks(db).await?;
    let (mut session, trunk) = session(db).await?;
    let nest = session.add(Nest::builder().trunk(trunk));
    session.delete(trunk)?;

    let error = refused(session.commit().await)?;

    assert_eq!(holders(&error)?, HeldBy { rows: rows("Nest", [1]), more: 0 });
    session.rollback().await?;
    assert_eq!((session.state(trunk), session.contains(nest)), (State::Persistent, false));
    Ok(())
}

pub async fn no_action_holds_as_restrict_does_and_also_what_would_fall_with_another(db: &TestDb) -> TestResult {
    trunks(db).await?;
    db.execute(insert(Twig { id: 7, trunk_id: 2 })).await?;
    db.execute(insert(Moss { id: 1, trunk_id: 1, twig_id: Some(7) })).await?;
    let (mut session, trunk) = session(db).await?;
    let twig = session.get_one(Twig, 7).await?;
    let moss = session.get_one(Moss, 1).await?;

    // The moss holds the twig, which would fall with the trunk.
    session.delete(trunk)?;
    let error = refused(session.commit().await)?;
    assert_eq!(holders(&error)?, HeldBy { rows: rows("Moss", [1]), more: 0 });
    session.rollback().await?;
    assert_eq!((session.state(trunk), session.state(twig)), (State::Persistent, State::Persistent));

    session.set(moss, Moss.twig, None)?;
    session.set(moss, Moss.trunk, trunk)?;
    session.flush().await?;
    session.delete(trunk)?;
    let error = refused(session.commit().await)?;
    assert_eq!(holders(&error)?, HeldBy { rows: rows("Moss", [1]), more: 0 });
    session.rollback().await?;

    session.delete(moss)?;
    session.delete(trunk)?;
    session.commit().await?;
    assert_eq!(db.fetch_all(select(Trunk.id)).await?, [1]);
    assert!(!session.contains(twig));
    Ok(())
}
