//! What goes wrong is told: what, where, and what to do, without giving secrets away.

use std::error::Error as _;

use orm::Error;
use orm::error::Context;
use orm::prelude::*;

use crate::expect::refused;
use crate::models::{Item, ItemId, Kinds, Mood, Post, PostTag, Tag, User, kinds, people, user};
use crate::{TestDb, TestResult};

/// The table of users as it should not be: a name may be missing.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "users")]
struct Nameless {
    #[model(primary_key)]
    id: i64,
    name: Option<String>,
    email: String,
}

/// The table of posts as it should not be: it has a column more.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "post")]
struct LongPost {
    #[model(primary_key)]
    id: i64,
    body: Option<String>,
}

/// Where books stand.
#[derive(Debug, Clone, PartialEq, Model)]
struct Shelf {
    #[model(primary_key)]
    code: String,
}

/// A book keeps its shelf from going.
#[derive(Debug, Clone, PartialEq, Model)]
struct Book {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(place: Shelf))]
    shelf: String,
}

/// Table, columns and constraint of an error.
fn place(error: &Error) -> (&str, Vec<&str>, &str) {
    let Some(Context { table, columns, constraint, .. }) = error.context() else {
        return ("", vec![], "");
    };
    let columns = columns.iter().map(String::as_str).collect();
    (table.as_deref().unwrap_or_default(), columns, constraint.as_deref().unwrap_or_default())
}

async fn id_of(db: &TestDb, name: &str) -> orm::Result<i64> {
    db.fetch_scalar(select(User.id).filter(User.name.eq(name))).await
}

// Constraints.

pub async fn a_duplicate_names_the_column_and_the_constraint(db: &TestDb) -> TestResult {
    people(db).await?;

    let inserted = refused(db.execute(insert(user("Alice"))).await)?;
    let taken = update(User).set(User.email, "alice@example.com").filter(User.name.eq("Bob"));
    let updated = refused(db.execute(taken).await)?;

    for error in [inserted, updated] {
        assert!(matches!(error, Error::UniqueViolation { .. }), "{error:?}");
        assert_eq!(place(&error), ("users", vec!["email"], "uq_users_email"));
        assert!(error.to_string().contains("`users.email`"), "{error}");
    }
    Ok(())
}

pub async fn a_duplicate_key_names_the_column(db: &TestDb) -> TestResult {
    people(db).await?;

    let generated = refused(db.execute(insert(User { id: id_of(db, "Bob").await?, ..user("Dora") })).await)?;
    let natural = refused(db.execute(insert(Tag { name: "sql".into() })).await)?;

    for (error, expected) in [(generated, ("users", vec!["id"])), (natural, ("tag", vec!["name"]))] {
        assert!(matches!(error, Error::UniqueViolation { .. }), "{error:?}");
        let (table, columns, _) = place(&error);
        assert_eq!((table, columns), expected);
    }
    Ok(())
}

pub async fn a_duplicate_of_several_columns_names_all_of_them(db: &TestDb) -> TestResult {
    people(db).await?;
    db.create_all(schema![Item]).await?;
    db.execute(insert(Item::builder().name("wheel"))).await?;
    let tagged = db.fetch_all(select(PostTag).limit(1)).await?;

    let item = refused(db.execute(insert(Item::builder().name("wheel"))).await)?;
    let tagged = refused(db.execute(insert(tagged)).await)?;

    assert_eq!((item.kind(), tagged.kind()), ("UniqueViolation", "UniqueViolation"));
    assert_eq!(place(&item), ("item", vec!["name", "size"], "uq_item_name_size"));
    let (table, columns, _) = place(&tagged);
    assert_eq!((table, columns), ("post_tag", vec!["post_id", "tag"]));
    Ok(())
}

pub async fn a_key_that_points_nowhere_names_the_column_and_the_constraint(db: &TestDb) -> TestResult {
    people(db).await?;

    let inserted = refused(db.execute(insert(Post::builder().author_id(4711).title("Lost"))).await)?;
    let updated = refused(db.execute(update(Post).set(Post.author_id, 4711).all_rows()).await)?;

    for error in [inserted, updated] {
        assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error:?}");
        assert_eq!(place(&error), ("post", vec!["author_id"], "fk_post_author_id_users"));
    }
    Ok(())
}

pub async fn a_parent_that_is_still_pointed_at_cannot_go(db: &TestDb) -> TestResult {
    db.create_all(schema![Item]).await?;
    let bicycle = db.fetch_one(insert(Item::builder().name("bicycle")).returning(Item.id)).await?;
    db.execute(insert(Item::builder().name("wheel").whole_id(bicycle))).await?;

    let error = refused(db.execute(delete(Item).filter(Item.id.eq(bicycle))).await)?;

    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error:?}");
    assert_eq!(place(&error), ("item", vec!["whole_id"], "fk_item_whole_id_item"));
    assert_eq!(db.fetch_scalar(select(count(Item.id))).await?, 2);
    Ok(())
}

pub async fn the_child_is_named_when_its_parent_cannot_go(db: &TestDb) -> TestResult {
    db.create_all(schema![Shelf, Book]).await?;
    db.execute(insert(Shelf { code: "A".into() })).await?;
    db.execute(insert(Book::builder().shelf("A"))).await?;

    let deleted = refused(db.execute(delete(Shelf).all_rows()).await)?;
    let renamed = refused(db.execute(update(Shelf).set(Shelf.code, "B").all_rows()).await)?;

    for error in [deleted, renamed] {
        assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error:?}");
        assert_eq!(place(&error), ("book", vec!["shelf"], "fk_book_shelf_shelf"));
    }
    Ok(())
}

pub async fn of_two_keys_the_broken_one_is_named(db: &TestDb) -> TestResult {
    people(db).await?;

    let error = refused(db.execute(insert(PostTag { post_id: 4711, tag: "sql".into() })).await)?;

    assert!(matches!(error, Error::ForeignKeyViolation { .. }), "{error:?}");
    assert_eq!(place(&error), ("post_tag", vec!["post_id"], "fk_post_tag_post_id_post"));
    Ok(())
}

pub async fn a_text_that_is_too_long_names_the_column(db: &TestDb) -> TestResult {
    people(db).await?;
    let long = "ä".repeat(41);

    let inserted = refused(db.execute(insert([user("Dora"), User { email: long.clone(), ..user("Emil") }])).await)?;
    let updated = refused(db.execute(update(User).set(User.email, &long).filter(User.id.gt(0))).await)?;
    let mut session = Session::new(db);
    let alice = session.query(User).filter(User.name.eq("Alice")).one().await?;
    session[alice].email = long;
    let flushed = refused(session.flush().await)?;
    session.rollback().await?;

    for error in [inserted, updated, flushed] {
        assert!(matches!(error, Error::CheckViolation { .. }), "{error:?}");
        let (table, columns, _constraint) = place(&error);
        assert_eq!((table, columns), ("users", vec!["email"]));
    }
    Ok(())
}

pub async fn a_missing_value_names_the_column(db: &TestDb) -> TestResult {
    people(db).await?;

    let row = Nameless { id: 0, name: None, email: "nobody@example.com".into() };
    let inserted = refused(db.execute(insert(row)).await)?;
    let updated = refused(db.execute(update(Nameless).set(Nameless.name, None::<&str>).all_rows()).await)?;

    for error in [inserted, updated] {
        assert!(matches!(error, Error::NotNullViolation { .. }), "{error:?}");
        let (table, columns, _) = place(&error);
        assert_eq!((table, columns), ("users", vec!["name"]));
    }
    Ok(())
}

pub async fn a_broken_check_names_the_column_and_the_constraint(db: &TestDb) -> TestResult {
    people(db).await?;

    let inserted = refused(db.execute(insert(User { age: Some(-1), ..user("Dora") })).await)?;
    let updated = refused(db.execute(update(User).set(User.age, -1).filter(User.name.eq("Bob"))).await)?;

    for error in [inserted, updated] {
        assert!(matches!(error, Error::CheckViolation { .. }), "{error:?}");
        assert_eq!(place(&error), ("users", vec!["age"], "ck_users_age"));
    }
    Ok(())
}

pub async fn a_broken_check_of_a_row_names_the_constraint(db: &TestDb) -> TestResult {
    db.create_all(schema![Item]).await?;

    let error = refused(db.execute(insert(Item::builder().name("screw").stock(1_001))).await)?;

    assert!(matches!(error, Error::CheckViolation { .. }), "{error:?}");
    let (table, _, constraint) = place(&error);
    assert_eq!((table, constraint), ("item", "not_too_many"));
    Ok(())
}

pub async fn the_place_of_an_error_says_what_the_database_said(db: &TestDb) -> TestResult {
    people(db).await?;

    let error = refused(db.execute(insert(user("Alice"))).await)?;

    assert!(error.source().is_some());
    assert!(!error.is_retryable());
    assert!(format!("{error:#}").contains("INSERT INTO"), "{error:#}");
    Ok(())
}

pub async fn every_error_is_one_line_unless_more_is_asked_for(db: &TestDb) -> TestResult {
    people(db).await?;

    let errors = [
        refused(db.execute(insert(user("Alice"))).await)?,
        refused(db.fetch_all(select(User.name).filter(Post.id.eq(1))).await)?,
        refused(db.fetch_one(select(User)).await)?,
        refused(db.fetch_all(select(Item)).await)?,
    ];

    for error in errors {
        let text = error.to_string();
        assert!(!text.contains('\n') && !text.ends_with('.') && !text.is_empty(), "{text}");
    }
    Ok(())
}

// What the database does not have.

pub async fn a_missing_table_says_how_to_make_it(db: &TestDb) -> TestResult {
    let error = refused(db.fetch_all(select(Item)).await)?;

    assert!(matches!(error, Error::UndefinedTable { .. }), "{error:?}");
    assert_eq!(place(&error).0, "item");
    let text = error.to_string();
    assert!(text.contains("create_all") || text.contains("migration"), "{text}");
    Ok(())
}

pub async fn a_missing_column_is_named(db: &TestDb) -> TestResult {
    people(db).await?;

    let read = refused(db.fetch_all(select(LongPost)).await)?;
    let written = refused(db.execute(update(LongPost).set(LongPost.body, "text").all_rows()).await)?;

    for error in [read, written] {
        assert!(matches!(error, Error::UndefinedColumn { .. }), "{error:?}");
        assert!(place(&error).1 == ["body"] || error.to_string().contains("body"), "{error}");
    }
    Ok(())
}

pub async fn text_that_is_no_sql_is_the_databases_error(db: &TestDb) -> TestResult {
    let error = refused(db.execute(sql!("SELEKT 1")).await)?;

    assert!(matches!(error, Error::Database { .. }), "{error:?}");
    assert!(format!("{error:#}").contains("SELEKT 1"), "{error:#}");
    Ok(())
}

// Numbers of rows.

pub async fn one_row_is_asked_for_and_there_is_none(db: &TestDb) -> TestResult {
    let none = select(User.name).filter(User.id.lt(0));
    db.create_all(schema![User]).await?;

    let one = refused(db.fetch_one(&none).await)?;
    let scalar = refused(db.fetch_scalar(&none).await)?;

    assert!(matches!((&one, &scalar), (Error::NoRow, Error::NoRow)), "{one} {scalar}");
    assert!(one.to_string().contains("fetch_optional"), "{one}");
    Ok(())
}

pub async fn one_row_is_asked_for_and_there_are_more(db: &TestDb) -> TestResult {
    people(db).await?;
    let all = select(User.name).order_by(User.name);

    let one = refused(db.fetch_one(&all).await)?;
    let optional = refused(db.fetch_optional(&all).await)?;
    let scalar = refused(db.fetch_scalar(&all).await)?;

    for error in [one, optional, scalar] {
        assert!(matches!(error, Error::MoreThanOneRow), "{error:?}");
    }
    assert_eq!(db.fetch_one(all.limit(1)).await?, "Alice");
    Ok(())
}

pub async fn a_transaction_goes_on_after_too_many_rows(db: &TestDb) -> TestResult {
    people(db).await?;
    let mut tx = db.begin().await?;

    refused(tx.fetch_one(select(User)).await)?;
    tx.execute(delete(User).filter(User.name.eq("Carol"))).await?;
    tx.commit().await?;

    assert_eq!(db.fetch_scalar(select(count(User.id))).await?, 2);
    Ok(())
}

// Secrets.

/// Everything that can be printed of an error.
fn printed(error: &Error) -> String {
    let mut printed = format!("{error}\n{error:#}\n{error:?}\n{error:#?}");
    let mut source = error.source();
    while let Some(inner) = source {
        printed.push_str(&inner.to_string());
        source = inner.source();
    }
    printed
}

pub async fn an_error_shows_no_bound_value(db: &TestDb) -> TestResult {
    people(db).await?;
    let secret = User { id: 0, name: "hunter2".into(), nickname: Some("hunter2".into()), ..user("Alice") };

    let errors = [
        refused(db.execute(insert(secret)).await)?,
        refused(db.execute(update(User).set(User.name, "hunter2").set(User.age, -1).all_rows()).await)?,
        refused(db.fetch_all(select(Item).filter(Item.name.eq("hunter2"))).await)?,
        refused(db.fetch_all(select(User.id).filter(User.name.in_(["hunter2"])).filter(Post.id.eq(1))).await)?,
    ];

    for error in errors {
        let printed = printed(&error);
        assert!(!printed.contains("hunter2"), "{printed}");
    }
    Ok(())
}

pub async fn a_duplicate_value_is_not_shown(db: &TestDb) -> TestResult {
    people(db).await?;

    let error = refused(db.execute(insert(user("Alice"))).await)?;

    let printed = printed(&error);
    assert!(!printed.contains("alice@example.com"), "{printed}");
    assert!(printed.contains("values hidden"), "{printed}");
    Ok(())
}

pub async fn an_error_shows_bound_values_when_that_is_asked_for(db: &TestDb) -> TestResult {
    let db = db.another(|builder| builder.show_binds(true)).await;
    people(&db).await?;

    let error = refused(db.execute(insert(user("Alice"))).await)?;

    assert!(format!("{error:#}").contains("alice@example.com"), "{error:#}");
    assert!(!error.to_string().contains("alice@example.com"), "{error}");
    Ok(())
}

pub async fn a_statement_shows_no_bound_value(db: &TestDb) -> TestResult {
    db.create_all(schema![User]).await?;

    let printed = format!(
        "{:?} {:?} {:?} {:?}",
        select(User).filter(User.name.eq("hunter2").or(User.name.in_(["hunter2"]))),
        insert(user("hunter2")),
        update(User).set(User.name, "hunter2").all_rows(),
        sql!("SELECT {}", "hunter2"),
    );

    assert!(!printed.contains("hunter2"), "{printed}");
    Ok(())
}

// Words of an enum, and keys of its own.

pub async fn a_word_that_the_enum_lacks_is_refused_by_the_table(db: &TestDb) -> TestResult {
    db.create_all(schema![Kinds]).await?;
    db.execute(insert(Kinds { mood: Mood::InLove, ..kinds() })).await?;

    let result = db.execute(sql!("UPDATE kinds SET mood = 'furious'")).await;

    assert!(result.is_err(), "{result:?}");
    assert_eq!(db.fetch_scalar(select(Kinds.mood)).await?, Mood::InLove);
    Ok(())
}

pub async fn an_item_that_is_its_own_whole_is_a_valid_key(db: &TestDb) -> TestResult {
    db.create_all(schema![Item]).await?;

    db.execute(insert(Item::builder().id(5).name("loop").whole_id(ItemId(5)))).await?;

    assert_eq!(db.get(Item, ItemId(5)).await?.and_then(|item| item.whole_id), Some(ItemId(5)));
    Ok(())
}
