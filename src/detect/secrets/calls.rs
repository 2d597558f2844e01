//! Secrets that no name stands before: arguments of calls that log in, and of commands that take a password.

use std::ops::Range;

use base64::Engine as _;

use super::place::Syntax;
use super::weigh::{Pair, Scale};

/// Calls whose literals are a user and a password, in this order; of three or more, the third is the password.
pub(super) const CALLS: &[&str] = &[
    "connect(",
    "Connection(",
    "PDO(",
    "BasicAuth(",
    "basicAuth(",
    "basic_auth(",
    "DigestAuth(",
    "auth=(",
    "Credential(",
    "Credentials(",
    ".login(",
    "PasswordAuthentication(",
    "CredentialsProvider(",
    "AuthenticationToken(",
    ".auth(",
    "PlainAuth(",
    "StaticCredentials(",
];

/// Weighs the arguments of the call whose opening parenthesis ends at `at`.
pub(super) fn call(text: &[u8], at: usize, scale: &mut Scale<'_>) {
    let Some(rest) = text.get(at..text.len().min(at + 400)) else { return };
    let mut arguments: Vec<Option<Range<usize>>> = Vec::new();
    let mut index = 0;
    let mut literal = None;
    let mut filled = false;
    let mut depth = 0_u32;
    let mut wrapped = false;
    while let Some(byte) = rest.get(index) {
        match byte {
            b'"' | b'\'' => {
                let start = index + 1;
                let Some(length) = rest.get(start..).and_then(|rest| rest.iter().position(|next| next == byte)) else {
                    return;
                };
                // `Some("…")` and its like wrap one literal.
                literal = ((!filled || wrapped) && depth <= 1).then_some(at + start..at + start + length);
                (filled, wrapped) = (true, false);
                index = start + length + 1;
                continue;
            }
            b'(' | b'[' | b'{' => {
                depth += 1;
                literal = None;
                (filled, wrapped) = (true, *byte == b'(');
            }
            b')' | b']' | b'}' if depth > 0 => depth -= 1,
            b',' | b')' if depth == 0 => {
                arguments.push(literal.take());
                (filled, wrapped) = (false, false);
                if *byte == b')' {
                    break;
                }
            }
            b'=' | b':' | b';' if depth == 0 => return,
            byte if byte.is_ascii_whitespace() => {}
            _ => {
                (filled, wrapped) = (true, false);
                literal = None;
            }
        }
        index += 1;
    }
    let place = match arguments.len() {
        0 | 1 => return,
        2 => 1,
        // A callback may follow user and password.
        _ if arguments.get(2).is_none_or(Option::is_none) && arguments.first().is_some_and(Option::is_some) => 1,
        _ => 2,
    };
    let Some(Some(span)) = arguments.get(place) else { return };
    let part = |span: &Range<usize>| text.get(span.clone()).and_then(|value| std::str::from_utf8(value).ok());
    let Some(value) = part(span) else { return };
    if value.contains(['/', ' ']) && !value.contains(|letter: char| letter.is_ascii_digit()) {
        return;
    }
    scale.pair(&Pair::new("password", "", value, span.clone(), true));
}

/// `Basic` and base64 of `user:password`.
pub(super) fn basic(text: &[u8], at: usize, scale: &mut Scale<'_>) {
    let Some(rest) = text.get(at..text.len().min(at + 300)) else { return };
    let length =
        rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')).count();
    let Some(written) = rest.get(..length).filter(|written| written.len() >= 8) else { return };
    encoded(written, at..at + length, scale);
}

/// `Bearer` and a token.
pub(super) fn bearer(text: &[u8], at: usize, scale: &mut Scale<'_>) {
    let Some(rest) = text.get(at..text.len().min(at + 2000)) else { return };
    let length = rest
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'.'))
        .count();
    let Some(value) = rest.get(..length).and_then(|value| std::str::from_utf8(value).ok()) else { return };
    if length >= 16 {
        scale.pair(&Pair::new("bearer", "", value, at..at + length, true));
    }
}

/// Base64 of `user:password`, wherever it stands.
pub(super) fn encoded(written: &[u8], span: Range<usize>, scale: &mut Scale<'_>) -> bool {
    let written = written.strip_suffix(b"==").or_else(|| written.strip_suffix(b"=")).unwrap_or(written);
    let Ok(bytes) = base64::engine::general_purpose::STANDARD_NO_PAD.decode(written) else { return false };
    let Ok(plain) = std::str::from_utf8(&bytes) else { return false };
    let Some((user, password)) = plain.split_once(':') else { return false };
    let printable = plain.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if !printable || user.is_empty() || password.is_empty() {
        return false;
    }
    scale.pair_as(Syntax::Config, &Pair::new("password", "", password, span, true));
    true
}

/// A command that takes a password on its line.
pub(super) struct Command {
    pub(super) name: &'static str,
    /// Behind which flags; none for the first word.
    flags: &'static [&'static str],
    /// Whether they take `user:password`, or a user and then the password.
    pairs: bool,
}

const fn command(name: &'static str, flags: &'static [&'static str]) -> Command {
    Command { name, flags, pairs: false }
}

const fn with_user(name: &'static str, flags: &'static [&'static str]) -> Command {
    Command { name, flags, pairs: true }
}

pub(super) const COMMANDS: &[Command] = &[
    with_user("curl", &["-u", "--user", "--proxy-user"]),
    command("wget", &["--password=", "--http-password=", "--ftp-password="]),
    command("sshpass", &["-p"]),
    command("mysql", &["-p", "--password="]),
    command("mysqldump", &["-p", "--password="]),
    command("mysqladmin", &["-p", "--password="]),
    command("mongo", &["-p", "--password"]),
    command("mongodump", &["-p", "--password"]),
    command("mongosh", &["-p", "--password"]),
    command("redis-cli", &["-a", "--pass"]),
    command("docker login", &["-p", "--password"]),
    command("podman login", &["-p", "--password"]),
    command("helm registry login", &["-p", "--password"]),
    command("az login", &["-p", "--password"]),
    command("sqlcmd", &["-P"]),
    command("bcp", &["-P"]),
    command("ldapsearch", &["-w"]),
    command("ldapmodify", &["-w"]),
    command("ConvertTo-SecureString", &[""]),
    command("openssl", &["pass:"]),
    command("keytool", &["-storepass", "-keypass"]),
    with_user("smbclient", &["-U"]),
    with_user("htpasswd", &["-b"]),
    command("7z", &["-p"]),
    command("unzip", &["-P"]),
    with_user("rabbitmqctl add_user", &[""]),
    with_user("rabbitmqctl change_password", &[""]),
    with_user("chpasswd", &["echo"]),
    with_user("net user", &[""]),
    command("snmpwalk", &["-A", "-X", "-c"]),
    with_user("lftp", &["-u"]),
];

/// Weighs what the command at `at` is given.
pub(super) fn given(text: &[u8], at: usize, command: &Command, scale: &mut Scale<'_>) {
    let end = at + command.name.len();
    let edge = |byte: Option<&u8>| {
        byte.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'-' | b'.' | b'/'))
    };
    let before = at.checked_sub(1).and_then(|index| text.get(index));
    if !(edge(before) || before == Some(&b'/')) || !edge(text.get(end)) {
        return;
    }
    let line = text.get(at..text.len().min(at + 600)).unwrap_or_default();
    let stop = line
        .iter()
        .enumerate()
        .position(|(index, byte)| {
            *byte == b'\n' && index.checked_sub(1).and_then(|index| line.get(index)) != Some(&b'\\')
        })
        .unwrap_or(line.len());
    let from = if command.name == "chpasswd" { line_start(text, at) } else { end };
    arguments(text, from..at + stop, command, scale);
}

fn line_start(text: &[u8], at: usize) -> usize {
    text.get(..at)
        .unwrap_or_default()
        .iter()
        .rev()
        .take(300)
        .position(|byte| *byte == b'\n')
        .map_or(at.saturating_sub(300), |length| at - length)
}

/// The words of a command line: what stands behind one of the flags.
fn arguments(text: &[u8], span: Range<usize>, command: &Command, scale: &mut Scale<'_>) {
    let Command { flags, pairs, .. } = *command;
    let Some(line) = text.get(span.clone()).and_then(|line| std::str::from_utf8(line).ok()) else { return };
    let words = words(line);
    let give = |word: &Word<'_>, scale: &mut Scale<'_>| {
        let start = span.start + word.at;
        let pair = Pair::new("password", "", word.text, start..start + word.text.len(), true);
        scale.pair_as(Syntax::Shell, &pair);
    };
    for (index, word) in words.iter().enumerate() {
        if matches!(word.text, "|" | "&&" | ";" | "||") {
            break;
        }
        let Some(flag) = flags.iter().find(|flag| word.text.starts_with(**flag)) else { continue };
        let attached = word.text.get(flag.len()..).unwrap_or_default();
        let long = flag.starts_with("--") && !flag.ends_with('=');
        let (value, next) = if flag.is_empty() || attached.is_empty() || *flag == "echo" {
            match words.get(index + usize::from(!flag.is_empty())) {
                Some(next) if !next.text.starts_with('-') => (Word { text: next.text, at: next.at }, index + 2),
                Some(_) | None => continue,
            }
        } else if long {
            let Some(value) = attached.strip_prefix('=') else { continue };
            (Word { text: value, at: word.at + flag.len() + 1 }, index + 1)
        } else if word.text.starts_with("--") && !flag.starts_with("--") {
            continue;
        } else {
            // `-p'secret'` keeps its flag and loses its quotes.
            let inside = attached.trim_start_matches(['"', '\'']);
            (Word { text: inside, at: word.at + flag.len() + attached.len() - inside.len() }, index + 1)
        };
        // A lone flag asks for the password: `mysql -p database` names no password.
        if *flag == "-p" && attached.is_empty() && flags.contains(&"--password=") {
            continue;
        }
        if !pairs {
            give(&value, scale);
            return;
        }
        match value.text.split_once([':', '%']) {
            Some((user, password)) => {
                give(&Word { text: password, at: value.at + user.len() + 1 }, scale);
            }
            None if flag.is_empty() || *flag == "-b" => {
                let offset = usize::from(*flag == "-b");
                if let Some(password) = words.get(next - 1 + offset) {
                    give(password, scale);
                }
            }
            None => {}
        }
        return;
    }
}

struct Word<'a> {
    text: &'a str,
    at: usize,
}

/// Words between blanks, quotes taken off.
fn words(line: &str) -> Vec<Word<'_>> {
    let (mut words, mut start, mut quote): (Vec<Word<'_>>, Option<usize>, Option<char>) = (Vec::new(), None, None);
    let mut push = |start: usize, end: usize| {
        if let Some(text) = line.get(start..end) {
            let inside = text.trim_matches(['"', '\'']);
            let lead = text.find(inside).unwrap_or(0);
            // `-p'secret'` keeps its flag and loses its quotes.
            words.push(Word { text: inside, at: start + lead });
        }
    };
    for (index, letter) in line.char_indices().take(600) {
        match quote {
            Some(open) if open == letter => quote = None,
            Some(_) => {}
            None if letter.is_whitespace() => {
                if let Some(start) = start.take() {
                    push(start, index);
                }
                continue;
            }
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            None => {}
        }
        start.get_or_insert(index);
    }
    if let Some(start) = start {
        push(start, line.len());
    }
    words
}
