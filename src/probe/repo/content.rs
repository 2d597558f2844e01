//! What kind of content a blob or a file holds, and the secrets in it.

use std::borrow::Cow;

use gix::bstr::ByteSlice as _;
use serde::{Deserialize, Serialize};

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

/// By the first bytes; the name helps where a form has no signature.
pub(super) fn kind(name: &str, bytes: &[u8]) -> Content {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if starts(b"version https://git-lfs.github.com/spec/") {
        return Content::LfsPointer;
    }
    if starts(b"\0GITCRYPT\0") {
        return Content::Encrypted;
    }
    // JKS and JCEKS by their magic numbers; KeePass 2; PKCS#12 is DER and is known by its name.
    if starts(&[0xfe, 0xed, 0xfe, 0xed]) || starts(&[0xce, 0xce, 0xce, 0xce]) || starts(&[0x03, 0xd9, 0xa2, 0x9a]) {
        return Content::KeyContainer;
    }
    let lower = name.to_ascii_lowercase();
    if starts(&[0x30]) && [".p12", ".pfx"].iter().any(|end| lower.ends_with(end)) {
        return Content::KeyContainer;
    }
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
    if ARCHIVES.iter().any(|magic| starts(magic)) {
        return Content::Archive;
    }
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
    let binary = bytes.get(..bytes.len().min(8192)).is_some_and(|start| start.find_byte(0).is_some())
        && secrets::widen(bytes.get(..bytes.len().min(64)).unwrap_or_default()).is_none();
    if MEDIA.iter().any(|magic| starts(magic)) && (binary || starts(b"%PDF")) || bytes.get(4..8) == Some(b"ftyp") {
        return Content::Media;
    }
    if binary { Content::Binary } else { Content::Text }
}

/// The hits, the text that their spans count in, and the inline allowances.
pub(super) struct Read<'a> {
    pub(super) text: Cow<'a, [u8]>,
    pub(super) hits: Vec<Hit>,
    pub(super) allowances: u32,
}

pub(super) fn search<'a>(name: &str, content: Content, bytes: &'a [u8]) -> Read<'a> {
    let text = secrets::widen(bytes).map_or(Cow::Borrowed(bytes), Cow::Owned);
    let hits = match content {
        Content::Text => secrets::detect(name, &text),
        Content::Binary | Content::Media => secrets::detect_tokens(&text),
        Content::Archive | Content::KeyContainer | Content::LfsPointer | Content::Encrypted => Vec::new(),
    };
    let allowances = if hits.is_empty() { 0 } else { secrets::allowances(&text) };
    Read { text, hits, allowances }
}
