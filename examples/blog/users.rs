//! Users, what they say of themselves, and what they want to read again.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use orm::prelude::*;
use serde::{Deserialize, Serialize};

use super::App;
use super::error::{Asked, Body, Problem, Result};
use super::models::{Bookmark, Post, Profile, User};
use super::posts::Created;

/// In JSON it is its text.
#[derive(Serialize, Shape)]
#[serde(transparent)]
#[shape(model = Profile)]
pub(crate) struct Bio {
    bio: String,
}

/// A user in a list.
#[derive(Serialize, Shape)]
#[shape(model = User)]
pub(crate) struct Writer {
    id: i64,
    name: String,
    #[shape(expr = User.posts.count())]
    posts: i64,
}

/// A user's own page.
#[derive(Serialize, Shape)]
#[shape(model = User)]
pub(crate) struct UserPage {
    id: i64,
    name: String,
    #[shape(column = profile)]
    bio: Option<Bio>,
    #[shape(expr = User.posts.count())]
    posts: i64,
    #[shape(expr = User.comments.count())]
    comments: i64,
    #[shape(expr = User.bookmarked.count())]
    bookmarks: i64,
    #[shape(column = posts, order_by = Post.id.desc(), limit = 3)]
    newest: Vec<Headline>,
}

#[derive(Serialize, Shape)]
#[shape(model = Post)]
struct Headline {
    id: i64,
    title: String,
}

/// A post that somebody wants to read again.
#[derive(Serialize, Shape)]
#[shape(model = Bookmark)]
pub(crate) struct Bookmarked {
    note: Option<String>,
    post: Headline,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// From 1 on.
    #[serde(default = "Wanted::first")]
    page: u64,
}

impl Wanted {
    const SIZE: u64 = 20;

    fn first() -> u64 {
        1
    }
}

/// A page by its number, for those who want to know how many there are.
#[derive(Serialize)]
pub(crate) struct Page {
    users: Vec<Writer>,
    total: i64,
}

/// `GET /users?page=..`: two statements.
pub(crate) async fn list(State(app): State<App>, wanted: Asked<Wanted>) -> Result<Json<Page>> {
    let Query(wanted) = wanted?;
    let q = shape::<Writer>().order_by((User.name, User.id));
    let total = app.public.fetch_scalar(q.count()).await?;
    let behind = wanted.page.saturating_sub(1).saturating_mul(Wanted::SIZE);
    let users = app.public.fetch_all(q.limit(Wanted::SIZE).offset(behind)).await?;
    Ok(Json(Page { users, total }))
}

/// `GET /users/{id}`: three statements.
pub(crate) async fn show(State(app): State<App>, Path(id): Path<i64>) -> Result<Json<UserPage>> {
    Ok(Json(app.public.fetch_one(shape::<UserPage>().filter(User.id.eq(id))).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    name: String,
    bio: Option<String>,
}

/// `POST /users`: with what they say of themselves, or without.
pub(crate) async fn create(State(app): State<App>, new: Body<NewUser>) -> Result<(StatusCode, Json<Created>)> {
    let Json(new) = new?;
    let mut session = Session::new(&app.db);
    let user = session.add(User::builder().name(new.name));
    if let Some(bio) = new.bio {
        session.add(Profile::builder().user(user).bio(bio));
    }
    session.commit().await?;
    Ok((StatusCode::CREATED, Json(Created { id: session[user].id })))
}

/// `DELETE /users/{id}`: refused while there are posts of theirs; their comments stay, and are nobody's.
pub(crate) async fn delete(State(app): State<App>, Path(id): Path<i64>) -> Result<StatusCode> {
    let mut session = Session::new(&app.db);
    session.begin().await?;
    let user = session.get_one(User, id).await?;
    session.delete(user)?;
    match session.commit().await {
        Err(orm::Error::ForeignKeyViolation { .. }) => Err(Problem::conflict("has posts still")),
        done => Ok(done.map(|()| StatusCode::NO_CONTENT)?),
    }
}

/// `GET /users/{id}/bookmarks`: one statement. The join leaves out what is published no more.
pub(crate) async fn bookmarks(State(app): State<App>, Path(id): Path<i64>) -> Result<Json<Vec<Bookmarked>>> {
    let q = shape::<Bookmarked>().join(Bookmark.post).filter(Bookmark.user_id.eq(id)).order_by(Post.id.desc());
    Ok(Json(app.public.fetch_all(q).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    note: Option<String>,
}

/// `PUT /users/{id}/bookmarks/{post_id}`: said again, it changes the note.
pub(crate) async fn bookmark(
    State(app): State<App>,
    Path((id, post_id)): Path<(i64, i64)>,
    why: Body<Why>,
) -> Result<StatusCode> {
    let Json(why) = why?;
    let mut tx = app.public.begin().await?;
    tx.fetch_one(select(Post.id).filter(Post.id.eq(post_id))).await?;
    tx.fetch_one(select(User.id).filter(User.id.eq(id))).await?;
    let row = Bookmark { user_id: id, post_id, note: why.note };
    let upsert = insert(row).on_conflict((Bookmark.user_id, Bookmark.post_id)).do_update(Bookmark.note);
    tx.execute(upsert).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
