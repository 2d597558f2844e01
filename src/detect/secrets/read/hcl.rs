//! Terraform and its kind: `name = "value"` in blocks; a variable's default is the variable's value.

use std::ops::Range;

use super::{Members, inner, loose, member};
use crate::detect::secrets::place::Syntax;
use crate::detect::secrets::weigh::{Pair, Scale};

pub(super) fn read(text: &str, scale: &mut Scale<'_>) {
    let mut blocks: Vec<(String, Members)> = vec![(String::new(), Members::default())];
    let mut at = 0;
    while at < text.len() {
        let end = text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |length| at + length);
        let line = text.get(at..end).unwrap_or_default();
        let content = line.trim();
        let start = at + line.len() - line.trim_start().len();
        at = end + 1;
        if content.starts_with('#') || content.starts_with("//") {
            let lead = content.len() - content.trim_start_matches(['#', '/', ' ']).len();
            assignment(text, start + lead, start + content.len(), &mut (String::new(), Members::default()), scale);
            continue;
        }
        if content.starts_with('}') || content.starts_with(']') {
            if blocks.len() > 1 {
                blocks.pop();
            }
            continue;
        }
        // `variable "token" { default = "…" }` on one line.
        if let Some((head, inside)) = content.split_once('{').filter(|(head, _)| {
            content.ends_with('}') && !head.contains('=') && head.starts_with(|first: char| first.is_ascii_alphabetic())
        }) {
            let label = head.trim().rsplit([' ', '\t']).next().unwrap_or_default().trim_matches('"').to_owned();
            let begin = start + head.len() + 1;
            let lead = inside.len() - inside.trim_start().len();
            assignment(text, begin + lead, start + content.len() - 1, &mut (label, Members::default()), scale);
            continue;
        }
        if content.ends_with('{') || content.ends_with('[') {
            // `resource "aws_db_instance" "main" {`, `environment = {`
            let label = content.trim_end_matches(['{', '[', ' ', '=']).rsplit([' ', '\t']).next().unwrap_or_default();
            if blocks.len() < super::DEEPEST {
                blocks.push((label.trim_matches('"').to_owned(), Members::default()));
            }
            continue;
        }
        if let Some(mark) = content.split("<<").nth(1).map(|mark| mark.trim_start_matches('-').trim())
            && !mark.is_empty()
            && mark.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        {
            let body = at;
            while at < text.len() {
                let end = text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |length| at + length);
                let done = text.get(at..end).is_some_and(|line| line.trim() == mark);
                at = end + 1;
                if done {
                    break;
                }
            }
            loose(Syntax::Shell, text, body..at.min(text.len()), scale);
            continue;
        }
        if let Some(block) = blocks.last_mut() {
            assignment(text, start, start + content.len(), block, scale);
        }
    }
}

fn assignment(text: &str, start: usize, end: usize, block: &mut (String, Members), scale: &mut Scale<'_>) {
    let Some(line) = text.get(start..end) else { return };
    let Some(equals) = line.find(['=', ':']) else { return };
    let name = line.get(..equals).unwrap_or_default().trim().trim_matches('"');
    let Some(span) = literal(text, start + equals + 1, end) else { return };
    if name.is_empty() || name.contains(' ') {
        inner(text, span, scale);
        return;
    }
    let (label, members) = block;
    if name == "default" && !label.is_empty() {
        let value = text.get(span.clone()).unwrap_or_default();
        let before = scale.hits.len();
        scale.pair(&Pair::new(label, "", value, span.clone(), true));
        if scale.hits.len() == before {
            inner(text, span, scale);
        }
        return;
    }
    member(text, name, label, &span, true, members, scale);
}

/// The inside of the first string behind the operator.
fn literal(text: &str, at: usize, end: usize) -> Option<Range<usize>> {
    let open = at + text.get(at..end)?.find('"')? + 1;
    if !text.get(at..open - 1)?.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'[' | b'=' | b'>')) {
        return None;
    }
    let mut escaped = false;
    for (index, byte) in text.as_bytes().get(open..end)?.iter().enumerate() {
        if *byte == b'"' && !escaped {
            return Some(open..open + index);
        }
        escaped = *byte == b'\\' && !escaped;
    }
    None
}
