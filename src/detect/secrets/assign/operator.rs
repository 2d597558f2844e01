//! What stands between a name and its value.

use super::super::name::{NameSays, name_says};
use super::find;
use super::literal::{Close, Literal, follows, is_lookup, literal};

pub(super) struct Operator {
    /// Bytes from the name's end to the value.
    pub(super) offset: usize,
    /// What closes it, if it is a literal.
    pub(super) close: Option<Close>,
    /// A bare `=`, without blanks.
    pub(super) joined: bool,
    /// The value is the first argument of a call of the name.
    pub(super) call: bool,
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
    /// A literal behind it is its value: it begins its line, or follows `#define`, `def`, `@`, `set`.
    pub(super) first: bool,
    /// A literal in a call of it is its value: `db_password("…")`, and no lookup.
    pub(super) built: bool,
    /// In source text.
    pub(super) code: bool,
}

pub(super) fn operator(rest: &[u8], site: Site) -> Option<Operator> {
    let Site { previous, called, flag, constant, first, built, code } = site;
    let mut call = false;
    let mut at = 0;
    let skip = |at: &mut usize, set: &[u8]| {
        let length = rest.get(*at..).unwrap_or_default().iter().take_while(|byte| set.contains(byte)).count();
        *at += length;
        length
    };
    let begins = |at: usize, mark: &[u8]| rest.get(at..).is_some_and(|rest| rest.starts_with(mark));
    let literal_at = |at: usize| rest.get(at..).is_some_and(follows);
    // The end of a quoted or bracketed name: `"name":`, `['name'] =`, `:name =>`, `name\":`, `**Name:**`, `{name} =`, `'#name',`.
    if matches!(previous, Some(b'"' | b'\'' | b'`' | b'<' | b'[' | b'\\' | b':' | b'*' | b'.' | b'#' | b'=')) {
        skip(&mut at, if matches!(previous, Some(b'"' | b'\'')) { b"\"'`]\\}" } else { b"\"'`]\\" });
    } else if previous == Some(b'{') && begins(at, b"}") {
        at += 1;
    }
    let quoted = matches!(previous, Some(b'"' | b'\''))
        || matches!(previous, Some(b'#' | b'='))
            && rest.get(..at).is_some_and(|end| end.ends_with(b"\"") || end.ends_with(b"'"));
    if previous == Some(b'<') && rest.get(at) == Some(&b'>') {
        return Some(Operator { offset: at + 1, close: Some(Close::Byte(b'<')), joined: false, call });
    }
    skip(&mut at, b" \t*");
    // A type between name and value: `key: &str = "…"`, `const key string = "…"`, `String key = "…"`.
    if let Some(equals) = rest.iter().take(60).position(|byte| *byte == b'=')
        && rest.get(at..equals).is_some_and(|between| {
            between.len() < 40
                && between
                    .first()
                    .is_some_and(|byte| matches!(byte, b':' | b'[' | b'{' | b'?' | b'!') || byte.is_ascii_alphabetic())
                && between.iter().all(|byte| byte.is_ascii_alphanumeric() || b" \t:&'<>?!_[]|.{};".contains(byte))
        })
        && literal_at(equals + 1)
    {
        at = equals;
    }
    let operator_at = at;
    match rest.get(at)? {
        // `=`, `:`, `:=`, `::=`, `=>`, `==`; a comparison is no assignment, but its literal gives it away all the same.
        // `Token::CharData("…")` is a path.
        b':' if code && begins(at, b"::") && operator_at == 0 => return None,
        b':' => {
            skip(&mut at, b":");
            if begins(at, b"=") {
                at += 1;
            }
            skip(&mut at, b"*");
        }
        b'=' => {
            at += 1;
            if begins(at, b">") {
                at += 1;
            } else {
                skip(&mut at, b"=");
            }
        }
        // Of a makefile: what is set only where it is not set yet, and what is added.
        b'?' | b'+' if begins(at + 1, b"=") => at += 2,
        // `?? "…"`, `|| "…"`, `// "…"`, `||= "…"`, `?: "…"`, `!= "…"`, `+= "…"`, `<- "…"`, `-> "…"`
        b'?' | b'|' | b'!' | b'+' | b'/' | b'<' | b'-'
            if sign(rest.get(at..)?).is_some_and(|length| literal_at(at + length)) =>
        {
            at += sign(rest.get(at..)?)?;
        }
        // `or "…"`, `eq '…'`, `to "…"`, `by lazy { "…"`
        byte if byte.is_ascii_alphabetic()
            && word(rest.get(at..)?, quoted).is_some_and(|length| literal_at(at + length)) =>
        {
            at += word(rest.get(at..)?, quoted)?;
        }
        // `("password", "…")` and `:password, "…"`; other calls and lists only mention the name.
        b',' if (constant || quoted || previous == Some(b':')) && literal_at(at + 1) => at += 1,
        b'(' if (called || built && operator_at == 0) && literal_at(at + 1) => {
            at += 1;
            call = true;
        }
        b'{' if built && operator_at == 0 && literal_at(at + 1) => at += 1,
        // `env("NAME") || "…"`, `os.environ.get("NAME") or "…"`
        b')' if quoted => at = fallback(rest, at, constant)?,
        // `--password value`, `ENV NAME value`
        _ if flag && operator_at > 0 => {}
        // `#define NAME "value"`, `storePassword "value"`, `@password "value"`
        _ if first && operator_at > 0 && literal_at(at) => {}
        _ => return None,
    }
    // `Password=abc;` of a connection string: no blank on either side.
    let joined =
        operator_at == 0 && rest.first() == Some(&b'=') && at == 1 && !matches!(rest.get(1), Some(b' ' | b'\t'));
    skip(&mut at, b" \t");
    match literal(rest.get(at..)?) {
        Some(Literal { open, close }) => Some(Operator { offset: at + open, close: Some(close), joined: false, call }),
        None => Some(Operator { offset: at, close: None, joined, call }),
    }
}

/// Bytes of an operator of signs that only a literal makes one.
fn sign(rest: &[u8]) -> Option<usize> {
    const SIGNS: &[&[u8]] =
        &[b"||=", b"??=", b"//=", b"!==", b"||", b"??", b"?:", b"?=", b"//", b"!=", b"+=", b"<-", b"->"];
    SIGNS.iter().find(|sign| rest.starts_with(sign)).map(|sign| sign.len())
}

/// Bytes of an operator that is a word. `to` joins a pair in Kotlin, where the name is a literal itself.
fn word(rest: &[u8], quoted: bool) -> Option<usize> {
    const WORDS: &[&[u8]] = &[b"or ", b"eq ", b"ne ", b"by lazy {", b"isEqualToString:", b"isEqual:"];
    WORDS
        .iter()
        .find(|word| rest.starts_with(word))
        .map(|word| word.len())
        .or((quoted && rest.starts_with(b"to ")).then_some(3))
}

/// Where the literal begins that stands in for what a lookup does not find: `) || "…"`, `.unwrap_or_else(|_| "…")`,
/// `.orElse("…")`, `) { "…" }`; behind the name of a variable also `), "…"`.
fn fallback(rest: &[u8], at: usize, constant: bool) -> Option<usize> {
    let closed = rest.get(at..)?.iter().take_while(|byte| matches!(byte, b')' | b' ' | b'\t')).count();
    let at = at + closed;
    let tail = rest.get(at..)?;
    let length = tail.iter().take(40).position(|byte| matches!(byte, b'"' | b'\'' | b'`'))?;
    let between = tail.get(..length)?.to_ascii_lowercase();
    // Nothing else stands between, or one method that names a fallback.
    let direct = matches!(between.trim_ascii(), b"||" | b"??" | b"?:" | b"or" | b"//" | b"{")
        || constant && between.trim_ascii() == b",";
    // What is typed into a field of this name counts, too: `get('#password').type('…')`.
    const METHODS: &[&[u8]] =
        &[b"or_", b"or(", b"else", b".type(", b".fill(", b".sendkeys(", b".send_keys(", b".val(", b".arg("];
    let method = between.starts_with(b".") && METHODS.iter().any(|mark| find(&between, mark));
    (direct || method).then_some(at + length)
}

/// Whether a call of this name is given its value: no lookup, no check of a form, no message.
pub(super) fn is_built(name: &str) -> bool {
    const COMPARED: &[&str] = &["equals", "equalsignorecase", "eq", "contentequals", "isequalto", "eql"];
    let method = name.rsplit('.').next().unwrap_or(name);
    // `t.pass("…")` is a verb, `pwd.getpwnam("…")` looks up.
    COMPARED.contains(&method.to_ascii_lowercase().as_str())
        || !is_lookup(method.as_bytes())
            && !method.eq_ignore_ascii_case("pass")
            && name_says(method, "") > NameSays::Maybe
}
