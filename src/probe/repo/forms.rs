//! One secret in several forms: inside a connection URL, behind `Bearer`, in base64, in hexadecimal.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use url::Url;

use crate::detect::secrets;
use crate::evidence::repo::ValueKind;

/// Shorter values agree by chance.
const SHORTEST: usize = 8;
/// Longer ones are documents, not one secret.
const LONGEST: usize = 64 * 1024;

/// What the value wraps, in one form for each wrapping; without the value itself.
pub(super) fn inner(value: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    if value.len() <= LONGEST {
        unfold(value.trim(), 2, &mut found);
    }
    found.remove(value);
    found.into_iter().collect()
}

fn unfold(value: &str, levels: u8, found: &mut BTreeSet<String>) {
    let mut take = |inner: &str| {
        if inner.len() >= SHORTEST && found.insert(inner.to_owned()) && levels > 0 {
            unfold(inner, levels - 1, found);
        }
    };
    if let Some((scheme, rest)) = value.split_once(char::is_whitespace)
        && ["bearer", "basic", "token"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
    {
        take(rest.trim());
    }
    for password in passwords(value) {
        if secrets::kind_of("password", &password) == ValueKind::Secret {
            take(&password);
        }
    }
    for bytes in [base64(value), hexadecimal(value)].into_iter().flatten() {
        match String::from_utf8(bytes) {
            Ok(text) if !text.chars().any(char::is_control) => {
                take(&text);
                if let Some((_, password)) = text.split_once(':') {
                    take(password);
                }
            }
            // `echo | base64` takes the end of the line along.
            Ok(text) if !text.trim_end().chars().any(char::is_control) => take(text.trim_end()),
            Ok(text) => take(&hex(text.as_bytes())),
            Err(error) => take(&hex(error.as_bytes())),
        }
    }
}

/// The passwords of a URL, or of a connection string of `name=value` pairs.
fn passwords(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let url = if value.contains("://") { Url::parse(value.strip_prefix("jdbc:").unwrap_or(value)).ok() } else { None };
    if let Some(password) = url.as_ref().and_then(Url::password) {
        found.extend([password.to_owned(), percent_decoded(password)]);
    }
    let is_password =
        |name: &str| ["password", "pwd", "passwd", "pass"].iter().any(|known| name.eq_ignore_ascii_case(known));
    for pair in value.split([';', '&', '?', ' ']) {
        if let Some((name, password)) = pair.split_once('=')
            && is_password(name.trim())
        {
            found.push(percent_decoded(password.trim().trim_matches(['"', '\''])));
        }
    }
    found
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (first, escaped) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            (byte, Some(_) | None) => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn base64(value: &str) -> Option<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let text: String = value.split_whitespace().collect();
    if text.len() < SHORTEST {
        return None;
    }
    [STANDARD, URL_SAFE].iter().find_map(|alphabet| GeneralPurpose::new(alphabet, lenient).decode(&text).ok())
}

fn hexadecimal(value: &str) -> Option<Vec<u8>> {
    if value.len() < 2 * SHORTEST
        || !value.len().is_multiple_of(2)
        || !value.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return None;
    }
    (0..value.len()).step_by(2).map(|at| u8::from_str_radix(value.get(at..at + 2)?, 16).ok()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

    use super::*;

    /// Made up, and of no provider's form.
    fn secret() -> String {
        ["Kq7vT2x", "Lm9Zr4WpB8cD"].concat()
    }

    fn has(value: &str, form: &str) -> bool {
        inner(value).iter().any(|found| found == form)
    }

    #[test]
    fn a_secret_is_known_in_each_of_its_forms() {
        let secret = secret();
        for wrapped in [
            format!("Bearer {secret}"),
            format!("postgres://app:{secret}@db.prod.test/app"),
            format!("jdbc:postgresql://db.test/app?user=a&password={secret}"),
            format!("Server=db;User Id=a;Password={secret};"),
            BASE64_STANDARD.encode(&secret),
            BASE64_STANDARD.encode(format!("{secret}\n")),
            hex(secret.as_bytes()),
            hex(secret.as_bytes()).to_uppercase(),
            format!("Basic {}", BASE64_STANDARD.encode(format!("user:{secret}"))),
        ] {
            assert!(has(&wrapped, &secret), "{wrapped}: {:?}", inner(&wrapped));
        }
        assert!(!has(&secret, &secret), "the value itself is no inner form");
    }

    #[test]
    fn random_bytes_are_the_same_in_base64_and_in_hexadecimal() {
        let bytes = [0xf3, 0x9a, 0x01, 0xc4, 0x7e, 0xd2, 0x5b, 0xe8, 0x90, 0xaf, 0x3c, 0x66];
        let plain = hex(&bytes);
        assert!(has(&BASE64_STANDARD.encode(bytes), &plain) && has(&BASE64_URL_SAFE_NO_PAD.encode(bytes), &plain));
        assert!(!has(&BASE64_STANDARD.encode([1_u8; 12]), &plain));
    }
}
