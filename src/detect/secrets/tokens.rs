//! Secrets that are known by their own form: service tokens, private keys, JWTs, credentials in URLs.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::formats::{Class, FORMATS, Format, Part};
use super::{Hit, line_at};
use crate::evidence::repo::{Confidence, ValueKind};

/// What the automaton's needles mean.
#[derive(Clone, Copy, Debug)]
enum Needle {
    Format(usize),
    Pem,
    Putty,
    Jwt,
    Url,
}

/// All rare literals in one automaton, so that a text is read once whatever the number of rules.
struct Finder {
    automaton: Option<AhoCorasick>,
    needles: Vec<Needle>,
}

static FINDER: LazyLock<Finder> = LazyLock::new(|| {
    let mut literals: Vec<&str> = FORMATS.iter().map(|format| format.prefix).collect();
    let mut needles: Vec<Needle> = (0..FORMATS.len()).map(Needle::Format).collect();
    for (literal, needle) in [
        ("-----BEGIN ", Needle::Pem),
        ("PuTTY-User-Key-File-", Needle::Putty),
        ("eyJ", Needle::Jwt),
        ("://", Needle::Url),
    ] {
        literals.push(literal);
        needles.push(needle);
    }
    Finder { automaton: AhoCorasick::new(literals).ok(), needles }
});

/// Every secret of a known form in `text`.
pub(super) fn find(text: &[u8], hits: &mut Vec<Hit>) {
    let Some(automaton) = &FINDER.automaton else { return };
    for found in automaton.find_overlapping_iter(text) {
        let Some(needle) = FINDER.needles.get(found.pattern().as_usize()) else { continue };
        let hit = match needle {
            Needle::Format(index) => FORMATS.get(*index).and_then(|format| token(format, text, found.range())),
            Needle::Pem => pem(text, found.range()),
            Needle::Putty => putty(text, found.range()),
            Needle::Jwt => jwt(text, found.range()),
            Needle::Url => url(text, found.range()),
        };
        hits.extend(hit);
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn token(format: &Format, text: &[u8], prefix: Range<usize>) -> Option<Hit> {
    let mut start = prefix.start;
    if let Some((class, least, most)) = format.lead {
        let lead = text.get(..start)?.iter().rev().take_while(|byte| class.holds(**byte)).count();
        if lead < least || lead > most {
            return None;
        }
        start -= lead;
    }
    // A format inside a longer word is chance: base64 text holds every short prefix.
    if start > 0 && text.get(start - 1).is_some_and(|byte| is_word(*byte)) {
        return None;
    }
    let mut at = prefix.end;
    let mut last = Class::Alnum;
    for part in format.body {
        match *part {
            Part::Fixed(fixed) => {
                text.get(at..)?.strip_prefix(fixed.as_bytes())?;
                at += fixed.len();
            }
            Part::Run(class, least, most) => {
                let run = text.get(at..)?.iter().take(most).take_while(|byte| class.holds(**byte)).count();
                if run < least {
                    return None;
                }
                at += run;
                last = class;
            }
        }
    }
    if text.get(at).is_some_and(|byte| is_word(*byte) || last.holds(*byte)) {
        return None;
    }
    let body = std::str::from_utf8(text.get(prefix.end..at)?).ok()?;
    if super::value::looks(body) == ValueKind::Placeholder || super::value::entropy(body) < 2.5 {
        return None;
    }
    // Short bodies that are words (`re_…`, `key-…`) are identifiers.
    if body.len() < 40 && !body.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
        return None;
    }
    Some(Hit {
        rule: format.id,
        what: format.what.into(),
        confidence: format.confidence,
        line: 0,
        span: start..at,
        name: None,
        allowed: false,
        random: false,
        hint: format!("{}… ({} characters)", format.prefix, at - start),
    })
}

/// Lines of base64 that a key needs at least; below, it is an example with dots.
const SHORTEST_KEY: usize = 40;

fn pem(text: &[u8], begin: Range<usize>) -> Option<Hit> {
    let rest = text.get(begin.end..)?;
    let label_end = rest.iter().take(40).position(|byte| *byte == b'-')?;
    let label = std::str::from_utf8(rest.get(..label_end)?).ok()?;
    if !label.contains("PRIVATE KEY") {
        return None;
    }
    let body = rest.get(label_end..)?.strip_prefix(b"-----")?;
    let body_at = begin.end + label_end + 5;
    let window = body.get(..body.len().min(16 * 1024))?;
    let end = find_bytes(window, b"-----END").unwrap_or(window.len().min(4096));
    let body = window.get(..end)?;
    // `\n` in a JSON string, quotes and `+` in source text stand between the lines of one key.
    let material: Vec<u8> = body
        .iter()
        .copied()
        .filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
        .collect();
    let material = std::str::from_utf8(&material).ok()?;
    if material.len() < SHORTEST_KEY || super::value::entropy(material) < 3.5 {
        return None;
    }
    let encrypted = label.contains("ENCRYPTED") || find_bytes(body, b"Proc-Type: 4,ENCRYPTED").is_some();
    Some(Hit {
        rule: "private-key",
        what: if encrypted { "private key under a passphrase".into() } else { "private key".into() },
        confidence: Confidence::High,
        line: 0,
        span: body_at..body_at + end,
        name: None,
        allowed: false,
        random: false,
        hint: format!("PEM {label} ({} characters)", material.len()),
    })
}

fn putty(text: &[u8], begin: Range<usize>) -> Option<Hit> {
    let window = text.get(begin.end..text.len().min(begin.end + 16 * 1024))?;
    if !window.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let private = find_bytes(window, b"Private-Lines:")?;
    let end = find_bytes(window, b"Private-MAC").unwrap_or(window.len());
    (end > private + SHORTEST_KEY).then(|| Hit {
        rule: "private-key",
        what: "PuTTY private key".into(),
        confidence: Confidence::High,
        line: 0,
        span: begin.end + private..begin.end + end,
        name: None,
        allowed: false,
        random: false,
        hint: format!("PuTTY key ({} bytes)", end - private),
    })
}

fn find_bytes(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

fn jwt(text: &[u8], begin: Range<usize>) -> Option<Hit> {
    use base64::Engine as _;
    if begin.start > 0 && text.get(begin.start - 1).is_some_and(|byte| is_word(*byte)) {
        return None;
    }
    let token = text.get(begin.start..)?;
    let length = token.iter().take(8192).take_while(|byte| Class::Dotted.holds(**byte)).count();
    let token = std::str::from_utf8(token.get(..length)?).ok()?.trim_end_matches('.');
    let mut segments = token.split('.');
    let (header, payload, signature) = (segments.next()?, segments.next()?, segments.next()?);
    let decode = |segment: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(segment).ok();
    let header: serde_json::Value = serde_json::from_slice(&decode(header)?).ok()?;
    header.get("alg")?;
    let payload: serde_json::Value = serde_json::from_slice(&decode(payload)?).ok()?;
    if signature.len() < 20 || segments.next().is_some() {
        return None;
    }
    // The token that jwt.io shows every visitor.
    if payload.get("sub").and_then(|sub| sub.as_str()) == Some("1234567890") {
        return None;
    }
    let anonymous = payload.get("role").and_then(|role| role.as_str()) == Some("anon");
    Some(Hit {
        rule: "jwt",
        what: "JSON Web Token".into(),
        // Supabase's anonymous role is meant for browsers.
        confidence: if anonymous { Confidence::Low } else { Confidence::Medium },
        line: 0,
        span: begin.start..begin.start + token.len(),
        name: None,
        allowed: false,
        random: false,
        hint: format!("JWT ({} characters)", token.len()),
    })
}

/// `scheme://user:password@host`, the connection strings of databases and brokers included.
fn url(text: &[u8], separator: Range<usize>) -> Option<Hit> {
    let scheme_length = text
        .get(..separator.start)?
        .iter()
        .rev()
        .take(24)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        .count();
    if scheme_length == 0 {
        return None;
    }
    let rest = text.get(separator.end..text.len().min(separator.end + 512))?;
    let stop = rest.iter().position(|byte| {
        matches!(byte, b'/' | b'?' | b'#' | b' ' | b'"' | b'\'' | b'`' | b'\n' | b'\r' | b'\t' | b'<' | b'>' | b'\\')
    });
    // `/`, `?` and `#` end an authority, but people leave them unescaped in passwords: look for the `@` on the word.
    let word_end = rest
        .iter()
        .position(|byte| matches!(byte, b' ' | b'"' | b'\'' | b'`' | b'\n' | b'\r' | b'\t' | b'<' | b'>'))
        .unwrap_or(rest.len());
    let authority = rest.get(..stop.unwrap_or(rest.len()))?;
    let at = authority.iter().rposition(|byte| *byte == b'@').or_else(|| {
        let colon = authority.iter().position(|byte| *byte == b':')?;
        let digits = authority.get(colon + 1..)?.iter().all(u8::is_ascii_digit);
        if digits { None } else { rest.get(..word_end)?.iter().rposition(|byte| *byte == b'@') }
    })?;
    let userinfo = rest.get(..at)?;
    let colon = userinfo.iter().position(|byte| *byte == b':')?;
    let password = std::str::from_utf8(userinfo.get(colon + 1..)?).ok()?;
    let user = std::str::from_utf8(userinfo.get(..colon)?).unwrap_or_default();
    let start = separator.end + colon + 1;
    let host = rest.get(at + 1..word_end).unwrap_or_default();
    let host =
        String::from_utf8_lossy(host.split(|byte| matches!(byte, b'/' | b':' | b'?')).next().unwrap_or_default())
            .into_owned();
    let template = password.contains('{') && password.contains('}');
    if password.is_empty() || user == password || template {
        return None;
    }
    match super::value::looks(password) {
        ValueKind::Empty | ValueKind::Placeholder | ValueKind::Reference | ValueKind::Ciphertext => return None,
        ValueKind::Plain if password.contains('.') || password.contains(' ') => return None,
        ValueKind::Plain | ValueKind::Secret => {}
    }
    let example = matches!(host.as_str(), "" | "host" | "hostname" | "server" | "myhost") || host.contains("example");
    let strong = super::value::is_password_like(password) || super::value::is_random(password);
    let random = super::value::is_random(password);
    let confidence = if example && random {
        Confidence::Medium
    } else if example || !strong && password.len() < 8 {
        Confidence::Low
    } else if strong {
        Confidence::High
    } else {
        Confidence::Medium
    };
    Some(Hit {
        rule: "url-credentials",
        what: "credentials in a URL".into(),
        confidence,
        line: 0,
        span: start..start + password.len(),
        name: None,
        allowed: false,
        random: false,
        hint: format!("password of {} characters in a URL", password.chars().count()),
    })
}

/// Sets the line of every hit; they come in the order of their place.
pub(super) fn number(text: &[u8], hits: &mut [Hit]) {
    let (mut line, mut at) = (1, 0);
    for hit in hits {
        line += line_at(text.get(at..hit.span.start).unwrap_or_default());
        at = hit.span.start.max(at);
        hit.line = line;
    }
}
