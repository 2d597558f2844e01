//! DER, cut into its elements and put together (X.690 section 8.1); nothing here reads past what there is.

/// One element: tag, contents, and the whole of it as encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    pub(super) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// The first element, and what follows it. Tags of one byte, lengths of up to four.
    fn first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&tag, rest) = bytes.split_first()?;
        let (&length, rest) = rest.split_first()?;
        let (length, rest) = match length {
            0..=0x7f => (usize::from(length), rest),
            0x81..=0x84 => {
                let (number, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
                (number.iter().fold(0, |number, byte| (number << 8) | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (content, rest) = rest.split_at_checked(length)?;
        Some((Self { tag, content, whole: bytes.get(..bytes.len() - rest.len())? }, rest))
    }

    /// The one element that `bytes` are.
    pub(super) fn only(bytes: &'a [u8]) -> Option<Self> {
        Self::first(bytes).filter(|(_, rest)| rest.is_empty()).map(|(element, _)| element)
    }
}

/// Every element, in order.
pub(super) fn contents(mut bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut elements = Vec::new();
    while !bytes.is_empty() {
        let (element, rest) = Element::first(bytes)?;
        elements.push(element);
        bytes = rest;
    }
    Some(elements)
}

/// An element of this tag around `content`.
pub(super) fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut whole = vec![tag];
    match (content.len(), u8::try_from(significant.len())) {
        (0..=0x7f, _) => whole.extend(u8::try_from(content.len())),
        (_, Ok(bytes)) => {
            whole.push(0x80 | bytes);
            whole.extend(significant);
        }
        (_, Err(_)) => {}
    }
    whole.extend_from_slice(content);
    whole
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_put_together_is_cut_alike(tag in 0u8..0x1f, content in prop::collection::vec(any::<u8>(), 0..70_000)) {
            let whole = wrap(tag, &content);
            let element = Element::only(&whole).unwrap();
            prop_assert_eq!((element.tag, element.content, element.whole), (tag, &content[..], &whole[..]));
            prop_assert!(Element::only(&whole[..whole.len() - 1]).is_none());
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = contents(&bytes);
        }
    }
}
