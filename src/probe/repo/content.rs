//! What kind of content a blob or a file holds, and the secrets in it.

use std::borrow::Cow;

use gix::bstr::ByteSlice as _;
use serde::{Deserialize, Serialize};

use super::{signature, tar};
use crate::detect::secrets::gitleaks::Rules;
use crate::detect::secrets::{self, Hit};

/// Blobs and files at most; a larger one is not read and said so.
pub(super) const LARGEST: u64 = 64 * 1024 * 1024;

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(super) enum Content {
    Text,
    /// Searched for token formats alone.
    Binary,
    /// Pictures, fonts, sound: decides nothing.
    Media,
    /// An archive whose members are read one by one.
    Tar,
    Archive,
    KeyContainer,
    LfsPointer,
    /// git-crypt's ciphertext.
    Encrypted,
}

/// How much of a file tells text from other bytes.
const START: usize = 8192;

/// By the first bytes; the name helps where a form has no signature. What is text is never taken for anything that needs
/// no reading, whatever it begins with.
pub(super) fn kind(name: &str, bytes: &[u8]) -> Content {
    if is_pointer(bytes) {
        return Content::LfsPointer;
    }
    if signature::claims_git_crypt(bytes) {
        // What only claims it is searched like any text.
        return if signature::is_git_crypt(bytes) { Content::Encrypted } else { Content::Text };
    }
    let named = [".p12", ".pfx"].iter().any(|end| name.to_ascii_lowercase().ends_with(end));
    if signature::is_key_store(bytes) || secrets::is_container(bytes) || named && bytes.starts_with(&[0x30]) {
        return Content::KeyContainer;
    }
    if tar::is_tar(bytes) {
        return if is_open(bytes, 0) { Content::Tar } else { Content::Archive };
    }
    let zero = bytes.get(..bytes.len().min(START)).is_some_and(|start| start.find_byte(0).is_some());
    let media = signature::is_media(bytes);
    if signature::is_packed(name, bytes, || is_text(bytes)) {
        Content::Archive
    } else if !zero && !media || is_text(bytes) {
        Content::Text
    } else if media && (zero || signature::is_pdf(bytes)) {
        Content::Media
    } else if zero {
        Content::Binary
    } else {
        Content::Text
    }
}

/// Archives within archives that are looked into at most.
const DEEPEST: u32 = 3;

/// Whether every member of a tar archive can be read.
fn is_open(bytes: &[u8], depth: u32) -> bool {
    let Some(members) = tar::members(bytes).filter(|_| depth < DEEPEST) else { return false };
    members.iter().all(|member| {
        let data = bytes.get(member.span.clone()).unwrap_or_default();
        if tar::is_tar(data) {
            return is_open(data, depth + 1);
        }
        match kind(&member.name, data) {
            Content::Text | Content::Binary | Content::Media | Content::Encrypted => true,
            Content::Tar | Content::Archive | Content::KeyContainer | Content::LfsPointer => false,
        }
    })
}

/// A pointer has these lines and no others, in less than 1024 bytes (git-lfs, `docs/spec.md`).
fn is_pointer(bytes: &[u8]) -> bool {
    bytes.starts_with(b"version https://git-lfs.github.com/spec/")
        && bytes.len() < 1024
        && bytes.lines().all(|line| {
            [&b"version "[..], b"oid ", b"size ", b"ext-"].iter().any(|key| line.starts_with(key)) || line.is_empty()
        })
}

/// Whether it reads as text in spite of a stray byte here and there.
fn is_text(bytes: &[u8]) -> bool {
    if secrets::is_wide(bytes) {
        return true;
    }
    let start = bytes.get(..bytes.len().min(START)).unwrap_or_default();
    let odd = |byte: &&u8| matches!(**byte, 0..=8 | 14..=26 | 28..=31 | 127);
    let odd = start.iter().filter(odd).count();
    let broken: usize = start.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    !start.is_empty() && odd <= (start.len() / 64).max(2) && odd * 4 <= start.len() && broken * 8 <= start.len()
}

/// The hits, and the text that their spans count in.
pub(super) struct Read<'a> {
    pub(super) text: Cow<'a, [u8]>,
    pub(super) hits: Vec<Hit>,
}

/// Searches a file whole. `name` says how it is read; `rules` are the user's own.
pub(super) fn search<'a>(name: &str, content: Content, bytes: &'a [u8], rules: Option<&Rules>) -> Read<'a> {
    search_at(name, content, bytes, rules, 0)
}

fn search_at<'a>(name: &str, content: Content, bytes: &'a [u8], rules: Option<&Rules>, depth: u32) -> Read<'a> {
    let text = if content == Content::Binary { None } else { secrets::widen(bytes) };
    let text = text.map_or(Cow::Borrowed(bytes), Cow::Owned);
    let detect = |text: &[u8]| secrets::detect_as(secrets::Reading::of(name, text), name, text, rules);
    let hits = match content {
        // The bytes of real ciphertext hold no hit; what only looks like it holds what it holds.
        Content::Text | Content::Encrypted => detect(&text),
        // What only pretends to be compressed is read as well.
        Content::Archive | Content::KeyContainer if is_text(bytes) => detect(&text),
        Content::Binary
        | Content::Media
        | Content::Archive
        | Content::KeyContainer
        | Content::Tar
        | Content::LfsPointer => secrets::detect_tokens(&text),
    };
    let mut read = Read { text, hits };
    if matches!(read.text, Cow::Borrowed(_)) {
        read.add(secrets::binary_keys(bytes), 0);
        for member in tar::members(bytes).filter(|_| depth < DEEPEST).unwrap_or_default() {
            let data = bytes.get(member.span.clone()).unwrap_or_default();
            let inside = search_at(&member.name, kind(&member.name, data), data, rules, depth + 1);
            match inside.text {
                Cow::Borrowed(_) => read.add(inside.hits, member.span.start),
                Cow::Owned(text) => read.append(&text, inside.hits, None),
            }
        }
    }
    if !is_plain(bytes) {
        for stretch in secrets::stretches(bytes) {
            let hits =
                if content == Content::Text { detect(&stretch.text) } else { secrets::detect_tokens(&stretch.text) };
            if !hits.is_empty() {
                let before = bytes.get(..stretch.at).unwrap_or_default();
                let line = before.iter().filter(|byte| **byte == b'\n').count();
                read.append(&stretch.text, hits, Some(u32::try_from(line).unwrap_or(u32::MAX)));
            }
        }
    }
    read
}

/// Whether nothing may stand in it that a search of its bytes as they are does not find: letters of more bytes than one,
/// a key in DER, an archive.
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    bytes.find_byte(0).is_none() && !secrets::is_wide(bytes) && secrets::binary_keys(bytes).is_empty()
}

/// The same of what is no text.
pub(super) fn hides_nothing(bytes: &[u8]) -> bool {
    secrets::binary_keys(bytes).is_empty() && secrets::stretches(bytes).is_empty()
}

impl Read<'_> {
    /// Adds what stands at other places, counted from `at`.
    fn add(&mut self, hits: Vec<Hit>, at: usize) {
        for mut hit in hits {
            hit.span = hit.span.start + at..hit.span.end + at;
            if hit.line == 0 {
                hit.line = 1;
            }
            // What is known by less goes: a token format in a binary file says less than the member's own form.
            self.hits.retain(|known| known.span.end <= hit.span.start || hit.span.end <= known.span.start);
            self.hits.push(hit);
        }
        self.hits.sort_by_key(|hit| hit.span.start);
    }

    /// Adds another text with what was found in it, `lines` below the first.
    fn append(&mut self, text: &[u8], hits: Vec<Hit>, lines: Option<u32>) {
        let whole = self.text.to_mut();
        whole.push(b'\n');
        let at = whole.len();
        whole.extend_from_slice(text);
        self.hits.extend(hits.into_iter().map(|hit| Hit {
            span: hit.span.start + at..hit.span.end + at,
            line: hit.line + lines.unwrap_or(0),
            ..hit
        }));
    }
}
