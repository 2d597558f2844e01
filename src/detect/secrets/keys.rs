//! Private keys: PEM and its relatives, plain, escaped in strings, and encoded once more; PuTTY's own form.

use std::ops::Range;

use base64::Engine as _;

use super::Hit;
use super::shape::entropy;
use crate::evidence::repo::Confidence;

/// What a block's label says if it is secret.
const PRIVATE: &[&str] = &["PRIVATE KEY", "OpenVPN Static key", "SSH2 ENCRYPTED PRIVATE"];

/// Characters of a key that it needs at least; below, it is an example with dots.
const SHORTEST_KEY: usize = 40;

pub(super) fn pem(text: &[u8], begin: Range<usize>) -> Option<Hit> {
    let rest = text.get(begin.end..)?;
    let label_end = rest.iter().take(40).position(|byte| *byte == b'-')?;
    let label = std::str::from_utf8(rest.get(..label_end)?).ok()?;
    if !PRIVATE.iter().any(|word| label.contains(word)) {
        return None;
    }
    // Five dashes, or four and a blank (RFC 4716 and SSH's commercial form).
    let dashes = rest.get(label_end..)?.iter().take_while(|byte| **byte == b'-').count();
    if dashes < 4 {
        return None;
    }
    let body_at = begin.end + label_end + dashes;
    let body = text.get(body_at..)?;
    let window = until_next(body.get(..body.len().min(16 * 1024))?, b"BEGIN ");
    let end = find_bytes(window, b"---- END").or_else(|| find_bytes(window, b"-----END"));
    // Without its end it goes on as long as it looks like one.
    let end = end.unwrap_or_else(|| {
        let part =
            |byte: &&u8| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=\\\"',:-".contains(byte);
        window.iter().take(4096).take_while(part).count()
    });
    let body = window.get(..end)?;
    // A key has long lines of base64 (64 characters mostly, 44 in the shortest); prose and code about keys have none.
    let dense = body
        .split(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')))
        .any(|run| run.len() >= SHORTEST_KEY && run.iter().any(|byte| !byte.is_ascii_hexdigit()));
    // `\n` in a JSON string, quotes and `+` in source text stand between the lines of one key.
    let material: Vec<u8> = body
        .iter()
        .copied()
        .filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
        .collect();
    let material = std::str::from_utf8(&material).ok()?;
    if !dense || material.len() < SHORTEST_KEY || entropy(material) < 3.5 {
        return None;
    }
    let encrypted = label.contains("ENCRYPTED") || find_bytes(body, b"Proc-Type: 4,ENCRYPTED").is_some();
    Some(Hit::new(
        "private-key",
        if encrypted { "private key under a passphrase".into() } else { "private key".into() },
        Confidence::High,
        body_at..body_at + end,
        format!("PEM {label} ({} characters)", material.len()),
    ))
}

pub(super) fn putty(text: &[u8], begin: Range<usize>) -> Option<Hit> {
    let window = until_next(text.get(begin.end..text.len().min(begin.end + 16 * 1024))?, b"PuTTY-User-Key-File-");
    if !window.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let private = find_bytes(window, b"Private-Lines:")?;
    let end = find_bytes(window, b"Private-MAC").unwrap_or(window.len());
    (end > private + SHORTEST_KEY).then(|| {
        Hit::new(
            "private-key",
            "PuTTY private key".into(),
            Confidence::High,
            begin.end + private..begin.end + end,
            format!("PuTTY key ({} bytes)", end - private),
        )
    })
}

/// No key holds the beginning of another. Without that bound, a text of nothing but beginnings would be read thousands of
/// times.
fn until_next<'t>(window: &'t [u8], beginning: &[u8]) -> &'t [u8] {
    find_bytes(window, beginning).and_then(|end| window.get(..end)).unwrap_or(window)
}

fn find_bytes(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

/// A PEM block inside base64, as kubeconfigs and CI variables carry keys; a certificate may stand before the key. Gives
/// the end of what was decoded, too.
pub(super) fn encoded_pem(text: &[u8], start: usize) -> (Option<Hit>, usize) {
    let rest = text.get(start..).unwrap_or_default();
    let length = rest
        .iter()
        .take(16 * 1024)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
        .count();
    let end = start + length;
    let written = rest.get(..length / 4 * 4).unwrap_or_default();
    let Ok(decoded) = base64::engine::general_purpose::STANDARD.decode(written) else { return (None, end) };
    let mut at = 0;
    while let Some(found) = decoded.get(at..).and_then(|rest| find_bytes(rest, BEGIN)) {
        let begin = at + found;
        at = begin + BEGIN.len();
        if let Some(inner) = pem(&decoded, begin..at) {
            let hint = format!("{}, in base64", inner.hint);
            return (Some(Hit::new("private-key", inner.what, Confidence::High, start..end, hint)), end);
        }
    }
    (None, end)
}

const BEGIN: &[u8] = b"-----BEGIN ";
