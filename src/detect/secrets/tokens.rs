//! The one automaton that every text is read with, and the tokens of services that it finds.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::formats::{Class, FORMATS, Format, Part};
use super::{Hit, assign, calls, keys, line_at, shape, value, web};
use crate::evidence::repo::ValueKind;

/// What the automaton's needles mean.
#[derive(Clone, Copy, Debug)]
enum Needle {
    Format(usize),
    Pem,
    EncodedPem,
    Putty,
    Jwt,
    Url,
    /// `user:password@tcp(host:port)/name`, as Go's MySQL driver reads it.
    Dsn,
    Mark(Mark),
}

/// A place that is looked at once the form of the file is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mark {
    /// A word that stands in a secret's name, at its first letter.
    Keyword,
    /// Behind the opening parenthesis of a call that may log in.
    Call,
    /// The name of a command that takes a password: its number, at its first letter.
    Command(usize),
    /// Behind `Basic `.
    Basic,
    /// Behind `Bearer `.
    Bearer,
}

/// All rare literals in one automaton, so that a text is read once whatever the number of rules.
struct Finder {
    automaton: Option<AhoCorasick>,
    needles: Vec<Needle>,
}

static FINDER: LazyLock<Finder> = LazyLock::new(|| {
    let mut literals: Vec<String> = FORMATS.iter().map(|format| format.prefix.to_owned()).collect();
    let mut needles: Vec<Needle> = (0..FORMATS.len()).map(Needle::Format).collect();
    let mut add = |literal: String, needle: Needle| {
        literals.push(literal);
        needles.push(needle);
    };
    for (literal, needle) in [
        ("-----BEGIN ", Needle::Pem),
        ("---- BEGIN ", Needle::Pem),
        ("LS0tLS1CRUdJTi", Needle::EncodedPem),
        ("PuTTY-User-Key-File-", Needle::Putty),
        ("eyJ", Needle::Jwt),
        ("://", Needle::Url),
        ("@tcp(", Needle::Dsn),
        ("@unix(", Needle::Dsn),
        ("Basic ", Needle::Mark(Mark::Basic)),
        ("basic ", Needle::Mark(Mark::Basic)),
        ("Bearer ", Needle::Mark(Mark::Bearer)),
        ("IDENTIFIED BY", Needle::Mark(Mark::Keyword)),
        ("identified by", Needle::Mark(Mark::Keyword)),
    ] {
        add(literal.into(), needle);
    }
    // Three cases instead of a case-blind automaton: `PaSs` is nobody's name.
    for word in assign::KEYWORDS {
        let upper = word.to_ascii_uppercase();
        let capital = format!("{}{}", upper.get(..1).unwrap_or_default(), word.get(1..).unwrap_or_default());
        for literal in std::collections::BTreeSet::from([(*word).to_owned(), upper, capital]) {
            add(literal, Needle::Mark(Mark::Keyword));
        }
    }
    for call in calls::CALLS {
        add((*call).into(), Needle::Mark(Mark::Call));
    }
    for (number, command) in calls::COMMANDS.iter().enumerate() {
        add(command.name.into(), Needle::Mark(Mark::Command(number)));
    }
    let automaton = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(&literals).ok();
    Finder { automaton, needles }
});

/// Every secret of a known form in `text`, and the places that are worth a further look, in their order.
pub(super) fn find(text: &[u8], hits: &mut Vec<Hit>, marks: &mut Vec<(usize, Mark)>) {
    let Some(automaton) = &FINDER.automaton else { return };
    for found in automaton.find_overlapping_iter(text) {
        let Some(needle) = FINDER.needles.get(found.pattern().as_usize()) else { continue };
        let hit = match needle {
            Needle::Format(index) => FORMATS.get(*index).and_then(|format| token(format, text, found.range())),
            Needle::Pem => keys::pem(text, found.range()),
            Needle::EncodedPem => keys::encoded_pem(text, found.range()),
            Needle::Putty => keys::putty(text, found.range()),
            Needle::Jwt => web::jwt(text, found.range()),
            Needle::Url => web::url(text, found.range()),
            Needle::Dsn => web::dsn(text, found.start()),
            Needle::Mark(mark) => {
                let at = match mark {
                    Mark::Keyword | Mark::Command(_) => found.start(),
                    Mark::Call | Mark::Basic | Mark::Bearer => found.end(),
                };
                marks.push((at, *mark));
                None
            }
        };
        hits.extend(hit);
    }
}

pub(super) fn is_word(byte: u8) -> bool {
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
    if value::looks(body) == ValueKind::Placeholder || shape::entropy(body) < 2.5 {
        return None;
    }
    // Short bodies that are words (`re_…`, `key-…`) are identifiers.
    if body.len() < 40 && !body.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
        return None;
    }
    Some(Hit::new(
        format.id,
        format.what.into(),
        format.confidence,
        start..at,
        format!("{}… ({} characters)", format.prefix, at - start),
    ))
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
