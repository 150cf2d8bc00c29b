//! The hash of a server's certificate that a password is bound to: `tls-server-end-point` of RFC 5929.

use sha2::{Digest, Sha256, Sha384, Sha512};

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;

/// `1.2.840.113549.1.1.`: signatures by RSA.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// `1.2.840.10045.4.3.`: signatures by ECDSA with one of the newer hashes.
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
/// `1.2.840.10045.4.1`: ECDSA with SHA-1.
const ECDSA_WITH_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];

/// The hash of a certificate, by the function with which it is signed; none if that says no function.
pub(super) fn hash(certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = signature_algorithm(certificate)?;
    let (family, last) = algorithm.split_at_checked(algorithm.len().checked_sub(1)?)?;
    match (family, *last.first()?) {
        // MD5 and SHA-1 are too weak, and SHA-256 is taken in their place.
        (RSA, 4 | 5 | 11) | (ECDSA, 2) => Some(Sha256::digest(certificate).to_vec()),
        (RSA, 12) | (ECDSA, 3) => Some(Sha384::digest(certificate).to_vec()),
        (RSA, 13) | (ECDSA, 4) => Some(Sha512::digest(certificate).to_vec()),
        _ if algorithm == ECDSA_WITH_SHA1 => Some(Sha256::digest(certificate).to_vec()),
        _ => None,
    }
}

/// `SEQUENCE { SEQUENCE { what is signed }, SEQUENCE { the algorithm, .. }, .. }`
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = element(SEQUENCE, certificate)?;
    let (_signed, rest) = element(SEQUENCE, certificate)?;
    let (algorithm, _) = element(SEQUENCE, rest)?;
    element(OBJECT_IDENTIFIER, algorithm).map(|(identifier, _)| identifier)
}

/// The content of an element of DER, and what follows it.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = length(rest)?;
    rest.split_at_checked(length)
}

/// One byte, or the number of the bytes that follow with the highest bit set.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let first = usize::from(*first);
    if first < 0x80 {
        return Some((first, rest));
    }
    let (digits, rest) = rest.split_at_checked(first - 0x80)?;
    if digits.len() > 4 {
        return None;
    }
    let length =
        digits.iter().try_fold(0_usize, |length, digit| Some(length.checked_mul(256)? + usize::from(*digit)))?;
    Some((length, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate with nothing in it but the algorithm of its signature.
    fn signed_by(algorithm: &[u8]) -> Vec<u8> {
        let size = |bytes: &[u8]| u8::try_from(bytes.len()).expect("short");
        let wrap = |tag: u8, content: &[u8]| [&[tag, size(content)], content].concat();
        let algorithm = wrap(SEQUENCE, &wrap(OBJECT_IDENTIFIER, algorithm));
        let signed = [&[SEQUENCE, 0x81, 3], &[1, 2, 3][..]].concat();
        wrap(SEQUENCE, &[signed, algorithm].concat())
    }

    fn length_of_hash(family: &[u8], last: u8) -> Option<usize> {
        hash(&signed_by(&[family, &[last]].concat())).map(|hash| hash.len())
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        assert_eq!(length_of_hash(RSA, 5), Some(32));
        assert_eq!(length_of_hash(RSA, 11), Some(32));
        assert_eq!(length_of_hash(RSA, 12), Some(48));
        assert_eq!(length_of_hash(RSA, 13), Some(64));
        assert_eq!(length_of_hash(ECDSA, 2), Some(32));
        assert_eq!(length_of_hash(ECDSA, 3), Some(48));
        assert_eq!(length_of_hash(ECDSA, 4), Some(64));
        assert_eq!(length_of_hash(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04], 1), Some(32));
        // Ed25519 has no hash of its own.
        assert_eq!(length_of_hash(&[0x2b, 0x65], 0x70), None);
    }

    #[test]
    fn what_is_no_certificate_has_no_hash() {
        let whole = signed_by(&[RSA, &[11]].concat());
        for end in 0..whole.len() {
            assert_eq!(hash(&whole[..end]), None);
        }
        assert_eq!(hash(&[SEQUENCE, 0x85, 0xff, 0xff, 0xff, 0xff, 0xff, 0]), None);
        assert_eq!(hash(&[0xff; 40]), None);
    }
}
