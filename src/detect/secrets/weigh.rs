//! A name and a value are weighed together: neither alone is enough.

use std::ops::Range;

use super::calls::account_of;
use super::name::{NameSays, name_says, words};
use super::place::{Form, Syntax};
use super::shape::{
    entropy, is_hex, is_password_like, is_random, is_readable, is_strong_choice, is_uuid, is_word, is_wordy, kinds,
};
use super::value::{
    fallback, is_ciphertext, is_dressed_up, is_passphrase, is_password_hash, is_shipped, is_stored_hash, is_wording,
    looks,
};
use super::{Hit, Reading, bounded};
use crate::evidence::repo::{Confidence, ValueKind};

/// A name and its value, as a reader saw them.
#[derive(Clone, Debug)]
pub(super) struct Pair<'a> {
    pub(super) name: &'a str,
    /// The name of what encloses it: the object, the section, the element.
    pub(super) around: &'a str,
    /// Without the file's own escapes.
    pub(super) value: &'a str,
    /// The bytes of the value in the text.
    pub(super) span: Range<usize>,
    pub(super) quoted: bool,
    /// The place itself holds secrets (a Secret of Kubernetes, the password column of a user table).
    pub(super) store: bool,
    /// The name of a user stands beside it, as only whoever logs in writes it.
    pub(super) user: bool,
}

impl<'a> Pair<'a> {
    pub(super) fn new(name: &'a str, around: &'a str, value: &'a str, span: Range<usize>, quoted: bool) -> Self {
        Self { name, around, value, span, quoted, store: false, user: false }
    }
}

/// Where the pairs of one file go, with what the file itself says.
pub(super) struct Scale<'a> {
    pub(super) form: Form,
    pub(super) translation: bool,
    /// Where keywords stand in the text, in order; `None` where that is not known.
    keywords: Option<&'a [usize]>,
    pub(super) hits: &'a mut Vec<Hit>,
}

impl<'a> Scale<'a> {
    pub(super) fn new(reading: Reading, keywords: &'a [usize], hits: &'a mut Vec<Hit>) -> Self {
        Self { form: reading.form, translation: reading.translation, keywords: Some(keywords), hits }
    }

    /// For a value that was decoded: lines of a form of its own.
    pub(super) fn inner(hits: &'a mut Vec<Hit>) -> Self {
        Self { form: Form::Lines, translation: false, keywords: None, hits }
    }

    /// Whether a keyword may stand in this part of the text.
    pub(super) fn mentions(&self, span: &Range<usize>) -> bool {
        self.keywords.is_none_or(|keywords| {
            let next = keywords.partition_point(|at| *at < span.start);
            keywords.get(next).is_some_and(|at| *at < span.end)
        })
    }

    /// Weighs a pair as its file's own syntax writes them.
    pub(super) fn pair(&mut self, pair: &Pair<'_>) {
        self.pair_as(self.form.syntax(), pair);
    }

    pub(super) fn pair_as(&mut self, syntax: Syntax, pair: &Pair<'_>) {
        let says = name_says(pair.name, pair.around);
        let says = if pair.store && says < NameSays::Secret { stored(says, pair) } else { says };
        if says == NameSays::No {
            if is_login(pair.name)
                && pair.span.len() == pair.value.len()
                && let Some(length) = account_of(pair.value)
                && let Some(value) = pair.value.get(length..)
            {
                // `ftp_login = user:…`
                let span = pair.span.start + length..pair.span.end;
                self.pair_as(
                    syntax,
                    &Pair { user: true, ..Pair::new("password", pair.name, value, span, pair.quoted) },
                );
            }
            return;
        }
        let (at, value) = strip_scheme(pair.value.trim());
        // What stands behind `Bearer` is a token, whatever its header is called.
        let says = if at > 0 && says == NameSays::Maybe { NameSays::Secret } else { says };
        // The span shrinks with the value where no escape stands between them.
        let lead = pair.value.len() - pair.value.trim_start().len() + at;
        let exact = pair.span.len() == pair.value.len();
        let mut span =
            if exact { pair.span.start + lead..pair.span.start + lead + value.len() } else { pair.span.clone() };
        let mut value = value;
        if let Some(default) = fallback(value) {
            let shift = value.len() - 1 - default.len();
            if exact {
                span = span.start + shift..span.start + shift + default.len();
            }
            value = default;
        }
        let Some((anywhere, in_fixture)) = self.decide(syntax, says, pair, value) else { return };
        let password = says == NameSays::Password;
        let (rule, what) = if password { ("password", "password") } else { ("secret-assignment", "secret value") };
        let hint = format!("{} characters", value.chars().count());
        let hit = Hit::new(rule, what.into(), anywhere, span, hint);
        self.hits.push(Hit { in_fixture, name: Some(bounded(pair.name, 80)), ..hit });
    }

    /// The confidence in most places, and in tests and examples.
    fn decide(&self, syntax: Syntax, says: NameSays, pair: &Pair<'_>, value: &str) -> Option<(Confidence, Confidence)> {
        let phrase = is_phrase(pair.name, value);
        let spoken = !phrase && !self.translation && self.is_spoken(syntax, says, pair, value);
        let digits = value.len() >= 4 && value.bytes().all(|byte| byte.is_ascii_digit());
        match looks(value) {
            ValueKind::Secret => {}
            // People choose dates and other digits as passwords; few other values of that name are numbers.
            // `Flamingo.Tanz` where a secret must stand is no member of a class.
            ValueKind::Plain
                if (pair.store || syntax == Syntax::Shell) && says == NameSays::Password && is_joined_words(value) => {}
            ValueKind::Plain if phrase || spoken || digits && says == NameSays::Password && value.len() >= 5 => {}
            ValueKind::Plain
            | ValueKind::Empty
            | ValueKind::Placeholder
            | ValueKind::Reference
            | ValueKind::Ciphertext => {
                return None;
            }
        }
        if is_ciphertext(value) || value.len() > 2000 || is_echo(pair, value) {
            return None;
        }
        if pair.store && is_stored_hash(value) {
            return Some((Confidence::Medium, Confidence::Low));
        }
        if is_password_hash(value) {
            return Some((Confidence::Low, Confidence::Low));
        }
        if phrase {
            return Some((Confidence::Medium, Confidence::Medium));
        }
        if spoken {
            let settings = matches!(syntax, Syntax::Config | Syntax::Shell);
            return Some((Confidence::Medium, if settings { Confidence::Medium } else { Confidence::Low }));
        }
        if self.translation && !is_random(value) && !(pair.user && is_password_like(value)) {
            return None;
        }
        let worth = self.worth(syntax, says, pair, value)?;
        // What tests and examples call a password is made up, unless it is stronger than anybody makes up.
        let random = is_random(value) && !is_wordy(value);
        let made_up = if random {
            0
        } else if is_strong_choice(value) {
            if matches!(syntax, Syntax::Config | Syntax::Shell) || value.len() >= 12 { 0 } else { 10 }
        } else {
            25
        };
        let confidence = |worth: i32| if worth >= 50 { Confidence::Medium } else { Confidence::Low };
        Some((confidence(worth), confidence(worth - made_up)))
    }

    /// From 0 to 100; 50 is where name and value agree.
    fn worth(&self, syntax: Syntax, says: NameSays, pair: &Pair<'_>, value: &str) -> Option<i32> {
        let settings = matches!(syntax, Syntax::Config | Syntax::Shell);
        // A column or a role's clause holds no wording but the word for it.
        let wording = is_wording(value) && !(pair.store && is_word(value) && !is_wording(&unaccented(value)));
        let spoken = says == NameSays::Secret && is_signing_phrase(pair, value);
        if wording && (!settings || is_word(value)) {
            return None;
        }
        if value.contains(' ')
            && !spoken
            && !is_passphrase(value)
            && !is_random(value)
            && (!settings || !pair.quoted && wording)
        {
            return None;
        }
        let random = is_random(value) && !is_wordy(value);
        let strong = random || is_strong_choice(value);
        let own = own_words(pair.name, value);
        let mut worth: i32 = match says {
            NameSays::No => return None,
            NameSays::Password => {
                if strong {
                    75
                } else if is_password_like(value) && !is_identifier(value) {
                    60
                } else if pair.user && is_word(value) && value.len() >= 5 && !own && !is_dressed_up(value) {
                    55
                } else if settings {
                    if value.contains(' ') && wording { 35 } else { 55 }
                } else if is_word(value) {
                    let small = value.len() >= 6 && value.bytes().all(|byte| byte.is_ascii_lowercase());
                    let of_account = is_account(pair.name) && !is_shipped(value) && value.is_ascii();
                    if pair.quoted && (small || of_account) { 50 } else { 35 }
                } else if is_passphrase(&value.replace(['-', '_', '.'], " ")) {
                    60
                } else if is_account(pair.name) && !own && value.len() >= 8 && pair.quoted {
                    50
                } else {
                    40
                }
            }
            NameSays::Secret => {
                if random && is_uuid(value) {
                    if settings { 60 } else { 52 }
                } else if random {
                    75
                } else if is_strong_choice(value) && value.len() >= 10 {
                    if settings { 65 } else { 55 }
                } else if is_passphrase(&value.replace(['-', '_', '.'], " ")) && value.len() >= 16 && settings {
                    50
                } else if settings && self.is_flat() && value.len() >= 8 && !is_identifier(value) {
                    55
                } else if settings && is_password_like(value) && value.len() >= 8 && !is_wordy(value) {
                    52
                } else if is_password_like(value) && value.len() >= 10 && !is_wordy(value) && !is_identifier(value)
                    || is_signing_phrase(pair, value)
                {
                    50
                } else {
                    30
                }
            }
            NameSays::Maybe => {
                let mixed = random && !is_uuid(value) && (!is_hex(value) || value.len() >= 32 && self.is_flat());
                if mixed && value.len() >= 20 && entropy(value) > 3.7 || pair.store && random {
                    55
                } else if random && pair.quoted && is_hex(value) && is_key_of(pair.name) && value.len() == 32 {
                    50
                } else if settings
                    && is_strong_choice(value)
                    && is_credential(pair.name)
                    && value.chars().any(|letter| letter.is_ascii_punctuation() && !"/_-.[]=:%".contains(letter))
                    && !value.contains(['/', '='])
                {
                    52
                } else {
                    25
                }
            }
        };
        if own && !strong {
            worth -= 20;
        }
        if is_shipped(value) {
            worth -= 30;
        }
        if !settings && is_dressed_up(value) {
            worth -= if says == NameSays::Password && syntax == Syntax::Code { 10 } else { 20 };
        }
        // Text without quotes is mostly prose.
        let chosen = says == NameSays::Password && is_password_like(value) && kinds(value) >= 2;
        if syntax == Syntax::Text && !(pair.quoted || strong || chosen) {
            return None;
        }
        Some(worth)
    }

    /// Words that somebody speaks to themselves: `signing.password=Gipfelbuch im Regen`, `passphrase = "Linie 11 …"`.
    fn is_spoken(&self, syntax: Syntax, says: NameSays, pair: &Pair<'_>, value: &str) -> bool {
        let own = words(pair.name);
        let parts: Vec<&str> = value.split(' ').collect();
        if !(2..=9).contains(&parts.len()) || !(10..=80).contains(&value.len()) || !is_speech(&parts) {
            return false;
        }
        let small = parts.iter().all(|part| part.len() >= 4 && part.bytes().all(|byte| byte.is_ascii_lowercase()));
        let last = own.last().map_or("", String::as_str);
        let settings = matches!(syntax, Syntax::Config | Syntax::Shell);
        match says {
            NameSays::Password => {
                last == "passphrase" && (pair.quoted || settings)
                    || parts.len() >= 3 && (settings && self.is_flat() || pair.user)
            }
            NameSays::Secret => {
                parts.len() >= 3
                    && (pair.quoted || settings)
                    && (small && last == "secret" || parts.len() >= 4 && is_signer(&own))
            }
            NameSays::Maybe | NameSays::No => false,
        }
    }

    /// Files of assignments alone: a word there is a value, not the name of a thing.
    fn is_flat(&self) -> bool {
        matches!(self.form, Form::Env | Form::Lines | Form::Conf | Form::Shell | Form::Make)
    }
}

/// In a store of secrets even a name that says nothing holds one, if the value was generated.
fn stored(says: NameSays, pair: &Pair<'_>) -> NameSays {
    let words = words(pair.name);
    let plain = words.last().is_some_and(|last| {
        [
            "user",
            "username",
            "host",
            "hostname",
            "port",
            "url",
            "database",
            "name",
            "id",
            "namespace",
            "crt",
            "ca",
            "region",
            "email",
        ]
        .contains(&last.as_str())
    });
    if plain { says } else { NameSays::Maybe.max(says) }
}

/// `mnemonic: twelve words`, `passphrase: some small words`.
fn is_phrase(name: &str, value: &str) -> bool {
    let words_of_name = words(name);
    let named = |word: &str| words_of_name.iter().any(|own| own == word);
    let count = value.split_whitespace().count();
    let small =
        value.split_whitespace().all(|word| word.len() >= 3 && word.bytes().all(|byte| byte.is_ascii_lowercase()));
    small && (matches!(count, 12 | 15 | 18 | 21 | 24) && (named("mnemonic") || named("seed") || named("phrase")))
        || is_passphrase(value) && words_of_name.iter().any(|word| word.starts_with("pass"))
}

/// Words without signs, none of which speaks of passwords, forms or errors.
fn is_speech(parts: &[&str]) -> bool {
    const ABOUT: &[&str] = &[
        "password",
        "passphrase",
        "passwort",
        "kennwort",
        "contraseña",
        "clave",
        "passe",
        "secret",
        "key",
        "keys",
        "token",
        "tokens",
        "credential",
        "credentials",
        "please",
        "enter",
        "type",
        "ask",
        "contact",
        "see",
        "use",
        "used",
        "using",
        "must",
        "should",
        "can",
        "cannot",
        "required",
        "requires",
        "invalid",
        "incorrect",
        "wrong",
        "missing",
        "not",
        "no",
        "none",
        "empty",
        "changed",
        "change",
        "default",
        "forgot",
        "forgotten",
        "reset",
        "confirm",
        "repeat",
        "new",
        "old",
        "user",
        "username",
        "login",
        "admin",
        "administrator",
        "account",
        "stored",
        "generated",
        "generate",
        "vault",
        "file",
        "environment",
        "variable",
        "optional",
        "example",
        "encrypted",
        "encryption",
        "protected",
        "length",
        "characters",
        "prompt",
        "match",
        "matches",
        "expired",
        "failed",
        "failure",
        "error",
        "bitte",
        "eingeben",
        "falsch",
        "ungültig",
        "saisir",
        "votre",
        "your",
        "set",
        "value",
        "here",
        "test",
        "testing",
        "some",
        "dummy",
        "fake",
        "string",
        "unknown",
        "same",
        "as",
        "above",
        "below",
        "will",
        "be",
        "for",
        "if",
        "when",
        "to",
        "has",
        "have",
        "are",
        "does",
        "with",
        "from",
        "provided",
        "given",
        "only",
        "hash",
        "hashed",
        "api",
        "auth",
        "authentication",
        "at",
        "least",
        "and",
        "or",
    ];
    parts.iter().all(|part| {
        !part.is_empty() && part.chars().all(char::is_alphanumeric) && !ABOUT.contains(&part.to_lowercase().as_str())
    }) && parts.iter().filter(|part| part.chars().count() >= 2).count() >= 2
        && !parts.iter().all(|part| part.len() <= 3)
}

/// `ftp_login`, `smtp_account`: who it is, and by which password.
fn is_login(name: &str) -> bool {
    ["login", "account", "userinfo", "userpass", "userpwd"].iter().any(|end| {
        name.len()
            .checked_sub(end.len())
            .and_then(|at| name.get(at..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    })
}

/// `weatherKey`, `tiles_key`: the key of something, in a word of its own.
fn is_key_of(name: &str) -> bool {
    let own = words(name);
    own.len() >= 2 && own.last().is_some_and(|last| last == "key")
}

/// Two words with a dot between them, each with a capital.
fn is_joined_words(value: &str) -> bool {
    value.split('.').count() == 2
        && value.split('.').all(|part| part.len() >= 4 && part.bytes().all(|byte| byte.is_ascii_alphabetic()))
        && value.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Without the letters that ASCII does not have.
fn unaccented(value: &str) -> String {
    value.chars().map(|letter| if letter.is_ascii() { letter } else { 'x' }).collect()
}

/// `password: password`, `API_KEY=api_key`, `dbPassword: "db-password"`.
fn is_echo(pair: &Pair<'_>, value: &str) -> bool {
    let plain = |text: &str| {
        text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>()
    };
    let (name, written) = (plain(pair.name), plain(value));
    // `passKey = "passKey1"`
    let value = written.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let value = if value.len() + 2 >= written.len() { value } else { written.as_str() };
    !value.is_empty() && name.contains(value)
        || value.len() < name.len() + 4 && value.ends_with(&name) && value.bytes().all(|b| b.is_ascii_alphabetic())
}

/// The value is made of the words of its own name and other words of the trade: `github-token`, `db_credentials`.
fn own_words(name: &str, value: &str) -> bool {
    const TRADE: &[&str] = &[
        "secret",
        "secrets",
        "token",
        "tokens",
        "credential",
        "credentials",
        "creds",
        "key",
        "keys",
        "password",
        "passwords",
        "passwd",
        "auth",
        "cert",
        "certs",
        "tls",
        "login",
        "account",
        "api",
        "access",
        "pass",
        "field",
        "form",
        "input",
        "label",
    ];
    let own = words(name);
    let parts = words(value);
    is_readable(value)
        && parts.len() > 1
        && value.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_' | b'.' | b'/'))
        && parts.iter().any(|part| TRADE.contains(&part.as_str()) || own.contains(part))
}

/// A name that says whose password it is: forms and their texts have none of `dbPassword`.
fn is_account(name: &str) -> bool {
    const ACCOUNTS: &[&str] = &[
        "db",
        "database",
        "admin",
        "root",
        "mysql",
        "postgres",
        "pg",
        "redis",
        "mongo",
        "smtp",
        "imap",
        "mail",
        "ftp",
        "sftp",
        "ssh",
        "ldap",
        "wifi",
        "keystore",
        "truststore",
        "store",
        "rabbitmq",
        "sa",
        "backup",
        "deploy",
        "service",
        "svc",
        "master",
        "sudo",
        "proxy",
        "mqtt",
        "jdbc",
        "sql",
        "elastic",
        "kafka",
        "amqp",
        "api",
        "ap",
        "vpn",
        "bind",
        "ansible",
    ];
    words(name).iter().any(|word| ACCOUNTS.contains(&word.as_str()))
}

/// `credentials` at the end of a name.
fn is_credential(name: &str) -> bool {
    words(name).last().is_some_and(|last| matches!(last.as_str(), "credential" | "credentials" | "creds" | "cred"))
}

/// Small words that people sign sessions and tokens with: `jwt_secret: lighthouse-keeper`.
fn is_signing_phrase(pair: &Pair<'_>, value: &str) -> bool {
    const NOT: &[&str] = &[
        "the", "and", "for", "not", "your", "this", "that", "with", "from", "must", "name", "value", "secret", "key",
        "token", "password", "session", "cookie", "auth", "jwt", "missing", "invalid", "required", "test", "default",
        "app",
    ];
    let own = words(pair.name);
    let parts: Vec<&str> = value.split([' ', '-', '_']).collect();
    (is_signer(&own) || ends_as_secret(&own) && signs(&words(pair.around)))
        && value.len() >= 12
        && parts.len() >= 2
        && parts
            .iter()
            .all(|part| part.len() >= 3 && part.bytes().all(|byte| byte.is_ascii_lowercase()) && !NOT.contains(part))
}

/// A name of what signs: `jwt_secret`, `SigningKey`.
fn is_signer(own: &[String]) -> bool {
    ends_as_secret(own) && signs(own)
}

fn ends_as_secret(own: &[String]) -> bool {
    own.last().is_some_and(|last| matches!(last.as_str(), "secret" | "key" | "salt" | "pepper"))
}

fn signs(words: &[String]) -> bool {
    const SIGNERS: &[&str] = &[
        "jwt",
        "session",
        "cookie",
        "signing",
        "hmac",
        "encryption",
        "encrypt",
        "webhook",
        "master",
        "flask",
        "django",
    ];
    words.iter().any(|word| SIGNERS.contains(&word.as_str()))
}

/// A name as code gives them: `accessToken`, `X-Api-Key`, `oauth2`, `user_id_1`.
fn is_identifier(value: &str) -> bool {
    let camel = value.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && value.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && is_readable(value)
        && value.bytes().skip(1).any(|byte| byte.is_ascii_uppercase())
        && !value.bytes().any(|byte| byte.is_ascii_digit());
    let header = value.starts_with("X-") || value.starts_with("x-");
    camel || header
}

/// `Bearer abc` and `Basic abc` are `abc`.
pub(super) fn strip_scheme(value: &str) -> (usize, &str) {
    for scheme in ["Bearer ", "bearer ", "Basic ", "token ", "Token ", "ApiKey ", "base64:"] {
        if let Some(rest) = value.strip_prefix(scheme) {
            return (scheme.len(), rest);
        }
    }
    (0, value)
}
