//! A blog as a web service: users, posts, comments and tags, as JSON over HTTP. Take it as the beginning of a service of yours.
//!
//! ```text
//! cargo run --example blog                                        # a file blog.db beside you
//! cargo run --example blog -- postgresql://user@localhost/blog    # or any other URL
//! PORT=3000 cargo run --example blog
//! ```
//!
//! | file | what it has |
//! |---|---|
//! | `models.rs` | the tables, and what their rows must be |
//! | `app.rs` | the state that requests share, the server, and how it ends |
//! | `routes.rs` | which path is which function |
//! | `posts.rs`, `users.rs` | those functions, beside the shapes of what they show |
//! | `error.rs` | what went wrong, as HTTP says it |
//!
//! Reading is by statements that say what the page shows, and nothing else is read. Writing is by a session for each request:
//! what fails half-way leaves nothing behind.

#![expect(clippy::print_stdout, reason = "says where it listens")]

mod app;
mod error;
pub(crate) mod models;
mod posts;
mod routes;
mod users;

pub(crate) use app::App;

use std::env;

use orm::prelude::*;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = env::args().nth(1).unwrap_or_else(|| "sqlite://blog.db".to_owned());
    let port = env::var("PORT").ok().map_or(Ok(3000), |port| port.parse::<u16>())?;

    let app = App::open(Engine::builder(url)).await?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    app.serve(listener, app::asked_to_stop()).await?;
    println!("stopped");
    Ok(())
}
