//! What a URL says: where the servers are, who asks, and the settings of each connection. The options are libpq's.
//!
//! ```text
//! postgresql://user:password@host:5432/database?application_name=app&statement_timeout=5000
//!   └─ url.rs: pairs of name and value ─> Given: each option read ─> Options: all of them checked together
//! ```
//!
//! Neither the password nor what a URL says of it is in any message.

mod tls;
mod url;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use orm_core::error::{Error, Result};
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, SslMode as Secured, SslNegotiation};

#[cfg_attr(not(feature = "tls"), expect(unused_imports, reason = "only a build with TLS asks for these"))]
pub(crate) use tls::{Root, TlsVersion};
pub(crate) use tls::{SslMode, TlsOptions};

/// How long opening a connection may take, unless the URL says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

const PORT: u16 = 5432;

/// How much later than the server we stop a statement, unless the URL says otherwise: it has to be told by then.
const GRACE: Duration = Duration::from_secs(5);

/// All options. A message about an unknown one lists them.
const KNOWN: &[&str] = &[
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "load_balance_hosts",
    "lock_timeout",
    "options",
    "password",
    "port",
    "search_path",
    "socket_timeout",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslsni",
    "statement_timeout",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// A URL, read.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Who asks for what. It knows no servers.
    config: Config,
    pub(crate) servers: Vec<Server>,
    /// Whether any server will do first, so that many clients spread over all.
    pub(crate) in_random_order: bool,
    pub(crate) target: Target,
    /// How long each address of a server is waited for; none is for ever.
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) socket: SocketOptions,
    pub(crate) tls: TlsOptions,
}

/// Where a server may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) place: Place,
    pub(crate) port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A name, and the address to use instead of asking for that of the name.
    Tcp { name: String, address: Option<IpAddr> },
    /// The folder of a Unix socket.
    Unix(PathBuf),
}

/// What a server must be to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// How a socket finds out that nobody is there any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SocketOptions {
    /// Whether the system asks the other side, when nothing was heard for long, if it is still there.
    pub(crate) keepalives: bool,
    /// What is none is the system's.
    pub(crate) idle: Option<Duration>,
    pub(crate) interval: Option<Duration>,
    pub(crate) count: Option<u32>,
    /// How long what was sent may stay unanswered by the other side's system.
    pub(crate) user_timeout: Option<Duration>,
    /// How long the server may say nothing while it is waited for; none is for ever.
    pub(crate) silence: Option<Duration>,
}

/// The options as they are given, before they are seen together.
#[derive(Debug)]
struct Given {
    config: Config,
    hosts: String,
    addresses: String,
    ports: String,
    in_random_order: bool,
    target: Target,
    connect_timeout: Option<Duration>,
    socket: SocketOptions,
    tls: tls::Given,
    statement_timeout: Duration,
    socket_timeout: Option<Duration>,
    /// Settings of the server, in the form of its command line.
    settings: Vec<String>,
}

impl Options {
    /// Reads a URL.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let mut given = Given::new();
        for (name, value) in url::pairs(url)? {
            given.set(&name, &value)?;
        }
        given.finished()
    }

    /// Who asks for what, on a way that is secured, or on one that is not.
    pub(crate) fn config(&self, secured: bool) -> Config {
        let mut config = self.config.clone();
        // Our own handshake is over by then, and tokio-postgres is not to ask for one.
        config.ssl_negotiation(SslNegotiation::Direct);
        config.ssl_mode(if secured { Secured::Require } else { Secured::Disable });
        config
    }

    /// The database's name in traces.
    pub(crate) fn namespace(&self) -> String {
        self.config.get_dbname().or(self.config.get_user()).unwrap_or("postgres").to_owned()
    }

    /// Whether the server is to be told settings when it is connected to.
    pub(crate) fn has_settings(&self) -> bool {
        self.config.get_options().is_some()
    }

    /// The database's place in messages: `localhost:5432/app`, or `a:5432,b:5432/app`.
    pub(crate) fn target(&self) -> String {
        let servers: Vec<String> = self.servers.iter().map(ToString::to_string).collect();
        format!("{}/{}", servers.join(","), self.namespace())
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Place::Tcp { name, .. } => write!(f, "{name}:{}", self.port),
            Place::Unix(folder) => write!(f, "{}:{}", folder.display(), self.port),
        }
    }
}

impl Given {
    fn new() -> Self {
        Given {
            config: Config::new(),
            hosts: String::new(),
            addresses: String::new(),
            ports: String::new(),
            in_random_order: false,
            target: Target::Any,
            connect_timeout: Some(CONNECT_TIMEOUT),
            socket: SocketOptions {
                keepalives: true,
                idle: None,
                interval: None,
                count: None,
                user_timeout: None,
                silence: None,
            },
            tls: tls::Given::default(),
            statement_timeout: Duration::ZERO,
            socket_timeout: None,
            settings: Vec::new(),
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "host" => self.hosts = value.into(),
            "hostaddr" => self.addresses = value.into(),
            "port" => self.ports = value.into(),
            "user" => drop(self.config.user(value)),
            "password" => drop(self.config.password(value)),
            "dbname" => drop(self.config.dbname(value)),
            "application_name" => drop(self.config.application_name(value)),
            "channel_binding" => drop(self.config.channel_binding(channel_binding(value)?)),
            "load_balance_hosts" => {
                self.in_random_order = one_of(name, value, &[("disable", false), ("random", true)])?;
            }
            "target_session_attrs" => self.target = target(value)?,
            "connect_timeout" => self.connect_timeout = seconds(name, value)?,
            "statement_timeout" | "lock_timeout" => {
                let milliseconds: u32 = number(name, value)?;
                self.setting(name, &milliseconds.to_string());
                if name == "statement_timeout" {
                    self.statement_timeout = Duration::from_millis(milliseconds.into());
                }
            }
            "socket_timeout" => self.socket_timeout = Some(Duration::from_millis(number(name, value)?)),
            "search_path" => self.setting(name, value),
            "options" => self.settings.push(value.into()),
            _ if self.tls.set(name, value)? || self.socket.set(name, value)? => {}
            _ => return Err(invalid(&format!("there is no option `{name}`; there are {}", KNOWN.join(", ")))),
        }
        Ok(())
    }

    /// Spaces and backslashes have a meaning on the command line.
    fn setting(&mut self, name: &str, value: &str) {
        let value = value.replace('\\', "\\\\").replace(' ', "\\ ");
        self.settings.push(format!("-c {name}={value}"));
    }

    fn finished(mut self) -> Result<Options> {
        if !self.settings.is_empty() {
            self.config.options(self.settings.join(" "));
        }
        let ours = (!self.statement_timeout.is_zero()).then(|| self.statement_timeout + GRACE);
        self.socket.silence = self.socket_timeout.or(ours).filter(|limit| !limit.is_zero());
        let servers = servers(&self.hosts, &self.addresses, &self.ports)?;
        let tls = self.tls.finished()?;
        if tls.mode == SslMode::Disable && self.config.get_channel_binding() == ChannelBinding::Require {
            return Err(invalid("`channel_binding=require` needs TLS, which `sslmode=disable` forbids"));
        }
        Ok(Options {
            config: self.config,
            servers,
            in_random_order: self.in_random_order,
            target: self.target,
            connect_timeout: self.connect_timeout,
            socket: self.socket,
            tls,
        })
    }
}

impl SocketOptions {
    /// Whether it is an option of sockets, which is then set.
    fn set(&mut self, name: &str, value: &str) -> Result<bool> {
        match name {
            "keepalives" => self.keepalives = one_of(name, value, &[("1", true), ("0", false)])?,
            "keepalives_idle" => self.idle = seconds(name, value)?,
            "keepalives_interval" => self.interval = seconds(name, value)?,
            "keepalives_count" => self.count = Some(number(name, value)?).filter(|count| *count > 0),
            "tcp_user_timeout" => {
                let timeout = Duration::from_millis(number(name, value)?);
                self.user_timeout = Some(timeout).filter(|timeout| !timeout.is_zero());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Brings the lists of hosts, addresses and ports together. Each is as long as the others, or empty; one port is for all.
fn servers(hosts: &str, addresses: &str, ports: &str) -> Result<Vec<Server>> {
    let (hosts, addresses, ports) = (list(hosts), list(addresses), list(ports));
    let count = hosts.len().max(addresses.len()).max(1);
    if !addresses.is_empty() && !hosts.is_empty() && addresses.len() != hosts.len() {
        let (hosts, addresses) = (hosts.len(), addresses.len());
        return Err(invalid(&format!("`host` lists {hosts} and `hostaddr` {addresses}: give each host its address")));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(invalid(&format!("{} ports for {count} hosts: give one for all, or one for each", ports.len())));
    }
    let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or_default();
    let entry = |list: &[&str], index: usize| list.get(index).map(|entry| (*entry).to_owned()).unwrap_or_default();
    (0..count).map(|index| server(entry(&hosts, index), &entry(&addresses, index), port(index))).collect()
}

fn list(text: &str) -> Vec<&str> {
    if text.is_empty() { Vec::new() } else { text.split(',').map(str::trim).collect() }
}

fn server(host: String, address: &str, port: &str) -> Result<Server> {
    let port = match port {
        "" => PORT,
        // What stands there may be a password whose `@` was forgotten, so it is not shown.
        text => text.parse().map_err(|_| invalid("`port` is a number below 65536, and what is given is not"))?,
    };
    if host.starts_with('/') {
        return Ok(Server { place: Place::Unix(host.into()), port });
    }
    let address: Option<IpAddr> = match address {
        "" => None,
        text => Some(text.parse().map_err(|_| invalid(&format!("`hostaddr` is an IP address, and not `{text}`")))?),
    };
    let name = match (host.is_empty(), address) {
        (true, None) => "localhost".into(),
        (true, Some(address)) => address.to_string(),
        (false, _) => host,
    };
    Ok(Server { place: Place::Tcp { name, address }, port })
}

fn target(value: &str) -> Result<Target> {
    one_of(
        "target_session_attrs",
        value,
        &[
            ("any", Target::Any),
            ("read-write", Target::ReadWrite),
            ("read-only", Target::ReadOnly),
            ("primary", Target::Primary),
            ("standby", Target::Standby),
            ("prefer-standby", Target::PreferStandby),
        ],
    )
}

fn channel_binding(value: &str) -> Result<ChannelBinding> {
    one_of(
        "channel_binding",
        value,
        &[
            ("disable", ChannelBinding::Disable),
            ("prefer", ChannelBinding::Prefer),
            ("require", ChannelBinding::Require),
        ],
    )
}

/// The meaning of one of a few words.
fn one_of<T: Copy>(name: &str, value: &str, words: &[(&str, T)]) -> Result<T> {
    let found = words.iter().find(|(word, _)| *word == value);
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        invalid(&format!("`{name}` is one of {}, and not `{value}`", words.join(", ")))
    })
}

/// Whole seconds, 0 for none.
fn seconds(name: &str, value: &str) -> Result<Option<Duration>> {
    let duration = Duration::from_secs(number(name, value)?);
    Ok(Some(duration).filter(|duration| !duration.is_zero()))
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| invalid(&format!("`{name}` is a number, and not `{value}`")))
}

/// Without the URL itself, which may hold a password.
pub(crate) fn invalid(reason: &str) -> Error {
    Error::Url(format!("postgresql: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Options {
        Options::parse(url).expect(url)
    }

    fn with(option: &str) -> Options {
        parsed(&format!("postgres://h/a?{option}"))
    }

    fn refusal(url: &str) -> String {
        Options::parse(url).expect_err(url).to_string()
    }

    fn tcp(name: &str, address: Option<&str>, port: u16) -> Server {
        let address = address.map(|address| address.parse().expect("an address"));
        Server { place: Place::Tcp { name: name.into(), address }, port }
    }

    fn secs(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn silence_is_borne_longer_than_a_statement_may_take_unless_the_url_says_otherwise() {
        let silence = |query: &str| parsed(&format!("postgres://h/a?{query}")).socket.silence;
        assert_eq!(silence(""), None);
        assert_eq!(silence("statement_timeout=0"), None);
        assert_eq!(silence("statement_timeout=2000"), Some(Duration::from_secs(7)));
        assert_eq!(silence("socket_timeout=300"), Some(Duration::from_millis(300)));
        assert_eq!(silence("statement_timeout=2000&socket_timeout=300"), Some(Duration::from_millis(300)));
        assert_eq!(silence("statement_timeout=2000&socket_timeout=0"), None);
    }

    #[test]
    fn a_url_names_server_database_and_user() {
        let options = parsed("postgresql://al%40ice:s%3Acret@db.example:6543/my%20app?application_name=x");
        assert_eq!(options.target(), "db.example:6543/my app");
        assert_eq!(options.config.get_user(), Some("al@ice"));
        assert_eq!(options.config.get_password(), Some(&b"s:cret"[..]));
        assert_eq!(options.config.get_application_name(), Some("x"));
        assert_eq!(parsed("postgres://alice@/").target(), "localhost:5432/alice");
        assert_eq!(parsed("postgres://[::1]:99/a").target(), "::1:99/a");
        assert_eq!(parsed("postgres://").servers, [tcp("localhost", None, 5432)]);
    }

    #[test]
    fn options_take_the_place_of_what_the_url_says() {
        let options = parsed("postgres://h:9/a?host=other&port=1&dbname=b&user=u&password=p");
        assert_eq!(options.target(), "other:1/b");
        assert_eq!((options.config.get_user(), options.config.get_password()), (Some("u"), Some(&b"p"[..])));
    }

    #[test]
    fn hosts_are_listed_with_a_port_each_or_one_for_all() {
        let servers = |url| parsed(url).servers;
        assert_eq!(
            servers("postgres://a:1,b,[::1]:3/x"),
            [tcp("a", None, 1), tcp("b", None, 5432), tcp("::1", None, 3)]
        );
        assert_eq!(servers("postgres:///x?host=a,b&port=7"), [tcp("a", None, 7), tcp("b", None, 7)]);
        assert_eq!(servers("postgres://a,/x"), [tcp("a", None, 5432), tcp("localhost", None, 5432)]);
        assert_eq!(servers("postgres://a/x?hostaddr=10.0.0.1"), [tcp("a", Some("10.0.0.1"), 5432)]);
        assert_eq!(
            servers("postgres:///x?hostaddr=10.0.0.1,::1"),
            [tcp("10.0.0.1", Some("10.0.0.1"), 5432), tcp("::1", Some("::1"), 5432)],
        );
        assert_eq!(parsed("postgres://a:1,b/x").target(), "a:1,b:5432/x");
    }

    #[test]
    fn lists_that_do_not_fit_are_refused() {
        assert!(refusal("postgres:///x?host=a,b,c&port=1,2").contains("2 ports for 3 hosts"));
        assert!(refusal("postgres:///x?host=a,b&hostaddr=::1").contains("`host` lists 2 and `hostaddr` 1"));
        assert!(refusal("postgres:///x?hostaddr=db.example").contains("`hostaddr` is an IP address"));
        assert!(refusal("postgres://h:65536/a").contains("`port` is a number"));
    }

    #[test]
    fn a_host_that_is_a_folder_is_a_socket() {
        let socket = [Server { place: Place::Unix("/var/run/postgresql".into()), port: 5432 }];
        assert_eq!(parsed("postgres:///a?host=/var/run/postgresql").servers, socket);
        assert_eq!(parsed("postgres://%2Fvar%2Frun%2Fpostgresql/a").servers, socket);
        assert_eq!(parsed("postgres://%2Fvar%2Frun%2Fpostgresql/a").target(), "/var/run/postgresql:5432/a");
    }

    #[test]
    fn settings_go_to_the_server_one_by_one() {
        let options = with("statement_timeout=50&lock_timeout=7&search_path=a,%20b&options=-c%20work_mem=1MB");
        let expected = "-c statement_timeout=50 -c lock_timeout=7 -c search_path=a,\\ b -c work_mem=1MB";
        assert_eq!(options.config.get_options(), Some(expected));
    }

    #[test]
    fn a_server_is_waited_for_as_long_as_the_url_says() {
        assert_eq!(with("").connect_timeout, secs(10));
        assert_eq!(with("connect_timeout=3").connect_timeout, secs(3));
        assert_eq!(with("connect_timeout=0").connect_timeout, None);
    }

    #[test]
    fn sockets_ask_whether_the_other_side_is_there() {
        let socket = with("keepalives_idle=30&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=1500").socket;
        let user_timeout = Some(Duration::from_millis(1500));
        let expected = SocketOptions {
            keepalives: true,
            idle: secs(30),
            interval: secs(5),
            count: Some(3),
            user_timeout,
            silence: None,
        };
        assert_eq!(socket, expected);
        let none = SocketOptions {
            keepalives: false,
            idle: None,
            interval: None,
            count: None,
            user_timeout: None,
            silence: None,
        };
        assert_eq!(with("keepalives=0&keepalives_idle=0&keepalives_count=0&tcp_user_timeout=0").socket, none);
    }

    #[test]
    fn the_kind_of_server_and_the_order_of_asking_can_be_chosen() {
        assert_eq!((with("").target, with("").in_random_order), (Target::Any, false));
        assert!(with("load_balance_hosts=random").in_random_order);
        for (word, target) in [
            ("any", Target::Any),
            ("read-write", Target::ReadWrite),
            ("read-only", Target::ReadOnly),
            ("primary", Target::Primary),
            ("standby", Target::Standby),
            ("prefer-standby", Target::PreferStandby),
        ] {
            assert_eq!(with(&format!("target_session_attrs={word}")).target, target);
        }
    }

    #[test]
    fn every_option_that_is_listed_can_be_set() {
        for name in KNOWN {
            let values = ["1", "disable", "any", "TLSv1.3", "postgres", "::1"];
            let reads = |value: &&str| Given::new().set(name, value).is_ok();
            assert!(values.iter().any(reads), "{name}");
        }
        assert!(KNOWN.is_sorted());
    }

    #[test]
    fn what_is_unknown_is_refused_with_what_there_is() {
        let unknown = refusal("postgres://h/a?timeout=5");
        assert!(unknown.contains("no option `timeout`; there are application_name, channel_binding"), "{unknown}");
        assert!(refusal("postgres://h/a?sslmode=on").contains("`sslmode` is one of disable, allow, prefer, require"));
        assert!(refusal("postgres://h/a?keepalives=2").contains("`keepalives` is one of 1, 0, and not `2`"));
        assert!(refusal("postgres://h/a?target_session_attrs=master").contains("read-write, read-only, primary"));
        assert!(refusal("postgres://h:port/a").contains("`port` is a number"));
        assert!(refusal("postgres://h/a?statement_timeout=-1").contains("a number"));
        for url in ["postgres:h", "postgres://%zz", "postgres://a%00", "postgres://a%ff"] {
            assert!(matches!(Options::parse(url), Err(Error::Url(_))), "{url}");
        }
    }

    #[test]
    fn no_message_has_the_password() {
        for url in [
            "postgres://u:hunter2@h/a?x=1",
            "postgres://u:hunter2@h:no/a",
            "postgres://u:hunter2@h/%zz",
            "postgres://u:hunter2/@h/a",
            "postgres://u:1/hunter2@h/a",
            "postgres://u:1@/hunter2@h/a",
            "postgres://u:1?hunter2@h/a",
            "postgres://u:1?hunter2=@h/a",
            "postgres://u:hunter2",
        ] {
            let refusal = refusal(url);
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
        assert!(!format!("{:?}", parsed("postgres://u:hunter2@h/a")).contains("hunter2"));
        assert_eq!(parsed("postgres:///a?user=u&password=p@ss").config.get_password(), Some(&b"p@ss"[..]));
    }
}
