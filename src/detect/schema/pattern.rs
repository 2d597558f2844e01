//! A text that a pattern matches, read off the pattern itself.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Characters of a text at most.
const LONGEST: usize = 256;

/// A short text that the pattern matches, of at least so many characters where it allows; the proof is the caller's.
pub(super) fn matching(pattern: &str, least: usize) -> Option<String> {
    let hir = regex_syntax::Parser::new().parse(pattern).ok()?;
    let mut text = String::new();
    write(&hir, least.max(1), &mut text)?;
    Some(text)
}

/// The parser bounds how deep a pattern nests.
fn write(hir: &Hir, least: usize, text: &mut String) -> Option<()> {
    if text.len() > LONGEST {
        return None;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(Class::Unicode(class)) => {
            let among = |letter: &char| class.iter().any(|range| (range.start()..=range.end()).contains(letter));
            let usual = ['a', '1', 'A', '-', '_', ' '].into_iter().find(among);
            text.push(usual.or_else(|| class.iter().next().map(regex_syntax::hir::ClassUnicodeRange::start))?);
        }
        HirKind::Class(Class::Bytes(class)) => text.push(char::from(class.iter().next()?.start())),
        HirKind::Repetition(repeated) => {
            let number = |count: u32| usize::try_from(count).unwrap_or(LONGEST);
            let most = repeated.max.map_or(LONGEST, number);
            for _ in 0..number(repeated.min).max(least).min(most) {
                write(&repeated.sub, 1, text)?;
            }
        }
        HirKind::Capture(captured) => write(&captured.sub, least, text)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, least, text))?,
        HirKind::Alternation(parts) => write(parts.first()?, least, text)?,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_matches_the_pattern_that_it_was_read_off() {
        for (pattern, least) in [
            ("^[0-9]{5}$", 0),
            ("^[A-Z]{2}-[0-9]{4,6}$", 0),
            ("^(red|blue)(/[a-z]+)?$", 3),
            (r"^\d+\.\d+$", 6),
            ("^[^a-z]{3}$", 0),
            ("^.+@.+$", 5),
            ("", 0),
        ] {
            let text = matching(pattern, least).unwrap();
            assert!(regex::Regex::new(pattern).unwrap().is_match(&text), "{pattern}: {text}");
            assert!(text.len() >= least, "{pattern}: {text}");
        }
        assert_eq!(matching("(", 0), None);
        assert_eq!(matching("^a{9999}$", 0), None);
    }
}
