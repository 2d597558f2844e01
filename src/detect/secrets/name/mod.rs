//! What the name of an assignment says about its value.

mod words;

use std::cell::RefCell;
use std::collections::HashMap;

use words::{ABOUT, KEY_OF, MAYBE, PASS_OF, PASSWORD, PUBLIC, SECRET, SHOWN_KEY};

/// How much a name says that its value is secret.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum NameSays {
    /// `port`, `token_url`, `public_key`.
    No,
    /// `auth`, `credential`, `salt`: half the time.
    Maybe,
    Secret,
    /// People choose these values, so that even a short and simple one is real.
    Password,
}

/// Names that are remembered at most, by each thread; and the longest one that is.
const MOST_KNOWN: usize = 8192;
const LONGEST_KNOWN: usize = 64;

thread_local! {
    /// Files name the same things over and over.
    static KNOWN: RefCell<HashMap<Box<str>, NameSays>> = RefCell::default();
}

/// What the name of an assignment says about its value. `around` is the name of what encloses it, where it has one.
pub(super) fn name_says(name: &str, around: &str) -> NameSays {
    // Of a plain `key`, numbered or not, what encloses it decides.
    let letters = name.trim_end_matches(|letter: char| !letter.is_ascii_alphabetic());
    let is_key =
        letters.len().checked_sub(3).and_then(|at| letters.get(at..)).is_none_or(|end| end.eq_ignore_ascii_case("key"));
    if name.len() > LONGEST_KNOWN || is_key {
        return says(name, around);
    }
    KNOWN.with_borrow_mut(|known| {
        if let Some(known) = known.get(name) {
            return *known;
        }
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        let said = says(name, around);
        known.insert(name.into(), said);
        said
    })
}

fn says(name: &str, around: &str) -> NameSays {
    // A sentence is a text to be translated, not a name.
    if name.len() > 100 || name.matches(' ').count() > 3 {
        return NameSays::No;
    }
    let own = words(name);
    // `password_confirmation: '…'` holds the same once more.
    let own = match own.as_slice() {
        [first @ .., last] if last == "confirmation" && first.iter().any(|word| PASSWORD.contains(&word.as_str())) => {
            first
        }
        own => own,
    };
    let Some(last) = own.last().map(String::as_str) else { return NameSays::No };
    let is = |list: &[&str], word: &str| list.contains(&word);
    if is(ABOUT, last)
        || own.iter().any(|word| is(PUBLIC, word) || word.starts_with("csrf") || word.starts_with("xsrf"))
    {
        return NameSays::No;
    }
    let before_last = own.len().checked_sub(2).and_then(|index| own.get(index)).map(String::as_str);
    if last == "pass" && before_last.is_some_and(|before| is(PASS_OF, before)) {
        return NameSays::No;
    }
    // `needless_pass_by_value`, `TLS_PSK_WITH_AES`: a way of doing it.
    let way = own.windows(2).any(|pair| match pair {
        [word, next] => {
            word == "pass"
                && matches!(
                    next.as_str(),
                    "by" | "through" | "thru" | "if" | "over" | "along" | "fail" | "rate" | "all"
                )
                || word == "psk" && next == "with"
        }
        _ => false,
    });
    if way {
        return NameSays::No;
    }
    if own.iter().any(|word| is(PASSWORD, word)) {
        return NameSays::Password;
    }
    if own.iter().any(|word| is(SECRET, word)) {
        // `tokenCount` is caught above; `tokens` alone counts them, `tokens: [..]` holds them.
        return if last == "tokens" && own.len() == 1 { NameSays::Maybe } else { NameSays::Secret };
    }
    // `dbpassword`, `mysqlpwd`, `myapikey`: run together.
    const ENDS: &[&str] = &["password", "passwd", "passphrase", "passwort"];
    if last.len() > 6 && ENDS.iter().any(|end| last.ends_with(end)) {
        return NameSays::Password;
    }
    if last.len() >= 5 && ["pass", "pwd"].iter().any(|end| last.ends_with(end)) && !is(NO_PASS, last) {
        return NameSays::Password;
    }
    if ["secret", "token", "apikey", "secretkey", "accesskey", "privatekey"].iter().any(|end| last.ends_with(end)) {
        return NameSays::Secret;
    }
    let key_of = |word: &str| is(KEY_OF, word);
    if last == "key" && before_last.is_some_and(|before| is(SHOWN_KEY, before)) {
        return NameSays::No;
    }
    if last == "key" {
        // `encryption: { key: … }` says it as `encryption_key` does.
        // `secretKeyRef: { key: … }` names an entry of a secret kept elsewhere.
        if before_last.is_none() && words(around).last().is_some_and(|word| is(ABOUT, word)) {
            return NameSays::No;
        }
        let of = before_last.map_or_else(|| words(around).pop(), |word| Some(word.to_owned()));
        return if of.as_deref().is_some_and(key_of) || before_last.is_none() && words(around).iter().any(|w| key_of(w))
        {
            NameSays::Secret
        } else {
            NameSays::Maybe
        };
    }
    if own.windows(2).any(|pair| matches!(pair, [of, key] if key == "key" && key_of(of))) {
        return NameSays::Secret;
    }
    if own.iter().any(|word| is(MAYBE, word)) { NameSays::Maybe } else { NameSays::No }
}

/// Words that end in `pass` or `pwd` and hold no password.
const NO_PASS: &[&str] = &[
    "onepass",
    "twopass",
    "singlepass",
    "lowpass",
    "highpass",
    "bandpass",
    "eccpwd",
    "bypass",
    "compass",
    "surpass",
    "trespass",
    "encompass",
    "overpass",
    "underpass",
    "multipass",
];

/// `dbPassword`, `DB_PASSWORD`, `db-password`, `db.password` are all `db`, `password`; `APIKey` is `api`, `key`.
pub(super) fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (index, letter) in letters.iter().enumerate() {
        let previous = index.checked_sub(1).and_then(|before| letters.get(before));
        let next = letters.get(index + 1);
        let hump = letter.is_uppercase()
            && previous.is_some_and(|previous| {
                previous.is_lowercase() || previous.is_uppercase() && next.is_some_and(|next| next.is_lowercase())
            });
        if (hump || !letter.is_alphanumeric()) && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    for word in &mut words {
        // `password1`, `token2` are numbered.
        let length = word.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
        if length > 2 && word.len() - length <= 2 {
            word.truncate(length);
        }
    }
    words.retain(|word| !word.is_empty() && !word.bytes().all(|byte| byte.is_ascii_digit()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(name: &str) -> NameSays {
        name_says(name, "")
    }

    #[test]
    fn a_name_is_remembered_apart_from_what_encloses_it() {
        for around in ["encryption", "columns", "stripe"] {
            for name in ["key", "key1", "key_2", "keys", "primaryKey", "token", "KEY", ""] {
                assert_eq!(name_says(name, around), super::says(name, around), "{name} in {around}");
                assert_eq!(name_says(name, around), super::says(name, around), "{name} in {around}, remembered");
            }
        }
    }

    #[test]
    fn names_say_what_they_hold() {
        for name in [
            "DB_PASSWORD",
            "dbPassword",
            "db.password",
            "spring.datasource.password",
            "PGPASS",
            "mysqlpassword",
            "smtpPass",
            "ftp_pw",
            "dbpwd",
            "WIFI_PSK",
            "password1",
        ] {
            assert_eq!(says(name), NameSays::Password, "{name}");
        }
        for name in [
            "API_KEY",
            "apiKey",
            "client-secret",
            "aws_secret_access_key",
            "MCP_TOKEN",
            "jwtSecret",
            "githubToken",
            "APIKey",
            "SharedAccessKey",
            "SECRET_KEY_BASE",
        ] {
            assert_eq!(says(name), NameSays::Secret, "{name}");
        }
        for name in [
            "PORT",
            "TOKEN_URL",
            "public_key",
            "password_file",
            "max_tokens",
            "secretName",
            "csrf_token",
            "token_type",
            "",
            "forgotPassword",
            "bypass",
            "existingSecret",
            "passwordHash",
            "first_pass",
        ] {
            assert_eq!(says(name), NameSays::No, "{name}");
        }
    }

    #[test]
    fn what_encloses_a_key_says_what_it_is_for() {
        assert_eq!(name_says("key", "encryption"), NameSays::Secret);
        assert_eq!(name_says("key", "stripe"), NameSays::Secret);
        assert_eq!(name_says("key", "columns"), NameSays::Maybe);
    }
}
