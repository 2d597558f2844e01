//! The members of a tar archive, which stand in it as they are (POSIX.1-1988 `ustar`, its pax and GNU relatives).

use std::borrow::Cow;
use std::ops::Range;

use gix::bstr::ByteSlice as _;

const BLOCK: usize = 512;

pub(super) struct Member {
    pub(super) name: String,
    pub(super) span: Range<usize>,
}

/// Every member, if the archive can be followed to its end and nothing but zeros comes after.
pub(super) fn members(bytes: &[u8]) -> Option<Vec<Member>> {
    let (mut members, mut at, mut long) = (Vec::new(), 0, None);
    loop {
        let header = bytes.get(at..at + BLOCK)?;
        if header.iter().all(|byte| *byte == 0) {
            let rest = bytes.get(at..)?;
            return (at > 0 && rest.iter().all(|byte| *byte == 0)).then_some(members);
        }
        if !is_header(header) {
            return None;
        }
        let size = usize::try_from(octal(header.get(124..136)?)?).ok()?;
        let span = at + BLOCK..(at + BLOCK).checked_add(size)?;
        let data = bytes.get(span.clone())?;
        match header.get(156)? {
            b'0' | 0 | b'7' => {
                let name = long.take().unwrap_or_else(|| name(header));
                members.push(Member { name, span: span.clone() });
            }
            b'L' => long = Some(field(data).to_str_lossy().into_owned()),
            b'x' => long = path(data).or(long),
            b'1'..=b'6' | b'g' | b'K' => {}
            // Sparse files, volumes and what nobody knows.
            _ => return None,
        }
        at = span.end.checked_next_multiple_of(BLOCK)?;
        if at >= bytes.len() {
            return Some(members);
        }
    }
}

pub(super) fn is_tar(bytes: &[u8]) -> bool {
    bytes.get(..BLOCK).is_some_and(is_header)
}

/// The sum of all bytes, those of the sum itself taken for blanks.
fn is_header(header: &[u8]) -> bool {
    let Some(written) = header.get(148..156).and_then(octal) else { return false };
    let sum: u64 = header
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { u64::from(b' ') } else { u64::from(*byte) })
        .sum();
    header.first().is_some_and(|first| *first != 0) && sum == written
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = field.trim_with(|byte| byte == ' ' || byte == '\0');
    let text = std::str::from_utf8(text).ok()?;
    u64::from_str_radix(if text.is_empty() { "0" } else { text }, 8).ok()
}

fn field(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn name(header: &[u8]) -> String {
    let part = |range: Range<usize>| field(header.get(range).unwrap_or_default()).to_str_lossy();
    let prefix = if header.get(257..262) == Some(b"ustar") { part(345..500) } else { Cow::Borrowed("") };
    if prefix.is_empty() { part(0..100).into_owned() } else { format!("{prefix}/{}", part(0..100)) }
}

/// `LENGTH path=NAME` of a pax header.
fn path(data: &[u8]) -> Option<String> {
    data.lines().find_map(|line| Some(line.split_once_str(" path=")?.1.to_str_lossy().into_owned()))
}

#[cfg(test)]
pub(super) fn made(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, data) in files {
        let mut header = vec![0; BLOCK];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
        header[148..156].fill(b' ');
        header[156] = b'0';
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        archive.extend(header);
        archive.extend(*data);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_name_and_place() {
        let archive = made(&[("a.ini", b"one"), ("b/c.txt", &[7; 600]), ("empty", b"")]);
        let found = members(&archive).unwrap();
        assert_eq!(found.iter().map(|member| member.name.as_str()).collect::<Vec<_>>(), ["a.ini", "b/c.txt", "empty"]);
        assert_eq!(&archive[found[0].span.clone()], b"one");
        assert_eq!(found[1].span.len(), 600);
    }

    #[test]
    fn what_cannot_be_followed_to_its_end_is_no_list() {
        let archive = made(&[("a.ini", b"one")]);
        assert!(members(&archive[..514]).is_none());
        let mut longer = archive.clone();
        longer.extend(b"more");
        assert!(members(&longer).is_none());
        let mut broken = archive;
        broken[0] ^= 1;
        assert!(members(&broken).is_none() && !is_tar(&broken));
        assert!(members(b"").is_none() && members(&[0; 2048]).is_none());
    }
}
