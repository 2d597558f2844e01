//! Token formats of services: a public prefix, and what follows it. Facts of the formats come from the providers' own
//! documentation and from the tokens they issue; the prefix alone is never a secret.

mod clouds;
mod code;
mod commerce;
mod messages;
mod models;
mod watching;

use crate::evidence::repo::Confidence;

/// The alphabets that token bodies are made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// `0-9`
    Digit,
    /// `0-9a-f`, or upper case
    Hex,
    /// `A-Z0-9`
    Upper,
    /// `A-Za-z0-9`
    Alnum,
    /// `A-Za-z0-9_-`
    Url,
    /// `A-Za-z0-9_.-`: several base64url segments
    Dotted,
    /// `A-Za-z0-9+/=`, and `_-`
    Base64,
    /// `A-Za-z0-9+/`
    Plain64,
    /// `A-Za-z0-9_.~-`: RFC 3986, section 2.3
    Unreserved,
}

impl Class {
    pub(super) fn holds(self, byte: u8) -> bool {
        match self {
            Self::Digit => byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-'),
            Self::Plain64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'),
            Self::Unreserved => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'~' | b'-'),
        }
    }
}

/// One piece of a token's body.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// So many characters of a class: at least, at most.
    Run(Class, usize, usize),
    /// A fixed separator.
    Fixed(&'static str),
}

/// One format.
#[derive(Debug)]
pub(super) struct Format {
    pub(super) id: &'static str,
    pub(super) what: &'static str,
    pub(super) prefix: &'static str,
    /// What may stand before the prefix and belongs to the token: so many characters of a class.
    pub(super) lead: Option<(Class, usize, usize)>,
    pub(super) body: &'static [Part],
    pub(super) confidence: Confidence,
}

const fn format(id: &'static str, what: &'static str, prefix: &'static str, body: &'static [Part]) -> Format {
    Format { id, what, prefix, lead: None, body, confidence: Confidence::High }
}

/// A format whose prefix is too short, or whose tokens are too public, to be sure.
const fn likely(id: &'static str, what: &'static str, prefix: &'static str, body: &'static [Part]) -> Format {
    Format { id, what, prefix, lead: None, body, confidence: Confidence::Medium }
}

/// A format whose fixed part stands in its midst or at its end.
const fn lead(
    id: &'static str,
    what: &'static str,
    prefix: &'static str,
    lead: (Class, usize, usize),
    body: &'static [Part],
) -> Format {
    Format { id, what, prefix, lead: Some(lead), body, confidence: Confidence::High }
}

use Class::Hex;
use Part::{Fixed, Run};

const UUID: &[Part] = &[
    Run(Hex, 8, 8),
    Fixed("-"),
    Run(Hex, 4, 4),
    Fixed("-"),
    Run(Hex, 4, 4),
    Fixed("-"),
    Run(Hex, 4, 4),
    Fixed("-"),
    Run(Hex, 12, 12),
];

const GROUPS: &[&[Format]] =
    &[clouds::FORMATS, code::FORMATS, models::FORMATS, commerce::FORMATS, messages::FORMATS, watching::FORMATS];

/// Every format.
pub(super) fn all() -> impl Iterator<Item = &'static Format> {
    GROUPS.iter().copied().flatten()
}
