//! What a value is made of: generated characters, a password that somebody chose, or words.

/// Shannon entropy in bits a character.
pub(super) fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let total = f64::from(u32::try_from(value.len().max(1)).unwrap_or(u32::MAX));
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / total;
            -share * share.log2()
        })
        .sum()
}

/// Whether the value is mixed as generated ones are: random text of its length, not words.
pub(super) fn is_random(value: &str) -> bool {
    let length = value.len();
    if is_noise(value) {
        return true;
    }
    if length < 12 || value.contains(' ') || value.chars().filter(char::is_ascii).count() * 2 <= value.chars().count() {
        return false;
    }
    let bits = entropy(value);
    if is_hex(value) {
        let digits = value.bytes().filter(u8::is_ascii_digit).count();
        return digits > 1 && length >= 16 && bits > 2.8;
    }
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let upper = value.bytes().filter(u8::is_ascii_uppercase).count();
    let lower = value.bytes().filter(u8::is_ascii_lowercase).count();
    let kinds = [digits, upper, lower].iter().filter(|count| **count > 0).count();
    // Hexadecimal holds at most 4 bits a character, random alphanumerics of 20 characters about 4.
    kinds >= 2 && digits + upper > 1 && bits > 3.2 && !is_readable(value)
}

/// Long, and of every kind of character at once: keys and salts that a generator filled with signs and blanks.
pub(super) fn is_noise(value: &str) -> bool {
    value.len() >= 32
        && !value.contains('\n')
        && kinds(value) == 4
        && entropy(value) > 4.6
        && value.chars().filter(char::is_ascii_punctuation).count() * 8 >= value.len()
        && !is_readable(value)
        && value.split(' ').all(|part| part.len() > 20 || !is_word(part) || part.len() < 3)
}

/// `0-9a-f` in one case, `0x` and dashes aside.
pub(super) fn is_hex(value: &str) -> bool {
    let digits = value.strip_prefix("0x").unwrap_or(value);
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        && !(digits.bytes().any(|byte| byte.is_ascii_uppercase())
            && digits.bytes().any(|byte| byte.is_ascii_lowercase()))
}

/// `8-4-4-4-12` hexadecimal digits.
pub(super) fn is_uuid(value: &str) -> bool {
    let lengths: Vec<usize> = value.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Letters that often follow each letter inside words of European languages, `a` first. Two random letters are such a pair
/// about four times in ten, two letters of a word nine times in ten.
const FOLLOWERS: [&str; 26] = [
    "bcdgiklmnprstuvy",
    "aeilorsuy",
    "aehikloqrtu",
    "adeiorsuvg",
    "abcdefglmnoprstvwxy",
    "aefilortu",
    "aehilnorsu",
    "aeiortuy",
    "abcdefglmnoprstvz",
    "aou",
    "aeilnosy",
    "abdefiklmopstuvy",
    "abeimnopsuy",
    "acdefgiknostuvy",
    "abcdfgiklmnoprstuvw",
    "aehiloprstu",
    "u",
    "acdegiklmnorstuvy",
    "acehiklmopqstuwy",
    "aehiloprstuwy",
    "abcdegilmnprst",
    "aeiou",
    "aehinors",
    "aceipt",
    "aeilmnoprst",
    "aeioz",
];

/// Letter pairs inside words, and how many of them are usual. A capital after a small letter begins another word.
fn pairs(value: &str) -> (u32, u32) {
    let (mut all, mut usual) = (0, 0);
    for pair in value.as_bytes().windows(2) {
        let [first, second] = pair else { continue };
        if !first.is_ascii_alphabetic() || !second.is_ascii_alphabetic() {
            continue;
        }
        if first.is_ascii_lowercase() && second.is_ascii_uppercase() {
            continue;
        }
        all += 1;
        let followers = FOLLOWERS.get(usize::from(first.to_ascii_lowercase() - b'a')).copied().unwrap_or_default();
        usual += u32::from(followers.as_bytes().contains(&second.to_ascii_lowercase()));
    }
    (all, usual)
}

/// Whether most of the value reads as words: `getUserToken2`, `hunter2`, `CorrectHorse9`.
pub(super) fn is_readable(value: &str) -> bool {
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    let (all, usual) = pairs(value);
    // Words run on: a random mix of cases and digits has few pairs to a letter.
    let runs = usize::try_from(all).unwrap_or(usize::MAX) * 100 >= letters * 60;
    letters * 100 >= value.len() * 55 && all >= 3 && runs && usual * 100 >= all * 74
}

/// Words joined by separators, with at most a short number: the name of a thing (`CLIENT_TRAFFIC_SECRET_0`), made up for a
/// test (`watertight-test-token-0042`), or a passphrase, which only a password's name makes one.
pub(super) fn is_wordy(value: &str) -> bool {
    let mut parts = 0;
    let wordy = value.split(['_', '-', '.', '/', ' ', ':', '\\']).filter(|part| !part.is_empty()).all(|part| {
        parts += 1;
        // `waage1`, `topic12`
        let named = part.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let numbered = named.len() >= 4 && part.len() - named.len() <= 2 && part.contains(char::is_lowercase);
        let part = if numbered { named } else { part };
        let number = part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
        let same_case = part.bytes().skip(1).all(|byte| byte.is_ascii_lowercase())
            || part.bytes().all(|byte| byte.is_ascii_uppercase());
        // `k8s`, `v2`, `s3`
        let short = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        number || short || part.bytes().all(|byte| byte.is_ascii_alphabetic()) && same_case
    });
    wordy && parts > 1
}

/// Letters alone: `sunshine`, `Passwort`.
pub(super) fn is_word(value: &str) -> bool {
    !value.is_empty() && value.chars().all(char::is_alphabetic)
}

/// Whether a person may have chosen it as a password: letters with digits or signs, no plain word.
pub(super) fn is_password_like(value: &str) -> bool {
    let letters = value.chars().any(char::is_alphabetic);
    let digits = value.bytes().any(|byte| byte.is_ascii_digit());
    let signs = value
        .chars()
        .any(|letter| !letter.is_alphanumeric() && !letter.is_whitespace() && !matches!(letter, '_' | '-' | '.'));
    value.len() >= 6 && !value.contains(' ') && letters && (digits || signs)
}

/// Of small letters, capitals, digits and signs, how many kinds there are.
pub(super) fn kinds(value: &str) -> usize {
    [
        value.chars().any(char::is_lowercase),
        value.chars().any(char::is_uppercase),
        value.chars().any(|letter| letter.is_ascii_digit()),
        value.chars().any(|letter| !letter.is_alphanumeric()),
    ]
    .iter()
    .filter(|kind| **kind)
    .count()
}

/// Look-alike digits and signs as the letters they stand for: `p4$$w0rd` is `password`.
pub(super) fn plain_letters(value: &str) -> String {
    value
        .chars()
        .map(|letter| match letter {
            '0' => 'o',
            '1' | '!' => 'i',
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

/// A chosen password that is not built on the words which made-up ones are built on.
pub(super) fn is_strong_choice(value: &str) -> bool {
    const USUAL: &[&str] = &[
        "pass", "secret", "test", "user", "admin", "example", "sample", "demo", "dummy", "foo", "bar", "qwert",
        "letmein", "welcome", "change", "login", "token", "wrong", "invalid", "fake", "mock", "temp", "valid", "abc",
        "some",
    ];
    let letters = plain_letters(value);
    is_password_like(value)
        && value.len() >= 9
        && kinds(value) >= 3
        && !USUAL.iter().any(|word| letters.contains(word))
        && !value.contains("123")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_values_differ_from_words() {
        for value in ["k9Zq2Lw8Xc4Vb7Nm1Td5", "9f86d081884c7d65", "q8x2mzk4w7vb1nd5", "Zk3vQ9xW1bN7rT5yLmC2"] {
            assert!(is_random(value), "{value}");
        }
        for value in [
            "configuration-manager",
            "handleTokenRefreshError",
            "getUserById2",
            "X-Amz-Security-Token",
            "RS256withPublicKeyOnly",
            "userPasswordResetToken2",
        ] {
            assert!(!is_random(value), "{value}");
        }
    }

    #[test]
    fn chosen_passwords_differ_from_words() {
        assert!(is_password_like("Winter2031!"));
        assert!(!is_password_like("winter"));
        assert!(is_strong_choice("Kx9#mQ2vRt"));
        assert!(!is_strong_choice("P4ssw0rd!23"));
    }
}
