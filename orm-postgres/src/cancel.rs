//! Stopping what runs on a connection.
//!
//! The server is asked by a connection of its own, which it closes when it has told the other one. That is waited for:
//! a request that is still on its way would stop a later statement.

use std::io;

use tokio::io::AsyncReadExt;
use tokio_postgres::CancelToken;

use crate::connect::{Problem, Way};
use crate::socket::{Ready, Socket};

impl Way {
    /// Has the server stop what runs.
    pub(crate) async fn stop(&self, cancel: CancelToken) -> Result<(), Problem> {
        self.in_time(async {
            let mut socket = self.socket().await?;
            let asked = cancel.cancel_query_raw(&mut socket, Ready).await;
            asked.map_err(|error| Problem::Socket(io::Error::other(error)))?;
            until_it_is_closed(&mut socket).await;
            Ok(())
        })
        .await
    }
}

/// TLS says that it ends before it does. An error is an end as well.
async fn until_it_is_closed(socket: &mut Socket) {
    while matches!(socket.read(&mut [0; 64]).await, Ok(read) if read > 0) {}
}
