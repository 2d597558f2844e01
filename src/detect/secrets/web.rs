//! Credentials in URLs, and JSON Web Tokens.

use std::ops::Range;

use super::Hit;
use super::formats::Class;
use super::shape::{is_password_like, is_random, is_strong_choice, is_uuid, is_wordy};
use super::tokens::is_word;
use super::value::{fallback, is_dressed_up, is_shipped, looks};
use crate::evidence::repo::{Confidence, ValueKind};

pub(super) fn jwt(text: &[u8], begin: Range<usize>) -> Option<Hit> {
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
    // What a real issuer signs says when it ends, or for whom it is.
    let issued = ["exp", "iss", "aud"].iter().any(|claim| payload.get(claim).is_some());
    let anonymous = payload.get("role").and_then(|role| role.as_str()) == Some("anon");
    let confidence = if anonymous { Confidence::Low } else { Confidence::Medium };
    let span = begin.start..begin.start + token.len();
    let hint = format!("JWT ({} characters)", token.len());
    let hit = Hit::new("jwt", "JSON Web Token".into(), confidence, span, hint);
    Some(Hit { in_fixture: if issued { confidence } else { Confidence::Low }, ..hit })
}

/// `scheme://user:password@host`, the connection strings of databases and brokers included.
pub(super) fn url(text: &[u8], separator: Range<usize>) -> Option<Hit> {
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
    // `/`, `?` and `#` end an authority, but people leave them unescaped in passwords: look for the `@` on the word.
    let word_end = rest
        .iter()
        .position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\'))
        .unwrap_or(rest.len());
    let word = rest.get(..word_end)?;
    let stop = word.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(word_end);
    let authority = word.get(..stop)?;
    let at = authority.iter().rposition(|byte| *byte == b'@').or_else(|| {
        let colon = authority.iter().position(|byte| *byte == b':')?;
        let digits = authority.get(colon + 1..)?.iter().all(u8::is_ascii_digit);
        if digits { None } else { word.iter().rposition(|byte| *byte == b'@') }
    })?;
    // `me@mail.example:password@host`: the user's name is an address itself.
    let later = word.iter().rposition(|byte| *byte == b'@').filter(|last| {
        *last > at
            && !word.get(..at).is_some_and(|user| user.contains(&b':'))
            && word.get(at..*last).is_some_and(|part| part.contains(&b':'))
    });
    let at = later.unwrap_or(at);
    let userinfo = word.get(..at)?;
    let Some(colon) = userinfo.iter().position(|byte| *byte == b':') else {
        return lone(userinfo, word.get(at + 1..).unwrap_or_default(), separator.end);
    };
    let written = std::str::from_utf8(userinfo.get(colon + 1..)?).ok()?;
    let user = std::str::from_utf8(userinfo.get(..colon)?).unwrap_or_default();
    let password = fallback(written).unwrap_or(written);
    let start = separator.end + colon + 1 + written.find(password).unwrap_or(0);
    let host = word.get(at + 1..).unwrap_or_default();
    let host =
        String::from_utf8_lossy(host.split(|byte| matches!(byte, b'/' | b':' | b'?')).next().unwrap_or_default())
            .into_owned();
    if password.is_empty()
        || user == password && is_shipped(password)
        || password.contains('{') && password.contains('}')
        // `$`, `{` and `<`, escaped as a URL demands it.
        || ["%24", "%7B", "%7b", "%3C", "%3c"].iter().any(|mark| password.starts_with(mark))
        || user.contains('/')
    {
        return None;
    }
    // `[user[:password]@]host` of a documentation.
    match looks(password.trim_matches(['[', ']', '<', '>'])) {
        ValueKind::Empty | ValueKind::Placeholder | ValueKind::Reference | ValueKind::Ciphertext => return None,
        ValueKind::Plain if !password.bytes().all(|byte| byte.is_ascii_digit()) => return None,
        ValueKind::Plain | ValueKind::Secret => {}
    }
    Some(credential(password, start, is_documentation(user, &host)))
}

/// A token alone before the host, as code hosts take it: `https://TOKEN@git.internal/a.git`.
fn lone(userinfo: &[u8], rest: &[u8], start: usize) -> Option<Hit> {
    let token = std::str::from_utf8(userinfo).ok()?;
    let plain = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    // The key of a DSN of Sentry is public; its path is the number of a project.
    let path = rest.iter().position(|byte| *byte == b'/').and_then(|slash| rest.get(slash + 1..)).unwrap_or_default();
    let number = !path.is_empty() && path.rsplit(|byte| *byte == b'/').next()?.iter().all(u8::is_ascii_digit);
    if token.len() < 20 || !plain || number || !is_random(token) || is_wordy(token) || is_uuid(token) {
        return None;
    }
    let hint = format!("token of {} characters in a URL", token.len());
    let hit =
        Hit::new("url-credentials", "token in a URL".into(), Confidence::Medium, start..start + token.len(), hint);
    Some(hit)
}

/// `jdbc:oracle:thin:user/password@//host`, as Oracle's driver reads it.
pub(super) fn oracle(text: &[u8], at: usize) -> Option<Hit> {
    let rest = text.get(at..text.len().min(at + 200))?;
    let end = rest.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'<'));
    let word = std::str::from_utf8(rest.get(..end.unwrap_or(rest.len()))?).ok()?;
    let (userinfo, _) = word.split_once('@')?;
    let (user, password) = userinfo.split_once('/')?;
    (looks(password) == ValueKind::Secret && !is_shipped(password) && !user.is_empty())
        .then(|| credential(password, at + user.len() + 1, false))
}

/// Whether user and host are those of documentation. Under `.example` (RFC 2606) whole made-up deployments live, as they
/// do in a tutorial; there only the user tells.
fn is_documentation(user: &str, host: &str) -> bool {
    const HOSTS: &[&str] = &["", "host", "hostname", "server", "myhost", "domain", "url", "hostport", "example"];
    const USERS: &[&str] = &[
        "user", "username", "usr", "me", "you", "foo", "bar", "alice", "bob", "john", "someone", "name", "login", "u",
    ];
    let host = host.to_ascii_lowercase();
    let (parent, top) = host.rsplit_once('.').unwrap_or((host.as_str(), ""));
    HOSTS.contains(&host.as_str())
        || matches!(top, "test" | "invalid")
        || parent.contains("example")
        || top == "example" && (USERS.contains(&user.to_ascii_lowercase().as_str()) || user.is_empty())
}

/// `user:password@tcp(host)/name`: no scheme stands before it.
pub(super) fn dsn(text: &[u8], at: usize) -> Option<Hit> {
    let before = text.get(at.saturating_sub(160)..at)?;
    let edge = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'=' | b'/');
    let length = before.iter().rev().take_while(|byte| !edge(byte)).count();
    let userinfo = std::str::from_utf8(before.get(before.len() - length..)?).ok()?;
    let (user, password) = userinfo.split_once(':')?;
    (looks(password) == ValueKind::Secret && !is_shipped(password) && !user.is_empty())
        .then(|| credential(password, at - password.len(), false))
}

/// The password of a URL, weighed. An example's host makes a weak one doubtful.
fn credential(password: &str, start: usize, example: bool) -> Hit {
    let random = is_random(password);
    let strong = random || is_strong_choice(password);
    let chosen = random || is_password_like(password);
    let anywhere = if strong || chosen && !is_dressed_up(password) {
        if example { Confidence::Medium } else { Confidence::High }
    } else if example {
        Confidence::Low
    } else if password.len() >= 6 {
        Confidence::Medium
    } else {
        Confidence::Low
    };
    let in_fixture = if strong { Confidence::Medium.min(anywhere) } else { Confidence::Low };
    let hint = format!("password of {} characters in a URL", password.chars().count());
    let hit = Hit::new("url-credentials", "credentials in a URL".into(), anywhere, start..start + password.len(), hint);
    Hit { in_fixture, ..hit }
}
