//! A server with TLS, the certificates around it, and one that stands between us and it.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use orm_testkit::servers::PostgresServer;
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Who may come in how.
const WHO_MAY_COME_IN: &str = "
local     all all           trust
hostssl   all secured   all trust
hostnossl all plain     all trust
hostssl   all certified all cert
hostssl   all bound     all scram-sha-256
host      all postgres  all trust
host      all scram     all scram-sha-256
";

const USERS: &str = "
CREATE ROLE secured LOGIN; CREATE ROLE plain LOGIN; CREATE ROLE certified LOGIN
CREATE ROLE bound LOGIN PASSWORD 'hunter2'; CREATE ROLE scram LOGIN PASSWORD 'hunter2'
";

/// A certificate with its key, as files hold them.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// An authority that signs certificates.
pub(crate) struct Authority {
    pub(crate) certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Authority { certificate, issuer: Issuer::new(params, key) }
    }

    /// Signs a certificate of a host, or of a user.
    pub(crate) fn sign(&self, name: &str) -> Pair {
        self.sign_with(name, |_| {})
    }

    pub(crate) fn sign_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Pair { certificate, key: key.serialize_pem() }
    }
}

/// One that signed itself, as `openssl req -x509` makes it.
pub(crate) fn signed_by_itself(name: &str) -> Pair {
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    Pair { certificate: params.self_signed(&key).expect("a certificate").pem(), key: key.serialize_pem() }
}

/// The server of all tests of TLS, and our side's files.
pub(crate) struct Secured {
    pub(crate) server: PostgresServer,
    pub(crate) authority: Authority,
    files: TempDir,
}

/// The server of all tests of TLS. Its certificate is one of `localhost`, signed by the authority in `root.crt`.
pub(crate) fn secured() -> &'static Secured {
    static SECURED: OnceLock<Secured> = OnceLock::new();
    SECURED.get_or_init(Secured::start)
}

impl Secured {
    fn start() -> Self {
        let authority = Authority::new("authority of the tests");
        let mut server = PostgresServer::create_with_tls();
        let pair = authority.sign("localhost");
        server.write("server.crt", &pair.certificate);
        server.write("server.key", &pair.key);
        server.write("root.crt", &authority.certificate);
        server.write("pg_hba.conf", WHO_MAY_COME_IN);
        for (name, value) in [("ssl", "on"), ("ssl_ca_file", "root.crt"), ("password_encryption", "scram-sha-256")] {
            server.set(name, value);
        }
        server.prepare(USERS);
        server.start();
        let files = tempfile::tempdir().expect("a folder");
        let secured = Secured { server, authority, files };
        secured.file("root.crt", &secured.authority.certificate);
        secured
    }

    /// A file of ours, which nobody else may read.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt;

        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        path.display().to_string()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// The file of the authority's certificate.
    pub(crate) fn root(&self) -> String {
        self.path("root.crt").display().to_string()
    }

    /// A URL of the server for a user, by the name `localhost`.
    pub(crate) fn url(&self, user: &str, options: &str) -> String {
        let port = self.server.port();
        format!("postgresql://{user}@localhost:{port}/postgres?hostaddr=127.0.0.1&{options}")
    }

    /// Takes TLS in the server's place, with another certificate, and goes on to the server without. Gives its port.
    pub(crate) async fn between(&self, pair: &Pair, protocols: &[&[u8]], direct: bool) -> u16 {
        let acceptor = TlsAcceptor::from(Arc::new(server_config(pair, protocols)));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (port, server) = (listener.local_addr().expect("an address").port(), self.server.port());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move { pass_on(client, acceptor, server, direct).await.ok() });
            }
        });
        port
    }
}

fn server_config(pair: &Pair, protocols: &[&[u8]]) -> ServerConfig {
    let certificates =
        CertificateDer::pem_slice_iter(pair.certificate.as_bytes()).map(|one| one.expect("a certificate"));
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let mut config = builder.with_no_client_auth().with_single_cert(certificates.collect(), key).expect("a pair");
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

async fn pass_on(mut client: TcpStream, acceptor: TlsAcceptor, server: u16, direct: bool) -> std::io::Result<()> {
    if !direct {
        client.read_exact(&mut [0; 8]).await?;
        client.write_all(b"S").await?;
    }
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
