//! Nothing from the audited system reaches a sink unescaped.

use std::fmt::Write as _;

/// `text` as one line that a terminal shows and never obeys: control characters (C0, C1, ESC), line and paragraph
/// separators, and characters that reorder or hide text (bidirectional controls, zero width, tags; CVE-2021-42574)
/// become visible escapes.
pub fn terminal(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, character| {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            character if is_unsafe(character) => {
                // Writing to a String cannot fail.
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
            }
            character => shown.push(character),
        }
        shown
    })
}

/// [`terminal`] for a line that a build server may read, too: what its runner would take for a command
/// (`::error::`, `##[group]`) begins with an escape instead.
pub fn log(text: &str) -> String {
    let text = terminal(text).replace("##[", "#\\u{23}[");
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("::") {
        let word = after.trim_start_matches(|character: char| character.is_ascii_alphabetic() || character == '-');
        shown.push_str(before);
        // Runners skip blanks before a command; text before it makes it none.
        let command = shown.trim_end().len() < shown.len() || shown.is_empty();
        let command = command && word.len() < after.len() && (word.starts_with("::") || word.starts_with(' '));
        shown.push_str(if command { "\\u{3a}:" } else { "::" });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// Text between the tags of an XML or HTML document, or in a quoted attribute. What XML 1.0 cannot hold at all is shown
/// as an escape by [`terminal`], or replaced.
pub fn xml(text: &str) -> String {
    terminal(text).chars().fold(String::with_capacity(text.len()), |mut shown, character| {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => shown.push('\u{fffd}'),
            character => shown.push(character),
        }
        shown
    })
}

/// Text inside a Markdown paragraph, list item or table cell, with no markup, no link, no mention, no reference to an
/// issue and no HTML of its own.
pub fn markdown(text: &str) -> String {
    let text = log(text);
    let mut shown = String::with_capacity(text.len() * 2);
    for (at, character) in text.char_indices() {
        let rest = text.get(at + character.len_utf8()..).unwrap_or_default();
        let next = rest.chars().next();
        match character {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '~' | '+' | '$' | '^' => {
                shown.push('\\');
                shown.push(character);
            }
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '|' => shown.push_str("&#124;"),
            '@' => shown.push_str("&#64;"),
            character => shown.push(character),
        }
        // A bare address would become a link to wherever the audited system says; `GH-1` is an issue, too.
        let ends = |word: &str| {
            let from = at.saturating_sub(word.len());
            text.get(from..at).is_some_and(|found| found.eq_ignore_ascii_case(word))
        };
        let links = character == ':' && rest.starts_with("//") || character == '.' && ends("www");
        let issue = character == '-' && ends("gh") && next.is_some_and(|next| next.is_ascii_digit());
        if refers(character, next) || links || issue {
            shown.push_str(SPLIT);
        }
    }
    shown
}

/// Whether a forge would take the character and what follows it for a mention or a reference (`@name`, `#1`, `!1`,
/// `~label`). It looks at the text that Markdown leaves, where an escape is gone again; [`SPLIT`] in between splits that
/// text.
fn refers(character: char, next: Option<char>) -> bool {
    let named = |next: char| next.is_alphanumeric() || matches!(next, '_' | '"' | '-');
    match character {
        '@' | '#' | '!' | '~' | '$' | '%' | '^' => next.is_some_and(named),
        '&' => next.is_some_and(|next| next.is_ascii_digit()),
        _ => false,
    }
}

/// Renders as nothing.
const SPLIT: &str = "<!-- -->";

/// A cell of a CSV file (RFC 4180), which no spreadsheet takes for a formula (CWE-1236).
pub fn csv(text: &str) -> String {
    let text = terminal(text);
    let formula = text.trim_start().starts_with(['=', '+', '-', '@']);
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

/// A path as a relative URI reference that stays below the root: no scheme, no leading slash, no `..`.
pub fn relative_uri(path: &str) -> String {
    let parts = path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != "." && *part != "..");
    let encoded: Vec<String> = parts
        .map(|part| {
            part.bytes()
                .map(|byte| {
                    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                        char::from(byte).to_string()
                    } else {
                        format!("%{byte:02X}")
                    }
                })
                .collect()
        })
        .collect();
    if encoded.is_empty() { "unknown".into() } else { encoded.join("/") }
}

/// Text in a list item of somebody's own Markdown document: shown, and never markup. Parentheses, dots and hyphens stay as
/// they are, since people read the source of it.
pub fn document(text: &str) -> String {
    let text = terminal(text);
    let next = text.chars().skip(1).map(Some).chain([None]);
    text.chars().zip(next).fold(String::with_capacity(text.len()), |mut shown, (character, next)| {
        match character {
            '<' => shown.push_str("&lt;"),
            '&' => shown.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '#' | '@' => {
                shown.push('\\');
                shown.push(character);
            }
            character => shown.push(character),
        }
        if refers(character, next) {
            shown.push_str(SPLIT);
        }
        shown
    })
}

/// The value of a Prometheus label, without its quotation marks.
pub fn label(text: &str) -> String {
    terminal(text).replace('\\', "\\\\").replace('"', "\\\"")
}

/// A message of SARIF: braces would be placeholders, square brackets links (SARIF 2.1.0, 3.11).
pub fn message(text: &str) -> String {
    terminal(text).replace('{', "{{").replace('}', "}}").replace('[', "\\[").replace(']', "\\]")
}

/// As [`terminal`], line breaks kept.
pub fn lines(text: &str) -> String {
    text.lines().map(terminal).collect::<Vec<_>>().join("\n")
}

/// Whether a terminal or a reader could be misled by the character.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// `text` with at most `most` characters, the cut marked.
pub fn bounded(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_shown_escapes_and_never_obeys_them() {
        assert_eq!(terminal("a\u{1b}[31mb\u{9b}2Jc\u{202e}d\ne\u{7f}"), "a\\u{1b}[31mb\\u{9b}2Jc\\u{202e}d\\ne\\u{7f}");
        assert_eq!(terminal("naïve – 日本"), "naïve – 日本");
    }

    #[test]
    fn a_build_server_gets_no_commands() {
        assert_eq!(log("::error file=x::gone"), "\\u{3a}:error file=x::gone");
        assert_eq!(log("x ::set-output name=a::b ##[group]c"), "x \\u{3a}:set-output name=a::b #\\u{23}[group]c");
        assert_eq!(log("[::1]:443 and ::ffff:127.0.0.1"), "[::1]:443 and ::ffff:127.0.0.1");
    }

    #[test]
    fn markup_of_the_audited_system_is_text() {
        assert_eq!(xml("<b a='x'>&\u{1}"), "&lt;b a=&#39;x&#39;&gt;&amp;\\u{1}");
        assert_eq!(
            markdown("[x](https://evil.example) @all |"),
            "\\[x\\]\\(https:<!-- -->//evil.example\\) &#64;<!-- -->all &#124;"
        );
        assert_eq!(markdown("see #12, o/r#3, GH-4"), "see \\#<!-- -->12, o/r\\#<!-- -->3, GH-<!-- -->4");
        assert_eq!(markdown("www.evil.example"), "www.<!-- -->evil.example");
        assert_eq!(markdown("```"), "\\`\\`\\`");
        assert_eq!(csv("=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
        assert_eq!(csv("a \"b\"\nc"), "\"a \"\"b\"\"\\nc\"");
    }

    #[test]
    fn a_uri_stays_below_the_root() {
        assert_eq!(relative_uri("/etc/../pass wd"), "etc/pass%20wd");
        assert_eq!(relative_uri("../.."), "unknown");
        assert_eq!(relative_uri("file:///x"), "file%3A/x");
    }

    #[test]
    fn a_cut_is_marked() {
        assert_eq!(bounded("äöü", 2), "äö…");
        assert_eq!(bounded("äö", 2), "äö");
    }
}
