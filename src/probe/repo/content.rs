//! What kind of content a blob or a file holds, and the secrets in it.

use std::borrow::Cow;

use gix::bstr::ByteSlice as _;
use serde::{Deserialize, Serialize};

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
    Archive,
    KeyContainer,
    LfsPointer,
    /// git-crypt's ciphertext.
    Encrypted,
}

/// Signatures of what is compressed, as a whole or file by file.
const ARCHIVES: &[&[u8]] = &[
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
    b"\x1f\x9d",
];

const MEDIA: &[&[u8]] = &[
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"RIFF",
    b"\0\0\x01\0",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"wOFF",
    b"wOF2",
    b"\0\x01\0\0",
    b"OTTO",
    b"%PDF",
    b"ID3",
    b"OggS",
    b"fLaC",
    b"\x1aE\xdf\xa3",
    b"8BPS",
];

/// How much of a file tells text from other bytes.
const START: usize = 8192;

/// git-crypt's header, of which a nonce of 12 bytes is a part (git-crypt, `doc/`).
const GITCRYPT: &[u8] = b"\0GITCRYPT\0";

/// By the first bytes; the name helps where a form has no signature. What is text is never taken for anything that needs
/// no reading, whatever it begins with.
pub(super) fn kind(name: &str, bytes: &[u8]) -> Content {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if is_pointer(bytes) {
        return Content::LfsPointer;
    }
    if starts(GITCRYPT) && !is_text(bytes.get(GITCRYPT.len()..).unwrap_or_default()) {
        return Content::Encrypted;
    }
    // JKS and JCEKS by their magic numbers; KeePass 2; PKCS#12 is DER and is known by its name.
    if starts(&[0xfe, 0xed, 0xfe, 0xed]) || starts(&[0xce, 0xce, 0xce, 0xce]) || starts(&[0x03, 0xd9, 0xa2, 0x9a]) {
        return Content::KeyContainer;
    }
    if starts(&[0x30]) && [".p12", ".pfx"].iter().any(|end| name.to_ascii_lowercase().ends_with(end)) {
        return Content::KeyContainer;
    }
    if ARCHIVES.iter().any(|magic| starts(magic)) {
        return Content::Archive;
    }
    let zero = bytes.get(..bytes.len().min(START)).is_some_and(|start| start.find_byte(0).is_some());
    let media = MEDIA.iter().any(|magic| starts(magic)) || bytes.get(4..8) == Some(b"ftyp");
    if !zero && !media || is_text(bytes) {
        return Content::Text;
    }
    match (media, zero) {
        (true, true) => Content::Media,
        (true, false) if starts(b"%PDF") => Content::Media,
        (_, true) => Content::Binary,
        (_, false) => Content::Text,
    }
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
    let text = if content == Content::Binary { None } else { secrets::widen(bytes) };
    let text = text.map_or(Cow::Borrowed(bytes), Cow::Owned);
    let detect = |text: &[u8]| secrets::detect_as(secrets::Reading::of(name, text), name, text, rules);
    let hits = match content {
        Content::Text => detect(&text),
        // What only pretends to be compressed is read as well.
        Content::Archive | Content::KeyContainer if is_text(bytes) => detect(&text),
        Content::Binary | Content::Media | Content::Archive | Content::KeyContainer => secrets::detect_tokens(&text),
        Content::LfsPointer | Content::Encrypted => Vec::new(),
    };
    Read { text, hits }
}
