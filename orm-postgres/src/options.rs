//! What a URL says: where the server is, who asks, and the settings of each connection.
//!
//! ```text
//! postgresql://user:password@host:5432/database?application_name=app&statement_timeout=5000
//! ```
//!
//! Neither the password nor what a URL says of it is in any message.

use std::time::Duration;

use orm_core::error::{Error, Result};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// How long opening a connection may take, unless the URL says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

const KNOWN: &[&str] = &[
    "application_name",
    "connect_timeout",
    "dbname",
    "host",
    "lock_timeout",
    "options",
    "password",
    "port",
    "search_path",
    "sslmode",
    "statement_timeout",
    "user",
];

/// A URL, read.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) config: Config,
    pub(crate) connect_timeout: Duration,
    host: Option<String>,
    /// Settings of the server, in the form of its command line.
    settings: Vec<String>,
}

impl Options {
    /// Reads a URL.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("postgresql://").or(url.strip_prefix("postgres://"));
        let rest = rest.ok_or_else(|| invalid("it does not begin with `postgresql://`"))?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = place.split_once('/').unwrap_or((place, ""));
        let (user, address) = authority.rsplit_once('@').unwrap_or(("", authority));
        let mut options =
            Options { config: Config::new(), connect_timeout: CONNECT_TIMEOUT, host: None, settings: Vec::new() };
        options.read_user(user)?;
        options.read_address(address)?;
        options.read_database(database)?;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            options.set(&decode(name)?, &decode(value)?)?;
        }
        Ok(options.finished())
    }

    fn read_user(&mut self, text: &str) -> Result<()> {
        let (user, password) = match text.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (text, None),
        };
        if !user.is_empty() {
            self.config.user(decode(user)?);
        }
        if let Some(password) = password {
            self.config.password(decode(password)?);
        }
        Ok(())
    }

    fn read_address(&mut self, text: &str) -> Result<()> {
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            // An address of IPv6 has colons of its own.
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if !host.is_empty() {
            self.host = Some(decode(host)?);
        }
        match port {
            Some(port) => self.set("port", port),
            None => Ok(()),
        }
    }

    fn read_database(&mut self, text: &str) -> Result<()> {
        if !text.is_empty() {
            self.config.dbname(decode(text)?);
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "host" => self.host = Some(value.into()),
            "port" => drop(self.config.port(number(name, value)?)),
            "user" => drop(self.config.user(value)),
            "password" => drop(self.config.password(value)),
            "dbname" => drop(self.config.dbname(value)),
            "application_name" => drop(self.config.application_name(value)),
            "connect_timeout" => self.connect_timeout = Duration::from_secs(number(name, value)?),
            "statement_timeout" | "lock_timeout" => {
                let milliseconds: u32 = number(name, value)?;
                self.setting(name, &milliseconds.to_string());
            }
            "search_path" => self.setting(name, value),
            "options" => self.settings.push(value.into()),
            "sslmode" => check_ssl_mode(value)?,
            _ => return Err(invalid(&format!("there is no option `{name}`; there are {}", KNOWN.join(", ")))),
        }
        Ok(())
    }

    /// Spaces and backslashes have a meaning on the command line.
    fn setting(&mut self, name: &str, value: &str) {
        let value = value.replace('\\', "\\\\").replace(' ', "\\ ");
        self.settings.push(format!("-c {name}={value}"));
    }

    fn finished(mut self) -> Self {
        self.config.host(self.host.as_deref().unwrap_or("localhost"));
        self.config.connect_timeout(self.connect_timeout);
        self.config.ssl_mode(SslMode::Disable);
        if !self.settings.is_empty() {
            self.config.options(self.settings.join(" "));
        }
        self
    }

    /// The database's name in traces.
    pub(crate) fn namespace(&self) -> String {
        self.config.get_dbname().or(self.config.get_user()).unwrap_or("postgres").to_owned()
    }

    /// The database's place in messages: `localhost:5432/app`.
    pub(crate) fn target(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(folder)) => folder.display().to_string(),
            None => "localhost".into(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        format!("{host}:{port}/{}", self.namespace())
    }
}

fn check_ssl_mode(value: &str) -> Result<()> {
    match value {
        "disable" | "prefer" => Ok(()),
        "allow" | "require" | "verify-ca" | "verify-full" => Err(invalid(&format!(
            "`sslmode={value}` needs TLS, which this build has not: use `disable` or `prefer` on a trusted network"
        ))),
        _ => Err(invalid(&format!("`sslmode` is disable or prefer, and not `{value}`"))),
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| invalid(&format!("`{name}` is a number, and not `{value}`")))
}

/// Takes `%20` and the like apart.
fn decode(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or_else(|| invalid("`%` is not followed by two hexadecimal digits"))?);
        bytes.extend(part.bytes().skip(2));
    }
    if bytes.contains(&0) {
        return Err(invalid("it has a NUL in it"));
    }
    String::from_utf8(bytes).map_err(|_| invalid("it is not UTF-8"))
}

/// Without the URL itself, which may hold a password.
fn invalid(reason: &str) -> Error {
    Error::Url(format!("postgresql: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Options {
        Options::parse(url).expect(url)
    }

    fn refusal(url: &str) -> String {
        Options::parse(url).expect_err(url).to_string()
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
    }

    #[test]
    fn options_take_the_place_of_what_the_url_says() {
        let options = parsed("postgres://h/a?host=other&port=1&dbname=b&user=u&connect_timeout=3");
        assert_eq!(options.target(), "other:1/b");
        assert_eq!(options.connect_timeout, Duration::from_secs(3));
    }

    #[cfg(unix)]
    #[test]
    fn a_host_that_is_a_folder_is_a_socket() {
        let options = parsed("postgres:///a?host=/var/run/postgresql");
        assert!(matches!(options.config.get_hosts(), [Host::Unix(_)]));
    }

    #[test]
    fn settings_go_to_the_server_one_by_one() {
        let options = parsed("postgres://h/a?statement_timeout=50&search_path=a,%20b&options=-c%20work_mem=1MB");
        let expected = "-c statement_timeout=50 -c search_path=a,\\ b -c work_mem=1MB";
        assert_eq!(options.config.get_options(), Some(expected));
    }

    #[test]
    fn what_is_unknown_is_refused_with_what_there_is() {
        let unknown = refusal("postgres://h/a?timeout=5");
        assert!(unknown.contains("no option `timeout`; there are application_name, connect_timeout"), "{unknown}");
        assert!(refusal("postgres://h/a?sslmode=require").contains("needs TLS"));
        assert!(refusal("postgres://h/a?sslmode=on").contains("disable or prefer"));
        assert!(refusal("postgres://h:port/a").contains("`port` is a number"));
        assert!(refusal("postgres://h/a?statement_timeout=-1").contains("a number"));
        for url in ["postgres:h", "postgres://%zz", "postgres://a%00", "postgres://a%ff"] {
            assert!(matches!(Options::parse(url), Err(Error::Url(_))), "{url}");
        }
    }

    #[test]
    fn no_message_has_the_password() {
        for url in ["postgres://u:hunter2@h/a?x=1", "postgres://u:hunter2@h:no/a", "postgres://u:hunter2@h/%zz"] {
            let refusal = refusal(url);
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
        assert!(!format!("{:?}", parsed("postgres://u:hunter2@h/a")).contains("hunter2"));
    }
}
