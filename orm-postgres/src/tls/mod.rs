//! TLS by rustls: what the options of a URL mean to it.

mod binding;
mod files;
mod verify;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use orm_core::error::Result;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, CertificateError, ClientConfig, OtherError, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_postgres::tls::ChannelBinding;
use tokio_rustls::TlsConnector;

use crate::connect::Fault;
use crate::options::{SslMode, TlsOptions, TlsVersion, invalid};

/// Whether this build has TLS.
pub(crate) const IS_BUILT_IN: bool = true;

/// The protocol that is spoken within TLS. A server that takes a handshake unasked has to agree to it, or a connection
/// could be led to a server of something else.
const PROTOCOL: &[u8] = b"postgresql";

/// How handshakes are made, if at all.
#[derive(Debug)]
pub(crate) struct Tls {
    config: Option<Arc<ClientConfig>>,
    direct: bool,
    /// Whether the certificate has to be one of the host's name.
    by_name: bool,
}

impl Tls {
    /// Reads the files of certificates and keys.
    pub(crate) async fn load(options: &TlsOptions) -> Result<Self> {
        let config = match options.mode {
            SslMode::Disable => None,
            _ => {
                let options = options.clone();
                let loading = tokio::task::spawn_blocking(move || config(&options));
                Some(Arc::new(loading.await.map_err(|_| invalid("its certificates could not be read"))??))
            }
        };
        Ok(Tls { config, direct: options.direct, by_name: options.mode == SslMode::VerifyFull })
    }

    /// Secures a socket to the server of this name.
    pub(crate) async fn handshake(&self, name: &str, socket: TcpStream) -> io::Result<TlsStream> {
        let config = self.config.clone().ok_or(io::ErrorKind::Unsupported)?;
        let name = self.server_name(name, &socket)?;
        let stream = TlsConnector::from(config).connect(name, socket).await?;
        if self.direct && stream.get_ref().1.alpn_protocol() != Some(PROTOCOL) {
            return Err(io::Error::other("the server does not say that it speaks PostgreSQL's protocol"));
        }
        Ok(TlsStream(stream))
    }

    fn server_name(&self, name: &str, socket: &TcpStream) -> io::Result<ServerName<'static>> {
        match ServerName::try_from(name.to_owned()) {
            Ok(name) => Ok(name),
            Err(_) if self.by_name => Err(io::Error::other("no certificate can be for a host of that name")),
            // Nobody looks at it.
            Err(_) => Ok(ServerName::IpAddress(socket.peer_addr()?.ip().into())),
        }
    }
}

fn config(options: &TlsOptions) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(options))
        .map_err(|error| invalid(&format!("TLS: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier(options, provider)?));
    let mut config = match &options.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder
            .with_client_auth_cert(files::certificates("sslcert", &identity.certificate)?, files::key(&identity.key)?)
            .map_err(|error| invalid(&format!("`sslcert` and `sslkey` do not fit: {error}")))?,
    };
    config.enable_sni = options.sni;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

fn versions(options: &TlsOptions) -> Vec<&'static SupportedProtocolVersion> {
    let all = [(TlsVersion::V1_2, &TLS12), (TlsVersion::V1_3, &TLS13)];
    let wanted = all.into_iter().filter(|(version, _)| (options.oldest..=options.newest).contains(version));
    wanted.map(|(_, version)| version).collect()
}

fn verifier(options: &TlsOptions, provider: Arc<CryptoProvider>) -> Result<verify::Verifier> {
    let by_name = match options.mode {
        SslMode::VerifyFull => true,
        SslMode::VerifyCa => false,
        SslMode::Disable | SslMode::Allow | SslMode::Prefer | SslMode::Require => {
            return Ok(verify::Verifier::of_nothing(&provider));
        }
    };
    let trusted = files::trusted(options.root.as_ref())?;
    verify::Verifier::of(trusted, by_name, provider)
}

/// What a handshake failed of, if that is known.
pub(crate) fn fault(error: &io::Error) -> Option<Fault> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::InvalidCertificate(fault) => of_a_certificate(fault),
        rustls::Error::AlertReceived(alert) => of_ours(*alert).then_some(Fault::Ours),
        _ => None,
    }
}

fn of_a_certificate(fault: &CertificateError) -> Option<Fault> {
    match fault {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Some(Fault::OtherHost),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Some(Fault::NotTrusted),
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Some(Fault::OutOfTime),
        CertificateError::Other(other) => is_of_an_old_kind(other).then_some(Fault::Old),
        _ => None,
    }
}

/// rustls keeps what it verifies with to itself, and so the type of this error.
fn is_of_an_old_kind(error: &OtherError) -> bool {
    format!("{error:?}").contains("UnsupportedCertVersion")
}

fn of_ours(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
    )
}

/// A secured socket.
pub(crate) struct TlsStream(tokio_rustls::client::TlsStream<TcpStream>);

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl tokio_postgres::tls::TlsStream for TlsStream {
    /// A password is then worth nothing to whoever stands between us and the server with another certificate.
    fn channel_binding(&self) -> ChannelBinding {
        let certificates = self.0.get_ref().1.peer_certificates().unwrap_or_default();
        let hash = certificates.first().and_then(|certificate| binding::hash(certificate));
        hash.map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}
