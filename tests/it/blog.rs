//! A blog: relations of every kind, a search that is put together while the program runs, pages and counts.

use chrono::NaiveDate;
use orm::Error;
use orm::prelude::*;

use crate::support::{Database, TestResult};

#[derive(Debug, Clone, PartialEq, Model)]
#[model(
    has_many(posts: Post.author_id, edited: Post.editor_id),
    has_one(profile: Profile.author_id)
)]
struct Author {
    #[model(primary_key)]
    id: i64,
    name: String,
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Profile {
    #[model(primary_key, belongs_to(author: Author), on_delete = cascade)]
    author_id: i64,
    motto: String,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(has_many(comments: Comment.post_id), many_to_many(tags: Tag through PostTag))]
struct Post {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(author: Author), on_delete = cascade, index)]
    author_id: i64,
    #[model(belongs_to(editor: Author), on_delete = set_null)]
    editor_id: Option<i64>,
    title: String,
    body: Option<String>,
    published: Option<NaiveDate>,
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Comment {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(post: Post), on_delete = cascade, index)]
    post_id: i64,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(many_to_many(posts: Post through PostTag))]
struct Tag {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    name: String,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(primary_key(post_id, tag_id))]
struct PostTag {
    #[model(belongs_to(post: Post), on_delete = cascade)]
    post_id: i64,
    #[model(belongs_to(tag: Tag), on_delete = cascade, index)]
    tag_id: i64,
}

fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 5, day).expect("a day of May")
}

/// Ann wrote posts 1, 2 and 3, of which Bob edited the second; Bob wrote post 4; Cid wrote nothing. Post 1 has two
/// comments and two tags.
async fn blog() -> orm::Result<Database> {
    let db = Database::new().await?;
    db.create_all(schema![PostTag, Tag, Comment, Post, Profile, Author]).await?;
    db.execute(insert(["Ann", "Bob", "Cid"].map(|name| Author::builder().name(name)))).await?;
    db.execute(insert(Profile::builder().author_id(1).motto("Slowly."))).await?;
    let posts = vec![
        Post::builder().author_id(1).title("Rust and SQL").published(day(1)).body("Both have types."),
        Post::builder().author_id(1).title("100% tea").published(day(9)).editor_id(2),
        Post::builder().author_id(1).title("A draft"),
        Post::builder().author_id(2).title("On tea").published(day(5)).body("Rust stains the pot."),
    ];
    db.execute(insert(posts)).await?;
    db.execute(insert(["First!", "Second."].map(|text| Comment::builder().post_id(1).text(text)))).await?;
    db.execute(insert(["rust", "sql", "tea"].map(|name| Tag::builder().name(name)))).await?;
    let tagged = [(1, 1), (1, 2), (2, 3), (4, 3)];
    db.execute(insert(tagged.map(|(post, tag)| PostTag::builder().post_id(post).tag_id(tag)))).await?;
    Ok(db)
}

#[tokio::test]
async fn every_kind_of_relation_leads_to_the_other_side() -> TestResult {
    let db = blog().await?;

    let authors = select((Post.id, Author.name)).join(Post.author).order_by(Post.id);
    let authors: Vec<String> = db.fetch_all(authors).await?.into_iter().map(|(_, name)| name).collect();
    assert_eq!(authors, ["Ann", "Ann", "Ann", "Bob"]);

    let titles = select(Post.title).join(Author.posts).filter(Author.name.eq("Bob"));
    assert_eq!(db.fetch_all(titles).await?, ["On tea"]);

    let mottos = select((Author.name, Profile.motto.optional())).left_join(Author.profile).order_by(Author.id);
    let mottos: Vec<Option<String>> = db.fetch_all(mottos).await?.into_iter().map(|(_, motto)| motto).collect();
    assert_eq!(mottos, [Some("Slowly.".to_owned()), None, None]);

    let tags = select(string_agg(Tag.name, " ").order_by(Tag.name)).join(Post.tags).filter(Post.id.eq(1));
    assert_eq!(db.fetch_scalar(tags).await?.as_deref(), Some("rust sql"));

    let about_tea = select(Post.id).join(Tag.posts).filter(Tag.name.eq("tea")).order_by(Post.id);
    assert_eq!(db.fetch_all(about_tea).await?, [2, 4]);
    Ok(())
}

#[tokio::test]
async fn two_relations_to_one_model_are_told_apart() -> TestResult {
    let db = blog().await?;
    let (writer, editor) = (Author.alias("writer"), Author.alias("editor"));

    let edited =
        select((Post.title, writer.name, editor.name)).join(Post.author.to(writer)).join(Post.editor.to(editor));

    let row = db.fetch_one(edited).await?;
    assert_eq!(row, ("100% tea".to_owned(), "Ann".to_owned(), "Bob".to_owned()));
    let who_edits = select(Author.name).filter(Author.edited.exists());
    assert_eq!(db.fetch_all(who_edits).await?, ["Bob"]);
    Ok(())
}

#[tokio::test]
async fn related_rows_are_asked_about_without_doubling_the_row() -> TestResult {
    let db = blog().await?;

    let published = select(Author.name).filter(Author.posts.any(Post.published.is_not_null())).order_by(Author.name);
    assert_eq!(db.fetch_all(published).await?, ["Ann", "Bob"]);

    let idle = select(Author.name).filter(Author.posts.none(true));
    assert_eq!(db.fetch_all(idle).await?, ["Cid"]);

    let of_rust = select(Author.name).filter(Author.posts.any(Post.tags.any(Tag.name.eq("rust"))));
    assert_eq!(db.fetch_all(of_rust).await?, ["Ann"]);
    Ok(())
}

#[tokio::test]
async fn counts_include_those_who_have_none() -> TestResult {
    let db = blog().await?;

    let posts_and_comments = select((Author.name, count(Post.id).distinct(), count(Comment.id), max(Post.published)))
        .left_join(Author.posts)
        .left_join(Post.comments)
        .group_by(Author.id)
        .order_by((count(Post.id).distinct().desc(), Author.name));

    let expected = [("Ann", 3, 2, Some(day(9))), ("Bob", 1, 0, Some(day(5))), ("Cid", 0, 0, None)]
        .map(|(name, posts, comments, last)| (name.to_owned(), posts, comments, last));
    assert_eq!(db.fetch_all(posts_and_comments).await?, expected);
    Ok(())
}

/// What a visitor may ask for. Nothing has to be filled in.
#[derive(Default)]
struct Search<'a> {
    text: Option<&'a str>,
    tags: &'a [&'a str],
    author: Option<&'a str>,
    since: Option<NaiveDate>,
    drafts: bool,
    newest_first: bool,
}

impl Search<'_> {
    fn statement(&self) -> Select<Post> {
        let mut posts = select(Post);
        if let Some(text) = self.text {
            posts = posts.filter(Post.title.icontains(text).or(Post.body.icontains(text)));
        }
        if !self.tags.is_empty() {
            posts = posts.filter(Post.tags.any(Tag.name.in_(self.tags)));
        }
        if let Some(author) = self.author {
            posts = posts.join(Post.author).filter(Author.name.eq(author));
        }
        if let Some(since) = self.since {
            posts = posts.filter(Post.published.ge(since));
        }
        if !self.drafts {
            posts = posts.filter(Post.published.is_not_null());
        }
        match self.newest_first {
            true => posts.order_by((Post.published.desc(), Post.id)),
            false => posts.order_by((Post.title, Post.id)),
        }
    }
}

async fn found(db: &Engine, search: Search<'_>) -> orm::Result<Vec<i64>> {
    Ok(db.fetch_all(search.statement()).await?.into_iter().map(|post| post.id).collect())
}

#[tokio::test]
async fn a_search_uses_what_is_filled_in() -> TestResult {
    let db = blog().await?;

    assert_eq!(found(&db, Search::default()).await?, [2, 4, 1]);
    assert_eq!(found(&db, Search { newest_first: true, drafts: true, ..Search::default() }).await?, [2, 4, 1, 3]);
    assert_eq!(found(&db, Search { text: Some("rust"), ..Search::default() }).await?, [4, 1]);
    assert_eq!(found(&db, Search { tags: &["tea", "sql"], ..Search::default() }).await?, [2, 4, 1]);
    assert_eq!(found(&db, Search { author: Some("Ann"), drafts: true, ..Search::default() }).await?, [2, 3, 1]);
    assert_eq!(found(&db, Search { since: Some(day(5)), text: Some("TEA"), ..Search::default() }).await?, [2, 4]);
    Ok(())
}

#[tokio::test]
async fn what_a_visitor_types_is_text_and_never_a_pattern() -> TestResult {
    let db = blog().await?;

    assert_eq!(found(&db, Search { text: Some("100%"), ..Search::default() }).await?, [2]);
    assert_eq!(found(&db, Search { text: Some("%"), ..Search::default() }).await?, [2]);
    assert_eq!(found(&db, Search { text: Some("' OR 1=1 --"), ..Search::default() }).await?, [0; 0]);
    Ok(())
}

#[tokio::test]
async fn pages_have_every_post_once_and_the_count_is_that_of_all() -> TestResult {
    let db = blog().await?;
    let query = Search { drafts: true, ..Search::default() }.statement();

    let total = db.fetch_scalar(query.count()).await?;
    let mut seen = Vec::new();
    for page in 0.. {
        let posts = db.fetch_all(query.clone().limit(3).offset(page * 3)).await?;
        if posts.is_empty() {
            break;
        }
        seen.extend(posts.into_iter().map(|post| post.id));
    }

    assert_eq!(total, 4);
    assert_eq!(seen, [2, 3, 4, 1]);
    Ok(())
}

#[tokio::test]
async fn deleting_an_author_follows_the_foreign_keys() -> TestResult {
    let db = blog().await?;

    db.execute(delete(Author).filter(Author.name.eq("Bob"))).await?;
    let editor = db.get(Post, 2).await?.map(|post| post.editor_id);
    db.execute(delete(Author).filter(Author.name.eq("Ann"))).await?;

    assert_eq!(editor, Some(None));
    assert_eq!(db.fetch_scalar(select(count_all()).from(Post)).await?, 0);
    assert_eq!(db.fetch_scalar(select(count_all()).from(Comment)).await?, 0);
    assert_eq!(db.fetch_scalar(select(count_all()).from(Tag)).await?, 3);
    Ok(())
}

#[tokio::test]
async fn a_forgotten_join_is_named_and_nothing_is_sent() -> TestResult {
    let db = blog().await?;
    db.sent();

    let error = db.fetch_all(select(Post.title).filter(Author.name.eq("Ann"))).await.expect_err("no join");

    assert!(matches!(&error, Error::MissingFrom { table, column, .. } if table == "author" && column == "name"));
    assert!(error.to_string().ends_with("add `.join(Post.author)`"), "{error}");
    assert!(db.sent().iter().all(String::is_empty));
    Ok(())
}
