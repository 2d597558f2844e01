//! Assignments of env files: what any one of the dotenv loaders would load is looked at, in each way that they differ.

/// Lines that a quoted value may run on over: a private key, mostly.
const LONGEST_VALUE: usize = 1000;

/// Name, line and value of each assignment.
pub(super) fn parse(text: &str) -> Vec<(&str, u32, String)> {
    let mut lines: Vec<(u32, &str)> = Vec::new();
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').split('\n')) {
        // Some loaders end a line at a lone carriage return.
        lines.extend(line.trim_end_matches('\r').split('\r').map(|part| (number, part)));
    }
    let mut found = Vec::new();
    for (index, (number, line)) in lines.iter().enumerate() {
        // The lines of a quoted value are looked at by themselves as well: not every loader has values of many lines.
        if let Some((name, value)) = assignment(line) {
            found.push((name, *number, whole(value, lines.get(index + 1..).unwrap_or_default())));
        }
    }
    found
}

/// `NAME=value`, `export NAME=value` and `NAME: value`.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = match line.strip_prefix("export") {
        Some(rest) if rest.starts_with(char::is_whitespace) => rest.trim_start(),
        Some(_) | None => line,
    };
    let end = line.char_indices().find_map(|(at, letter)| match letter {
        '=' => Some(at),
        ':' if line.get(at + 1..).is_some_and(|rest| rest.starts_with(char::is_whitespace)) => Some(at),
        _ => None,
    })?;
    let (name, value) = (line.get(..end)?.trim_end(), line.get(end + 1..)?.trim_start());
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (!name.is_empty() && name.bytes().all(is_name)).then_some((name, value))
}

/// The value without quotes and comment; a quote that is closed further down takes the lines up to there along.
fn whole(value: &str, below: &[(u32, &str)]) -> String {
    let Some(quote @ ('"' | '\'' | '`')) = value.chars().next() else { return bare(value).to_owned() };
    let rest = value.get(1..).unwrap_or_default();
    if let Some(end) = closing(rest, quote) {
        return unescaped(rest.get(..end).unwrap_or_default(), quote);
    }
    let mut text = rest.to_owned();
    for (_, line) in below.iter().take(LONGEST_VALUE) {
        text.push('\n');
        if let Some(end) = closing(line, quote) {
            text.push_str(line.get(..end).unwrap_or_default());
            return unescaped(&text, quote);
        }
        text.push_str(line);
    }
    // Never closed: a value of one line that begins with a quote.
    bare(value).to_owned()
}

/// Up to a comment, which begins behind a blank.
fn bare(value: &str) -> &str {
    let mut blank = true;
    for (at, letter) in value.char_indices() {
        if letter == '#' && blank {
            return value.get(..at).unwrap_or_default().trim_end();
        }
        blank = letter.is_whitespace();
    }
    value.trim_end()
}

/// Where the quote is closed; a backslash guards a double quote.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut guarded = false;
    text.char_indices().find_map(|(at, letter)| {
        let closes = letter == quote && !guarded;
        guarded = quote == '"' && letter == '\\' && !guarded;
        closes.then_some(at)
    })
}

fn unescaped(text: &str, quote: char) -> String {
    if quote == '"' { text.replace("\\\"", "\"") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(&str, u32, String)> {
        parse(text)
    }

    #[test]
    fn every_dialect_of_an_assignment_is_read() {
        for text in [
            "B_TOKEN=abc",
            "B_TOKEN: abc",
            "export\tB_TOKEN=abc",
            "export B_TOKEN = abc",
            "B_TOKEN=abc\t# a comment",
            "B_TOKEN=\"abc\" # a comment",
            "B_TOKEN='abc'",
            "\u{feff}B_TOKEN=abc\r",
        ] {
            assert_eq!(values(text), [("B_TOKEN", 1, "abc".to_owned())], "{text:?}");
        }
        assert_eq!(values("A=1\rB_TOKEN=abc")[1], ("B_TOKEN", 1, "abc".into()));
    }

    #[test]
    fn what_is_no_assignment_is_none() {
        for text in ["# B_TOKEN=abc", "no assignment", "https://a.test/?b=c", "", "=abc"] {
            assert!(values(text).is_empty(), "{text:?}: {:?}", values(text));
        }
        assert_eq!(values("A=a#b")[0].2, "a#b");
        assert_eq!(values("A=# empty")[0].2, "");
    }

    #[test]
    fn a_quote_that_is_never_closed_hides_nothing_below_it() {
        let found = values("A=\"abc\nB_TOKEN=def\nC=\\\"x\n");
        assert_eq!(found[1], ("B_TOKEN", 2, "def".into()));
        let key = values("KEY=\"one\ntwo\nthree\"\nB=x");
        assert_eq!((key[0].2.as_str(), key[1].0), ("one\ntwo\nthree", "B"));
        assert_eq!(values(r#"A="a\"b""#)[0].2, "a\"b");
    }
}
