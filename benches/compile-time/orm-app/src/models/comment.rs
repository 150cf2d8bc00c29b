use orm::prelude::*;

use super::post::Post;

const PAGE_SIZE: u64 = 20;

#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "comments")]
pub struct Comment {
    #[model(primary_key)]
    pub id: i64,
    #[model(belongs_to(post: Post), index)]
    pub post_id: i64,
    pub text: String,
    pub author: String,
    pub likes: i32,
    pub is_spam: bool,
    pub sentiment: Option<f64>,
    pub replies: i64,
    pub address: Option<String>,
    pub is_edited: bool,
}

pub async fn add(db: &Engine, new: impl InsertRow<Model = Comment>) -> orm::Result<Comment> {
    db.fetch_one(insert(new).returning(Comment)).await
}

pub async fn page(db: &Engine, text: &str, likes: i32) -> orm::Result<Vec<Comment>> {
    let query = select(Comment)
        .filter(Comment.text.eq(text))
        .filter(Comment.likes.ge(likes))
        .order_by(Comment.id.desc())
        .limit(PAGE_SIZE);
    db.fetch_all(query).await
}

pub async fn change(db: &Engine, id: i64, text: &str, is_spam: bool) -> orm::Result<u64> {
    let change = update(Comment)
        .set(Comment.text, text)
        .set(Comment.is_spam, is_spam)
        .filter(Comment.id.eq(id));
    db.execute(change).await
}

pub async fn with_post(db: &Engine, text: &str) -> orm::Result<Vec<(Comment, Post)>> {
    let query = select((Comment, Post))
        .join(Comment.post)
        .filter(Comment.text.eq(text))
        .order_by(Post.title);
    db.fetch_all(query).await
}

/// Uses everything above once, and returns the key of the new row.
pub async fn visit(db: &Engine, parent: i64) -> orm::Result<i64> {
    let new = Comment::builder()
        .post_id(parent)
        .text("sample".to_owned())
        .author("sample".to_owned())
        .likes(10)
        .is_spam(false)
        .sentiment(Some(2.5))
        .replies(1_000)
        .address(Some("sample".to_owned()))
        .is_edited(false);
    let id = add(db, new).await?.id;
    assert_eq!(page(db, "sample", 10).await?.len(), 1);
    assert_eq!(change(db, id, "changed", true).await?, 1);
    assert_eq!(with_post(db, "changed").await?.len(), 1);
    Ok(id)
}
