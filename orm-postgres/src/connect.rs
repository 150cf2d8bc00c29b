//! Connecting: which server, by which of its addresses, secured or not. As libpq does it.
//!
//! ```text
//! for each server, in the order of the URL or in none:     host=a,b  load_balance_hosts
//!   for each of its addresses:                             hostaddr, or the host's name
//!     for each way of securing it:                         sslmode
//!       socket ─> handshake ─> who we are ─> is it such a server as is wanted?    target_session_attrs
//!                              └ a server that refuses us ends the search
//! ```

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use orm_core::error::Result;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, SimpleQueryMessage};

use crate::error;
use crate::options::{Options, Place, Server, SocketOptions, SslMode, Target};
use crate::socket::{Ready, Socket};
use crate::tls::{self, Tls};
use crate::watch::Watched;

/// What the server is sent to ask whether it has TLS: a length of 8, and a version that no protocol has.
const DO_YOU_HAVE_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Everything that connecting takes.
#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) options: Options,
    tls: Tls,
}

/// Reads and writes for a client while it is polled.
pub(crate) type Messages = tokio_postgres::Connection<Watched<Socket>, Watched<Socket>>;

/// A connection, and how it was made.
pub(crate) struct Opened {
    pub(crate) client: Client,
    pub(crate) messages: Messages,
    pub(crate) way: Way,
}

/// The way to a server that was taken, to be taken again by a request to stop what runs there.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    connector: Arc<Connector>,
    address: Address,
    secured: bool,
}

#[derive(Debug, Clone)]
enum Address {
    /// The name is what a certificate is for.
    Tcp { name: String, address: SocketAddr },
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no sockets in files"))]
    Unix(PathBuf),
}

/// Whether a way is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secure {
    No,
    IfTheServerCan,
    Yes,
}

/// A server that could not be had.
#[derive(Debug)]
pub(crate) struct Unreached {
    pub(crate) server: Server,
    pub(crate) problem: Problem,
}

/// Why not.
#[derive(Debug)]
pub(crate) enum Problem {
    /// Its name has no address.
    Name(io::Error),
    /// Nobody is there.
    Socket(io::Error),
    /// Nothing came for that long.
    Silence(Duration),
    /// It has no TLS.
    NoTls,
    /// It is another than it should be, or we cannot agree on how to talk.
    Handshake(io::Error),
    /// It refused, or broke off.
    Refused { error: tokio_postgres::Error, secured: bool },
    /// It is not what `target_session_attrs` asks for.
    Unsuitable(&'static str),
}

/// What a handshake failed of.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "without TLS there are no handshakes"))]
pub(crate) enum Fault {
    OtherHost,
    NotTrusted,
    OutOfTime,
    /// A certificate of X.509's first version.
    Old,
    /// Our certificate was refused.
    Ours,
}

impl Problem {
    /// Whether other servers would say the same: a wrong password is wrong on all.
    fn ends_the_search(&self) -> bool {
        match self {
            Problem::Refused { error, .. } => error.code().is_some_and(|state| *state != SqlState::CANNOT_CONNECT_NOW),
            _ => false,
        }
    }

    /// Whether it may be otherwise with TLS, or without.
    fn may_be_for_tls(&self) -> bool {
        match self {
            Problem::Handshake(_) => true,
            Problem::Refused { error, .. } => error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION),
            _ => false,
        }
    }
}

impl Connector {
    /// Reads the files of certificates that the options name.
    pub(crate) async fn new(options: Options) -> Result<Self> {
        let tls = Tls::load(&options.tls).await?;
        Ok(Connector { options, tls })
    }

    /// Connects to the first server that can be had.
    pub(crate) async fn connect(self: &Arc<Self>) -> Result<Opened> {
        let mut failed = Vec::new();
        for target in self.options.target.in_turn() {
            match self.first_of_all(*target).await {
                Ok(opened) => return Ok(opened),
                Err(failures) => failed = failures,
            }
        }
        Err(error::connect(failed, &self.options))
    }

    async fn first_of_all(self: &Arc<Self>, target: Target) -> Result<Opened, Vec<Unreached>> {
        let mut failed = Vec::new();
        for server in self.in_order(&self.options.servers) {
            match self.any_address(&server, target).await {
                Ok(opened) => return Ok(opened),
                Err(problem) => {
                    let last = problem.ends_the_search();
                    failed.push(Unreached { server, problem });
                    if last {
                        break;
                    }
                }
            }
        }
        Err(failed)
    }

    async fn any_address(self: &Arc<Self>, server: &Server, target: Target) -> Result<Opened, Problem> {
        let addresses = self.in_time(addresses(server)).await?;
        let mut failed = Problem::Name(io::ErrorKind::NotFound.into());
        for address in self.in_order(&addresses) {
            match self.in_time(self.open(address, target)).await {
                Ok(opened) => return Ok(opened),
                Err(problem) if problem.ends_the_search() => return Err(problem),
                Err(problem) => failed = problem,
            }
        }
        Err(failed)
    }

    /// In the given order, or in any.
    fn in_order<T: Clone>(&self, all: &[T]) -> Vec<T> {
        let mut all = all.to_vec();
        if self.options.in_random_order {
            // Each of these states is another.
            all.sort_by_cached_key(|_| RandomState::new().hash_one(0));
        }
        all
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        match self.options.connect_timeout {
            None => work.await,
            Some(limit) => match tokio::time::timeout(limit, work).await {
                Ok(result) => result,
                Err(_elapsed) => Err(Problem::Silence(limit)),
            },
        }
    }

    async fn open(self: &Arc<Self>, address: Address, target: Target) -> Result<Opened, Problem> {
        let (first, second) = self.ways_of_securing(&address);
        let opened = match (self.attempt(&address, first).await, second) {
            (Err(problem), Some(second)) if problem.may_be_for_tls() => self.attempt(&address, second).await?,
            (result, _) => result?,
        };
        target.check(opened).await
    }

    /// What is tried, and what is tried then. A socket in a file leads nowhere else.
    fn ways_of_securing(&self, address: &Address) -> (Secure, Option<Secure>) {
        let tls = tls::IS_BUILT_IN && matches!(address, Address::Tcp { .. });
        match self.options.tls.mode {
            _ if !tls => (Secure::No, None),
            SslMode::Disable => (Secure::No, None),
            SslMode::Allow => (Secure::No, Some(Secure::Yes)),
            SslMode::Prefer => (Secure::IfTheServerCan, Some(Secure::No)),
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (Secure::Yes, None),
        }
    }

    async fn attempt(self: &Arc<Self>, address: &Address, secure: Secure) -> Result<Opened, Problem> {
        let socket = self.socket(address, secure).await?;
        let secured = matches!(socket, Socket::Tls(_));
        let socket = Watched::new(socket, self.options.socket.silence);
        let opened = self.options.config(secured).connect_raw(socket, Ready).await;
        let (client, messages) = opened.map_err(|error| Problem::Refused { error, secured })?;
        let way = Way { connector: Arc::clone(self), address: address.clone(), secured };
        Ok(Opened { client, messages, way })
    }

    async fn socket(&self, address: &Address, secure: Secure) -> Result<Socket, Problem> {
        match address {
            Address::Tcp { name, address } => {
                let socket = tcp(*address, &self.options.socket).await.map_err(Problem::Socket)?;
                self.secure(socket, name, secure).await
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                let socket = tokio::net::UnixStream::connect(path).await;
                socket.map(Socket::Unix).map_err(Problem::Socket)
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(Problem::Socket(io::ErrorKind::Unsupported.into())),
        }
    }

    async fn secure(&self, mut socket: TcpStream, name: &str, secure: Secure) -> Result<Socket, Problem> {
        let wanted = match secure {
            Secure::No => false,
            _ if self.options.tls.direct => true,
            _ => has_tls(&mut socket).await.map_err(Problem::Socket)?,
        };
        match (wanted, secure) {
            (true, _) => {
                let secured = self.tls.handshake(name, socket).await;
                secured.map(|stream| Socket::Tls(Box::new(stream))).map_err(Problem::Handshake)
            }
            (false, Secure::Yes) => Err(Problem::NoTls),
            (false, Secure::No | Secure::IfTheServerCan) => Ok(Socket::Tcp(socket)),
        }
    }
}

impl Way {
    pub(crate) fn options(&self) -> &Options {
        &self.connector.options
    }

    /// Another socket to the same server, secured in the same way.
    pub(crate) async fn socket(&self) -> Result<Socket, Problem> {
        let secure = if self.secured { Secure::Yes } else { Secure::No };
        self.connector.socket(&self.address, secure).await
    }

    /// For no longer than connecting may take.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        self.connector.in_time(work).await
    }
}

async fn addresses(server: &Server) -> Result<Vec<Address>, Problem> {
    match &server.place {
        Place::Unix(folder) => Ok(vec![Address::Unix(folder.join(format!(".s.PGSQL.{}", server.port)))]),
        Place::Tcp { name, address: Some(address) } => {
            Ok(vec![Address::Tcp { name: name.clone(), address: SocketAddr::new(*address, server.port) }])
        }
        Place::Tcp { name, address: None } => {
            let found = tokio::net::lookup_host((name.as_str(), server.port)).await.map_err(Problem::Name)?;
            Ok(found.map(|address| Address::Tcp { name: name.clone(), address }).collect())
        }
    }
}

async fn tcp(address: SocketAddr, options: &SocketOptions) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    if options.keepalives {
        socket.set_keepalive(true)?;
        socket.set_tcp_keepalive(&keepalive(options))?;
    }
    #[cfg(target_os = "linux")]
    if options.user_timeout.is_some() {
        socket.set_tcp_user_timeout(options.user_timeout)?;
    }
    Ok(stream)
}

fn keepalive(options: &SocketOptions) -> TcpKeepalive {
    let keepalive = TcpKeepalive::new();
    let keepalive = options.idle.map_or(keepalive.clone(), |idle| keepalive.clone().with_time(idle));
    #[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd", windows))]
    let keepalive = options.interval.map_or(keepalive.clone(), |interval| keepalive.clone().with_interval(interval));
    #[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd"))]
    let keepalive = options.count.map_or(keepalive.clone(), |count| keepalive.clone().with_retries(count));
    keepalive
}

/// Asks the server. Not a byte beyond its answer is read: whatever follows is within TLS, or is not the server's.
async fn has_tls(socket: &mut TcpStream) -> io::Result<bool> {
    socket.write_all(&DO_YOU_HAVE_TLS).await?;
    match socket.read_u8().await? {
        b'S' => Ok(true),
        b'N' => Ok(false),
        // An error that came before TLS may be anybody's, so it is not shown.
        _ => Err(io::Error::other("the server did not say whether it has TLS")),
    }
}

impl Target {
    /// What is looked for, and what is looked for when no server is that.
    fn in_turn(self) -> &'static [Target] {
        match self {
            Target::Any => &[Target::Any],
            Target::ReadWrite => &[Target::ReadWrite],
            Target::ReadOnly => &[Target::ReadOnly],
            Target::Primary => &[Target::Primary],
            Target::Standby => &[Target::Standby],
            Target::PreferStandby => &[Target::Standby, Target::Any],
        }
    }

    async fn check(self, mut opened: Opened) -> Result<Opened, Problem> {
        if self == Target::Any {
            return Ok(opened);
        }
        let (standby, read_only) = opened.state().await?;
        let unsuitable = match self {
            Target::ReadWrite if read_only => Some("it is read-only, and one that takes writes is wanted"),
            Target::ReadOnly if !read_only => Some("it takes writes, and a read-only one is wanted"),
            Target::Primary if standby => Some("it is a standby, and the primary is wanted"),
            Target::Standby if !standby => Some("it is the primary, and a standby is wanted"),
            _ => None,
        };
        unsuitable.map_or(Ok(opened), |reason| Err(Problem::Unsuitable(reason)))
    }
}

impl Opened {
    /// Whether the server is a standby, and whether it is read-only.
    async fn state(&mut self) -> Result<(bool, bool), Problem> {
        const STATE: &str =
            "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')";
        let answer = drive(&mut self.messages, |_| {}, self.client.simple_query(STATE)).await;
        let secured = self.way.secured;
        let answer = answer.map_err(|error| Problem::Refused { error, secured })?;
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((row.get(0) == Some("t"), row.get(1) == Some("on"))),
            _ => None,
        });
        row.ok_or_else(|| Problem::Socket(io::Error::other("the server did not say what it is")))
    }
}

/// Keeps a connection going until the work on it is done, and hands over what else comes.
pub(crate) async fn drive<T>(
    messages: &mut Messages,
    mut other: impl FnMut(AsyncMessage),
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, tokio_postgres::Error> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        loop {
            if let Poll::Ready(result) = work.as_mut().poll(context) {
                return Poll::Ready(result);
            }
            match messages.poll_message(context) {
                Poll::Ready(Some(Ok(message))) => other(message),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                // It is over, and the work finds out.
                Poll::Ready(None) => return work.as_mut().poll(context),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}
