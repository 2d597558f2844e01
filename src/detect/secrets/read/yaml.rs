//! YAML line by line: nested keys, lists of names and values, block and flow values, Secrets of Kubernetes. Templates and
//! other broken input cost nothing but their own line.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;

use base64::Engine as _;

use super::{DEEPEST, Members, flagged, inner, json, loose, member, unescaped};
use crate::detect::secrets::place::Syntax;
use crate::detect::secrets::weigh::{Pair, Scale};
use crate::detect::secrets::{Hit, assign};

/// A mapping or a list that is open at an indentation.
struct Open {
    indent: usize,
    key: String,
    members: Members,
    /// The element before, in a list of words.
    last: Option<Range<usize>>,
}

struct Reader<'t, 's, 'h> {
    text: &'t str,
    stack: Vec<Open>,
    /// The document is a Secret of Kubernetes.
    store: bool,
    scale: &'s mut Scale<'h>,
}

pub(super) fn read(text: &str, scale: &mut Scale<'_>) {
    let mut reader = Reader { text, stack: Vec::new(), store: is_store(text, 0), scale };
    let mut at = 0;
    while at < text.len() {
        if let Some(end) = chapter(text, at) {
            reader.chapter(text, at, end);
            at = end;
            continue;
        }
        let end = line_end(text, at);
        at = reader.line(at, end).max(end + 1);
    }
}

/// The end of a chapter that begins here: a key without indentation, and all that is indented below it. Names and values
/// that may belong to their neighbours begin none.
fn chapter(text: &str, at: usize) -> Option<usize> {
    let begins = |at: usize| {
        text.as_bytes().get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'"' | b'\''))
            && key(text, at, line_end(text, at)).is_some()
    };
    let parts = |at: usize| begins(at) || text.get(at..).is_some_and(|rest| rest.starts_with("---"));
    let (name, _) = key(text, at, line_end(text, at)).filter(|_| begins(at))?;
    if super::is_one_of(super::NAMES, name) || super::is_one_of(super::VALUES, name) {
        return None;
    }
    let mut end = line_end(text, at) + 1;
    while end < text.len() && !parts(end) {
        end = line_end(text, end) + 1;
    }
    Some(end.min(text.len()))
}

/// Chapters that are remembered at most by each thread, and how long one is for it to be worth it.
const MOST_CHAPTERS: usize = 20_000;
const SHORTEST_CHAPTER: usize = 64;

/// A chapter by its keyed hash and length, and what else decides.
type Chapter = (u64, usize, bool, bool);

thread_local! {
    /// What stands in chapters that were read before, places counted from their beginnings: the versions of a file have
    /// most of them in common.
    static READ: RefCell<(RandomState, HashMap<Chapter, Vec<Hit>>)> = RefCell::default();
}

fn line_end(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(text.len(), |length| at + length)
}

/// Whether the document from here to the next `---` is a Secret.
fn is_store(text: &str, at: usize) -> bool {
    let document = text.get(at..).unwrap_or_default();
    let document = document.find("\n---").and_then(|end| document.get(..end)).unwrap_or(document);
    document.contains("Secret")
        && document
            .lines()
            .any(|line| matches!(line.trim().trim_start_matches("- "), "kind: Secret" | "kind: \"Secret\""))
}

impl<'t> Reader<'t, '_, '_> {
    /// Reads a chapter by itself: nothing outside it decides about what is in it.
    fn chapter(&mut self, text: &'t str, start: usize, end: usize) {
        self.stack.clear();
        let Some(chapter) = text.get(start..end) else { return };
        if chapter.len() < SHORTEST_CHAPTER {
            return self.lines(text, start, end);
        }
        let key =
            READ.with_borrow(|(state, _)| (state.hash_one(chapter), chapter.len(), self.store, self.scale.translation));
        let moved = |hit: &Hit, from: usize, to: usize| Hit {
            span: hit.span.start - from + to..hit.span.end - from + to,
            ..hit.clone()
        };
        let known = READ.with_borrow(|(_, read)| {
            read.get(&key).map(|hits| hits.iter().map(|hit| moved(hit, 0, start)).collect::<Vec<_>>())
        });
        if let Some(hits) = known {
            self.scale.hits.extend(hits);
            return;
        }
        let before = self.scale.hits.len();
        self.lines(text, start, end);
        let hits = self.scale.hits.iter().skip(before).map(|hit| moved(hit, start, 0)).collect();
        READ.with_borrow_mut(|(_, read)| {
            if read.len() >= MOST_CHAPTERS {
                read.clear();
            }
            read.insert(key, hits);
        });
    }

    fn lines(&mut self, text: &'t str, start: usize, end: usize) {
        let whole = std::mem::replace(&mut self.text, text.get(..end).unwrap_or(text));
        let mut at = start;
        while at < end {
            let stop = line_end(self.text, at);
            at = self.line(at, stop).max(stop + 1);
        }
        self.text = whole;
        self.stack.clear();
    }

    /// Reads the line between the two places; says where reading goes on if a value ran over it.
    fn line(&mut self, start: usize, end: usize) -> usize {
        let Some(line) = self.text.get(start..end) else { return end + 1 };
        let content = line.trim();
        // Lines of a template's own say nothing.
        if content.is_empty() || content.starts_with("{{") || content.starts_with("{%") {
            return end + 1;
        }
        if content.starts_with("---") {
            self.stack.clear();
            self.store = is_store(self.text, end.min(self.text.len()));
            return end + 1;
        }
        let mut at = start + line.len() - line.trim_start().len();
        let stop = start + line.trim_end().len();
        if content.starts_with('#') {
            self.comment(at, stop);
            return end + 1;
        }
        let mut indent = at - start;
        // `- name: x` opens a mapping two columns further on.
        while let Some(rest) = self.text.get(at..stop).and_then(|rest| rest.strip_prefix("- ")) {
            self.close(indent + 1);
            if let Some(open) = self.stack.last_mut().filter(|open| open.indent == indent) {
                open.members = Members::default();
            } else {
                let key = self.stack.last().map(|open| open.key.clone()).unwrap_or_default();
                self.open(indent, key);
            }
            let blanks = rest.len() - rest.trim_start().len();
            at += 2 + blanks;
            indent += 2 + blanks;
        }
        self.entry(at, stop, indent)
    }

    /// Closes everything at this indentation and beyond.
    fn close(&mut self, indent: usize) {
        while self.stack.last().is_some_and(|open| open.indent >= indent) {
            self.stack.pop();
        }
    }

    fn open(&mut self, indent: usize, key: String) {
        if self.stack.len() < DEEPEST {
            self.stack.push(Open { indent, key, members: Members::default(), last: None });
        }
    }

    fn entry(&mut self, at: usize, stop: usize, indent: usize) -> usize {
        let Some((key, value_at)) = key(self.text, at, stop) else {
            return self.element(at, stop);
        };
        let value_at = skip_blank(self.text, value_at, stop);
        let value_at = skip_tag(self.text, value_at, stop);
        self.close(indent + 1);
        if self.stack.last().is_none_or(|open| open.indent < indent) {
            self.open(indent, String::new());
        }
        if let Some(open) = self.stack.last_mut() {
            key.clone_into(&mut open.key);
        }
        self.value(key, value_at, stop, indent)
    }

    /// The name that encloses the mapping at the top.
    fn around(&self) -> String {
        self.stack
            .iter()
            .rev()
            .skip(1)
            .map(|open| open.key.as_str())
            .find(|key| !key.is_empty())
            .unwrap_or_default()
            .to_owned()
    }

    fn value(&mut self, key: &str, at: usize, stop: usize, indent: usize) -> usize {
        let Some(written) = self.text.get(at..stop) else { return 0 };
        match written.chars().next() {
            None | Some('#') => self.lines_below(key, stop, indent),
            Some('|' | '>') => self.block(key, stop, indent, true),
            Some('{' | '[') if !written.starts_with("{{") => {
                let end = flow_end(self.text, at, stop);
                json::read(self.text, at..end, key, self.scale);
                end
            }
            Some(quote @ ('"' | '\'')) => {
                let close = closing(self.text, at + 1, quote);
                let end = close.unwrap_or(stop);
                self.scalar(key, at + 1..end, true);
                if end > stop { line_end(self.text, end) + 1 } else { 0 }
            }
            Some('&' | '*') => 0,
            Some('!') if written.ends_with(['|', '>']) => self.block(key, stop, indent, !written.starts_with("!vault")),
            Some(_) => {
                let length = written.find(" #").unwrap_or(written.len());
                let length = written.get(..length).map_or(0, |value| value.trim_end().len());
                self.scalar(key, at..at + length, false);
                0
            }
        }
    }

    fn scalar(&mut self, key: &str, span: Range<usize>, quoted: bool) {
        let around = self.around();
        let text = self.text;
        if self.store && (around == "data" || around == "stringData") {
            self.stored(key, &around, span, quoted);
            return;
        }
        let Some(open) = self.stack.last_mut() else { return };
        member(text, key, &around, &span, quoted, &mut open.members, self.scale);
    }

    /// An entry of a Secret: `data` is base64.
    fn stored(&mut self, key: &str, around: &str, span: Range<usize>, quoted: bool) {
        let Some(written) = self.text.get(span.clone()) else { return };
        let joined: String = written.chars().filter(|letter| !letter.is_whitespace()).collect();
        let decoded = (around == "data")
            .then(|| base64::engine::general_purpose::STANDARD.decode(&joined).ok())
            .flatten()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let before = self.scale.hits.len();
        match &decoded {
            Some(value) => {
                let value = value.trim_end_matches('\n');
                if value.contains('\n') || value.contains("://") || value.starts_with('{') {
                    assign::decoded(key, value, span, self.scale);
                } else {
                    self.scale.pair(&Pair { store: true, ..Pair::new(key, around, value, span, true) });
                }
            }
            None => {
                let value = unescaped(written);
                self.scale.pair(&Pair { store: true, ..Pair::new(key, around, &value, span.clone(), quoted) });
                if self.scale.hits.len() == before {
                    inner(self.text, span, self.scale);
                }
            }
        }
    }

    /// `key:` and nothing: a mapping below, or a bare word on the next line.
    fn lines_below(&mut self, key: &str, stop: usize, indent: usize) -> usize {
        let start = line_end(self.text, stop) + 1;
        let Some(rest) = self.text.get(start..) else { return 0 };
        let end = line_end(self.text, start);
        let line = self.text.get(start..end).unwrap_or_default();
        let deeper = line.len() - line.trim_start().len() > indent;
        let content = line.trim();
        let word =
            deeper && !content.is_empty() && !content.contains([':', '#', '-', '{', '[', '*', '&', '|', '>', '<']);
        if !word || rest.is_empty() {
            return 0;
        }
        let at = start + line.len() - line.trim_start().len();
        let quoted = content.len() > 1 && content.starts_with(['"', '\'']) && content.ends_with(['"', '\'']);
        let span = if quoted { at + 1..at + content.len() - 1 } else { at..at + content.len() };
        self.scalar(key, span, quoted);
        end + 1
    }

    /// A block value: all lines that are indented further; ciphertext is passed over.
    fn block(&mut self, key: &str, stop: usize, indent: usize, plain: bool) -> usize {
        let start = line_end(self.text, stop) + 1;
        let mut at = start.min(self.text.len());
        let (mut first, mut last) = (None, at);
        while at < self.text.len() {
            let end = line_end(self.text, at);
            let line = self.text.get(at..end).unwrap_or_default();
            let blank = line.len() - line.trim_start().len();
            if !line.trim().is_empty() {
                if blank <= indent {
                    break;
                }
                first = first.or(Some(at + blank));
                last = at + line.trim_end().len();
            }
            at = end + 1;
        }
        let Some(first) = first.filter(|_| plain) else { return at };
        let span = first..last;
        let single = self.text.get(span.clone()).is_some_and(|value| !value.contains('\n'));
        let stored = self.store && matches!(self.around().as_str(), "data" | "stringData");
        if single || stored && self.around() == "data" {
            self.scalar(key, span, true);
        } else {
            loose(Syntax::Config, self.text, span, self.scale);
        }
        at
    }

    /// An element of a list: `- KEY=value`, `- "--password"`, or a line of another form.
    fn element(&mut self, at: usize, stop: usize) -> usize {
        let Some(written) = self.text.get(at..stop) else { return 0 };
        // `- {name: API_KEY, value: …}`
        if written.starts_with('{') && !written.starts_with("{{") {
            let end = flow_end(self.text, at, stop);
            let key = self.stack.last().map(|open| open.key.clone()).unwrap_or_default();
            json::read(self.text, at..end, &key, self.scale);
            return end;
        }
        let quote = written.chars().next().filter(|letter| matches!(letter, '"' | '\''));
        let span = match quote {
            Some(quote) => at + 1..closing(self.text, at + 1, quote).filter(|end| *end <= stop).unwrap_or(stop),
            None => at..stop,
        };
        let Some(value) = self.text.get(span.clone()) else { return 0 };
        let equals = value.find('=').filter(|equals| {
            value.get(..*equals).is_some_and(|name| {
                !name.is_empty()
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
            })
        });
        if let Some(equals) = equals {
            let name = value.get(..equals).unwrap_or_default();
            let mut inside = span.start + equals + 1..span.end;
            let mut value = self.text.get(inside.clone()).unwrap_or_default();
            if quote.is_none() {
                value = value.split(" #").next().unwrap_or_default().trim_end();
            }
            for mark in ['"', '\''] {
                if value.len() > 1 && value.starts_with(mark) && value.ends_with(mark) {
                    inside.start += 1;
                    value = value.get(1..value.len() - 1).unwrap_or_default();
                }
            }
            inside.end = inside.start + value.len();
            let name = name.trim_start_matches('-');
            let before = self.scale.hits.len();
            self.scale.pair_as(Syntax::Shell, &Pair::new(name, "", value, inside.clone(), true));
            if self.scale.hits.len() == before {
                inner(self.text, inside, self.scale);
            }
            return 0;
        }
        let text = self.text;
        if let Some(open) = self.stack.last_mut() {
            let last = open.last.replace(span.clone());
            flagged(text, last.as_ref(), &span, self.scale);
            let key = open.key.clone();
            let before = self.scale.hits.len();
            if !key.is_empty() && !value.contains(' ') {
                self.scale.pair(&Pair::new(&key, "", value, span.clone(), quote.is_some()));
            }
            if self.scale.hits.len() > before {
                return 0;
            }
        }
        loose(Syntax::Config, text, span, self.scale);
        0
    }

    fn comment(&mut self, at: usize, stop: usize) {
        let Some(content) = self.text.get(at..stop) else { return };
        let start = at + content.len() - content.trim_start_matches(['#', ' ', '\t', '-']).len();
        let Some((key, value_at)) = key(self.text, start, stop) else {
            loose(Syntax::Text, self.text, start..stop, self.scale);
            return;
        };
        let value_at = skip_blank(self.text, value_at, stop);
        let value = self.text.get(value_at..stop).unwrap_or_default();
        let value = value.split(" #").next().unwrap_or_default().trim_end();
        let quoted = value.len() > 1 && value.starts_with(['"', '\'']) && value.ends_with(['"', '\'']);
        let span = if quoted { value_at + 1..value_at + value.len() - 1 } else { value_at..value_at + value.len() };
        let value = self.text.get(span.clone()).unwrap_or_default();
        if !key.contains(' ') && (quoted || !value.contains(' ')) {
            self.scale.pair(&Pair::new(key, "", value, span, quoted));
        } else {
            loose(Syntax::Text, self.text, start..stop, self.scale);
        }
    }
}

/// The key at the start of a line, and the place behind its colon.
fn key(text: &str, at: usize, stop: usize) -> Option<(&str, usize)> {
    let line = text.get(at..stop)?;
    if let Some(quote @ ('"' | '\'')) = line.chars().next() {
        let close = line.get(1..)?.find(quote)? + 1;
        let rest = line.get(close + 1..)?;
        let colon = rest.len() - rest.trim_start().len();
        rest.trim_start().strip_prefix(':')?;
        return Some((line.get(1..close)?, at + close + 1 + colon + 1));
    }
    let colon = line
        .match_indices(':')
        .map(|(index, _)| index)
        .find(|index| line.as_bytes().get(index + 1).is_none_or(|next| matches!(next, b' ' | b'\t')))?;
    let key = line.get(..colon)?.trim_end();
    (!key.is_empty() && key.len() <= 160 && !key.contains(['{', '"', '='])).then_some((key, at + colon + 1))
}

fn skip_blank(text: &str, at: usize, stop: usize) -> usize {
    let rest = text.get(at..stop).unwrap_or_default();
    at + rest.len() - rest.trim_start().len()
}

/// `!!str`, `&anchor`: what stands before a value and is none of it. Other tags (`!vault`) say where it is kept.
fn skip_tag(text: &str, at: usize, stop: usize) -> usize {
    let rest = text.get(at..stop).unwrap_or_default();
    let tag = rest.starts_with("!!") || rest.starts_with('&');
    match rest.find(' ') {
        Some(blank) if tag => skip_blank(text, at + blank, stop),
        Some(_) | None => at,
    }
}

/// The closing quote, at most a hundred lines on.
fn closing(text: &str, at: usize, quote: char) -> Option<usize> {
    let (mut escaped, mut lines) = (false, 0);
    for (index, letter) in text.get(at..)?.char_indices() {
        lines += u32::from(letter == '\n');
        if lines > 100 {
            return None;
        }
        if letter == quote && !escaped {
            return Some(at + index);
        }
        escaped = letter == '\\' && !escaped && quote == '"';
    }
    None
}

/// The end of a flow value; an unbalanced one ends with its line.
fn flow_end(text: &str, at: usize, stop: usize) -> usize {
    let (mut depth, mut quote) = (0_u32, None);
    for (index, byte) in text.as_bytes().iter().enumerate().skip(at).take(super::LONGEST) {
        match (quote, byte) {
            (Some(open), byte) if open == *byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(*byte),
            (None, b'{' | b'[') => depth += 1,
            (None, b'}' | b']') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
            (None, _) => {}
        }
    }
    stop
}

#[cfg(test)]
mod tests {
    use crate::detect::secrets::{Confidence, detect};

    /// What is remembered of one text never shows in another, and the same text gives the same twice.
    #[test]
    fn a_chapter_that_was_read_before_is_found_again_at_its_new_place() {
        let value = ["Qw7", "rt!Zx", "9pLm"].concat();
        let chapter = format!("database:\n  host: db.internal\n  user: app\n  password: {value}\n  port: 5432\n");
        let secret =
            format!("kind: Secret\nstringData:\n  anything: {value}\n  other-long-name: plain\n  more: text\n");
        for text in [
            chapter.clone(),
            format!("replicas: 2\n{chapter}service:\n  type: NodePort\n"),
            format!("{chapter}---\n{secret}"),
            secret.replace("Secret", "ConfigMap"),
            secret,
        ] {
            let places = |text: &str| -> Vec<(u32, usize)> {
                let sure = detect("values.yaml", text.as_bytes());
                let sure = sure.into_iter().filter(|hit| hit.confidence >= Confidence::Medium);
                sure.map(|hit| (hit.line, hit.span.start)).collect()
            };
            let every = text.match_indices(&value).map(|(at, _)| at);
            let expected: Vec<usize> = every.filter(|_| !text.contains("ConfigMap")).collect();
            for _ in 0..2 {
                assert_eq!(places(&text).into_iter().map(|(_, at)| at).collect::<Vec<_>>(), expected, "{text}");
            }
        }
    }
}
