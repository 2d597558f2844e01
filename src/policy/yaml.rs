//! YAML as a tree that remembers where everything stands. Duplicate keys, tags, further documents and alias bombs are
//! refused here, so that no later step meets them.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::fault::{Fault, Show, Span};

/// Bytes of a policy at most.
pub(super) const MAX_BYTES: usize = 256 * 1024;
/// Nodes at most, aliases expanded: an honest policy has hundreds.
const MAX_NODES: usize = 50_000;
/// Levels of nesting at most.
const MAX_DEPTH: usize = 32;

/// One value of the document.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub value: Value,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The text, and whether it stands without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub text: String,
    pub span: Span,
}

impl Node {
    pub fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar { text, plain } => *plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"),
            Value::List(_) | Value::Map(_) => false,
        }
    }

    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar { .. } if self.is_null() => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// As JSON has it: plain scalars by YAML's core schema (YAML 1.2.2 section 10.3), everything quoted as text.
    pub fn json(&self) -> serde_json::Value {
        match &self.value {
            Value::Scalar { text, plain: false } => text.as_str().into(),
            Value::Scalar { text, plain: true } => plain(text),
            Value::List(items) => items.iter().map(Self::json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.text.clone(), value.json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

fn plain(text: &str) -> serde_json::Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => serde_json::Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        text => {
            let looks_numeric =
                text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.'));
            match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(whole), _) => whole.into(),
                (Err(_), Ok(number)) if looks_numeric && number.is_finite() => number.into(),
                (Err(_), _) => text.into(),
            }
        }
    }
}

/// Reads one document.
pub(super) fn parse(source: &str, file: &str) -> Result<Node, Box<Fault>> {
    if source.len() > MAX_BYTES {
        return Err(Box::new(Fault::whole(
            file,
            format!("the policy has {} bytes", source.len()),
            format!("at most {MAX_BYTES} bytes (256 KiB) are read"),
        )));
    }
    let mut builder =
        Builder { source, file, parser: Parser::new_from_str(source), anchors: BTreeMap::new(), nodes: 0 };
    builder.document()
}

struct Builder<'a> {
    source: &'a str,
    file: &'a str,
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// Each anchored node, with how many nodes it has.
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Node, Box<Fault>> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(_) if root.is_some() => {
                    return self.refusal(span, "a second document begins here", "a policy is one document");
                }
                Event::DocumentStart(_) => {
                    let (event, span) = self.next()?;
                    root = Some(self.node(event, span, 0)?);
                }
                Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..)
                | Event::MappingEnd => {
                    return self.refusal(span, "this stands outside the document", "a policy is one document");
                }
            }
        }
        root.ok_or_else(|| Box::new(Fault::whole(self.file, "the policy is empty", "begin with `version: 1`")))
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Box<Fault>> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, spot(span))),
            Some(Err(error)) => {
                let marker = error.marker();
                let span = Span { line: narrow(marker.line()), column: narrow(marker.col()) + 1, length: 1 };
                // What stands on a broken line is not known, so nothing of a line that may hold a secret is shown.
                let line = self.source.lines().nth(marker.line().saturating_sub(1)).unwrap_or_default();
                let show = if names_a_secret(line) { Show::UpToSpan } else { Show::All };
                let span = if names_a_secret(line) { Span { column: 1, ..span } } else { span };
                let what = match error.info() {
                    "recursion limit exceeded" => "this is nested too deeply".to_owned(),
                    info => format!("not YAML: {info}"),
                };
                Err(Box::new(Fault::new(self.source, self.file, span, what, "", show)))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Box<Fault>> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return self.refusal(span, "the document grows beyond 50000 values here", "use fewer aliases");
        }
        if depth > MAX_DEPTH {
            return self.refusal(span, "this is nested too deeply", "at most 32 levels");
        }
        let before = self.nodes;
        let (node, anchor) = match event {
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return self.refusal(span, "tags (`!…`) have no meaning in a policy", "leave the tag out");
            }
            Event::Scalar(text, style, anchor, None) => {
                let plain = style == ScalarStyle::Plain;
                (Node { value: Value::Scalar { text: text.into_owned(), plain }, span }, anchor)
            }
            Event::SequenceStart(anchor, None) => {
                let mut items = Vec::new();
                loop {
                    let (event, span) = self.next()?;
                    match event {
                        Event::SequenceEnd => break,
                        event => items.push(self.node(event, span, depth + 1)?),
                    }
                }
                (Node { value: Value::List(items), span }, anchor)
            }
            Event::MappingStart(anchor, None) => (self.mapping(span, depth)?, anchor),
            Event::Alias(anchor) => return self.alias(anchor, span),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return self.refusal(span, "the document ends in the middle of a value", ""),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before + 1));
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Node, Box<Fault>> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return self.refusal(span, "this alias stands inside its own anchor", "an alias repeats a finished value");
        };
        let (node, size) = (Node { span, ..node.clone() }, *size);
        self.nodes += size;
        if self.nodes > MAX_NODES {
            return self.refusal(span, "the document grows beyond 50000 values here", "use fewer aliases");
        }
        Ok(node)
    }

    fn mapping(&mut self, span: Span, depth: usize) -> Result<Node, Box<Fault>> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        loop {
            let (event, key_span) = self.next()?;
            let text = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, _, _, None) => text.into_owned(),
                Event::Alias(_) | Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                    return self.refusal(key_span, "a key must be plain text", "");
                }
                Event::Nothing
                | Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::SequenceEnd => {
                    return self.refusal(key_span, "the document ends in the middle of a value", "");
                }
            };
            if let Some((first, _)) = entries.iter().find(|(known, _)| known.text == text) {
                let what = format!("the key `{text}` stands here a second time");
                let right = format!("the first one is on line {}", first.span.line);
                return Err(Box::new(Fault::new(self.source, self.file, key_span, what, right, Show::UpToSpanEnd)));
            }
            let (event, value_span) = self.next()?;
            let value = self.node(event, value_span, depth + 1)?;
            entries.push((Key { text, span: key_span }, value));
        }
        Ok(Node { value: Value::Map(entries), span })
    }

    fn refusal<T>(&self, span: Span, what: &str, right: &str) -> Result<T, Box<Fault>> {
        Err(Box::new(Fault::new(self.source, self.file, span, what, right, Show::UpToSpanEnd)))
    }
}

/// Whether the line looks as if a secret could stand on it.
fn names_a_secret(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["token", "secret", "passw", "auth", "key", "bearer", "cookie"].iter().any(|word| line.contains(word))
}

fn spot(span: saphyr_parser::Span) -> Span {
    let length = if span.start.line() == span.end.line() { span.end.col().saturating_sub(span.start.col()) } else { 1 };
    Span { line: narrow(span.start.line()), column: narrow(span.start.col()) + 1, length: narrow(length.max(1)) }
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
