//! Stopping what runs on a connection.
//!
//! The server is asked by a connection of its own, which it closes when it has told the other one. That is waited for:
//! a request that is still on its way would stop a later statement.
//!
//! ```text
//! CancelHandle ─> Canceller ─> Loan: still lent? ─ yes ─> Way::stop ─> the server closes
//! back to the pool ─> the loan ends, after the request that is on its way
//! ```

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use orm_core::driver::{BoxFuture, Cancel};
use orm_core::error::{Error, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::sync::Mutex;
use tokio_postgres::CancelToken;
use tokio_postgres::tls::{ChannelBinding, TlsStream as WithBinding};

use crate::connect::{Problem, Way};
use crate::error;
use crate::socket::{Ready, Socket};

impl Way {
    /// Has the server stop what runs.
    pub(crate) async fn stop(&self, cancel: CancelToken) -> Result<(), Problem> {
        self.in_time(async {
            let mut socket = self.socket().await?;
            let asked = cancel.cancel_query_raw(HeldOpen(&mut socket), Ready).await;
            asked.map_err(|error| Problem::Socket(io::Error::other(error)))?;
            until_it_is_closed(&mut socket).await;
            Ok(())
        })
        .await
    }
}

/// A socket that is not closed when the request is sent: a proxy forgets the requests of whoever has hung up.
struct HeldOpen<'a>(&'a mut Socket);

impl AsyncRead for HeldOpen<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for HeldOpen<'_> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

impl WithBinding for HeldOpen<'_> {
    fn channel_binding(&self) -> ChannelBinding {
        self.0.channel_binding()
    }
}

/// TLS says that it ends before it does. An error is an end as well.
async fn until_it_is_closed(socket: &mut Socket) {
    while matches!(socket.read(&mut [0; 64]).await, Ok(read) if read > 0) {}
}

/// What the handles of a connection share with it while it is lent to one caller.
#[derive(Debug, Default, Clone)]
pub(crate) struct Loan(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Whether the connection is back. Locked while a request is on its way.
    over: Arc<Mutex<bool>>,
    /// Whether a handle was used since the last statement was sent.
    used: AtomicBool,
}

impl Loan {
    /// Ends it, unless a request is on its way.
    pub(crate) fn try_end(&self) -> bool {
        self.0.over.try_lock().map(|mut over| *over = true).is_ok()
    }

    /// Ends it, after the request that is on its way.
    pub(crate) async fn end(&self) {
        *self.0.over.lock().await = true;
    }

    /// A statement is sent, which nobody has stopped.
    pub(crate) fn begin_statement(&self) {
        self.0.used.store(false, Ordering::SeqCst);
    }

    /// Whether it was a handle that stopped the statement.
    pub(crate) fn was_used(&self) -> bool {
        self.0.used.load(Ordering::SeqCst)
    }
}

/// Stops what runs during one loan of a connection.
pub(crate) struct Canceller {
    pub(crate) loan: Loan,
    pub(crate) way: Way,
    pub(crate) token: CancelToken,
}

impl Canceller {
    async fn ask(&self) -> Result<()> {
        let over = Arc::clone(&self.loan.0.over).lock_owned().await;
        if *over {
            return Ok(());
        }
        self.loan.0.used.store(true, Ordering::SeqCst);
        let (way, token) = (self.way.clone(), self.token.clone());
        // A task of its own: what was asked for is waited for, though the caller may be dropped.
        let asking = tokio::spawn(async move {
            let asked = way.stop(token).await.map_err(|problem| error::unreachable(problem, &way));
            drop(over);
            asked
        });
        asking.await.unwrap_or(Err(Error::Closed))
    }
}

impl Cancel for Canceller {
    fn cancel(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.ask())
    }
}

impl std::fmt::Debug for Canceller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canceller").finish_non_exhaustive()
    }
}
