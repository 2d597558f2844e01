//! Text whose letters take two or four bytes is read as what it says, whether or not it says so, and wherever it begins.

/// UTF-16 or UTF-32 text as UTF-8; `None` where it is none.
pub fn widen(text: &[u8]) -> Option<Vec<u8>> {
    let (form, mark) = form(text)?;
    let rest = text.get(mark..)?;
    Some(if form.bytes == 4 {
        let letters = rest.chunks_exact(4).map(|four| {
            let four: [u8; 4] = four.try_into().unwrap_or_default();
            let code = if form.little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) };
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
        });
        letters.collect::<String>().into_bytes()
    } else {
        let units: Vec<u16> = rest
            .chunks_exact(2)
            .map(|two| {
                let two: [u8; 2] = two.try_into().unwrap_or_default();
                if form.little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) }
            })
            .collect();
        String::from_utf16_lossy(&units).into_bytes()
    })
}

/// Whether [`widen`] takes it for UTF-16 or UTF-32.
pub fn is_wide(text: &[u8]) -> bool {
    form(text).is_some()
}

/// A stretch of a text whose letters take another number of bytes than those around it.
pub(crate) struct Stretch {
    /// Where it begins.
    pub(crate) at: usize,
    pub(crate) text: Vec<u8>,
}

/// Letters of a stretch at least: every token has more.
const SHORTEST: usize = 12;

/// What `text` holds in letters of two and four bytes, and, where it begins as wide text, in single bytes. PowerShell adds
/// UTF-16 to files of ASCII; programs for Windows keep their strings in it.
pub(crate) fn stretches(text: &[u8]) -> Vec<Stretch> {
    let mut found = Vec::new();
    let mut at = 1;
    while let Some(zero) = text.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == 0)) {
        let start = at + zero - 1;
        at = start + 2;
        for step in [2, 4] {
            let run: Vec<u8> = (start..text.len())
                .step_by(step)
                .enumerate()
                // The last letter of a stretch that has its high bytes first is followed by something else.
                .take_while(|(count, place)| {
                    *count == 0
                        || text.get(place + 1 - step..*place).is_some_and(|gap| gap.iter().all(|byte| *byte == 0))
                })
                .map_while(|(_, place)| text.get(place).copied().filter(|byte| is_printable(*byte)))
                .collect();
            if run.len() >= SHORTEST {
                at = start + (run.len() - 1) * step + 1;
                found.push(Stretch { at: start, text: run });
                break;
            }
        }
    }
    if is_wide(text) {
        let mut at = 0;
        for run in text.split(|byte| !is_printable(*byte)) {
            if run.len() >= SHORTEST {
                found.push(Stretch { at, text: run.to_vec() });
            }
            at += run.len() + 1;
        }
    }
    found
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Form {
    /// Of one letter.
    bytes: usize,
    little: bool,
}

/// The form, and the bytes of its mark.
fn form(text: &[u8]) -> Option<(Form, usize)> {
    let wide = |little| Some((Form { bytes: 2, little }, 2));
    match text {
        [0xff, 0xfe, 0, 0, ..] => Some((Form { bytes: 4, little: true }, 4)),
        [0, 0, 0xfe, 0xff, ..] => Some((Form { bytes: 4, little: false }, 4)),
        // A mark that lies: what follows has single bytes.
        [0xff, 0xfe, rest @ ..] | [0xfe, 0xff, rest @ ..] if is_narrow(rest) => None,
        [0xff, 0xfe, ..] => wide(true),
        [0xfe, 0xff, ..] => wide(false),
        _ => Some((bare(text)?, 0)),
    }
}

/// Without a byte order mark: all bytes of a letter of Western text are zero but one, and that one never is.
fn bare(text: &[u8]) -> Option<Form> {
    let form = match text.get(..4)? {
        [0, 0, 0, _] => Form { bytes: 4, little: false },
        [_, 0, 0, 0] => Form { bytes: 4, little: true },
        [0, 0, ..] => return None,
        [0, ..] => Form { bytes: 2, little: false },
        [_, 0, ..] => Form { bytes: 2, little: true },
        _ => return None,
    };
    let start = text.get(..text.len().min(256 * form.bytes))?;
    let (mut zeros, mut letters) = (0, 0);
    for letter in start.chunks_exact(form.bytes) {
        let (low, high) = if form.little { letter.split_first()? } else { letter.split_last()? };
        letters += 1;
        zeros += usize::from(high.iter().all(|byte| *byte == 0));
        if *low == 0 {
            return None;
        }
    }
    (letters >= 4 && zeros * 10 >= letters * 9).then_some(form)
}

/// No zero at the beginning, and most of it printable.
fn is_narrow(text: &[u8]) -> bool {
    let start = text.get(..text.len().min(512)).unwrap_or_default();
    let printable = start.iter().filter(|byte| is_printable(**byte)).count();
    !start.is_empty() && !start.contains(&0) && printable * 8 >= start.len() * 7
}

/// `text` in letters of so many bytes, the low one first if `little`.
#[cfg(test)]
pub(crate) fn wide(text: &str, bytes: usize, little: bool) -> Vec<u8> {
    text.chars()
        .flat_map(|letter| {
            let mut letter = u32::from(letter).to_le_bytes()[..bytes].to_vec();
            if !little {
                letter.reverse();
            }
            letter
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_and_order_is_read_with_and_without_its_mark() {
        let text = "name = value\n";
        for bytes in [2, 4] {
            for little in [true, false] {
                let bare = wide(text, bytes, little);
                let marked = [wide("\u{feff}", bytes, little), bare.clone()].concat();
                for bytes in [bare, marked] {
                    assert!(is_wide(&bytes));
                    assert_eq!(widen(&bytes).unwrap(), text.as_bytes());
                }
            }
        }
    }

    #[test]
    fn other_bytes_are_left_as_they_are() {
        for bytes in [
            &b""[..],
            b"a",
            b"name = value",
            b"\0\0\x01\0\x02\0\0\0\0\0",
            b"\x7fELF\x02\x01\x01\0\0\0\0\0",
            b"a\0b\0",
            b"\xff\xfename = value",
        ] {
            assert_eq!(widen(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_stretch_of_another_width_is_found_wherever_it_begins() {
        let text = "a token of sorts";
        for bytes in [2, 4] {
            for little in [true, false] {
                for before in [&b"narrow"[..], b"\x01\x02\x03", b"\0", b""] {
                    let mixed = [before, &wide(text, bytes, little), b"\x05end"].concat();
                    let found = stretches(&mixed);
                    assert!(found.iter().any(|one| one.text.ends_with(text.as_bytes())), "{bytes} {little} {before:?}");
                }
            }
        }
        let mixed = [&wide(&"wide at first\n".repeat(40), 2, true)[..], text.as_bytes()].concat();
        assert!(stretches(&mixed).iter().any(|one| one.text.ends_with(text.as_bytes())));
        assert!(stretches(b"plain text and no more").is_empty());
        assert!(stretches(&[0; 4096]).is_empty());
    }
}
