//! The one automaton that every text is read with, and the tokens of services that it finds.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::formats::{Class, Format, Part};
use super::{Hit, assign, calls, formats, keys, line_at, shape, value, web};
use crate::evidence::repo::ValueKind;

/// What the automaton's needles mean.
#[derive(Clone, Copy, Debug)]
enum Needle {
    Format(&'static Format),
    Pem,
    EncodedPem,
    Putty,
    Jwt,
    Url,
    /// `user:password@tcp(host:port)/name`, as Go's MySQL driver reads it.
    Dsn,
    /// `user/password@//host`, as Oracle's driver reads it.
    Oracle,
    Mark(Mark),
}

/// A place that is looked at once the form of the file is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mark {
    /// A word that stands in a secret's name, at its first letter.
    Keyword,
    /// Behind the opening parenthesis of a call that is given a secret: its number.
    Call(usize),
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
    /// Bytes of the longest literal.
    longest: usize,
}

static FINDER: LazyLock<Finder> = LazyLock::new(|| {
    let mut literals: Vec<String> = formats::all().map(|format| format.prefix.to_owned()).collect();
    let mut needles: Vec<Needle> = formats::all().map(Needle::Format).collect();
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
        ("oracle:thin:", Needle::Oracle),
        ("oracle:oci:", Needle::Oracle),
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
    for (number, call) in calls::CALLS.iter().enumerate() {
        add(call.name.into(), Needle::Mark(Mark::Call(number)));
    }
    for (number, command) in calls::COMMANDS.iter().enumerate() {
        add(command.name.into(), Needle::Mark(Mark::Command(number)));
    }
    let automaton = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(&literals).ok();
    let longest = literals.iter().map(String::len).max().unwrap_or(0);
    Finder { automaton, needles, longest }
});

/// Where a literal stands. By their ends, so that those of two pieces of text in turn are those of both.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Spot {
    end: u32,
    start: u32,
    needle: u16,
}

/// A stretch of an older text that stands in a newer one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Kept {
    /// Where it begins in the newer text, and in the older one.
    pub(crate) at: usize,
    pub(crate) from: usize,
    pub(crate) length: usize,
}

impl Kept {
    /// Where it ends in the newer text.
    pub(crate) fn end(&self) -> usize {
        self.at + self.length
    }
}

/// Every literal in `text`.
pub(crate) fn spots(text: &[u8]) -> Vec<Spot> {
    let mut found = Vec::new();
    scan(text, 0..text.len(), &mut found, |_, _| true);
    found.sort_unstable();
    found
}

/// The same, where those of an older text are known, and which stretches of it stand in the new one, in order and apart.
pub(crate) fn spots_by(text: &[u8], older: &[Spot], kept: &[Kept]) -> Vec<Spot> {
    let longest = FINDER.longest;
    let margin = longest.saturating_sub(1);
    let mut found = Vec::with_capacity(older.len() + 16);
    let mut end = 0;
    // Shorter ones are not worth it; and two literals that cross into one never overlap then.
    let long = kept.iter().filter(|kept| kept.length > 2 * longest);
    for Kept { at, from, length } in long.copied() {
        scan(text, end.max(margin) - margin..(at + margin).min(text.len()), &mut found, |first, last| {
            first < at && (last > end || end == 0)
        });
        let first = older.partition_point(|spot| (spot.end as usize) <= from);
        let inside = older.get(first..).unwrap_or_default().iter();
        found.extend(inside.take_while(|spot| spot.end as usize <= from + length).filter_map(|spot| {
            let start = (spot.start as usize).checked_sub(from)? + at;
            let end = spot.end as usize - from + at;
            Some(Spot { end: u32::try_from(end).ok()?, start: u32::try_from(start).ok()?, needle: spot.needle })
        }));
        end = at + length;
    }
    scan(text, end.max(margin) - margin..text.len(), &mut found, |_, last| last > end || end == 0);
    found.sort();
    found
}

fn scan(text: &[u8], part: Range<usize>, found: &mut Vec<Spot>, wanted: impl Fn(usize, usize) -> bool) {
    let (Some(automaton), Some(piece)) = (&FINDER.automaton, text.get(part.clone())) else { return };
    for one in automaton.find_overlapping_iter(piece) {
        let (start, end) = (part.start + one.start(), part.start + one.end());
        if let (true, Ok(start), Ok(end), Ok(needle)) =
            (wanted(start, end), u32::try_from(start), u32::try_from(end), u16::try_from(one.pattern().as_usize()))
        {
            found.push(Spot { end, start, needle });
        }
    }
}

/// Every secret of a known form in `text`, and the places that are worth a further look, in their order.
pub(super) fn find(text: &[u8], hits: &mut Vec<Hit>, marks: &mut Vec<(usize, Mark)>) {
    weigh(text, &spots(text), hits, marks);
}

/// The same, where the literals of the text are known.
pub(super) fn weigh(text: &[u8], spots: &[Spot], hits: &mut Vec<Hit>, marks: &mut Vec<(usize, Mark)>) {
    let mut decoded = [0; 4];
    for spot in spots {
        let Some(needle) = FINDER.needles.get(usize::from(spot.needle)) else { continue };
        let (start, end) = (spot.start as usize, spot.end as usize);
        let hit = match needle {
            Needle::Format(format) => token(format, text, start..end),
            Needle::Pem => keys::pem(text, start..end),
            // What was decoded from the same letter on shows every block that it holds.
            Needle::EncodedPem => match decoded.get_mut(start % 4) {
                Some(until) if start >= *until => {
                    let (hit, end) = keys::encoded_pem(text, start);
                    *until = end;
                    hit
                }
                Some(_) | None => None,
            },
            Needle::Putty => keys::putty(text, start..end),
            Needle::Jwt => web::jwt(text, start..end),
            Needle::Url => web::url(text, start..end),
            Needle::Dsn => web::dsn(text, start),
            Needle::Oracle => web::oracle(text, end),
            Needle::Mark(mark) => {
                let at = match mark {
                    Mark::Keyword | Mark::Command(_) => start,
                    Mark::Call(_) | Mark::Basic | Mark::Bearer => end,
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
    // Where the fixed part comes last, what stands before it is the body.
    let body = if format.lead.is_some() { start } else { prefix.end };
    let body = std::str::from_utf8(text.get(body..at)?).ok()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_literals_of_a_changed_text_are_those_of_the_text_itself() {
        let older = "password = x; token: y; https://a.example; api_key\n".repeat(20);
        let known = spots(older.as_bytes());
        let half = older.len() / 2;
        for (cut, insert) in [(3, "tok"), (half, "pass"), (half + 5, "sec"), (half + 11, ""), (200, "my-secret-token-")]
        {
            for lost in [0, 1, 4, 90] {
                let newer = [&older[..cut], insert, &older[cut + lost..]].concat();
                let kept = [
                    Kept { at: 0, from: 0, length: cut },
                    Kept { at: cut + insert.len(), from: cut + lost, length: older.len() - cut - lost },
                ];
                assert_eq!(spots_by(newer.as_bytes(), &known, &kept), spots(newer.as_bytes()), "{cut} {insert} {lost}");
            }
        }
        assert_eq!(spots_by(older.as_bytes(), &known, &[]), known);
        let moved = [Kept { at: 0, from: half, length: older.len() - half }];
        assert_eq!(spots_by(&older.as_bytes()[half..], &known, &moved), spots(&older.as_bytes()[half..]));
    }
}
