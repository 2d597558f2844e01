//! In source text a value is a literal: a keyword on a line without any is passed over before it costs anything. Keywords
//! come in the order of their places, so that each byte is looked at a few times at most, however long its line is.

use std::ops::Range;

use super::{REACH, in_name};

/// How far before and behind a keyword a literal may stand.
const BEFORE: usize = 400;
const BEHIND: usize = REACH + 100;

pub(super) struct Gate<'t> {
    text: &'t [u8],
    line: Range<usize>,
    /// The first byte of the line that is no blank.
    head: usize,
    /// Where a comment of the line begins.
    comment: usize,
    /// The line goes on below: it ends in an operator or a bracket.
    open: bool,
    quote: Option<usize>,
    sigil: Option<usize>,
    bracket: Option<usize>,
    variable: Option<usize>,
}

impl<'t> Gate<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        let (quote, sigil, bracket, variable) = (Some(0), Some(0), Some(0), Some(0));
        let mut gate = Self { text, line: 0..0, head: 0, comment: 0, open: false, quote, sigil, bracket, variable };
        gate.go_to(0);
        gate
    }

    /// Whether a value may stand near the keyword at `at`. Each place is asked for behind the last one.
    pub(super) fn lets_through(&mut self, at: usize) -> bool {
        if at >= self.line.end {
            self.go_to(at);
        }
        let text = self.text;
        let from = self.line.start.max(at.saturating_sub(BEFORE));
        let to = self.line.end.min(at + BEHIND);
        near(&mut self.quote, from..to, |from| memchr::memchr3(b'"', b'\'', b'`', text.get(from..)?))
            // `q{…}`, `%q(…)`, `~s(…)`, `[[…]]`
            || near(&mut self.sigil, from..to, |from| memchr::memchr3(b'q', b'%', b'~', text.get(from..)?))
            || near(&mut self.bracket, from..to, |from| memchr::memmem::find(text.get(from..)?, b"[["))
            || near(&mut self.variable, from..to, |from| memchr::memmem::find(text.get(from..)?, b"${"))
            || self.open && self.line.end <= at + BEHIND
            || at >= self.comment
            || self.begins(at)
    }

    fn go_to(&mut self, at: usize) {
        let before = self.text.get(self.line.end..at).unwrap_or_default();
        let start = memchr::memrchr(b'\n', before).map_or(self.line.end, |length| self.line.end + length + 1);
        let rest = self.text.get(at..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).map_or(self.text.len(), |length| at + length);
        self.line = start..end;
        let line = self.text.get(start..end).unwrap_or_default();
        let trimmed = line.trim_ascii_start();
        self.head = end - trimmed.len();
        let marked = [&b"//"[..], b"#", b"*", b"/*", b"--", b"<!--"].iter().any(|mark| trimmed.starts_with(mark));
        self.comment = if marked {
            start
        } else {
            memchr::memmem::find(line, b" // ").map_or(usize::MAX, |length| start + length)
        };
        self.open = line.trim_ascii_end().last().is_none_or(|last| b"=:([\\_>,{+".contains(last));
    }

    /// Whether the name around the keyword is the first of its line, as in a string over several lines.
    fn begins(&self, at: usize) -> bool {
        at < self.head + 80 && self.text.get(self.head..at).is_some_and(|head| head.iter().all(|byte| in_name(*byte)))
    }
}

/// Whether the next one from the span's start on lies in it. `known` is the last one found; nothing is looked for twice.
fn near(known: &mut Option<usize>, span: Range<usize>, find: impl Fn(usize) -> Option<usize>) -> bool {
    if known.is_some_and(|known| known < span.start || known == 0) {
        *known = find(span.start).map(|length| span.start + length);
    }
    known.is_some_and(|known| known < span.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_passes_where_a_literal_may_stand() {
        for (text, passes) in [
            ("if self.token == token {}", false),
            ("fn read(tokens: &[Token]) -> usize;", false),
            ("let token = \"abc\";", true),
            ("my $token = q{abc};", true),
            ("local token = [[abc]]", true),
            ("let token =\n  \"abc\";", true),
            ("// the token is abc", true),
            ("let a = b; // token: abc", true),
            ("  token: abc", true),
            ("url(${token:-abc});", true),
        ] {
            let at = text.find("token").unwrap();
            assert_eq!(Gate::new(text.as_bytes()).lets_through(at), passes, "{text}");
        }
        let text = "if (token) x;\n\"a\";\nif (token) y;\ny(token) == 'a';\n";
        let mut gate = Gate::new(text.as_bytes());
        let passed: Vec<bool> = text.match_indices("token").map(|(at, _)| gate.lets_through(at)).collect();
        assert_eq!(passed, [false, false, true]);
    }
}
