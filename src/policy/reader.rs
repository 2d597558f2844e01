//! Takes a document apart, value by value, and collects every fault instead of stopping at the first.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chrono::NaiveDate;
use url::Url;

use super::fault::{Fault, Show, Span};
use super::yaml::{Key, Node, Value};

/// One document under reading.
pub struct Reader<'a> {
    pub file: &'a str,
    source: &'a str,
    /// What the relative paths in it are relative to.
    directory: &'a Path,
    pub faults: Vec<Fault>,
}

/// The entries of a mapping whose keys are known to be known.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    pub span: Span,
    entries: &'a [(Key, Node)],
}

impl<'a> Fields<'a> {
    /// The value of a key; a key without a value is as good as absent.
    pub fn of(&self, key: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(known, _)| known.text == key).map(|(_, node)| node).filter(|node| !node.is_null())
    }

    pub fn key(&self, key: &str) -> Option<Span> {
        self.entries.iter().find(|(known, _)| known.text == key).map(|(known, _)| known.span)
    }

    pub fn entries(&self) -> &'a [(Key, Node)] {
        self.entries
    }
}

impl<'a> Reader<'a> {
    pub fn new(source: &'a str, file: &'a str, directory: &'a Path) -> Self {
        Self { file, source, directory, faults: Vec::new() }
    }

    pub fn fault(&mut self, span: Span, what: impl Into<String>, right: impl Into<String>) {
        self.faults.push(Fault::new(self.source, self.file, span, what, right, Show::All));
    }

    /// A fault on a value that may be a secret.
    pub fn hidden(&mut self, span: Span, what: impl Into<String>, right: impl Into<String>) {
        self.faults.push(Fault::new(self.source, self.file, span, what, right, Show::UpToSpan));
    }

    fn expected(&mut self, node: &Node, expected: &str) {
        self.fault(
            node.span,
            format!("{} stands where {expected} is expected", node.kind()),
            format!("give {expected}"),
        );
    }

    /// A mapping with these keys and no others.
    pub fn fields<'n>(&mut self, node: &'n Node, what: &str, keys: &[&str]) -> Option<Fields<'n>> {
        let Value::Map(entries) = &node.value else {
            let known = keys.join(", ");
            self.fault(
                node.span,
                format!("{} stands where {what} is expected", node.kind()),
                format!("give a mapping with the keys {known}"),
            );
            return None;
        };
        for (key, _) in entries {
            if !keys.contains(&key.text.as_str()) {
                let right = match nearest(&key.text, keys.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known here: {}", keys.join(", ")),
                };
                let what = format!("unknown key `{}` in {what}", key.text);
                // What follows an unknown key may be a secret in the wrong place.
                self.faults.push(Fault::new(self.source, self.file, key.span, what, right, Show::UpToSpanEnd));
            }
        }
        Some(Fields { span: node.span, entries })
    }

    pub fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.value {
            Value::List(items) => items,
            Value::Map(_) | Value::Scalar { .. } => {
                self.expected(node, &format!("a list of {what}"));
                &[]
            }
        }
    }

    pub fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.value {
            Value::Scalar { text, .. } if !node.is_null() && !text.trim().is_empty() => Some(text),
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) => {
                self.expected(node, what);
                None
            }
        }
    }

    pub fn string(&mut self, node: &Node, what: &str) -> Option<String> {
        self.text(node, what).map(str::to_owned)
    }

    pub fn strings(&mut self, node: &Node, what: &str) -> Vec<String> {
        self.list(node, what).iter().filter_map(|item| self.string(item, what)).collect()
    }

    /// Anything that reads from text and says itself what is wrong.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, node: &Node, what: &str) -> Option<T> {
        let text = self.text(node, what)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(node.span, format!("this is not {what}: {error}"), format!("give {what}"));
                None
            }
        }
    }

    pub fn number(&mut self, node: &Node, what: &str) -> Option<u32> {
        self.parsed(node, what)
    }

    pub fn flag(&mut self, node: &Node) -> Option<bool> {
        if let serde_json::Value::Bool(flag) = node.json() {
            Some(flag)
        } else {
            self.expected(node, "`true` or `false`");
            None
        }
    }

    pub fn date(&mut self, node: &Node) -> Option<NaiveDate> {
        let text = self.text(node, "a date")?;
        if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            Some(date)
        } else {
            self.fault(node.span, "this is not a date", "give it as YYYY-MM-DD, such as 2027-03-31");
            None
        }
    }

    pub fn choice<T: Copy>(&mut self, node: &Node, what: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(node, what)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.fault(node.span, format!("`{text}` is not {what}"), format!("one of {}", names.join(", ")));
        }
        found
    }

    /// An `http` or `https` URL; a password in it is refused and not repeated.
    pub fn url(&mut self, node: &Node, what: &str) -> Option<Url> {
        let text = self.text(node, what)?;
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(error) => {
                self.hidden(
                    node.span,
                    format!("this is not {what}: {error}"),
                    "give it as https://host or http://host",
                );
                return None;
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            self.hidden(node.span, "a URL with a user or a password in it", "leave them out; a token has `token:`");
            return None;
        }
        if url.host_str().is_none_or(str::is_empty) {
            self.fault(node.span, format!("`{text}` names no host"), "give it as https://host or http://host");
            return None;
        }
        Some(url)
    }

    /// A path relative to the document's own directory.
    pub fn path(&mut self, node: &Node, what: &str) -> Option<PathBuf> {
        self.text(node, what).map(|text| self.directory.join(text))
    }

    pub fn directory(&self) -> &'a Path {
        self.directory
    }
}

/// The known word that a misspelt one most likely means.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase().replace('_', "-");
    known
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut previous = i + 1;
        let mut next = vec![previous];
        for (b, above) in right.iter().zip(row.iter().skip(1)) {
            let cost = usize::from(a != *b);
            previous = (diagonal + cost).min(previous + 1).min(above + 1);
            diagonal = *above;
            next.push(previous);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
