//! Private keys that stand as they are, in DER: a key in PEM is the same bytes in base64.

use super::Hit;
use crate::evidence::repo::Confidence;

/// What of a file in DER is a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Key {
    /// RFC 5958: `SEQUENCE { version, SEQUENCE { OID }, OCTET STRING }`.
    Pkcs8,
    /// RFC 8017, A.1.2: a version and eight numbers.
    Rsa,
    /// A version and five numbers, as OpenSSL writes them.
    Dsa,
    /// RFC 5915: `SEQUENCE { 1, OCTET STRING, ... }`.
    Ec,
    /// Under a password: RFC 5958's `EncryptedPrivateKeyInfo`, or PKCS#12 (RFC 7292).
    Encrypted,
    Container,
}

/// An unencrypted private key that a file begins with, and those that lie open in a PKCS#12 file.
pub(crate) fn keys(bytes: &[u8]) -> Vec<Hit> {
    let hit = |form: &str, start: usize, length: usize| {
        let hint = format!("{form} in DER ({length} bytes)");
        Hit::new("private-key", "private key".into(), Confidence::High, start..start + length, hint)
    };
    match kind(bytes) {
        Some((Key::Pkcs8, length)) => vec![hit("PKCS#8", 0, length)],
        Some((Key::Rsa, length)) => vec![hit("RSA key", 0, length)],
        Some((Key::Dsa, length)) => vec![hit("DSA key", 0, length)],
        Some((Key::Ec, length)) => vec![hit("EC key", 0, length)],
        Some((Key::Container, _)) => (1..bytes.len())
            .filter(|at| bytes.get(*at) == Some(&SEQUENCE))
            .filter_map(|at| match kind(bytes.get(at..)?) {
                Some((Key::Pkcs8, length)) => Some(hit("PKCS#8", at, length)),
                Some((Key::Rsa | Key::Dsa | Key::Ec | Key::Encrypted | Key::Container, _)) | None => None,
            })
            .collect(),
        Some((Key::Encrypted, _)) | None => raw_openssh(bytes).into_iter().collect(),
    }
}

/// Whether the file is a key or a container of keys under a password.
pub(crate) fn is_container(bytes: &[u8]) -> bool {
    matches!(kind(bytes), Some((Key::Encrypted | Key::Container, _))) || is_openpgp_key(bytes)
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;

/// 1.2.840.113549.1, of which PKCS#5 (5), PKCS#7 (7) and PKCS#12 (12) are parts.
const PKCS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01];

fn kind(bytes: &[u8]) -> Option<(Key, usize)> {
    let (tag, body, rest) = element(bytes)?;
    if tag != SEQUENCE {
        return None;
    }
    let length = bytes.len() - rest.len();
    let (tag, first, rest) = element(body)?;
    let (next, second, rest) = element(rest)?;
    let oid = |body: &[u8]| element(body).filter(|(tag, ..)| *tag == OID).map(|(_, oid, _)| oid.to_vec());
    let key = match (tag, first, next) {
        (SEQUENCE, _, OCTETS) => {
            let oid = oid(first)?;
            (oid.starts_with(PKCS) && matches!(oid.get(PKCS.len()), Some(5 | 12))).then_some(Key::Encrypted)
        }
        (INTEGER, [3], SEQUENCE) => {
            let oid = oid(second)?;
            (oid.starts_with(PKCS) && oid.get(PKCS.len()) == Some(&7)).then_some(Key::Container)
        }
        (INTEGER, [0 | 1], SEQUENCE) => {
            oid(second)?;
            let (tag, secret, _) = element(rest)?;
            (tag == OCTETS && is_material(secret)).then_some(Key::Pkcs8)
        }
        (INTEGER, [1], OCTETS) => (second.len() >= 20 && is_material(second)).then_some(Key::Ec),
        (INTEGER, [0 | 1], INTEGER) => {
            let (mut count, mut rest) = (1, rest);
            while let Some((INTEGER, _, more)) = element(rest) {
                count += 1;
                rest = more;
            }
            match count {
                _ if second.len() < 48 || !is_material(second) => None,
                8.. => Some(Key::Rsa),
                5 => Some(Key::Dsa),
                _ => None,
            }
        }
        _ => None,
    };
    Some((key?, length))
}

/// Tag, content and what follows; definite lengths of up to four bytes, and the indefinite one that some PKCS#12 have.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0x80 if *tag == SEQUENCE => return Some((*tag, rest, &[])),
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (body, rest) = rest.split_at_checked(length)?;
    Some((*tag, body, rest))
}

/// Not the zeros or the counting of an example.
fn is_material(bytes: &[u8]) -> bool {
    // The largest key of any kind is shorter; a hostile file may nest many.
    let bytes = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let mut seen = [false; 256];
    for byte in bytes {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    }
    let steps = bytes.windows(2).filter(|pair| matches!(pair, [a, b] if b.wrapping_sub(*a) <= 1)).count();
    bytes.len() >= 16 && seen.iter().filter(|seen| **seen).count() >= 12 && steps * 2 < bytes.len()
}

/// What stands in the base64 of an OpenSSH key (PROTOCOL.key): unencrypted if its cipher is `none`.
fn raw_openssh(bytes: &[u8]) -> Option<Hit> {
    let rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
    rest.starts_with(b"\0\0\0\x04none").then(|| {
        let hint = format!("OpenSSH key without its armour ({} bytes)", bytes.len());
        Hit::new("private-key", "private key".into(), Confidence::High, 0..bytes.len(), hint)
    })
}

/// A secret-key packet without its armour (RFC 9580, 4.2 and 5.5.3): tag 5, a version, a time, an algorithm.
fn is_openpgp_key(bytes: &[u8]) -> bool {
    let body = match bytes {
        [0x94, _, rest @ ..] | [0x95, _, _, rest @ ..] | [0x96, _, _, _, _, rest @ ..] => rest,
        [0xc5, 0..=191, rest @ ..] | [0xc5, 192..=223, _, rest @ ..] | [0xc5, 255, _, _, _, _, rest @ ..] => rest,
        _ => return false,
    };
    matches!(body, [3..=6, _, _, _, _, 1..=3 | 16..=19 | 22 | 25..=28, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrap(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
        let body = parts.concat();
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [vec![tag, 0x82, length[0], length[1]], body].concat()
    }

    fn material(length: usize, salt: u32) -> Vec<u8> {
        (salt..).take(length).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
    }

    fn number(value: u8) -> Vec<u8> {
        vec![INTEGER, 1, value]
    }

    fn big(length: usize, salt: u32) -> Vec<u8> {
        wrap(INTEGER, &[material(length, salt)])
    }

    fn pkcs8() -> Vec<u8> {
        let algorithm = wrap(SEQUENCE, &[wrap(OID, &[vec![0x2b, 0x65, 0x70]])]);
        wrap(SEQUENCE, &[number(0), algorithm, wrap(OCTETS, &[material(34, 7)])])
    }

    fn hints(bytes: &[u8]) -> Vec<String> {
        keys(bytes).into_iter().map(|hit| hit.hint.split(" in DER").next().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_form_of_an_unencrypted_key_is_found() {
        assert_eq!(hints(&pkcs8()), ["PKCS#8"]);
        let mut rsa = vec![number(0), big(257, 1), vec![INTEGER, 3, 1, 0, 1]];
        rsa.extend((2..8).map(|salt| big(128, salt)));
        assert_eq!(hints(&wrap(SEQUENCE, &rsa)), ["RSA key"]);
        let dsa: Vec<Vec<u8>> = std::iter::once(number(0)).chain((1..6).map(|salt| big(128, salt))).collect();
        assert_eq!(hints(&wrap(SEQUENCE, &dsa)), ["DSA key"]);
        assert_eq!(hints(&wrap(SEQUENCE, &[number(1), wrap(OCTETS, &[material(32, 9)])])), ["EC key"]);
        assert_eq!(keys(b"openssh-key-v1\0\0\0\0\x04none...").len(), 1);
    }

    #[test]
    fn a_container_is_one_whatever_its_name_and_shows_what_lies_open_in_it() {
        let data = wrap(OID, &[[PKCS, &[7, 1]].concat()]);
        let open =
            wrap(SEQUENCE, &[number(3), wrap(SEQUENCE, &[data.clone(), wrap(0xa0, &[wrap(OCTETS, &[pkcs8()])])])]);
        assert!(is_container(&open));
        assert_eq!(hints(&open), ["PKCS#8"]);
        let closed = wrap(SEQUENCE, &[number(3), wrap(SEQUENCE, &[data, wrap(0xa0, &[material(300, 4)])])]);
        assert!(is_container(&closed));
        assert_eq!(hints(&closed), [""; 0]);
        let algorithm = wrap(SEQUENCE, &[wrap(OID, &[[PKCS, &[5, 13]].concat()])]);
        let encrypted = wrap(SEQUENCE, &[algorithm, wrap(OCTETS, &[material(300, 5)])]);
        assert!(is_container(&encrypted) && keys(&encrypted).is_empty());
    }

    #[test]
    fn certificates_public_keys_and_other_bytes_are_no_private_keys() {
        let algorithm = wrap(SEQUENCE, &[wrap(OID, &[[PKCS, &[1, 1]].concat()])]);
        let public = wrap(SEQUENCE, &[algorithm.clone(), wrap(0x03, &[material(270, 1)])]);
        let signature = wrap(SEQUENCE, &[big(32, 1), big(32, 2)]);
        let rsa_public = wrap(SEQUENCE, &[big(257, 1), vec![INTEGER, 3, 1, 0, 1]]);
        let zeros = wrap(SEQUENCE, &[number(0), algorithm, wrap(OCTETS, &[vec![0; 64]])]);
        for bytes in [&public[..], &signature, &rsa_public, &zeros, b"", b"0", b"0\x82", b"0123456789", &[0x30; 64]] {
            assert!(keys(bytes).is_empty() && !is_container(bytes), "{bytes:?}");
        }
    }
}
