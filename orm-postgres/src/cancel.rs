//! Stopping what runs on a connection.
//!
//! The server is asked by a connection of its own, which it closes when it has told the other one. That is waited for:
//! a request that is still on its way would stop a later statement.

use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_postgres::config::Host;
use tokio_postgres::{CancelToken, NoTls};

use crate::options::Options;

/// Where the server listens.
#[derive(Debug, Clone)]
pub(crate) enum Address {
    Tcp(String, u16),
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no sockets"))]
    Unix(PathBuf),
}

impl Address {
    pub(crate) fn of(options: &Options) -> Self {
        let port = options.config.get_ports().first().copied().unwrap_or(5432);
        match options.config.get_hosts().first() {
            Some(Host::Tcp(host)) => Address::Tcp(host.clone(), port),
            #[cfg(unix)]
            Some(Host::Unix(folder)) => Address::Unix(folder.join(format!(".s.PGSQL.{port}"))),
            None => Address::Tcp("localhost".into(), port),
        }
    }

    /// Has the server stop what runs. If it cannot be asked, what runs goes on.
    pub(crate) async fn stop(&self, cancel: CancelToken) {
        match self {
            Address::Tcp(host, port) => {
                if let Ok(stream) = tokio::net::TcpStream::connect((host.as_str(), *port)).await {
                    ask(cancel, stream).await;
                }
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                if let Ok(stream) = tokio::net::UnixStream::connect(path).await {
                    ask(cancel, stream).await;
                }
            }
            #[cfg(not(unix))]
            Address::Unix(_) => {}
        }
    }
}

async fn ask(cancel: CancelToken, mut stream: impl AsyncRead + AsyncWrite + Unpin + Send) {
    if cancel.cancel_query_raw(&mut stream, NoTls).await.is_ok() {
        let _until_it_is_closed = stream.read(&mut [0; 1]).await;
    }
}
