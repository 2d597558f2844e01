//! What stands between a name and its value.

use super::find;

pub(super) struct Operator {
    /// Bytes from the name's end to the value.
    pub(super) offset: usize,
    /// The quote that opens it.
    pub(super) quote: Option<u8>,
    /// A bare `=`, without blanks.
    pub(super) joined: bool,
}

/// What stands around a name.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of one place")]
pub(super) struct Site {
    pub(super) previous: Option<u8>,
    /// The name is a method's.
    pub(super) called: bool,
    /// A blank alone may separate name and value.
    pub(super) flag: bool,
    /// It is in capitals, as constants are.
    pub(super) constant: bool,
    /// It begins its line, or follows `#define`.
    pub(super) first: bool,
}

pub(super) fn operator(rest: &[u8], site: Site) -> Option<Operator> {
    let Site { previous, called, flag, constant, first } = site;
    let mut at = 0;
    let skip = |at: &mut usize, set: &[u8]| {
        let length = rest.get(*at..).unwrap_or_default().iter().take_while(|byte| set.contains(byte)).count();
        *at += length;
        length
    };
    // The end of a quoted or bracketed name: `"name":`, `['name'] =`, `:name =>`, `name\":`, `**Name:**`.
    if matches!(previous, Some(b'"' | b'\'' | b'`' | b'<' | b'[' | b'\\' | b':' | b'*' | b'.')) {
        skip(&mut at, b"\"'`]\\");
    }
    if previous == Some(b'<') && rest.get(at) == Some(&b'>') {
        return Some(Operator { offset: at + 1, quote: Some(b'<'), joined: false });
    }
    skip(&mut at, b" \t*");
    // A type between name and value: `key: &str = "…"`, `const key string = "…"`, `String key = "…"`.
    if let Some(equals) = rest.iter().take(60).position(|byte| *byte == b'=')
        && rest.get(at..equals).is_some_and(|between| {
            between.len() < 40
                && between.first().is_some_and(|byte| matches!(byte, b':' | b'[' | b'{') || byte.is_ascii_alphabetic())
                && between.iter().all(|byte| byte.is_ascii_alphanumeric() || b" \t:&'<>?_[]|.{};".contains(byte))
        })
        && rest
            .get(equals + 1..)
            .is_some_and(|tail| tail.trim_ascii_start().first().is_some_and(|byte| b"\"'`".contains(byte)))
    {
        at = equals;
    }
    let operator_at = at;
    match rest.get(at)? {
        b':' => {
            at += 1;
            if matches!(rest.get(at), Some(b'=' | b':')) {
                at += 1;
            }
            skip(&mut at, b"*");
        }
        b'=' => {
            at += 1;
            match rest.get(at) {
                Some(b'>') => at += 1,
                // A comparison is no assignment, but `== "…"` with a literal gives it away all the same.
                Some(b'=') => {
                    at += 1;
                    if rest.get(at) == Some(&b'=') {
                        at += 1;
                    }
                }
                _ => {}
            }
        }
        b'?' | b'|' if matches!(rest.get(at + 1), Some(b'=' | b'?' | b'|' | b':')) && literal_follows(rest, at + 1) => {
            at += 2;
        }
        b'o' if rest.get(at..).is_some_and(|rest| rest.starts_with(b"or ")) && literal_follows(rest, at + 2) => at += 3,
        // `("password", "…")` and `setPassword("…")`; other calls and lists only mention the name.
        b',' if (constant || matches!(previous, Some(b'"' | b'\''))) && literal_follows(rest, at) => at += 1,
        b'(' if called && literal_follows(rest, at) => at += 1,
        // `env("NAME") || "…"`, `os.environ.get("NAME") or "…"`
        b')' if matches!(previous, Some(b'"' | b'\'')) => {
            at += 1;
            skip(&mut at, b" \t");
            // `|| "…"`, `?? "…"`, `.unwrap_or_else(|_| "…")`, `.orElse("…")`
            let tail = rest.get(at..)?;
            let length = tail.iter().take(40).position(|byte| matches!(byte, b'"' | b'\''))?;
            let between = tail.get(..length)?.to_ascii_lowercase();
            // Nothing else stands between, or one method that names a fallback.
            let direct = matches!(between.trim_ascii(), b"||" | b"??" | b"?:" | b"or");
            let method = between.starts_with(b".") && [&b"or_"[..], b"else"].iter().any(|mark| find(&between, mark));
            if !direct && !method {
                return None;
            }
            at += length;
        }
        // `--password value`, `ENV NAME value`
        _ if flag && operator_at > 0 => {}
        // `#define NAME "value"`, `storePassword "value"`
        b'"' | b'\'' if first && operator_at > 0 => {}
        _ => return None,
    }
    // `Password=abc;` of a connection string: no blank on either side.
    let joined =
        operator_at == 0 && rest.first() == Some(&b'=') && at == 1 && !matches!(rest.get(1), Some(b' ' | b'\t'));
    skip(&mut at, b" \t");
    // Prefixes of string literals: `b"…"`, `r"…"`, `u'…'`, `@"…"`, `\"…`.
    let prefix =
        rest.get(at..).unwrap_or_default().iter().take(3).take_while(|byte| b"bBrRuUfF@$L&".contains(byte)).count();
    if prefix > 0 && matches!(rest.get(at + prefix), Some(b'"' | b'\'')) {
        at += prefix;
    }
    // `String::from("…")`, `Some("…")`, `NSString stringWithString:@"…"` and other wrappings of one literal.
    if let Some(open) = wrapped(rest.get(at..)?) {
        at += open;
    }
    if rest.get(at) == Some(&b'\\') && matches!(rest.get(at + 1), Some(b'"')) {
        return Some(Operator { offset: at + 2, quote: Some(b'\\'), joined: false });
    }
    // `"""…"""` on one line
    if rest.get(at..).is_some_and(|rest| rest.starts_with(b"\"\"\"") || rest.starts_with(b"'''")) {
        at += 2;
    }
    match rest.get(at) {
        Some(quote @ (b'"' | b'\'' | b'`')) => Some(Operator { offset: at + 1, quote: Some(*quote), joined: false }),
        Some(_) => Some(Operator { offset: at, quote: None, joined }),
        None => None,
    }
}

/// Bytes up to the quote of a literal that is wrapped in one call: `String::from(`, `new SecretKey(`.
fn wrapped(rest: &[u8]) -> Option<usize> {
    let open = rest.iter().take(48).position(|byte| *byte == b'(')?;
    let head = rest.get(..open)?;
    let plain = !head.is_empty()
        && head.iter().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b' ' | b'.' | b'<' | b'>' | b'[' | b']')
        });
    let lower = head.to_ascii_lowercase();
    let lower = lower.strip_suffix(b"getbytes").unwrap_or(&lower);
    // Lookups name the secret and do not hold it.
    let lookup = [
        &b"env"[..],
        b"get",
        b"fetch",
        b"lookup",
        b"read",
        b"find",
        b"prompt",
        b"input",
        b"require",
        b"config",
        b"load",
        b"ask",
        b"translate",
        b"param",
        b"select",
        b"query",
    ]
    .iter()
    .any(|word| find(lower, word));
    let inside = rest.get(open + 1..)?;
    let lead = inside.iter().take(8).take_while(|byte| byte.is_ascii_whitespace() || b"bBrRu@".contains(byte)).count();
    let literal = inside.get(lead).is_some_and(|byte| matches!(byte, b'"' | b'\''));
    (plain && literal && !lookup && head.len() > 2).then_some(open + 1 + lead)
}

fn literal_follows(rest: &[u8], at: usize) -> bool {
    rest.get(at + 1..).is_some_and(|tail| matches!(tail.trim_ascii_start().first(), Some(b'"' | b'\'' | b'@')))
}
