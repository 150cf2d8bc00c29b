//! The models of these tests: every kind of relation, and a table that has no need for long lists of columns.

use orm::prelude::*;

/// A person, who may have a manager, a profile and posts.
#[derive(Debug, Clone, Model)]
#[model(
    table = "users",
    has_many(posts: Post.author_id, reports: User.manager_id),
    has_one(profile: Profile.user_id),
)]
pub(crate) struct User {
    #[model(primary_key)]
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) nickname: Option<String>,
    pub(crate) age: Option<i32>,
    #[model(default = true)]
    pub(crate) active: bool,
    #[model(belongs_to(manager: User), on_delete = set_null)]
    pub(crate) manager_id: Option<i64>,
}

#[derive(Debug, Clone, Model)]
pub(crate) struct Profile {
    #[model(primary_key)]
    pub(crate) id: i64,
    #[model(belongs_to(user: User), on_delete = cascade, unique)]
    pub(crate) user_id: i64,
    pub(crate) motto: String,
}

#[derive(Debug, Clone, Model)]
#[model(has_many(comments: Comment.post_id), many_to_many(tags: Tag through PostTag))]
pub(crate) struct Post {
    #[model(primary_key)]
    pub(crate) id: i64,
    #[model(belongs_to(author: User), on_delete = cascade, index)]
    pub(crate) author_id: i64,
    #[model(belongs_to(editor: User))]
    pub(crate) editor_id: Option<i64>,
    pub(crate) title: String,
    #[model(default = 0)]
    pub(crate) views: i64,
    #[model(default = 0.0)]
    pub(crate) score: f64,
}

#[derive(Debug, Clone, Model)]
pub(crate) struct Comment {
    #[model(primary_key)]
    pub(crate) id: i64,
    #[model(belongs_to(post: Post), on_delete = cascade)]
    pub(crate) post_id: i64,
    pub(crate) body: String,
}

/// A word for posts: the word is the key.
#[derive(Debug, Clone, Model)]
#[model(many_to_many(posts: Post through PostTag))]
pub(crate) struct Tag {
    #[model(primary_key)]
    pub(crate) name: String,
}

#[derive(Debug, Clone, Model)]
#[model(primary_key(post_id, tag))]
pub(crate) struct PostTag {
    #[model(belongs_to(post: Post), on_delete = cascade)]
    pub(crate) post_id: i64,
    #[model(belongs_to(word: Tag), on_delete = cascade, on_update = cascade)]
    pub(crate) tag: String,
}

/// A model that no other knows.
#[derive(Debug, Clone, Model)]
pub(crate) struct Country {
    #[model(primary_key)]
    pub(crate) code: String,
}

/// Names that need their quotes.
#[derive(Debug, Clone, Model)]
#[model(table = "gro\"\u{df}e `tabelle`")]
pub(crate) struct Odd {
    #[model(primary_key)]
    pub(crate) id: i64,
    pub(crate) select: i64,
    pub(crate) r#type: i64,
    #[model(column = "\u{fc}ber \"alles\"; --")]
    pub(crate) over: i64,
    #[model(column = "\u{1f980}")]
    pub(crate) crab: i64,
}
