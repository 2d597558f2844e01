//! What a file is by its first bytes: compressed, a container, a picture, ciphertext.

use gix::bstr::ByteSlice as _;

/// What is compressed or packed, as a whole or part by part, so that its strings do not stand in the open.
const PACKED: &[&[u8]] = &[
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x07\x08",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    // Zstandard and LZ4, their skippable frames, and LZ4's older form.
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
    b"\x02\x21\x4c\x18",
    b"\x50\x2a\x4d\x18",
    // compress(1), pack(1), lzh.
    b"\x1f\x9d",
    b"\x1f\x1e",
    b"\x1f\xa0",
    b"LZIP",
    b"LRZI",
    b"\x89LZO\0",
    b"\xff\x06\0\0sNaPpY",
    b"bvx2",
    b"MSCF",
    b"ISc(",
    b"xar!",
    b"hsqs",
    b"sqsh",
    b"\xed\xab\xee\xdb",
    b"!<arch>\ndebian",
    b"\x60\xea",
    b"SIT!",
    // cpio, in its four forms.
    b"070701",
    b"070702",
    b"070707",
    b"\xc7\x71",
    b"\x71\xc7",
    // Git's own: bundles, and packs outside of a repository.
    b"# v2 git bundle\n",
    b"# v3 git bundle\n",
    b"PACK\0\0\0",
    // Dumps of databases and columns: pg_dump's custom form, Redis, Parquet, ORC, Avro.
    b"PGDMP",
    b"REDIS0",
    b"PAR1",
    b"ORC",
    b"Obj\x01",
];

/// Ends of names of forms that have no signature.
const PACKED_NAMES: &[&str] = &[".br", ".lzma", ".tlz", ".zz"];

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

/// `is_text` is asked where the signature is a word that a text may begin with.
pub(super) fn is_packed(name: &str, bytes: &[u8], is_text: impl Fn() -> bool) -> bool {
    let is_control = |byte: &u8| *byte < b' ' && *byte != b'\n';
    if let Some(magic) = PACKED.iter().find(|magic| bytes.starts_with(magic)) {
        return magic.iter().any(is_control) || !is_text();
    }
    let lower = name.to_ascii_lowercase();
    let named = PACKED_NAMES.iter().any(|end| lower.ends_with(end)) && !bytes.is_empty();
    (named || is_lzma(bytes) || is_zlib(bytes)) && !is_text()
}

pub(super) fn is_media(bytes: &[u8]) -> bool {
    MEDIA.iter().any(|magic| bytes.starts_with(magic)) || bytes.get(4..8) == Some(b"ftyp")
}

pub(super) fn is_pdf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"%PDF")
}

/// JKS and JCEKS by their magic numbers; KeePass.
pub(super) fn is_key_store(bytes: &[u8]) -> bool {
    [[0xfe, 0xed, 0xfe, 0xed], [0xce, 0xce, 0xce, 0xce], [0x03, 0xd9, 0xa2, 0x9a]]
        .iter()
        .any(|magic| bytes.starts_with(magic))
}

/// The `.lzma` form: its properties, the size of its dictionary, a size or none, and the coder's first byte, always zero.
fn is_lzma(bytes: &[u8]) -> bool {
    match bytes {
        [0x5d, 0, 0, _, _, size @ ..] => {
            let (length, rest) = size.split_at_checked(8).unwrap_or_default();
            rest.first() == Some(&0) && (length == [0xff; 8] || length.ends_with(&[0, 0, 0]))
        }
        _ => false,
    }
}

/// RFC 1950, 2.2: a header that is a multiple of 31, and a stream that begins well.
fn is_zlib(bytes: &[u8]) -> bool {
    let Some([0x78, flags @ (0x01 | 0x5e | 0x9c | 0xda)]) = bytes.first_chunk() else { return false };
    debug_assert_eq!((0x7800 + u32::from(*flags)) % 31, 0);
    let mut start = [0; 64];
    gix::zlib::Inflate::default().once(bytes, &mut start).is_ok_and(|(_, _, written)| written > 0)
}

/// git-crypt's header, of which a nonce of 12 bytes is a part (git-crypt, `doc/`).
const GITCRYPT: &[u8] = b"\0GITCRYPT\0";
const NONCE: usize = 12;

pub(super) fn claims_git_crypt(bytes: &[u8]) -> bool {
    bytes.starts_with(GITCRYPT)
}

/// Ciphertext looks random to its end: about 98 of 256 bytes are printable, and no long run of them.
pub(super) fn is_git_crypt(bytes: &[u8]) -> bool {
    let Some(body) = bytes.strip_prefix(GITCRYPT).filter(|body| body.len() > NONCE) else { return false };
    let printable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    let (mut run, mut longest, mut count) = (0_u32, 0_u32, 0_usize);
    for byte in body {
        run = if printable(byte) { run + 1 } else { 0 };
        longest = longest.max(run);
        count += usize::from(printable(byte));
    }
    // A run of n letters comes by chance once in (256 / 98)^n places: once in a million files of this length, at most.
    let most = 15 + body.len().ilog2();
    longest <= most && count * 4 <= body.len() * 3 && seen(body) >= (body.len() / 4).min(128)
}

/// How many values of a byte there are.
fn seen(bytes: &[u8]) -> usize {
    (0..=u8::MAX).filter(|byte| bytes.find_byte(*byte).is_some()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: u32) -> Vec<u8> {
        let mut state = 0x2545_f491_u32;
        (0..length)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                state.to_be_bytes()[1]
            })
            .collect()
    }

    #[test]
    fn ciphertext_of_every_length_is_known() {
        for length in [13, 20, 40, 100, 1000, 10_000, 300_000] {
            assert!(is_git_crypt(&[GITCRYPT, &noise(length)].concat()), "{length}");
        }
    }

    #[test]
    fn text_behind_the_header_is_no_ciphertext_wherever_it_begins() {
        let text = b"\nDB_PASSWORD=something chosen by hand, and a few more words of it\n";
        for before in [0, 12, 100, 20_000] {
            assert!(!is_git_crypt(&[GITCRYPT, &noise(before), text].concat()), "{before}");
        }
        assert!(!is_git_crypt(GITCRYPT) && !is_git_crypt(&[GITCRYPT, &[0; 12]].concat()));
        assert!(!is_git_crypt(&[GITCRYPT, &[0; 4000]].concat()));
    }

    #[test]
    fn compressed_streams_without_a_name_are_known() {
        let mut lzma = vec![0x5d, 0, 0, 0x80, 0];
        lzma.extend([0xff; 8]);
        lzma.extend([0, 1, 2, 3]);
        let is_packed = |bytes: &[u8]| is_packed("a", bytes, || false);
        assert!(is_packed(&lzma));
        // `printf aaaa | zlib-flate -compress`
        assert!(is_packed(&[0x78, 0x9c, 0x4b, 0x4c, 0x4c, 0x4c, 0x04, 0x00, 0x03, 0xce, 0x01, 0x85]));
        assert!(!is_packed(b"x\x9c") && !is_packed(b"]\0\0\0\0plain"));
    }
}
