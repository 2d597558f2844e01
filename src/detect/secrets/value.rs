//! Whether a value is a secret is decided on its name and itself together: neither alone is enough.

use crate::evidence::repo::ValueKind;

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

/// Words that make a name a secret's, as parts between separators and case changes.
const SECRET: &[&str] = &[
    "secret",
    "secrets",
    "token",
    "apikey",
    "apitoken",
    "apisecret",
    "accesskey",
    "privatekey",
    "secretkey",
    "authtoken",
    "accesstoken",
    "clientsecret",
    "bearer",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "sharedkey",
    "accountkey",
    "sessionsecret",
    "webhooksecret",
    "jwtsecret",
    "dsn",
];
const PASSWORD: &[&str] = &[
    "pgpass",
    "password",
    "passwd",
    "passwort",
    "pwd",
    "pass",
    "passphrase",
    "dbpass",
    "dbpassword",
    "userpass",
    "rootpassword",
];
const MAYBE: &[&str] =
    &["auth", "authorization", "credential", "credentials", "creds", "cred", "salt", "pat", "key", "cookie"];
/// Before `key`, these make it a secret's.
const KEY_OF: &[&str] = &[
    "api",
    "access",
    "secret",
    "private",
    "auth",
    "signing",
    "encryption",
    "encrypt",
    "master",
    "shared",
    "account",
    "storage",
    "service",
    "admin",
    "license",
    "app",
    "client",
    "session",
    "jwt",
    "hmac",
    "cookie",
    "deploy",
    "subscription",
];
/// A last word that makes it something about the secret rather than the secret.
const ABOUT: &[&str] = &[
    "url",
    "uri",
    "endpoint",
    "path",
    "file",
    "filename",
    "dir",
    "directory",
    "name",
    "names",
    "id",
    "ids",
    "type",
    "length",
    "len",
    "size",
    "count",
    "field",
    "fields",
    "header",
    "param",
    "parameter",
    "env",
    "ttl",
    "expiry",
    "expires",
    "expiration",
    "timeout",
    "age",
    "limit",
    "limits",
    "policy",
    "prompt",
    "label",
    "hint",
    "description",
    "placeholder",
    "regex",
    "pattern",
    "validator",
    "format",
    "algorithm",
    "alg",
    "rotation",
    "manager",
    "provider",
    "service",
    "store",
    "ref",
    "reference",
    "selector",
    "index",
    "prefix",
    "suffix",
    "scope",
    "scopes",
    "issuer",
    "audience",
    "enabled",
    "required",
    "disabled",
    "min",
    "max",
    "version",
    "status",
    "error",
    "message",
    "strategy",
    "mode",
    "method",
    "class",
    "usage",
    "usages",
    "host",
    "port",
    "user",
    "username",
    "address",
    "arn",
    "location",
    "source",
    "at",
    "on",
    "by",
    "in",
    "date",
    "time",
    "days",
    "confirmation",
    "strength",
    "reset",
    "changed",
    "fingerprint",
    "checksum",
    "budget",
    "tokenizer",
    "model",
    "test",
    "sha256",
];
/// A word that makes it public wherever it stands.
const PUBLIC: &[&str] = &[
    "public",
    "publishable",
    "pub",
    "csrf",
    "xsrf",
    "max",
    "num",
    "n",
    "total",
    "foreign",
    "primary",
    "cache",
    "sort",
    "partition",
    "primarykey",
    "usage",
];

/// What the name of an assignment says about its value.
pub(super) fn name_says(name: &str) -> NameSays {
    let words = words(name);
    let Some(last) = words.last() else { return NameSays::No };
    let is = |list: &[&str], word: &str| list.contains(&word);
    if is(ABOUT, last) || words.iter().any(|word| is(PUBLIC, word)) {
        return NameSays::No;
    }
    if words.iter().any(|word| is(PASSWORD, word)) {
        return NameSays::Password;
    }
    if words.iter().any(|word| is(SECRET, word)) {
        return NameSays::Secret;
    }
    let joined_key = words.windows(2).any(|pair| matches!(pair, [of, key] if key == "key" && is(KEY_OF, of)));
    if joined_key {
        return NameSays::Secret;
    }
    // `dbpassword`, `mysqlpwd`, `myapikey`: run together.
    if last.len() > 6 && ["password", "passwd", "passphrase"].iter().any(|end| last.ends_with(end)) {
        return NameSays::Password;
    }
    if ["secret", "token", "apikey", "secretkey", "accesskey", "privatekey"].iter().any(|end| last.ends_with(end)) {
        return NameSays::Secret;
    }
    if words.iter().any(|word| is(MAYBE, word)) { NameSays::Maybe } else { NameSays::No }
}

/// `dbPassword`, `DB_PASSWORD`, `db-password`, `db.password` are all `db`, `password`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut previous = ' ';
    for letter in name.chars() {
        let starts = letter.is_uppercase() && previous.is_lowercase();
        if (starts || !letter.is_alphanumeric()) && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        previous = letter;
    }
    words.retain(|word| !word.is_empty() && !word.bytes().all(|byte| byte.is_ascii_digit()));
    words
}

/// What a value looks like by itself; `Secret` means only that nothing speaks against it.
pub(super) fn looks(value: &str) -> ValueKind {
    let value = value.trim();
    if value.is_empty() {
        return ValueKind::Empty;
    }
    if is_reference(value) {
        return ValueKind::Reference;
    }
    if is_ciphertext(value) {
        return ValueKind::Ciphertext;
    }
    if is_placeholder(value) {
        return ValueKind::Placeholder;
    }
    if is_plain(value) {
        return ValueKind::Plain;
    }
    ValueKind::Secret
}

fn is_reference(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    const STARTS: &[&str] = &[
        "op://",
        "vault:",
        "ref+",
        "secretref:",
        "arn:aws:secretsmanager",
        "arn:aws:ssm",
        "projects/",
        "sm://",
        "gcpsm://",
        "awssm://",
        "keyvault:",
        "@microsoft.keyvault",
        "env:",
        "env(",
        "env.",
        "file:",
        "file://",
        "/run/secrets/",
        "ssm:",
        "process.env",
        "os.environ",
        "os.getenv",
        "getenv",
        "import.meta.env",
        "secrets.",
        "var.",
        "local.",
        "data.",
        "module.",
        "config.",
        "settings.",
        "self.",
        "this.",
        "req.",
        "request.",
        "props.",
        "args.",
        "options.",
        "params.",
        "!ref",
        "!sub",
        "!getatt",
        "!vault",
        "!secret",
        "!env",
        "!reference",
        "fn::",
        "std::env",
        "env!",
        "doppler://",
        "bao:",
        "%env(",
    ];
    if STARTS.iter().any(|start| lower.starts_with(start)) {
        return true;
    }
    let template = ["${", "$(", "{{", "<%", "#{", "%{", "@@"].iter().any(|mark| value.contains(mark));
    let shell = value.strip_prefix('$').is_some_and(|rest| {
        rest.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
            || rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'-') && rest.len() > 2
    });
    let windows = value.len() > 2
        && value.starts_with('%')
        && value.ends_with('%')
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'%' | b'_'));
    let braces = value.len() > 2 && value.starts_with('{') && value.ends_with('}') && !value.contains(['"', ' ', ':']);
    template || shell || windows || braces
}

/// Values that sops, dotenvx, ansible-vault, sealed secrets, SOPS' age and the like have encrypted.
pub(super) fn is_ciphertext(value: &str) -> bool {
    const STARTS: &[&str] =
        &["ENC[", "encrypted:", "$ANSIBLE_VAULT", "ENC(", "AgA", "-----BEGIN AGE ENCRYPTED", "-----BEGIN PGP MESSAGE"];
    STARTS.iter().any(|start| match *start {
        // A sealed secret is long; two letters of a password are not.
        "AgA" => value.starts_with("AgA") && value.len() > 300,
        start => value.starts_with(start),
    })
}

/// Words that people put where the real value goes.
const STAND_INS: &[&str] = &[
    "changeme",
    "change_me",
    "change-me",
    "change_this",
    "change-this",
    "changethis",
    "replaceme",
    "replace_me",
    "replace-me",
    "replace_with",
    "replace-with",
    "replace this",
    "placeholder",
    "your-",
    "your_",
    "<your",
    "yourpassword",
    "yoursecret",
    "yourtoken",
    "yourapikey",
    "your ",
    "my-secret-here",
    "_here",
    "-here",
    "insert",
    "fill",
    "todo",
    "tbd",
    "fixme",
    "dummy",
    "example",
    "sample",
    "redacted",
    "[masked]",
    "masked",
    "hidden",
    "removed",
    "not-a-real",
    "notarealsecret",
    "not_a_real",
    "not-real",
    "fake",
    "xxxx",
    "****",
    "....",
    "____",
    "----",
    "0000000",
    "1234567890abcdef",
    "abcdefghij",
    "abcdef0123456789",
    "0123456789abcdef",
    "deadbeef",
    "no-secret",
    "set-me",
    "set_me",
    "setme",
    "enter-",
    "enter_",
    "put-",
    "put_",
    "goes-here",
    "to-be-",
    "generate-",
    "generate_",
    "generated",
    "super-secret-value",
    "<secret",
    "<token",
    "<password",
    "<api",
];

/// What is a placeholder only as a whole.
const WHOLE: &[&str] = &[
    "none",
    "null",
    "nil",
    "undefined",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "empty",
    "unset",
    "default",
    "secret",
    "password",
    "passwd",
    "pass",
    "token",
    "key",
    "apikey",
    "api_key",
    "api-key",
    "test",
    "testing",
    "foo",
    "bar",
    "baz",
    "foobar",
    "string",
    "value",
    "str",
    "text",
    "optional",
    "required",
    "unknown",
    "n/a",
    "na",
    "...",
    "…",
    "user",
    "username",
    "bearer",
    "basic",
    "auth",
    "hash",
    "my-secret",
    "mysecret",
    "my_secret",
    "my-token",
    "my-password",
    "mypassword",
    "some-secret",
    "some-token",
    "some_token",
    "asdf",
    "some-password",
    "hunter2",
    "s3cret",
    "s3cr3t",
    "pa55word",
    "p@ssw0rd",
    "passw0rd",
    "password123",
    "password1",
    "secret123",
    "credentials",
    "authorization",
    "x-api-key",
    "access_token",
    "refresh_token",
    "client_secret",
    "id_token",
    "private_key",
    "pwd",
];

fn is_placeholder(value: &str) -> bool {
    let lower = value.to_lowercase();
    if WHOLE.contains(&lower.as_str()) {
        return true;
    }
    // A long random value may hold any short word by chance; a stand-in word only counts where it is a good part of it.
    if STAND_INS.iter().any(|word| lower.contains(word) && word.len() * 10 >= lower.len()) {
        return true;
    }
    if value.starts_with('<') && value.ends_with('>') || value.starts_with('[') && value.ends_with(']') {
        return true;
    }
    let mut letters = value.chars().filter(|letter| letter.is_alphanumeric());
    let Some(first) = letters.next() else { return true };
    // `xxxxxxxx`, `00000000`, and a prefix with a run behind it.
    letters.all(|letter| letter == first) || longest_run(value) * 3 > value.chars().count().max(9)
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

/// Numbers, versions, paths, addresses without credentials, sentences, identifiers.
fn is_plain(value: &str) -> bool {
    let bytes = value.as_bytes();
    if bytes.len() < 4 {
        return true;
    }
    if bytes.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b':' | b'-' | b'_'))
        && bytes.len() < 12
    {
        return true;
    }
    if let Some((scheme, rest)) = value.split_once("://")
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    {
        // Credentials in a URL are found by the URL rule.
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        return !authority.contains('@') || !authority.split('@').next().unwrap_or_default().contains(':');
    }
    let path = value.starts_with('/') || value.starts_with("./") || value.starts_with("../") || value.starts_with("~/");
    if path && !value.contains(['+', '=']) && value.matches('/').count() * 14 >= value.len() {
        return true;
    }
    // A dotted or scoped name: `user.password`, `com.example.Secret`, `Foo::bar`.
    let dotted = value.contains('.') || value.contains("::");
    if dotted
        && value.split(['.', ':']).all(|part| {
            part.is_empty()
                || part.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'(' | b')'))
        })
    {
        return true;
    }
    if value.contains(' ') && value.contains(['(', ')', '{', '}', ';']) {
        return true;
    }
    if value.contains(' ') && value.split_whitespace().count() > 2 {
        return true;
    }
    value.contains('(') && value.ends_with(')')
        || value.ends_with("();")
        || value.starts_with("sha256:")
        || value.starts_with("sha512-")
}

/// Hashes are worth protecting, but they are not the secret.
pub(super) fn is_password_hash(value: &str) -> bool {
    const STARTS: &[&str] = &[
        "$2a$",
        "$2b$",
        "$2y$",
        "$argon2",
        "$scrypt$",
        "$5$",
        "$6$",
        "$y$",
        "$apr1$",
        "pbkdf2",
        "{SHA",
        "{SSHA",
        "scrypt:",
        "SCRAM-SHA-256$",
    ];
    STARTS.iter().any(|start| value.starts_with(start))
}

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
    if length < 12 || value.contains(' ') {
        return false;
    }
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let upper = value.bytes().filter(u8::is_ascii_uppercase).count();
    let lower = value.bytes().filter(u8::is_ascii_lowercase).count();
    let kinds = [digits, upper, lower].iter().filter(|count| **count > 0).count();
    let bits = entropy(value);
    // Hexadecimal holds at most 4 bits a character, random alphanumerics of 20 characters about 4.
    let hexadecimal = value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if hexadecimal { digits > 1 && length >= 16 && bits > 2.8 } else { kinds >= 2 && digits + upper > 1 && bits > 3.2 }
}

/// Words joined by separators, with at most a short number: the name of a thing (`CLIENT_TRAFFIC_SECRET_0`), made up for a
/// test (`watertight-test-token-0042`), or a passphrase, which only a password's name makes one.
pub(super) fn is_wordy(value: &str) -> bool {
    let mut parts = 0;
    let wordy = value.split(['_', '-', '.', '/', ' ', ':', '\\']).filter(|part| !part.is_empty()).all(|part| {
        parts += 1;
        let number = part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
        let same_case = part.bytes().skip(1).all(|byte| byte.is_ascii_lowercase())
            || part.bytes().all(|byte| byte.is_ascii_uppercase());
        number || part.bytes().all(|byte| byte.is_ascii_alphabetic()) && same_case
    });
    wordy && parts > 1
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_hold() {
        for name in
            ["DB_PASSWORD", "dbPassword", "db.password", "spring.datasource.password", "PGPASS", "mysqlpassword"]
        {
            assert_eq!(name_says(name), NameSays::Password, "{name}");
        }
        for name in
            ["API_KEY", "apiKey", "client-secret", "aws_secret_access_key", "MCP_TOKEN", "jwtSecret", "githubToken"]
        {
            assert_eq!(name_says(name), NameSays::Secret, "{name}");
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
        ] {
            assert_eq!(name_says(name), NameSays::No, "{name}");
        }
    }

    #[test]
    fn values_that_are_no_secret_are_told_by_their_kind() {
        for value in ["changeme", "<your key>", "xxxxxxxxxxxx", "your-api-key-here", "********", "password"] {
            assert_eq!(looks(value), ValueKind::Placeholder, "{value}");
        }
        for value in
            ["${DB_PASSWORD}", "$DB_PASSWORD", "{{ .Values.key }}", "op://vault/item", "process.env.KEY", "%SECRET%"]
        {
            assert_eq!(looks(value), ValueKind::Reference, "{value}");
        }
        for value in ["5432", "https://example.org/x", "./certs/server", "user.password", "please enter your name"] {
            assert_ne!(looks(value), ValueKind::Secret, "{value}");
        }
        assert_eq!(looks("encrypted:BGhX9zQ"), ValueKind::Ciphertext);
        assert_eq!(looks("tr0ub4dor&3-Zebra"), ValueKind::Secret);
    }

    #[test]
    fn generated_values_differ_from_words() {
        assert!(is_random("k9Zq2Lw8Xc4Vb7Nm1Td5"));
        assert!(!is_random("configuration-manager"));
        assert!(is_password_like("Winter2031!"));
        assert!(!is_password_like("winter"));
    }
}
