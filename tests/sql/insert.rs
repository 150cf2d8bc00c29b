//! `INSERT`.

use orm::prelude::*;

use crate::check::{check, text};
use crate::models::*;

#[test]
fn a_builder_is_a_row() {
    check!(
        insert(Comment::builder().post_id(1).body("hello")),
        sqlite: r#"INSERT INTO "comment" ("post_id", "body") VALUES (?1, ?2)"#,
    );
}

#[test]
fn a_model_is_a_row_and_its_key_of_zero_is_left_to_the_database() {
    check!(
        insert(Comment {
            id: 0,
            post_id: 1,
            body: "hello".into(),
        }),
        sqlite: r#"INSERT INTO "comment" ("post_id", "body") VALUES (?1, ?2)"#,
    );
    check!(
        insert(Comment {
            id: 7,
            post_id: 1,
            body: "hello".into(),
        }),
        sqlite: r#"INSERT INTO "comment" ("id", "post_id", "body") VALUES (?1, ?2, ?3)"#,
    );
}

#[test]
fn a_key_can_be_given() {
    check!(
        insert(Comment::builder().id(7).post_id(1).body("hello")),
        sqlite: r#"INSERT INTO "comment" ("id", "post_id", "body") VALUES (?1, ?2, ?3)"#,
    );
}

#[test]
fn a_natural_key_is_always_given() {
    check!(insert(Tag::builder().name("rust")), sqlite: r#"INSERT INTO "tag" ("name") VALUES (?1)"#);
}

#[test]
fn an_option_that_is_not_set_is_null_and_a_default_is_sent() {
    check!(
        insert(User::builder().name("Alice")),
        sqlite: r#"INSERT INTO "users" ("name", "nickname", "age", "active", "manager_id") VALUES (?1, ?2, ?3, ?4, ?5)"#,
    );
}

#[test]
fn rows_share_a_statement() {
    let tags = ["a", "b", "c"].map(|name| Tag::builder().name(name));
    check!(
        insert(vec![Tag::builder().name("a"), Tag::builder().name("b")]),
        sqlite: r#"INSERT INTO "tag" ("name") VALUES (?1), (?2)"#,
    );
    check!(insert(tags), sqlite: r#"INSERT INTO "tag" ("name") VALUES (?1), (?2)"#);
}

#[test]
fn many_rows_are_sent_in_chunks_of_fifty() {
    let tags: Vec<_> = (0..120).map(|number| Tag::builder().name(format!("{number}"))).collect();
    assert_eq!(text(&insert(tags)).matches("(?").count(), 50);
}

#[test]
fn columns_of_the_new_row_come_back() {
    check!(
        insert(Comment::builder().post_id(1).body("hello")).returning(Comment),
        sqlite: r#"INSERT INTO "comment" ("post_id", "body") VALUES (?1, ?2) RETURNING "comment"."id", "comment"."post_id", "comment"."body""#,
    );
    check!(
        insert(Tag::builder().name("rust")).returning((Tag.name, Tag.name.length())),
        sqlite: r#"INSERT INTO "tag" ("name") VALUES (?1) RETURNING "tag"."name", length("tag"."name")"#,
    );
}

#[test]
fn a_statement_can_be_run_twice() {
    let row = insert(Tag::builder().name("rust"));
    check!(row.clone(), sqlite: r#"INSERT INTO "tag" ("name") VALUES (?1)"#);
    check!(
        row.returning(Tag.name),
        sqlite: r#"INSERT INTO "tag" ("name") VALUES (?1) RETURNING "tag"."name""#,
    );
}
