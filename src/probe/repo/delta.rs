//! A delta of a pack: what it builds, and which stretches of the base stand in it unchanged.

use std::ops::Range;

/// A stretch of the base that stands in the result.
pub(super) use crate::detect::secrets::Kept as Copied;

/// The size of the base and of the result, and where the instructions begin; `None` for a broken delta.
pub(super) fn sizes(delta: &[u8]) -> Option<(u64, u64, usize)> {
    let mut at = 0;
    let mut size = || {
        let (mut size, mut shift) = (0_u64, 0_u32);
        loop {
            let byte = *delta.get(at)?;
            at += 1;
            size |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some(size);
            }
        }
    };
    let (base, result) = (size()?, size()?);
    Some((base, result, at))
}

/// Builds the result, and names the stretches that are the base's. gitformat-pack(5), "Deltified representation".
pub(super) fn apply(base: &[u8], instructions: &[u8], result: &mut Vec<u8>, copies: &mut Vec<Copied>) -> Option<()> {
    copies.clear();
    let most = result.capacity();
    let mut at = 0;
    while let Some(command) = instructions.get(at) {
        at += 1;
        if command & 0x80 == 0 {
            // Zero is reserved.
            let end = at + usize::from(*command).checked_sub(1)? + 1;
            result.extend_from_slice(instructions.get(at..end)?);
            at = end;
        } else {
            let mut number = |bits: Range<u32>| {
                let (mut number, first) = (0_usize, bits.start);
                for bit in bits {
                    if command & (1 << bit) != 0 {
                        number |= usize::from(*instructions.get(at)?) << (8 * (bit - first));
                        at += 1;
                    }
                }
                Some(number)
            };
            let from = number(0..4)?;
            let length = match number(4..7)? {
                0 => 0x1_0000,
                length => length,
            };
            match copies.last_mut() {
                // A long stretch comes in pieces of 64 KiB.
                Some(last) if last.end() == result.len() && last.from + last.length == from => last.length += length,
                Some(_) | None => copies.push(Copied { at: result.len(), from, length }),
            }
            result.extend_from_slice(base.get(from..from.checked_add(length)?)?);
        }
        // The caller reserved what the delta promises; more is a lie that would take memory without end.
        if result.len() > most {
            return None;
        }
    }
    Some(())
}

/// The parts of `text` within `reach` of anything that is not the base's, whole lines, in order and apart.
/// `base` is the length of the base.
pub(super) fn changed(text: &[u8], copies: &[Copied], base: usize, reach: usize) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut add = |part: Range<usize>| {
        let start = line_start(text, part.start.saturating_sub(reach));
        let end = line_end(text, part.end.saturating_add(reach));
        match parts.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            Some(_) | None => parts.push(start..end),
        }
    };
    let mut at = 0;
    for copied in copies {
        // A seam between two stretches is a change, too: what stood apart stands together now. So are the ends of the
        // text, unless the base begins or ends there as well.
        if at > 0 || copied.at > 0 || copied.from > 0 {
            add(at..copied.at);
        }
        at = copied.end();
    }
    let same_end = copies.last().is_some_and(|last| last.end() == text.len() && last.from + last.length == base);
    if !same_end {
        add(at..text.len());
    }
    parts
}

pub(super) fn line_start(text: &[u8], at: usize) -> usize {
    let before = text.get(..at.min(text.len())).unwrap_or_default();
    memchr::memrchr(b'\n', before).map_or(0, |end| end + 1)
}

pub(super) fn line_end(text: &[u8], at: usize) -> usize {
    let at = at.min(text.len());
    let after = text.get(at..).unwrap_or_default();
    memchr::memchr(b'\n', after).map_or(text.len(), |length| at + length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_copies_and_inserts() {
        let (mut result, mut copies) = (Vec::with_capacity(9), Vec::new());
        // Copy 3 bytes from 2, insert "XY", copy 4 bytes from 5.
        let delta = [0x91, 2, 3, 2, b'X', b'Y', 0x91, 5, 4];
        apply(b"abcdefghi", &delta, &mut result, &mut copies).unwrap();
        assert_eq!(result, b"cdeXYfghi");
        assert_eq!(copies, [Copied { at: 0, from: 2, length: 3 }, Copied { at: 5, from: 5, length: 4 }]);
    }

    #[test]
    fn a_lying_delta_builds_nothing() {
        let (mut result, mut copies) = (Vec::new(), Vec::new());
        for delta in [&[0x91, 2, 30][..], &[0], &[5, b'x'], &[0x91]] {
            assert_eq!(apply(b"abc", delta, &mut result, &mut copies), None, "{delta:?}");
            result.clear();
        }
        assert_eq!(sizes(&[0x80]), None);
        assert_eq!(sizes(&[0xff; 40]), None);
        assert_eq!(sizes(&[5, 0x81, 1, 9]), Some((5, 129, 3)));
    }

    #[test]
    fn what_lies_near_a_change_is_changed_by_whole_lines() {
        let text = b"one\ntwo\nthree\nfour\nfive\n";
        let copies = [Copied { at: 0, from: 0, length: 9 }, Copied { at: 11, from: 9, length: 13 }];
        assert_eq!(changed(text, &copies, 22, 0), std::slice::from_ref(&(8..14)));
        assert_eq!(changed(text, &copies, 22, 2), std::slice::from_ref(&(4..14)));
        assert_eq!(changed(text, &copies, 30, 2), [4..14, 19..24]);
        assert_eq!(changed(text, &[], 9, 0), std::slice::from_ref(&(0..24)));
    }
}
