//! Files with a form of their own, in which the secret stands by position and not behind its name.

use super::Hit;
use super::calls;
use super::place::Form;
use super::shape::is_hex;
use super::value::{is_password_hash, looks};
use super::weigh::{Pair, Scale};
use crate::evidence::repo::{Confidence, ValueKind};

/// The forms, by the names that give them away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Special {
    Netrc,
    Pgpass,
    Users,
    Encoded,
    /// Nothing but the secret.
    Whole,
    Ppp,
}

/// Whether the name gives one of the forms away.
pub(super) fn is_special(path: &str) -> bool {
    special(path).is_some()
}

fn special(path: &str) -> Option<Special> {
    let lower = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let name = lower.as_str();
    let is = |names: &[&str]| {
        names
            .iter()
            .any(|known| name == *known || name.strip_suffix(known).is_some_and(|rest| rest.ends_with(['.', '-', '_'])))
    };
    if is(&[".netrc", "_netrc", "netrc"]) {
        Some(Special::Netrc)
    } else if is(&[".pgpass", "pgpass.conf", "pgpass"]) {
        Some(Special::Pgpass)
    } else if name.ends_with("htpasswd")
        || name.starts_with(".htpasswd")
        || name.ends_with("passwd")
        || is(&["shadow", "master.passwd", ".passwd", ".vncpasswd.txt", "shadow.bak"])
    {
        Some(Special::Users)
    } else if is(&[".npmrc", "npmrc", ".dockercfg", "config.json", ".dockerconfigjson", ".yarnrc.yml", "auth.json"]) {
        Some(Special::Encoded)
    } else if is(&[
        "master.key",
        ".vault_pass",
        ".vault_pass.txt",
        "vault_password",
        ".vault-password",
        "vault-password.txt",
        ".vault_password",
        "production.key",
        "staging.key",
        ".s3backerpass",
    ]) {
        Some(Special::Whole)
    } else if is(&["chap-secrets", "pap-secrets"]) {
        Some(Special::Ppp)
    } else {
        None
    }
}

pub(super) fn find(path: &str, text: &str, scale: &mut Scale<'_>) {
    match special(path) {
        Some(Special::Netrc) => netrc(text, scale),
        Some(Special::Pgpass) => columns(text, 4, "password of a .pgpass line", scale),
        // A script of such a name is a script.
        Some(Special::Users) if matches!(scale.form, Form::Code | Form::Shell) => {}
        Some(Special::Users) => columns(text, 1, "password of a user file", scale),
        Some(Special::Encoded) => encoded(text, scale),
        Some(Special::Whole) => whole(text, scale),
        Some(Special::Ppp) => secrets_file(text, scale),
        None => {}
    }
}

/// `machine HOST login USER password VALUE`, over any white space.
fn netrc(text: &str, scale: &mut Scale<'_>) {
    let (mut wanted, mut at) = (false, 0);
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        if line.trim_start().starts_with('#') {
            continue;
        }
        for word in line.split_ascii_whitespace() {
            let place = start + (word.as_ptr() as usize - line.as_ptr() as usize);
            // RFC 1635: anybody's.
            if wanted && word != "anonymous" {
                push(word, place, "password of a .netrc entry", scale);
            }
            wanted = matches!(word, "password" | "passwd");
        }
    }
}

/// The column of colon-separated lines; the last one takes the rest of the line, where the form has five.
fn columns(text: &str, column: usize, what: &str, scale: &mut Scale<'_>) {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        // An entry that was commented out is still there to be read: `# host:5432:db:user:…`.
        let commented = content.trim_start().starts_with('#');
        let port = content.split(':').nth(1).unwrap_or_default();
        let entry = column == 4
            && !content.trim_start_matches(['#', ' ']).contains(' ')
            && (port == "*" || port.len() >= 2 && port.bytes().all(|byte| byte.is_ascii_digit()));
        if (!commented || entry)
            && let Some(rest) = content.splitn(column + 1, ':').nth(column)
        {
            // A colon in a password is written `\:` there.
            let field = if column == 1 { rest.split(':').next().unwrap_or_default() } else { rest };
            let place = at + content.len() - rest.len();
            if field.len() >= 3 && !matches!(field, "!!" | "*LK*" | "!*") {
                push(field, place, what, scale);
            }
        }
        at += line.len();
    }
}

/// `_auth`, `_password`, `auth`: base64 of the password or of user and password.
fn encoded(text: &str, scale: &mut Scale<'_>) {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let Some(found) = ["_auth", "_password", "\"auth\"", "npmAuthIdent"]
            .iter()
            .find_map(|name| Some(line.find(name)? + name.len()))
        else {
            continue;
        };
        let rest = line.get(found..).unwrap_or_default();
        if rest.starts_with(|next: char| next.is_ascii_alphabetic()) {
            continue;
        }
        let value = rest.trim_start_matches(|letter: char| " \t=:\"'".contains(letter));
        let length = value
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_'))
            .count();
        let (Some(value), place) = (value.get(..length), start + found + rest.len() - value.len()) else { continue };
        if value.len() < 8 || calls::encoded(value.as_bytes(), place..place + value.len(), scale) {
            continue;
        }
        // The name alone promises a secret here.
        scale.pair(&Pair { store: true, ..Pair::new("auth_token", "", value, place..place + value.len(), true) });
    }
}

/// A file that is nothing but the secret.
fn whole(text: &str, scale: &mut Scale<'_>) {
    let value = text.trim();
    if value.len() >= 6 && !value.contains('\n') && looks(value) == ValueKind::Secret && !value.starts_with('#') {
        let start = text.len() - text.trim_start().len();
        let what = if is_hex(value) { "key file" } else { "password file" };
        let hint = format!("{} characters", value.chars().count());
        let span = start..start + value.len();
        scale.hits.push(Hit::new("password-file", what.into(), Confidence::High, span, hint));
    }
}

/// `client server secret addresses`
fn secrets_file(text: &str, scale: &mut Scale<'_>) {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if !line.trim_start().starts_with('#')
            && let Some(word) = line.split_ascii_whitespace().nth(2)
        {
            let inside = word.trim_matches('"');
            let place = at + (inside.as_ptr() as usize - line.as_ptr() as usize);
            push(inside, place, "secret of a ppp user", scale);
        }
        at += line.len();
    }
}

fn push(value: &str, at: usize, what: &str, scale: &mut Scale<'_>) {
    match looks(value) {
        ValueKind::Secret | ValueKind::Plain => {}
        ValueKind::Empty | ValueKind::Placeholder | ValueKind::Reference | ValueKind::Ciphertext => return,
    }
    let sure = is_password_hash(value) || value.len() >= 4;
    let confidence = if sure { Confidence::Medium } else { Confidence::Low };
    let hint = format!("{} characters", value.chars().count());
    scale.hits.push(Hit::new("password-file", what.into(), confidence, at..at + value.len(), hint));
}
