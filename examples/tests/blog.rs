//! The blog over HTTP: the real server, on a port and a database of its own for each test, and a client that knows nothing of
//! either. Each story is told on SQLite and on PostgreSQL.

#![expect(clippy::expect_used, clippy::panic, reason = "what cannot be asked has failed")]

#[path = "../blog/main.rs"]
#[allow(dead_code, reason = "a program's `main` is no test's")]
mod blog;

#[path = "blog/service.rs"]
mod service;

use std::time::Duration;

use orm::prelude::*;
use serde_json::json;

use service::{Answer, Place, Service, TestResult};

/// Tells each story on each database.
macro_rules! stories {
    ($($story:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $story() -> super::TestResult {
                super::$story(super::Place::sqlite()).await
            })*
        }

        mod postgres {
            $(#[tokio::test]
            async fn $story() -> super::TestResult {
                super::$story(super::Place::postgres().await).await
            })*
        }
    };
}

stories![
    what_was_written_is_read_again,
    a_list_is_two_statements_whatever_its_length,
    posts_are_found_by_words_tags_and_authors,
    drafts_and_deleted_posts_are_seen_by_nobody,
    what_is_wrong_is_told_by_field,
    a_name_is_taken_once,
    an_edit_writes_what_changed_and_finds_other_edits,
    tags_that_many_want_at_once_are_made_once,
    bookmarks_are_kept_with_a_note_that_can_change,
    a_user_with_posts_stays_and_comments_outlive_their_author,
    a_service_without_a_free_connection_says_so,
    a_request_that_has_begun_is_answered_before_the_service_stops,
];

/// Ann, who has a biography, and Bob, who has none.
async fn ann_and_bob(service: &Service) -> TestResult {
    let ann = service.post("/users", json!({"name": "Ann", "bio": "Writes."})).await?;
    let bob = service.post("/users", json!({"name": "Bob"})).await?;
    assert_eq!((ann, bob), (Answer::created(1), Answer::created(2)));
    Ok(())
}

/// A post of Ann's that everybody can read.
async fn published(service: &Service, title: &str, tags: &[&str]) -> Result<i64, Box<dyn std::error::Error>> {
    let post = json!({"author_id": 1, "title": title, "body": "Text.", "tags": tags});
    let id = service.post("/posts", post).await?.body["id"].as_i64().expect("a key");
    assert_eq!(service.put(&format!("/posts/{id}/published"), json!(null)).await?.status, 204);
    Ok(id)
}

async fn what_was_written_is_read_again(place: Place) -> TestResult {
    let service = place.start().await?;
    ann_and_bob(&service).await?;
    published(&service, "Hello", &["rust", "news"]).await?;
    let comment = |author: i64, text: &str, parent: Option<i64>| {
        let comment = json!({"author_id": author, "text": text, "parent_id": parent});
        async { service.post("/posts/1/comments", comment).await }
    };
    assert_eq!(comment(2, "First!", None).await?, Answer::created(1));
    assert_eq!(comment(1, "Thanks.", Some(1)).await?, Answer::created(2));
    assert_eq!(comment(2, "And well.", None).await?, Answer::created(3));

    let mut answer = orm::assert_statements!(service.app.db, 5, { service.get("/posts/1").await? });

    assert!(answer.body["published_at"].take().is_string());
    let (ann, bob) = (json!({"id": 1, "name": "Ann"}), json!({"id": 2, "name": "Bob"}));
    let post = json!({
        "id": 1,
        "title": "Hello",
        "body": "Text.",
        "published_at": null,
        "version": 2,
        "author": {"id": 1, "name": "Ann", "profile": "Writes."},
        "tags": ["news", "rust"],
        "comments": [
            {"id": 1, "text": "First!", "author": bob, "replies": [{"id": 2, "text": "Thanks.", "author": ann}]},
            {"id": 3, "text": "And well.", "author": bob, "replies": []},
        ],
        "bookmarks": 0,
    });
    assert_eq!(answer, Answer::ok(post));
    service.stop().await
}

async fn a_list_is_two_statements_whatever_its_length(place: Place) -> TestResult {
    let service = place.start().await?;
    ann_and_bob(&service).await?;
    for number in 1..=25 {
        published(&service, &format!("No. {number}"), &["rust"]).await?;
    }
    service.post("/posts/25/comments", json!({"author_id": 2, "text": "Nice."})).await?;

    let mut first = orm::assert_statements!(service.app.db, 2, { service.get("/posts").await? });
    let second = orm::assert_statements!(service.app.db, 2, { service.get("/posts?before=6").await? });
    let one = orm::assert_statements!(service.app.db, 2, { service.get("/posts?limit=1").await? });

    let ids = |answer: &Answer| answer.numbers("posts", "id");
    assert_eq!((ids(&first), &first.body["next"]), ((6..=25).rev().collect(), &json!(6)));
    assert_eq!((ids(&second), &second.body["next"]), (vec![5, 4, 3, 2, 1], &json!(null)));
    assert_eq!((ids(&one), &one.body["next"]), (vec![25], &json!(25)));
    let newest = &mut first.body["posts"][0];
    assert!(newest["published_at"].take().is_string());
    let author = json!({"id": 1, "name": "Ann"});
    let teaser =
        json!({"id": 25, "title": "No. 25", "published_at": null, "author": author, "tags": ["rust"], "comments": 1});
    assert_eq!(*newest, teaser);
    service.stop().await
}

async fn posts_are_found_by_words_tags_and_authors(place: Place) -> TestResult {
    let service = place.start().await?;
    ann_and_bob(&service).await?;
    published(&service, "100% Rust", &["rust"]).await?;
    published(&service, "1000 Recipes", &["food"]).await?;
    let by_bob = json!({"author_id": 2, "title": "Garden", "body": "Nothing rusts here.", "tags": ["food"]});
    service.post("/posts", by_bob).await?;
    service.put("/posts/3/published", json!(null)).await?;

    let found = async |query: &str| Ok::<_, std::io::Error>(service.get(query).await?.numbers("posts", "id"));

    assert_eq!(found("/posts?search=RUST").await?, [3, 1]);
    assert_eq!(found("/posts?search=100%25").await?, [1]);
    assert_eq!(found("/posts?tag=food").await?, [3, 2]);
    assert_eq!(found("/posts?tag=food&author=1").await?, [2]);
    assert_eq!(found("/posts?tag=music").await?, [0; 0]);
    assert_eq!(found("/posts?search='%20OR%201=1").await?, [0; 0]);
    let tags = orm::assert_statements!(service.app.db, 1, { service.get("/tags").await? });
    assert_eq!(tags, Answer::ok(json!([{"name": "food", "posts": 2}, {"name": "rust", "posts": 1}])));
    service.stop().await
}

async fn drafts_and_deleted_posts_are_seen_by_nobody(place: Place) -> TestResult {
    let service = place.start().await?;
    ann_and_bob(&service).await?;
    service.post("/posts", json!({"author_id": 1, "title": "Draft", "body": "Text.", "tags": ["rust"]})).await?;
    let deleted = published(&service, "Deleted", &["rust"]).await?;
    assert_eq!(service.get("/users/1").await?.body["posts"], 1);

    assert_eq!(service.delete(&format!("/posts/{deleted}")).await?.status, 204);

    let not_found = Answer::problem(404, "not found");
    assert_eq!(service.get("/posts/1").await?, not_found);
    assert_eq!(service.get("/posts/2").await?, not_found);
    assert_eq!(service.delete("/posts/2").await?, not_found);
    assert_eq!(service.put("/posts/2/published", json!(null)).await?, not_found);
    let comment = json!({"author_id": 1, "text": "Hello?"});
    assert_eq!(service.post("/posts/1/comments", comment.clone()).await?, not_found);
    assert_eq!(service.post("/posts/2/comments", comment).await?, not_found);
    assert_eq!(service.put("/users/1/bookmarks/1", json!({"note": null})).await?, not_found);
    assert_eq!(service.get("/posts").await?, Answer::ok(json!({"posts": [], "next": null})));
    assert_eq!(service.get("/tags").await?, Answer::ok(json!([])));
    let user = service.get("/users/1").await?;
    assert_eq!((&user.body["posts"], &user.body["newest"]), (&json!(0), &json!([])));
    let kept = service.app.db.fetch_scalar(select(count_all()).from(blog::models::Post).without_filters()).await?;
    assert_eq!(kept, 2);
    service.stop().await
}

async fn what_is_wrong_is_told_by_field(place: Place) -> TestResult {
    let service = place.start().await?;
    ann_and_bob(&service).await?;
    published(&service, "One", &[]).await?;
    published(&service, "Two", &[]).await?;
    service.post("/posts/1/comments", json!({"author_id": 1, "text": "On one."})).await?;

    let post = service.post("/posts", json!({"author_id": 1, "title": " ", "body": ""})).await?;
    let title = "must have 1 to 120 letters";
    assert_eq!(post, Answer::invalid(json!({"title": title, "body": "must not be empty"})));
    let nobody = service.post("/posts", json!({"author_id": 7, "title": "Title", "body": "Text."})).await?;
    assert_eq!(nobody, Answer::invalid(json!({"author_id": "there is no such row"})));
    let long = service.post("/posts", json!({"author_id": 1, "title": "Title", "body": "x", "tags": ["t".repeat(31)]}));
    assert_eq!(long.await?, Answer::invalid(json!({"name": "is too long or not allowed"})));
    let elsewhere =
        service.post("/posts/2/comments", json!({"author_id": 1, "text": "On two?", "parent_id": 1})).await?;
    assert_eq!(elsewhere, Answer::invalid(json!({"parent_id": "is no comment on this post"})));
    let edit = service.patch("/posts/1", json!({"version": 2, "title": ""})).await?;
    assert_eq!(edit, Answer::invalid(json!({"title": title})));

    let missing = service.post("/posts", json!({"title": "Title"})).await?;
    assert_eq!(missing.status, 422);
    assert!(missing.text.contains("missing field `author_id`"), "{}", missing.text);
    let no_json = service.send("POST", "/posts", "{").await?;
    assert_eq!(no_json.status, 400);
    assert!(no_json.text.contains("Failed to parse"), "{}", no_json.text);
    let misspelt = service.get("/posts?autor=1").await?;
    assert_eq!(misspelt.status, 400);
    assert!(misspelt.text.contains("unknown field `autor`"), "{}", misspelt.text);
    assert_eq!(service.get("/posts").await?.numbers("posts", "id"), [2, 1]);
    service.stop().await
}

async fn a_name_is_taken_once(place: Place) -> TestResult {
    let service = place.start().await?;
    ann_and_bob(&service).await?;

    let again = service.post("/users", json!({"name": "Ann", "bio": "Another one."})).await?;

    let body = json!({"error": "taken", "fields": {"name": "is taken already"}});
    assert_eq!(again, Answer::new(409, body));
    let users = orm::assert_statements!(service.app.db, 2, { service.get("/users").await? });
    let users_now = json!([{"id": 1, "name": "Ann", "posts": 0}, {"id": 2, "name": "Bob", "posts": 0}]);
    assert_eq!(users, Answer::ok(json!({"users": users_now, "total": 2})));
    assert_eq!(service.get("/users?page=2").await?, Answer::ok(json!({"users": [], "total": 2})));
    service.stop().await
}

async fn an_edit_writes_what_changed_and_finds_other_edits(place: Place) -> TestResult {
    let service = place.start().await?;
    ann_and_bob(&service).await?;
    published(&service, "Helo", &["rust", "news"]).await?;

    let recording = service.app.db.record();
    let edited = service.patch("/posts/1", json!({"version": 2, "title": "Hello"})).await?;
    let sent = recording.statements();
    let late = service.patch("/posts/1", json!({"version": 2, "title": "Hallo"})).await?;
    let retagged = service.patch("/posts/1", json!({"version": 3, "tags": ["rust", "sql"]})).await?;

    assert_eq!((edited.status, retagged.status), (204, 204));
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent[1].starts_with(r#"UPDATE "post" SET "title" = "#) && !sent[1].contains("body"), "{}", sent[1]);
    assert_eq!(late, Answer::problem(409, "changed by somebody else"));
    let now = service.get("/posts/1").await?;
    assert_eq!((&now.body["title"], &now.body["tags"]), (&json!("Hello"), &json!(["rust", "sql"])));
    service.stop().await
}

async fn tags_that_many_want_at_once_are_made_once(place: Place) -> TestResult {
    let service = place.start().await?;
    ann_and_bob(&service).await?;

    let post =
        |number: i64| json!({"author_id": 1, "title": format!("{number}"), "body": "x", "tags": ["new", "rust"]});
    let all = tokio::join!(
        service.post("/posts", post(1)),
        service.post("/posts", post(2)),
        service.post("/posts", post(3)),
        service.post("/posts", post(4)),
    );

    for answer in [all.0?, all.1?, all.2?, all.3?] {
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    let (tags, links) = (select(count_all()).from(blog::models::Tag), select(count_all()).from(blog::models::PostTag));
    assert_eq!(service.app.db.fetch_scalar(tags).await?, 2);
    assert_eq!(service.app.db.fetch_scalar(links).await?, 8);
    service.stop().await
}

async fn bookmarks_are_kept_with_a_note_that_can_change(place: Place) -> TestResult {
    let service = place.start().await?;
    ann_and_bob(&service).await?;
    for title in ["One", "Two", "Three"] {
        published(&service, title, &[]).await?;
    }

    for (post, note) in [(1, json!("later")), (2, json!(null)), (3, json!("x")), (1, json!("now"))] {
        let kept = service.put(&format!("/users/2/bookmarks/{post}"), json!({"note": note})).await?;
        assert_eq!(kept.status, 204);
    }
    service.delete("/posts/3").await?;

    let kept = orm::assert_statements!(service.app.db, 1, { service.get("/users/2/bookmarks").await? });
    let (one, two) = (json!({"id": 1, "title": "One"}), json!({"id": 2, "title": "Two"}));
    assert_eq!(kept, Answer::ok(json!([{"note": null, "post": two}, {"note": "now", "post": one}])));
    assert_eq!(service.get("/posts/1").await?.body["bookmarks"], 1);
    let nobody = service.put("/users/9/bookmarks/1", json!({"note": null})).await?;
    assert_eq!(nobody, Answer::problem(404, "not found"));
    service.stop().await
}

async fn a_user_with_posts_stays_and_comments_outlive_their_author(place: Place) -> TestResult {
    let service = place.start().await?;
    ann_and_bob(&service).await?;
    for number in 1..=4 {
        published(&service, &format!("No. {number}"), &[]).await?;
    }
    service.post("/posts/1/comments", json!({"author_id": 2, "text": "Bye."})).await?;
    service.put("/users/1/bookmarks/1", json!({"note": null})).await?;

    assert_eq!(service.delete("/users/1").await?, Answer::problem(409, "has posts still"));
    assert_eq!(service.delete("/users/2").await?.status, 204);
    assert_eq!(service.delete("/users/2").await?, Answer::problem(404, "not found"));

    let mut ann = orm::assert_statements!(service.app.db, 3, { service.get("/users/1").await? });
    let newest = [4, 3, 2].map(|number| json!({"id": number, "title": format!("No. {number}")}));
    let counts = (ann.body["posts"].take(), ann.body["comments"].take(), ann.body["bookmarks"].take());
    assert_eq!(counts, (json!(4), json!(0), json!(1)));
    assert_eq!((&ann.body["bio"], &ann.body["newest"]), (&json!("Writes."), &json!(newest)));
    let comments = &service.get("/posts/1").await?.body["comments"];
    assert_eq!(*comments, json!([{"id": 1, "text": "Bye.", "author": null, "replies": []}]));
    service.stop().await
}

async fn a_service_without_a_free_connection_says_so(place: Place) -> TestResult {
    let small = |builder: orm::engine::EngineBuilder| {
        builder.pool_size(1).max_overflow(0).pool_timeout(Duration::from_millis(50))
    };
    let service = place.start_with(small).await?;
    ann_and_bob(&service).await?;

    let held = service.app.db.connection().await?;
    let busy = service.get("/posts").await?;
    drop(held);

    assert_eq!(busy, Answer::problem(503, "busy, try again"));
    assert_eq!(service.get("/posts").await?.status, 200);
    service.stop().await
}

async fn a_request_that_has_begun_is_answered_before_the_service_stops(place: Place) -> TestResult {
    let service = place.start_with(|builder| builder.pool_size(1).max_overflow(0)).await?;
    let db = service.app.db.clone();
    let held = db.connection().await?;

    let address = service.address;
    let begun = tokio::spawn(async move { service::send(address, "GET", "/posts", "").await });
    while db.pool_state().waiting == 0 {
        tokio::task::yield_now().await;
    }
    let stopped = tokio::spawn(service.stop_soon());
    drop(held);

    assert_eq!(begun.await??, Answer::ok(json!({"posts": [], "next": null})));
    stopped.await??;
    assert!(service::send(address, "GET", "/posts", "").await.is_err());
    assert!(matches!(db.fetch_one(select(value(1))).await, Err(orm::Error::Closed)));
    Ok(())
}
