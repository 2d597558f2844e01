//! Text in UTF-16 is read as what it says, whether or not it says that it is UTF-16.

/// UTF-16 text as UTF-8; `None` where it is none.
pub fn widen(text: &[u8]) -> Option<Vec<u8>> {
    let (little, rest) = match text {
        [0xff, 0xfe, rest @ ..] => (true, rest),
        [0xfe, 0xff, rest @ ..] => (false, rest),
        _ => (bare(text)?, text),
    };
    let units: Vec<u16> = rest
        .chunks_exact(2)
        .map(|pair| match pair {
            [first, second] if little => u16::from_le_bytes([*first, *second]),
            [first, second] => u16::from_be_bytes([*first, *second]),
            _ => 0,
        })
        .collect();
    Some(String::from_utf16_lossy(&units).into_bytes())
}

/// Whether [`widen`] takes it for UTF-16.
pub fn is_wide(text: &[u8]) -> bool {
    text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff]) || bare(text).is_some()
}

/// Without a byte order mark: every other byte of Western text is zero, and none of those between. Says whether the low
/// byte comes first.
fn bare(text: &[u8]) -> Option<bool> {
    let little = match text.get(..2)? {
        [0, 0] => return None,
        [0, _] => false,
        [_, 0] => true,
        _ => return None,
    };
    let start = text.get(..text.len().min(512))?;
    let (mut zeros, mut pairs) = (0, 0);
    for pair in start.chunks_exact(2) {
        let [first, second] = pair else { continue };
        let (low, high) = if little { (*first, *second) } else { (*second, *first) };
        pairs += 1;
        zeros += usize::from(high == 0);
        if low == 0 {
            return None;
        }
    }
    (pairs >= 4 && zeros * 10 >= pairs * 9).then_some(little)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_are_read_with_and_without_their_mark() {
        let text = "name = value\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [[&[0xff, 0xfe][..], &little].concat(), [&[0xfe, 0xff][..], &big].concat(), little, big] {
            assert!(is_wide(&bytes));
            assert_eq!(widen(&bytes).unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn other_bytes_are_left_as_they_are() {
        for bytes in
            [&b""[..], b"a", b"name = value", b"\0\0\x01\0\x02\0\0\0\0\0", b"\x7fELF\x02\x01\x01\0\0\0\0\0", b"a\0b\0"]
        {
            assert_eq!(widen(bytes), None, "{bytes:?}");
        }
    }
}
