//! Signs that a value is not random. A pure function of the value.

use std::collections::BTreeSet;

use crate::evidence::token::{Sign, TokenFacts};

/// Stand-ins for a value; one of them anywhere is a sign. Long enough not to come about by chance: six given letters at
/// one of 40 places of a random base64 text are there once in ten million.
const PLACEHOLDERS: &[&str] = &[
    "changeme",
    "change-me",
    "change_me",
    "change-this",
    "change_this",
    "changethis",
    "placeholder",
    "example",
    "replace-me",
    "replace_me",
    "replaceme",
    "replace-with",
    "replace_with",
    "your-token",
    "your_token",
    "yourtoken",
    "your-secret",
    "your_secret",
    "yoursecret",
    "your-api",
    "your_api",
    "your-key",
    "your_key",
    "insert-",
    "insert_",
    "dummy-",
    "dummy_",
    "goes-here",
    "goes_here",
    "goeshere",
    "not-a-secret",
    "notasecret",
    "supersecret",
    "super-secret",
    "super_secret",
    "deadbeef",
    "cafebabe",
    "foobar",
    "correcthorse",
    "correct-horse",
    "lorem-ipsum",
    "xxxxxxxx",
];

/// Words of common passwords and of names for secrets, at least four letters each.
const WORDS: &[&str] = &[
    "password",
    "passwort",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "bearer",
    "admin",
    "administrator",
    "root",
    "user",
    "guest",
    "login",
    "welcome",
    "letmein",
    "default",
    "master",
    "dragon",
    "monkey",
    "shadow",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "batman",
    "trustno1",
    "iloveyou",
    "hello",
    "world",
    "test",
    "testing",
    "demo",
    "sample",
    "dummy",
    "fake",
    "temp",
    "local",
    "localhost",
    "development",
    "staging",
    "production",
    "prod",
    "server",
    "client",
    "service",
    "internal",
    "public",
    "private",
    "access",
    "auth",
    "api-key",
    "apikey",
    "my-key",
    "mykey",
    "this-is",
    "thisis",
    "that",
    "with",
    "long",
    "very",
    "really",
    "random",
    "string",
    "secure",
    "security",
    "strong",
    "value",
    "here",
    "please",
    "company",
    "acme",
    "correct",
    "horse",
    "battery",
    "staple",
    "spring",
    "summer",
    "autumn",
    "winter",
    "january",
    "monday",
    "2020",
    "2021",
    "2022",
    "2023",
    "2024",
    "2025",
    "2026",
];

/// Rows in which neighbours are a sequence, forwards and backwards.
const ROWS: &[&str] = &[
    "01234567890",
    "0123456789abcdef0123456789abcdef",
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1q2w3e4r5t6y7u8i9o0p",
];

/// Neighbours that make a sequence: in random hexadecimal text, four in a row come about once in 500 places.
const SEQUENCE: usize = 4;
/// The same character so often in a row is a run.
const RUN: usize = 4;
/// Fewer different characters than this are a sign in a value of [`FEW_FROM`] or more: random decimal digits of that length
/// show so few once in a million values, every larger alphabet more rarely still.
const FEW: usize = 6;
const FEW_FROM: usize = 24;

pub(super) fn facts(token: &str) -> TokenFacts {
    let characters: Vec<char> = token.chars().collect();
    let lower: Vec<char> = characters.iter().map(char::to_ascii_lowercase).collect();
    let length = characters.len();
    let distinct = characters.iter().collect::<BTreeSet<_>>().len();
    let mut signs = BTreeSet::new();
    let mut predictable = vec![false; length];

    let period = period(&characters);
    if let Some(period) = period {
        signs.insert(Sign::Repetition);
        predictable.iter_mut().skip(period).for_each(|known| *known = true);
    }
    let runs = mark_runs(&lower, &mut predictable);
    if runs * 2 >= length {
        signs.insert(Sign::Repetition);
    }
    let sequences = mark_sequences(&lower, &mut predictable);
    if sequences.longest >= 8 || sequences.covered * 3 >= length {
        signs.insert(Sign::Sequence);
    }
    let text: String = lower.iter().collect();
    if PLACEHOLDERS.iter().any(|word| text.contains(word)) {
        signs.insert(Sign::Placeholder);
    }
    mark_words(PLACEHOLDERS, &lower, &mut predictable);
    let words = mark_words(WORDS, &lower, &mut predictable);
    if words * 2 >= length {
        signs.insert(Sign::Words);
    }
    if length >= FEW_FROM && distinct < FEW {
        signs.insert(Sign::FewCharacters);
    }

    let predictable = predictable.into_iter().filter(|known| *known).count();
    let alphabet = alphabet(&characters);
    TokenFacts {
        length: count(length),
        alphabet,
        distinct: count(distinct),
        mixed_case: is_mixed_case(&characters),
        period: period.map(count),
        predictable: count(predictable),
        bits: bits(length - predictable, alphabet),
        signs,
        jwt: None,
        fingerprint: None,
    }
}

fn is_mixed_case(characters: &[char]) -> bool {
    let any = |of: fn(&char) -> bool| characters.iter().any(of);
    let plain = |character: &char| character.is_ascii_hexdigit() || *character == '-';
    any(char::is_ascii_lowercase) && any(char::is_ascii_uppercase) && !characters.iter().all(plain)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Bits in so many characters of an alphabet, rounded down: log2 in hundredths, so that no float is needed.
fn bits(characters: usize, alphabet: u32) -> u32 {
    let hundredths = match alphabet {
        0 | 1 => 0,
        2..=10 => 332,
        11..=16 => 400,
        17..=26 => 470,
        27..=36 => 516,
        37..=52 => 570,
        53..=62 => 595,
        _ => 600,
    };
    count(characters).saturating_mul(hundredths) / 100
}

fn alphabet(characters: &[char]) -> u32 {
    let any = |of: fn(&char) -> bool| characters.iter().any(of);
    let all_hex = characters.iter().all(char::is_ascii_hexdigit);
    let (digits, lower, upper) =
        (any(char::is_ascii_digit), any(char::is_ascii_lowercase), any(char::is_ascii_uppercase));
    let symbols = any(|character| !character.is_ascii_alphanumeric());
    match (digits, lower, upper, symbols) {
        (false, false, false, false) => 0,
        (_, _, _, true) => 94,
        (true, false, false, false) => 10,
        (_, true, false, false) | (_, false, true, false) if all_hex => 16,
        (false, true, false, false) | (false, false, true, false) => 26,
        (true, true, false, false) | (true, false, true, false) => 36,
        (false, true, true, false) => 52,
        (true, true, true, false) => 62,
    }
}

/// The shortest piece that the whole repeats at least twice.
fn period(characters: &[char]) -> Option<usize> {
    (1..=characters.len() / 2)
        .find(|&piece| characters.iter().zip(characters.iter().skip(piece)).all(|(here, there)| here == there))
}

/// Marks runs of one character, and says how many characters lie in them.
fn mark_runs(characters: &[char], predictable: &mut [bool]) -> usize {
    let mut covered = 0;
    let mut start = 0;
    while let Some(first) = characters.get(start) {
        let run = characters.iter().skip(start).take_while(|character| *character == first).count();
        if run >= RUN {
            covered += run;
            predictable.iter_mut().skip(start).take(run).for_each(|known| *known = true);
        }
        start += run;
    }
    covered
}

struct Sequences {
    longest: usize,
    covered: usize,
}

fn mark_sequences(characters: &[char], predictable: &mut [bool]) -> Sequences {
    let rows: Vec<Vec<char>> =
        ROWS.iter().flat_map(|row| [row.chars().collect(), row.chars().rev().collect::<Vec<_>>()]).collect();
    let mut found = Sequences { longest: 0, covered: 0 };
    let mut start = 0;
    while start < characters.len() {
        let rest = characters.get(start..).unwrap_or_default();
        let longest = rows.iter().map(|row| along(rest, row)).max().unwrap_or(0);
        if longest >= SEQUENCE {
            found.longest = found.longest.max(longest);
            found.covered += longest;
            predictable.iter_mut().skip(start).take(longest).for_each(|known| *known = true);
            start += longest;
        } else {
            start += 1;
        }
    }
    found
}

/// How many characters of `rest` follow the row from where its first one stands.
fn along(rest: &[char], row: &[char]) -> usize {
    let starts = row.iter().enumerate().filter(|(_, character)| rest.first() == Some(character));
    starts
        .map(|(at, _)| rest.iter().zip(row.iter().skip(at)).take_while(|(here, there)| here == there).count())
        .max()
        .unwrap_or(0)
}

/// Marks every place of every word, and says how many characters lie in them.
fn mark_words(words: &[&str], characters: &[char], predictable: &mut [bool]) -> usize {
    let mut covered = vec![false; characters.len()];
    for word in words {
        let word: Vec<char> = word.chars().collect();
        for (at, window) in characters.windows(word.len()).enumerate() {
            if window == word.as_slice() {
                covered.iter_mut().skip(at).take(word.len()).for_each(|known| *known = true);
            }
        }
    }
    for (known, word) in predictable.iter_mut().zip(&covered) {
        *known |= *word;
    }
    covered.into_iter().filter(|known| *known).count()
}

#[cfg(test)]
mod tests;
