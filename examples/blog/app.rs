//! What requests share, and the server around it.

use std::future::Future;
use std::io;

use orm::engine::EngineBuilder;
use orm::prelude::*;
use tokio::net::TcpListener;

use super::models::{self, Post};
use super::routes;

/// The state of the service. Clones share one pool of connections.
#[derive(Clone)]
pub(crate) struct App {
    /// Sees drafts as well, and nothing that was deleted.
    pub(crate) db: Engine,
    /// Sees what everybody may see.
    pub(crate) public: Engine,
}

impl App {
    /// Opens the database, and creates the tables that are missing.
    pub(crate) async fn open(builder: EngineBuilder) -> orm::Result<Self> {
        let db = builder.hooks(models::rules()).filter(Post, Post.deleted_at.is_null()).connect().await?;
        db.create_all(models::tables()).await?;
        let public = db.with_filter(Post, Post.published_at.is_not_null());
        Ok(App { db, public })
    }

    /// Answers requests until `stop` is ready. Those that have begun are answered before it returns.
    pub(crate) async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let served = axum::serve(listener, routes::of(self.clone())).with_graceful_shutdown(stop).await;
        self.db.close().await;
        served
    }
}

/// Ready when the process is asked to stop: by Ctrl-C, or by the SIGTERM of whoever runs it.
pub(crate) async fn asked_to_stop() {
    let interrupt = async {
        // Where signals cannot be heard, the process is stopped without being asked.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupt => {}
        () = terminate() => {}
    }
}

#[cfg(unix)]
async fn terminate() {
    use tokio::signal::unix::{SignalKind, signal};

    match signal(SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminate() {
    std::future::pending().await
}
