//! The three-minute tour: models, tables, rows, joins, aggregates, a transaction, on a real database file.
//!
//! ```text
//! cargo run --example quickstart            # the database is quickstart.db
//! cargo run --example quickstart -- my.db   # or another file
//! ```

#![expect(clippy::print_stdout, reason = "the example says what it does")]

use orm::prelude::*;

// A model is a plain struct. The derive makes its name a value too: `User.name` is a column, `User.posts` a relation.
#[derive(Debug, Clone, Model)]
#[model(table = "users", has_many(posts: Post.author_id))]
struct User {
    #[model(primary_key)] // an integer key is made by the database
    id: i64,
    name: String,
    #[model(unique, max_length = 255)]
    email: String,
    nickname: Option<String>, // an Option may be NULL, and nothing else may
}

#[derive(Debug, Clone, Model)]
struct Post {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(author: User), on_delete = cascade, index)]
    author_id: i64,
    title: String,
    #[model(default = 0)]
    likes: i64,
}

#[tokio::main]
async fn main() -> orm::Result<()> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "quickstart.db".into());
    let engine = orm::connect(format!("sqlite://{file}")).await?;
    println!("opened {file}");

    // Begin with empty tables, also when the tour is taken again.
    engine.drop_all(schema![User, Post]).await?;
    engine.create_all(schema![User, Post]).await?;
    println!("created the tables `users` and `post`\n");

    // The unit of work: a session owns rows and gives handles. A parent need not have a key yet.
    let mut session = Session::new(&engine);
    let dora = session.add(User::builder().name("Dora").email("dora@example.com"));
    let hello = session.add(Post::builder().title("Hello").author(dora).likes(0));
    session.commit().await?;
    println!("Dora got the key {}, and her post the author {}", session[dora].id, session[hello].author_id);

    // What is changed is noticed, and no more than that is written.
    session[dora].nickname = Some("dodo".into());
    println!("{}", session.preview()?.join("\n"));
    session.delete(hello)?;
    session.commit().await?;
    println!("a post was deleted; Dora is {:?} now\n", session[dora].nickname);

    // Core: statements with plain values. A forgotten required field would not compile.
    let alice = User::builder().name("Alice").email("alice@example.com").nickname("al");
    let alice: User = engine.fetch_one(insert(alice).returning(User)).await?;
    println!("inserted {alice:?}");

    let more = [("Bob", "bob@example.com"), ("Carol", "carol@example.com")]
        .map(|(name, email)| User::builder().name(name).email(email));
    let ids: Vec<i64> = engine.fetch_all(insert(more).returning(User.id)).await?;
    println!("inserted two more in one statement; the database gave them the keys {ids:?}");

    let posts: Vec<_> = (1..=100)
        .map(|n| {
            Post::builder().title(format!("Post {n}")).author_id(if n % 4 == 0 { ids[0] } else { alice.id }).likes(n)
        })
        .collect();
    println!("inserted {} posts\n", engine.execute(insert(posts)).await?);

    // Query. A statement is a value: build it step by step, print it, run it.
    let wanted = Some("ali");
    let mut query = select(User).order_by(User.name);
    if let Some(text) = wanted {
        query = query.filter(User.name.istarts_with(text));
    }
    println!("{}", engine.sql(&query)?);
    for user in engine.fetch_all(query).await? {
        println!("  {} <{}>", user.name, user.email);
    }

    // Join: the relation knows the condition. What may be missing on a left join is an Option.
    let query = select((User, Post.optional()))
        .left_join(User.posts.and_on(Post.likes.ge(99)))
        .order_by((User.name, Post.likes));
    println!("\n{}", engine.sql(&query)?);
    let rows: Vec<(User, Option<Post>)> = engine.fetch_all(query).await?;
    for (user, post) in rows {
        println!("  {:5} {:?}", user.name, post.map(|post| post.title));
    }

    // Aggregate.
    let query = select((User.name, count(Post.id), sum(Post.likes)))
        .join(User.posts)
        .group_by(User.id)
        .having(count(Post.id).gt(10))
        .order_by(count(Post.id).desc());
    println!("\n{}", engine.sql(&query)?);
    for (name, posts, likes) in engine.fetch_all(query).await? {
        println!("  {name:5} {posts} posts, {} likes", likes.unwrap_or(0));
    }

    // A transaction: both updates or none. An error or a panic in it, or dropping it, rolls it back.
    engine
        .transaction(async |tx| {
            tx.execute(update(Post).set(Post.likes, Post.likes - 1).filter(Post.id.eq(1))).await?;
            tx.execute(update(Post).set(Post.likes, Post.likes + 1).filter(Post.id.eq(2))).await
        })
        .await?;
    let likes: Vec<i64> = engine.fetch_all(select(Post.likes).filter(Post.id.in_([1, 2])).order_by(Post.id)).await?;
    println!("\nmoved a like from post 1 to post 2: they have {likes:?} now");

    // What breaks a constraint says where.
    let twice = insert(User::builder().name("Eve").email("alice@example.com"));
    match engine.execute(twice).await {
        Err(error @ orm::Error::UniqueViolation { .. }) => println!("a second alice@example.com: {error}"),
        other => println!("unexpected: {other:?}"),
    }

    // Update one row by its key, and delete: without a filter neither would compile.
    engine.execute(update(User).set(User.nickname, "bobby").filter(User.id.eq(ids[0]))).await?;
    let bob = engine.get(User, ids[0]).await?;
    println!("\nBob is now {:?}", bob.and_then(|bob| bob.nickname));

    let gone = engine.execute(delete(User).filter(User.name.eq("Alice"))).await?;
    let left: i64 = engine.fetch_scalar(select(count(Post.id))).await?;
    println!("deleted {gone} user; her posts went with her, {left} are left");
    Ok(())
}
