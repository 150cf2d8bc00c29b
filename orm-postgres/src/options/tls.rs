//! What a URL says of TLS, checked: what cannot be kept is refused before anything is sent.

use std::path::PathBuf;

use orm_core::error::Result;

use super::{invalid, one_of};
use crate::tls;

/// How a connection is secured.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "without TLS only whether it is asked for matters"))]
pub(crate) struct TlsOptions {
    pub(crate) mode: SslMode,
    /// Whether the handshake begins at once, without asking the server first.
    pub(crate) direct: bool,
    /// Whose signature the server's certificate needs.
    pub(crate) root: Option<Root>,
    /// Our own certificate, and the key of it.
    pub(crate) identity: Option<Identity>,
    /// Whether the server is told the name by which it is called.
    pub(crate) sni: bool,
    pub(crate) oldest: TlsVersion,
    pub(crate) newest: TlsVersion,
}

/// How much is asked of a connection's security; each more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SslMode {
    /// No TLS.
    Disable,
    /// TLS where the server refuses to go without.
    Allow,
    /// TLS where the server has it.
    Prefer,
    /// TLS, whoever the server is.
    Require,
    /// The server's certificate is signed by one that is trusted.
    VerifyCa,
    /// And it is the certificate of this host.
    VerifyFull,
}

/// Whose signatures are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Root {
    File(PathBuf),
    /// Those that the machine trusts.
    System,
}

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsVersion {
    V1_2,
    V1_3,
}

/// The options as they are given.
#[derive(Debug, Default)]
pub(super) struct Given {
    mode: Option<SslMode>,
    direct: bool,
    root: Option<Root>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    without_sni: bool,
    oldest: Option<TlsVersion>,
    newest: Option<TlsVersion>,
}

impl Given {
    /// Whether it is an option of TLS, which is then set.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<bool> {
        match name {
            "sslmode" => self.mode = Some(mode(value)?),
            "sslnegotiation" => self.direct = one_of(name, value, &[("postgres", false), ("direct", true)])?,
            "sslrootcert" => self.root = Some(root(value)),
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            "sslsni" => self.without_sni = one_of(name, value, &[("1", false), ("0", true)])?,
            "ssl_min_protocol_version" => self.oldest = Some(version(name, value)?),
            "ssl_max_protocol_version" => self.newest = Some(version(name, value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn finished(self) -> Result<TlsOptions> {
        let mode = self.checked_mode()?;
        Ok(TlsOptions {
            mode,
            direct: self.direct,
            identity: self.identity()?,
            root: self.root,
            sni: !self.without_sni,
            oldest: self.oldest.unwrap_or(TlsVersion::V1_2),
            newest: self.newest.unwrap_or(TlsVersion::V1_3),
        })
    }

    fn checked_mode(&self) -> Result<SslMode> {
        let mode = self.wanted_mode()?;
        if self.direct && mode < SslMode::Require {
            return Err(invalid("`sslnegotiation=direct` needs `sslmode=require`, `verify-ca` or `verify-full`"));
        }
        if mode >= SslMode::Require && !tls::IS_BUILT_IN {
            return Err(invalid(
                "this build has no TLS, which `sslmode` asks for: add the feature `postgres-tls` of `orm`, or use \
                 `sslmode=disable` on a network that is trusted",
            ));
        }
        if mode >= SslMode::VerifyCa && self.root.is_none() {
            return Err(invalid(
                "a certificate is verified by those that are trusted: name their file by `sslrootcert=FILE`, or write \
                 `sslrootcert=system` for those of the machine",
            ));
        }
        if self.oldest > self.newest && self.newest.is_some() {
            return Err(invalid("`ssl_min_protocol_version` is above `ssl_max_protocol_version`"));
        }
        Ok(mode)
    }

    fn wanted_mode(&self) -> Result<SslMode> {
        match (self.mode, &self.root) {
            // Anyone can have a certificate from one of the world's authorities.
            (None | Some(SslMode::VerifyFull), Some(Root::System)) => Ok(SslMode::VerifyFull),
            (Some(_), Some(Root::System)) => Err(invalid("`sslrootcert=system` needs `sslmode=verify-full`")),
            // Who names the certificates that are trusted wants them looked at.
            (Some(SslMode::Require), Some(Root::File(_))) => Ok(SslMode::VerifyCa),
            (mode, _) => Ok(mode.unwrap_or(SslMode::Prefer)),
        }
    }

    fn identity(&self) -> Result<Option<Identity>> {
        match (&self.certificate, &self.key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(Identity { certificate: certificate.clone(), key: key.clone() })),
            (Some(_), None) => Err(invalid("`sslcert` needs `sslkey`, the file of its private key")),
            (None, Some(_)) => Err(invalid("`sslkey` needs `sslcert`, the file of its certificate")),
        }
    }
}

fn mode(value: &str) -> Result<SslMode> {
    one_of(
        "sslmode",
        value,
        &[
            ("disable", SslMode::Disable),
            ("allow", SslMode::Allow),
            ("prefer", SslMode::Prefer),
            ("require", SslMode::Require),
            ("verify-ca", SslMode::VerifyCa),
            ("verify-full", SslMode::VerifyFull),
        ],
    )
}

fn root(value: &str) -> Root {
    if value == "system" { Root::System } else { Root::File(value.into()) }
}

fn version(name: &str, value: &str) -> Result<TlsVersion> {
    one_of(name, value, &[("TLSv1.2", TlsVersion::V1_2), ("TLSv1.3", TlsVersion::V1_3)])
}

#[cfg(test)]
#[cfg(feature = "tls")]
mod tests {
    use super::*;

    fn finished(options: &[(&str, &str)]) -> Result<TlsOptions> {
        let mut given = Given::default();
        for (name, value) in options {
            assert!(given.set(name, value)?, "{name}");
        }
        given.finished()
    }

    fn mode(options: &[(&str, &str)]) -> SslMode {
        finished(options).expect("options that fit").mode
    }

    fn refusal(options: &[(&str, &str)]) -> String {
        finished(options).expect_err("options that do not fit").to_string()
    }

    #[test]
    fn tls_is_taken_where_the_server_has_it_unless_more_is_said() {
        assert_eq!(mode(&[]), SslMode::Prefer);
        for (word, expected) in
            [("disable", SslMode::Disable), ("allow", SslMode::Allow), ("require", SslMode::Require)]
        {
            assert_eq!(mode(&[("sslmode", word)]), expected);
        }
        for (word, expected) in [("verify-ca", SslMode::VerifyCa), ("verify-full", SslMode::VerifyFull)] {
            assert_eq!(mode(&[("sslmode", word), ("sslrootcert", "root.crt")]), expected);
        }
    }

    #[test]
    fn certificates_that_are_named_are_looked_at() {
        assert_eq!(mode(&[("sslmode", "require"), ("sslrootcert", "root.crt")]), SslMode::VerifyCa);
        assert_eq!(mode(&[("sslrootcert", "system")]), SslMode::VerifyFull);
        assert!(refusal(&[("sslmode", "verify-ca"), ("sslrootcert", "system")]).contains("`sslmode=verify-full`"));
        for word in ["verify-ca", "verify-full"] {
            assert!(refusal(&[("sslmode", word)]).contains("`sslrootcert=FILE`"));
        }
    }

    #[test]
    fn a_certificate_comes_with_its_key() {
        let options = finished(&[("sslcert", "c"), ("sslkey", "k")]).expect("both");
        assert_eq!(options.identity, Some(Identity { certificate: "c".into(), key: "k".into() }));
        assert!(refusal(&[("sslcert", "c")]).contains("needs `sslkey`"));
        assert!(refusal(&[("sslkey", "k")]).contains("needs `sslcert`"));
    }

    #[test]
    fn the_handshake_can_be_told_how_to_go() {
        let usual = finished(&[]).expect("nothing");
        assert_eq!((usual.direct, usual.sni), (false, true));
        assert_eq!((usual.oldest, usual.newest), (TlsVersion::V1_2, TlsVersion::V1_3));
        assert!(finished(&[("sslnegotiation", "direct"), ("sslmode", "require")]).expect("direct").direct);
        assert!(refusal(&[("sslnegotiation", "direct")]).contains("needs `sslmode=require`"));
        assert!(!finished(&[("sslsni", "0")]).expect("no name").sni);
        let one = [("ssl_min_protocol_version", "TLSv1.3"), ("ssl_max_protocol_version", "TLSv1.2")];
        assert!(refusal(&one).contains("is above"));
        assert!(refusal(&[("ssl_min_protocol_version", "TLSv1")]).contains("TLSv1.2, TLSv1.3"));
    }
}
