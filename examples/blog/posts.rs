//! Posts, their comments and tags.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use orm::prelude::*;
use serde::{Deserialize, Serialize};

use super::App;
use super::error::{Asked, Body, Problem, Result};
use super::models::{Comment, Post, Tag, User};

/// A post in a list.
#[derive(Serialize, Shape)]
#[shape(model = Post)]
pub(crate) struct Teaser {
    id: i64,
    title: String,
    published_at: Option<DateTime<Utc>>,
    author: Author,
    #[shape(order_by = Tag.name)]
    tags: Vec<TagName>,
    #[shape(expr = Post.comments.count())]
    comments: i64,
}

/// A post with all there is to it.
#[derive(Serialize, Shape)]
#[shape(model = Post)]
pub(crate) struct Article {
    id: i64,
    title: String,
    body: String,
    published_at: Option<DateTime<Utc>>,
    version: i64,
    author: AuthorWithBio,
    #[shape(order_by = Tag.name)]
    tags: Vec<TagName>,
    #[shape(filter = Comment.parent_id.is_null(), order_by = Comment.id)]
    comments: Vec<Thread>,
    #[shape(expr = Post.bookmarks.count())]
    bookmarks: i64,
}

/// A comment with what was replied to it.
#[derive(Serialize, Shape)]
#[shape(model = Comment)]
struct Thread {
    id: i64,
    text: String,
    author: Option<Author>,
    #[shape(order_by = Comment.id)]
    replies: Vec<Reply>,
}

#[derive(Serialize, Shape)]
#[shape(model = Comment)]
struct Reply {
    id: i64,
    text: String,
    author: Option<Author>,
}

#[derive(Serialize, Shape)]
#[shape(model = User)]
struct Author {
    id: i64,
    name: String,
}

#[derive(Serialize, Shape)]
#[shape(model = User)]
struct AuthorWithBio {
    id: i64,
    name: String,
    profile: Option<super::users::Bio>,
}

/// In JSON it is its name.
#[derive(Serialize, Shape)]
#[serde(transparent)]
#[shape(model = Tag)]
struct TagName {
    name: String,
}

/// What a list of posts is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// In the title or the body.
    search: Option<String>,
    tag: Option<String>,
    author: Option<i64>,
    /// Only posts that are older than this one: the last of the page before.
    before: Option<i64>,
    #[serde(default = "Wanted::limit")]
    limit: u64,
}

impl Wanted {
    fn limit() -> u64 {
        20
    }

    /// The newest posts that are wanted. What is not asked for is not in the statement.
    fn posts(&self) -> Select<Teaser> {
        let mut q = shape::<Teaser>().order_by(Post.id.desc());
        if let Some(text) = &self.search {
            q = q.filter(Post.title.icontains(text).or(Post.body.icontains(text)));
        }
        if let Some(tag) = &self.tag {
            q = q.filter(Post.tags.any(Tag.name.eq(tag)));
        }
        if let Some(author) = self.author {
            q = q.filter(Post.author_id.eq(author));
        }
        if let Some(before) = self.before {
            q = q.filter(Post.id.lt(before));
        }
        q
    }
}

/// A page, and where the next one begins. A page that begins behind a row stays right when new rows come, and costs the same
/// however far it is from the first.
#[derive(Serialize)]
pub(crate) struct Page {
    posts: Vec<Teaser>,
    /// The `before` of the next page.
    next: Option<i64>,
}

/// `GET /posts?search=..&tag=..&author=..&before=..&limit=..`: two statements.
pub(crate) async fn list(State(app): State<App>, wanted: Asked<Wanted>) -> Result<Json<Page>> {
    let Query(wanted) = wanted?;
    let limit = wanted.limit.clamp(1, 100);
    // One more than wanted tells whether there is another page.
    let mut posts = app.public.fetch_all(wanted.posts().limit(limit + 1)).await?;
    let more = posts.len() as u64 > limit;
    if more {
        posts.pop();
    }
    let next = posts.last().filter(|_| more).map(|post| post.id);
    Ok(Json(Page { posts, next }))
}

/// `GET /posts/{id}`: a statement for the post with its author, and one for each of biography, tags, comments and replies.
pub(crate) async fn show(State(app): State<App>, Path(id): Path<i64>) -> Result<Json<Article>> {
    Ok(Json(app.public.fetch_one(shape::<Article>().filter(Post.id.eq(id))).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPost {
    author_id: i64,
    title: String,
    body: String,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct Created {
    pub(crate) id: i64,
}

/// `POST /posts`: a draft.
pub(crate) async fn create(State(app): State<App>, new: Body<NewPost>) -> Result<(StatusCode, Json<Created>)> {
    let Json(new) = new?;
    let mut session = Session::new(&app.db);
    let post = session.add(Post::builder().author_id(new.author_id).title(new.title).body(new.body));
    tag(&mut session, post, new.tags).await?;
    session.commit().await?;
    Ok((StatusCode::CREATED, Json(Created { id: session[post].id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edit {
    /// Of the post as the editor saw it.
    version: i64,
    title: Option<String>,
    body: Option<String>,
    tags: Option<Vec<String>>,
}

/// `PATCH /posts/{id}`: only what is given changes, and only that is written.
pub(crate) async fn edit(State(app): State<App>, Path(id): Path<i64>, edit: Body<Edit>) -> Result<StatusCode> {
    let Json(edit) = edit?;
    let mut session = Session::new(&app.db);
    // Who reads what it is going to change waits for its turn before it reads.
    session.begin().await?;
    let post = session.get_one(Post, id).await?;
    if session[post].version != edit.version {
        return Err(Problem::conflict("changed by somebody else"));
    }
    if let Some(title) = edit.title {
        session[post].title = title;
    }
    if let Some(body) = edit.body {
        session[post].body = body;
    }
    if let Some(tags) = edit.tags {
        session.load(&[post], Post.tags).await?;
        tag(&mut session, post, tags).await?;
    }
    session.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a post these tags and no others. Tags that are new are made, unless somebody else just did.
async fn tag(session: &mut Session, post: Ref<Post>, names: Vec<String>) -> Result<()> {
    let new: Vec<_> = names.iter().map(|name| Tag::builder().name(name)).collect();
    session.execute(insert(new).on_conflict(Tag.name).do_nothing()).await?;
    let tags = session.query(Tag).filter(Tag.name.in_(names)).all().await?;
    Ok(session.replace(post, Post.tags, tags)?)
}

/// `PUT /posts/{id}/published`: from now on everybody may read it. Said again, it changes nothing.
pub(crate) async fn publish(State(app): State<App>, Path(id): Path<i64>) -> Result<StatusCode> {
    let mut session = Session::new(&app.db);
    session.begin().await?;
    let post = session.get_one(Post, id).await?;
    session[post].published_at.get_or_insert_with(Utc::now);
    session.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /posts/{id}`: nobody sees it any more, and it stays in the table. One statement.
pub(crate) async fn delete(State(app): State<App>, Path(id): Path<i64>) -> Result<StatusCode> {
    let deleted = update(Post).set(Post.deleted_at, Utc::now()).filter(Post.id.eq(id));
    match app.db.execute(deleted).await? {
        0 => Err(orm::Error::NoRow.into()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewComment {
    author_id: i64,
    text: String,
    parent_id: Option<i64>,
}

/// `POST /posts/{id}/comments`: of a post that is published, to it or to a comment on it.
pub(crate) async fn comment(
    State(app): State<App>,
    Path(id): Path<i64>,
    new: Body<NewComment>,
) -> Result<(StatusCode, Json<Created>)> {
    let Json(new) = new?;
    let mut session = Session::new(&app.public);
    session.begin().await?;
    let post = session.get_one(Post, id).await?;
    if let Some(parent) = new.parent_id {
        let of_the_post = session.query(Comment).filter(Comment.id.eq(parent)).filter(Comment.post_id.eq(id));
        if !of_the_post.exists().await? {
            return Err(Problem::field("parent_id", "is no comment on this post"));
        }
    }
    let comment = Comment::builder().post(post).author_id(new.author_id).parent_id(new.parent_id).text(new.text);
    let comment = session.add(comment);
    session.commit().await?;
    Ok((StatusCode::CREATED, Json(Created { id: session[comment].id })))
}

/// A tag with how many posts it leads to.
#[derive(Serialize, Shape)]
#[shape(model = Tag)]
pub(crate) struct Popular {
    name: String,
    #[shape(expr = Tag.posts.count())]
    posts: i64,
}

/// `GET /tags`: those that lead anywhere, the busiest first.
pub(crate) async fn tags(State(app): State<App>) -> Result<Json<Vec<Popular>>> {
    let busiest = shape::<Popular>().filter(Tag.posts.exists()).order_by((Tag.posts.count().desc(), Tag.name));
    Ok(Json(app.public.fetch_all(busiest).await?))
}
