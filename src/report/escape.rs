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
    fn a_cut_is_marked() {
        assert_eq!(bounded("äöü", 2), "äö…");
        assert_eq!(bounded("äö", 2), "äö");
    }
}
