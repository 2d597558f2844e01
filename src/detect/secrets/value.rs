//! What a value looks like by itself: a reference, a stand-in, plain data, ciphertext, or nothing that speaks against a secret.

pub(super) use super::ciphertext::is_ciphertext;
use super::shape::{is_hex, is_noise, is_word, plain_letters};
use crate::evidence::repo::ValueKind;

/// What a value looks like by itself; `Secret` means only that nothing speaks against it.
pub(super) fn looks(value: &str) -> ValueKind {
    let value = value.trim();
    if value.is_empty() {
        return ValueKind::Empty;
    }
    if is_noise(value) && !["://", "{{", "${", "<%"].iter().any(|mark| value.contains(mark)) {
        return ValueKind::Secret;
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

/// Beginnings of values that say where the secret is kept.
const KEPT_ELSEWHERE: &[&str] = &[
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
    "!join",
    "!importvalue",
    "fn::",
    "std::env",
    "env!",
    "doppler://",
    "bao:",
    "%env(",
    "resolve:ssm",
    "aws_secretsmanager",
    "secretsmanager:",
    "pass://",
    "keyring:",
    "context.",
    "event.",
    "state.",
    "ctx.",
    "$env:",
    "$this->",
    "$_",
    "lookup(",
    "conf.",
    "credentials.",
    "user.",
];

fn is_reference(value: &str) -> bool {
    let lower = value.get(..value.floor_char_boundary(32)).unwrap_or(value).to_ascii_lowercase();
    if KEPT_ELSEWHERE.iter().any(|start| lower.starts_with(start)) {
        return true;
    }
    let template = ["${", "$(", "{{", "<%", "#{", "%{", "@@", "$[["].iter().any(|mark| value.contains(mark));
    let shell = value.strip_prefix('$').is_some_and(|rest| {
        rest.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
            || rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'-') && rest.len() > 2
            || rest.contains("->")
            || rest.starts_with(|first: char| first.is_ascii_lowercase())
                && rest.bytes().any(|byte| byte.is_ascii_uppercase())
                && rest.bytes().all(|byte| byte.is_ascii_alphabetic())
            || rest.contains('.')
                && rest
                    .split('.')
                    .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_'))
    });
    let windows = value.len() > 2
        && value.starts_with('%')
        && value.ends_with('%')
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'%' | b'_'));
    let braces = value.len() > 2 && value.starts_with('{') && value.ends_with('}') && !value.contains(['"', ' ', ':']);
    let format = ["%s", "%v", "%q", "%d", "%@"].iter().any(|mark| value.contains(mark))
        || matches!(value, "{}" | "?" | "$1" | "$2")
        || value.starts_with("%(");
    template || shell || windows || braces || format
}

/// The value that stands in for a missing variable: `${NAME:-value}`, `${NAME:value}`, `${NAME-value}`.
pub(super) fn fallback(value: &str) -> Option<&str> {
    let inside = value.strip_prefix("${")?.strip_suffix('}')?;
    let end = inside.find(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | '.'))?;
    let rest = inside.get(end..)?;
    let default = rest.strip_prefix(":-").or_else(|| rest.strip_prefix([':', '-']))?;
    (end > 0 && !default.starts_with(['?', '+', '=']) && !default.contains(['{', '}', '$'])).then_some(default)
}

/// Words that people put where the real value goes.
const STAND_INS: &[&str] = &[
    "changeme",
    "change_me",
    "change-me",
    "change_this",
    "change-this",
    "changethis",
    "changeit",
    "change it",
    "change me",
    "replaceme",
    "replace_me",
    "replace-me",
    "replace_with",
    "replace-with",
    "replacewith",
    "replace this",
    "replace_this",
    "placeholder",
    "your-",
    "your_",
    "<your",
    "yourpassword",
    "yoursecret",
    "yourtoken",
    "yourapikey",
    "yourkey",
    "yourown",
    "yourdb",
    "yourstrong",
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
    "masked",
    "hidden",
    "removed",
    "not-a-real",
    "notarealsecret",
    "not_a_real",
    "not-real",
    "notreal",
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
    "goes_here",
    "to-be-",
    "generate-",
    "generate_",
    "generated",
    "super-secret-value",
    "<secret",
    "<token",
    "<password",
    "<api",
    "not-used",
    "notused",
    "unused",
    "same-as",
    "keep-empty",
    "supplied",
    "provided",
    "\u{2022}\u{2022}",
    "…",
    "obtain",
    "ask-",
    "see-",
    "in-vault",
    "from-env",
    "from_env",
    "do-not-use",
    "wjalrxutnfemi",
    "base64encoded",
    "base64-",
    "base64_",
    "optional",
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
    "credentials",
    "authorization",
    "x-api-key",
    "access_token",
    "refresh_token",
    "client_secret",
    "id_token",
    "private_key",
    "pwd",
    "varchar",
    "nvarchar",
    "integer",
    "number",
    "boolean",
    "object",
    "array",
    "bytes",
    "file",
    "env",
    "vault",
    "prompt",
    "ask",
    "input",
    "inherit",
    "manual",
    "random",
    "auto",
    "automatic",
    "disabled",
    "enabled",
    "invalid",
    "missing",
    "wrong",
    "wrong-password",
    "incorrect",
    "plain",
    "plaintext",
    "cleartext",
    "md5",
    "sha1",
    "sha256",
    "sha512",
    "bcrypt",
    "argon2",
    "scrypt",
    "pbkdf2",
    "aes",
    "hmac",
    "rsa",
    "ed25519",
    "jwt",
    "oauth",
    "oauth2",
    "saml",
    "ldap",
    "kerberos",
    "pam",
    "cookie",
    "cookies",
    "header",
    "query",
    "body",
    "session",
    "local",
    "form",
    "email",
    "login",
    "mypass",
    "mytoken",
    "mykey",
    "nopassword",
    "somesecret",
    "somepassword",
    "sometoken",
    "abc",
    "abcd",
    "abc123",
    "xyz",
    "qux",
    "new",
    "old",
    "current",
    "show",
    "hide",
    "confirm",
    "forgot",
    "reset",
    "update",
    "create",
    "delete",
    "submit",
    "keychain",
    "keyring",
    "external",
    "internal",
    "never",
    "always",
    "visible",
    "static",
    "dynamic",
    "public",
    "private",
    "protected",
    "internal",
    "self",
    "this",
    "it",
    "all",
    "any",
    "ok",
    "through",
    "fail",
    "failed",
    "error",
    "success",
    "valid",
    "skip",
    "short",
    "long",
    "strong",
    "weak",
    "medium",
    "pending",
    "verified",
    "expired",
    "active",
    "inactive",
    "new_password",
    "old_password",
    "user_password",
    "passphrase",
    "passcode",
];

/// What products ship with, and what every tutorial shows: no secret, but a fault of another kind.
const SHIPPED: &[&str] = &[
    "postgres",
    "root",
    "admin",
    "guest",
    "minioadmin",
    "rabbitmq",
    "mysql",
    "mariadb",
    "elastic",
    "mongo",
    "redis",
    "sa",
    "neo4j",
    "grafana",
    "tomcat",
    "oracle",
    "ubuntu",
    "pi",
    "raspberry",
    "vagrant",
    "docker",
    "demo",
    "keycloak",
    "nexus",
    "jenkins",
    "localhost",
    "scott",
    "tiger",
    "minio",
    "keyboard cat",
    "shhhh",
    "shhh",
    "shhhhh",
    "s3cr3t",
    "s3cret",
];

pub(super) fn is_shipped(value: &str) -> bool {
    SHIPPED.contains(&value.to_ascii_lowercase().as_str())
}

/// The word for password in other languages: a label of a form, not a password.
const TRANSLATIONS: &[&str] = &[
    "passwort",
    "kennwort",
    "contraseña",
    "contrasenya",
    "clave",
    "mot de passe",
    "senha",
    "palavra-passe",
    "wachtwoord",
    "lösenord",
    "adgangskode",
    "passord",
    "salasana",
    "hasło",
    "heslo",
    "jelszó",
    "parola",
    "parolă",
    "пароль",
    "парола",
    "парол",
    "parool",
    "slaptažodis",
    "lozinka",
    "geslo",
    "zaporka",
    "κωδικός",
    "şifre",
    "密码",
    "密碼",
    "口令",
    "パスワード",
    "암호",
    "비밀번호",
    "كلمة",
    "סיסמה",
    "mật khẩu",
    "kata sandi",
    "รหัสผ่าน",
    "पासवर्ड",
    "گذرواژه",
    "pasahitza",
    "lykilorð",
    "lozinku",
    "лозинка",
    "password",
    "schlüssel",
    "geheimnis",
    "jeton",
    "sleutel",
];

/// Whether a value is the wording of a form in any language: `Passwort`, `Mot de passe oublié ?`, `Password:`.
pub(super) fn is_wording(value: &str) -> bool {
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

fn is_placeholder(value: &str) -> bool {
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
    let drive =
        bytes.get(1) == Some(&b':') && matches!(bytes.get(2), Some(b'\\' | b'/')) && bytes[0].is_ascii_alphabetic();
    let path = drive || ["/", "./", "../", "~/"].iter().any(|start| value.starts_with(start));
    if path && !value.contains(['+', '=']) && value.matches(['/', '\\']).count() * 14 >= value.len() {
        return true;
    }
    is_version(value)
        || is_moment(value)
        || is_joint(value)
        || is_code(value)
        || is_address(value)
        || is_sentence(value)
        || value.starts_with("sha256:")
        || value.starts_with("sha512-")
}

/// `^2.6.0`, `>=1.2`, `v4.0.0-rc.1`: a version, or a range of them.
fn is_version(value: &str) -> bool {
    let number = value.trim_start_matches(['^', '~', '>', '<', '=', 'v', ' ']);
    let digits = number.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    number.starts_with(|first: char| first.is_ascii_digit())
        && number.get(..digits).is_some_and(|digits| digits.contains('.'))
        && (digits == number.len()
            || number.get(digits..).is_some_and(|rest| rest.starts_with(['-', '+', ' ', '|', ','])))
}

/// `2006-01-02T15:04:05Z`
fn is_moment(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.len() >= 19
        && bytes.get(..4).is_some_and(|year| year.iter().all(u8::is_ascii_digit))
        && bytes.get(4) == Some(&b'-')
        && bytes.get(7) == Some(&b'-')
        && matches!(bytes.get(10), Some(b'T' | b' '))
        && bytes.get(13) == Some(&b':')
}

/// The middle of a concatenation: `'.token().'`, `" + token + "`.
fn is_joint(value: &str) -> bool {
    let inner = value.trim();
    inner.starts_with(['\'', '"'])
        || inner.len() > 2
            && ["'.", "\" +", "' +", "'+", "\"+"]
                .iter()
                .any(|mark| inner.starts_with(mark) || inner.contains(mark) && inner.ends_with(['\'', '"']))
}

/// Names of things in code and markup: `user.password`, `Foo::bar`, `#password`, `input[name=pass]`, `get()`, `DB_PASSWORD`.
fn is_code(value: &str) -> bool {
    let dotted = value.contains('.') || value.contains("::");
    if dotted
        && value.split(['.', ':']).all(|part| {
            part.is_empty()
                || part.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'(' | b')'))
        })
    {
        return true;
    }
    let extension = value.rsplit_once('.').map_or("", |(_, extension)| extension);
    const FILES: &[&str] = &[
        "pem", "key", "crt", "cer", "txt", "json", "yml", "yaml", "js", "ts", "py", "php", "html", "xml", "jks", "p12",
        "pub", "conf", "env", "md", "svg", "png", "css", "java", "rb", "go",
    ];
    if FILES.contains(&extension) && !value.contains([' ', '!', '$', '#']) {
        return true;
    }
    // `DB_PASSWORD`, `GITHUB_TOKEN`: the name of a variable.
    let constant = value.contains('_')
        && value.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
        && value
            .split('_')
            .all(|part| part.is_empty() || part.bytes().filter(u8::is_ascii_digit).count() * 2 <= part.len());
    let call = value.contains('(') && (value.ends_with(')') || value.ends_with("();"));
    let selector = value.starts_with(['#', '.', '['])
        && value.bytes().skip(1).all(|byte| byte.is_ascii_lowercase() || b"-_]=[".contains(&byte))
        || value.contains("[name=")
        || value.starts_with("input[");
    let markup = value.starts_with('<') || value.contains("</") || value.contains("/>");
    let pattern = value.starts_with('^') && value.ends_with('$')
        || ["[a-z", "[A-Z", "\\d", "\\w", "(?", "[^", ".*"].iter().any(|part| value.contains(part));
    let code = value.contains(' ') && value.contains(['(', ')', '{', '}', ';', '=']);
    constant || call || selector || markup || pattern || code
}

/// E-mail addresses, host names, ARNs, MIME types.
fn is_address(value: &str) -> bool {
    let mail = value.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty()
            && host.contains('.')
            && !host.ends_with('.')
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
            && host
                .rsplit('.')
                .next()
                .is_some_and(|end| end.len() >= 2 && end.bytes().all(|byte| byte.is_ascii_lowercase()))
    });
    let mime = ["application/", "text/", "image/", "multipart/"].iter().any(|start| value.starts_with(start));
    mail || mime || value.starts_with("arn:") || value.starts_with("urn:") || value.starts_with("data:")
}

fn is_sentence(value: &str) -> bool {
    value.contains(' ') && value.split_whitespace().count() > 2 && !is_passphrase(value)
}

/// Four or more small words that make no sentence: `correct horse battery staple`.
pub(super) fn is_passphrase(value: &str) -> bool {
    const JOINTS: &[&str] = &[
        "a", "an", "and", "are", "as", "at", "be", "by", "can", "could", "do", "for", "from", "has", "have", "if",
        "in", "is", "it", "may", "must", "no", "not", "of", "on", "or", "please", "should", "that", "the", "then",
        "there", "this", "to", "used", "using", "was", "when", "which", "will", "with", "you", "your", "password",
        "token", "secret", "key", "enter", "la", "le", "de", "der", "die", "das", "und", "el", "los", "en", "ist",
        "für", "user", "set",
    ];
    let words: Vec<&str> = value.split(' ').collect();
    words.len() >= 4
        && words.iter().all(|word| word.len() >= 3 && word.bytes().all(|byte| byte.is_ascii_lowercase()))
        && !words.iter().any(|word| JOINTS.contains(word))
}

/// Hashes are worth protecting, but they are not the secret.
pub(super) fn is_password_hash(value: &str) -> bool {
    const STARTS: &[&str] = &[
        "$2a$",
        "$2b$",
        "$2y$",
        "$argon2",
        "$scrypt$",
        "$1$",
        "$5$",
        "$6$",
        "$7$",
        "$y$",
        "$P$",
        "$H$",
        "$S$",
        "$apr1$",
        "pbkdf2",
        "{SHA",
        "{SSHA",
        "{CRYPT}",
        "scrypt:",
        "SCRAM-SHA-256$",
        "sha1$",
        "bcrypt",
        "*",
    ];
    STARTS.iter().any(|start| {
        value.starts_with(start)
            && (*start != "*" || value.len() == 41 && value.bytes().skip(1).all(|byte| byte.is_ascii_hexdigit()))
    })
}

/// A password hash, or the bare hexadecimal digest of one.
pub(super) fn is_stored_hash(value: &str) -> bool {
    is_password_hash(value) || is_hex(value) && matches!(value.len(), 32 | 40 | 56 | 64 | 96 | 128)
}

/// `password123`, `P@ssw0rd`, `Secret1!`: the word itself, dressed up. Real in configuration, made up elsewhere.
pub(super) fn is_dressed_up(value: &str) -> bool {
    let letters = plain_letters(value);
    [
        "password", "passwd", "secret", "qwerty", "letmein", "hunter", "welcome", "admin", "test", "token", "pass",
        "abc", "foo", "user",
    ]
    .iter()
    .any(|word| letters.contains(word) && word.len() * 2 >= letters.len())
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for value in [
            "5432",
            "https://example.org/x",
            "./certs/server",
            "user.password",
            "please enter your name",
            "DB_PASSWORD",
            "#password",
            "me@mail.example.org",
            "server.key",
            "getToken()",
        ] {
            assert_ne!(looks(value), ValueKind::Secret, "{value}");
        }
        assert_eq!(looks("encrypted:BGhX9zQ"), ValueKind::Ciphertext);
        assert_eq!(looks("tr0ub4dor&3-Zebra"), ValueKind::Secret);
    }

    #[test]
    fn a_default_behind_a_variable_is_a_value() {
        assert_eq!(fallback("${DB_PASSWORD:-value}"), Some("value"));
        assert_eq!(fallback("${db.password:value}"), Some("value"));
        assert_eq!(fallback("${DB_PASSWORD:?missing}"), None);
        assert_eq!(fallback("${DB_PASSWORD}"), None);
    }

    #[test]
    fn wording_of_forms_is_no_password_in_any_language() {
        for value in ["Passwort", "Mot de passe oublié", "Пароль", "Password:", "Contraseña"] {
            assert!(is_wording(value), "{value}");
        }
        for value in ["Brighton19", "sunshine", "correct horse battery staple"] {
            assert!(!is_wording(value), "{value}");
        }
    }

    #[test]
    fn a_passphrase_is_no_sentence() {
        assert!(is_passphrase("correct horse battery staple"));
        assert!(!is_passphrase("must have at least eight characters"));
    }
}
