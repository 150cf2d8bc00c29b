//! The tables. A model holds its columns; what is related is declared beside them, and loaded where it is asked for.

use chrono::{DateTime, Utc};
use orm::prelude::*;

/// Somebody who writes.
#[derive(Debug, Clone, Model)]
#[model(
    table = "users",
    has_one(profile: Profile.user_id),
    has_many(posts: Post.author_id, comments: Comment.author_id),
    many_to_many(bookmarked: Post through Bookmark)
)]
pub(crate) struct User {
    /// The key.
    #[model(primary_key)]
    pub(crate) id: i64,
    /// By which others know them.
    #[model(unique, max_length = 40)]
    pub(crate) name: String,
}

/// What somebody says of themselves. It has its user's key: there is one at most.
#[derive(Debug, Clone, Model)]
pub(crate) struct Profile {
    /// Whose it is.
    #[model(primary_key, belongs_to(user: User), on_delete = cascade)]
    pub(crate) user_id: i64,
    /// The text.
    pub(crate) bio: String,
}

/// Something to read. Before it is published only its author sees it; what is deleted stays in the table.
#[derive(Debug, Clone, Model)]
#[model(
    has_many(comments: Comment.post_id, bookmarks: Bookmark.post_id),
    many_to_many(tags: Tag through PostTag)
)]
pub(crate) struct Post {
    /// The key. Later posts have larger ones.
    #[model(primary_key)]
    pub(crate) id: i64,
    /// Who wrote it.
    #[model(belongs_to(author: User), on_delete = restrict, index)]
    pub(crate) author_id: i64,
    /// What stands above it.
    #[model(max_length = 120)]
    pub(crate) title: String,
    /// The text.
    pub(crate) body: String,
    /// Since when everybody may read it.
    pub(crate) published_at: Option<DateTime<Utc>>,
    /// Since when nobody may.
    pub(crate) deleted_at: Option<DateTime<Utc>>,
    /// Counted up by each change, so that of two people who edit at once the second hears of it.
    #[model(version)]
    pub(crate) version: i64,
}

/// What somebody says to a post, or to another comment on it.
#[derive(Debug, Clone, Model)]
#[model(has_many(replies: Comment.parent_id))]
pub(crate) struct Comment {
    /// The key.
    #[model(primary_key)]
    pub(crate) id: i64,
    /// To which post.
    #[model(belongs_to(post: Post), on_delete = cascade, index)]
    pub(crate) post_id: i64,
    /// Who said it. It stays when they leave.
    #[model(belongs_to(author: User), on_delete = set_null, index)]
    pub(crate) author_id: Option<i64>,
    /// To which comment, if it is a reply.
    #[model(belongs_to(parent: Comment), on_delete = cascade, index)]
    pub(crate) parent_id: Option<i64>,
    /// The text.
    pub(crate) text: String,
}

/// A word by which posts are found.
#[derive(Debug, Clone, Model)]
#[model(many_to_many(posts: Post through PostTag))]
pub(crate) struct Tag {
    /// The key.
    #[model(primary_key)]
    pub(crate) id: i64,
    /// The word.
    #[model(unique, max_length = 30)]
    pub(crate) name: String,
}

/// Which post has which tag, and nothing else: a session writes these rows by `link` and `replace`.
#[derive(Debug, Clone, Model)]
#[model(primary_key(post_id, tag_id))]
pub(crate) struct PostTag {
    /// The post.
    #[model(belongs_to(post: Post), on_delete = cascade)]
    pub(crate) post_id: i64,
    /// The tag.
    #[model(belongs_to(tag: Tag), on_delete = cascade, index)]
    pub(crate) tag_id: i64,
}

/// Who wants to read which post again. It has something to say of its own, so it is written as a row.
#[derive(Debug, Clone, Model)]
#[model(primary_key(user_id, post_id))]
pub(crate) struct Bookmark {
    /// Who.
    #[model(belongs_to(user: User), on_delete = cascade)]
    pub(crate) user_id: i64,
    /// Which post.
    #[model(belongs_to(post: Post), on_delete = cascade, index)]
    pub(crate) post_id: i64,
    /// Why.
    pub(crate) note: Option<String>,
}

/// All tables.
pub(crate) fn tables() -> orm::schema::Schema {
    schema![User, Profile, Post, Comment, Tag, PostTag, Bookmark]
}

/// What rows must be, whoever writes them by a session. All that is wrong is told at once, with the names of the columns.
pub(crate) fn rules() -> Hooks {
    Hooks::new()
        .validate(|user: &User, violations| {
            if !(1..=40).contains(&user.name.trim().chars().count()) {
                violations.add(User.name, "must have 1 to 40 letters");
            }
        })
        .validate(|post: &Post, violations| {
            if !(1..=120).contains(&post.title.trim().chars().count()) {
                violations.add(Post.title, "must have 1 to 120 letters");
            }
            if post.body.trim().is_empty() {
                violations.add(Post.body, "must not be empty");
            }
        })
        .validate(|comment: &Comment, violations| {
            if comment.text.trim().is_empty() {
                violations.add(Comment.text, "must not be empty");
            }
        })
}
