//! XML and its dialects: elements, attributes, CDATA, pairs of name and value, property lists, comments.

use std::ops::Range;

use base64::Engine as _;

use super::{DEEPEST, Members, NAMES, VALUES, inner, loose};
use crate::detect::secrets::place::Syntax;
use crate::detect::secrets::weigh::{Pair, Scale};

struct Open<'t> {
    tag: &'t str,
    /// `<Pass encoding="base64">`
    encoding: Option<&'t str>,
    /// `<entry key="password">`, `<string name="token">`.
    name: Option<&'t str>,
    members: Members,
    /// The `<key>` before, in a property list.
    key: Option<&'t str>,
}

pub(super) fn read(text: &str, scale: &mut Scale<'_>) {
    let mut stack: Vec<Open<'_>> =
        vec![Open { tag: "", name: None, encoding: None, members: Members::default(), key: None }];
    let mut at = 0;
    while let Some(open) = text.get(at..).and_then(|rest| rest.find('<')).map(|length| at + length) {
        content(text, at..open, &mut stack, scale);
        let rest = text.get(open..).unwrap_or_default();
        let until = |end: &str| rest.find(end).map_or(text.len(), |length| open + length + end.len());
        if rest.starts_with("<!--") {
            at = until("-->");
            loose(Syntax::Config, text, open..at, scale);
        } else if rest.starts_with("<![CDATA[") {
            at = until("]]>");
            content(text, open + 9..at.saturating_sub(3).max(open + 9), &mut stack, scale);
        } else if rest.starts_with("<?") || rest.starts_with("<!") {
            at = until(">");
        } else if let Some(name) = rest.strip_prefix("</") {
            let name = name.split('>').next().unwrap_or_default().trim();
            at = until(">");
            if let Some(index) = stack.iter().rposition(|open| open.tag == name).filter(|index| *index > 0) {
                stack.truncate(index);
            }
        } else {
            at = element(text, open, &mut stack, scale);
        }
    }
    let length = text.len();
    content(text, at.min(length)..length, &mut stack, scale);
}

fn local(tag: &str) -> &str {
    tag.rsplit(':').next().unwrap_or(tag)
}

/// An opening tag with its attributes.
fn element<'t>(text: &'t str, open: usize, stack: &mut Vec<Open<'t>>, scale: &mut Scale<'_>) -> usize {
    let bytes = text.as_bytes();
    let mut at = open + 1;
    let name_length = bytes.get(at..).unwrap_or_default().iter().take_while(|byte| in_tag(**byte)).count();
    let tag = text.get(at..at + name_length).unwrap_or_default();
    if tag.is_empty() {
        return at;
    }
    at += name_length;
    let mut members = Members::default();
    let (mut named, mut encoding) = (None, None);
    let mut closed = false;
    let around = stack.last().map_or("", |open| open.tag);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'>' => {
                at += 1;
                break;
            }
            b'/' => {
                closed = bytes.get(at + 1) == Some(&b'>');
                at += 1;
            }
            b'<' => break,
            byte if in_tag(*byte) => {
                let length = bytes.get(at..).unwrap_or_default().iter().take_while(|byte| in_tag(**byte)).count();
                let name = local(text.get(at..at + length).unwrap_or_default());
                at += length;
                let Some((span, end)) = attribute(text, at) else { continue };
                at = end;
                let value = text.get(span.clone()).unwrap_or_default();
                let before = scale.hits.len();
                let plain = unentitled(value);
                scale.pair(&Pair::new(name, tag, &plain, span.clone(), true));
                if let Some((name, span, quoted)) = members.take(name, value, &span, true)
                    && let Some(value) = text.get(span.clone())
                {
                    scale.pair(&Pair::new(&name, around, &unentitled(value), span, quoted));
                }
                if scale.hits.len() == before {
                    inner(text, span, scale);
                }
                if name == "encoding" {
                    encoding = Some(value);
                }
                if NAMES.contains(&name.to_ascii_lowercase().as_str()) {
                    named = Some(value);
                }
            }
            _ => at += 1,
        }
    }
    if !closed && stack.len() < DEEPEST {
        stack.push(Open { tag, name: named, encoding, members: Members::default(), key: None });
    }
    at
}

fn in_tag(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':')
}

/// The inside of the quotes behind `=`, and the place behind them.
fn attribute(text: &str, at: usize) -> Option<(Range<usize>, usize)> {
    let rest = text.get(at..)?;
    let after = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = after.chars().next().filter(|letter| matches!(letter, '"' | '\''))?;
    let start = text.len() - after.len() + 1;
    let length = text.get(start..)?.find(quote)?;
    (length <= super::LONGEST).then_some((start..start + length, start + length + 1))
}

/// The text inside an element.
fn content<'t>(text: &'t str, span: Range<usize>, stack: &mut [Open<'t>], scale: &mut Scale<'_>) {
    let Some(raw) = text.get(span.clone()) else { return };
    let value = raw.trim();
    if value.is_empty() || value.len() > super::LONGEST {
        return;
    }
    let start = span.start + raw.len() - raw.trim_start().len();
    let span = start..start + value.len();
    let (outer, own) = match stack {
        [.., outer, own] => (Some(outer), own),
        [own] => (None, own),
        [] => return,
    };
    let tag = local(own.tag);
    let plain = match own.encoding.map(str::to_ascii_lowercase).as_deref() {
        Some("crypt" | "encrypted" | "hash" | "hashed") => return,
        Some("base64") => decoded(value),
        Some(_) | None => unentitled(value),
    };
    // The password of `anonymous` is anybody's address (RFC 1635).
    if plain.starts_with("anonymous@") {
        return;
    }
    let before = scale.hits.len();
    let mut around = "";
    if let Some(outer) = outer {
        around = local(outer.tag);
        if tag == "key" && around == "dict" {
            outer.key = Some(value);
        } else if let Some(key) = outer.key.take().filter(|_| around == "dict") {
            scale.pair(&Pair::new(key, "", &plain, span.clone(), true));
        }
        // `<Setting Name="Password"><Value>…</Value></Setting>`
        if VALUES.contains(&tag.to_ascii_lowercase().as_str())
            && let Some(name) = outer.name
        {
            scale.pair(&Pair::new(name, around, &plain, span.clone(), true));
        }
        if scale.hits.len() == before && !(tag == "key" && around == "dict") {
            scale.pair(&Pair::new(tag, around, &plain, span.clone(), true));
        }
        if let Some((name, span, quoted)) = outer.members.take(tag, value, &span, true)
            && let Some(value) = text.get(span.clone())
        {
            scale.pair(&Pair::new(&name, around, &unentitled(value), span, quoted));
        }
    }
    if scale.hits.len() == before
        && let Some(name) = own.name
    {
        scale.pair(&Pair::new(name, around, &plain, span.clone(), true));
    }
    if scale.hits.len() == before {
        if value.contains('\n') {
            loose(Syntax::Config, text, span, scale);
        } else {
            inner(text, span, scale);
        }
    }
}

fn unentitled(value: &str) -> String {
    if !value.contains('&') {
        return value.to_owned();
    }
    value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}

/// The text that base64 stands for; what stands for none stays as it is.
fn decoded(value: &str) -> String {
    let bytes = base64::engine::general_purpose::STANDARD.decode(value).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| value.to_owned())
}
