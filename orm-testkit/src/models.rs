//! The models of the cases, and rows for them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use orm::prelude::*;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::TestDb;

/// A person, who may have a manager.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(table = "users", has_many(posts: Post.author_id, reports: User.manager_id), has_one(profile: Profile.user_id))]
pub struct User {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// The name.
    pub name: String,
    /// Where to write.
    #[model(unique, max_length = 40)]
    pub email: String,
    /// What friends say.
    pub nickname: Option<String>,
    /// In years.
    #[model(check = "age >= 0")]
    pub age: Option<i32>,
    /// Who is above.
    #[model(belongs_to(manager: User), on_delete = set_null)]
    pub manager_id: Option<i64>,
}

/// What a person shows of themselves.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Profile {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// Whose it is.
    #[model(belongs_to(user: User), on_delete = cascade, unique)]
    pub user_id: i64,
    /// The text.
    pub motto: String,
}

/// Something that a person wrote.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(many_to_many(tags: Tag through PostTag))]
pub struct Post {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// Who wrote it.
    #[model(belongs_to(author: User), on_delete = cascade, index)]
    pub author_id: i64,
    /// What it is about.
    pub title: String,
    /// How often it was read.
    #[model(default = 0)]
    pub views: i64,
}

/// A word for posts.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(many_to_many(posts: Post through PostTag))]
pub struct Tag {
    /// The word is the key.
    #[model(primary_key)]
    pub name: String,
}

/// Which post has which tag.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(primary_key(post_id, tag))]
pub struct PostTag {
    /// The post.
    #[model(belongs_to(post: Post), on_delete = cascade)]
    pub post_id: i64,
    /// The tag.
    #[model(belongs_to(word: Tag), on_delete = cascade, on_update = cascade)]
    pub tag: String,
}

/// A thing in a store. The database numbers it and notes when it came.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(unique(name, size), index(size, price), check("stock <= 1000", name = "not_too_many"))]
pub struct Item {
    /// The key, in a type of its own.
    #[model(primary_key, generated)]
    pub id: ItemId,
    /// What it is.
    pub name: String,
    /// Its size.
    #[model(default = "M")]
    pub size: String,
    /// How many there are.
    #[model(default = 1, check = "stock >= 0")]
    pub stock: i32,
    /// What it costs.
    pub price: Option<Decimal>,
    /// When it came.
    #[model(default_sql = "CURRENT_TIMESTAMP")]
    pub since: DateTime<Utc>,
    /// What it is a part of.
    #[model(belongs_to(whole: Item), on_delete = restrict)]
    pub whole_id: Option<ItemId>,
}

/// The key of an [`Item`](struct@Item).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, DbType)]
pub struct ItemId(pub i64);

/// Something whose key the client makes.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Document {
    /// The key, a UUID of version 7.
    #[model(primary_key)]
    pub id: Uuid,
    /// Its name.
    pub name: String,
}

/// A number, for cases that need many rows of nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Model)]
pub struct Number {
    /// The number is the key.
    #[model(primary_key, natural)]
    pub value: i64,
}

/// A column of every type.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct Kinds {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// A truth value.
    pub truth: bool,
    /// 8 bits.
    pub tiny: i8,
    /// 16 bits.
    pub small: i16,
    /// 32 bits.
    pub medium: i32,
    /// 64 bits.
    pub large: i64,
    /// 8 bits without a sign.
    pub byte: u8,
    /// 16 bits without a sign.
    pub short: u16,
    /// 32 bits without a sign.
    pub wide: u32,
    /// 64 bits without a sign, of which a column holds 63.
    pub huge: u64,
    /// A float of 32 bits.
    pub single: f32,
    /// A float of 64 bits.
    pub double: f64,
    /// Text.
    pub text: String,
    /// Bytes.
    pub bytes: Vec<u8>,
    /// A day.
    pub date: NaiveDate,
    /// A time of day.
    pub time: NaiveTime,
    /// A day and a time somewhere.
    pub local: NaiveDateTime,
    /// A point in time.
    pub instant: DateTime<Utc>,
    /// A UUID.
    pub uuid: Uuid,
    /// JSON.
    pub json: Json<Settings>,
    /// An exact decimal.
    pub decimal: Decimal,
    /// A word of a few.
    pub mood: Mood,
    /// A number in a type of its own.
    pub item: ItemId,
}

/// A column of every type, each of which may be NULL.
#[derive(Debug, Clone, PartialEq, Model)]
pub struct MaybeKinds {
    /// The key.
    #[model(primary_key)]
    pub id: i64,
    /// A truth value.
    pub truth: Option<bool>,
    /// 8 bits.
    pub tiny: Option<i8>,
    /// 16 bits.
    pub small: Option<i16>,
    /// 32 bits.
    pub medium: Option<i32>,
    /// 64 bits.
    pub large: Option<i64>,
    /// 8 bits without a sign.
    pub byte: Option<u8>,
    /// 16 bits without a sign.
    pub short: Option<u16>,
    /// 32 bits without a sign.
    pub wide: Option<u32>,
    /// 64 bits without a sign.
    pub huge: Option<u64>,
    /// A float of 32 bits.
    pub single: Option<f32>,
    /// A float of 64 bits.
    pub double: Option<f64>,
    /// Text.
    pub text: Option<String>,
    /// Bytes.
    pub bytes: Option<Vec<u8>>,
    /// A day.
    pub date: Option<NaiveDate>,
    /// A time of day.
    pub time: Option<NaiveTime>,
    /// A day and a time somewhere.
    pub local: Option<NaiveDateTime>,
    /// A point in time.
    pub instant: Option<DateTime<Utc>>,
    /// A UUID.
    pub uuid: Option<Uuid>,
    /// JSON.
    pub json: Option<Json<Settings>>,
    /// An exact decimal.
    pub decimal: Option<Decimal>,
    /// A word of a few.
    pub mood: Option<Mood>,
    /// A number in a type of its own.
    pub item: Option<ItemId>,
}

/// A word of a few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, DbEnum)]
pub enum Mood {
    /// `calm`
    Calm,
    /// `in_love`
    InLove,
    /// `fed up`
    #[db_enum(rename = "fed up")]
    FedUp,
}

/// Something that serde knows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Text.
    pub theme: String,
    /// Several numbers.
    pub sizes: Vec<u32>,
    /// Something within.
    pub fallback: Option<Box<Settings>>,
}

/// A person of whom only the name matters.
#[must_use]
pub fn user(name: &str) -> User {
    let email = format!("{}@example.com", name.to_lowercase());
    User { id: 0, name: name.into(), email, nickname: None, age: None, manager_id: None }
}

/// A user with this key and name.
#[must_use]
pub fn keyed(id: i64, name: &str) -> User {
    User { id, ..user(name) }
}

/// Users with the names `user 1`, `user 2` and so on.
#[must_use]
pub fn users(count: usize) -> Vec<User> {
    (1..=count).map(|number| user(&format!("user {number}"))).collect()
}

/// A row with a plain value of every type.
#[must_use]
pub fn kinds() -> Kinds {
    Kinds {
        id: 0,
        truth: true,
        tiny: 1,
        small: 2,
        medium: 3,
        large: 4,
        byte: 5,
        short: 6,
        wide: 7,
        huge: 8,
        single: 0.5,
        double: 0.25,
        text: "text".into(),
        bytes: vec![1, 2, 3],
        date: NaiveDate::default(),
        time: NaiveTime::default(),
        local: NaiveDateTime::default(),
        instant: DateTime::default(),
        uuid: Uuid::nil(),
        json: Json(Settings::default()),
        decimal: Decimal::ONE,
        mood: Mood::Calm,
        item: ItemId(9),
    }
}

/// The same row, where each value may be missing and none is.
#[must_use]
pub fn maybe_kinds() -> MaybeKinds {
    let Kinds {
        id,
        truth,
        tiny,
        small,
        medium,
        large,
        byte,
        short,
        wide,
        huge,
        single,
        double,
        text,
        bytes,
        date,
        time,
        local,
        instant,
        uuid,
        json,
        decimal,
        mood,
        item,
    } = kinds();
    MaybeKinds {
        id,
        truth: Some(truth),
        tiny: Some(tiny),
        small: Some(small),
        medium: Some(medium),
        large: Some(large),
        byte: Some(byte),
        short: Some(short),
        wide: Some(wide),
        huge: Some(huge),
        single: Some(single),
        double: Some(double),
        text: Some(text),
        bytes: Some(bytes),
        date: Some(date),
        time: Some(time),
        local: Some(local),
        instant: Some(instant),
        uuid: Some(uuid),
        json: Some(json),
        decimal: Some(decimal),
        mood: Some(mood),
        item: Some(item),
    }
}

/// Creates the table of [`Number`](struct@Number) and fills it with those from 1 to `count`.
///
/// # Errors
///
/// The database's own.
pub async fn numbers(db: &TestDb, count: i64) -> orm::Result<()> {
    db.create_all(schema![Number]).await?;
    db.execute(insert((1..=count).map(|value| Number { value }).collect::<Vec<_>>())).await?;
    db.log.take();
    Ok(())
}

/// Creates the tables and three people: Alice, Bob and Carol, of whom Bob and Carol work for Alice. Alice has two
/// posts, Bob one, Carol none. Alice's first post has the tags "rust" and "sql", Bob's has "sql".
///
/// # Errors
///
/// The database's own.
pub async fn people(db: &TestDb) -> orm::Result<()> {
    db.create_all(schema![User, Profile, Post, Tag, PostTag]).await?;
    let alice = User::builder().name("Alice").email("alice@example.com").nickname("al").age(30);
    let alice = db.fetch_one(insert(alice).returning(User.id)).await?;
    let bob = User::builder().name("Bob").email("bob@example.com").age(25).manager_id(alice);
    let carol = User::builder().name("Carol").email("carol@example.com").nickname("caz").manager_id(alice);
    let bob = db.fetch_one(insert(bob).returning(User.id)).await?;
    db.execute(insert(carol)).await?;
    let post = |author, title: &str, views| Post::builder().author_id(author).title(title).views(views);
    let posts = [post(alice, "Hello", 10), post(alice, "Joins", 5), post(bob, "Replies", 1)];
    let posts = db.fetch_all(insert(posts).returning(Post.id)).await?;
    db.execute(insert(["rust", "sql"].map(|name| Tag::builder().name(name)))).await?;
    let tagged = [(posts[0], "rust"), (posts[0], "sql"), (posts[2], "sql")];
    db.execute(insert(tagged.map(|(post, tag)| PostTag::builder().post_id(post).tag(tag)))).await?;
    db.log.take();
    Ok(())
}
