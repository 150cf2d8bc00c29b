//! What the bytes to and from a server go through.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
#[cfg(not(unix))]
use tokio_postgres::tls::NoTlsStream as UnixStream;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream as WithBinding};

use crate::tls::TlsStream;

/// An open way to a server, secured if that was asked for.
pub(crate) enum Socket {
    Tcp(TcpStream),
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no sockets in files"))]
    Unix(UnixStream),
    Tls(Box<TlsStream>),
}

/// Calls the same on whichever it is.
macro_rules! on {
    ($socket:expr, $call:ident($($argument:expr),*)) => {
        match $socket.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).$call($($argument),*),
            Socket::Unix(stream) => Pin::new(stream).$call($($argument),*),
            Socket::Tls(stream) => Pin::new(stream.as_mut()).$call($($argument),*),
        }
    };
}

impl AsyncRead for Socket {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on!(self, poll_read(context, buffer))
    }
}

impl AsyncWrite for Socket {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on!(self, poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, poll_shutdown(context))
    }
}

impl WithBinding for Socket {
    fn channel_binding(&self) -> ChannelBinding {
        match self {
            Socket::Tls(stream) => stream.channel_binding(),
            Socket::Tcp(_) | Socket::Unix(_) => ChannelBinding::none(),
        }
    }
}

/// Tells tokio-postgres that a socket is secured already. Only so can the failures of the handshake be told apart.
pub(crate) struct Ready;

impl<S: WithBinding + Unpin> TlsConnect<S> for Ready {
    type Stream = S;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<S>>;

    fn connect(self, socket: S) -> Self::Future {
        std::future::ready(Ok(socket))
    }
}
