//! Stand-ins for a value, and the wording of forms.

use super::super::shape::is_word;
use super::words::{STAND_INS, TRANSLATIONS, WHOLE};

/// Whether a value is the wording of a form in any language: `Passwort`, `Mot de passe oublié ?`, `Password:`.
pub(in super::super) fn is_wording(value: &str) -> bool {
    let lower = value.trim_matches(|letter: char| " :*.!?…".contains(letter)).to_lowercase();
    if TRANSLATIONS.contains(&lower.as_str()) {
        return true;
    }
    let letters = value.chars().filter(|letter| letter.is_alphabetic()).count();
    let foreign = value.chars().filter(|letter| letter.is_alphabetic() && u32::from(*letter) > 0x250).count();
    let scripts = foreign > 0;
    if foreign > 0 && foreign * 2 >= letters {
        return true;
    }
    let spaced = value.contains(' ') && value.chars().any(char::is_alphabetic);
    // Other scripts, and short phrases that begin with a capital or hold the word itself.
    let digits = value.bytes().any(|byte| byte.is_ascii_digit());
    scripts && !digits
        || spaced
            && !digits
            && (TRANSLATIONS.iter().any(|word| lower.contains(word)) || value.starts_with(char::is_uppercase))
        || is_word(value) && !value.is_ascii()
}

pub(super) fn is_placeholder(value: &str) -> bool {
    // The token that jwt.io shows every visitor: `{"sub":"1234567890"`.
    if value.starts_with("eyJ") && value.contains(".eyJzdWIiOiIxMjM0NTY3ODkw") {
        return true;
    }
    let lower = value.to_lowercase();
    if WHOLE.contains(&lower.as_str()) {
        return true;
    }
    // A long random value may hold any short word by chance; a stand-in word only counts where it is a good part of it.
    if STAND_INS.iter().any(|word| word.len() * 8 >= lower.len() && lower.contains(word)) {
        return true;
    }
    // `sk_test_xxx`: the form of a token, and nothing in it.
    if let Some((form, filled)) = value.rsplit_once(['_', '-'])
        && form.len() <= 12
        && form.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-'))
        && filled.len() >= 3
        && filled.bytes().all(|byte| matches!(byte, b'x' | b'X' | b'*' | b'.'))
    {
        return true;
    }
    if value.starts_with('<') && value.ends_with('>') || value.starts_with('[') && value.ends_with(']') {
        return true;
    }
    let mut letters = value.chars().filter(|letter| letter.is_alphanumeric());
    let Some(first) = letters.next() else { return true };
    // `xxxxxxxx`, `00000000`, and a prefix with a run behind it.
    letters.all(|letter| letter == first) || longest_run(value) * 3 > value.chars().count().max(9) || is_sequence(value)
}

fn longest_run(value: &str) -> usize {
    let (mut longest, mut run, mut previous) = (0, 0, None);
    for letter in value.chars() {
        run = if Some(letter) == previous { run + 1 } else { 1 };
        previous = Some(letter);
        longest = longest.max(run);
    }
    longest
}

/// `abcdefghijkl`, `1234567890123456`: made to fill a length. Short digits are what people choose (`123456`).
fn is_sequence(value: &str) -> bool {
    let steps = value.as_bytes().windows(2).filter(|pair| pair[1] == pair[0].wrapping_add(1)).count();
    value.len() >= 10 && steps * 10 >= value.len() * 7
}
