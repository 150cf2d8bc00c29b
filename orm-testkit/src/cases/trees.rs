//! Trees: rows below and above one, by a relation of a model to itself.

use orm::prelude::*;

use crate::models::{Post, User, keyed};
use crate::{TestDb, TestResult};

/// ```text
/// 1 ── 2 ── 4 ── 6
///  └─ 3 ── 5          7 (by itself)
/// ```
async fn staff(db: &TestDb) -> orm::Result<()> {
    db.create_all(schema![User, Post]).await?;
    let managers = [(1, None), (2, Some(1)), (3, Some(1)), (4, Some(2)), (5, Some(3)), (6, Some(4)), (7, None)];
    let users = managers.map(|(id, manager_id)| User { manager_id, ..keyed(id, &format!("user {id}")) });
    db.execute(insert(users)).await?;
    db.log.take();
    Ok(())
}

/// Puts a circle into it: 6 is above 1.
async fn circle(db: &TestDb) -> orm::Result<()> {
    staff(db).await?;
    db.execute(update(User).set(User.manager_id, 6).filter(User.id.eq(1))).await?;
    db.log.take();
    Ok(())
}

async fn ids(db: &TestDb, tree: orm::query::Tree<User>) -> orm::Result<Vec<i64>> {
    db.fetch_all(tree.keys().order_by(User.id)).await
}

async fn depths(db: &TestDb, tree: orm::query::Tree<User>) -> orm::Result<Vec<(i64, i64)>> {
    let rows = db.fetch_all(tree.select_with_depth()).await?;
    Ok(rows.into_iter().map(|(user, depth)| (user.id, depth)).collect())
}

pub async fn descendants_are_found_to_any_depth(db: &TestDb) -> TestResult {
    staff(db).await?;

    let below: Vec<User> = db.fetch_all(User.manager.descendants(1).select().order_by(User.id)).await?;
    let filtered = db.fetch_all(User.manager.descendants(2).select().filter(User.name.ne("user 4"))).await?;

    assert_eq!(below.iter().map(|user| user.id).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
    assert_eq!(filtered.iter().map(|user| user.id).collect::<Vec<_>>(), [6]);
    assert_eq!(db.log.take().len(), 2);
    Ok(())
}

pub async fn ancestors_lead_to_the_root(db: &TestDb) -> TestResult {
    staff(db).await?;

    assert_eq!(ids(db, User.manager.ancestors(6)).await?, [1, 2, 4]);
    assert_eq!(depths(db, User.manager.ancestors(6)).await?, [(4, 1), (2, 2), (1, 3)]);
    assert_eq!(ids(db, User.manager.ancestors(1)).await?, [0_i64; 0]);
    assert_eq!(db.log.take().len(), 3);
    Ok(())
}

pub async fn a_depth_is_the_number_of_steps(db: &TestDb) -> TestResult {
    staff(db).await?;

    assert_eq!(depths(db, User.manager.descendants(1)).await?, [(2, 1), (3, 1), (4, 2), (5, 2), (6, 3)]);
    let deepest = User.manager.descendants(1).select_with_depth().reorder(label("depth").desc()).limit(1);
    let (user, depth) = db.fetch_one(deepest).await?;
    assert_eq!((user.id, depth), (6, 3));
    Ok(())
}

pub async fn a_tree_ends_where_it_is_told_to(db: &TestDb) -> TestResult {
    staff(db).await?;

    assert_eq!(ids(db, User.manager.descendants(1).max_depth(2)).await?, [2, 3, 4, 5]);
    assert_eq!(ids(db, User.manager.descendants(1).max_depth(0)).await?, [0_i64; 0]);
    assert_eq!(depths(db, User.manager.ancestors(6).max_depth(1)).await?, [(4, 1)]);
    Ok(())
}

pub async fn a_circle_ends_where_it_closes(db: &TestDb) -> TestResult {
    circle(db).await?;

    assert_eq!(ids(db, User.manager.descendants(4)).await?, [1, 2, 3, 5, 6]);
    assert_eq!(depths(db, User.manager.descendants(4)).await?, [(6, 1), (1, 2), (2, 3), (3, 3), (5, 4)]);
    assert_eq!(depths(db, User.manager.descendants(4).max_depth(9)).await?, [(6, 1), (1, 2), (2, 3), (3, 3), (5, 4)]);
    assert_eq!(depths(db, User.manager.ancestors(4)).await?, [(2, 1), (1, 2), (6, 3)]);
    Ok(())
}

/// 5 is no part of the circle into which those above it lead.
pub async fn a_way_into_a_circle_ends(db: &TestDb) -> TestResult {
    circle(db).await?;

    assert_eq!(ids(db, User.manager.ancestors(5)).await?, [1, 2, 3, 4, 6]);
    assert_eq!(depths(db, User.manager.ancestors(5)).await?, [(3, 1), (1, 2), (6, 3), (4, 4), (2, 5)]);
    Ok(())
}

pub async fn the_row_itself_is_there_if_asked_for(db: &TestDb) -> TestResult {
    circle(db).await?;

    assert_eq!(ids(db, User.manager.descendants(3).with_root()).await?, [3, 5]);
    assert_eq!(depths(db, User.manager.descendants(2).with_root().max_depth(1)).await?, [(2, 0), (4, 1)]);
    Ok(())
}

pub async fn a_leaf_and_a_key_that_is_not_there_have_nothing_below(db: &TestDb) -> TestResult {
    staff(db).await?;

    assert_eq!(ids(db, User.manager.descendants(7)).await?, [0_i64; 0]);
    assert_eq!(ids(db, User.manager.descendants(99).with_root()).await?, [0_i64; 0]);
    assert_eq!(depths(db, User.manager.ancestors(99)).await?, []);
    Ok(())
}

pub async fn both_sides_of_a_relation_see_the_same_tree(db: &TestDb) -> TestResult {
    staff(db).await?;

    assert_eq!(ids(db, User.reports.descendants(2)).await?, ids(db, User.manager.descendants(2)).await?);
    assert_eq!(depths(db, User.reports.ancestors(6)).await?, depths(db, User.manager.ancestors(6)).await?);
    Ok(())
}

pub async fn keys_of_a_tree_are_a_subquery(db: &TestDb) -> TestResult {
    staff(db).await?;
    let post = |author, title: &str| Post::builder().author_id(author).title(title);
    db.execute(insert([post(6, "six"), post(5, "five"), post(2, "two")])).await?;

    let below = User.manager.descendants(2).with_root().keys();
    let titles = db.fetch_all(select(Post.title).filter(Post.author_id.in_(below)).order_by(Post.title)).await?;

    assert_eq!(titles, ["six", "two"]);
    Ok(())
}

pub async fn a_session_has_the_rows_of_a_tree(db: &TestDb) -> TestResult {
    staff(db).await?;
    let mut session = Session::new(db);
    let six = session.query(User).filter(User.id.eq(6)).one().await?;
    session[six].manager_id = Some(3);

    let below = session.query(User.manager.descendants(3)).order_by(User.id).all().await?;

    assert_eq!(below.iter().map(|user| session[*user].id).collect::<Vec<_>>(), [5, 6]);
    assert_eq!(below[1], six);
    Ok(())
}

/// A place from which tracks lead to others.
#[derive(Debug, Clone, Model)]
#[model(many_to_many(next: Station through Track(from_id -> to_id)))]
pub struct Station {
    #[model(primary_key, natural)]
    pub id: i64,
}

#[derive(Debug, Clone, Model)]
#[model(primary_key(from_id, to_id))]
pub struct Track {
    #[model(belongs_to(from: Station))]
    pub from_id: i64,
    #[model(belongs_to(to: Station))]
    pub to_id: i64,
}

/// 1 leads to 2 and 3, both to 4, that to 5 and back to 1; 6 leads to 5.
pub async fn a_graph_is_walked_by_the_nearest_way(db: &TestDb) -> TestResult {
    db.create_all(schema![Station, Track]).await?;
    db.execute(insert((1..=6).map(|id| Station { id }).collect::<Vec<_>>())).await?;
    let tracks = [(1, 2), (1, 3), (2, 4), (3, 4), (4, 5), (4, 1), (6, 5)];
    db.execute(insert(tracks.map(|(from_id, to_id)| Track { from_id, to_id }))).await?;
    let depths = async |tree: orm::query::Tree<Station>| -> orm::Result<Vec<(i64, i64)>> {
        let rows = db.fetch_all(tree.select_with_depth()).await?;
        Ok(rows.into_iter().map(|(station, depth)| (station.id, depth)).collect())
    };

    assert_eq!(depths(Station.next.descendants(1)).await?, [(2, 1), (3, 1), (4, 2), (5, 3)]);
    assert_eq!(depths(Station.next.ancestors(5)).await?, [(4, 1), (6, 1), (2, 2), (3, 2), (1, 3)]);
    assert_eq!(depths(Station.next.descendants(1).max_depth(1).with_root()).await?, [(1, 0), (2, 1), (3, 1)]);
    let reached = db.fetch_all(Station.next.descendants(6).keys()).await?;
    assert_eq!(reached, [5]);
    Ok(())
}
