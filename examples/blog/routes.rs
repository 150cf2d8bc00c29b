//! Which path is which function.

use axum::Router;
use axum::routing::{get, post, put};

use super::{App, posts, users};

/// The routes of the service.
pub(crate) fn of(app: App) -> Router {
    Router::new()
        .route("/posts", get(posts::list).post(posts::create))
        .route("/posts/{id}", get(posts::show).patch(posts::edit).delete(posts::delete))
        .route("/posts/{id}/published", put(posts::publish))
        .route("/posts/{id}/comments", post(posts::comment))
        .route("/tags", get(posts::tags))
        .route("/users", get(users::list).post(users::create))
        .route("/users/{id}", get(users::show).delete(users::delete))
        .route("/users/{id}/bookmarks", get(users::bookmarks))
        .route("/users/{id}/bookmarks/{post_id}", put(users::bookmark))
        .with_state(app)
}
