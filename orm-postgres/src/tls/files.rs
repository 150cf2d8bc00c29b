//! Certificates and keys in files.

use std::fs;
use std::path::Path;

use orm_core::error::Result;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::options::{Root, invalid};

/// The certificates whose signatures are trusted.
pub(super) fn trusted(root: Option<&Root>) -> Result<Vec<CertificateDer<'static>>> {
    match root {
        Some(Root::File(path)) => certificates("sslrootcert", path),
        Some(Root::System) => of_the_machine(),
        None => Ok(Vec::new()),
    }
}

fn of_the_machine() -> Result<Vec<CertificateDer<'static>>> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        return Err(invalid("`sslrootcert=system`, and this machine has no certificates that it trusts"));
    }
    Ok(found.certs)
}

/// The certificates of a file, of which there is at least one.
pub(super) fn certificates(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let text = read(option, path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => {
            Err(invalid(&format!("`{option}`: {} has no certificate in it (`-----BEGIN CERT..`)", path.display())))
        }
        Err(error) => Err(invalid(&format!("`{option}`: {}: {error}", path.display()))),
    }
}

/// A private key, which nobody else may read.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let text = read("sslkey", path)?;
    check_that_it_is_secret(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_unsaid| {
        invalid(&format!("`sslkey`: {} has no private key in it that needs no passphrase", path.display()))
    })
}

#[cfg(unix)]
fn check_that_it_is_secret(path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;

    let Ok(file) = fs::metadata(path) else { return Ok(()) };
    // A key of root's may be lent to a group.
    let allowed = if file.uid() == 0 { 0o740 } else { 0o700 };
    match file.mode() & 0o777 & !allowed {
        0 => Ok(()),
        _ => Err(invalid(&format!("`sslkey`: others may read or write {}: `chmod 600` it", path.display()))),
    }
}

#[cfg(not(unix))]
fn check_that_it_is_secret(_path: &Path) -> Result<()> {
    Ok(())
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| invalid(&format!("`{option}`: {} cannot be read: {error}", path.display())))
}
