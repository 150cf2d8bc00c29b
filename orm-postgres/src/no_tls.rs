//! Without the feature `tls` there is none. Who asks for it is told when the URL is read.

use std::io;

use orm_core::error::Result;
use tokio::net::TcpStream;
pub(crate) use tokio_postgres::tls::NoTlsStream as TlsStream;

use crate::connect::Fault;
use crate::options::TlsOptions;

/// Whether this build has TLS.
pub(crate) const IS_BUILT_IN: bool = false;

#[derive(Debug)]
pub(crate) struct Tls;

impl Tls {
    pub(crate) async fn load(_options: &TlsOptions) -> Result<Self> {
        Ok(Tls)
    }

    pub(crate) async fn handshake(&self, _name: &str, _socket: TcpStream) -> io::Result<TlsStream> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// What a handshake failed of. There is none.
pub(crate) fn fault(_error: &io::Error) -> Option<Fault> {
    None
}
