//! Questions about the target's own token, answered with facts and never with the value.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Question;
use crate::seen_as;
use crate::target::Target;

/// The token of the target. Nothing is sent for it.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct TokenAsk {}

/// What one value shows of its strength. One sample cannot prove randomness; it can only show signs of its absence.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct TokenFacts {
    /// Characters.
    pub length: u32,
    /// Characters of the smallest usual alphabet that holds them all: 10 digits, 16 hexadecimal, 26, 36, 52, 62, else 94.
    pub alphabet: u32,
    /// Different characters.
    pub distinct: u32,
    /// Whether it has letters of both cases and is more than hexadecimal digits, which may be written in either.
    #[serde(default)]
    pub mixed_case: bool,
    /// Where the whole is one piece over and over: the length of the piece.
    pub period: Option<u32>,
    /// Characters that lie in runs, sequences and words, or repeat what went before.
    pub predictable: u32,
    /// The signs of weakness that were found, each once, in this order.
    pub signs: BTreeSet<Sign>,
    /// Bits that guessing it takes at most: the unpredictable characters times what one of them can hold.
    pub bits: u32,
    /// Facts of its own where it is a JSON Web Token.
    pub jwt: Option<JwtFacts>,
    /// The keyed fingerprint of the value: `KEYID:HEX`.
    pub fingerprint: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// One piece over and over.
    Repetition,
    /// Sequences: `0123`, `abcd`, `qwer`, also backwards.
    Sequence,
    /// A word that stands where a value should: `changeme`, `your-token`.
    Placeholder,
    /// Common passwords and words make up a good part of it.
    Words,
    /// Very few different characters.
    FewCharacters,
}

/// A JSON Web Token's own facts (RFC 7519); nothing of its payload but these.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the token")]
pub struct JwtFacts {
    /// As the header says, bounded to 16 characters of a name.
    pub algorithm: String,
    /// Whether anything stands in the place of the signature.
    pub signed: bool,
    /// Seconds since 1970.
    pub issued: Option<i64>,
    pub expires: Option<i64>,
    pub has_audience: bool,
    pub has_issuer: bool,
    /// Whether a key from a small dictionary of weak keys made the signature.
    pub weak_key: bool,
}

impl Question for TokenAsk {
    seen_as!(Token => TokenFacts);

    fn ceiling(&self, _target: &Target) -> u32 {
        0
    }

    fn hosts(&self, _target: &Target) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn describe(&self) -> String {
        "facts about the target's token, never its value".into()
    }
}
