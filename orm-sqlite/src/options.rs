//! What a URL says: the file, how it is opened, and the settings of each connection.
//!
//! ```text
//! sqlite://relative/path.db?busy_timeout=10000&synchronous=full
//! ```
//!
//! Settings become `PRAGMA`s. Each value is one of a closed list of words or a number, so nothing of a URL is ever read
//! as SQL.

use std::path::PathBuf;
use std::time::Duration;

use orm_core::error::{Error, Result};
use rusqlite::OpenFlags;

/// How long a lock is waited for, unless the URL says otherwise.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A URL, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) place: Place,
    pub(crate) mode: Mode,
    pub(crate) busy_timeout: Duration,
    /// The settings in the order in which they are made.
    pub(crate) settings: Vec<(&'static str, String)>,
}

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    File(PathBuf),
    Memory,
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Reads and writes; the file is made if it is missing.
    Create,
    ReadWrite,
    ReadOnly,
}

/// The settings that a URL may make, in the order in which they have to be made: the first ones shape a new file,
/// which `journal_mode` writes.
const SETTINGS: &[(&str, Values)] = &[
    ("page_size", Values::Number),
    ("auto_vacuum", Values::Words(&["none", "full", "incremental"])),
    ("application_id", Values::Number),
    ("locking_mode", Values::Words(&["normal", "exclusive"])),
    (JOURNAL_MODE, Values::Words(&["delete", "truncate", "persist", "memory", "wal", "off"])),
    (SYNCHRONOUS, Values::Words(&["off", "normal", "full", "extra"])),
    ("wal_autocheckpoint", Values::Number),
    ("foreign_keys", Values::Switch),
    ("recursive_triggers", Values::Switch),
    ("trusted_schema", Values::Switch),
    ("secure_delete", Values::Words(&["off", "on", "fast"])),
    ("cache_size", Values::Number),
    ("mmap_size", Values::Number),
    ("temp_store", Values::Words(&["default", "file", "memory"])),
];

pub(crate) const JOURNAL_MODE: &str = "journal_mode";
const SYNCHRONOUS: &str = "synchronous";

/// What a setting may be.
#[derive(Clone, Copy)]
enum Values {
    Words(&'static [&'static str]),
    Switch,
    Number,
}

impl Options {
    /// Reads a URL.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("sqlite:").ok_or_else(|| invalid(url, "it does not begin with `sqlite:`"))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = decode(url, path.strip_prefix("//").unwrap_or(path))?;
        let mut options =
            Options { place: place(url, &path)?, mode: Mode::Create, busy_timeout: BUSY_TIMEOUT, settings: Vec::new() };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            options.set(url, &decode(url, name)?, &decode(url, value)?.to_ascii_lowercase())?;
        }
        options.settings.sort_by_key(|(name, _)| SETTINGS.iter().position(|(known, _)| known == name));
        Ok(options)
    }

    fn set(&mut self, url: &str, name: &str, value: &str) -> Result<()> {
        match name {
            "mode" => match value {
                "rwc" => self.mode = Mode::Create,
                "rw" => self.mode = Mode::ReadWrite,
                "ro" => self.mode = Mode::ReadOnly,
                "memory" => self.place = Place::Memory,
                _ => {
                    return Err(invalid(url, &format!("`mode` is one of rwc, rw, ro, memory, and not `{value}`")));
                }
            },
            "busy_timeout" => {
                let milliseconds = value.parse().map_err(|_| {
                    invalid(url, &format!("`busy_timeout` is a number of milliseconds, and not `{value}`"))
                })?;
                self.busy_timeout = Duration::from_millis(milliseconds);
            }
            _ => self.add_setting(url, name, value)?,
        }
        Ok(())
    }

    fn add_setting(&mut self, url: &str, name: &str, value: &str) -> Result<()> {
        let Some((name, values)) = SETTINGS.iter().find(|(known, _)| *known == name) else {
            let mut known: Vec<_> = SETTINGS.iter().map(|(name, _)| *name).chain(["mode", "busy_timeout"]).collect();
            known.sort_unstable();
            return Err(invalid(url, &format!("there is no option `{name}`; there are {}", known.join(", "))));
        };
        if self.setting(name).is_some() {
            return Err(invalid(url, &format!("`{name}` is given twice")));
        }
        let value =
            values.check(value).map_err(|wanted| invalid(url, &format!("`{name}` is {wanted}, and not `{value}`")))?;
        self.settings.push((name, value));
        Ok(())
    }

    fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// What the URL leaves open and is not SQLite's own default, for a connection that can or cannot write.
    pub(crate) fn defaults(&self, writable: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
        let file = matches!(self.place, Place::File(_)) && writable;
        let journal_mode = (file && self.setting(JOURNAL_MODE).is_none()).then_some((JOURNAL_MODE, "wal"));
        let wal = file && self.setting(JOURNAL_MODE).is_none_or(|mode| mode == "wal");
        // With a write-ahead log a power failure can lose the last transactions then, but never damages the file.
        let synchronous = (wal && self.setting(SYNCHRONOUS).is_none()).then_some((SYNCHRONOUS, "normal"));
        let foreign_keys = self.setting("foreign_keys").is_none().then_some(("foreign_keys", "on"));
        // LIKE tells upper from lower case on every backend.
        let like = Some(("case_sensitive_like", "on"));
        [journal_mode, synchronous, foreign_keys, like].into_iter().flatten()
    }

    /// The flags with which SQLite opens the file.
    pub(crate) fn flags(&self) -> OpenFlags {
        // A connection is used by one thread at a time, so SQLite need not lock it.
        let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
        match (&self.place, self.mode) {
            (Place::Memory, _) => {
                flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_URI
            }
            (Place::File(_), Mode::Create) => flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            (Place::File(_), Mode::ReadWrite) => flags | OpenFlags::SQLITE_OPEN_READ_WRITE,
            (Place::File(_), Mode::ReadOnly) => flags | OpenFlags::SQLITE_OPEN_READ_ONLY,
        }
    }

    /// The database's name in traces and messages.
    pub(crate) fn namespace(&self) -> String {
        match &self.place {
            Place::File(path) => path.display().to_string(),
            Place::Memory => ":memory:".into(),
        }
    }
}

impl Values {
    /// The value as a `PRAGMA` takes it, or what it should have been.
    fn check(self, value: &str) -> Result<String, String> {
        match self {
            Values::Words(words) if words.contains(&value) => Ok(value.into()),
            Values::Words(words) => Err(format!("one of {}", words.join(", "))),
            Values::Switch => match value {
                "on" | "true" | "yes" | "1" => Ok("on".into()),
                "off" | "false" | "no" | "0" => Ok("off".into()),
                _ => Err("on or off".into()),
            },
            Values::Number => value.parse::<i64>().map(|number| number.to_string()).map_err(|_| "a number".into()),
        }
    }
}

fn place(url: &str, path: &str) -> Result<Place> {
    match path {
        "" => Err(invalid(url, "it names no file: write `sqlite://app.db`, or `sqlite::memory:`")),
        ":memory:" => Ok(Place::Memory),
        // SQLite would take it for a URL of its own.
        path if path.starts_with("file:") => Ok(Place::File(format!("./{path}").into())),
        path => Ok(Place::File(without_drive_slash(path).into())),
    }
}

/// `/C:/data/app.db` is `C:/data/app.db` on Windows.
fn without_drive_slash(path: &str) -> &str {
    match path.strip_prefix('/') {
        Some(rest) if cfg!(windows) && rest.as_bytes().get(1) == Some(&b':') => rest,
        _ => path,
    }
}

/// Takes `%20` and the like apart.
fn decode(url: &str, text: &str) -> Result<String> {
    if !text.contains('%') {
        return Ok(text.into());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let byte = byte.ok_or_else(|| invalid(url, "`%` is not followed by two hexadecimal digits"))?;
        if byte == 0 {
            return Err(invalid(url, "it has a NUL in it"));
        }
        bytes.push(byte);
        bytes.extend(part.bytes().skip(2));
    }
    String::from_utf8(bytes).map_err(|_| invalid(url, "it is not UTF-8"))
}

fn invalid(url: &str, reason: &str) -> Error {
    Error::Url(format!("{url}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(url: &str) -> String {
        match Options::parse(url).expect(url).place {
            Place::File(path) => path.display().to_string(),
            Place::Memory => panic!("{url} is in memory"),
        }
    }

    fn refusal(url: &str) -> String {
        Options::parse(url).expect_err(url).to_string()
    }

    #[test]
    fn a_url_names_a_file_or_memory() {
        assert_eq!(file("sqlite://relative/path.db"), "relative/path.db");
        assert_eq!(file("sqlite:///absolute/path.db?mode=rw"), "/absolute/path.db");
        assert_eq!(file("sqlite:path.db"), "path.db");
        assert_eq!(file("sqlite://with%20space%3f%c3%bc.db"), "with space?ü.db");
        assert_eq!(file("sqlite:file:x"), "./file:x");
        for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite://any?mode=memory"] {
            assert_eq!(Options::parse(url).expect(url).place, Place::Memory);
        }
    }

    #[test]
    fn settings_are_made_in_their_order_whatever_the_urls() {
        let options =
            Options::parse("sqlite:a?synchronous=FULL&journal_mode=wal&foreign_keys=0&page_size=8192").expect("a URL");
        let expected =
            [("page_size", "8192"), ("journal_mode", "wal"), ("synchronous", "full"), ("foreign_keys", "off")];
        assert_eq!(options.settings, expected.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(options.defaults(true).collect::<Vec<_>>(), [("case_sensitive_like", "on")]);
    }

    #[test]
    fn a_file_has_a_write_ahead_log_unless_it_cannot_be_written() {
        let names = |url: &str, writable| -> Vec<_> {
            Options::parse(url).expect(url).defaults(writable).map(|(name, _)| name).collect()
        };
        assert_eq!(names("sqlite:a", true), ["journal_mode", "synchronous", "foreign_keys", "case_sensitive_like"]);
        assert_eq!(names("sqlite:a", false), ["foreign_keys", "case_sensitive_like"]);
        assert_eq!(names("sqlite::memory:", true), ["foreign_keys", "case_sensitive_like"]);
        assert_eq!(names("sqlite:a?journal_mode=delete", true), ["foreign_keys", "case_sensitive_like"]);
    }

    #[test]
    fn what_is_unknown_is_refused_with_what_there_is() {
        let unknown = refusal("sqlite:a?timeout=5");
        assert!(
            unknown.contains("no option `timeout`; there are application_id, auto_vacuum, busy_timeout"),
            "{unknown}"
        );
        assert!(refusal("sqlite:a?mode=rx").contains("rwc, rw, ro, memory"));
        assert!(refusal("sqlite:a?synchronous=1;DROP TABLE t").contains("off, normal, full, extra"));
        assert!(refusal("sqlite:a?cache_size=1e9").contains("a number"));
        assert!(refusal("sqlite:a?foreign_keys=maybe").contains("on or off"));
        assert!(refusal("sqlite:a?busy_timeout=-1").contains("milliseconds"));
        assert!(refusal("sqlite:a?cache_size=1&cache_size=2").contains("twice"));
        assert!(refusal("sqlite://").contains("names no file"));
        for url in ["sqlite:a%", "sqlite:a%zz", "sqlite:a%00", "sqlite:a%ff"] {
            assert!(matches!(Options::parse(url), Err(Error::Url(_))), "{url}");
        }
    }
}
